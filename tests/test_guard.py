"""A paper that kills the process that works on it is given up after three deaths, by either engine, in any
stage."""

import subprocess
import sys

import pyarrow as pa

from tdm_ray.records import READINGS
from tdm_ray.run.guard import MAX_ATTEMPTS, Guard, Notes, guarded_read, note_of
from tdm_ray.store.tables import Store

DIES = """
import os, sys
from tdm_ray.papers import {module} as module
real = module.{name}
def deadly(*given, **named):
    texts = [x.encode() if isinstance(x, str) else x for x in given if isinstance(x, (str, bytes))]
    if any(b"POISON" in text for text in texts):
        os._exit(9)
    return real(*given, **named)
module.{name} = deadly
{more}
from tdm_ray.config import ScoreConfig
from tdm_ray.run.run import score_corpus
config = ScoreConfig(model=sys.argv[3], max_labels=2, threshold=0.5)
print(score_corpus(sys.argv[1], sys.argv[2], config, engine="local"))
"""


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_paper_that_kills_its_process_while_it_is_read(tiny_model, tmp_path):
    """The same command three times: two deaths more, then everything but the poison is scored."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in (("a", "Good."), ("b", "POISON."), ("c", "Good too.")):
        (folder / f"{name}.json").write_text(f'{{"paper_id": "{name}", "title": "T", "abstract": "{text}"}}')
    code = DIES.format(module="json_files", name="read_json_paper", more="")
    codes = []
    for _ in range(MAX_ATTEMPTS + 1):
        done = run(code, folder, tmp_path / "out", tiny_model)
        codes.append(done.returncode)
        if done.returncode == 0:
            break
    assert codes == [9, 9, 9, 0], done.stderr
    assert "papers in 3 = scored 2 + rejected 1 (1 crashed)" in done.stdout
    (row,) = Store(str(tmp_path / "out")).read("rejects").to_pylist()
    assert (row["reason"], row["location"].rsplit("/", 1)[-1]) == ("crashed", "b.json#0")


def test_a_block_is_taken_apart_after_a_death(tmp_path):
    rows = pa.table({"location": ["f#0", "f#1"], "reason": pa.nulls(2, pa.string())})
    calls = []

    def stage(table):
        calls.append(table["location"].to_pylist())
        return table

    guard = Guard(stage, "stage", rows.schema, str(tmp_path))
    assert guard(rows) == rows
    assert calls == [["f#0", "f#1"]]
    notes = Notes(f"{tmp_path}/stage")
    assert not list((tmp_path / "stage").iterdir())  # nothing died
    # As if a process had died of this block: its note is there.
    calls.clear()
    notes.write(note_of(["f#0", "f#1"]), 1)
    assert guard(rows) == rows
    assert calls == [["f#0"], ["f#1"]]


def test_items_of_a_split_are_read_one_by_one_after_a_death(tmp_path):
    seen = []

    def read(skip, begin):
        for item in ("f#0", "f#1"):
            if skip is None:
                seen.append(item)
            elif skip(item):
                seen.append(f"skipped {item}")
            else:
                begin(item)
                seen.append(f"alone {item}")
        yield READINGS.empty_table()

    list(guarded_read(read, "split", str(tmp_path)))
    assert seen == ["f#0", "f#1"]
    assert not list((tmp_path / "read").iterdir())
    notes = Notes(f"{tmp_path}/read")
    notes.write(note_of(["split"]), 1)
    notes.write(note_of(["f#1", "alone"]), MAX_ATTEMPTS - 1)  # two deaths of this item
    seen.clear()
    list(guarded_read(read, "split", str(tmp_path)))
    assert seen == ["alone f#0", "skipped f#1"]
