"""Training pairs: rules that hold for any gold, the original's cleaning and files, what is left out."""

import json
import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tdm_ray.arxiv_ids import base_id
from tdm_ray.config import DatasetConfig
from tdm_ray.errors import InputError, OutputError, TaxonomyError
from tdm_ray.training.dataset import create_dataset
from tdm_ray.training.examples import UNKNOWN, clean_context

LABELS = [f"Task {i % 3}#Set {i % 7}#Metric {i}" for i in range(30)]


def write(folder, gold, *, counts=9, text="We report results."):
    """A corpus of short papers, its annotations (paper id -> label numbers), and a taxonomy of `LABELS`."""
    folder = Path(folder)
    rows = [{"paper_id": p, "title": f"On {p}", "abstract": text, "sections": [], "tables": []} for p in gold]
    (folder / "papers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"{p}.pdf\t" + "$".join(f"{LABELS[i]}#{i}" for i in found) for p, found in gold.items()]
    (folder / "gold.tsv").write_text("\n".join(lines) + "\n")
    (folder / "taxonomy.tsv").write_text("".join(f"{label}\t{counts}\n" for label in LABELS))
    return (
        [str(folder / "papers.jsonl")],
        [str(folder / "gold.tsv")],
        str(folder / "taxonomy.tsv"),
        str(folder / "out"),
    )


def sides(out, config):
    return {
        (fold, side): pq.read_table(f"{out}/fold{fold}/{side}").to_pandas()
        for fold in range(1, config.folds + 1)
        for side in ("train", "test")
    }


def labels_of(paper, annotated):
    """What the paper and its other versions report, as rows write it."""
    same = [found for other, found in annotated.items() if base_id(other) == base_id(paper)]
    return {LABELS[i].replace("#", "; ") for found in same for i in found}


papers_with_gold = st.dictionaries(
    st.builds(lambda n, v: f"20{n:02d}.00001{v}", st.integers(0, 40), st.sampled_from(["", "v1", "v2"])),
    st.sets(st.integers(0, len(LABELS) - 1), max_size=8),
    min_size=6,
    max_size=30,
)


# No shrinking: an example makes files, and shrinking one would take minutes.
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(
    papers_with_gold.filter(lambda gold: any(gold.values()) and len({base_id(p) for p in gold}) > 4),
    st.sampled_from(["random", "first", "hard"]),
    st.integers(2, 5),
    st.integers(1, 6),
    st.integers(0, 5),
)
def test_what_holds_for_any_gold(gold, negatives, folds, wrong, unknown):
    """A paper's own TDM is never false, versions share a side, no paper is in two hold-outs, and all counts
    add up."""
    config = DatasetConfig(
        negatives=negatives,
        folds=folds,
        num_negative_instances=wrong,
        allowed_unknown=unknown,
        context="doctaet",
    )
    annotated = {p: found for p, found in gold.items() if found}  # a line without results cannot be written
    with tempfile.TemporaryDirectory() as folder:
        facts = create_dataset(*write(folder, annotated), config)
        found = sides(f"{folder}/out", config)
    by_base = Counter()
    for (_, side), frame in found.items():
        own = {p: labels_of(p, annotated) for p in annotated}
        for row in frame.itertuples():
            if row.TDM != UNKNOWN:
                assert row.label <= (row.TDM in own[row.paper_id])
                assert row.label or row.TDM not in own[row.paper_id]
        assert not frame.duplicated(["paper_id", "TDM"]).any()
        if side == "test":
            by_base.update({base_id(p) for p in frame.paper_id})
    assert not by_base or max(by_base.values()) == 1
    for fold in range(1, folds + 1):
        train = found[fold, "train"]
        test = found[fold, "test"]
        assert not {base_id(p) for p in train.paper_id} & {base_id(p) for p in test.paper_id}
        both = pd.concat([train, test])
        assert both.label.sum() == sum(map(len, annotated.values()))
        assert set(both.paper_id) == set(annotated)
        assert (~both.label).sum() == wrong * len(annotated)
    counts = facts["counts"]
    assert counts["items"] == counts["papers"] == len(annotated)
    for said in facts["sides"]:
        frame = found[said["fold"], said["side"]]
        assert (said["true"], said["false"], said["papers"]) == (
            frame.label.sum(),
            (~frame.label).sum(),
            frame.paper_id.nunique(),
        )


def test_unknown_is_false_as_often_as_true(tmp_path):
    """Papers without a known label give `unknown`; as many with one give it as false, and none beyond the
    limit."""
    known = {f"paper{i}": [i] for i in range(10)}
    papers, annotations, taxonomy, out = write(tmp_path, known)
    more = [
        {"paper_id": f"none{i}", "title": "t", "abstract": "a", "sections": [], "tables": []}
        for i in range(6)
    ]
    with Path(papers[0]).open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in more)
    with Path(taxonomy).open("a") as file:
        file.write("Task 0#Set 0#A rare metric\t2\n")
    with Path(annotations[0]).open("a") as file:
        file.writelines(f"none{i}.pdf\tTask 0#Set 0#A rare metric#1\n" for i in range(6))
    config = DatasetConfig(negatives="random", context="doctaet", allowed_unknown=4, folds=1)
    facts = create_dataset(papers, annotations, taxonomy, out, config)
    rows = pd.concat(sides(out, config).values()).query("TDM == @UNKNOWN")
    assert rows.label.value_counts().to_dict() == {True: 4, False: 4}
    assert all(p.startswith("none") == label for p, label in zip(rows.paper_id, rows.label, strict=True))
    assert facts["counts"]["unknown"] == 6


