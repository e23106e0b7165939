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
from exlink.stats.tidy import t_quantile, tidy_frame

FEWEST_UNITS, FEWEST_PERIODS = 5, 3
FEWEST_DF = 1.0
POWER = 0.8


def split_correlations(
    halves: tuple[pd.DataFrame, pd.DataFrame], unit: Sequence, time: Sequence, *, level: float = 0.95
) -> pd.DataFrame:
    """Return, for every pair of measures, how they move together within units, unit and period effects taken out.

    ``r = ½ Σ(a₁b₂ + a₂b₁) / √(Σa² Σb²)`` over cells, a₁ and a₂ from the two halves, a their mean. It is closer to zero
    than the correlation of what lies behind the measures, for a and b hold chance; its sign is that one's. The error is
    the jackknife's, units left out one at a time (CR3 without its factor below one: taking periods out ties the units),
    with Student's t on as many degrees of freedom as the units in which a measure varies are worth, less one:
    ``(Σ_g A_g)² / Σ_g A_g²`` of the measure for which it is less, ``A_g`` its sum of squares within unit g (Bell &
    McCaffrey 2002; Imbens & Kolesár 2016, Review of Economics and Statistics 98). Units − 1 and CR1 would call too many
    pairs clear: 17 of 100 families of 28 unrelated pairs, adjusted at 5 % (Benjamini–Hochberg), and 40 where units
    differ in how much they vary, against 2 and 3.

    Parameters
    ----------
    halves : two DataFrames, (cells, measures)
        Means of either half of a cell's rows; a measure that comes from other rows than all the others may be the same
        in both. Cells in which one of a pair is missing are left out of it.
    unit, time : array_like, (cells,)

    Returns
    -------
    DataFrame: first, second, tidy columns (n: cells), n_units, df, mde (what would have been found four times in five).
    Pairs with fewer than `FEWEST_UNITS` units or `FEWEST_PERIODS` periods are left out, and those of which one does not
    vary, or in so few units that they are worth less than `FEWEST_DF` + 1.
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
    df = min(x.sum() ** 2 / (x**2).sum() for x in (of_a, of_b)) - 1
    if df < FEWEST_DF:
        return None
    without = (cross.sum() - cross) / np.sqrt((of_a.sum() - of_a) * (of_b.sum() - of_b))
    error = np.sqrt(((without - r) ** 2).sum())
    row = tidy_frame("within", r, error, len(codes), df=df, level=level)
    row = row.assign(n_units=g, df=df, mde=float(t_quantile(0.5 + level / 2, df) + t_quantile(POWER, df)) * error)
    return row.assign(conf_low=row["conf_low"].clip(lower=-1), conf_high=row["conf_high"].clip(upper=1))
