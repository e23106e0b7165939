"""Control limits: where chance alone would keep a series, and the points it would not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError

_MOVING_RANGE = 1.128  # mean moving range of two independent normal values, in SD (Shewhart's d2)
RUN = 8  # so many points in a row on one side of the centre count as a shift (Western Electric rule 4)


def control_limits(value: Any, std_error: Any, n: Any, *, width: float = 3.0) -> pd.DataFrame:
    """Return centre, limits and alarms of one series of means or shares.

    Limits follow Laney (2002): the standard errors of single points are stretched by ``σz``, the variation from
    one point to the next beyond what sampling explains (mean moving range of z-scores / 1.128, never below 1), so
    that a series with more or less than sampling noise gets limits of its own.

    Parameters
    ----------
    value, std_error, n : array_like, shape (k,)
        In the order of time. Points without value or error are kept empty.
    width : float
        Half-width of the limits in standard errors.

    Returns
    -------
    DataFrame, shape (k, 5): centre, lower, upper, alarm (outside the limits, or the 8th or later of a run on one
    side), sigma_z.

    Raises
    ------
    EstimationError
        Fewer than 3 points with a value.
    """
    value, std_error, n = (np.asarray(a, dtype=float) for a in (value, std_error, n))
    known = np.isfinite(value) & (std_error > 0) & (n > 0)
    if known.sum() < 3:
        raise EstimationError(f"control limits: {known.sum()} of {len(value)} points can be used; at least 3 are needed.")
    centre = float((value[known] * n[known]).sum() / n[known].sum())
    z = (value[known] - centre) / std_error[known]
    stretch = max(float(np.abs(np.diff(z)).mean() / _MOVING_RANGE), 1.0)
    half = np.where(known, width * stretch * std_error, np.nan)
    outside = known & (np.abs(value - centre) > half)
    return pd.DataFrame({
        "centre": np.where(known, centre, np.nan), "lower": centre - half, "upper": centre + half,
        "alarm": outside | _late_in_a_run(np.sign(value - centre), known), "sigma_z": stretch})


def _late_in_a_run(side: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return which points are at least the ``RUN``-th in a row on their side; unknown points break nothing."""
    late = np.zeros(len(side), dtype=bool)
    length, last = 0, 0.0
    for i in np.flatnonzero(known):
        length = length + 1 if side[i] == last and side[i] != 0 else 1
        last = side[i]
        late[i] = length >= RUN
    return late
