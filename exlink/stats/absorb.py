"""Fixed effects taken out exactly: one-way by group means, two-way by one small linear system."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, sparse

from exlink.errors import EstimationError, listed

MOST_DENSE_LEVELS = 4000  # the smaller factor of a two-way absorption is solved as a dense system
FLAT = 1e-10  # share of variance left after absorption below which a column counts as constant


def encode(labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return integer codes in sorted order of labels, and the labels: shapes (n,), (levels,)."""
    # a Series keeps its Arrow strings, which sort much faster than objects
    series = labels if isinstance(labels, pd.Series) else pd.Series(np.asarray(labels))
    codes, levels = pd.factorize(series)
    levels = np.asarray(levels)
    order = np.argsort(levels, kind="stable")
    rank = np.empty(len(levels) + 1, dtype=np.int64)
    rank[order] = np.arange(len(levels))
    rank[-1] = -1  # pandas' code of a missing label
    return rank[codes], levels[order]


def group_sums(values: np.ndarray, codes: np.ndarray, levels: int) -> np.ndarray:
    """Return sums of the columns of ``values`` (n, k) per group: shape (levels, k).

    Raises ValueError where a code is not one of 0 … levels-1.
    """
    n = len(codes)
    picker = sparse.csc_array((np.ones(n), codes, np.arange(n + 1)), shape=(levels, n))
    picker.check_format()  # the product itself writes wherever a code points to
    return picker @ values  # all columns in one pass over the rows, which add up in their order


def demean(values: np.ndarray, codes: np.ndarray, weights: np.ndarray, levels: int) -> np.ndarray:
    """Return ``values`` (n, k) less their weighted group means."""
    totals = np.bincount(codes, weights=weights, minlength=levels)
    means = group_sums(values * weights[:, None], codes, levels) / np.where(totals > 0, totals, 1)[:, None]
    return values - means[codes]


def absorb(
    values: np.ndarray, unit: np.ndarray, time: np.ndarray | None, weights: np.ndarray
) -> tuple[np.ndarray, int]:
    """Return ``values`` less unit (and time) effects, and how many time effects were free.

    Two-way effects are taken out exactly: after demeaning by unit, the time effects solve
    ``(D'WMD) g = D'WM z``, with M the weighted unit-demeaning and D the time dummies; the system is as
    small as the number of periods (Wansbeek & Kapteyn 1989).

    Parameters
    ----------
    values : ndarray, shape (n, k)
    unit, time : int ndarray, shape (n,)
        Codes 0 … levels-1; ``time`` None for one-way.
    weights : ndarray, shape (n,)

    Returns
    -------
    residuals : ndarray, shape (n, k)
    free : int
        Rank of the time effects beside the unit effects (0 when one-way).
    """
    n_units = int(unit.max()) + 1
    # centring first costs nothing and keeps digits when values sit far from zero
    values = values - np.average(values, axis=0, weights=weights)
    within = demean(values, unit, weights, n_units)
    if time is None:
        return within, 0
    n_times = int(time.max()) + 1
    if n_times > MOST_DENSE_LEVELS:
        raise EstimationError(
            f"fixed effects: {n_times:,} periods are more than {MOST_DENSE_LEVELS:,}. Use coarser periods."
        )
    table = sparse.csr_array((weights, (unit, time)), shape=(n_units, n_times))
    unit_weight = np.asarray(table.sum(axis=1)).ravel()
    scaled = sparse.diags_array(1 / np.where(unit_weight > 0, unit_weight, 1)) @ table
    system = np.diag(np.asarray(table.sum(axis=0)).ravel()) - (table.T @ scaled).toarray()
    right = group_sums(within * weights[:, None], time, n_times)
    effects, _, free, _ = linalg.lstsq(system, right, cond=1e-10)
    return within - demean(effects[time], unit, weights, n_units), int(free)


def refuse_flat(residuals: np.ndarray, raw: np.ndarray, weights: np.ndarray, names: list[str], where: str) -> None:
    """Raise EstimationError naming the columns that do not vary once the effects are out."""
    spread = raw - np.average(raw, axis=0, weights=weights)
    total = (weights[:, None] * spread**2).sum(axis=0)
    left = (weights[:, None] * residuals**2).sum(axis=0)
    scale = np.maximum(total, np.finfo(float).tiny)
    flat = [name for name, share in zip(names, left / scale, strict=True) if not share > FLAT]
    if flat:
        raise EstimationError(f"{listed(flat)}: no variance {where}, so no slope can be estimated.")


def refuse_collinear(x: np.ndarray, weights: np.ndarray, names: list[str]) -> None:
    """Raise EstimationError naming columns of ``x`` (n, p) that others already determine."""
    if x.shape[1] < 2:
        return
    scaled = x * np.sqrt(weights)[:, None]
    scaled = scaled / np.linalg.norm(scaled, axis=0)
    _, r, order = linalg.qr(scaled, mode="economic", pivoting=True)
    bad = sorted(names[order[i]] for i in np.flatnonzero(np.abs(np.diag(r)) < 1e-7))
    if bad or x.shape[0] < x.shape[1]:
        raise EstimationError(f"{listed(bad or names)}: collinear with the other columns. Leave it out.")


def clustered_slopes(
    x: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray,
    unit: np.ndarray,
    *,
    n_rows: float,
    n_other: int,
    n_units: int | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weighted least-squares slopes of ``y`` on ``x`` and their cluster influences.

    Parameters
    ----------
    x : ndarray, shape (n, p)
    y, weights : ndarray, shape (n,)
    unit : int ndarray, shape (n,)
        Cluster codes.
    n_rows : float
        Rows behind the cells, for the CR1 factor ``G/(G-1) · (N-1)/(N-K)``.
    n_other : int
        Parameters besides the slopes that count in K (effects nested in clusters do not, as in Stata).

    Returns
    -------
    coef : ndarray, shape (p,)
    influence : ndarray, shape (units, p)
        Scaled so that ``influence.T @ influence`` is the CR1 covariance (Liang & Zeger 1986).
    residuals : ndarray, shape (n,)
    """
    weighted = x * weights[:, None]
    gram = x.T @ weighted
    coef = linalg.solve(gram, weighted.T @ y, assume_a="pos")
    residuals = y - x @ coef
    levels = int(unit.max()) + 1 if n_units is None else n_units
    scores = group_sums(weighted * residuals[:, None], unit, levels)
    k = x.shape[1] + n_other
    factor = levels / (levels - 1) * (n_rows - 1) / max(n_rows - k, 1)
    influence = np.sqrt(factor) * linalg.solve(gram, scores.T, assume_a="pos").T
    return coef, influence, residuals
