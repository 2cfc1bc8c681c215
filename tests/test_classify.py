"""Tokens, coverage, features, neighbours, pairs, calibration."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from safetensors.torch import load_file
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    BertConfig,
    BertModel,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaTokenizerFast,
)

from tdm_ray.classify.bert import Bert, load_bert
from tdm_ray.classify.calibration import (
    Calibrator,
    Joint,
    best_threshold,
    expected_calibration_error,
    fit_joint,
    fit_prior,
    micro_f1,
)
from tdm_ray.classify.checkpoint import embedded_folder, open_checkpoint
from tdm_ray.classify.encoder import load_encoder
from tdm_ray.classify.entailment import EntailmentModel, batches
from tdm_ray.classify.features import MIN_NAME_COVERAGE, against_siblings, rank, worth_asking
from tdm_ray.classify.lexicon import Lexicon
from tdm_ray.classify.neighbours import Neighbours, new_vectorizer, telling_words
from tdm_ray.classify.pairs import PairBuilder, Pairs, Ragged, hypothesis
from tdm_ray.classify.resources import Resources
from tdm_ray.classify.scorer import Decider, Prepared, Preparer
from tdm_ray.classify.shortlist import NEW, Shortlister
from tdm_ray.classify.tokenizer import WordPiece
from tdm_ray.config import ScoreConfig
from tdm_ray.demo import demo_papers
from tdm_ray.errors import CheckpointError, InputError
from tdm_ray.explain import explain, trace
from tdm_ray.papers.read import read_papers
from tdm_ray.records import TDM, Paper
from tdm_ray.storage import copy_files, local_copy
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy
from tdm_ray.text.passages import Passage, passages, whole_text
from tdm_ray.text.tokens import fold, may_stand_in, tokens
from tdm_ray.text.windows import JOINT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CIFAR-10", ["cifar10", "cifar", "10"]),
        ("CIFAR10", ["cifar10", "cifar", "10"]),
        ("F1", ["f1"]),
        ("Hits@10", ["hits10", "hits", "10"]),
        ("SQuAD1.1", ["squad1", "squad", "1", "1"]),
        ("", []),
    ],
)
def test_tokens_fold_spellings(text, expected):
    assert tokens(text) == expected


def test_tokens_do_not_depend_on_composition():
    assert tokens("é") == tokens("e\u0301")


def small_lexicon():
    labels = [
        Label(TDM("Image Classification", "ImageNet", "Top-1 Accuracy"), aliases=("dataset: ILSVRC 2012",)),
        Label(TDM("Image Classification", "CIFAR-10", "Accuracy")),
    ]
    taxonomy = Taxonomy.of(labels)
    return taxonomy, Lexicon(taxonomy, {"accuracy": 900, "classification": 500, "image": 600}, 1000)


def test_coverage_takes_the_best_alias_and_weighs_rare_words():
    taxonomy, lexicon = small_lexicon()
    found = [
        Passage("body", "we train on ILSVRC-2012"),
        Passage("body", "accuracy of CIFAR10"),
        Passage("body", "none"),
    ]
    coverage = lexicon.coverage(found, [tokens(p.text) for p in found]).matrix()
    dataset = lexicon.label_elements[
        taxonomy.index[TDM("Image Classification", "ImageNet", "Top-1 Accuracy")], 1
    ]
    assert coverage[dataset].tolist() == pytest.approx([1, 0, 0])
    top1, accuracy = lexicon.label_elements[:, 2][::-1]
    assert coverage[accuracy].tolist() == pytest.approx([0, 1, 0])
    assert 0 < coverage[top1][1] < 0.3  # "accuracy" alone says little of "Top-1 Accuracy"


@given(st.lists(st.tuples(st.floats(-5, 5, width=32), st.integers(0, 3)), min_size=1, max_size=20))
def test_against_siblings_is_the_gap_to_the_best_other(rows):
    values = np.array([v for v, _ in rows], np.float32)
    groups = np.array([g for _, g in rows])
    for i, gap in enumerate(against_siblings(values, groups)):
        others = [v for j, (v, g) in enumerate(rows) if g == groups[i] and j != i]
        assert gap == pytest.approx(values[i] - (max(others) if others else 0), abs=1e-5)


def test_rank_is_stable():
    assert rank(np.array([1, 3, 3, 2], np.float32)).tolist() == [3, 0, 1, 2]


def test_neighbours_leave_out_themselves():
    vectors = sp.identity(3, format="csr", dtype=np.float32)
    labels = sp.csr_matrix(np.array([[1, 0], [0, 1], [1, 1]], np.float32))
    neighbours = Neighbours(vectors, labels)
    votes, closest = neighbours.votes(vectors[0])
    assert votes.tolist() == pytest.approx([1, 0])
    assert closest.tolist() == pytest.approx([1, 0])
    assert neighbours.counts.tolist() == [2, 2]
    votes, closest = neighbours.votes(vectors[0], leave_out=[0])
    assert votes.tolist() == [0, 0]
    assert closest.tolist() == [0, 0]


def test_counts_say_nothing_of_a_papers_own_labels():
    """Whatever the labels of a fold's papers are, the counts its papers are shown stay the same."""
    rng = np.random.default_rng(0)
    folds = np.array([0, 1, 2, 0, 1, 2])
    labels = rng.integers(0, 2, (6, 4)).astype(np.float32)
    other = labels.copy()
    other[1] = 1 - other[1]
    vectors = sp.identity(6, format="csr", dtype=np.float32)
    a, b = (Neighbours(vectors, sp.csr_matrix(x)).counts_of_others(folds) for x in (labels, other))
    assert a[1].tolist() == pytest.approx(b[1].tolist()) == (labels[folds != 1].sum(axis=0) * 1.5).tolist()
    assert a[0].tolist() != b[0].tolist()


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory, papers):
    """A byte-level BPE tokenizer of RoBERTa's kind, trained on the demo papers."""
    bpe = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator(
        [s.text for p in papers for s in p.sections], vocab_size=600, special_tokens=special
    )
    folder = tmp_path_factory.mktemp("bpe")
    bpe.save_model(str(folder))
    return RobertaTokenizerFast.from_pretrained(folder)


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level"])
@pytest.mark.parametrize("room", [24, 64, 500])
@pytest.mark.parametrize("titled", [True, False])
def test_pairs_equal_what_the_tokenizer_makes(kind, room, titled, tiny_tokenizer, byte_level, papers):
    tokenizer = tiny_tokenizer if kind == "wordpiece" else byte_level
    builder = PairBuilder(tokenizer, room)
    title = papers[0].title if titled else ""
    windows = [papers[0].abstract[:200], papers[1].abstract[:150]]
    claim = hypothesis(TDM("Image Classification", "ImageNet", "Top-1"))
    claims = [claim, "COCO; AP", "COCO"]
    chosen = [[0, 1], [1], []]
    pairs = builder.pairs(*builder.premise(title, windows, chosen), Ragged.of(builder.ids(claims)))
    premises = [JOINT.join(filter(None, [title, *(windows[i] for i in c)])) for c in chosen]
    wholes = [
        tokenizer(p, c, truncation="only_first", max_length=room)
        for p, c in zip(premises, claims, strict=True)
    ]
    longest = max(len(whole["input_ids"]) for whole in wholes)
    for row, (ids, types, mask) in enumerate(zip(*pairs.padded(np.arange(3), 7), strict=True)):
        found = wholes[row]["input_ids"]
        many = len(wholes[row]["input_ids"])
        assert ids.tolist() == found + [7] * (longest - many)
        assert types.tolist()[:many] == wholes[row].get("token_type_ids", [0] * many)
        assert mask.tolist() == [1] * many + [0] * (longest - many)


