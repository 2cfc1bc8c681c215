"""Groups of labels that are one board, and the label that stands for each group on boards.

Predictions keep their label; boards, pages and exports show a group once. The groups of `equivalent.tsv` hold
for every taxonomy. A store may add its own in `STORE/equivalents.tsv`, a file that a person can edit: the
columns `group`, `task`, `dataset` and `metric`, and one row a label. Rows of one `group` are one board, and
the first of them that the taxonomy has stands for all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tdm_ray.errors import TaxonomyError
from tdm_ray.records import TDM, TDM_COLUMNS
from tdm_ray.storage import exists, join, open_file
from tdm_ray.taxonomy.equivalent import same_boards
from tdm_ray.taxonomy.labels import Label, Taxonomy

FILE = "equivalents.tsv"
HEADER = ("group", *TDM_COLUMNS)
Group = tuple[TDM, ...]


def read_groups(path: str) -> list[Group]:
    """The groups of a file, in its order.

    Raises `TaxonomyError` where a column or a name is missing: it names file, row and cure."""
    with open_file(path) as file:
        text = file.read().decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    if missing := [name for name in HEADER if name not in (rows.fieldnames or ())]:
        raise TaxonomyError(f"{path}: no column {missing[0]!r}; its first line must be {' '.join(HEADER)}")
    groups: dict[str, list[TDM]] = {}
    for number, row in enumerate(rows, start=2):
        names = [(row[name] or "").strip() for name in HEADER]
        if not all(names):
            raise TaxonomyError(f"{path}, row {number}: a field is empty; give {', '.join(HEADER)}")
        groups.setdefault(names[0], []).append(TDM(*names[1:]))
    return [tuple(dict.fromkeys(group)) for group in groups.values()]


def groups_of_store(root: str) -> list[Group]:
    """The groups that people have accepted for a store; none where it has no file of them."""
    path = join(root, FILE)
    return read_groups(path) if exists(path) else []


def add_groups(root: str, groups: Iterable[Sequence[TDM]]) -> int:
    """Add groups to the file of a store, but those that it has; returns how many were new."""
    known = groups_of_store(root)
    held = {frozenset(group) for group in known}
    new = [tuple(group) for group in groups if frozenset(group) not in held]
    lines = ["\t".join(HEADER)]
    for number, group in enumerate((*known, *new), start=1):
        lines += ["\t".join((str(number), *(getattr(tdm, part) for part in TDM_COLUMNS))) for tdm in group]
    with open_file(join(root, FILE), "wb") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
    return len(new)


def boards_of(taxonomy: Taxonomy, groups: Sequence[Group] = ()) -> dict[TDM, TDM]:
    """For each label that another one stands for on boards: that one.

    `groups` are a store's own, which count before those that ship. Groups that share a label are one group.
    A group that ships is left apart where the taxonomy gives its labels opposite directions. Raises
    `TaxonomyError` where by a store's own a metric that is better higher would stand for one that is better
    lower."""
    known = {label.tdm: label for label in taxonomy.labels}
    ours = [[tdm for tdm in group if tdm in known] for group in groups]
    shipped = [[tdm for tdm in group if tdm in known] for group in same_boards()]
    fitting = [group for group in shipped if not _opposite([known[tdm] for tdm in group])]
    first = dict.fromkeys(tdm for group in ours for tdm in group)
    order = {tdm: number for number, tdm in enumerate(first)}
    boards = {}
    for members in _joined([*ours, *fitting]):
        labels = [known[tdm] for tdm in members]
        if clash := _opposite(labels):
            raise TaxonomyError(
                f"{clash[0].tdm} is better {clash[0].direction} and {clash[1].tdm} {clash[1].direction}: "
                f"they cannot be one board; take one of them out of {FILE}"
            )
        chosen = min(labels, key=lambda label: _rank(label, order)).tdm
        boards.update({tdm: chosen for tdm in members if tdm != chosen})
    return boards


def _joined(groups: Iterable[Sequence[TDM]]) -> Iterator[list[TDM]]:
    """The groups, those joined that share a label; each label once, in order of appearance."""
    found: dict[TDM, list[TDM]] = {}
    for group in groups:
        whole: list[TDM] = []
        for tdm in group:
            whole += [other for other in found.get(tdm, [tdm]) if other not in whole]
        found.update(dict.fromkeys(whole, whole))
    seen: set[int] = set()
    for group in found.values():
        if id(group) not in seen and len(group) > 1:
            seen.add(id(group))
            yield group


def _opposite(labels: Sequence[Label]) -> tuple[Label, Label] | None:
    by_direction = {label.direction: label for label in labels if label.direction != "unknown"}
    return (by_direction["higher"], by_direction["lower"]) if len(by_direction) > 1 else None


def _rank(label: Label, order: Mapping[TDM, int]) -> tuple[int, bool, int, TDM]:
    """First what people put first, then labels of a known direction, then those of many papers."""
    return order.get(label.tdm, len(order)), label.direction == "unknown", -label.papers, label.tdm
