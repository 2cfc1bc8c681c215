"""Learning from labelled papers: gathering, index, calibrator; all real, with a tiny model."""

import json
import shutil

import numpy as np
import pytest

from tdm_ray.classify.calibration import best_threshold, micro_f1
from tdm_ray.classify.checkpoint import open_checkpoint
from tdm_ray.classify.index import Index
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Decider, Preparer
from tdm_ray.classify.shortlist import Shortlister
from tdm_ray.config import ScoreConfig
from tdm_ray.demo import demo_papers
from tdm_ray.errors import CheckpointError, InputError, OutputError, TaxonomyError
from tdm_ray.extract.quotes import Quotes, dataset_words
from tdm_ray.gold.annotations import Gold
from tdm_ray.gold.labelled_papers import gather
from tdm_ray.papers.read import read_papers
from tdm_ray.records import TDM, Reading
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.training.index import build_index, index_corpus, study


def readings(papers):
    return [Reading(f"memory#{i}", paper) for i, paper in enumerate(papers)]


@pytest.fixture(scope="module")
def index(labelled, tiny_model, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("index"))
    papers, gold = labelled
    facts = build_index(readings(papers), gold, ScoreConfig(model=tiny_model, max_labels=8), folder)
    return folder, facts


def test_an_index_learns_what_neighbours_report(index, labelled, tiny_model):
    folder, facts = index
    assert facts["papers"] == 108
    assert facts["unknown"] == 0
    # The copies of a paper report the same, so the held-out figure must be near perfect.
    assert facts["held_out_micro_f1"] > 0.85
    resources = Resources.of(ScoreConfig(model=tiny_model, index=folder, max_labels=8))
    paper = labelled[0][0]
    decider = Decider(resources, threads=1)
    prepared = Preparer(resources)(paper)
    decisions = decider(prepared, decider.log_odds([prepared])[0])
    found = {TDM(d["task"], d["dataset"], d["metric"]) for d in decisions}
    gold = set(labelled[1].results[paper.paper_id])
    assert len(found & gold) >= 0.5 * len(gold)


def test_an_index_serves_another_taxonomy(index, tiny_model):
    """Labels that the index does not know have no neighbours; those it knows keep theirs."""
    whole = read_taxonomy()
    half = type(whole)(whole.labels[::2])
    neighbours = Index(index[0], half).neighbours
    full = Index(index[0], whole).neighbours
    assert np.array_equal(neighbours.counts, full.counts[::2])


def test_an_index_knows_what_its_papers_tables_hold(index, labelled, tiny_model, tmp_path):
    """As it was made of them; one that was built before there was such a table has none."""
    checkpoint = open_checkpoint(tiny_model)
    taxonomy = read_taxonomy()
    lexicon = Lexicon(taxonomy, checkpoint.document_frequency, checkpoint.documents)
    made = Quotes.of(labelled[0], dataset_words(taxonomy.labels, lexicon))
    kept = Quotes.load(index[0], Index(index[0], taxonomy).facts)
    assert (
        (kept.papers, kept.context_words)
        == (made.papers, made.context_words)
        == (index[1]["quoted_papers"], made.context_words)
    )
    assert kept.entries.tolist() == made.entries.tolist() != []
    shutil.copytree(index[0], tmp_path / "old")
    facts = {name: value for name, value in index[1].items() if name != "quoted_papers"}
    (tmp_path / "old" / "index.json").write_text(json.dumps(facts))
    assert Quotes.load(str(tmp_path / "old"), Index(str(tmp_path / "old"), taxonomy).facts) is None


def test_an_index_is_tied_to_its_model(index):
    with pytest.raises(CheckpointError, match="build the index again with the same --model"):
        Resources.of(ScoreConfig(model="embedded", index=index[0]))


def test_too_few_labelled_papers(labelled, tiny_model, tmp_path):
    papers, gold = labelled
    with pytest.raises(
        TaxonomyError, match="only 3 of 3 papers have a label of the taxonomy; an index needs 50"
    ):
        build_index(readings(papers[:3]), gold, ScoreConfig(model=tiny_model), str(tmp_path / "index"))


def test_an_index_never_overwrites(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(OutputError, match="not empty"):
        index_corpus([demo_papers()], ["gold.tsv"], ScoreConfig(), str(tmp_path))


def test_an_index_of_a_past_day(tmp_path):
    (tmp_path / "gold.tsv").write_text("1512.03385.pdf\tA#B#C#1\n")
    gold = [str(tmp_path / "gold.tsv")]
    with pytest.raises(InputError, match="--before 19: not a month; write it as 2019-01"):
        index_corpus([demo_papers()], gold, ScoreConfig(), str(tmp_path / "out"), before="19")
    earlier = sum(r.paper is not None and r.paper.paper_id < "1706" for r in read_papers(demo_papers()))
    with pytest.raises(TaxonomyError, match=f"only 0 of {earlier} papers"):
        index_corpus([demo_papers()], gold, ScoreConfig(), str(tmp_path / "out"), before="2017-06")


def test_results_under_foreign_names_teach_nothing_false(labelled):
    """A paper whose results the taxonomy spells otherwise is left out; a label it may mean is never called
    false."""
    papers, gold = labelled
    taxonomy = read_taxonomy()
    known = next(iter(gold.results[papers[0].paper_id]))
    foreign = TDM(known.task, known.dataset.upper(), "a metric nobody knows")
    results = {papers[0].paper_id: {known: ("1",), foreign: ("2",)}, papers[1].paper_id: {foreign: ("2",)}}
    gathered = gather(readings(papers[:3]), Gold(results), taxonomy, taxonomy)
    assert gathered.counts["only_foreign_labels"] == gathered.counts["without_annotation"] == 1
    (left,) = gathered.papers
    assert [taxonomy.labels[i].tdm for i in left.known] == [known]
    assert {taxonomy.labels[i].tdm.dataset for i in left.own} == {known.dataset}
    lesson = study(gathered, Shortlister(Lexicon(taxonomy, {}, 0)))
    assert set(lesson.shortlists[0].labels) & left.own <= set(left.known)


def test_the_threshold_is_half_the_f1():
    """For calibrated probabilities the threshold of the highest F1 is half of it (Lipton et al., 2014)."""
    random = np.random.default_rng(0)
    probability = random.beta(0.3, 2, 20_000).astype(np.float32)
    truth = random.random(20_000) < probability
    threshold = best_threshold(probability, truth, int(truth.sum()))
    grid = [micro_f1(probability >= t, truth, int(truth.sum())) for t in np.arange(0.05, 0.8, 0.01)]
    assert micro_f1(probability >= threshold, truth, int(truth.sum())) > max(grid) - 0.003