@pytest.mark.parametrize("kind", ["embedded", "tiny"])
def test_bert_and_its_tokenizer_are_those_of_transformers(kind, tiny_model, papers):
    """The same tokens, and the same logits but for rounding, of pairs of different lengths."""
    folder = embedded_folder() if kind == "embedded" else tiny_model
    reference, its_tokenizer = load_encoder(folder)
    loaded = EntailmentModel(folder)
    assert isinstance(loaded.model, Bert)
    assert isinstance(loaded.tokenizer, WordPiece)
    assert loaded.tokenizer.pad_token_id == its_tokenizer.pad_token_id
    assert loaded.tokenizer.model_max_length == its_tokenizer.model_max_length
    texts = [s.text for p in papers for s in p.sections][:40]
    assert (
        loaded.tokenizer(texts, add_special_tokens=False)["input_ids"]
        == (its_tokenizer(texts, add_special_tokens=False)["input_ids"])
    )
    builder = PairBuilder(loaded.tokenizer, 160)
    windows = [[0], [0, 1], [1]]
    hypotheses = Ragged.of(builder.ids(["COCO; AP", "ImageNet; Top-1", "SQuAD; F1"]))
    pairs = builder.pairs(*builder.premise("A title", texts[:2], windows), hypotheses)
    ids, types, mask = (torch.from_numpy(array) for array in pairs.padded(np.arange(3), 0))
    with torch.inference_mode():
        one = loaded.model(input_ids=ids, token_type_ids=types, attention_mask=mask).logits
        other = reference.eval()(input_ids=ids, token_type_ids=types, attention_mask=mask).logits
    assert torch.allclose(one, other, rtol=0, atol=1e-5)


