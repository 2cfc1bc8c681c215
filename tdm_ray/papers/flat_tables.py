"""Tables that plain text keeps as lines: pages scraped as text, `pdftotext -layout`.

A caption ("Table 2: ..."), above or below it one to three lines of a head, then rows of a name and numbers:

    Table 1: Results on CIFAR-10.               Table 2. Results.
    Model Error (%) Final Score                 Model            CIFAR-10        Params
    ResNet [4] 6.43 25.1                                       top-1  top-5
    Ours 3.2 18.1                               ResNet [4]      93.6            1.7M

Where runs of blanks keep the columns, a cell belongs to the column that it stands in. Else the numbers of a
row are aligned from the right, as many as the head has names. What cannot be aligned stays text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tdm_ray.papers.flat_columns import Grids, grid_of
from tdm_ray.papers.flat_heads import begins_with_label, heads_models, is_label
from tdm_ray.papers.flat_rows import cells_of, is_row, is_rule
from tdm_ray.papers.grid import counts_up
from tdm_ray.text.clean import clean

_CAPTION = re.compile(
    r"^\W{0,3}(?:table|tab\.)\s*(?:\d{1,3}|[IVX]{1,5}|[A-Z]\.?\d{1,2})\b(?P<mark>\s*[.:|)–—-]*)\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
_MOST_ABOVE = 3  # lines of a head
_MOST_BETWEEN = 9  # lines of caption and head
_MOST_BLANK = 2
_MOST_ROWS = 400
_LEAST_ROWS = 2
_GROUP_WORDS = 6


@dataclass(frozen=True)
class FlatTable:
    """A table found in text: its caption, its grid with the head on top, and the lines that it took."""

    caption: str
    grid: list[list[str]]
    head: int
    lines: frozenset[int]


def is_caption(line: str) -> bool:
    """Whether a line begins a caption: "Table 2: Results", and not "Table 2 shows that"."""
    match = _CAPTION.match(line.strip())
    if match is None:
        return False
    return bool(match["mark"].strip()) or not match["rest"] or not match["rest"][0].islower()


def find_tables(lines: Sequence[str]) -> list[FlatTable]:
    """The tables of a text, in order. `FlatTable.lines` are the numbers of the lines of head and rows; the
    caption stays text."""
    captions = [number for number, line in enumerate(lines) if "ab" in line.lower()[:12] and is_caption(line)]
    if not captions:
        return []
    rows = [number not in captions and is_row(line) for number, line in enumerate(lines)]
    page = _Page(lines, rows, frozenset(captions))
    below = {caption: page.below(caption) for caption in captions}
    above = {caption: page.above(caption) for caption in captions}
    first, second = (above, below) if page.support(above) > page.support(below) else (below, above)
    found: dict[int, FlatTable] = {}
    taken: set[int] = set()
    for tables in (first, second):
        for caption, table in tables.items():
            if table and caption not in found and taken.isdisjoint(table.lines):
                found[caption] = table
                taken |= table.lines
    return [found[caption] for caption in sorted(found)]


def aligned(lines: Sequence[str]) -> list[list[str]] | None:
    """The grid of lines that are a table's head and rows; None where they cannot be aligned."""
    first = next((number for number, line in enumerate(lines) if is_row(line)), 0)
    if not 0 < first <= _MOST_ABOVE or len(lines) - first < _LEAST_ROWS:
        return None
    grid = _grid(lines[:first], lines[first:])
    rows = [row for row in grid[1] if row is not None] if grid else []
    return [*grid[0], *rows] if grid and len(rows) == len(grid[1]) else None


