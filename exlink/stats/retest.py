"""How much of the differences between units comes back in another period: the retest reliability of their results."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.absorb import FLAT, absorb, demean, encode
from exlink.stats.tidy import check_level, need_columns, tidy_frame


def retest(rows: pd.DataFrame, value: str, unit: str, time: str, *, level: float = 0.95) -> pd.DataFrame:
    """Return the share of the variance of one period's results that belongs to the unit, and so comes back.

    The intraclass correlation ICC(3,1) of results by unit (Shrout & Fleiss 1979): ``(F − 1) / (F + k − 1)`` with F the
    mean square of units beside periods over that of residuals, both from least squares with effects of units and of
    periods, and k the results of a unit, for unequal numbers ``(N − periods) / degrees of freedom of units``
    (Henderson's method 3; Searle, Casella & McCulloch 1992, section 5.5). It is the correlation that the results of two
    periods are expected to have. Bounds by the F distribution, exact where every unit has as many results.

    Parameters
    ----------
    rows : DataFrame
        One row per unit and period; rows without ``value`` are left out.

    Returns
    -------
    DataFrame, one tidy row: estimates below zero are kept and say "none"; n (results), n_units, n_periods.

    Raises
    ------
    EstimationError
        Too few units or periods to tell, or results that do not vary.
    """
    check_level(level)
    need_columns(rows, [value, unit, time], f"retest of {value}")
    used = rows[rows[value].notna()]
    (units, labels), (times, periods) = encode(used[unit]), encode(used[time])
    n, u = len(used), len(labels)
    values, one = used[[value]].to_numpy(dtype=float), np.ones(n)
    inside, free = absorb(values, units, times, one) if n else (values, 0)
    between_df, within_df = u + free - len(periods), n - u - free
    if between_df < 1 or within_df < 1:
        raise EstimationError(f"retest of {value}: {n} results of {u} units in {len(periods)} periods are too few.")
    left, whole = float((inside**2).sum()), float((demean(values, times, one, len(periods)) ** 2).sum())
    if not whole > FLAT * max(float((values**2).sum()), np.finfo(float).tiny):
        raise EstimationError(f"retest of {value}: the results do not vary.")
    between, within = max(whole - left, 0.0) / between_df, left / within_df
    ratio, tail, k = between / within if within > 0 else np.inf, (1 - level) / 2, (n - len(periods)) / between_df

    def share(f: float) -> float:
        return (f - 1) / (f + k - 1) if np.isfinite(f) else 1.0

    frame = tidy_frame("retest", share(ratio), np.nan, n, level=level, null=None)
    return frame.assign(
        conf_low=share(ratio / stats.f.ppf(1 - tail, between_df, within_df)),
        conf_high=share(ratio / stats.f.ppf(tail, between_df, within_df)),
        p_value=stats.f.sf(ratio, between_df, within_df), n_units=u, n_periods=len(periods),
    )  # fmt: skip