def save(model, tokenizer, folder):
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "num_labels": 2,
}


@pytest.mark.parametrize("kind", ["roberta", "modernbert"])
def test_any_encoder_scores(kind, byte_level, tmp_path):
    size = len(byte_level)
    if kind == "roberta":
        model = RobertaForSequenceClassification(
            RobertaConfig(vocab_size=size, max_position_embeddings=66, **SHAPE)
        )
    else:
        model = ModernBertForSequenceClassification(
            ModernBertConfig(
                vocab_size=size,
                pad_token_id=1,
                bos_token_id=0,
                eos_token_id=2,
                cls_token_id=0,
                sep_token_id=2,
                **SHAPE,
            )
        )
    loaded = EntailmentModel(save(model, byte_level, tmp_path))
    builder = PairBuilder(loaded.tokenizer, min(160, loaded.max_tokens))
    premise = builder.premise("A title", ["a long passage about data " * 40], [[0], []])
    logits = loaded.logits(builder.pairs(*premise, Ragged.of(builder.ids(["ImageNet; accuracy", "COCO"]))))
    assert logits.shape == (2,)
    assert np.isfinite(logits).all()


def test_scores_do_not_depend_on_company(papers):
    """A paper's probabilities are the same, to the last bit, whatever is scored beside it, by however many
    threads."""
    resources = Resources.of(ScoreConfig())
    preparer = Preparer(resources)
    decider = Decider(resources, threads=1)
    prepared = [preparer(paper) for paper in papers[:6]]
    alone = [decider.log_odds([each])[0].tolist() for each in prepared]
    assert any(alone)
    for threads in (1, 2, 3):
        decider.threads = threads
        assert [each.tolist() for each in decider.log_odds(prepared)] == alone


def test_scoring_leaves_the_threads_of_others_alone(tiny_model, papers):
    resources = Resources.of(ScoreConfig(model=tiny_model))
    before = torch.get_num_threads()
    Decider(resources).log_odds([Preparer(resources)(papers[0])])
    assert torch.get_num_threads() == before


def test_a_block_in_one_go_is_the_same_but_for_the_last_bits(tiny_model, papers):
    """What a GPU does."""
    resources = Resources.of(ScoreConfig(model=tiny_model))
    preparer = Preparer(resources)
    decider = Decider(resources, threads=1)
    prepared = [preparer(paper) for paper in papers[:4]]
    each = decider.log_odds(prepared)
    decider.model.together = True
    for one, other in zip(decider.log_odds(prepared), each, strict=True):
        assert np.allclose(one, other, atol=0.02)


def test_a_paper_without_a_likely_label_is_scored_all_the_same(tiny_model, papers):
    decider = Decider(Resources.of(ScoreConfig(model=tiny_model)), threads=1)
    nothing = Prepared(labels=[3], prior=[-9.0], parts=[[5]], windows=[])
    for decider.model.together in (False, True):
        (told,) = decider.log_odds([nothing])
        assert told.shape == (0,)
        assert decider(nothing, told) == []
    assert decider.log_odds([]) == []


def test_no_pairs_no_logits(tiny_model):
    assert EntailmentModel(tiny_model).logits(Pairs(Ragged.of([]), np.empty(0, np.int64))).shape == (0,)