@dataclass(frozen=True)
class _Page:
    lines: Sequence[str]
    rows: Sequence[bool]
    captions: frozenset[int]

    def below(self, caption: int) -> FlatTable | None:
        """The table under a caption, which may have several lines itself."""
        between: list[int] = []
        blanks = 0
        gap = None  # where an empty line ends the caption
        number = caption + 1
        while number < len(self.lines) and len(between) <= _MOST_BETWEEN and number not in self.captions:
            if self._is_blank(number):
                blanks += 1
                gap = len(between) if gap is None else gap
                if blanks > _MOST_BLANK:
                    return None
            elif self._begins_run(number):
                return self._of_run(caption, between, gap, self._run(number))
            else:
                blanks = 0
                between.append(number)
            number += 1
        return None

    def above(self, caption: int) -> FlatTable | None:
        """The table over a caption."""
        last = caption - 1
        while last >= 0 and self._is_blank(last) and caption - last <= _MOST_BLANK:
            last -= 1
        if last < 0 or not self.rows[last]:
            return None
        first = last
        number = last
        blanks = 0
        while number > 0 and last - number < _MOST_ROWS:
            number -= 1
            if number in self.captions:
                break
            if self.rows[number]:
                first = number
                blanks = 0
            elif self._is_blank(number):
                blanks += 1
                if blanks > _MOST_BLANK:
                    break
            elif not self._is_group(number):
                break
        run = [n for n in self._run(first) if n <= last]
        heads: list[int] = []
        number = first - 1
        while number >= 0 and first - number <= _MOST_BLANK and self._is_blank(number):
            number -= 1
        while number >= 0 and self._names(heads) < _MOST_ABOVE and not self._is_blank(number):
            if number in self.captions:
                break
            heads.insert(0, number)
            number -= 1
        return self._of_run(caption, heads, 0, run) if len(run) >= _LEAST_ROWS else None

    def support(self, tables: Mapping[int, FlatTable | None]) -> int:
        """How much speaks for this side of the captions: a table counts twice that no blank line keeps from
        its caption."""
        found = [(caption, table.lines) for caption, table in tables.items() if table]
        return len(found) + sum(
            not any(self._is_blank(number) for number in range(caption + 1, min(lines)))
            if min(lines) > caption
            else max(lines) == caption - 1
            for caption, lines in found
        )

    def _is_blank(self, number: int) -> bool:
        return not self.lines[number].strip() or is_rule(self.lines[number])

    def _is_group(self, number: int) -> bool:
        """Whether a line without numbers may head the rows under it ("Supervised:")."""
        text = self.lines[number].strip()
        return 0 < len(text.split()) <= _GROUP_WORDS and not re.search(r"\d|[.;,]$", text)

    def _begins_run(self, number: int) -> bool:
        if not self.rows[number]:
            return False
        run = self._run(number)
        return sum(self.rows[n] for n in run) >= _LEAST_ROWS

    def _run(self, first: int) -> list[int]:
        """The lines of rows and groups from the first on; it ends with a row."""
        run: list[int] = []
        pending: list[int] = []
        blanks = 0
        for number in range(first, min(first + _MOST_ROWS, len(self.lines))):
            if number in self.captions:
                break
            if self.rows[number]:
                run += [*pending, number]
                pending = []
                blanks = 0
            elif self._is_blank(number):
                blanks += not is_rule(self.lines[number])
                if blanks > _MOST_BLANK:
                    break
            elif self._is_group(number) and len(pending) < 2:
                pending.append(number)
                blanks = 0
            else:
                break
        return run

    def _of_run(
        self, caption: int, between: Sequence[int], gap: int | None, run: Sequence[int]
    ) -> FlatTable | None:
        """The table of the rows of a run; of the lines before them the last few are its head."""
        between, run = self._without_group(between, run)
        found = self._with_heads(caption, between, gap, run)
        if found is None and len(between) > 1 and self._is_group(between[-1]):
            found = self._with_heads(caption, between[:-1], gap, [between[-1], *run])
        return found

    def _names(self, lines: Sequence[int]) -> int:
        """How many lines of a head there are besides those that hold but "Method"."""
        return sum(not is_label(self.lines[number]) for number in lines)

    def _with_heads(
        self, caption: int, between: Sequence[int], gap: int | None, run: Sequence[int]
    ) -> FlatTable | None:
        count = self._heads_of_numbers(run)
        if count:
            between = [*between, *run[:count]][-_MOST_BETWEEN:]
            run = run[count:]
            gap = None if gap is None else min(gap, len(between) - count)
        body = [self.lines[number] for number in run]
        for heads in self._heads(between, gap):
            grid = _grid([self.lines[number] for number in heads], body)
            if grid:
                kept = [number for number, row in zip(run, grid[1], strict=True) if row is not None]
                said = [caption, *(n for n in between if n < min(heads, default=run[0]))]
                return FlatTable(
                    clean(" ".join(self.lines[number] for number in said)),
                    [*grid[0], *(row for row in grid[1] if row is not None)],
                    len(grid[0]),
                    frozenset((*heads, *kept)),
                )
        return None

    def _heads(self, between: Sequence[int], gap: int | None) -> Iterator[Sequence[int]]:
        """What may be the head among the lines between a caption and the rows, the likeliest first."""
        if gap is not None and gap < len(between) and self._names(between[gap:]) <= _MOST_ABOVE:
            yield between[gap:]
        for count in range(min(_MOST_ABOVE + 1, len(between)), 0, -1):
            if 0 < self._names(between[-count:]) <= _MOST_ABOVE:
                yield between[-count:]

    def _heads_of_numbers(self, run: Sequence[int]) -> int:
        """How many lines at the start of the rows are a head with numbers in it: they begin with a word that
        no row does ("Model 1K 2K 4K"), hold more words than the rows and than numbers ("Run 1 Run 2"), or
        count upwards ("0.1 0.2 0.3")."""
        rows = [cells_of(self.lines[number]) for number in run]
        kinds = [tuple(cell.is_value for cell in row) for row in rows]
        usual = Counter(kinds).most_common(1)[0][0] if kinds else ()
        count = 0
        while count < _MOST_ABOVE - 1 and len(run) - count > _LEAST_ROWS:
            has_more_words = kinds[count].count(False) > usual.count(False) and _names_numbers(kinds[count])
            is_rising = (False, *kinds[count]) == usual and counts_up([cell.text for cell in rows[count]])
            if not has_more_words and not is_rising and not heads_models(self.lines[run[count]]):
                break
            count += 1
        return count

    def _without_group(
        self, between: Sequence[int], run: Sequence[int]
    ) -> tuple[Sequence[int], Sequence[int]]:
        """The lines before the rows, and the rows. A group's name between the head and them ("Supervised:")
        is one of these."""
        heads = (n for n in between[-_MOST_ABOVE:] if not is_label(self.lines[n]))
        labelled = [n for n in heads if begins_with_label(self.lines[n])]
        if labelled and between[-2:-1] == labelled[-1:] and self._is_group(between[-1]):
            return between[:-1], [between[-1], *run]
        return between, run


def _names_numbers(kinds: Sequence[bool]) -> bool:
    """Whether the numbers of a line belong to words: there are more of these, or one before each."""
    words = kinds.count(False)
    return words > kinds.count(True) or (words > 1 and tuple(kinds) == (False, True) * words)


def _grid(heads: Sequence[str], body: Sequence[str]) -> Grids | None:
    """The head's rows and the body's (None for a line that is no row); None where they cannot be aligned."""
    if all("\t" in line.strip() for line in (*heads, *body)):
        return _of_tabs(heads, body)
    return grid_of([line.expandtabs() for line in heads], [line.expandtabs() for line in body])


def _of_tabs(heads: Sequence[str], body: Sequence[str]) -> Grids | None:
    """The rows of lines whose cells are separated by tabs; None where they are not all of one width."""
    head, rows = ([[clean(cell) for cell in line.split("\t")] for line in lines] for lines in (heads, body))
    return (head, list(rows)) if head and len({len(row) for row in (*head, *rows)}) == 1 else None
