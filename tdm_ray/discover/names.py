"""Names of data sets and methods in a form by which spellings compare equal."""

from __future__ import annotations

import re

from tdm_ray.text.tokens import fold

_FILLER = re.compile(
    r"\b(?:the|data ?sets?|corpus|benchmarks?|challenge|database|test|val(?:idation)?|dev|train(?:ing)?"
    r"|sets?|to|re-?id)\b"
)


def plain(name: str) -> str:
    """A name without case, marks, splits and words such as "dataset"; "" where nothing is left."""
    return "".join(filter(str.isalnum, _FILLER.sub(" ", fold(name))))