@given(st.lists(st.integers(1, 160), max_size=200), st.integers(1, 5000))
def test_batches_waste_little(lengths, budget):
    lengths = np.array(lengths, np.int64)
    found = list(batches(lengths, budget))
    assert sorted(np.concatenate([np.empty(0, int), *found]).tolist()) == list(range(len(lengths)))
    for rows in found:
        size = len(rows) * lengths[rows].max()
        assert len(rows) == 1 or size <= budget
        assert lengths[rows].sum() >= 0.92 * size


def test_labels_that_cannot_pass_are_not_asked():
    """Whatever the model says within its usual range: what is not asked would not have been decided for."""
    calibrator = Calibrator(object(), Joint((0.8, 0.14), -0.03, 0.31, surest=5.0))
    least = calibrator.least_prior(0.31)
    assert least == pytest.approx((np.log(0.31 / 0.69) + 0.03 - 0.14 * 5) / 0.8)
    prior = np.full(9, least - 0.01, np.float32)
    model = np.linspace(-5, 5, 9).astype(np.float32)
    assert (calibrator.probability(prior, model) < 0.31).all()
    assert calibrator.probability(prior[-1:] + 0.02, model[-1:]) >= 0.31
    assert calibrator.least_prior(0.0) == Calibrator.none().least_prior(0.5) == -np.inf
    assert (
        Calibrator(object(), Joint((0.8, 0.14), -0.03, 0.31)).least_prior(0.31) == -np.inf
    )  # not known how sure
    assert calibrator.least_prior(0.9) == pytest.approx(
        np.log(0.31 / 0.69)
    )  # how sure was looked at below it only


def test_what_is_not_asked_changes_no_decision():
    """The embedded model on the demo papers: asked about every likely label, and only about those that may
    pass."""
    resources = Resources.of(ScoreConfig())
    preparer = Preparer(resources)
    decider = Decider(resources)
    papers = [r.paper for r in read_papers(demo_papers())][::4]
    few = [preparer(paper) for paper in papers]
    preparer.least_prior = np.full_like(preparer.least_prior, -np.inf)
    every = [preparer(paper) for paper in papers]
    assert sum(len(p.windows) for p in few) < 0.7 * sum(len(p.windows) for p in every)
    decided = [
        [
            {d["task"] + d["dataset"] + d["metric"] for d in decider(p, told)}
            for p, told in zip(prepared, decider.log_odds(prepared), strict=True)
        ]
        for prepared in (few, every)
    ]
    assert decided[0] == decided[1]


def test_an_encoder_without_head_is_refused(tiny_tokenizer, tmp_path):
    config = BertConfig(vocab_size=len(tiny_tokenizer), **SHAPE)
    folder = save(BertModel(config), tiny_tokenizer, tmp_path)
    with pytest.raises(CheckpointError, match=r"without a trained classification head.*fine-tune it first"):
        load_encoder(folder)
    with pytest.raises(CheckpointError, match=r"without a trained classification head.*fine-tune it first"):
        load_bert(folder)
    model, _ = load_encoder(folder, outputs=1)  # as a starting point of training it is fine
    assert model.config.hidden_dropout_prob == 0


