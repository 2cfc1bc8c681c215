"""DocTAET, the field's premise: Title, Abstract, Experimental set-up, and Tables of a paper.

Source: TDMS-IE (Hou et al., ACL 2019, section 4.1) and ORKG-TDM (Kabongo et al., ICADL 2021).
"""

from __future__ import annotations

import re

from tdm_ray.records import Paper
from tdm_ray.text.passages import column_headers, sentences

MAX_WORDS = 150
_SECTION = re.compile(r"experiment|evaluation|data\s?set", re.IGNORECASE)
_SENTENCE = re.compile(r"experiment|evaluation|evaluate|data\s?set|corpus|corpora", re.IGNORECASE)


def doctaet(paper: Paper) -> str:
    """Title, abstract, experimental set-up (150 words at most) and table information (150 words at most)."""
    return "\n".join(
        part for part in (paper.title, paper.abstract, experiments(paper), tables(paper)) if part
    )


def experiments(paper: Paper) -> str:
    """Sentences that speak of an experiment, evaluation, dataset or corpus, from sections named after one."""
    chosen = (s for sec in paper.sections if _SECTION.search(sec.heading) for s in sentences(sec.text))
    return _first_words(" ".join(s for s in chosen if _SENTENCE.search(s)))


def tables(paper: Paper) -> str:
    """Captions and column headers."""
    return _first_words(" ".join(" ".join([t.caption, *column_headers(t)]) for t in paper.tables))


def _first_words(text: str) -> str:
    return " ".join(text.split()[:MAX_WORDS])
