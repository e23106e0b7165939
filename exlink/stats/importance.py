"""How the explained variance divides among covariates: Johnson's relative weights and LMG, with rank intervals.

Both read cross-products only, so a draw of the cluster bootstrap costs as much as there are covariates, not rows. Both
give every covariate a share of R²; none is ever set to zero because its own slope is not clear. A share has no sign
and no cause: it divides what the covariates together account for, what they share included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import factorial

import numpy as np
import pandas as pd

from exlink.errors import EstimationError, listed
from exlink.stats.bootstrap import bootstrap
from exlink.stats.moments import UnitMoments
from exlink.stats.tidy import check_level, draws_frame

MOST_LMG = 12  # 2^12 models per draw; beyond it the time doubles with every covariate
SINGULAR = 1e-12  # smallest eigenvalue of a correlation matrix, relative to the largest, that can be told from zero
HIGH_VIF = 5.0  # O'Brien (2007): between the usual 4 and 10
HIGH_INDEX = 30.0  # Belsley, Kuh & Welsch (1980), section 3.2: moderate to strong
LMG, JOHNSON = "LMG", "relative weights"


@dataclass(frozen=True, slots=True, eq=False)
class Collinearity:
    """How far covariates say the same thing.

    table : DataFrame         term, vif, partner (the covariate it goes along with most), correlation (with it)
    condition_index : float   largest singular value of the standardised covariates over the smallest
    """

    table: pd.DataFrame
    condition_index: float

    @property
    def high(self) -> bool:
        """Return whether shares of single covariates are to be read with care."""
        return bool(self.condition_index > HIGH_INDEX or (self.table["vif"] > HIGH_VIF).any())

    def warning(self, labels: Mapping[str, str] | None = None) -> str:
        """Return one sentence naming the pairs that cannot be told apart well, or ``""``."""
        if not self.high:
            return ""
        labels = labels or {}
        worst = self.table[self.table["vif"] > HIGH_VIF].sort_values("vif", ascending=False, kind="stable")
        pairs = list(dict.fromkeys(tuple(sorted((r.term, r.partner))) for r in worst.itertuples()))
        named = [f"{labels.get(a, a)} with {labels.get(b, b)}" for a, b in pairs] or ["all of them together"]
        return (
            f"Some covariates go along so closely that their shares can hardly be told apart ({listed(named)}; "
            f"largest variance inflation {self.table['vif'].max():.1f}, condition index {self.condition_index:.0f}): "
            "read their shares as one."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    """Shares of the explained variance.

    table : DataFrame        method ('LMG', 'relative weights'), term, estimate (points of R²), share (of R²; shares of
                             a method sum to 1) with std_error, conf_low, conf_high, rank (1 = largest) with rank_low,
                             rank_high, slope (all covariates in one model) with slope_low, slope_high, slope_p, n
                             (rows), n_units, note (why a method was not computed)
    rsquared : float         of all covariates together
    collinearity : Collinearity
    """

    table: pd.DataFrame
    rsquared: float
    collinearity: Collinearity


def relative_weights(products: np.ndarray) -> np.ndarray:
    """Return Johnson's relative weights: shape (B, p), rows summing to R².

    The covariates are replaced by the closest uncorrelated ones, ``Z = X R^(-1/2)``; their squared correlations with y
    go back to X by the squared loadings ``R^(1/2)`` (Johnson 2000, Multivar. Behav. Res. 35, eqs. 1–8).

    Parameters
    ----------
    products : ndarray, shape (B, p+1, p+1)
        Cross-products of [x…, y], net of intercept or effects; a draw that cannot be inverted gives NaN.
    """
    r, usable = _correlations(products)
    out = np.full((len(r), r.shape[1] - 1), np.nan)
    values, vectors = np.linalg.eigh(r[usable, :-1, :-1])
    root = np.sqrt(values)[:, None, :]
    half = (vectors * root) @ vectors.transpose(0, 2, 1)
    inverse_half = (vectors / root) @ vectors.transpose(0, 2, 1)
    beta = np.einsum("bij,bj->bi", inverse_half, r[usable, :-1, -1])
    out[usable] = np.einsum("bij,bj->bi", half**2, beta**2)
    return out


def lmg(products: np.ndarray) -> np.ndarray:
    """Return LMG, a covariate's gain in R² averaged over all orders of entry: shape (B, p), rows summing to R².

    The Shapley value of R² (Lindeman, Merenda & Gold 1980; Grömping 2006, J. Stat. Softw. 17(1), eq. 5).

    Parameters
    ----------
    products : ndarray, shape (B, p+1, p+1)
        As in `relative_weights`.

    Raises
    ------
    EstimationError
        More than 12 covariates.
    """
    r, usable = _correlations(products)
    p = r.shape[1] - 1
    if p > MOST_LMG:
        raise EstimationError(
            f"LMG: {p} covariates would take 2^{p} models per draw; at most {MOST_LMG}. Use relative weights, or fewer."
        )
    fits = _all_subsets(r[usable])
    subsets = np.arange(2**p)
    sizes = np.array([bin(s).count("1") for s in subsets])
    # the chance that exactly the members of a subset stand before a covariate in a random order
    chance = np.array([factorial(s) * factorial(max(p - 1 - s, 0)) / factorial(p) for s in range(p + 1)])
    out = np.full((len(r), p), np.nan)
    for j in range(p):
        before = subsets[(subsets >> j & 1) == 0]
        out[usable, j] = chance[sizes[before]] @ (fits[before | 1 << j] - fits[before])
    return out


def collinearity(products: np.ndarray, names: list[str]) -> Collinearity:
    """Return variance inflation, closest partner and condition index of covariates from one (p+1, p+1) matrix.

    Covariates are centred (their intercept or effects are out), so the index speaks of slopes only.

    Raises
    ------
    EstimationError
        Covariates that determine each other.
    """
    r, usable = _correlations(products[None])
    if not usable[0]:
        raise EstimationError(f"{listed(names)}: a covariate does not vary or repeats the others. Leave it out.")
    x = r[0, :-1, :-1]
    values = np.linalg.eigvalsh(x)
    apart = np.abs(x - np.diag(np.diag(x)))
    partner = apart.argmax(axis=1)
    alone = len(names) == 1
    table = pd.DataFrame({
        "term": names, "vif": np.diag(np.linalg.inv(x)), "partner": ["" if alone else names[k] for k in partner],
        "correlation": np.nan if alone else x[np.arange(len(x)), partner],
    })  # fmt: skip
    return Collinearity(table, float(np.sqrt(values[-1] / values[0])))


def importance(moments: UnitMoments, *, reps: int = 1000, seed: int, level: float = 0.95) -> Importance:
    """Return how R² divides among the covariates of ``moments``, with intervals over whole units.

    Parameters
    ----------
    moments : UnitMoments
        `within_moments`, `between_moments` or `row_moments`.

    Returns
    -------
    Importance; intervals are percentiles of the cluster bootstrap, of ranks the whole places they fall on. Shares are
    never negative, so an interval of a share cannot say whether a covariate matters at all: the interval of its slope
    says so. Shares of covariates that do nothing are above zero by chance, the more so in small data.

    Raises
    ------
    EstimationError
        Fewer than 2 covariates, covariates that determine each other, or fewer than 3 units.
    """
    check_level(level)
    names, p = list(moments.names), len(moments.names)
    if p < 2:
        raise EstimationError(f"importance: {p} covariate; at least 2 are needed to divide anything.")
    whole = moments.reduced()
    checked = collinearity(whole[0], names)
    exact = p <= MOST_LMG

    def statistic(weights: np.ndarray) -> np.ndarray:
        # one pass over the units for all three: shape (B, 3p)
        products = moments.reduced(weights)
        shapley = lmg(products) if exact else np.full((len(products), p), np.nan)
        return np.hstack([shapley, relative_weights(products), _slopes(products)])

    point = statistic(np.ones((1, len(moments.units))))[0]
    draws = bootstrap(statistic, len(moments.units), reps=reps, seed=seed)
    tails = [(1 - level) / 2, (1 + level) / 2]
    own = draws_frame(names, point[2 * p :], draws[:, 2 * p :], moments.n_rows, level=level)
    slopes = {"slope": own["estimate"], "slope_low": own["conf_low"], "slope_high": own["conf_high"],
              "slope_p": own["p_value"]}  # fmt: skip
    parts = []
    for k, method in enumerate((LMG, JOHNSON)):
        here = slice(k * p, (k + 1) * p)
        known = exact or method == JOHNSON
        part = _divided(point[here], draws[:, here], tails) if known else dict.fromkeys(DIVIDED, np.nan)
        note = "" if known else f"{p} covariates; {LMG} is computed for at most {MOST_LMG}"
        parts.append(pd.DataFrame({"method": method, "term": names, **part, **slopes, "note": note}))
    table = pd.concat(parts, ignore_index=True).assign(n=moments.n_rows, n_units=len(moments.units))
    return Importance(table, float(point[p : 2 * p].sum()), checked)


def ranks_of(values: np.ndarray) -> np.ndarray:
    """Return ranks per row, 1 for the largest; of equals the first comes first."""
    return (-values).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1


def places(low: float, high: float) -> str:
    """Return an interval of ranks in words: ``2``, ``1 to 3``, or a dash where there is none."""
    return "–" if np.isnan(low) else f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


DIVIDED = ("estimate", "share", "std_error", "conf_low", "conf_high", "rank", "rank_low", "rank_high")


def _divided(point: np.ndarray, draws: np.ndarray, tails: list[float]) -> dict[str, np.ndarray]:
    """Return the columns of one method; the interval is the share's."""
    usable = np.isfinite(draws).all(axis=1)
    if usable.sum() < 2:
        return {**dict.fromkeys(DIVIDED, np.nan), "estimate": point, "share": point / point.sum()}
    shares = draws[usable] / draws[usable].sum(axis=1, keepdims=True)
    low, high = _quantiles(shares, tails)
    ranks = ranks_of(shares)
    # whole places: the interval holds at least as many draws as it says
    rank_low = np.quantile(ranks, tails[0], axis=0, method="lower")
    rank_high = np.quantile(ranks, tails[1], axis=0, method="higher")
    return {
        "estimate": point, "share": point / point.sum(), "std_error": shares.std(axis=0, ddof=1), "conf_low": low,
        "conf_high": high, "rank": ranks_of(point[None])[0], "rank_low": rank_low, "rank_high": rank_high,
    }  # fmt: skip


