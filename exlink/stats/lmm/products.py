"""Cross-products: all that a linear mixed model needs to know of its rows, however many there were."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exlink.errors import EstimationError, listed


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """One grouping factor and the random effects each of its levels has.

    name : str                     as asked for, ``batch:cask`` for combinations
    levels : Index, (J,)           sorted
    columns : ndarray of int, (q,) positions of the random effects' columns among the design columns
    free : ndarray of bool, (q, q) which entries of the relative covariance factor (lower triangle) are estimated
    parts : tuple of int           how many effects each independent part has; sums to q
    constant : ndarray of bool, (q,) effects whose columns make up the constant of their part: a random intercept, or
                                   one effect per category
    """

    name: str
    levels: pd.Index
    columns: np.ndarray
    free: np.ndarray
    parts: tuple[int, ...]
    constant: np.ndarray

    @property
    def size(self) -> int:
        """Return the number of levels J."""
        return len(self.levels)

    @property
    def effects(self) -> int:
        """Return the number of random effects q of a level."""
        return len(self.columns)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Sums over the rows in which a level of one factor meets a level of another.

    left, right : ndarray of int, (P,)   codes of the levels that meet, sorted by (left, right), each pair once
    products : ndarray, (P, a, b)        sums of w · left columns · right columns
    """

    left: np.ndarray
    right: np.ndarray
    products: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Triple:
    """Sums over the rows in which levels of two factors meet within a level of the first.

    cluster, left, right : ndarray of int, (P,)   codes, each combination once
    products : ndarray, (P, a, b)                 sums of w · left columns · right columns
    """

    cluster: np.ndarray
    left: np.ndarray
    right: np.ndarray
    products: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Compressed rows of a linear mixed model.

    A design column is shifted and scaled before it is multiplied: ``(raw - shift) / scale``. A shift only occurs
    where a constant beside it makes it harmless; both are undone when results are reported.

    names : tuple of str, (K,)     fixed effects first, then columns of random effects only, the response last
    fixed : int                    p, the number of fixed effects; 0 < p < K
    constant : ndarray of int      positions of the fixed effects whose columns sum to 1: the intercept, or an indicator
                                   of each category; empty where there is no constant
    shift, scale : ndarray, (K,)
    groupings : tuple of Grouping  in the order asked for
    first : ndarray, (J, K, K)     per level of the first factor: sums of w · row · row'
    pairs : dict                   (a, b) with a < b → Pair. For a = 0 ``products`` is (P, K, q_b): all design columns
                                   by the effects of b; otherwise (P, q_a, q_b)
    triples : dict                 (a, b) with 0 < a < b → Triple; empty with fewer than three factors
    sums : ndarray, (K,)           of w · row
    weight : float                 sum of w: of weights or frequencies, without them of rows
    n_rows : float                 rows used (the sum of frequencies where they are given)
    n_seen, n_incomplete : int     rows read, and rows left out because something was missing
    log_weights : float            sum of log precision weights; 0 without
    uneven : bool                  whether precision weights differ between rows
    per : float                    precision weight that counts as 1 in all sums: 1 as read, the mean in a fit
    """

    names: tuple[str, ...]
    fixed: int
    constant: np.ndarray
    shift: np.ndarray
    scale: np.ndarray
    groupings: tuple[Grouping, ...]
    first: np.ndarray
    pairs: dict[tuple[int, int], Pair]
    triples: dict[tuple[int, int], Triple]
    sums: np.ndarray
    weight: float
    n_rows: float
    n_seen: int
    n_incomplete: int
    log_weights: float
    uneven: bool
    per: float = 1.0

    @property
    def total(self) -> np.ndarray:
        """Return the cross-products of all rows, (K, K)."""
        return self.first.sum(axis=0)

    def without(self, terms: Collection[str]) -> Products:
        """Return the same rows without some fixed effects; a column that a random effect needs stays for it.

        Raises
        ------
        EstimationError
            A term that makes up the constant: others are centred beside it.
        """
        held = [self.names[k] for k in self.constant if self.names[k] in terms]
        if held:
            raise EstimationError(
                f"{listed(held)} cannot be taken out afterwards: together with all categories of its term it is the "
                "constant, beside which columns are centred. Fit the formula without it."
            )
        needed = {int(c) for g in self.groupings for c in g.columns}
        stay = [k for k in range(self.fixed) if self.names[k] not in terms]
        aside = [k for k in range(self.fixed) if self.names[k] in terms and k in needed]
        order = [*stay, *aside, *range(self.fixed, len(self.names))]
        place = {k: i for i, k in enumerate(order)}
        return replace(
            self, names=tuple(self.names[k] for k in order), fixed=len(stay), shift=self.shift[order],
            constant=np.array([place[int(k)] for k in self.constant], dtype=int), sums=self.sums[order],
            scale=self.scale[order], first=self.first[np.ix_(range(len(self.first)), order, order)],
            groupings=tuple(replace(g, columns=np.array([place[int(c)] for c in g.columns])) for g in self.groupings),
            pairs={
                (a, b): replace(pair, products=pair.products[:, order, :]) if a == 0 else pair
                for (a, b), pair in self.pairs.items()
            },
        )  # fmt: skip

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return means (K,) and covariances (K, K) of the standardised columns over the rows, weights counted."""
        means = self.sums / self.weight
        return means, self.total / self.weight - np.outer(means, means)
