"""How far a score can be trusted: of a scale, of a group mean, of one unit's mean at its actual n."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.tidy import check_level, tidy_frame


def cronbach_alpha(items: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Return Cronbach's alpha with Feldt's interval.

    ``alpha = k/(k-1) · (1 - Σ item variances / variance of the sum)`` (Cronbach 1951);
    ``(1-alpha)/(1-alpha̅)`` follows F(n-1, (n-1)(k-1)) (Feldt, Woodruff & Salih 1987).

    Parameters
    ----------
    items : array_like, shape (people, k)
        Items keyed in one direction; people with a missing item are left out.

    Returns
    -------
    DataFrame, 1 row: tidy columns (term ``alpha``; ``n`` people) and ``n_items``, ``n_dropped``.

    Raises
    ------
    EstimationError
        Fewer than 2 items, fewer than 3 complete people, or a sum without variance.
    """
    check_level(level)
    values = np.asarray(items, dtype=float)
    if values.ndim != 2 or values.shape[1] < 2:
        raise EstimationError("alpha: a scale needs at least 2 items.")
    complete = values[~np.isnan(values).any(axis=1)]
    n, k = complete.shape
    if n < 3:
        raise EstimationError(f"alpha: {n} of {len(values)} people answered all {k} items; at least 3 are needed.")
    total = complete.sum(axis=1).var(ddof=1)
    if not total > 0:
        raise EstimationError("alpha: the sum of the items does not vary.")
    alpha = k / (k - 1) * (1 - complete.var(axis=0, ddof=1).sum() / total)
    df1, df2 = n - 1, (n - 1) * (k - 1)
    tail = (1 - level) / 2
    low = 1 - (1 - alpha) * stats.f.ppf(1 - tail, df1, df2)
    high = 1 - (1 - alpha) * stats.f.ppf(tail, df1, df2)
    # the interval is not symmetric; the standard error is the one of the F variable, for orientation only
    spread = (1 - alpha) * stats.f.std(df1, df2) if df2 > 4 else np.nan
    frame = tidy_frame("alpha", alpha, spread, n, level=level, null=None)
    return frame.assign(conf_low=low, conf_high=high, n_items=k, n_dropped=len(values) - n)


def icc_from_sums(n: Any, total: Any, sumsq: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Return ICC(1) and ICC(2) from counts, sums and sums of squares per unit.

    From the one-way analysis of variance with average group size k = N/G (as R's ``multilevel``; Bliese 2000):
    ``ICC1 = (MSB - MSW)/(MSB + (k-1) MSW)``, ``ICC2 = (MSB - MSW)/MSB``. Intervals by the F distribution
    (Shrout & Fleiss 1979), exact for equal group sizes. Estimates below zero are kept: they say "none".

    Parameters
    ----------
    n, total, sumsq : array_like, shape (units,)
        Units without rows are left out.

    Returns
    -------
    DataFrame, rows ``icc1`` (one answer) and ``icc2`` (mean of a unit of average size): tidy columns, with
    ``n_groups``, ``mean_size``, ``variance_between`` (unbiased for unequal sizes), ``variance_within``.

    Raises
    ------
    EstimationError
        Fewer than 2 units, no unit with two rows, or no variance at all.
    """
    check_level(level)
    n, total, sumsq = (np.asarray(a, dtype=float) for a in (n, total, sumsq))
    kept = n > 0
    n, total, sumsq = n[kept], total[kept], sumsq[kept]
    g, rows = len(n), n.sum()
    if g < 2 or rows <= g:
        raise EstimationError(f"icc: {rows:.0f} rows in {g} groups; needs 2 groups and a group with 2 rows.")
    grand = total.sum() / rows
    # sums of squares around the grand mean keep digits when the mean is far from zero
    between = (n * (total / n - grand) ** 2).sum()
    within = max(float((sumsq - total**2 / n).sum()), 0.0)
    msb, msw = between / (g - 1), within / (rows - g)
    if not (msb > 0 or msw > 0):
        raise EstimationError("icc: the values do not vary.")
    k = rows / g
    balanced = (rows - (n**2).sum() / rows) / (g - 1)
    ratio = msb / msw if msw > 0 else np.inf
    tail = (1 - level) / 2
    low = ratio / stats.f.ppf(1 - tail, g - 1, rows - g)
    high = ratio / stats.f.ppf(tail, g - 1, rows - g)

    def one(f: float) -> float:
        return (f - 1) / (f + k - 1) if np.isfinite(f) else 1.0

    def two(f: float) -> float:
        return 1 - 1 / f if f > 0 else -np.inf

    frame = tidy_frame(["icc1", "icc2"], [one(ratio), two(ratio)], np.nan, int(rows), level=level, null=None)
    return frame.assign(
        conf_low=[one(low), two(low)],
        conf_high=[one(high), two(high)],
        p_value=stats.f.sf(ratio, g - 1, rows - g),
        n_groups=g,
        mean_size=k,
        variance_between=max((msb - msw) / balanced, 0.0),
        variance_within=msw,
    )


def _by_group(values: Any, group: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values = np.asarray(values, dtype=float)
    group = np.asarray(group)
    kept = ~np.isnan(values) & ~pd.isna(group)
    values = values[kept]
    codes, levels = encode(group[kept])
    centred = values - values.mean() if len(values) else values
    size = len(levels)
    return (
        np.bincount(codes, minlength=size),
        np.bincount(codes, weights=centred, minlength=size),
        np.bincount(codes, weights=centred**2, minlength=size),
    )


def icc1(values: Any, group: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Return ICC(1) of ``values`` by ``group`` as one tidy row: see `icc_from_sums`."""
    return icc_from_sums(*_by_group(values, group), level=level).iloc[[0]]


def icc2(values: Any, group: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Return ICC(2) of ``values`` by ``group`` as one tidy row: see `icc_from_sums`."""
    return icc_from_sums(*_by_group(values, group), level=level).iloc[[1]].reset_index(drop=True)


def reliability_of_mean(icc: Any, n: Any) -> np.ndarray:
    """Return the reliability of a mean of ``n`` rows: ``n·icc / (1 + (n-1)·icc)`` (Spearman 1910, Brown 1910).

    A negative ICC counts as zero. Arrays broadcast.
    """
    icc = np.clip(np.asarray(icc, dtype=float), 0, 1)
    n = np.asarray(n, dtype=float)
    if (n < 0).any():
        raise EstimationError("reliability: a number of rows is negative.")
    return n * icc / np.where(n > 0, 1 + (n - 1) * icc, 1)


def contacts_needed(icc: Any, target: Any = 0.8) -> np.ndarray:
    """Return how many rows a mean needs to reach the reliability ``target``; NaN where no number suffices.

    The inverse of `reliability_of_mean`: ``target (1-icc) / ((1-target) icc)``, rounded up.
    """
    target = np.asarray(target, dtype=float)
    if ((target <= 0) | (target >= 1)).any():
        raise EstimationError("reliability: a target must lie between 0 and 1 (0.7 or 0.8 are usual).")
    icc = np.asarray(icc, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = target * (1 - icc) / ((1 - target) * icc)
    # 1e-9: a whole number must not be pushed up by rounding
    return np.where((icc > 0) & (icc <= 1), np.maximum(np.ceil(needed - 1e-9), 1), np.nan)