@pytest.mark.parametrize(
    "name", ["model.safetensors", "another size", "tokenizer.json", "tokenizer_config.json"]
)
def test_a_damaged_checkpoint_is_named(name, tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    if name == "another size":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(CheckpointError, match=f"{folder}: no encoder could be loaded"):
        EntailmentModel(str(folder))


def test_a_damaged_config_is_named(tiny_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    (folder / "config.json").write_text('{"model_type"')
    with pytest.raises(InputError, match=r"config.json: not valid JSON"):
        EntailmentModel(str(folder))


@pytest.mark.parametrize("made", ["empty", "only a config", "missing"])
def test_a_folder_that_is_no_checkpoint(made, tmp_path):
    folder = tmp_path / "model"
    if made != "missing":
        folder.mkdir()
    if made == "only a config":
        (folder / "config.json").write_text("{}")
    with pytest.raises(
        CheckpointError, match="no such folder" if made == "missing" else "not a checkpoint: it must hold"
    ):
        open_checkpoint(str(folder))


def test_shortlist_includes_what_it_is_told(papers):
    taxonomy = read_taxonomy()
    lexicon = Lexicon(taxonomy, {}, 0)
    found = Shortlister(lexicon).shortlist(papers[0], size=5, include=[0, 1, 2])
    assert len(found.labels) >= 5
    assert {0, 1, 2} <= set(found.labels.tolist())
    assert len(set(found.labels.tolist())) == len(found.labels) == len(found.features) == len(found.windows)


def test_a_quick_look_never_misses_a_label_that_is_asked(papers):
    """Asked about one label alone, a paper is asked about it exactly where it is among all."""
    resources = Resources.of(ScoreConfig())
    whole = Preparer(resources)
    lexicon = resources.shortlister.lexicon
    asked = 0
    looked = [whole(paper) for paper in papers]
    every = range(0, len(resources.taxonomy), 61)
    for n in every:
        alone = Preparer(resources, frozenset({resources.taxonomy.labels[n].tdm}))
        for paper, all_labels in zip(papers, looked, strict=True):
            prepared = alone(paper)
            assert prepared.labels == [n] * (n in all_labels.labels)
            assert bool(prepared.windows) == (n in all_labels.labels[: len(all_labels.windows)])
            asked += len(prepared.labels)
    assert asked
    texts = [whole_text(paper) for paper in papers]
    sieves = [lexicon.name_filter(lexicon.label_elements[[n], 1], MIN_NAME_COVERAGE) for n in every]
    passed = [sieve(text) for text in texts for sieve in sieves]
    assert sum(passed) < 0.5 * len(passed)  # or looking would be of no use


def test_asked_about_labels_that_are_gone_or_about_many(papers):
    resources = Resources.of(ScoreConfig())
    assert Preparer(resources, frozenset({TDM("x", "y", "z")}))(papers[0]).labels == []
    every = frozenset(label.tdm for label in resources.taxonomy.labels)
    assert Preparer(resources, every)(papers[0]).labels == Preparer(resources)(papers[0]).labels != []


def test_what_a_neighbour_reports_is_worth_asking_about(papers):
    """All labelled papers report one label, which none of them names."""
    taxonomy = Taxonomy.of([*read_taxonomy().labels[:7], Label(TDM("Zzq", "Qxx Wvv", "Yyj"), 1)])
    at = taxonomy.index[TDM("Zzq", "Qxx Wvv", "Yyj")]
    words = [telling_words(view, [tokens(p.text) for p in view]) for view in map(passages, papers)]
    vectorizer = new_vectorizer().fit(words)
    reported = np.zeros((len(papers), len(taxonomy)), np.float32)
    reported[:, at] = 1
    lexicon = Lexicon(taxonomy, {}, 0)
    alone = Shortlister(lexicon)
    among = Shortlister(lexicon, Neighbours(vectorizer.transform(words), sp.csr_matrix(reported)), vectorizer)
    for lister, worth in ((alone, False), (among, True)):
        found = lister.shortlist(papers[0])
        assert worth_asking(found.features)[found.labels == at].tolist() == [worth]
        assert lister.reported(papers[0], np.array([at])) == worth
    others = np.setdiff1d(np.arange(len(taxonomy)), at)
    assert not among.reported(papers[0], others)


def test_labels_that_are_not_learnt_change_nothing_for_those_that_are(papers):
    every = [replace(label, aliases=()) for label in read_taxonomy().labels]
    known = Taxonomy.of(every[:200])
    both = Taxonomy.of(every[:600])
    learnt = np.array([label.tdm in known.index for label in both.labels])
    alone = Shortlister(Lexicon(known, {}, 1)).shortlist(papers[0])
    among = Shortlister(Lexicon(both, {}, 1), learnt=learnt).shortlist(papers[0])
    size = len(alone.labels)
    assert len(among.labels) == size + NEW
    assert [both.labels[at].tdm for at in among.labels[:size]] == [
        known.labels[at].tdm for at in alone.labels
    ]
    assert np.array_equal(among.features[:size], alone.features)
    assert not learnt[among.labels[size:]].any()


def test_a_paper_that_names_no_dataset_is_asked_nothing(papers):
    resources = Resources.of(ScoreConfig(index="none"))
    bare = Paper(paper_id="1", title="A note", abstract="We think about learning.")
    prepared = Preparer(resources)(bare)
    assert (prepared.labels, prepared.windows) == ([], [])
    assert Decider(resources, threads=1).log_odds([prepared])[0].shape == (0,)
    console = Console(record=True, width=120)
    console.print(explain(trace(bare, ScoreConfig(index="none"))))
    assert "unknown: no label passes" in console.export_text()


@pytest.mark.parametrize(
    ("word", "text", "may"),
    [
        ("cifar100", "CIFAR–100", True),
        ("cifar100", "ImageNet, 100 epochs", False),
        ("fine", "ﬁne", True),
        ("f1", "F", False),
    ],
)
def test_a_word_may_stand_in_a_text(word, text, may):
    assert may_stand_in(word, fold(text)) == may


def test_calibrator_learns_and_survives_saving(tmp_path):
    random = np.random.default_rng(0)
    features = random.normal(size=(4000, 5)).astype(np.float32)
    truth = features[:, 0] + random.normal(size=4000) * 0.5 > 1
    booster, log_odds = fit_prior(features, truth, np.arange(4000) % 5)
    model = (truth * 2 - 1 + random.normal(size=4000)).astype(np.float32)
    joint = fit_joint(np.stack([log_odds, model], axis=1), truth, int(truth.sum()))
    calibrator = Calibrator(booster, joint)
    probability = calibrator.probability(log_odds, model)
    assert expected_calibration_error(probability, truth) < 0.03
    assert micro_f1(probability >= joint.threshold, truth, int(truth.sum())) > 0.8
    calibrator.save(str(tmp_path))
    again = Calibrator.load(str(tmp_path))
    assert again.joint == joint
    assert np.allclose(again.prior(features), calibrator.prior(features))


def test_a_damaged_calibrator_is_named(tmp_path):
    (tmp_path / "joint.json").write_text("{}")
    with pytest.raises(CheckpointError, match="calibrator is damaged"):
        Calibrator.load(str(tmp_path))


def test_threshold_counts_gold_that_no_row_stands_for():
    probability = np.array([0.9, 0.6, 0.3], np.float32)
    truth = np.array([True, False, True])
    assert micro_f1(probability >= 0.5, truth, 3) == pytest.approx(2 / 5)
    random = np.random.default_rng(0)
    probability = random.beta(0.3, 2, 5_000).astype(np.float32)
    truth = random.random(5_000) < probability
    found = [best_threshold(probability, truth, int(truth.sum() * share)) for share in (1, 2)]
    assert found[1] < found[0] - 0.05


def test_without_calibrator_the_model_decides_at_one_half():
    calibrator = Calibrator.none()
    assert calibrator.joint == Joint((0.0, 1.0), 0.0, 0.5)
    probability = calibrator.probability(np.zeros(2, np.float32), np.array([0.1, -0.1], np.float32))
    assert probability.tolist() == pytest.approx([0.525, 0.475], abs=1e-3)


def decisions(resources, paper):
    decider = Decider(resources, threads=1)
    prepared = Preparer(resources)(paper)
    return decider(prepared, decider.log_odds([prepared])[0])


def test_a_checkpoint_may_lie_in_a_store(tiny_model):
    """Fetched once, and again when it has changed."""
    import fsspec

    copy_files(tiny_model, "memory://models/tiny")
    place = local_copy("memory://models/tiny")
    assert {p.name for p in Path(place).iterdir()} == {p.name for p in Path(tiny_model).iterdir()}
    assert local_copy("memory://models/tiny") == place != local_copy(tiny_model) == tiny_model
    resources = Resources.of(ScoreConfig(model="memory://models/tiny"))
    here = Resources.of(ScoreConfig(model=tiny_model))
    paper = next(read_papers(demo_papers())).paper
    assert decisions(resources, paper) == decisions(here, paper)
    with fsspec.open("memory://models/tiny/added.txt", "wb") as file:
        file.write(b"x")
    assert local_copy("memory://models/tiny") != place


def test_training_may_start_from_a_pickle(tiny_model, tmp_path):
    """SciBERT has no safetensors; to score with, a checkpoint must have them."""
    folder = tmp_path / "old"
    shutil.copytree(tiny_model, folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    model, _ = load_encoder(str(folder), outputs=1)
    assert torch.equal(
        model.base_model.embeddings.word_embeddings.weight, weights["bert.embeddings.word_embeddings.weight"]
    )
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_encoder(str(folder))
