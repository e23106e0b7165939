"""Where the variance of single rows sits: shares of crossed and nested groups, from group sums only.

Henderson's Method I (Henderson 1953; Searle, Casella & McCulloch 1992, ch. 5), in the form Gao & Owen (2017)
give for large unbalanced crossed data: the sums of squares within the levels of each factor, and around the
grand mean, are set equal to their expectations. Those need counts of rows per level and per pair of levels,
so the cost is a few passes over the rows, whatever the number of levels; the estimates are unbiased for any
imbalance, and less precise than REML where sizes are very uneven.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import encode
from exlink.stats.tidy import TIDY, check_level, need_columns

MOST_BLOCKS = 40  # jackknife blocks per factor: enough for a stable error, few enough to be quick
PRIMES = (7919, 104729, 1299709, 15485863, 179424673, 32452843)
NESTED = 0.6  # share of rows in a level's main parent from which two factors count as one nest


@dataclass(frozen=True, slots=True)
class _Design:
    """Codes of K factors (n,), of their pairs, and of which factor each pair cell belongs to."""

    codes: list[np.ndarray]
    sizes: list[int]
    pairs: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]]


def variance_shares(frame: pd.DataFrame, y: str, groups: Sequence[str], *, level: float = 0.95) -> pd.DataFrame:
    """Return the share of the variance of ``y`` that sits with each grouping factor, and with the rest.

    Parameters
    ----------
    frame : DataFrame
        One row per observation; rows with a missing value are left out.
    groups : sequence of str
        Factors, crossed or nested in any way (employee, customer, team, queue …). All are random; what varies
        within combinations of them is 'residual'.

    Returns
    -------
    DataFrame, one row per factor and ``residual``: tidy columns (estimate = share, 0 … 1; ``p_value`` NaN), with
    ``variance`` (in units of y squared) and ``levels``. Negative components are set to zero and the
    others solved again.

    Raises
    ------
    EstimationError
        A factor with one level or as many levels as rows, factors that are the same partition, or a constant y.

    Notes
    -----
    Errors by a delete-block jackknife over the levels of each factor. Variances of crossed factors add, less
    the noise of single rows that each has counted (Cameron, Gelbach & Miller 2011), and never fall below the
    largest; of nested factors the larger one is taken. Factors with few levels (teams) give intervals that
    are too narrow: with 10 levels about 90 % instead of 95 %. Intervals are on the logit scale
    where the share is clear of zero, else on the natural scale, cut at 0 and 1.
    """
    check_level(level)
    groups = list(groups)
    what = f"variance shares of {y}"
    need_columns(frame, [y, *groups], what)
    used = frame[[y, *groups]].dropna()
    values = used[y].to_numpy(dtype=float)
    if len(values) == 0 or not np.ptp(values) > 0:
        raise EstimationError(f"{what}: {y} does not vary ({len(values):,} complete rows).")
    values = values - values.mean()
    design = _design(used, groups, what)
    ones = np.ones(len(values))
    raw = _solve(*_moments(design, values, ones), what, groups)
    components = _nonnegative(*_moments(design, values, ones))
    shares = components / components.sum()
    std_error, df = _jackknife(design, values, raw)
    low, high = _bounds(shares, std_error, df, level)
    out = pd.DataFrame(
        {
            "term": [*groups, "residual"], "estimate": shares, "std_error": std_error, "conf_low": low,
            "conf_high": high, "p_value": np.nan, "n": len(values), "variance": components,
            "levels": [*design.sizes, len(values)],
        }
    )  # fmt: skip
    return out[[*TIDY, "variance", "levels"]]


def _design(used: pd.DataFrame, groups: list[str], what: str) -> _Design:
    coded = [encode(used[g]) for g in groups]
    codes, sizes = [c for c, _ in coded], [len(levels) for _, levels in coded]
    for group, size in zip(groups, sizes, strict=True):
        if size < 2 or size == len(used):
            reason = "1 level" if size < 2 else f"a level of its own for each of {size:,} rows"
            raise EstimationError(f"{what}: {group} has {reason}, so its variance cannot be told from the rest.")
    pairs = {}
    for a in range(len(groups)):
        for b in range(a + 1, len(groups)):
            key = codes[a].astype(np.int64) * sizes[b] + codes[b]
            cells, cell = np.unique(key, return_inverse=True)
            pairs[a, b] = (cell, cells // sizes[b], cells % sizes[b])
            if len(cells) == sizes[a] == sizes[b]:
                raise EstimationError(f"{what}: {groups[a]} and {groups[b]} are the same grouping. Leave one out.")
    return _Design(codes, sizes, pairs)


def _moments(design: _Design, y: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the quadratic forms (K+1,) and their coefficients on the components (K+1, K+1)."""
    k = len(design.codes)
    rows = w.sum()
    counts = [np.bincount(c, weights=w, minlength=s) for c, s in zip(design.codes, design.sizes, strict=True)]
    # sums of products, not dot products: BLAS threads cost more here than they bring when cores are shared
    wy = w * y
    square = float((wy * y).sum())
    forms, matrix = np.empty(k + 1), np.zeros((k + 1, k + 1))
    inverse = [np.divide(1.0, c, out=np.zeros_like(c), where=c > 0) for c in counts]
    for i in range(k):
        sums = np.bincount(design.codes[i], weights=wy, minlength=design.sizes[i])
        forms[i] = square - float((sums**2 * inverse[i]).sum())
        matrix[i, k] = rows - (counts[i] > 0).sum()
        matrix[k, i] = rows - float((counts[i] ** 2).sum()) / rows
    for (a, b), (cell, of_a, of_b) in design.pairs.items():
        joint = np.bincount(cell, weights=w, minlength=len(of_a)) ** 2
        matrix[a, b] = rows - float((joint * inverse[a][of_a]).sum())
        matrix[b, a] = rows - float((joint * inverse[b][of_b]).sum())
    forms[k] = square - wy.sum() ** 2 / rows
    matrix[k, k] = rows - 1
    return forms, matrix


