"""Confirmatory factor analysis by maximum likelihood: loadings, fit, and whether groups share the loadings.

Written here because no kept library does it: the last release of semopy (2.3.11) is of January 2024 and declares
Python 3.10, gives standardised loadings without errors, neither SRMR nor the interval of RMSEA, and brings sympy and
scikit-learn along; factor_analyzer 0.5.1 (February 2024) fails on arrays that pandas 3 protects; statsmodels
has exploratory factors only. Tests hold the numbers to lavaan's and, with one factor, to statsmodels'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, special

from exlink.errors import EstimationError, listed
from exlink.stats.cfa_optimum import Layout, discrepancy, implied_covariance, optimum
from exlink.stats.fit_indices import fit_indices
from exlink.stats.tidy import need_columns, tidy_frame

FEWEST_PER_FACTOR = 3  # indicators; with two, a factor that others do not move with is not identified


@dataclass(frozen=True, slots=True, eq=False)
class CfaFit:
    """One fitted model.

    loadings : DataFrame    item, factor and tidy columns: standardised, by the delta method; per group if several
    correlations : DataFrame   factor, other and tidy columns: between factors
    measures : Series       chisq, df, p_value, cfi, tli, rmsea, rmsea_low, rmsea_high (90 %), srmr, aic, n
    raw : Series, (q,)      loadings and residual variances in units of the items (first group), by (kind, item)
    vcov : ndarray, (q, q)  covariance of ``raw``
    improper : list of str  items whose residual variance came out below zero: their factor is not identified here
    converged : bool
    """

    loadings: pd.DataFrame
    correlations: pd.DataFrame
    measures: pd.Series
    raw: pd.Series
    vcov: np.ndarray
    improper: list[str]
    converged: bool


def fit_cfa(
    data: pd.DataFrame, factors: Mapping[str, Sequence[str]], *, group: str | None = None, level: float = 0.95
) -> CfaFit:
    """Return a confirmatory factor model: each item loads on one factor, factors may correlate.

    Parameters
    ----------
    data : DataFrame, one row per person; rows with a missing item are left out.
    factors : factor → its items, at least three each.
    group : column of groups; loadings are then equal in all groups (metric invariance), everything else is free.

    Raises
    ------
    EstimationError
        Too few items or rows, an item without variance, or items that are sums of one another.

    Notes
    -----
    Covariances divide by n and chi² is n times the discrepancy, as in lavaan; errors come from the expected
    information, and suppose normal answers of independent persons.
    """
    items = [item for own in factors.values() for item in own]
    short = [name for name, own in factors.items() if len(own) < FEWEST_PER_FACTOR]
    if short:
        raise EstimationError(f"cfa: {listed(short)} has fewer than {FEWEST_PER_FACTOR} items, and is not identified.")
    need_columns(data, [*items, *([group] if group else [])], "cfa")
    complete = data.dropna(subset=[*items, *([group] if group else [])])
    parts = [complete] if group is None else [part for _, part in complete.groupby(group, sort=True)]
    names = [""] if group is None else [str(name) for name, _ in complete.groupby(group, sort=True)]
    samples = [_covariance(part[items].to_numpy(dtype=float), items) for part in parts]
    counts = np.array([len(part) for part in parts])
    scale = np.sqrt(np.average([np.diag(s) for s in samples], axis=0, weights=counts))
    scaled = [s / np.outer(scale, scale) for s in samples]
    at = np.repeat(np.arange(len(factors)), [len(own) for own in factors.values()])
    layout = Layout(at, len(factors), len(parts))
    theta, information, converged = optimum(layout, scaled, counts)
    vcov = linalg.pinvh(information)
    standard, gradient = _standardised(layout, theta)
    own = list(factors)
    loadings = _tidy([], standard, gradient, vcov, np.repeat(counts, len(items)), level)
    loadings.insert(0, "item", items * len(parts))
    loadings.insert(1, "factor", [own[f] for f in at] * len(parts))
    loadings.insert(2, "group", np.repeat(names, len(items)))
    improper = [items[i] for g in range(len(parts)) for i in np.flatnonzero(theta[layout.slices(g)[1]] < 0)]
    p = len(items)
    residuals = layout.slices(0)[1]
    chosen = [*range(p), *range(residuals.start, residuals.stop)]
    unit = np.concatenate([scale, scale**2])
    raw = pd.Series(theta[chosen] * unit, index=pd.MultiIndex.from_product([["loading", "residual"], items]))
    return CfaFit(
        loadings=loadings,
        correlations=_correlations(layout, theta, vcov, own, int(counts.sum()), level),
        measures=_measures(layout, theta, scaled, counts),
        raw=raw,
        vcov=vcov[np.ix_(chosen, chosen)] * np.outer(unit, unit),
        improper=list(dict.fromkeys(improper)),
        converged=converged,
    )


def compare(narrow: CfaFit, wide: CfaFit) -> pd.Series:
    """Return the test of a model against the wider one it is nested in.

    Returns
    -------
    Series: chisq, df, p_value of the difference, cfi (wide minus narrow), aic (narrow minus wide: above zero speaks
    for the wide one). One factor against two lies on an edge (a correlation of one), where p is conservative.
    """
    chisq = max(narrow.measures["chisq"] - wide.measures["chisq"], 0.0)
    df = narrow.measures["df"] - wide.measures["df"]
    if not df > 0:
        raise EstimationError(
            f"cfa: the wider model has {-df:g} parameters more than the narrow one; needs at least 1."
        )
    return pd.Series(
        {
            "chisq": chisq,
            "df": df,
            "p_value": float(special.chdtrc(df, chisq)),
            "cfi": wide.measures["cfi"] - narrow.measures["cfi"],
            "aic": narrow.measures["aic"] - wide.measures["aic"],
        }
    )


def configural(data: pd.DataFrame, factors: Mapping[str, Sequence[str]], group: str, **options: Any) -> CfaFit:
    """Return the model fitted in every group on its own: the same items on the same factors, nothing equal."""
    fits = {str(name): fit_cfa(part, factors, **options) for name, part in data.groupby(group, sort=True)}
    sums = pd.DataFrame({name: fit.measures for name, fit in fits.items()})
    add = sums.loc[["chisq", "df", "aic", "n", "chisq_null", "df_null"]].sum(axis=1)
    first = next(iter(fits.values()))
    return CfaFit(
        loadings=pd.concat([fit.loadings.assign(group=name) for name, fit in fits.items()], ignore_index=True),
        correlations=pd.concat([fit.correlations.assign(group=name) for name, fit in fits.items()], ignore_index=True),
        measures=fit_indices(add, len(fits)),
        raw=first.raw,
        vcov=first.vcov,
        improper=list(dict.fromkeys(item for fit in fits.values() for item in fit.improper)),
        converged=all(fit.converged for fit in fits.values()),
    )


def _covariance(values: np.ndarray, items: list[str]) -> np.ndarray:
    n, p = values.shape
    if n <= p:
        raise EstimationError(f"cfa: {n} people answered all {p} items; more people than items are needed.")
    flat = [items[i] for i in np.flatnonzero(np.ptp(values, axis=0) == 0)]
    if flat:
        raise EstimationError(f"cfa: {listed(flat)} does not vary.")
    covariance = np.cov(values, rowvar=False, ddof=0)
    spread = np.sqrt(np.diag(covariance))
    if np.linalg.eigvalsh(covariance / np.outer(spread, spread))[0] < 1e-8:
        raise EstimationError(f"cfa: one of the items {listed(items)} is a sum of others.")
    return covariance


def _standardised(layout: Layout, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised loadings of all groups, (g·p,), and their gradient, (g·p, q)."""
    p = len(layout.at)

    def loadings(x: np.ndarray) -> np.ndarray:
        out = []
        for g in range(layout.groups):
            sigma = implied_covariance(layout, x, g)[0]
            variance = np.ones(layout.factors)
            for value, (a, b) in zip(x[layout.slices(g)[0]], layout.pairs(g), strict=True):
                if a == b:
                    variance[a] = value
            out.append(x[:p] * np.sqrt(np.maximum(variance[layout.at], 0)) / np.sqrt(np.diag(sigma)))
        return np.concatenate(out)

    step = 1e-5
    gradient = [(loadings(theta + step * e) - loadings(theta - step * e)) / (2 * step) for e in np.eye(layout.size)]
    return loadings(theta), np.array(gradient).T


