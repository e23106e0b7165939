"""Cases against controls of the same stratum: how far they differ on average, over the strata that hold both.

The mean of the cases less the mean of their controls, each stratum counting by its cases (risk-set sampling: Liddell,
McDonald & Thomas 1977; the weights are those of the effect on the treated). It is the slope of least squares with a
constant per stratum in which a case counts once and a control as often as there are cases for each control. Errors are
those of the influence of units, so that somebody who is a control several times, and a case later, counts as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.tidy import need_columns, tidy_frame

MIN_CASES = 3  # for an interval with two degrees of freedom


def matched_differences(
    frame: pd.DataFrame, y: Sequence[str], case: str, stratum: str, unit: str, *, level: float = 0.95
) -> pd.DataFrame:
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

    Returns
    -------
    DataFrame: tidy rows (term = the measure; n = cases), t with cases − 1 degrees of freedom; mean_cases,
    mean_controls (weighted as the cases are spread), sd (of the controls within strata), n_case_units and n_controls
    (distinct units), n_strata. NaN where fewer than three cases have a control.

    Raises
    ------
    EstimationError
        ``case`` is not 0 or 1, or there is no measure.
    """
    need_columns(frame, [*y, case, stratum, unit], "matched differences")
    if not len(y):
        raise EstimationError("matched differences: no measure to compare.")
    if not frame[case].isin((0, 1)).all():
        raise EstimationError(f"matched differences: {case} must be 0 or 1.")
    strata, who = encode(frame[stratum])[0], encode(frame[unit])[0]
    is_case = frame[case].to_numpy() == 1
    rows = [_difference(frame[name].to_numpy(dtype=float), is_case, strata, who, level) for name in y]
    return pd.concat(rows, ignore_index=True).assign(term=list(y))


def _difference(
    value: np.ndarray, is_case: np.ndarray, strata: np.ndarray, who: np.ndarray, level: float
) -> pd.DataFrame:
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
    by_unit = np.bincount(who, weights=influence)
    std_error = np.sqrt(m / (m - 1) * (by_unit**2).sum())
    free = int((~is_case).sum()) - counts["n_strata"]
    return tidy_frame("", [estimate], [std_error], [m], df=m - 1, level=level).assign(
        mean_cases=value[is_case].mean(), mean_controls=np.average(value[~is_case], weights=weight[~is_case]),
        sd=np.sqrt((apart[~is_case] ** 2).sum() / free) if free > 0 else np.nan, **counts,
    )  # fmt: skip