def _solve(forms: np.ndarray, matrix: np.ndarray, what: str, groups: list[str]) -> np.ndarray:
    if np.linalg.cond(matrix / np.abs(matrix).max(axis=1, keepdims=True)) > 1e10:
        raise EstimationError(f"{what}: the rows do not tell {listed(groups)} and the residual apart.")
    return np.linalg.solve(matrix, forms)


def _nonnegative(forms: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Solve, and while a component is negative set the most negative to zero and solve for the others."""
    kept = list(range(len(forms)))
    while True:
        part = np.linalg.solve(matrix[np.ix_(kept, kept)], forms[kept])
        worst = int(np.argmin(part))
        if part[worst] >= 0 or len(kept) == 1:
            break
        kept.pop(worst)
    out = np.zeros(len(forms))
    out[kept] = np.maximum(part, 0)
    return out


def _jackknife(design: _Design, y: np.ndarray, full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return standard errors of the raw shares (K+1,) and their degrees of freedom."""
    blocks = [min(size, MOST_BLOCKS) for size in design.sizes]
    variances = np.array([_left_out(design, y, c % j, j) for c, j in zip(design.codes, blocks, strict=True)])
    nests = np.array([variances[nest].max(axis=0) for nest in _nests(design)])
    largest = nests.max(axis=0)
    total = largest
    if len(nests) > 1:
        # combinations of levels, spread over blocks: the noise that every crossed factor has counted once
        combination = sum(c * prime for c, prime in zip(design.codes, PRIMES, strict=False)) % MOST_BLOCKS
        noise = _left_out(design, y, combination, MOST_BLOCKS)
        total = np.maximum(nests.sum(axis=0) - (len(nests) - 1) * noise, largest)
    df = np.array(blocks)[variances.argmax(axis=0)] - 1
    return np.sqrt(total), df


def _left_out(design: _Design, y: np.ndarray, block: np.ndarray, j: int) -> np.ndarray:
    """Return jackknife variances of the raw shares, leaving out one of ``j`` blocks of rows at a time."""
    shares = np.array([_raw_shares(design, y, (block != b).astype(float)) for b in range(j)])
    return (j - 1) / j * ((shares - shares.mean(axis=0)) ** 2).sum(axis=0)


def _raw_shares(design: _Design, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    forms, matrix = _moments(design, y, w)
    components = np.linalg.lstsq(matrix, forms, rcond=None)[0]
    return components / components.sum()


def _nests(design: _Design) -> list[list[int]]:
    """Return factors put together where one lies mostly inside the other (employees in teams)."""
    nest = list(range(len(design.codes)))
    rows = len(design.codes[0])
    for (a, b), (cell, of_a, of_b) in design.pairs.items():
        counts = np.bincount(cell, minlength=len(of_a))
        main_a, main_b = np.zeros(design.sizes[a]), np.zeros(design.sizes[b])
        np.maximum.at(main_a, of_a, counts)
        np.maximum.at(main_b, of_b, counts)
        if max(main_a.sum(), main_b.sum()) >= NESTED * rows:
            nest = [nest[a] if n == nest[b] else n for n in nest]
    return [[i for i, n in enumerate(nest) if n == root] for root in sorted(set(nest))]


def _bounds(shares: np.ndarray, std_error: np.ndarray, df: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    t = stats.t.ppf(0.5 + level / 2, df)
    low, high = np.clip(shares - t * std_error, 0, 1), np.clip(shares + t * std_error, 0, 1)
    clear = (shares > 2 * std_error) & (shares < 1 - 2 * std_error)
    safe = np.where(clear, shares, 0.5)
    centre, half = np.log(safe / (1 - safe)), t * std_error / (safe * (1 - safe))
    expit_low, expit_high = 1 / (1 + np.exp(half - centre)), 1 / (1 + np.exp(-half - centre))
    return np.where(clear, expit_low, low), np.where(clear, expit_high, high)
