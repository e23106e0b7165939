"""Regression of shares, counts, logs and hazards on crossed cells, with errors clustered by unit.

One estimating equation serves all: Σ x μ'(η) / V(μ) · (y − n μ) = 0 over cells with n observations that sum to y
(Wedderburn 1974; McCullagh & Nelder 1989, ch. 9). Only the mean has to be right: errors come from what units leave
over (Liang & Zeger 1986), so overdispersed counts and answers that are alike within a unit are no trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import linalg, special

from exlink.errors import EstimationError
from exlink.stats.crossed import CellTable, Crossed
from exlink.stats.logit import expit
from exlink.stats.tidy import tidy_frame

MAX_STEPS = 60
FAR = 15.0  # a standardised coefficient beyond which events are separated from non-events


@dataclass(frozen=True, slots=True)
class Family:
    """A mean μ of η, its first and second derivative by η (of η and μ), the variance of one observation (of μ).

    Where the link is canonical, the first derivative is the variance.
    """

    name: str
    mean: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    bend: Callable[[np.ndarray, np.ndarray], np.ndarray]
    variance: Callable[[np.ndarray], np.ndarray]
    link: Callable[[float], float]
    canonical: bool = True

    def ratio(self, mu: np.ndarray, slope: np.ndarray) -> np.ndarray | float:
        """Return slope over variance."""
        return 1.0 if self.canonical else slope / self.variance(mu)


def _cloglog(eta: np.ndarray) -> np.ndarray:
    return -np.expm1(-np.exp(np.minimum(eta, 30.0)))


def _cloglog_slope(eta: np.ndarray, _: np.ndarray) -> np.ndarray:
    eta = np.minimum(eta, 30.0)
    return np.exp(eta - np.exp(eta))


def _binomial(mu: np.ndarray) -> np.ndarray:
    return np.maximum(mu * (1 - mu), 1e-300)


LOGIT = Family(
    "logit", expit, lambda _, mu: mu * (1 - mu), lambda _, mu: mu * (1 - mu) * (1 - 2 * mu), _binomial,
    lambda mu: float(special.logit(mu)),
)  # fmt: skip
CLOGLOG = Family(  # grouped durations: coefficients are those of continuous proportional hazards
    "complementary log-log", _cloglog, _cloglog_slope,
    lambda eta, mu: _cloglog_slope(eta, mu) * (1 - np.exp(np.minimum(eta, 30.0))), _binomial,
    lambda mu: float(np.log(-np.log1p(-mu))), canonical=False,
)  # fmt: skip
LOG = Family(
    "log", np.exp, lambda _, mu: mu, lambda _, mu: mu, lambda mu: mu, lambda mu: float(np.log(mu))
)  # fmt: skip
IDENTITY = Family(
    "identity", lambda eta: eta, lambda eta, _: np.ones_like(eta), lambda eta, _: np.zeros_like(eta), np.ones_like,
    lambda mu: float(mu),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class QuasiFit:
    """A fit on cells.

    family : str
    table : DataFrame, (k, 8)          tidy rows of all terms on the scale of η, and n_units; errors clustered, CR1, t
    marginal : DataFrame, (k, 8)       average change of the mean per unit of each term (delta method); observations
                                       left out count with no change
    vcov : ndarray, (k, k)
    influence : ndarray, (units, k)    ``influence.T @ influence`` is ``vcov``
    coef : ndarray, (k,)
    fitted, total, counts : ndarray, (cells,)    μ of each cell; its sum of y; its observations
    dispersion : float                 Pearson χ² over its degrees of freedom where sums of squares are given, else NaN
    left_out : int                     observations at levels of a 0/1 column at which all, or none, are events
    design : Crossed                   the columns that vary
    """

    family: str
    table: pd.DataFrame
    marginal: pd.DataFrame
    vcov: np.ndarray
    influence: np.ndarray
    coef: np.ndarray
    fitted: np.ndarray
    total: np.ndarray
    counts: np.ndarray
    dispersion: float
    left_out: int
    design: Crossed


def fit_quasi(
    cells: CellTable, total: str, counts: str, family: Family, *, squares: str | None = None, level: float = 0.95
) -> QuasiFit:
    """Return the regression of a sum per cell, ``total``, of ``counts`` observations on the design of the cells.

    Parameters
    ----------
    total, counts : str
        Columns of ``cells.values``: sum of the outcome, and observations in it.
    family : Family
        ``LOGIT``, ``CLOGLOG``, ``LOG`` or ``IDENTITY``.
    squares : str, optional
        Sum of squares of the outcome, for the dispersion.

    Returns
    -------
    QuasiFit; covariance CR1 with factor ``G/(G-1) · (N-1)/(N-k)``, as R's ``sandwich::vcovCL(type = "HC1")`` of
    ``glm`` on the rows; bread from the expected information, which is the observed one for canonical links.

    Notes
    -----
    Simulated with nine covariates split within and between, circumstances, and levels that units keep (SD .3): 95 %
    intervals of within slopes hold a truth of zero in 91 % (logit) and 94 % (rates) of fits with 40 units of three
    periods, in 94 to 96 % with 100 units or more, or with eight periods.

    Raises
    ------
    EstimationError
        Fewer than ten clusters, an outcome that does not vary, or a covariate that separates events from non-events.
    """
    asked = float(cells.values[counts].sum())
    columns = [total, counts, *([squares] if squares else [])]
    used = _telling(CellTable(cells.design, cells.values[columns]), total, counts, family)
    y, n = (used.values[c].to_numpy(dtype=float) for c in (total, counts))
    coef, at = _solve(used.design, y, n, family, total)
    mu, bread = at.mu, linalg.inv(at.gram)
    rows, g, k = n.sum(), len(used.design.units), len(coef)
    factor = g / (g - 1) * (rows - 1) / max(rows - k, 1)
    influence = np.sqrt(factor) * used.design.scores(at.ratio * (y - n * mu)) @ bread
    vcov = influence.T @ influence
    names = used.design.names
    table = tidy_frame(names, coef, np.sqrt(np.diag(vcov)), int(rows), df=g - 1, level=level).assign(n_units=g)
    average = float(n @ at.slope) / asked
    gradient = np.outer(coef, used.design.cross(n * family.bend(at.eta, mu)) / asked) + average * np.eye(k)
    errors = np.sqrt(np.einsum("ik,kl,il->i", gradient, vcov, gradient))
    marginal = tidy_frame(names, coef * average, errors, int(rows), df=g - 1, level=level).assign(n_units=g)
    dispersion = np.nan
    if squares:
        left = used.values[squares].to_numpy(dtype=float) - 2 * mu * y + n * mu**2
        dispersion = float((left / family.variance(mu)).sum() / (rows - k))
    return QuasiFit(
        family.name, table, marginal, vcov, influence, coef, mu, y, n, dispersion, int(asked - rows), used.design
    )


def _telling(cells: CellTable, total: str, counts: str, family: Family) -> CellTable:
    """Return the cells without levels at which all, or none, are events: their own coefficient would be infinite."""
    n = cells.values[counts].to_numpy(dtype=float)
    used = cells.used(n)
    while family.name != "identity":
        y, n = (used.values[c].to_numpy(dtype=float) for c in (total, counts))
        happened, seen = used.design.cross(y)[1:], used.design.cross(n)[1:]
        silent = (happened <= 0) | ((happened >= seen) & (family.name != "log"))
        levels = [j for j in np.flatnonzero(silent) + 1 if np.isin(used.design.column(j), (0.0, 1.0)).all()]
        if not levels:
            break
        for j in levels:
            n = np.where(used.design.linear(np.eye(len(seen) + 1)[j]) == 1, 0.0, n)
        used = used.used(n)
    return used


class _Point(NamedTuple):
    """What the estimating equation says at one set of coefficients, by cell but for ``gram``."""

    eta: np.ndarray
    mu: np.ndarray
    slope: np.ndarray
    ratio: np.ndarray | float
    gram: np.ndarray  # expected information, (k, k)


def _point(design: Crossed, coef: np.ndarray, n: np.ndarray, family: Family) -> _Point:
    eta = design.linear(coef)
    mu = family.mean(eta)
    slope = family.slope(eta, mu)
    ratio = family.ratio(mu, slope)
    return _Point(eta, mu, slope, ratio, design.gram(n * slope * ratio))


def _solve(design: Crossed, y: np.ndarray, n: np.ndarray, family: Family, what: str) -> tuple[np.ndarray, _Point]:
    """Return the root of the estimating equation by Fisher scoring, from the overall mean, and what it says there."""
    coef = np.zeros(len(design.names))
    mean = y.sum() / n.sum()
    bounded = family.name not in ("identity", "log")
    if (family.name != "identity" and not mean > 0) or (bounded and not mean < 1):
        raise EstimationError(f"{what}: the outcome does not vary.")
    coef[0] = family.link(mean)
    counted = design.gram(n)
    scale = np.sqrt(np.maximum(np.diag(counted) / n.sum(), 1e-300))
    # where all cells have the overall mean, the information is that of the counts, times one number
    slope = family.slope(coef[:1], np.array([mean]))
    ratio = family.ratio(np.array([mean]), slope)
    at, information, pull = None, slope * ratio * counted, design.cross(ratio * (y - n * mean))
    for _ in range(MAX_STEPS):
        gram = information / np.outer(scale, scale)
        if not np.isfinite(gram).all() or np.linalg.cond(gram) > 1e14 or _far(coef, scale, family):
            break
        step = linalg.solve(gram, pull / scale, assume_a="pos")
        if family.name != "identity":
            step *= min(1.0, 4.0 / max(np.abs(step).max(), 1e-300))
        coef = coef + step / scale
        if at is not None and np.abs(step).max() < 1e-11 * (1 + np.abs(coef * scale).max()):
            return coef, at
        at = _point(design, coef, n, family)
        information, pull = at.gram, design.cross(at.ratio * (y - n * at.mu))
    raise EstimationError(
        f"{what}: a covariate (nearly) separates events from non-events, so there is no finite estimate. Use fewer or "
        "coarser circumstances."
    )


def _far(coef: np.ndarray, scale: np.ndarray, family: Family) -> bool:
    return family.name != "identity" and bool(np.abs(coef[1:] * scale[1:]).max(initial=0.0) > FAR)
