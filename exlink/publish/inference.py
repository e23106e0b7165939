"""What a reader can work out about hidden cells from the sums a table shows or implies.

The reader knows every shown cell and every total, and that a hidden cell holds at least one person, unless hidden
cells with nobody are told of (``suppression.hidden_cells``, members).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SLACK = 2  # a hidden count must be able to move by this many people: three values fit, never one
TOLERANCE = 1e-6  # of linear algebra and linear programmes, in people
_JOINT_ROUNDS = 12  # joint programmes before single ones; more only saves time


@dataclass(frozen=True, slots=True)
class Line:
    """One sum a reader can form: the members add up to the margin.

    members : tuple of int     cells that add up
    margin : int or None       the cell that shows their total; None when the total stands elsewhere
    unlisted : int             people in the margin who are in none of the members
    """

    members: tuple[int, ...]
    margin: int | None
    unlisted: int

    def cells(self) -> tuple[int, ...]:
        """Return the members and, when it is shown in the table, the margin."""
        return self.members if self.margin is None else (*self.members, self.margin)


def lines_of(
    counts: np.ndarray,
    labels: Sequence[tuple[str, ...]],
    dimensions: Sequence[int],
    min_group: int,
    margin: str,
    held: np.ndarray,
) -> list[Line]:
    """Return the sums a reader can form, one per line of the table; cells that are not ``held`` are known as empty."""
    lines = []
    if labels and not labels[0]:  # no dimension at all: the rows are one line
        groups = {(): list(range(len(labels)))}
        lines += _one_dimension(counts, groups, {}, min_group, held)
    for dimension in dimensions:
        groups, margins = defaultdict(list), {}
        for cell, label in enumerate(labels):
            rest = label[:dimension] + label[dimension + 1 :]
            if label[dimension] == margin:
                margins[rest] = cell
            else:
                groups[rest].append(cell)
        lines += _one_dimension(counts, groups, margins, min_group, held)
    return lines


def _one_dimension(
    counts: np.ndarray,
    groups: dict[tuple, list[int]],
    margins: dict[tuple, int],
    min_group: int,
    held: np.ndarray,
) -> list[Line]:
    """Return the lines of one dimension."""
    lines = []
    for rest, cells in groups.items():
        members = tuple(c for c in cells if held[c])
        total = int(counts[list(members)].sum()) if members else 0
        if rest in margins:
            unlisted = max(0, int(counts[margins[rest]]) - total)
            lines.append(Line(members, margins[rest], unlisted))
        elif total >= min_group:  # a smaller total is itself hidden wherever it is published
            lines.append(Line(members, None, 0))
    return lines


def feasible_ranges(
    counts: np.ndarray, hidden: np.ndarray, lines: Sequence[Line], wanted: Sequence[int]
) -> dict[int, tuple[float, float]]:
    """Return, for each wanted hidden cell, the smallest and largest count that fits all lines.

    The search for a cell stops early once its range is seen to be wider than ``SLACK``.
    """
    from scipy.optimize import linprog  # half a second to import, needed by tables with hidden cells only

    system, cells = equations(counts, hidden, lines)
    least = 0 if (counts[cells] == 0).any() else 1  # nobody is hidden among them, so a hidden cell may hold nobody
    truth = np.concatenate([counts[cells], [line.unlisted for line in lines if line.unlisted > 0]]).astype(float)
    low, high = truth.copy(), truth.copy()
    at = np.array([cells.index(cell) for cell in wanted], dtype=int)

    def witness(objective: np.ndarray) -> None:
        """Widen all ranges by the one solution that is best for an objective."""
        solved = linprog(objective, A_eq=system, b_eq=system @ truth, bounds=(least, None), method="highs")
        if solved.status == 3:  # unbounded: with one cell sought, it can be as large as you like
            if np.count_nonzero(objective) == 1:
                high[objective < 0] = np.inf
        elif solved.x is None:
            raise ArithmeticError(f"disclosure check could not be solved: {solved.message}")
        else:
            np.minimum(low, solved.x, out=low)
            np.maximum(high, solved.x, out=high)

    # A few solutions for all cells at once spare most of the programmes for single cells.
    signs = np.random.default_rng(0)
    for _ in range(_JOINT_ROUNDS):
        narrow = at[high[at] - low[at] < SLACK]
        if len(narrow) <= 1:
            break
        objective = np.zeros(len(truth))
        objective[narrow] = signs.choice([-1.0, 1.0], size=len(narrow))
        witness(objective)
    for j in at:
        for sign in (1.0, -1.0):
            if high[j] - low[j] < SLACK:
                objective = np.zeros(len(truth))
                objective[j] = sign
                witness(objective)
    return {cell: (low[j], high[j]) for cell, j in zip(wanted, at, strict=True)}


def equations(counts: np.ndarray, hidden: np.ndarray, lines: Sequence[Line]) -> tuple[np.ndarray, list[int]]:
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


def free_directions(system: np.ndarray) -> np.ndarray:
    """Return how hidden cells can move while every known sum stays: orthonormal, shape (cells, freedoms)."""
    _, values, basis = np.linalg.svd(system)
    return basis[int((values > TOLERANCE).sum()) :].T


def zero_sums(rows: np.ndarray, people: np.ndarray, min_group: int) -> list[tuple[int, ...]]:
    """Return the pairs and triples of rows that add up to nothing and hold fewer than ``min_group`` people.

    A sum of cells is given away exactly when it does not move in any free direction. Each row is first
    reduced to one number, so that candidates come from a sorted list instead of all triples.
    """
    number = rows @ np.random.default_rng(0).normal(size=rows.shape[1])
    order = np.argsort(number, kind="stable")
    ranked = number[order]
    first, second = np.triu_indices(len(rows), k=1)
    few = people[first] + people[second] < min_group
    first, second = first[few], second[few]
    partial = number[first] + number[second]
    found = [
        (int(first[p]), int(second[p]))
        for p in np.flatnonzero(np.abs(partial) < TOLERANCE)
        if _stands_still(rows[[first[p], second[p]]])
    ]
    start = np.searchsorted(ranked, -partial - TOLERANCE)
    stop = np.searchsorted(ranked, -partial + TOLERANCE)
    for p in np.flatnonzero(stop > start):
        for k in order[start[p] : stop[p]]:
            triple = [int(first[p]), int(second[p]), int(k)]
            if k > second[p] and people[triple].sum() < min_group and _stands_still(rows[triple]):
                found.append(tuple(triple))
    return found


def _stands_still(rows: np.ndarray) -> bool:
    return bool(np.abs(rows.sum(axis=0)).max(initial=0.0) < TOLERANCE)
