"""The one shape in which every estimate leaves this floor: a tidy row with its interval and its n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from exlink.errors import EstimationError

TIDY = ["term", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n"]


def check_level(level: float) -> float:
    """Return ``level`` if it is a confidence level between 0 and 1, else raise EstimationError."""
    if not isinstance(level, (int, float)) or not 0 < level < 1:
        raise EstimationError(f"level: {level} is not between 0 and 1. Use 0.95 for a 95 % interval.")
    return level


def t_quantile(probability: Any, df: Any) -> np.ndarray:
    """Return quantiles of Student's t, of the normal distribution where ``df`` is infinite.

    The functions behind ``scipy.stats.t``, without its import, which takes half a second and 40 MB.
    """
    df = np.asarray(df, dtype=float)
    return np.where(
        np.isinf(df), special.ndtri(probability), special.stdtrit(np.where(np.isinf(df), 1, df), probability)
    )


def t_tail(value: Any, df: Any) -> np.ndarray:
    """Return the probability of Student's t beyond ``value``; of the normal distribution where ``df`` is infinite."""
    df, value = np.asarray(df, dtype=float), np.asarray(value, dtype=float)
    return np.where(np.isinf(df), special.ndtr(-value), special.stdtr(np.where(np.isinf(df), 1, df), -value))


def need_columns(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise EstimationError with the nearest match when ``frame`` lacks one of ``columns``."""
    from exlink.errors import did_you_mean, listed

    missing = [c for c in columns if c not in frame.columns]
    if missing:
        hint = did_you_mean(missing[0], map(str, frame.columns))
        raise EstimationError(f"{what}: column {listed(missing)} is not in the frame.{hint}")


def tidy_frame(
    term: str | Sequence[str],
    estimate: Any,
    std_error: Any,
    n: Any,
    *,
    df: Any = np.inf,
    level: float = 0.95,
    null: float | None = 0.0,
) -> pd.DataFrame:
    """Return a tidy frame with t intervals (normal where ``df`` is infinite).

    Parameters
    ----------
    term : str or sequence of str, shape (k,)
    estimate, std_error : array_like, shape (k,)
        In the same unit.
    n : array_like, shape (k,) or scalar
        Number of rows behind the estimate.
    df : array_like, shape (k,) or scalar
        Degrees of freedom of the t interval; an interval needs df > 0, else it is NaN.
    level : float
    null : float or None
        Value tested by ``p_value``; None when no test makes sense (p_value is NaN).

    Returns
    -------
    DataFrame, shape (k, 7), columns ``TIDY``
    """
    check_level(level)
    estimate = np.atleast_1d(np.asarray(estimate, dtype=float))
    std_error = np.broadcast_to(np.asarray(std_error, dtype=float), estimate.shape)
    df = np.broadcast_to(np.asarray(df, dtype=float), estimate.shape)
    usable = np.where(df > 0, df, np.nan)
    half = t_quantile(0.5 + level / 2, usable) * std_error
    if null is None:
        p_value = np.full(estimate.shape, np.nan)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            p_value = 2 * t_tail(np.abs((estimate - null) / std_error), usable)
    terms = [term] * len(estimate) if isinstance(term, str) else list(term)
    return pd.DataFrame(
        {
            "term": terms,
            "estimate": estimate,
            "std_error": std_error,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
            "p_value": p_value,
            "n": np.broadcast_to(np.asarray(n), estimate.shape),
        }
    )


def draws_frame(
    term: str | Sequence[str], estimate: Any, draws: np.ndarray, n: Any, *, level: float = 0.95
) -> pd.DataFrame:
    """Return a tidy frame with percentile intervals from bootstrap or Monte Carlo draws.

    Parameters
    ----------
    term : str or sequence of str, shape (k,)
    estimate : array_like, shape (k,)
    draws : ndarray, shape (reps, k)
        Draws that are not finite are left out of the interval.
    n : array_like or scalar

    Returns
    -------
    DataFrame, columns ``TIDY``; ``p_value`` is twice the smaller share of draws beyond zero, never below
    2/(reps + 1) (Davison & Hinkley 1997, eq. 4.11).
    """
    check_level(level)
    draws = np.asarray(draws, dtype=float)
    draws = np.where(np.isfinite(draws), draws, np.nan)
    if draws.ndim == 1:
        draws = draws[:, None]
    kept = np.isfinite(draws).sum(axis=0)
    low = np.full(draws.shape[1], np.nan)
    high, spread, p_value = low.copy(), low.copy(), low.copy()
    for j in np.flatnonzero(kept > 1):
        column = draws[np.isfinite(draws[:, j]), j]
        low[j], high[j] = np.quantile(column, [(1 - level) / 2, (1 + level) / 2])
        spread[j] = column.std(ddof=1)
        beyond = min((column <= 0).sum(), (column >= 0).sum())
        p_value[j] = min(1.0, 2 * (beyond + 1) / (len(column) + 1))
    frame = tidy_frame(term, estimate, spread, n, level=level)
    return frame.assign(conf_low=low, conf_high=high, p_value=p_value)
