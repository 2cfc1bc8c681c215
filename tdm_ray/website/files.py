"""Write and remove the files of a site, in a folder or a bucket."""

from __future__ import annotations

import mimetypes
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import fsspec

from tdm_ray.storage import join

_TYPE = {"s3": "ContentType", "s3a": "ContentType", "gs": "content_type", "gcs": "content_type"}


@dataclass(frozen=True)
class Files:
    """Files below a folder or URL, named by paths relative to it."""

    out: str

    def write(self, pages: Iterable[tuple[str, str]]) -> list[tuple[str, bool]]:
        """Write pages (name, text); returns each name and whether it was written.

        In a folder, files that are already the same are not written. In a bucket all are, many at a time:
        comparing would cost as much as writing."""
        if "://" in self.out:
            return self._put({name: text.encode() for name, text in pages})
        return [(name, self._write(name, text.encode())) for name, text in pages]

    def _write(self, name: str, content: bytes) -> bool:
        path = join(os.path.expanduser(self.out), name)
        try:
            with open(path, "rb") as file:
                if file.read() == content:
                    return False
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return True

    def _put(self, pages: dict[str, bytes]) -> list[tuple[str, bool]]:
        """Write all pages with their content type; without it a bucket tells browsers "octet-stream"."""
        fs, root = fsspec.core.url_to_fs(self.out)
        by_type: dict[str, dict[str, bytes]] = defaultdict(dict)
        for name, content in pages.items():
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            by_type[kind][join(root, name)] = content
        option = _TYPE.get(self.out.split("://")[0])
        for kind, files in by_type.items():
            fs.pipe(files, **({option: kind} if option else {}))
        return [(name, True) for name in pages]

    def remove(self, names: Iterable[str]) -> int:
        """Remove pages; returns how many there were."""
        fs, root = fsspec.core.url_to_fs(self.out)
        there = [path for name in names if fs.exists(path := join(root, name))]
        if there:
            fs.rm(there)
        return len(there)
