"""Whether measures move together within units over time, when they were taken from the same rows.

Two means of the same rows move together by chance alone: a hard case lasts long and stays unsolved. So the rows of
every cell are split in two at random, and one measure of one half is held against the other measure of the other half:
products of different halves hold no common chance (the idea of split-half reliability, Spearman 1910, Brown 1910).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import FLAT, absorb, encode
from exlink.stats.tidy import tidy_frame

FEWEST_UNITS, FEWEST_PERIODS = 5, 3


def split_correlations(
    halves: tuple[pd.DataFrame, pd.DataFrame], unit: Sequence, time: Sequence, *, level: float = 0.95
) -> pd.DataFrame:
    """Return, for every pair of measures, how they move together within units, unit and period effects taken out.

    ``r = ½ Σ(a₁b₂ + a₂b₁) / √(Σa² Σb²)`` over cells, a₁ and a₂ from the two halves, a their mean. It is closer to zero
    than the correlation of what lies behind the measures, for a and b hold chance; its sign is that one's. The error is
    that of the ratio's linear terms, summed over units (CR1), with Student's t on units − 1.

    Parameters
    ----------
    halves : two DataFrames, (cells, measures)
        Means of either half of a cell's rows; a measure that comes from other rows than all the others may be the same
        in both. Cells in which one of a pair is missing are left out of it.
    unit, time : array_like, (cells,)

    Returns
    -------
    DataFrame: first, second, tidy columns (n: cells), n_units. Pairs with fewer than `FEWEST_UNITS` units or
    `FEWEST_PERIODS` periods, or of which one does not vary, are left out.
    """
    one, two = halves
    if list(one.columns) != list(two.columns) or not len(one) == len(two) == len(unit) == len(time):
        raise EstimationError("correlations: the halves do not hold the same cells and measures.")
    units, times = encode(np.asarray(unit))[0], encode(np.asarray(time))[0]
    rows = []
    for first, second in combinations(one.columns, 2):
        values = np.column_stack([half[name].to_numpy(dtype=float) for name in (first, second) for half in halves])
        known = np.isfinite(values).all(axis=1)
        row = _pair(values[known], units[known], times[known], level) if known.any() else None
        if row is not None:
            rows.append(row.assign(first=first, second=second))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _pair(values: np.ndarray, unit: np.ndarray, time: np.ndarray, level: float) -> pd.DataFrame | None:
    """Return one tidy row from the halves of two measures, (cells, 4): a₁, a₂, b₁, b₂."""
    codes, times = encode(unit)[0], encode(time)[0]
    g = int(codes.max()) + 1
    if g < FEWEST_UNITS or times.max() + 1 < FEWEST_PERIODS:
        return None
    inside, _ = absorb(values, codes, times, np.ones(len(codes)))
    a1, a2, b1, b2 = inside.T
    cross, of_a, of_b = (
        np.bincount(codes, weights=w, minlength=g)
        for w in ((a1 * b2 + a2 * b1) / 2, ((a1 + a2) / 2) ** 2, ((b1 + b2) / 2) ** 2)
    )
    total = values - values.mean(axis=0)
    flat = FLAT * (total**2).sum(axis=0)
    if of_a.sum() <= flat[:2].sum() or of_b.sum() <= flat[2:].sum():
        return None
    scale = np.sqrt(of_a.sum() * of_b.sum())
    r = cross.sum() / scale
    influence = cross / scale - r / 2 * (of_a / of_a.sum() + of_b / of_b.sum())
    error = np.sqrt(g / (g - 1) * (influence**2).sum())
    row = tidy_frame("within", r, error, len(codes), df=g - 1, level=level).assign(n_units=g)
    return row.assign(conf_low=row["conf_low"].clip(lower=-1), conf_high=row["conf_high"].clip(upper=1))
