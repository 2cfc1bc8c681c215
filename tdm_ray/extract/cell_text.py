"""A number of a paper in words, as the cell model reads it: whose it is, its headers, itself, its caption."""

from __future__ import annotations

from tdm_ray.extract.candidates import PLACES, Candidates
from tdm_ray.extract.line_kinds import KINDS, CellKinds

_IN_COLUMN = PLACES.index("rank_in_column")
_HIGH = 0.85
_CAPTION_WORDS = 30
_WORDS_BESIDE = 25


def premise(candidates: Candidates, kinds: CellKinds, row: int) -> str:
    """The premise that a candidate makes, for example "own bold highest ; BERT (ours) ; SQuAD | F1 ; 93.2 ;
    Results on the test set"; of a number in running text "text ; 93.2 ; ..." with the words around it."""
    about = candidates.contexts[candidates.about[row]]
    printed = candidates.numbers[row].text
    if candidates.tables[row] < 0:
        return f"text ; {printed} ; {_around(about, printed)}"
    kind = KINDS[int(kinds.kinds[row].argmax())]
    marks = [kind, "bold" if candidates.bold[row] else "", _rank(candidates.places[row, _IN_COLUMN])]
    beside, above = (candidates.contexts[place[row]] for place in (candidates.beside, candidates.above))
    caption = " ".join(about.split()[:_CAPTION_WORDS])
    return f"{' '.join(filter(None, marks))} ; {beside} ; {above} ; {printed} ; {caption}"


def _rank(share: float) -> str:
    """Where a number stands among those of its column; `share` as of `PLACES`."""
    return "highest" if share > _HIGH else "lowest" if share < 1 - _HIGH else ""


def _around(sentence: str, printed: str) -> str:
    at = max(sentence.find(printed), 0)
    before = sentence[:at].split()[-_WORDS_BESIDE:]
    after = sentence[at:].split()[:_WORDS_BESIDE]
    return " ".join([*before, *after])
