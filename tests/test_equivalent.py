"""Labels that are one board under several names."""

from itertools import permutations

import pytest

from tdm_ray.errors import TaxonomyError
from tdm_ray.gold.annotations import Gold
from tdm_ray.records import TDM
from tdm_ray.taxonomy.equivalent import opposites, proven_together, same_boards
from tdm_ray.taxonomy.join import canonical_names, join, join_files, known_names, own_tsv
from tdm_ray.taxonomy.labels import Label, Taxonomy
from tdm_ray.taxonomy.sources import read_taxonomy

ADE = TDM("Semantic Segmentation", "ADE20K", "Validation mIoU")
ADE_VAL = TDM("Semantic Segmentation", "ADE20K val", "mIoU")
CITYSCAPES = TDM("Semantic Segmentation", "Cityscapes test", "Mean IoU (class)")


def test_twins_are_proven_together_and_others_are_not():
    assert proven_together(ADE, ADE_VAL)
    assert proven_together(ADE, ADE)
    assert not proven_together(ADE, CITYSCAPES)
    error, accuracy = (
        TDM("Image Classification", "CIFAR-10", m) for m in ("Percentage error", "Percentage correct")
    )
    assert opposites((error, accuracy, ADE)) == {error: accuracy, accuracy: error}
    assert not proven_together(error, accuracy)


def test_every_name_of_a_board_has_an_opposite():
    """An error and two names of its accuracy: who drops what is less sure than its opposite keeps either the
    error or the accuracies, whatever is surest."""
    names = ("Top 1 Accuracy", "Top-1 Accuracy", "Top-1 Error")
    accuracy, twin, error = (TDM("Image Classification", "ImageNet", metric) for metric in names)
    assert any({accuracy, twin} <= set(group) for group in same_boards())
    assert opposites((accuracy, twin, error)) == {accuracy: error, twin: error, error: accuracy}
    assert opposites((twin, error, accuracy))[error] == twin
    assert opposites((accuracy, twin)) == {}
    for surest_first in permutations((accuracy, twin, error)):
        place = surest_first.index
        found = opposites(surest_first)
        kept = {tdm for tdm in surest_first if place(tdm) < place(found[tdm])}
        assert kept
        assert kept == {error} or error not in kept


def test_every_group_has_two_labels_and_no_label_two_boards():
    groups = list(same_boards())
    assert all(len(group) > 1 for group in groups)
    labels = [tdm for group in groups for tdm in group]
    assert len(labels) == len(set(labels))


def test_the_default_taxonomy_has_each_board_once():
    taxonomy = read_taxonomy()
    for group in same_boards():
        assert sum(tdm in taxonomy.index for tdm in group) <= 1, group


def test_joined_taxonomies_keep_the_own_name_and_take_the_other_as_alias():
    own = Taxonomy.of([Label(ADE_VAL, 0, "higher")])
    other = Taxonomy.of([Label(ADE, 30), Label(CITYSCAPES, 20)])
    joined = join(own, other)
    assert [label.tdm for label in joined.labels] == [ADE_VAL, CITYSCAPES]
    label = joined.labels[0]
    assert label.papers == 30
    assert label.direction == "higher"
    assert set(label.aliases) == {"dataset: ADE20K", "metric: Validation mIoU"}
    assert canonical_names(own, other)[ADE] == ADE_VAL


def test_a_joined_label_keeps_the_aliases_and_the_direction_of_the_other():
    own = Taxonomy.of([Label(ADE_VAL, aliases=("dataset: ADE",))])
    other = Taxonomy.of(
        [Label(ADE, 30, "higher", ("dataset: ADE20K val", "dataset: SceneParse", "metric: IU"))]
    )
    (label,) = join(own, other).labels
    assert label.direction == "higher"
    assert label.aliases == (
        "dataset: ADE",
        "dataset: ADE20K",
        "dataset: SceneParse",
        "metric: Validation mIoU",
        "metric: IU",
    )
    (label,) = join(Taxonomy.of([Label(ADE_VAL, direction="lower")]), other).labels
    assert label.direction == "lower"


def test_of_equal_names_the_smallest_stands_for_all():
    one, twin = (TDM("Image Classification", "ImageNet", m) for m in ("Top 1 Accuracy", "Top-1 Accuracy"))
    other = Taxonomy.of([Label(twin, 30), Label(one, 30)])
    (label,) = join(Taxonomy(()), other).labels
    assert (label.tdm, label.aliases) == (one, ("metric: Top-1 Accuracy",))
    names = canonical_names(Taxonomy(()), other)
    assert names[one] == names[twin] == one


@pytest.mark.parametrize("alias", ["a | b", "a\tb", "a\nb"])
def test_aliases_that_our_own_tsv_cannot_hold(alias):
    taxonomy = Taxonomy.of([Label(ADE, aliases=(f"dataset: {alias}",))])
    with pytest.raises(
        TaxonomyError, match=r"Semantic Segmentation#ADE20K#Validation mIoU.*alias.*(change|take)"
    ):
        list(own_tsv(taxonomy))


def test_aliases_that_our_own_tsv_holds(tmp_path):
    taxonomy = Taxonomy.of([Label(ADE, 1, "higher", ("dataset: a|b", "dataset: c", "metric: d"))])
    (tmp_path / "t.tsv").write_text("\n".join(own_tsv(taxonomy)))
    assert read_taxonomy(str(tmp_path / "t.tsv")) == taxonomy


def test_gold_in_another_spelling_counts_for_the_label_of_the_taxonomy():
    taxonomy = Taxonomy.of([Label(ADE_VAL)])
    gold = Gold({"p": {ADE: ("45.1",), CITYSCAPES: ("80",)}}).renamed(known_names(taxonomy))
    assert gold.results == {"p": {ADE_VAL: ("45.1",), CITYSCAPES: ("80",)}}


def test_two_files_are_joined_into_one_that_can_be_read(tmp_path):
    header = "task\tdataset\tmetric\tdirection\n"
    (tmp_path / "own.tsv").write_text(header + "\t".join([*vars(ADE_VAL).values(), "higher"]) + "\n")
    backbone = "Semantic Segmentation#ADE20K#Backbone"
    (tmp_path / "other.tsv").write_text(f"{ADE}\t30\n{CITYSCAPES}\t20\n{backbone}\t9\nA#B#rare F1\t1\n")
    paths = [str(tmp_path / name) for name in ("own.tsv", "other.tsv", "joined.tsv")]
    assert join_files(*paths, min_count=5) == {"own": 1, "other": 2, "joined": 2}
    joined = read_taxonomy(paths[2])
    assert [label.tdm for label in joined.labels] == [ADE_VAL, CITYSCAPES]
    assert joined.labels[0].papers == 30
    assert "dataset: ADE20K" in joined.labels[0].aliases