def test_the_same_first_labels_or_others_for_each_paper(tmp_path):
    last = [LABELS.index(label) for label in sorted(LABELS, key=lambda label: label.split("#"))[20:]]
    gold = {f"paper{i}": [last[i % 5]] for i in range(12)}
    given_files = write(tmp_path, gold)[:3]
    drawn = {}
    for kind in ("first", "random"):
        config = DatasetConfig(negatives=kind, context="doctaet", folds=1)
        create_dataset(*given_files, str(tmp_path / kind), config)
        wrong = pd.concat(sides(tmp_path / kind, config).values()).query("not label")
        drawn[kind] = {frozenset(group) for _, group in wrong.groupby("paper_id").TDM}
        create_dataset(*given_files, str(tmp_path / f"{kind}-again"), config)
        again = sides(tmp_path / f"{kind}-again", config)
        assert all(again[key].equals(frame) for key, frame in sides(tmp_path / kind, config).items())
    assert len(drawn["first"]) == 1
    assert len(drawn["random"]) == 12


def test_labels_held_out_are_in_no_row(tmp_path):
    gold = {f"paper{i}": [i, (i * 7) % 30] for i in range(30)}
    config = DatasetConfig(negatives="random", context="doctaet", folds=1, held_out_labels=0.3)
    *given_files, out = write(tmp_path, gold)
    facts = create_dataset(*given_files, out, config)
    held_out = {
        line.split("\t")[0].replace("#", "; ")
        for line in Path(out, "taxonomy-held-out.tsv").read_text().splitlines()
    }
    rows = pd.concat(sides(out, config).values())
    assert 3 <= len(held_out) == facts["labels"]["held_out"] <= 15
    assert not held_out & set(rows.TDM)
    lines = Path(out, "taxonomy-seen.tsv").read_text().splitlines()
    seen = dict(line.rsplit("\t", 1) for line in lines)
    assert {name.replace("#", "; ") for name, count in seen.items() if count == "0"} == held_out


