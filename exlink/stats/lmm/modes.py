"""Conditional modes of the random effects and how far they may be off."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from exlink.errors import EstimationError, listed
from exlink.stats.lmm.criterion import Solution
from exlink.stats.lmm.elimination import Factored, mirrored, reach_of
from exlink.stats.lmm.products import Grouping
from exlink.stats.lmm.system import System, block_diagonal

CHUNK = 4_000  # rows of the eliminated factor whose conditional variances are worked out at a time
MOST_READ = 2_000_000  # entries of the remainder's inverse that are taken at a time


def conditional_modes(
    system: System, at: Factored, found: Solution, f: int, grouping: Grouping, terms: list[str], back: np.ndarray,
    inverse: np.ndarray | None,
) -> pd.DataFrame:  # fmt: skip
    """Return modes and conditional standard deviations of one factor.

    Parameters
    ----------
    f : int
        Position of the factor.
    back : ndarray, (q, q)
        From standardised effects to raw units of the response.
    inverse : ndarray
        ``inverse_of_rest``, the same for all factors.

    Returns
    -------
    DataFrame, (J, 2 q): per term its mode, and ``<term>_sd``, the SD given the variances and fixed effects (lme4's
    ``condVar``).

    Raises
    ------
    EstimationError
        A term is called as the SD of another would be.
    """
    if both := [t for t in terms if f"{t}_sd" in terms]:
        raise EstimationError(
            f"ranef of {grouping.name}: {listed(f'{t}_sd' for t in both)} would be a random effect and the SD of "
            f"another in one table. Rename the column, or give it by an expression such as I(1 * {both[0]}_sd)."
        )
    to_raw = back @ at.factors[f]
    modes = found.modes[f] @ to_raw.T
    blocks = _blocks(system, at, f, inverse) * found.square / found.degrees
    spread = np.sqrt(np.maximum(np.einsum("ab,jbc,ac->ja", to_raw, blocks, to_raw, optimize=True), 0.0))
    values = {t: modes[:, i] for i, t in enumerate(terms)} | {f"{t}_sd": spread[:, i] for i, t in enumerate(terms)}
    return pd.DataFrame(values, index=grouping.levels.rename(grouping.name))


def _blocks(system: System, at: Factored, f: int, inverse: np.ndarray | None) -> np.ndarray:
    """Return the diagonal blocks of M⁻¹ of one factor, (J, q, q)."""
    q = system.effects[f]
    inside = None if system.rest is None else system.rest.nested
    if f != system.first and inside is not None:
        return inverse
    if f != system.first:
        where = system.rest.slices[system.rest.order.index(f)]
        return _entries(inverse, np.arange(where.start, where.stop).reshape(-1, q))
    back = np.swapaxes(at.inverse, 1, 2)
    blocks = back @ at.inverse
    if at.scaled is None:
        return blocks
    if inside is not None:
        reach = reach_of(system, at)
        return blocks + reach @ inverse[inside.parent] @ np.swapaxes(reach, 1, 2)
    reach = sparse.csr_matrix(block_diagonal(back) @ at.scaled)
    if q == 1:
        blocks[:, 0, 0] += _along_rows(reach, inverse)
        return blocks
    inverse = mirrored(inverse.copy())
    for start in range(0, len(blocks), CHUNK):
        part = reach[start * q : (start + CHUNK) * q]
        spread = (part @ inverse).reshape(-1, q, inverse.shape[1])
        own = part.toarray().reshape(-1, q, inverse.shape[1])
        blocks[start : start + CHUNK] += np.einsum("jam,jbm->jab", spread, own, optimize=True)
    return blocks


def _entries(lower: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the entries (J, k, k) of a symmetric matrix, given its lower triangle, at rows and columns (J, k)."""
    rows, columns = at[:, :, None], at[:, None, :]
    return lower[np.maximum(rows, columns), np.minimum(rows, columns)]


def _along_rows(rows: sparse.csr_matrix, lower: np.ndarray) -> np.ndarray:
    """Return ``r' S r`` of every row r of a sparse (J, m): only entries of S between levels that it meets are read.

    S (m, m) is symmetric, and its lower triangle is given.
    """
    out, met = np.zeros(rows.shape[0]), np.diff(rows.indptr)
    for k in np.unique(met[met > 0]):
        same = np.flatnonzero(met == k)
        for part in np.array_split(same, 1 + len(same) * k**2 // MOST_READ):
            at = rows.indptr[part][:, None] + np.arange(k)
            values, met_here = rows.data[at], _entries(lower, rows.indices[at])
            out[part] = np.einsum("ja,jab,jb->j", values, met_here, values, optimize=True)
    return out
