"""How far two groups of rows differ in a characteristic, in standard deviations, and how far chance would take them.

A number has one column, a category one per level. The standardised difference is the Mahalanobis length of the
difference of both sides' means, ``d² = δ' S⁻¹ δ`` with S the mean of both covariances (Austin 2009 for one column;
Yang & Dalton 2012 for categories). A length is never negative, so with many levels and few units it is large by
chance alone: rows of a unit are alike, and ``chance`` says how long it gets when units fall on either side at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from exlink.errors import EstimationError
from exlink.stats.tidy import check_level

RANK = 1e-10  # share of the largest eigenvalue below which a direction holds no variance


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """Totals of one side's rows, per unit.

    n : ndarray, shape (units,)         rows in which the characteristic is known
    sums : ndarray, shape (units, k)    sums of its columns over these rows
    cross : ndarray, shape (k, k)       their products, summed over all rows
    """

    n: np.ndarray
    sums: np.ndarray
    cross: np.ndarray

    @property
    def rows(self) -> float:
        """Number of rows."""
        return float(self.n.sum())

    @property
    def units(self) -> int:
        """Number of units with rows on this side."""
        return int((self.n > 0).sum())

    @property
    def mean(self) -> np.ndarray:
        """Means of the columns, shape (k,)."""
        return self.sums.sum(axis=0) / self.rows

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the columns over rows, shape (k, k)."""
        return (self.cross - self.rows * np.outer(self.mean, self.mean)) / (self.rows - 1)


@dataclass(frozen=True, slots=True)
class Difference:
    """A standardised difference.

    estimate : float     in standard deviations; signed (first minus second) for one column, else a length
    chance : float       the length that units on either side by chance stay below, in 95 of 100 cases
    p_value : float      of no difference
    n : int              rows on the smaller side
    n_units : int        units on the side that has fewer
    """

    estimate: float
    chance: float
    p_value: float
    n: int
    n_units: int


def of_number(n: Any, total: Any, sumsq: Any) -> Side:
    """Return the side of a number: counts, sums and sums of squares per unit, each of shape (units,)."""
    n, total, sumsq = (np.asarray(a, dtype=float) for a in (n, total, sumsq))
    return Side(n, total[:, None], np.array([[sumsq.sum()]]))


def of_category(counts: Any) -> Side:
    """Return the side of a category: counts of its levels per unit, shape (units, levels)."""
    counts = np.asarray(counts, dtype=float)
    return Side(counts.sum(axis=1), counts, np.diag(counts.sum(axis=0)))


def standardised_difference(first: Side, second: Side, *, level: float = 0.95) -> Difference:
    """Return how far the two sides differ; their units are the same, in the same order.

    With ``u`` the units' linearised shares in ``δ`` and V the sum of their squares, ``d²`` is under no difference a
    weighted sum of chi-squares with mean ``tr(S⁻¹V)``; it is compared with an F distribution of the same first two
    moments (Satterthwaite), its denominator the units of the smaller side less one.

    Returns
    -------
    Difference; NaN throughout where a side has fewer than two rows or nothing varies, NaN for ``chance`` and
    ``p_value`` where a side has fewer than two units.

    Raises
    ------
    EstimationError
        When the sides do not have the same units and columns.
    """
    check_level(level)
    if first.sums.shape != second.sums.shape:
        raise EstimationError(
            f"standardised difference: sides of shape {first.sums.shape} and {second.sums.shape}. Both need the same "
            "units and columns, in the same order; fill what is absent with 0."
        )
    rows, units = int(min(first.rows, second.rows)), min(first.units, second.units)
    if rows < 2:
        return Difference(np.nan, np.nan, np.nan, rows, units)
    root = _inverse_root((first.covariance + second.covariance) / 2)
    if not root.shape[1]:
        return Difference(np.nan, np.nan, np.nan, rows, units)
    scaled = (first.mean - second.mean) @ root
    length = float(scaled @ scaled)
    estimate = float((first.mean - second.mean)[0] * root[0, 0]) if first.sums.shape[1] == 1 else np.sqrt(length)
    if units < 2:
        return Difference(estimate, np.nan, np.nan, rows, units)
    shares = (first.sums - np.outer(first.n, first.mean)) / first.rows
    shares = (shares - (second.sums - np.outer(second.n, second.mean)) / second.rows) @ root
    spread = units / (units - 1) * (shares.T @ shares)
    total = float(np.trace(spread))
    if not total > 0:
        return Difference(estimate, np.nan, np.nan, rows, units)
    free = total**2 / float((spread**2).sum())
    chance = np.sqrt(total * special.fdtri(free, units - 1, level))
    return Difference(estimate, float(chance), float(special.fdtrc(free, units - 1, length / total)), rows, units)


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    """Return R with ``R R' = matrix⁻¹`` on the directions that hold variance: shape (k, rank)."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > RANK * max(float(values.max(initial=0.0)), np.finfo(float).tiny)
    # one column keeps its sign: the eigenvector of a 1 × 1 matrix is 1
    return vectors[:, kept] / np.sqrt(values[kept])
