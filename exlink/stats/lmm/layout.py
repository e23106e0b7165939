"""Which design columns a model has, which are shared by fixed and random parts, and which may be centred."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import ModelSpec

from exlink.errors import EstimationError
from exlink.stats.lmm.formula import INTERCEPT, Model, RandomPart
from exlink.stats.lmm.products import Grouping


@dataclass(frozen=True, slots=True)
class Side:
    """The columns of a right-hand side.

    names : tuple of str      the constant column as ``(Intercept)``
    constant : tuple of str   columns that sum to 1 in every row: the intercept, or all indicators of a term, one for
                              each category; empty where no term says so
    """

    names: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    def slots(self) -> list[Slot]:
        """Return the columns, each with whether it may be shifted.

        Beside a constant a shift only re-expresses its coefficient, and the covariance of random effects in one part;
        without one it would be another model. What makes up the constant cannot be shifted itself.
        """
        return [Slot(n, bool(self.constant) and n not in self.constant) for n in self.names]


@dataclass(frozen=True, slots=True)
class Slot:
    """One design column: its name and whether it may be shifted."""

    name: str
    centred: bool


@dataclass(frozen=True, slots=True, eq=False)
class FactorLayout:
    """One grouping factor, its independent parts joined.

    name : str
    keys : tuple of str              columns of the data
    columns : ndarray of int, (q,)   positions of its effects' columns among the slots
    parts : tuple of int             how many effects each part has
    constant : ndarray of bool, (q,) effects that make up the constant of their part
    """

    name: str
    keys: tuple[str, ...]
    columns: np.ndarray
    parts: tuple[int, ...]
    constant: np.ndarray

    def grouping(self, levels: Any) -> Grouping:
        """Return the factor with the levels it has in the data, (J,) sorted."""
        index = pd.Index(levels, name=self.name).infer_objects()
        return Grouping(self.name, index, self.columns, free_entries(self.parts), self.parts, self.constant)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Design columns in order: fixed effects, columns of random effects only, response.

    slots : tuple of Slot, (K,)
    fixed : int
    constant : ndarray of int          positions of the fixed columns that sum to 1; empty where none do
    factors : tuple of FactorLayout    in the order asked for
    """

    slots: tuple[Slot, ...]
    fixed: int
    constant: np.ndarray
    factors: tuple[FactorLayout, ...]


def side_of(blocks: Iterable[tuple[Sequence[str], Sequence[np.ndarray] | None]]) -> Side:
    """Return a side from its terms: names of a term's columns, and the values of each, (rows,).

    Values are None where the rows at hand do not tell whether the columns always sum to 1.
    """
    names: list[str] = []
    constant: tuple[str, ...] = ()
    for columns, values in blocks:
        names += columns
        if not constant and values and (sum(values) == 1).all():
            constant = tuple(columns)
    return Side(tuple(names), constant)


def term_columns(spec: ModelSpec, text: str) -> list[list[str]]:
    """Return the names of columns term by term, as formulaic writes them, the constant as lme4 does.

    Raises
    ------
    EstimationError
        A column of the data bears the constant's name.
    """
    made = [
        [INTERCEPT] if str(s.term) == "1" and not any(t.factors for t in s.scoped_terms) else list(s.columns)
        for s in spec.structure
    ]
    plain = [n for s in spec.structure for n in s.columns]
    if INTERCEPT in plain:
        raise EstimationError(
            f"{text}: a column is called '{INTERCEPT}', which is the name of the constant. Rename it."
        )
    return made


def lay_out(model: Model, response: str, fixed: Side, part: Callable[[RandomPart], Side]) -> Layout:
    """Return the layout of a model whose categorical columns are known by now.

    Parameters
    ----------
    response : str
    fixed : Side
    part : callable
        Columns of a random part.
    """
    slots = fixed.slots()
    factors: dict[str, tuple[tuple[str, ...], list[int], list[int], list[bool]]] = {}
    for asked in model.random:
        side = part(asked)
        _, columns, sizes, constant = factors.setdefault(asked.group, (asked.keys, [], [], []))
        for slot in side.slots():
            if slot not in slots:
                slots.append(slot)
            columns.append(slots.index(slot))
            constant.append(slot.name in side.constant)
        sizes.append(len(side.names))
    slots.append(Slot(response, bool(fixed.constant)))
    return Layout(
        slots=tuple(slots), fixed=len(fixed.names),
        constant=np.array([fixed.names.index(n) for n in fixed.constant], dtype=int),
        factors=tuple(
            FactorLayout(name, keys, np.array(columns), tuple(sizes), np.array(constant))
            for name, (keys, columns, sizes, constant) in factors.items()
        ),
    )  # fmt: skip


def free_entries(parts: Sequence[int]) -> np.ndarray:
    """Return the lower-triangular pattern of independent parts: shape (q, q) bool."""
    total = sum(parts)
    free = np.zeros((total, total), dtype=bool)
    at = 0
    for size in parts:
        free[at : at + size, at : at + size] = np.tril(np.ones((size, size), dtype=bool))
        at += size
    return free
