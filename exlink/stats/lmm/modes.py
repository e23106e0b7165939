"""Conditional modes of the random effects and how far they may be off."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from exlink.errors import EstimationError, listed
from exlink.stats.lmm.criterion import Solution
from exlink.stats.lmm.elimination import Factored, inverse_of_rest, mirrored, reach_of
from exlink.stats.lmm.products import Grouping
from exlink.stats.lmm.system import System, block_diagonal

CHUNK = 4_000  # rows of the eliminated factor whose conditional variances are worked out at a time
MOST_READ = 2_000_000  # entries of the remainder's inverse that are taken at a time


def conditional_modes(
    system: System, at: Factored, found: Solution, f: int, grouping: Grouping, terms: list[str], back: np.ndarray
) -> pd.DataFrame:
    """Return modes and conditional standard deviations of one factor.

    Parameters
    ----------
    f : int
        Position of the factor.
    back : ndarray, (q, q)
        From standardised effects to raw units of the response.

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
    blocks = _blocks(system, at, f) * found.square / found.degrees
    spread = np.sqrt(np.maximum(np.einsum("ab,jbc,ac->ja", to_raw, blocks, to_raw, optimize=True), 0.0))
    values = {t: modes[:, i] for i, t in enumerate(terms)} | {f"{t}_sd": spread[:, i] for i, t in enumerate(terms)}
    return pd.DataFrame(values, index=grouping.levels.rename(grouping.name))


def _blocks(system: System, at: Factored, f: int) -> np.ndarray:
    """Return the diagonal blocks of M⁻¹ of one factor, (J, q, q)."""
    q = system.effects[f]
    inverse = inverse_of_rest(at)
    inside = None if system.rest is None else system.rest.nested
    if inverse is not None and inside is None:
        inverse = mirrored(inverse)
    if f != system.first and inside is not None:
        return inverse
    if f != system.first:
        where = system.rest.slices[system.rest.order.index(f)]
        rows = np.arange(where.start, where.stop).reshape(-1, q)
        return inverse[rows[:, :, None], rows[:, None, :]]
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
    for start in range(0, len(blocks), CHUNK):
        part = reach[start * q : (start + CHUNK) * q]
        spread = (part @ inverse).reshape(-1, q, inverse.shape[1])
        own = part.toarray().reshape(-1, q, inverse.shape[1])
        blocks[start : start + CHUNK] += np.einsum("jam,jbm->jab", spread, own, optimize=True)
    return blocks


def _along_rows(rows: sparse.csr_matrix, square: np.ndarray) -> np.ndarray:
    """Return ``r' S r`` of every row r of a sparse (J, m), S (m, m) symmetric: only levels that it meets are read."""
    out, met = np.zeros(rows.shape[0]), np.diff(rows.indptr)
    for k in np.unique(met[met > 0]):
        same = np.flatnonzero(met == k)
        for part in np.array_split(same, 1 + len(same) * k**2 // MOST_READ):
            at = rows.indptr[part][:, None] + np.arange(k)
            values, columns = rows.data[at], rows.indices[at]
            out[part] = np.einsum(
                "ja,jab,jb->j", values, square[columns[:, :, None], columns[:, None, :]], values, optimize=True
            )
    return out
