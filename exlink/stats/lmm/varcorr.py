"""Variances of the random effects: as lme4 lists them, as SDs and correlations with intervals, as shares (ICC, R²)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.stats.lmm.inference import delta_errors
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
    """Return the names of the random effects of factor ``f``; a repeated name is numbered as lme4 does."""
    names: list[str] = []
    for c in products.groupings[f].columns:
        name = products.names[c]
        count = sum(n == name or n.startswith(f"{name}.") for n in names)
        names.append(f"{name}.{count}" if count else name)
    return names


def spread_intervals(
    products: Products,
    units: Units,
    entries: Entries,
    values: np.ndarray,
    sigma: float,
    covariance: np.ndarray,
    level: float,
) -> pd.DataFrame:
    """Return SDs and correlations with Wald intervals, SDs on the log scale and correlations on Fisher's.

    Returns
    -------
    DataFrame: group, term1, term2, kind ('sd' or 'correlation'), estimate, std_error, conf_low, conf_high. At the
    edge (an SD of zero, a correlation of ±1) Wald says nothing: the interval is missing.
    """
    effects = tuple(g.effects for g in products.groupings)

    def spreads(at: np.ndarray, log_residual: float) -> np.ndarray:
        return _spreads(products, units, unpack(at, entries, effects), sigma * np.exp(log_residual / 2))[1]

    labels, estimates = _spreads(products, units, unpack(values, entries, effects), sigma)
    errors = delta_errors(spreads, values, covariance)
    z = float(t_quantile(0.5 + level / 2, np.inf))
    rows = []
    for (group, one, two, kind), estimate, error in zip(labels, estimates, errors, strict=True):
        if kind == "sd":
            known = estimate > 0 and group not in _on_edge(products, entries, values)
            half = z * error / estimate if known else np.nan
            low, high = estimate * np.exp(-half), estimate * np.exp(half)
        else:
            known = abs(estimate) < 1 - 1e-6 and group not in _on_edge(products, entries, values)
            half = z * error / (1 - estimate**2) if known else np.nan
            low, high = np.tanh(np.arctanh(estimate) - half) if known else np.nan, (
                np.tanh(np.arctanh(estimate) + half) if known else np.nan
            )  # fmt: skip
        rows.append((group, one, two, kind, estimate, error if known else np.nan, low, high))
    return pd.DataFrame(
        rows, columns=["group", "term1", "term2", "kind", "estimate", "std_error", "conf_low", "conf_high"]
    )


def shares(products: Products, factors: Sequence[np.ndarray], beta: np.ndarray, variance: float) -> dict[str, object]:
    """Return ICC per factor, and R² without and with the random effects.

    The variance of a factor is its mean over the rows, ``tr(Psi Z'Z) / n``, which holds with random slopes too
    (Nakagawa & Schielzeth 2013; Johnson 2014, Methods Ecol. Evol. 5, eqs. 10–11); all in standardised columns.
    """
    n, p = products.n_rows, products.fixed
    means, spread = products.moments()
    fixed = float(beta @ spread[:p, :p] @ beta) * n / (n - 1)
    raw = spread + np.outer(means, means)
    random = {
        g.name: variance * float(np.trace(t @ t.T @ raw[np.ix_(g.columns, g.columns)]))
        for g, t in zip(products.groupings, factors, strict=True)
    }
    noise = sum(random.values()) + variance
    return {
        "icc": pd.Series({name: v / noise for name, v in random.items()}, name="icc"),
        "marginal": fixed / (fixed + noise),
        "conditional": (fixed + noise - variance) / (fixed + noise),
    }


def _spreads(
    products: Products, units: Units, factors: Sequence[np.ndarray], sigma: float
) -> tuple[list[tuple[str, str, str, str]], np.ndarray]:
    labels, values = [], []
    for f, g in enumerate(products.groupings):
        t, terms = units.factor(f, factors[f]), term_names(products, f)
        cov = sigma**2 * t @ t.T
        spread = np.sqrt(np.diag(cov))
        for i in range(len(terms)):
            labels.append((g.name, terms[i], terms[i], "sd"))
            values.append(spread[i])
            for j in range(i + 1, len(terms)):
                if g.free[j, i]:
                    both = spread[i] * spread[j]
                    labels.append((g.name, terms[i], terms[j], "correlation"))
                    values.append(cov[i, j] / both if both > 0 else np.nan)
    return [*labels, (RESIDUAL, "", "", "sd")], np.array([*values, sigma])


def _on_edge(products: Products, entries: Entries, values: np.ndarray) -> set[str]:
    return {
        products.groupings[f].name for v, (f, a, b) in zip(values, entries, strict=True) if a == b and abs(v) < EDGE
    }
