"""Whether residuals and random effects look as a model takes them to: averages in bins, and quantiles set off.

Everything is told in bins of many rows, so that a picture of a distribution never is one of its members.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from exlink.errors import EstimationError


def binned_residuals(fitted: Any, residuals: Any, cluster: Any, bins: int = 20) -> pd.DataFrame:
    """Return average and spread of residuals where fitted values are alike (Gelman & Hill 2007, section 5.6).

    Parameters
    ----------
    fitted, residuals : array_like, (n,)
    cluster : array_like, (n,)
        What residuals may go together in: errors of the averages are clustered by it.
    bins : int
        Bins of about equally many rows; fewer where fitted values repeat.

    Returns
    -------
    DataFrame, one row per bin: fitted (average), mean (of residuals), low, high (its 95 % interval), sd, n, n_clusters.

    Raises
    ------
    EstimationError
        Fewer than two bins of two rows.
    """
    frame = pd.DataFrame({
        "fitted": np.asarray(fitted, dtype=float), "r": np.asarray(residuals, dtype=float), "c": np.asarray(cluster),
    })  # fmt: skip
    if not np.isfinite(frame[["fitted", "r"]].to_numpy()).all():
        raise EstimationError("binned residuals: fitted values or residuals are missing or infinite.")
    frame["bin"] = pd.qcut(frame["fitted"], bins, labels=False, duplicates="drop")
    by = frame.groupby("bin")
    out = by.agg(fitted=("fitted", "mean"), mean=("r", "mean"), sd=("r", "std"), n=("r", "size"),
                 n_clusters=("c", "nunique"))  # fmt: skip
    if len(out) < 2 or (out["n"] < 2).any():
        raise EstimationError(f"binned residuals: {len(frame)} rows make no two bins of two.")
    off = (frame["r"] - frame["bin"].map(out["mean"])).groupby([frame["bin"], frame["c"]]).sum()
    squares = (off**2).groupby(level=0).sum()
    g = out["n_clusters"]
    error = np.sqrt(squares * g / (g - 1).where(g > 1)) / out["n"]
    out = out.assign(low=out["mean"] - 1.96 * error, high=out["mean"] + 1.96 * error)
    return out.reset_index(drop=True)[["fitted", "mean", "low", "high", "sd", "n", "n_clusters"]]


def detrended_quantiles(values: Any, bins: int = 20) -> pd.DataFrame:
    """Return how far standardised values lie from what a normal distribution puts at their place, bin by bin.

    The quantile–quantile plot less its diagonal (van Buuren & Fredriks 2001, Stat. Med. 20: the worm plot): flat at
    zero where values are normal; a slope says that they spread more or less than one, a bow that they are skewed, an S
    that the tails are heavy or light.

    Parameters
    ----------
    values : array_like, (n,)
        Values that a model takes for standard normal.

    Returns
    -------
    DataFrame, one row per bin of about equally many values: expected (average of the normal quantiles at their ranks),
    observed, difference, low, high (its 95 % interval if they are normal and independent, around the difference), n.

    Raises
    ------
    EstimationError
        Fewer than two values a bin, or a value that is missing or infinite.
    """
    z = np.sort(np.asarray(values, dtype=float))
    if len(z) < 2 * bins or not np.isfinite(z).all():
        raise EstimationError(f"detrended quantiles: {len(z)} values do not fill {bins} bins, or some are not finite.")
    expected = special.ndtri((np.arange(1, len(z) + 1) - 0.375) / (len(z) + 0.25))  # Blom 1958
    parts = np.array_split(np.arange(len(z)), bins)
    rows = [(expected[p].mean(), z[p].mean(), len(p)) for p in parts]
    out = pd.DataFrame(rows, columns=["expected", "observed", "n"])
    chance = special.ndtr(out["expected"])
    density = np.exp(-(out["expected"] ** 2) / 2) / np.sqrt(2 * np.pi)
    error = np.sqrt(chance * (1 - chance) / len(z)) / density
    difference = out["observed"] - out["expected"]
    out = out.assign(difference=difference, low=difference - 1.96 * error, high=difference + 1.96 * error)
    return out[["expected", "observed", "difference", "low", "high", "n"]]
