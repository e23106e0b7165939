"""How much of the differences between units comes back in another period: the retest reliability of their results."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.absorb import demean, encode
from exlink.stats.tidy import check_level, need_columns, tidy_frame


def retest(
    rows: pd.DataFrame, value: str, unit: str, time: str, group: str | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """Return the share of the variance of one period's results that belongs to the unit, and so comes back.

    The intraclass correlation ICC(3,1) of results by unit (Shrout & Fleiss 1979), the mean of every period, or of every
    group in a period, taken out: ``(F − 1) / (F + k − 1)`` with F the ratio of mean squares between and within
    units and k the results of a unit on average. It is the correlation that the results of two periods are expected to
    have. Means taken out cost degrees of freedom: as many as there are groups between units, the rest within them.
    Bounds by the F distribution, exact for as many results of every unit.

    Parameters
    ----------
    rows : DataFrame
        One row per unit and period; rows without ``value`` are left out, and units alone in their group and period.

    Returns
    -------
    DataFrame, one tidy row: estimates below zero are kept and say "none"; n (results), n_units, n_periods.

    Raises
    ------
    EstimationError
        Too few units or periods to tell, or results that do not vary.
    """
    check_level(level)
    need_columns(rows, [value, unit, time, *([group] if group else [])], f"retest of {value}")
    used = rows[rows[value].notna()]
    cell = used.groupby([time, group] if group else [time], sort=True).ngroup()
    used = used[cell.map(cell.value_counts()) > 1]
    cell = encode(cell.loc[used.index])[0]
    units, labels = encode(used[unit])
    n, u = len(used), len(labels)
    groups = used[group].nunique() if group else min(n, 1)
    cells = int(cell.max()) + 1 if n else 0
    between_df, within_df = u - groups, n - u - (cells - groups)
    if between_df < 1 or within_df < 1:
        raise EstimationError(
            f"retest of {value}: {n} results of {u} units in {cells} periods or groups of them are too few."
        )
    y = demean(used[[value]].to_numpy(dtype=float), cell, np.ones(n), cells)[:, 0]
    size = np.bincount(units, minlength=u)
    mean = np.bincount(units, weights=y, minlength=u) / size
    between, within = float((size * mean**2).sum()) / between_df, float(((y - mean[units]) ** 2).sum()) / within_df
    if not (between > 0 or within > 0):
        raise EstimationError(f"retest of {value}: the results do not vary.")
    ratio, k, tail = between / within if within > 0 else np.inf, n / u, (1 - level) / 2

    def share(f: float) -> float:
        return (f - 1) / (f + k - 1) if np.isfinite(f) else 1.0

    frame = tidy_frame("retest", share(ratio), np.nan, n, level=level, null=None)
    return frame.assign(
        conf_low=share(ratio / stats.f.ppf(1 - tail, between_df, within_df)),
        conf_high=share(ratio / stats.f.ppf(tail, between_df, within_df)),
        p_value=stats.f.sf(ratio, between_df, within_df), n_units=u, n_periods=used[time].nunique(),
    )  # fmt: skip
