"""The results of one paper as a Hugging Face model index, the YAML that heads a model card.

https://huggingface.co/docs/hub/model-cards#evaluation-results
"""

from __future__ import annotations

import re
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
from huggingface_hub import EvalResult, ModelCardData

from tdm_ray.arxiv_ids import page_of
from tdm_ray.errors import InputError
from tdm_ray.storage import digest


def model_index(table: pa.Table, paper_id: str) -> str:
    """The YAML of a paper's entries that have a score; its model is the method that most of them name.

    Raises `InputError` where it has none."""
    entries = table.filter(
        pc.and_(pc.equal(table["paper_id"], paper_id), pc.is_valid(table["score"]))
    ).to_pylist()
    if not entries:
        raise InputError(
            f"{paper_id}: no entry with a score in these leaderboards; check the id, with its version"
        )
    url = page_of(paper_id)
    results = [
        EvalResult(
            task_type=_slug(row["task"]),
            task_name=row["task"],
            dataset_type=_slug(row["dataset"]),
            dataset_name=row["dataset"],
            metric_type=_slug(row["metric"]),
            metric_name=row["metric"],
            metric_value=row["score"],
            source_name="tdm_ray" if url else None,
            source_url=url,
        )
        for row in entries
    ]
    methods = Counter(row["method"] for row in entries if row["method"])
    name = methods.most_common(1)[0][0] if methods else entries[0]["title"] or paper_id
    return str(ModelCardData(model_name=name, eval_results=results).to_yaml()) + "\n"


def _slug(name: str) -> str:
    """The name as an identifier; names that would become one ("C", "C++", "C#", non-Latin ones) stay
    apart."""
    plain = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
    if re.fullmatch(r"[\w\s.()&,:/-]+", name, re.ASCII):
        return plain
    return f"{plain}-{digest([name.encode()])[:6]}".strip("-")
