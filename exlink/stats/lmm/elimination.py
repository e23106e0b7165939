"""The mixed-model equations at given factors T, solved by block elimination: M = Λ'Z'ZΛ + I, its factor, its inverse.

The eliminated factor is solved level by level; what it leaves of the others (Schur complement) is one dense matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from exlink.errors import EstimationError
from exlink.stats.lmm.system import Remainder, System, block_diagonal

UNSOLVED = "the mixed-model equations cannot be solved; look for extreme values."
TINY = 1e-12  # stands for a diagonal entry of zero, so that small matrices can be solved


@dataclass(frozen=True, slots=True, eq=False)
class Factored:
    """The equations at given T, factored.

    factors : tuple of ndarray (q, q)    T per grouping factor, in the order asked for
    inverse : ndarray, (J, q, q)         inverses of the Cholesky factors of the eliminated factor's blocks
    scaled : csr matrix, (J q, m)        L⁻¹ T'Z_first' Z_rest T; None with one factor
    spread : bsr matrix, (m, m)          T of the remainder
    gain : ndarray, (m, m)               remainder of M without the identity; None where pairs are summed; per level of
                                         the remainder (M, r, r) where the eliminated factor is nested in it
    lower : ndarray                      its Cholesky factor, identity included, of the same shape
    log_det : float                      log |M|
    """

    factors: tuple[np.ndarray, ...]
    inverse: np.ndarray
    scaled: sparse.csr_matrix | None
    spread: sparse.bsr_matrix | None
    gain: np.ndarray | None
    lower: np.ndarray | None
    log_det: float


def factor(system: System, factors: Sequence[np.ndarray]) -> Factored:
    """Return the factored equations at relative covariance factors T (lower triangular, (q, q) each)."""
    t = tuple(_nonzero(f) for f in factors)
    own = t[system.first]
    lower = _rooted(times(own.T, times(system.square, own)) + np.eye(len(own)))
    log_det = 2 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
    inverse = 1 / lower if len(own) == 1 else np.linalg.inv(lower)
    rest = system.rest
    if rest is None:
        return Factored(t, inverse, None, None, None, None, log_det)
    spread = sparse.block_diag([block_diagonal(_repeated(t[f], s)) for f, s in places(system)], format="csr")
    blocks = times(inverse, own.T)
    if rest.nested is not None:
        return _factored_nested(system, t, inverse, blocks, spread, log_det)
    scaled = _scaled_cross(rest, blocks, spread)
    gain = _gain(rest, blocks, spread, scaled)
    # LAPACK overwrites what it factors; sums over pairs do not need it again
    whole, gain = (gain.copy(order="F"), gain) if rest.pairs is None else (gain, None)
    whole[np.diag_indices(len(whole))] += 1.0
    try:
        root = linalg.cholesky(whole, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError as error:
        raise EstimationError(UNSOLVED) from error
    log_det += 2 * float(np.log(np.diag(root)).sum())
    return Factored(t, inverse, scaled, spread, gain, root, log_det)


def _factored_nested(
    system: System, t: tuple[np.ndarray, ...], inverse: np.ndarray, blocks: np.ndarray, spread: sparse.csr_matrix,
    log_det: float,
) -> Factored:  # fmt: skip
    """Return the factored equations where the remainder is a small matrix per level; blocks are L⁻¹T'."""
    rest, own = system.rest, t[system.rest.order[0]]
    reach = times(blocks, rest.nested.cross @ own)
    gain = own.T @ rest.nested.square @ own - rest.nested.summed(np.swapaxes(reach, 1, 2) @ reach)
    try:
        lower = _rooted(gain + np.eye(len(own)))
    except np.linalg.LinAlgError as error:
        raise EstimationError(UNSOLVED) from error
    log_det += 2 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
    scaled = sparse.csr_matrix((reach.ravel(), rest.cross.indices, rest.cross.indptr), shape=rest.cross.shape)
    return Factored(t, inverse, scaled, spread, gain, lower, log_det)


