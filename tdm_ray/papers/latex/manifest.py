"""arXiv's manifest of its bulk dump: size, number of items and MD5 of each tar.

See https://info.arxiv.org/help/bulk_data_s3.html"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from lxml import etree

from tdm_ray.errors import InputError
from tdm_ray.storage import open_file


@dataclass(frozen=True)
class Expected:
    """Size in bytes, number of items and MD5 (hex) of a tar."""

    size: int
    items: int
    md5: str

    def difference(self, size: int, items: int, md5: str) -> str | None:
        """What differs between the tar and its entry, in words; None where nothing does."""
        values = ((self.size, size, "bytes"), (self.items, items, "items"), (self.md5, md5, "md5"))
        return (
            ", ".join(f"{what} {actual}, not {want}" for want, actual, what in values if want != actual)
            or None
        )


def read_manifest(
    path: str, *, strict: bool = False, tell: Callable[[str], None] | None = None
) -> dict[str, Expected]:
    """The entries of a manifest by the name of the tar; one that lacks a size, a number of items or an MD5
    is passed over, so its tar is read unchecked. Raises `InputError` where it is no manifest, or `strict` and
    an entry lacks something.

    tell: is told how many entries were passed over."""
    try:
        with open_file(path) as file:
            root = etree.parse(file, etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
        files = root.findall("file")
        entries = {name: one for f in files for name, one in _entry(f)}
    except FileNotFoundError:
        raise InputError(f"{path}: no such manifest") from None
    except (etree.XMLSyntaxError, ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: not a manifest of arXiv's dump ({error}); fetch it again") from None
    if root.tag != "arXivSRC" or not entries:
        raise InputError(f"{path}: not a manifest of arXiv's dump (no <file> in <arXivSRC>)")
    if missing := len(files) - len(entries):
        said = (
            f"{path}: {missing:,} of {len(files):,} entries lack a name, a size, a number of items or an MD5"
        )
        if strict:
            raise InputError(f"{said}; mend them or fetch it again")
        if tell:
            tell(f"{said}; their tars are not checked")
    return entries


def _entry(entry: etree._Element) -> Iterator[tuple[str, Expected]]:
    with suppress(ValueError):
        yield PurePosixPath(_text(entry, "filename")).name, _expected(entry)


def _expected(entry: etree._Element) -> Expected:
    return Expected(int(_text(entry, "size")), int(_text(entry, "num_items")), _text(entry, "md5sum"))


def _text(entry: etree._Element, name: str) -> str:
    text: str | None = entry.findtext(name)
    if not text:
        raise ValueError(f"an entry without <{name}>")
    return text
