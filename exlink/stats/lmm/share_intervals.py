"""How well the shares of variance (ICC) are known: intervals from the curvature of the criterion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.stats.lmm.fit import TOLERANCE, LmmFit
from exlink.stats.lmm.inference import delta_errors
from exlink.stats.lmm.optimise import unpack
from exlink.stats.lmm.varcorr import RESIDUAL, shares
from exlink.stats.tidy import check_level, t_quantile


def share_intervals(fit: LmmFit, level: float | None = None) -> pd.DataFrame:
    """Return the share of every grouping factor, and of the residual, with Wald intervals on the logit scale.

    Errors follow from the covariance of the variance parameters by the delta method; the logit keeps bounds between
    0 and 1 and makes room for the skewness of a variance of few levels.

    Returns
    -------
    DataFrame: group, estimate, std_error, conf_low, conf_high. A share at the edge (a variance of zero) has no
    interval, since Wald says nothing there; those of the others take it as known.
    """
    w = fit.workings
    level = check_level(fit.level if level is None else level)
    effects = tuple(g.effects for g in w.products.groupings)

    def divided(at: np.ndarray, log_residual: float) -> np.ndarray:
        variance = w.best.found.square / w.best.found.degrees * np.exp(log_residual)
        icc = shares(w.products, unpack(at, w.entries, effects), w.best.found.beta, variance)["icc"].to_numpy()
        return np.append(icc, 1 - icc.sum())

    estimate = divided(w.best.values, 0.0)
    error = delta_errors(divided, w.best.values, w.covariance)
    known = (estimate > TOLERANCE**2) & (error > 0)  # TOLERANCE is of SDs
    error = np.where(known, error, np.nan)
    half = t_quantile(0.5 + level / 2, np.inf) * error / np.where(known, estimate * (1 - estimate), np.nan)
    odds = np.where(known, estimate / np.where(known, 1 - estimate, 1.0), np.nan)
    low, high = odds * np.exp(-half), odds * np.exp(half)
    return pd.DataFrame({
        "group": [*(g.name for g in w.products.groupings), RESIDUAL], "estimate": estimate, "std_error": error,
        "conf_low": low / (1 + low), "conf_high": high / (1 + high),
    })  # fmt: skip
