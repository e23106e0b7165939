"""Fit indices of covariance models: how far the implied covariances are from the observed ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import optimize, special


def fit_indices(sums: pd.Series, groups: int, srmr: float = np.nan) -> pd.Series:
    """Return the fit indices of chi² against the model in which nothing goes together (Bentler 1990; Steiger 1990).

    Parameters
    ----------
    sums : Series        chisq, df, n, aic of the model; chisq_null, df_null of the model without any covariance
    groups : int         groups fitted together; RMSEA is per group, as in lavaan
    srmr : float         passed through

    Returns
    -------
    Series: chisq, df, p_value, cfi, tli, rmsea, rmsea_low, rmsea_high (90 %), srmr, aic, n, chisq_null, df_null.
    """
    chisq, df, n = sums["chisq"], sums["df"], sums["n"]
    excess, excess_null = max(chisq - df, 0.0), max(sums["chisq_null"] - sums["df_null"], chisq - df, 0.0)
    ratio = sums["chisq_null"] / sums["df_null"]
    low, high = (_noncentrality(chisq, df, share) for share in (0.95, 0.05))
    rmsea = [np.sqrt(groups * x / (df * n)) if df else np.nan for x in (excess, low, high)]
    return pd.Series(
        {
            "chisq": chisq,
            "df": df,
            "p_value": float(special.chdtrc(df, chisq)) if df else np.nan,
            "cfi": 1 - excess / excess_null if excess_null > 0 else 1.0,
            "tli": (ratio - chisq / df) / (ratio - 1) if df and ratio != 1 else np.nan,
            "rmsea": rmsea[0],
            "rmsea_low": rmsea[1],
            "rmsea_high": rmsea[2],
            "srmr": srmr,
            "aic": sums["aic"],
            "n": n,
            "chisq_null": sums["chisq_null"],
            "df_null": sums["df_null"],
        }
    )


def _noncentrality(chisq: float, df: float, share: float) -> float:
    """Return the noncentrality under which chi² lies below the observed one with probability ``share``."""
    if not df or special.chndtr(chisq, df, 0.0) < share:
        return 0.0
    high = max(chisq, 1.0)
    while special.chndtr(chisq, df, high) > share:
        high *= 2
    return float(optimize.brentq(lambda x: special.chndtr(chisq, df, x) - share, 0.0, high))