def _tidy(
    term: Sequence[str], value: np.ndarray, gradient: np.ndarray, vcov: np.ndarray, n: Any, level: float
) -> pd.DataFrame:
    error = np.sqrt(np.maximum(np.einsum("kq,qr,kr->k", gradient, vcov, gradient), 0))
    return tidy_frame(list(term) or [""] * len(value), value, error, n, level=level).drop(columns="term")


def _correlations(
    layout: Layout, theta: np.ndarray, vcov: np.ndarray, names: list[str], n: int, level: float
) -> pd.DataFrame:
    """Return the correlations between factors of the first group, whose factors have variance one."""
    where = layout.slices(0)[0]
    pairs = layout.pairs(0)
    gradient = np.zeros((len(pairs), layout.size))
    gradient[np.arange(len(pairs)), np.arange(where.start, where.stop)] = 1.0
    frame = _tidy([], theta[where], gradient, vcov, n, level)
    frame.insert(0, "factor", [names[a] for a, _ in pairs])
    frame.insert(1, "other", [names[b] for _, b in pairs])
    return frame


def _measures(layout: Layout, theta: np.ndarray, samples: list[np.ndarray], counts: np.ndarray) -> pd.Series:
    p, g = len(layout.at), layout.groups
    implied = [implied_covariance(layout, theta, k)[0] for k in range(g)]
    chisq = sum(n * discrepancy(m, s) for n, m, s in zip(counts, implied, samples, strict=True))
    null = sum(n * discrepancy(np.diag(np.diag(s)), s) for n, s in zip(counts, samples, strict=True))
    sums = {"chisq": chisq, "df": g * p * (p + 1) / 2 - layout.size, "aic": chisq + 2 * layout.size}
    sums |= {"n": counts.sum(), "chisq_null": null, "df_null": g * p * (p - 1) / 2}
    lower = np.tril_indices(p)
    apart = [
        ((s - m) / np.sqrt(np.outer(np.diag(s), np.diag(s))))[lower] for s, m in zip(samples, implied, strict=True)
    ]
    srmr = float(np.average([np.sqrt((r**2).mean()) for r in apart], weights=counts))
    return fit_indices(pd.Series(sums), g, srmr)
