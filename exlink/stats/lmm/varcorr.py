"""Variances of the random effects: as lme4 lists them, as SDs and correlations with intervals, as shares (ICC, R²)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

import numpy as np
import pandas as pd

from exlink.stats.lmm.bases import bases_of
from exlink.stats.lmm.inference import ParameterErrors, delta_errors
from exlink.stats.lmm.optimise import EDGE, Entries, unpack
from exlink.stats.lmm.products import Products
from exlink.stats.lmm.units import Units
from exlink.stats.tidy import t_quantile

RESIDUAL = "Residual"
COLUMNS = ["group", "term1", "term2", "value"]


def covariances(products: Products, units: Units, factors: Sequence[np.ndarray], sigma: float) -> pd.DataFrame:
    """Return variances and covariances in squared units of the response: group, term1, term2, value.

    Variances have term1 equal to term2; covariances that the model holds at zero are left out. The last row is the
    residual variance, its terms empty.
    """
    rows = []
    for f, grouping in enumerate(products.groupings):
        t = units.factor(f, factors[f])
        cov, terms = sigma**2 * t @ t.T, term_names(products, f)
        for i in range(len(terms)):
            rows += [
                (grouping.name, terms[i], terms[j], cov[i, j]) for j in range(i, len(terms)) if grouping.free[j, i]
            ]
    return pd.DataFrame([*rows, (RESIDUAL, "", "", sigma**2)], columns=COLUMNS)


def term_names(products: Products, f: int) -> list[str]:
    """Return the names of the random effects of factor ``f``; a repeated name is numbered as lme4 does.

    A number that would make another effect's name is passed over: beside ``x.1``, the second ``x`` is ``x.2``.
    """
    given = [products.names[c] for c in products.groupings[f].columns]
    names: list[str] = []
    for name in given:
        taken = {*names, *(n for n in given if n != name)}
        numbered = (f"{name}.{k}" for k in count(1))
        names.append(name if name not in taken else next(n for n in numbered if n not in taken))
    return names


def spread_intervals(
    products: Products,
    units: Units,
    entries: Entries,
    values: np.ndarray,
    sigma: float,
    parameters: ParameterErrors,
    level: float,
) -> pd.DataFrame:
    """Return SDs and correlations with Wald intervals, SDs on the log scale and correlations on Fisher's.

    Returns
    -------
    DataFrame: group, term1, term2, kind ('sd' or 'correlation'), estimate, std_error, conf_low, conf_high. At the
    edge (an SD of zero, a correlation of ±1) Wald says nothing, and the data nothing along a flat direction: the
    interval is missing, for all that is correlated with what is on the edge.
    """
    labels, function = _labels(products), spreads_of(products, units, entries, sigma)
    table = pd.DataFrame(labels, columns=["group", "term1", "term2", "kind"])
    edge, estimate = _on_edge(products, entries, values), function(values, 0.0)
    error = np.where(edge, np.nan, delta_errors(function, values, parameters))
    half = float(t_quantile(0.5 + level / 2, np.inf)) * error
    is_sd, inner = table["kind"].to_numpy() == "sd", np.where(edge, np.nan, estimate)
    with np.errstate(invalid="ignore", divide="ignore"):  # where an SD is taken for a correlation, and at an edge
        factor, centre, width = np.exp(half / inner), np.arctanh(inner), half / (1 - inner**2)
        low = np.where(is_sd, inner / factor, np.tanh(centre - width))
        high = np.where(is_sd, inner * factor, np.tanh(centre + width))
    return table.assign(estimate=estimate, std_error=error, conf_low=low, conf_high=high)


def untold(
    products: Products, units: Units, entries: Entries, values: np.ndarray, parameters: ParameterErrors
) -> list[str]:
    """Return in words the SDs and correlations that the data do not tell, since other values fit as well."""
    if not parameters.flat.size:
        return []
    lost = np.isnan(delta_errors(spreads_of(products, units, entries, 1.0), values, parameters))
    return [
        _in_words(group, one, two, kind)
        for (group, one, two, kind), unknown, edge in zip(
            _labels(products), lost, _on_edge(products, entries, values), strict=True
        )
        if unknown and not edge
    ]


def _in_words(group: str, one: str, two: str, kind: str) -> str:
    if not one:
        return "the residual SD"
    return f"the SD of {one} in {group}" if kind == "sd" else f"the correlation of {one} and {two} in {group}"


def shares(products: Products, factors: Sequence[np.ndarray], beta: np.ndarray, variance: float) -> dict[str, object]:
    """Return ICC per factor, and R² without and with the random effects.

    The variance of a factor is its mean over the rows, ``tr(Psi Z'Z) / n``, which holds with random slopes too
    (Nakagawa & Schielzeth 2013; Johnson 2014, Methods Ecol. Evol. 5, eqs. 10–11); all in standardised columns. With
    precision weights the residual variance is that of a row of weight 1: of one answer, where weights count answers.

    variance : of the residual at the weight that counts as 1 in ``products``
    """
    n, p = products.n_rows, products.fixed
    _, spread = products.moments()
    fixed = float(beta @ spread[:p, :p] @ beta) * n / (n - 1)
    random = {
        g.name: variance * float(((square @ t) * t).sum())
        for g, t, square in zip(products.groupings, factors, mean_squares(products), strict=True)
    }
    residual = variance * products.per
    noise = sum(random.values()) + residual
    return {
        "icc": pd.Series({name: v / noise for name, v in random.items()}, name="icc"),
        "marginal": fixed / (fixed + noise),
        "conditional": (fixed + noise - residual) / (fixed + noise),
    }


def mean_squares(products: Products) -> list[np.ndarray]:
    """Return the mean of z z' over the rows per factor, (q, q), in the basis in which T is."""
    means, spread = products.moments()
    raw = spread + np.outer(means, means)
    return [
        basis.T @ raw[np.ix_(g.columns, g.columns)] @ basis
        for g, basis in zip(products.groupings, bases_of(products), strict=True)
    ]


def _labels(products: Products) -> list[tuple[str, str, str, str]]:
    """Return group, two terms and kind of every SD and correlation, the residual last."""
    out = []
    for f, g in enumerate(products.groupings):
        terms = term_names(products, f)
        for i, one in enumerate(terms):
            out.append((g.name, one, one, "sd"))
            out += [(g.name, one, terms[j], "correlation") for j in range(i + 1, len(terms)) if g.free[j, i]]
    return [*out, (RESIDUAL, "", "", "sd")]


def spreads_of(
    products: Products, units: Units, entries: Entries, sigma: float
) -> Callable[[np.ndarray, float], np.ndarray]:
    """Return the function from entries of T and log residual variance to SDs and correlations, as ``_labels``."""
    effects = tuple(g.effects for g in products.groupings)

    def spreads(at: np.ndarray, log_residual: float) -> np.ndarray:
        residual, out = sigma * np.exp(log_residual / 2), []
        for f, (g, t) in enumerate(zip(products.groupings, unpack(at, entries, effects), strict=True)):
            root = units.factor(f, t)
            cov = residual**2 * root @ root.T
            spread = np.sqrt(np.diag(cov))
            for i in range(g.effects):
                out.append(spread[i])
                related = [j for j in range(i + 1, g.effects) if g.free[j, i]]
                out += [cov[i, j] / (spread[i] * spread[j]) if spread[i] * spread[j] > 0 else np.nan for j in related]
        return np.array([*out, residual])

    return spreads


def _on_edge(products: Products, entries: Entries, values: np.ndarray) -> list[bool]:
    """Return for each of ``_labels`` whether a diagonal entry of its part of T is zero."""
    zero = {(f, a) for v, (f, a, b) in zip(values, entries, strict=True) if a == b and abs(v) < EDGE}
    out = []
    for f, g in enumerate(products.groupings):
        for i in range(g.effects):
            part = [j for j in range(g.effects) if g.free[max(i, j), min(i, j)]]
            edge = any((f, j) in zero for j in part)
            out += [edge] * (1 + sum(j > i for j in part))
    return [*out, False]