def _scaled_cross(rest: Remainder, own: np.ndarray, spread: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return ``L⁻¹ T'Z_first' Z_rest T``, own being the blocks L⁻¹T'."""
    if rest.pairs is None:
        return sparse.csr_matrix(block_diagonal(own) @ rest.cross @ spread)
    values = rest.cross.data * np.repeat(own.ravel(), np.diff(rest.cross.indptr))
    values *= spread.diagonal()[rest.cross.indices]
    return sparse.csr_matrix((values, rest.cross.indices, rest.cross.indptr), shape=rest.cross.shape)


def _gain(rest: Remainder, own: np.ndarray, spread: sparse.csr_matrix, scaled: sparse.csr_matrix) -> np.ndarray:
    """Return the lower triangle (at least) of the remainder of M without the identity, (m, m) in column order."""
    if rest.pairs is None:
        gain = (spread.T @ rest.square @ spread).toarray(order="F")
        gain -= (scaled.T @ scaled).toarray(order="F")
        return gain
    gain = rest.pairs.weighted(-(own.ravel() ** 2))
    square = rest.square.tocoo()
    gain[square.row, square.col] += square.data
    t = spread.diagonal()
    gain *= t[:, None]
    gain *= t
    return gain


def forward(system: System, at: Factored, first: np.ndarray, rest: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return L⁻¹Λ' of right-hand sides: (J, q, c) for the eliminated factor and (m, c) for the others."""
    own = times(times(at.inverse, at.factors[system.first].T), first)
    if at.scaled is None:
        return own, np.zeros((0, first.shape[2]))
    flat = own.reshape(-1, own.shape[2])
    return own, _solved(at.lower, at.spread.T @ rest - at.scaled.T @ flat, transposed=False)


def backward(at: Factored, own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return L⁻ᵀ of what ``forward`` returned, which is overwritten: the spherical solutions."""
    if at.scaled is not None:
        others = _solved(at.lower, others, transposed=True)
        own -= (at.scaled @ others).reshape(own.shape)
    return times(np.swapaxes(at.inverse, 1, 2), own), others


def _solved(lower: np.ndarray, right: np.ndarray, *, transposed: bool) -> np.ndarray:
    """Return ``L⁻¹`` or ``L⁻ᵀ`` of right-hand sides (m, c), which are not overwritten."""
    if lower.ndim == 2:
        return linalg.solve_triangular(lower, right, lower=True, trans="T" if transposed else "N", check_finite=False)
    back = np.linalg.inv(lower)
    sides = right.reshape(len(lower), -1, right.shape[1])
    return times(np.swapaxes(back, 1, 2) if transposed else back, sides).reshape(right.shape)


def times(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return ``left @ right`` of very many small matrices; with one term to sum a product is ten times as fast."""
    return left * right if left.shape[-1] == 1 else left @ right


def covered(system: System, at: Factored, inverse: np.ndarray | None) -> list[np.ndarray]:
    """Return ``Σ_j [Λ'Z'V⁻¹ZΛ]_jj`` per factor, (q, q) each: how far data, not the prior, decide the effects."""
    own = at.factors[system.first]
    blocks = times(np.swapaxes(at.inverse, 1, 2), at.inverse)
    sums = [np.zeros((q, q)) for q in system.effects]
    # (M - I) M⁻¹ instead of I - M⁻¹: exact where T is small
    sums[system.first] = np.einsum("jab,jbc->ac", times(own.T, times(system.square, own)), blocks, optimize=True)
    if system.rest is None:
        return sums
    if system.rest.nested is not None:
        _cover_nested(system, at, inverse, sums)
    elif system.rest.pairs is None:
        _cover_blocks(system, at, mirrored(inverse), sums)
    else:
        _cover_pairs(system, at, inverse, sums)
    return sums


def _cover_nested(system: System, at: Factored, inverse: np.ndarray, sums: list[np.ndarray]) -> None:
    """Complete ``covered`` where the eliminated factor is nested, level by level."""
    reach = reach_of(system, at)
    spread = reach @ inverse[system.rest.nested.parent]
    sums[system.first] -= np.tensordot(spread, reach, axes=([0, 2], [0, 2]))
    sums[system.rest.order[0]] = np.tensordot(at.gain, inverse, axes=([0, 2], [0, 2]))


def reach_of(system: System, at: Factored) -> np.ndarray:
    """Return ``L⁻ᵀL⁻¹ T'Z_first' Z_rest T`` per eliminated level where these are nested, (J, q, r)."""
    return times(np.swapaxes(at.inverse, 1, 2), at.scaled.data.reshape(system.rest.nested.cross.shape))


def _cover_blocks(system: System, at: Factored, inverse: np.ndarray, sums: list[np.ndarray]) -> None:
    """Complete ``covered`` for any effects, by sparse products."""
    q = system.effects[system.first]
    reach = sparse.csr_matrix(block_diagonal(np.swapaxes(at.inverse, 1, 2)) @ at.scaled)
    for a in range(q):
        for b in range(a + 1):
            shared = sparse.csr_matrix(reach[a::q].T @ reach[b::q])
            rows = np.repeat(np.arange(shared.shape[0]), np.diff(shared.indptr))
            lost = float(shared.data @ inverse[rows, shared.indices])
            sums[system.first][a, b] -= lost
            if a != b:
                sums[system.first][b, a] -= lost
    for f, where in places(system):
        k = system.effects[f]
        gain, back = at.gain[where], inverse[where]
        for a in range(k):
            for b in range(k):
                sums[f][a, b] = float(np.einsum("jm,jm->", gain[a::k], back[b::k]))


def _cover_pairs(system: System, at: Factored, inverse: np.ndarray, sums: list[np.ndarray]) -> None:
    """Complete ``covered`` for intercepts, pair by pair; of the inverse only the lower triangle is read."""
    rest, pairs, t = system.rest, system.rest.pairs, at.spread.diagonal()
    weights = (at.inverse.ravel() * at.factors[system.first].item()) ** 2
    terms = pairs.beside(inverse) * t[pairs.row] * t[pairs.column]
    sums[system.first] -= (at.inverse.ravel() ** 2 * weights)[pairs.level] @ terms
    terms *= weights[pairs.level]
    square = rest.square.tocoo()
    row, column = np.maximum(square.row, square.col), np.minimum(square.row, square.col)
    kept = np.bincount(square.row, square.data * t[row] * t[column] * inverse[row, column], pairs.size)
    # a pair stands for two entries of the symmetric matrix, one in the row of each of its levels
    lost = (np.bincount(pairs.row, terms, pairs.size) + np.bincount(pairs.column, terms, pairs.size)) / 2
    for f, where in places(system):
        sums[f] = (kept - lost)[where].sum().reshape(1, 1)


def inverse_of_rest(at: Factored) -> np.ndarray | None:
    """Return the lower triangle of the remainder's block of M⁻¹, (m, m), zeros above; None with one factor.

    Where the eliminated factor is nested, the inverses per level, whole: (M, r, r).
    """
    if at.lower is None:
        return None
    if at.lower.ndim == 3:
        back = np.linalg.inv(at.lower)
        return np.swapaxes(back, 1, 2) @ back
    return linalg.lapack.dpotri(at.lower, lower=1)[0]


def mirrored(lower: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix whose lower triangle is given, zeros above; overwrites it."""
    diagonal = lower.diagonal().copy()
    lower += lower.T
    np.fill_diagonal(lower, diagonal)
    return lower


def places(system: System) -> list[tuple[int, slice]]:
    """Return the factors of the remainder and where their effects are in it."""
    return [] if system.rest is None else list(zip(system.rest.order, system.rest.slices, strict=True))


def _rooted(blocks: np.ndarray) -> np.ndarray:
    """Return the lower Cholesky factors of blocks (J, q, q), none of them below the identity."""
    return np.sqrt(blocks) if blocks.shape[-1] == 1 else np.linalg.cholesky(blocks)


def _repeated(t: np.ndarray, where: slice) -> np.ndarray:
    return np.broadcast_to(t, ((where.stop - where.start) // len(t), *t.shape)).copy()


def _nonzero(t: np.ndarray) -> np.ndarray:
    """Return T with diagonal entries that can be divided by."""
    diagonal = np.diag(t)
    return t + np.diag(np.where(np.abs(diagonal) < TINY, TINY, diagonal) - diagonal)
