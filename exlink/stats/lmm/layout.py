"""Which design columns a model has, which are shared by fixed and random parts, and which may be centred."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exlink.stats.lmm.formula import INTERCEPT, Model, RandomPart


@dataclass(frozen=True, slots=True)
class Slot:
    """One design column: its name and whether it may be shifted."""

    name: str
    centred: bool


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Design columns in order: fixed effects, columns of random effects only, response.

    slots : tuple of Slot, (K,)
    fixed : int
    factors : tuple of (name, keys, columns (q,), parts)   one per grouping factor, parts of one group joined
    """

    slots: tuple[Slot, ...]
    fixed: int
    factors: tuple[tuple[str, tuple[str, ...], np.ndarray, tuple[int, ...]], ...]


def lay_out(
    model: Model, response: str, fixed_names: Sequence[str], part_names: Callable[[RandomPart], Sequence[str]]
) -> Layout:
    """Return the layout of a model whose categorical columns are known by now.

    Parameters
    ----------
    response : str
    fixed_names : sequence of str
        Columns of the fixed part, the intercept as ``(Intercept)``.
    part_names : callable
        Columns of a random part.
    """
    slots = [Slot(n, model.has_intercept and n != INTERCEPT) for n in fixed_names]
    factors: dict[str, tuple[tuple[str, ...], list[int], list[int]]] = {}
    for part in model.random:
        places = []
        for name in part_names(part):
            slot = Slot(name, part.has_intercept and name != INTERCEPT)
            if slot not in slots:
                slots.append(slot)
            places.append(slots.index(slot))
        _, columns, sizes = factors.setdefault(part.group, (part.keys, [], []))
        columns += places
        sizes.append(len(places))
    slots.append(Slot(response, model.has_intercept))
    found = tuple((g, keys, np.array(columns), tuple(sizes)) for g, (keys, columns, sizes) in factors.items())
    return Layout(tuple(slots), len(fixed_names), found)


def free_entries(parts: Sequence[int]) -> np.ndarray:
    """Return the lower-triangular pattern of independent parts: shape (q, q) bool."""
    total = sum(parts)
    free = np.zeros((total, total), dtype=bool)
    at = 0
    for size in parts:
        free[at : at + size, at : at + size] = np.tril(np.ones((size, size), dtype=bool))
        at += size
    return free
