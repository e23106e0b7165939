"""Which cells of a table must be hidden so that no small group can be read or worked out.

Primary suppression hides every cell with fewer than ``min_group`` people. Complementary suppression
then hides further cells until subtraction no longer gives a hidden one back. The reader is assumed
to know every cell that is shown, every total (whether it stands in the table or was published
elsewhere), and that a hidden cell holds at least one person, because empty cells are shown as empty.

Two tests must hold, and both are repeated until nothing changes:

* in each line of the table (all rows that differ in one dimension only) hidden cells are none, or at
  least two that hold ``min_group`` people together;
* solving all lines at once leaves each hidden small group at least ``SLACK + 1`` whole numbers it could
  be. The line test alone is not enough: where two blocks of hidden cells touch in one cell, that cell
  is the difference of their totals although every line hides two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SLACK = 2  # a hidden count must be able to move by this many people: three values fit, never one
_TOLERANCE = 1e-6  # of the linear programme, in people


@dataclass(frozen=True, slots=True)
class _Line:
    """One sum a reader can form: the members add up to the margin.

    members : tuple of int     cells that add up
    margin : int or None       the cell that shows their total; None when the total stands elsewhere
    unlisted : int             people in the margin who are in none of the members
    """

    members: tuple[int, ...]
    margin: int | None
    unlisted: int

    def cells(self) -> tuple[int, ...]:
        return self.members if self.margin is None else (*self.members, self.margin)


def hidden_cells(
    people: Sequence[int],
    labels: Sequence[tuple[str, ...]],
    *,
    min_group: int,
    margin: str = "all",
    over: Sequence[int] | None = None,
    complement: bool = True,
) -> np.ndarray:
    """Return a boolean array, shape (cells,): which cells must be hidden.

    Parameters
    ----------
    people : sequence of int
        Number of people behind each cell; zero is an empty cell and is shown.
    labels : sequence of tuple
        Each cell's label in every dimension of the table.
    min_group : int
        The smallest group that may be shown.
    margin : str
        The label of a total in any dimension.
    over : sequence of int, optional
        Dimensions along which cells add up; all of them when left out.
    complement : bool
        Whether to hide further cells so that subtraction gives nothing back.
    """
    # The order of rows must not decide what is hidden, so the search runs in an order of its own.
    order = sorted(range(len(people)), key=lambda i: (labels[i], people[i]))
    counts = np.array([people[i] for i in order], dtype=np.int64)
    hidden = (counts > 0) & (counts < min_group)
    if complement and len(counts):
        ordered = [labels[i] for i in order]
        dimensions = range(len(ordered[0])) if over is None else over
        lines = _lines(counts, ordered, dimensions, min_group, margin)
        totals = np.array([margin in label for label in ordered])
        while _close_lines(counts, hidden, lines, totals, min_group) or _open_ranges(
            counts, hidden, lines, totals, min_group
        ):
            pass
    result = np.zeros(len(counts), dtype=bool)
    result[order] = hidden
    return result


def _lines(
    counts: np.ndarray,
    labels: Sequence[tuple[str, ...]],
    dimensions: Sequence[int],
    min_group: int,
    margin: str,
) -> list[_Line]:
    """Return the sums a reader can form, one per line of the table."""
    lines = []
    if labels and not labels[0]:  # no dimension at all: the rows are one line
        groups = {(): list(range(len(labels)))}
        lines += _lines_of(counts, groups, {}, min_group)
    for dimension in dimensions:
        groups, margins = defaultdict(list), {}
        for cell, label in enumerate(labels):
            rest = label[:dimension] + label[dimension + 1 :]
            if label[dimension] == margin:
                margins[rest] = cell
            else:
                groups[rest].append(cell)
        lines += _lines_of(counts, groups, margins, min_group)
    return lines


def _lines_of(
    counts: np.ndarray, groups: dict[tuple, list[int]], margins: dict[tuple, int], min_group: int
) -> list[_Line]:
    """Return the lines of one dimension."""
    lines = []
    for rest, cells in groups.items():
        members = tuple(c for c in cells if counts[c] > 0)
        total = int(counts[list(members)].sum()) if members else 0
        if rest in margins:
            unlisted = max(0, int(counts[margins[rest]]) - total)
            lines.append(_Line(members, margins[rest], unlisted))
        elif total >= min_group:  # a smaller total is itself hidden wherever it is published
            lines.append(_Line(members, None, 0))
    return lines


def _close_lines(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[_Line], totals: np.ndarray, min_group: int
) -> bool:
    """Hide further cells until every line hides none or enough; return whether any was hidden."""
    # A shown total of a line with one member says what that member is, so hiding it protects nothing.
    exposed = {line.members[0] for line in lines if line.margin is None and len(line.members) == 1}
    changed, again = False, True
    while again:
        again = False
        for line in lines:
            if _is_closed(line, counts, hidden, min_group):
                continue
            further = [c for c in line.cells() if not hidden[c] and counts[c] > 0]
            if further:
                hidden[min(further, key=lambda c: (totals[c], c in exposed, counts[c], c))] = True
                changed = again = True
    return changed


def _is_closed(line: _Line, counts: np.ndarray, hidden: np.ndarray, min_group: int) -> bool:
    """Return whether the hidden cells of a line are none, or too many to tell apart."""
    concealed = [c for c in line.cells() if hidden[c]]
    if not concealed:
        return not 0 < line.unlisted < min_group
    parts = len(concealed) + (line.unlisted > 0)
    return parts >= 2 and int(counts[concealed].sum()) + line.unlisted >= min_group


def _open_ranges(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[_Line], totals: np.ndarray, min_group: int
) -> bool:
    """Hide one more cell next to each small group that all lines together pin down."""
    small = [int(c) for c in np.flatnonzero(hidden & (counts < min_group))]
    if not small:
        return False
    ranges = feasible_ranges(counts, hidden, lines, wanted=small)
    changed = False
    for cell in small:
        low, high = ranges[cell]
        if high - low >= SLACK - _TOLERANCE:
            continue
        further = _neighbours(cell, counts, hidden, lines)
        if further:
            hidden[min(further, key=lambda c: (totals[c], counts[c], c))] = True
            changed = True
    return changed


def _neighbours(cell: int, counts: np.ndarray, hidden: np.ndarray, lines: Sequence[_Line]) -> list[int]:
    """Return the shown cells in the lines of ``cell``; failing these, in lines of their hidden cells."""
    reached, frontier = set(), {cell}
    while frontier:
        touched = [line for line in lines if frontier & set(line.cells())]
        shown = {c for line in touched for c in line.cells() if not hidden[c] and counts[c] > 0}
        if shown:
            return sorted(shown)
        reached |= frontier
        frontier = {c for line in touched for c in line.cells() if hidden[c]} - reached
    return []


def feasible_ranges(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[_Line], wanted: Sequence[int]
) -> dict[int, tuple[float, float]]:
    """Return, for each wanted hidden cell, the smallest and largest count that fits all lines.

    The search for a cell stops early once its range is seen to be wider than ``SLACK``.
    """
    from scipy.optimize import linprog  # half a second to import, needed by tables with hidden cells only

    system, cells = _equations(counts, hidden, lines)
    truth = np.concatenate([counts[cells], [line.unlisted for line in lines if line.unlisted > 0]])
    low, high = truth.astype(float), truth.astype(float)
    column = {cell: j for j, cell in enumerate(cells)}
    for cell in wanted:
        j = column[cell]
        for sign in (1.0, -1.0):
            if high[j] - low[j] >= SLACK:
                break
            objective = np.zeros(len(truth))
            objective[j] = sign
            solved = linprog(objective, A_eq=system, b_eq=system @ truth, bounds=(1, None), method="highs")
            if solved.status == 3:  # unbounded: any larger count fits
                high[j] = np.inf
                continue
            if solved.x is None:
                raise ArithmeticError(f"disclosure check could not be solved: {solved.message}")
            # One solution is a witness for every cell, which spares most of the other programmes.
            low, high = np.minimum(low, solved.x), np.maximum(high, solved.x)
    return {cell: (low[column[cell]], high[column[cell]]) for cell in wanted}


def _equations(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[_Line]
) -> tuple[np.ndarray, list[int]]:
    """Return the sums of hidden cells a reader knows, shape (lines, hidden cells + unlisted groups)."""
    cells = [int(c) for c in np.flatnonzero(hidden)]
    column = {cell: j for j, cell in enumerate(cells)}
    unlisted = [k for k, line in enumerate(lines) if line.unlisted > 0]
    system = np.zeros((len(lines), len(cells) + len(unlisted)))
    for k, line in enumerate(lines):
        for cell in line.members:
            if hidden[cell]:
                system[k, column[cell]] = 1.0
        if line.margin is not None and hidden[line.margin]:
            system[k, column[line.margin]] = -1.0
    for j, k in enumerate(unlisted):
        system[k, len(cells) + j] = 1.0
    return system[np.any(system != 0, axis=1)], cells