def test_hard_rows_name_the_label_they_ask_for(labelled_files, tmp_path):
    """Each context of the windows form is chosen for its row; wrong labels are those a paper is easily taken
    for."""
    out = str(tmp_path / "out")
    config = DatasetConfig(folds=1)
    files = [str(labelled_files / name) for name in ("papers.jsonl", "gold.tsv", "taxonomy.tsv")]
    create_dataset([files[0]], [files[1]], files[2], out, config)
    rows = pd.concat(sides(out, config).values()).query("TDM != @UNKNOWN")
    named = [
        tdm.split("; ")[1].split()[0].lower() in context.lower()
        for tdm, context in zip(rows.TDM, rows.context, strict=True)
    ]
    assert pd.Series(named)[rows.label.to_numpy()].mean() > 0.7
    assert rows.groupby("paper_id").context.nunique().min() > 2
    own = rows[rows.label].groupby("paper_id").TDM.apply(lambda x: {t.split("; ")[0] for t in x})
    wrong = rows[~rows.label]
    sibling = [t.split("; ")[0] in own.get(p, ()) for p, t in zip(wrong.paper_id, wrong.TDM, strict=True)]
    assert pd.Series(sibling).mean() > 0.25  # of 608 labels at random a tenth would do
    assert Path(out, "document_frequency.parquet").exists()


def test_the_originals_cleaning():
    assert clean_context('a\tb  "c" _d_\n85.3% (it’s) x-y, ok? é') == "a b c d 85 3% it’s x y, ok? é"


def test_tsv_has_no_broken_row(tmp_path):
    *given_files, out = write(
        tmp_path, {f"p{i}": [i] for i in range(12)}, text='Tabs\tand "quotes"\nand lines; $ # end.'
    )
    with Path(given_files[2]).open("a") as file:
        file.write('"Odd" task#A "set"#Metric "x"\t9\n')
    config = DatasetConfig(negatives="first", context="doctaet", tsv=True, num_negative_instances=30)
    facts = create_dataset(*given_files, out, config)
    for said in facts["sides"]:
        names = ["label", "paper_id", "TDM", "context"]
        frame = pd.read_csv(
            f"{out}/fold{said['fold']}/{said['side']}.tsv", sep="\t", header=None, names=names
        )
        assert frame.label.value_counts().to_dict() == {True: said["true"], False: said["false"]}
        assert frame.notna().all().all()
        assert '"Odd" task; A "set"; Metric "x"' in set(frame.TDM)


def test_bad_input_is_counted_and_named(tmp_path):
    papers, annotations, taxonomy, out = write(tmp_path, {f"p{i}": [i] for i in range(12)})
    with Path(annotations[0]).open("a") as file:
        file.write("no tab here\nfive.pdf\tA#B#C#D#1\nthree.pdf\tA#B#C\nempty.pdf\tA#B#C#\n")
        file.write("absent.pdf\tTask 0#Set 0#Metric 0#1\n")
    with Path(papers[0]).open("a") as file:
        file.write('{"paper_id": "nobody", "title": "t", "abstract": "a"}\n{broken\n')
    with Path(taxonomy).open("a") as file:
        file.write("Gait#CASIA-B#BG#1-2\t7\n")
    facts = create_dataset(
        papers, annotations, taxonomy, out, DatasetConfig(negatives="random", context="doctaet")
    )
    counts = facts["counts"]
    assert counts["items"] == 14 == counts["papers"] + counts["rejected"] + counts["without_annotation"]
    assert (counts["rejected"], counts["without_annotation"], counts["annotations_without_paper"]) == (
        1,
        1,
        1,
    )
    assert counts["broken_annotations"] == len(facts["broken"]) == 4
    assert "line 13: 0 tabs instead of one" in facts["broken"]
    assert any("'A#B#C#D#1' is not task#dataset#metric#score" in line for line in facts["broken"])


def test_what_cannot_be_a_data_set(tmp_path):
    with pytest.raises(InputError, match="--negatives soft: choose one of hard, random, first"):
        DatasetConfig(negatives="soft")
    with pytest.raises(InputError, match=r"3 hold-outs of 0\.5 each are more than there is"):
        DatasetConfig(folds=3, held_out_papers=0.5)
    *given_files, out = write(tmp_path, {"p1": [1], "p2": [2]})
    Path(given_files[1][0]).write_text("p1.pdf\tA#B#C#1\n")
    with pytest.raises(TaxonomyError, match="none of 2 items has a label"):
        create_dataset(*given_files, out, DatasetConfig(negatives="random", context="doctaet"))
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "x").touch()
    with pytest.raises(OutputError, match="not empty"):
        create_dataset(*given_files, out)
