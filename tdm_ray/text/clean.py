"""Clean text for tables: no NUL, no control characters, no lone surrogates, single spaces."""

import re

# C0/C1 controls but tab, newline and return; lone surrogates, which Arrow's UTF-8 strings cannot hold.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str | None) -> str:
    """`text` on one line, without unprintable characters; `None` reads as empty."""
    if not text:
        return ""
    return " ".join((text if text.isprintable() else _UNPRINTABLE.sub(" ", text)).split())


def printable(text: str) -> str:
    """`text` with its unprintable characters written out (`\\x1b`, `\\udce9`): two ids or paths stay two."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
