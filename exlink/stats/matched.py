"""Cases against controls of the same stratum: how far they differ on average, over the strata that hold both.

The mean of the cases less the mean of their controls, each stratum counting by its cases (risk-set sampling: Liddell,
McDonald & Thomas 1977; the weights are those of the effect on the treated). It is the slope of least squares with a
constant per stratum in which a case counts once and a control as often as there are cases for each control. Errors are
those of the influence of units, so that somebody who is a control several times, and a case later, counts as one; of
the influence of clusters of units, where that makes the interval longer: cases of one cluster may have more in common
than chance (Cameron & Miller 2015, J. Human Resources 50, with the larger of two errors for few clusters).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.tidy import need_columns, t_quantile, tidy_frame

MIN_CASES = 3  # for an interval with two degrees of freedom


def matched_differences(
    frame: pd.DataFrame, y: Sequence[str], case: str, stratum: str, unit: str, *, cluster: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Return by how much cases differ from the controls of their strata, measure by measure.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and stratum it was at risk in.
    y : sequence of str
        Numeric columns; rows without a value are left out of that measure, and so are strata without a case or
        without a control then.
    case : str
        1 for cases, 0 for controls.
    cluster : str, optional
        What units may have in common, at the time of the row.

    Returns
    -------
    DataFrame: tidy rows (term = the measure; n = cases), t with cases − 1 degrees of freedom, or clusters − 1 where
    theirs is the longer interval; mean_cases,
    mean_controls (weighted as the cases are spread), sd (of the controls within strata), n_case_units and n_controls
    (distinct units), n_strata. NaN where fewer than three cases have a control.

    Raises
    ------
    EstimationError
        ``case`` is not 0 or 1, or there is no measure.
    """
    need_columns(frame, [*y, case, stratum, unit, *([] if cluster is None else [cluster])], "matched differences")
    if not len(y):
        raise EstimationError("matched differences: no measure to compare.")
    if not frame[case].isin((0, 1)).all():
        raise EstimationError(f"matched differences: {case} must be 0 or 1.")
    strata, who = encode(frame[stratum])[0], encode(frame[unit])[0]
    is_case = frame[case].to_numpy() == 1
    together = None if cluster is None else encode(frame[cluster])[0]
    rows = [_difference(frame[name].to_numpy(dtype=float), is_case, strata, who, together, level) for name in y]
    return pd.concat(rows, ignore_index=True).assign(term=list(y))


def _difference(
    value: np.ndarray, is_case: np.ndarray, strata: np.ndarray, who: np.ndarray, together: np.ndarray | None,
    level: float,
) -> pd.DataFrame:  # fmt: skip
    known = np.isfinite(value)
    levels = strata.max(initial=-1) + 1
    cases = np.bincount(strata[known & is_case], minlength=levels)
    size = np.bincount(strata[known & ~is_case], minlength=levels)
    kept = known & ((cases > 0) & (size > 0))[strata]
    value, is_case, strata, who = value[kept], is_case[kept], strata[kept], who[kept]
    m = int(is_case.sum())
    counts = {"n_case_units": len(np.unique(who[is_case])), "n_controls": len(np.unique(who[~is_case])),
              "n_strata": len(np.unique(strata))}  # fmt: skip
    if m < MIN_CASES:
        nothing = dict.fromkeys(("mean_cases", "mean_controls", "sd"), np.nan)
        return tidy_frame("", [np.nan], [np.nan], [m]).assign(**nothing, **counts)
    total = np.bincount(strata[~is_case], weights=value[~is_case], minlength=levels)
    apart = value - (total / np.maximum(size, 1))[strata]
    estimate = apart[is_case].mean()
    weight = np.where(is_case, 1.0, cases[strata] / size[strata])
    influence = np.where(is_case, apart - estimate, -weight * apart) / m
    std_error, df = _error(influence, who, m), m - 1
    if together is not None:
        groups = len(np.unique(together[kept]))
        wide = _error(influence, together[kept], groups) if groups > 1 else np.nan
        if not wide * t_quantile(0.975, max(groups - 1, 1)) <= std_error * t_quantile(0.975, df):
            std_error, df = wide, max(groups - 1, 1)
    free = int((~is_case).sum()) - counts["n_strata"]
    return tidy_frame("", [estimate], [std_error], [m], df=df, level=level).assign(
        mean_cases=value[is_case].mean(), mean_controls=np.average(value[~is_case], weights=weight[~is_case]),
        sd=np.sqrt((apart[~is_case] ** 2).sum() / free) if free > 0 else np.nan, **counts,
    )  # fmt: skip


def _error(influence: np.ndarray, codes: np.ndarray, n: int) -> float:
    """Return the root of the sum of squares of influence added up by code, by n / (n − 1)."""
    return float(np.sqrt(n / (n - 1) * (np.bincount(codes, weights=influence) ** 2).sum()))
