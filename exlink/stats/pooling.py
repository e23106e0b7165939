"""Estimates of several groups pooled in part: how far the groups really differ, and each pulled to the average.

A random-effects model of k estimates with known covariance V: ``y ~ N(mu·1, V + tau² I)``. With a diagonal V it is
DerSimonian & Laird's; estimates that share people bring their covariances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from exlink.errors import EstimationError
from exlink.stats.tidy import check_level, tidy_frame


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Estimates of k groups, pooled in part.

    table : DataFrame     tidy rows, one per group (as measured), with shrunken, shrunken_low, shrunken_high, pull
                          (share of the way to the average)
    average : DataFrame   1 tidy row: the average group, tau in its error
    tau : float           standard deviation between groups, in units of the estimates; 0 where chance explains it all
    tau_low, tau_high : float    its interval (Q-profile)
    i2 : float            share of the variance of the estimates that is not chance, 0 … 1
    q, df, p_value : float, int, float    Cochran's Q, tested against no difference between groups
    """

    table: pd.DataFrame
    average: pd.DataFrame
    tau: float
    tau_low: float
    tau_high: float
    i2: float
    q: float
    df: int
    p_value: float


def partial_pool(
    estimate: Any, covariance: Any, groups: Sequence[str], *, n: Any = 0, df: float = np.inf, level: float = 0.95
) -> Pooled:
    """Return estimates pulled towards their average by as much as they are uncertain.

    Parameters
    ----------
    estimate : array_like, shape (k,)
    covariance : array_like, shape (k, k) or (k,)
        Covariance of the estimates, or their variances.
    groups : sequence of str, (k,)
    n : array_like or scalar
        Rows behind each estimate.
    df : float
        Degrees of freedom of a covariance that was itself estimated (clusters less groups): Q is then tested, and tau's
        interval made, with F in place of chi-square.

    Returns
    -------
    Pooled. tau² by the method of moments (DerSimonian & Laird 1986), its interval by inverting Q (Viechtbauer 2007,
    Stat. Med. 26), I² as in Higgins & Thompson (2002). Shrunken estimates are best linear unbiased predictions with
    the average's error in theirs (Raudenbush & Bryk 1985); tau is taken as known in them.

    Raises
    ------
    EstimationError
        Fewer than 2 groups, or a covariance that is not positive definite.
    """
    check_level(level)
    y = np.asarray(estimate, dtype=float)
    v = np.asarray(covariance, dtype=float)
    v = np.diag(v) if v.ndim == 1 else v
    k = len(y)
    if k < 2:
        raise EstimationError(f"pooling: {k} group; at least 2 are needed to compare.")
    if not (np.isfinite(v).all() and np.isfinite(y).all() and np.linalg.eigvalsh(v)[0] > 0):
        raise EstimationError(f"pooling: the covariance of {k} estimates is not positive definite.")
    _, _, q = _average(y, v, 0.0)
    trace = _trace(v)
    tau2 = max(0.0, (q - (k - 1)) / trace)
    mu, error, _ = _average(y, v, tau2)
    low, high = (_profile(y, v, p, df) for p in ((1 + level) / 2, (1 - level) / 2))
    keep = tau2 * np.linalg.inv(v + tau2 * np.eye(k))
    shrunken = mu + keep @ (y - mu)
    left = np.eye(k) - keep
    spread = left.sum(axis=1)  # how far each still hangs on the average
    variance = np.diag(tau2 * left) + spread**2 * error**2
    half = special.ndtri(0.5 + level / 2) * np.sqrt(variance)
    table = tidy_frame(list(groups), y, np.sqrt(np.diag(v)), n, level=level).assign(
        shrunken=shrunken, shrunken_low=shrunken - half, shrunken_high=shrunken + half, pull=1 - np.diag(keep)
    )
    total = int(np.sum(np.broadcast_to(np.asarray(n), y.shape)))
    return Pooled(
        table=table, average=tidy_frame("average", mu, error, total, level=level), tau=float(np.sqrt(tau2)),
        tau_low=float(np.sqrt(low)), tau_high=float(np.sqrt(high)), i2=float(tau2 / (tau2 + (k - 1) / trace)),
        q=q, df=k - 1, p_value=_tail(q, k - 1, df),
    )  # fmt: skip


def _average(y: np.ndarray, v: np.ndarray, tau2: float) -> tuple[float, float, float]:
    """Return the average, its standard error, and the weighted sum of squares around it."""
    weights = np.linalg.inv(v + tau2 * np.eye(len(y)))
    total = weights.sum()
    mu = weights.sum(axis=0) @ y / total
    return float(mu), float(1 / np.sqrt(total)), float((y - mu) @ weights @ (y - mu))


def _trace(v: np.ndarray) -> float:
    """Return what Q gains per unit of tau²: the trace of ``V⁻¹ - V⁻¹11'V⁻¹ / 1'V⁻¹1``."""
    weights = np.linalg.inv(v)
    return float(np.trace(weights) - (weights.sum(axis=0) ** 2).sum() / weights.sum())


def _tail(q: float, k: int, df: float) -> float:
    return float(special.chdtrc(k, q) if np.isinf(df) else special.fdtrc(k, df, q / k))


def _profile(y: np.ndarray, v: np.ndarray, probability: float, df: float) -> float:
    """Return the tau² at which Q takes a quantile of its distribution; 0 where it is below it already."""
    k = len(y) - 1
    target = float(special.chdtri(k, 1 - probability) if np.isinf(df) else k * special.fdtri(k, df, probability))

    def gap(tau2: float) -> float:
        return _average(y, v, tau2)[2] - target

    if gap(0.0) <= 0:
        return 0.0
    high = float(np.diag(v).max() + np.ptp(y) ** 2)
    while gap(high) > 0:
        high *= 4
    return float(optimize.brentq(gap, 0.0, high, xtol=1e-14, rtol=1e-12))
