"""Which cells of a table must be hidden so that no small group can be read or worked out.

Primary suppression hides every cell with fewer than ``min_group`` people. Complementary suppression
then hides further cells until subtraction no longer gives a hidden one back. The reader is assumed
to know every cell that is shown, every total (whether it stands in the table or was published
elsewhere), and that a hidden cell holds at least one person, because empty cells are shown as empty.
Where the people on one side of a share are counted (``members``), nobody on that side is a small group too: a
hidden cell then holds anybody or nobody, and that it holds nobody is protected like any small number.

Three tests must hold, and are repeated until nothing changes:

* in each line of the table (all rows that differ in one dimension only) hidden cells are none, or at
  least two that hold ``min_group`` people together;
* solving all lines at once leaves each hidden small group at least three whole numbers it could
  be. The line test alone is not enough: where two blocks of hidden cells touch in one cell, that cell
  is the difference of their totals although every line hides two;
* no sum of two or three hidden small groups that all lines together give away stays below ``min_group``.
  (Sums of four and more are not searched for.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exlink.publish.inference import (
    SLACK,
    TOLERANCE,
    Line,
    equations,
    feasible_ranges,
    free_directions,
    lines_of,
    zero_sums,
)


def hidden_cells(
    people: Sequence[int],
    labels: Sequence[tuple[str, ...]],
    *,
    min_group: int,
    margin: str = "all",
    over: Sequence[int] | None = None,
    complement: bool = True,
    already: Sequence[bool] | None = None,
    members: Sequence[int] | None = None,
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
    already : sequence of bool, optional
        Cells that are hidden whatever their count, because another table of the same people hides them.
    members : sequence of int, optional
        Number of people in each cell, where ``people`` counts those on one side of a share: a cell that has members
        and nobody on that side is hidden as well, unless that is so for the total of all cells it adds up to.
    """
    # The order of rows must not decide what is hidden, so the search runs in an order of its own.
    order = sorted(range(len(people)), key=lambda i: (labels[i], people[i]))
    counts = np.array([people[i] for i in order], dtype=np.int64)
    ordered = [labels[i] for i in order]
    dimensions = range(len(ordered[0]) if ordered else 0) if over is None else over
    held = counts > 0  # cells that may hold somebody, as far as a reader can tell
    if members is not None:
        held = np.array([members[i] > 0 for i in order], dtype=bool)
        held &= ~_nobody_at_all(counts, ordered, dimensions, margin)
    hidden = held & (counts < min_group)
    if already is not None:
        hidden |= np.array([bool(already[i]) for i in order], dtype=bool) & held
    if complement and len(counts):
        lines = lines_of(counts, ordered, dimensions, min_group, margin, held)
        totals = np.array([margin in label for label in ordered])
        tests = (_close_lines, _open_ranges, _open_sums)  # the cheapest first; each may reopen the others
        while any(test(counts, hidden, lines, totals, min_group) for test in tests):
            pass
    result = np.zeros(len(counts), dtype=bool)
    result[order] = hidden
    return result if already is None else result | np.asarray(already, dtype=bool)


def _nobody_at_all(
    counts: np.ndarray, labels: Sequence[tuple[str, ...]], dimensions: Sequence[int], margin: str
) -> np.ndarray:
    """Return which cells belong to a total that holds nobody: what is true of everybody is not hidden in parts."""
    wholes = [tuple(margin if d in dimensions else part for d, part in enumerate(label)) for label in labels]
    empty = {label for label, count in zip(labels, counts, strict=True) if count == 0}
    return np.array([whole in empty for whole in wholes], dtype=bool)


def _close_lines(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[Line], totals: np.ndarray, min_group: int
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


def _is_closed(line: Line, counts: np.ndarray, hidden: np.ndarray, min_group: int) -> bool:
    """Return whether the hidden cells of a line are none, or too many to tell apart."""
    concealed = [c for c in line.cells() if hidden[c]]
    if not concealed:
        return not 0 < line.unlisted < min_group
    parts = len(concealed) + (line.unlisted > 0)
    return parts >= 2 and int(counts[concealed].sum()) + line.unlisted >= min_group


def _open_ranges(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[Line], totals: np.ndarray, min_group: int
) -> bool:
    """Hide one more cell next to each small group that all lines together pin down."""
    small = _small(counts, hidden, min_group)
    if not small:
        return False
    ranges = feasible_ranges(counts, hidden, lines, wanted=small)
    pinned = [(c,) for c in small if ranges[c][1] - ranges[c][0] < SLACK - TOLERANCE]
    return _hide_beside(pinned, counts, hidden, lines, totals)


def _open_sums(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[Line], totals: np.ndarray, min_group: int
) -> bool:
    """Hide one more cell next to each two or three small groups whose sum all lines together give away."""
    small = _small(counts, hidden, min_group)
    if len(small) < 2:
        return False
    system, cells = equations(counts, hidden, lines)
    rows = free_directions(system)[[cells.index(c) for c in small]]
    people = counts[small]
    found = [tuple(small[k] for k in group) for group in zero_sums(rows, people, min_group)]
    return _hide_beside(found, counts, hidden, lines, totals)


def _small(counts: np.ndarray, hidden: np.ndarray, min_group: int) -> list[int]:
    return [int(c) for c in np.flatnonzero(hidden & (counts < min_group))]


def _hide_beside(
    groups: Sequence[tuple[int, ...]],
    counts: np.ndarray,
    hidden: np.ndarray,
    lines: Sequence[Line],
    totals: np.ndarray,
) -> bool:
    """Hide the smallest shown cell beside each group; return whether any could be hidden."""
    changed = False
    for group in groups:
        further = _neighbours(group, counts, hidden, lines)
        if further:
            hidden[min(further, key=lambda c: (totals[c], counts[c], c))] = changed = True
    return changed


def _neighbours(group: Sequence[int], counts: np.ndarray, hidden: np.ndarray, lines: Sequence[Line]) -> list[int]:
    """Return the shown cells in the lines of ``group``; failing these, in lines of their hidden cells."""
    reached, frontier = set(), set(group)
    while frontier:
        touched = [line for line in lines if frontier & set(line.cells())]
        shown = {c for line in touched for c in line.cells() if not hidden[c] and counts[c] > 0}
        if shown:
            return sorted(shown)
        reached |= frontier
        frontier = {c for line in touched for c in line.cells() if hidden[c]} - reached
    return []
