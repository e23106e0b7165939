"""Ordered answers on crossed cells: proportional odds, with errors clustered by unit, and whether the odds are so.

``P(Y ≤ k) = Λ(α_k − x'β)`` (McCullagh 1980): a covariate moves the whole distribution, and β has one sign with the
answer. Whether one β does for all steps is judged against one logit per step on the same cells (Brant 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, special

from exlink.errors import EstimationError, listed
from exlink.stats.crossed import CellTable, Crossed
from exlink.stats.logit import expit
from exlink.stats.quasi import LOGIT, fit_quasi
from exlink.stats.tidy import tidy_frame

MAX_STEPS = 60
BLOCK = 8192  # cells at a time, so that what is computed of them stays in the processor's cache


@dataclass(frozen=True, slots=True, eq=False)
class OrdinalFit:
    """Proportional-odds fit.

    table : DataFrame, (k, 8)      tidy log odds ratios of a higher answer, and n_units; errors clustered (CR1, t)
    top, bottom : DataFrame, (k, 8)    average change of the share of the two highest, of the two lowest answers
    cuts : ndarray, (levels − 1,)  α
    vcov : ndarray                 of cuts, then coefficients
    loglik : float
    levels : list of float
    """

    table: pd.DataFrame
    top: pd.DataFrame
    bottom: pd.DataFrame
    cuts: np.ndarray
    vcov: np.ndarray
    loglik: float
    levels: list[float]


def fit_ordinal(
    cells: CellTable, columns: Sequence[str], levels: Sequence[float], *, level: float = 0.95
) -> OrdinalFit:
    """Return the proportional-odds model of answers counted by level.

    Parameters
    ----------
    columns : sequence of str
        Columns of ``cells.values``: how many answers of each level, lowest first.
    levels : sequence of float
        What the levels are called.

    Returns
    -------
    OrdinalFit; covariance CR1 with factor ``G/(G-1) · (N-1)/(N-k)`` and the observed information as bread.

    Raises
    ------
    EstimationError
        Fewer than three levels that were used, or fewer than ten clusters.
    """
    counted = cells.values[list(columns)]
    counts = counted.to_numpy(dtype=float)
    seen = counts.sum(axis=0) > 0
    names = [value for value, there in zip(levels, seen, strict=True) if there]
    if len(names) < 3:
        raise EstimationError(f"ordinal: answers {listed(names)} only; at least three levels are needed.")
    used = CellTable(cells.design, counted).used(counts.sum(axis=1))
    answers = np.array([used.values[c] for c, there in zip(columns, seen, strict=True) if there], dtype=float)
    design, rows = used.design, answers.sum()
    share = np.cumsum(answers.sum(axis=1))[:-1] / rows
    m, k = len(names) - 1, len(design.names) - 1
    spread = np.sqrt(np.maximum(np.diag(design.gram(answers.sum(axis=0)))[1:] / rows, 1e-300))
    scale = np.concatenate([np.ones(m), spread])
    params = np.concatenate([special.logit(share), np.zeros(k)])
    for _ in range(MAX_STEPS):
        eta = design.linear(np.concatenate([[0.0], params[m:]]))
        gradient, information, pulls = _newton_parts(design, answers, params[:m], eta)
        step = linalg.solve(information / np.outer(scale, scale), gradient / scale)
        params = params + step * min(1.0, 2.0 / np.abs(step).max()) / scale
        if np.abs(step).max() < 1e-11:
            break
    else:
        raise EstimationError("ordinal: the search for the best fit did not settle. Use fewer or coarser covariates.")
    g, unit = len(design.units), design.unit[design.at_left]
    of_cuts = np.column_stack([np.bincount(unit, weights=pull, minlength=g) for pull in pulls])
    scores = np.hstack([of_cuts, -design.scores(pulls.sum(axis=0))[:, 1:]])
    influence = np.sqrt(g / (g - 1) * (rows - 1) / (rows - m - k)) * scores @ linalg.inv(information)
    vcov = influence.T @ influence
    below, shares = _shares(params[:m], eta)
    terms, about = design.names[1:], {"n": int(rows), "df": g - 1, "level": level}
    table = tidy_frame(terms, params[m:], np.sqrt(np.diag(vcov)[m:]), **about).assign(n_units=g)
    top, bottom = (
        _share_change(design, answers.sum(axis=0), params, below[cut], vcov, cut, sign, terms, about)
        for cut, sign in ((max(m - 2, 0), 1.0), (min(1, m - 1), -1.0))
    )
    loglik = float((answers * np.log(shares)).sum())
    return OrdinalFit(table, top, bottom, params[:m], vcov, loglik, names)


def nominal_effects(
    cells: CellTable, columns: Sequence[str], terms: Sequence[str], *, level: float = 0.95
) -> pd.DataFrame:
    """Return, per term, whether its log odds ratio is the same at every step of the answers.

    Returns
    -------
    DataFrame, one row per term: term, lowest, highest (log odds ratios of the steps), p_value (Wald test of equality,
    the covariance between steps clustered by unit, Hotelling's F), n_steps, n_units. Empty with fewer than two steps.
    """
    counts = cells.values[list(columns)]
    n = counts.sum(axis=1)
    fits, steps = [], []
    for k in range(1, len(columns)):
        above = counts.iloc[:, k:].sum(axis=1)
        if 0 < above.sum() < n.sum():
            table = CellTable(cells.design, pd.DataFrame({"above": above, "n": n}))
            fits.append(fit_quasi(table, "above", "n", LOGIT, level=level))
            steps.append(k)
    rows = []
    for term in terms if len(fits) > 1 else ():
        at = [fit.design.names.index(term) for fit in fits if term in fit.design.names]
        if len(at) < len(fits):
            continue
        slopes = np.array([fit.coef[j] for fit, j in zip(fits, at, strict=True)])
        # a unit may be silent in one of the steps
        influence = pd.concat(
            [pd.Series(f.influence[:, j], index=f.design.units) for f, j in zip(fits, at, strict=True)], axis=1
        ).fillna(0.0)
        contrast = np.diff(np.eye(len(slopes)), axis=0)
        vcov = contrast @ influence.T.to_numpy() @ influence.to_numpy() @ contrast.T
        gaps, q, g = contrast @ slopes, len(slopes) - 1, len(influence)
        wald = float(gaps @ linalg.solve(vcov, gaps))
        p_value = float(special.fdtrc(q, g - q, wald * (g - q) / (q * (g - 1))))
        rows.append({"term": term, "lowest": slopes.min(), "highest": slopes.max(), "p_value": p_value,
                     "n_steps": len(slopes), "n_units": g})  # fmt: skip
    return pd.DataFrame(rows, columns=["term", "lowest", "highest", "p_value", "n_steps", "n_units"])


def _shares(cuts: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by cell the chance of an answer up to each cut, (m, cells), and of each level, (m + 1, cells)."""
    below = expit(cuts[:, None] - eta)
    shares = np.concatenate([below[:1], below[1:] - below[:-1], 1 - below[-1:]])
    return below, np.maximum(shares, 1e-300, out=shares)


def _newton_parts(
    design: Crossed, answers: np.ndarray, cuts: np.ndarray, eta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return gradient, observed information, and derivatives of the log likelihood by α − η, (m, cells)."""
    pulls, by_cut = (np.empty((len(cuts), len(eta))) for _ in range(2))
    of_cuts = np.zeros((len(cuts), len(cuts)))
    for first in range(0, len(eta), BLOCK):
        at = slice(first, first + BLOCK)
        pulls[:, at], by_cut[:, at], of_block = _of_cells(answers[:, at], cuts, eta[at])
        of_cuts += of_block
    across = -np.array([design.cross(values)[1:] for values in by_cut])
    of_slopes = design.gram(by_cut.sum(axis=0))[1:, 1:]
    gradient = np.concatenate([pulls.sum(axis=1), -design.cross(pulls.sum(axis=0))[1:]])
    return gradient, np.block([[of_cuts, across], [across.T, of_slopes]]), pulls


def _of_cells(answers: np.ndarray, cuts: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return derivatives by α − η, minus their sums of second derivatives by cell, and by pairs of cuts."""
    below, shares = _shares(cuts, eta)
    density = below * (1 - below)
    pull = answers / shares
    bent = pull / shares
    pulls = density * (pull[:-1] - pull[1:])
    # the density itself bends by density · (1 − 2 below)
    diagonal = density * density * (bent[:-1] + bent[1:]) + pulls * (2 * below - 1)
    beside = -density[:-1] * density[1:] * bent[1:-1]
    next_cuts = beside.sum(axis=1)
    of_cuts = np.diag(diagonal.sum(axis=1)) + np.diag(next_cuts, 1) + np.diag(next_cuts, -1)
    diagonal[:-1] += beside
    diagonal[1:] += beside
    return pulls, diagonal, of_cuts


def _share_change(
    design: Crossed, n: np.ndarray, params: np.ndarray, below: np.ndarray, vcov: np.ndarray, cut: int, sign: float,
    terms: list[str], counted: dict,
) -> pd.DataFrame:  # fmt: skip
    """Return the average change of the share above ``cut`` (sign 1) or up to it (sign −1) per unit of each term."""
    rows, m = n.sum(), len(params) + 1 - len(design.names)
    density = below * (1 - below)
    average, bent = float(n @ density) / rows, density * (1 - 2 * below)
    beta = params[m:]
    gradient = np.zeros((len(beta), len(params)))
    gradient[:, cut] = beta * float(n @ bent) / rows
    gradient[:, m:] = np.outer(beta, -design.cross(n * bent)[1:] / rows) + average * np.eye(len(beta))
    errors = np.sqrt(np.einsum("ik,kl,il->i", gradient, vcov, gradient))
    return tidy_frame(terms, sign * average * beta, errors, **counted).assign(n_units=len(design.units))