def _quantiles(draws: np.ndarray, tails: list[float]) -> np.ndarray:
    usable = draws[np.isfinite(draws).all(axis=1)]
    return np.quantile(usable, tails, axis=0) if len(usable) > 1 else np.full((2, draws.shape[1]), np.nan)


def _correlations(products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return correlation matrices of [x…, y], and which of them can be inverted: shapes (B, p+1, p+1), (B,)."""
    spread = np.sqrt(products.diagonal(axis1=1, axis2=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = products / (spread[:, :, None] * spread[:, None, :])
    usable = np.isfinite(r).all(axis=(1, 2))
    values = np.linalg.eigvalsh(r[usable, :-1, :-1])
    usable[usable] = values[:, 0] > SINGULAR * values[:, -1]
    return r, usable


def _slopes(products: np.ndarray) -> np.ndarray:
    r, usable = _correlations(products)
    spread = np.sqrt(products.diagonal(axis1=1, axis2=2))
    out = np.full((len(r), r.shape[1] - 1), np.nan)
    standard = np.linalg.solve(r[usable, :-1, :-1], r[usable, :-1, -1:])[..., 0]
    out[usable] = standard * spread[usable, -1:] / spread[usable, :-1]
    return out


def _all_subsets(r: np.ndarray) -> np.ndarray:
    """Return R² of every subset of covariates: shape (2^p, B), subset s holds covariate j where bit j is set.

    Subsets are visited in order of their largest member: what is left of the later covariates once the members are
    swept out is handed on, so that a subset costs one sweep of what comes after it.
    """
    p = r.shape[1] - 1
    out = np.zeros((2**p, len(r)))
    pending = [(0, 0, r, np.zeros(len(r)))]
    while pending:
        subset, first, left, fit = pending.pop()
        for j in range(first, p):
            k = j - first
            column = left[:, k:, k]
            gain = column[:, -1] ** 2 / column[:, 0]
            chosen = subset | 1 << j
            out[chosen] = fit + gain
            if j + 1 < p:
                rest = column[:, 1:]
                swept = left[:, k + 1 :, k + 1 :] - rest[:, :, None] * rest[:, None, :] / column[:, :1, None]
                pending.append((chosen, j + 1, swept, out[chosen]))
    return out
