"""One more member of a group, foretold from members that were measured: how they differ inside groups and between.

A random-effects model of k estimates with known covariance V, in groups: ``y ~ N(mu·1, V + tau² (r A + (1 - r) I))``,
where A is 1 for two of one group. Of the variance tau² between members a share r is their groups'. Where no group has
two members r cannot be known, and whoever takes it as 1 (the next is as its group was) or as 0 (groups mean nothing)
claims more than was seen: what is foretold is taken over all that r and tau could be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from exlink.errors import EstimationError
from exlink.stats.pooling import SCALE, typical_error
from exlink.stats.tidy import check_level, t_quantile, t_tail

TAUS, SHARES = 100, 5  # values of tau and of r, each as likely as the next before the estimates are seen


def one_more(
    estimate: Any, covariance: Any, groups: Sequence[str], *, df: float = np.inf, level: float = 0.95
) -> pd.DataFrame:
    """Foretell the true value of one more member of each group.

    Parameters
    ----------
    estimate : array_like, shape (k,)
    covariance : array_like, shape (k, k)
    groups : sequence of str, (k,)
        The group of each estimate.
    df : float
        Degrees of freedom of a covariance that was itself estimated: t takes the place of the normal distribution.

    Returns
    -------
    DataFrame: group (sorted), estimate, pred_low, pred_high. A prediction interval as in Higgins, Thompson &
    Spiegelhalter (2009, J. R. Stat. Soc. A 172) with a third level (Konstantopoulos 2011, Res. Synth. Methods 2), over
    mu (flat), tau (half-Cauchy, scaled as in :func:`~exlink.stats.pooling.partial_pool`) and r (even from 0 to 1);
    bounds are quantiles of the mixture.

    Raises
    ------
    EstimationError
        Fewer than 2 estimates, or a covariance that is not positive definite.
    """
    check_level(level)
    y, v = np.asarray(estimate, dtype=float), np.asarray(covariance, dtype=float)
    if len(y) < 2:
        raise EstimationError(f"one more: {len(y)} estimate; at least 2 are needed to see how far members differ.")
    if not (np.isfinite(v).all() and np.isfinite(y).all() and np.linalg.eigvalsh(v)[0] > 0):
        raise EstimationError(f"one more: the covariance of {len(y)} estimates is not positive definite.")
    names = sorted(set(groups))
    inside = (np.array(names)[:, None] == np.array(list(groups))[None, :]).astype(float)
    chance, means, spreads = _foretold(y, v, inside, df)
    rows = []
    for at, name in enumerate(names):
        low, high = (_quantile(p, chance, means[:, at], spreads[:, at], df) for p in ((1 - level) / 2, (1 + level) / 2))
        rows.append({"group": name, "estimate": chance @ means[:, at], "pred_low": low, "pred_high": high})
    return pd.DataFrame(rows)


def _foretold(y: np.ndarray, v: np.ndarray, inside: np.ndarray, df: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how likely every tau and r are, (g,), and the next of each group's mean and spread: (g, groups).

    The next one is kriged: ``mu + c' S⁻¹ (y - mu·1)``, with c its covariance with the estimates and S theirs.
    """
    tau2 = (SCALE * typical_error(v) * np.tan(np.pi / 2 * (np.arange(TAUS) + 0.5) / TAUS)) ** 2
    tau2, share = (m.ravel() for m in np.meshgrid(tau2, (np.arange(SHARES) + 0.5) / SHARES))
    alike, k = inside.T @ inside, len(y)
    between = share[:, None, None] * alike + (1 - share)[:, None, None] * np.eye(k)
    weights = np.linalg.inv(v + tau2[:, None, None] * between)
    ones = weights.sum(axis=2)
    total = ones.sum(axis=1)
    mu = ones @ y / total
    off = y - mu[:, None]
    around = np.einsum("gi,gij,gj->g", off, weights, off)
    misfit = around if np.isinf(df) else (df + k - 1) * np.log1p(around / df)
    fit = 0.5 * (np.linalg.slogdet(weights)[1] - np.log(total) - misfit)
    chance = np.exp(fit - fit.max())
    known = (tau2 * share)[:, None, None] * np.einsum("ki,gij->gkj", inside, weights)  # c' S⁻¹
    means = mu[:, None] + np.einsum("gkj,gj->gk", known, off)
    told = (tau2 * share)[:, None] * np.einsum("gkj,kj->gk", known, inside)
    variance = tau2[:, None] - told + (1 - known.sum(axis=2)) ** 2 / total[:, None]  # the last: what hangs on mu
    return chance / chance.sum(), means, np.sqrt(variance)


def _quantile(probability: float, chance: np.ndarray, means: np.ndarray, spreads: np.ndarray, df: float) -> float:
    """Return a quantile of a mixture; it lies between the smallest and the largest of its parts' own."""
    own = means + t_quantile(probability, df) * spreads

    def gap(value: float) -> float:
        return float(chance @ t_tail((means - value) / spreads, df)) - probability

    return float(optimize.brentq(gap, own.min() - 1e-9, own.max() + 1e-9))
