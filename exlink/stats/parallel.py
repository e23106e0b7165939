"""Whether several measures of the same units have one cause in common: their first factors against chance.

Horn's parallel analysis (1965, Psychometrika 30) with permuted measures (Buja & Eyuboglu 1992): a factor counts while
its eigenvalue is beyond what 95 % of permutations reach at that place. Where units come in strata whose levels were
taken out, measures are permuted inside them, which leaves as few free values as there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.tidy import draws_frame

MIN_UNITS, MIN_MEASURES = 6, 3
BATCH_NUMBERS = 2_000_000  # held at a time: 16 MB
LOADINGS = np.round(np.arange(0.2, 1.0, 0.05), 2)


@dataclass(frozen=True, slots=True, eq=False)
class Parallel:
    """Factors against chance.

    eigenvalues, usual, limit : ndarray, (p,)   of the correlations; the median and the 95 % point of permutations
    p_value : float          of the first eigenvalue
    factors : int            leading eigenvalues beyond their limit
    share, share_low, share_high : float    of the variance on the first factor; where chance alone would put it (95 %)
    loadings : DataFrame     tidy: correlation of each measure with the first factor, bootstrap over units
    detectable : float       loading, the same for all measures, at which one factor would be found in four studies of
                             five; NaN where none is
    n_units, free : int      units, and units less strata
    """

    eigenvalues: np.ndarray
    usual: np.ndarray
    limit: np.ndarray
    p_value: float
    factors: int
    share: float
    share_low: float
    share_high: float
    loadings: pd.DataFrame
    detectable: float
    n_units: int
    free: int


def parallel_analysis(values: pd.DataFrame, stratum: Any = None, *, reps: int = 999, seed: int) -> Parallel:
    """Return how many factors the columns of ``values`` share.

    Parameters
    ----------
    values : DataFrame, (units, p)
        One row per unit, no missing values; levels of strata are taken out here.
    stratum : array_like, (units,), optional

    Raises
    ------
    EstimationError
        Missing values, fewer than three measures, fewer than six units beyond the strata, or a constant measure.
    """
    x = values.to_numpy(dtype=float)
    codes = np.zeros(len(x), dtype=int) if stratum is None else encode(pd.Series(np.asarray(stratum)))[0]
    free, p = len(x) - len(np.unique(codes)), x.shape[1]
    if not np.isfinite(x).all():
        raise EstimationError("parallel analysis: missing values; drop and count these rows first.")
    if p < MIN_MEASURES or free < MIN_UNITS:
        raise EstimationError(f"parallel analysis: {p} measures of {free} units beyond their strata; at least "
                              f"{MIN_MEASURES} of {MIN_UNITS} are needed.")  # fmt: skip
    sums = np.zeros((codes.max() + 1, p))
    np.add.at(sums, codes, x)
    x = x - (sums / np.bincount(codes)[:, None])[codes]
    if not (x.std(axis=0) > 1e-12 * np.maximum(np.abs(values.to_numpy()).max(axis=0), 1e-300)).all():
        raise EstimationError("parallel analysis: a measure is the same for all units.")
    rng = np.random.default_rng(seed)
    found = _eigenvalues(x[None])[0]
    chance = np.concatenate([_eigenvalues(_permuted(x, codes, b, rng)) for b in _batches(reps, x.size)])
    limit = np.quantile(chance, 0.95, axis=0)
    beyond = found > limit
    factors = p if beyond.all() else int(np.argmin(beyond))
    low, high = np.quantile(chance[:, 0] / p, (0.025, 0.975))
    reached = int((chance[:, 0] >= found[0] - 1e-12).sum())
    return Parallel(
        found, np.median(chance, axis=0), limit, (1 + reached) / (reps + 1), factors,
        float(found[0] / p), float(low), float(high), _loadings(x, codes, list(values.columns), reps, rng),
        _detectable(free, p, limit[0], rng), len(x), free,
    )  # fmt: skip


def _eigenvalues(x: np.ndarray) -> np.ndarray:
    """Return eigenvalues of the correlations of the columns, largest first: (B, units, p) → (B, p)."""
    return np.linalg.eigvalsh(_correlations(x))[:, ::-1]


def _correlations(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(axis=1, keepdims=True)
    norm = np.sqrt((x**2).sum(axis=1, keepdims=True))
    z = x / np.where(norm > 0, norm, 1.0)
    return z.transpose(0, 2, 1) @ z


def _batches(reps: int, size: int) -> list[int]:
    """Return how many replicates of ``size`` numbers to hold at a time."""
    most = max(1, min(reps, BATCH_NUMBERS // size))
    return [min(most, reps - start) for start in range(0, reps, most)]


def _permuted(x: np.ndarray, codes: np.ndarray, reps: int, rng: np.random.Generator) -> np.ndarray:
    """Return the columns permuted inside strata, each on its own: (reps, units, p)."""
    order = np.argsort(codes, kind="stable")
    key = rng.random((reps, *x.shape)) + codes[order][None, :, None]
    return np.take_along_axis(np.broadcast_to(x[order], key.shape), np.argsort(key, axis=1), axis=1)


def _loadings(x: np.ndarray, codes: np.ndarray, names: list[str], reps: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return correlations with the first factor, turned so that most are positive; units are drawn inside strata."""
    point = _first(_correlations(x[None]))[0]
    point = point * np.sign(point.sum() or 1.0)
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    parts = []
    for b in _batches(reps, x.size):
        picked = np.concatenate([rng.choice(inside, size=(b, len(inside))) for inside in members], axis=1)
        parts.append(_first(_correlations(x[picked])))
    draws = np.concatenate(parts)
    draws = draws * np.where(draws @ point < 0, -1.0, 1.0)[:, None]
    return draws_frame(names, point, draws, len(x))


def _first(correlations: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(correlations)
    return vectors[:, :, -1] * np.sqrt(np.maximum(values[:, -1:], 0))


def _detectable(free: int, p: int, limit: float, rng: np.random.Generator, reps: int = 200) -> float:
    """Return the smallest of `LOADINGS` with which the first eigenvalue is beyond the limit in 80 % of draws."""
    factor, noise = rng.standard_normal((reps, free + 1, 1)), rng.standard_normal((reps, free + 1, p))
    for loading in LOADINGS:
        drawn = _eigenvalues(loading * factor + np.sqrt(1 - loading**2) * noise)[:, 0]
        if (drawn > limit).mean() >= 0.8:
            return float(loading)
    return float("nan")
