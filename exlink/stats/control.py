"""Control limits: where chance alone would keep a series, and the points it would not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import tidy_frame

_MOVING_RANGE = 1.128  # mean moving range of two independent normal values, in SD (Shewhart's d2)
RUN = 8  # so many points in a row on one side of the centre count as a shift
# Western Electric's rules (1956): a name, how many of how many points in a row, beyond how many sigmas on one side
RULES = (
    ("outside the limits", 1, 1, 3.0),
    ("two of three far out", 2, 3, 2.0),
    ("four of five out", 4, 5, 1.0),
    ("eight in a row on one side", RUN, RUN, 0.0),
)
FALSE_ALARMS = 1 / 91.75  # per point when nothing happens, all four rules together (Champ & Woodall 1987, table 1)


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
    DataFrame, shape (k, 6): centre, lower, upper, alarm (the point completes one of ``RULES``), rule (the first of them
    that it completes, or ''), sigma_z.

    Raises
    ------
    EstimationError
        Fewer than 3 points with a value.
    """
    value, std_error, n = (np.asarray(a, dtype=float) for a in (value, std_error, n))
    known = np.isfinite(value) & (std_error > 0) & (n > 0)
    if known.sum() < 3:
        usable = f"{known.sum()} of {len(value)} points can be used"
        raise EstimationError(f"control limits: {usable}; at least 3 are needed.")
    centre = float((value[known] * n[known]).sum() / n[known].sum())
    z = (value[known] - centre) / std_error[known]
    stretch = max(float(np.abs(np.diff(z)).mean() / _MOVING_RANGE), 1.0)
    half = np.where(known, width * stretch * std_error, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        rule = _completed(3 * (value - centre) / half, known)
    return pd.DataFrame(
        {
            "centre": np.where(known, centre, np.nan),
            "lower": centre - half,
            "upper": centre + half,
            "alarm": rule != "",
            "rule": rule,
            "sigma_z": stretch,
        }
    )


def linear_drift(value: Any, n: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Return the slope per period of the straight line through a series, weighted by ``n``.

    The error is estimated from the scatter around the line, so it covers sampling and whatever else moves single
    points; neighbouring points are taken as independent.

    Parameters
    ----------
    value, n : array_like, shape (k,)
        In the order of time, equally spaced; points without value keep their place and are left out.

    Returns
    -------
    DataFrame, 1 row: tidy columns (term ``drift``, per period; t with k - 2 degrees of freedom).

    Raises
    ------
    EstimationError
        Fewer than 3 points with a value.
    """
    value, weight = np.asarray(value, dtype=float), np.asarray(n, dtype=float)
    known = np.isfinite(value) & (weight > 0)
    k = int(known.sum())
    if k < 3:
        raise EstimationError(f"drift: {k} of {len(value)} points can be used; at least 3 are needed.")
    x, y, w = np.arange(len(value), dtype=float)[known], value[known], weight[known]
    x = x - (w * x).sum() / w.sum()
    spread = (w * x**2).sum()
    slope = (w * x * y).sum() / spread
    residual = y - (w * y).sum() / w.sum() - slope * x
    std_error = np.sqrt((w * residual**2).sum() / (k - 2) / spread)
    return tidy_frame("drift", slope, std_error, int(w.sum()), df=k - 2, level=level)


def _completed(sigmas: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the first rule that each point completes, or ''; unknown points are passed over.

    A point completes a rule when it is itself beyond, and enough of the points up to it are, on the same side.
    """
    out = np.full(len(sigmas), "", dtype=object)
    at = np.flatnonzero(known)
    z = sigmas[at]
    for name, enough, window, beyond in reversed(RULES):
        for side in (1, -1):
            hits = side * z > beyond
            behind = np.convolve(hits, np.ones(window, dtype=int))[: len(z)]
            out[at[hits & (behind >= enough)]] = name
    return out
