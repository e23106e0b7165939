"""Interrupted series of counts: whether a level changed at an event, beyond the group's own trend and beside others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import tidy_frame

MIN_AROUND = 2  # periods before the event and after it, at least
MIN_OTHERS = 3  # groups without the event, at least: fewer do not tell what would have happened without it
_STEPS = 100
_HALF = 0.5  # added to every count, so that an empty period has an answer (Haldane 1956; Anscombe 1956)


@dataclass(frozen=True, slots=True, eq=False)
class LevelChanges:
    """Changes of level at an event.

    table : DataFrame     tidy rows, one per group: log of by what factor the count changed at the event
    vcov : ndarray        their covariance: all are compared with the same others, whose chance they have in common
    average : Series or None   tidy: the mean of these groups' changes, each counting alike; None with fewer than two
    dispersion : float    by how much counts vary more than Poisson's do, over all groups; 1 at least
    """

    table: pd.DataFrame
    vcov: np.ndarray
    average: pd.Series | None
    dispersion: float


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    variance: float
    weights: np.ndarray  # (periods,): the coefficient as a sum over the periods' logits
    squares: float
    df: int
    coef: float


def level_changes(counts: pd.DataFrame, others: pd.DataFrame, first: dict[str, int]) -> LevelChanges | None:
    """Return how counts changed at an event, held against their own trend and against groups without the event.

    Given a period's count of the group and of all others together, the group's is binomial, whatever moved them all in
    that period; its logit has the group's own level and slope over periods, and a step after the event (interrupted
    time series with comparison: Bernal, Cummins & Gasparrini 2018, Int. J. Epidemiol. 47). The period of the event
    itself is left out, since it is on both sides. Variances are multiplied by the dispersion, chi-squares over their
    degrees of freedom added up over all groups, or by the group's own where that is larger; t has as many degrees of
    freedom.

    Parameters
    ----------
    counts, others : DataFrame, (groups, periods) in order of time: groups with the event and groups without it.
    first : per group of ``counts`` the place of the period in which the event was.

    Returns
    -------
    None where no group has two periods before its event and two after it, or fewer than three others are there.
    """
    beside = others.to_numpy(dtype=float).sum(axis=0)
    if len(others) < MIN_OTHERS:
        return None
    time = np.arange(counts.shape[1], dtype=float)
    fits: dict[str, _Fit] = {}
    for name, row in zip(counts.index, counts.to_numpy(dtype=float), strict=True):
        at = first[name]
        if min(at, len(time) - 1 - at) < MIN_AROUND:
            continue
        design = np.column_stack([np.ones(len(time)), time - time.mean(), time > at])
        fits[str(name)] = _fit(design, row, beside, time != at, str(name))
    if not fits:
        return None
    line = np.column_stack([np.ones(len(time)), time - time.mean()])
    steady = [
        _fit(line, row, beside - row, np.full(len(time), True), str(name))
        for name, row in zip(others.index, others.to_numpy(dtype=float), strict=True)
    ]
    every = [*fits.values(), *steady]
    df = sum(fit.df for fit in every)
    dispersion = max(1.0, sum(fit.squares for fit in every) / df)
    own = np.array([max(dispersion, fit.squares / fit.df) for fit in fits.values()])
    weights = np.array([fit.weights for fit in fits.values()])
    vcov = dispersion * (weights / (beside + _HALF)) @ weights.T
    np.fill_diagonal(vcov, own * [fit.variance for fit in fits.values()])
    n = [int(counts.loc[name].sum()) for name in fits]
    table = tidy_frame(list(fits), [fit.coef for fit in fits.values()], np.sqrt(np.diag(vcov)), n, df=df)
    mean = tidy_frame("average", table["estimate"].mean(), np.sqrt(vcov.sum()) / len(table), sum(n), df=df)
    return LevelChanges(table, vcov, mean.iloc[0] if len(table) > 1 else None, dispersion)


def _fit(design: np.ndarray, own: np.ndarray, beside: np.ndarray, kept: np.ndarray, what: str) -> _Fit:
    """Return the last coefficient of a binomial regression of a group's count among all, by Newton's steps."""
    x, y, n = design[kept], own[kept] + _HALF, own[kept] + beside[kept] + 2 * _HALF
    coef = np.zeros(x.shape[1])
    coef[0] = np.log(y.sum() / (n - y).sum())
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-x @ coef))
        weight = n * p * (1 - p)
        vcov = np.linalg.inv(x.T @ (x * weight[:, None]))
        step = vcov @ (x.T @ (y - n * p))
        coef = coef + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            weights = np.zeros(len(own))
            weights[kept] = (vcov @ (x * weight[:, None]).T)[-1]
            squares = float(((y - n * p) ** 2 / weight).sum())
            return _Fit(float(vcov[-1, -1]), weights, squares, len(y) - x.shape[1], float(coef[-1]))
    raise EstimationError(f"change of {what}: the search did not settle.")
