"""The profiled criterion of a linear mixed model, with its gradient and average information, at given factors T.

Notation as in Bates et al. (2015), eqs. 33–46: Psi = T T' is the covariance of a level's effects in units of the
residual variance, u are the spherical effects (b = T u), M = Λ'Z'ZΛ + I. ``T' dcriterion/dPsi T`` is a sum over levels
of small matrices in spherical terms, so nothing is divided by a variance that may be zero. The information is the
average of observed and expected, which needs only further right-hand sides (Gilmour, Thompson & Cullis 1995, eq. 7),
plus the exact curvature of Psi = T T'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from exlink.errors import EstimationError
from exlink.stats.lmm.system import System, block_diagonal

TINY = 1e-12  # stands for a diagonal entry of zero, so that small matrices can be solved


@dataclass(frozen=True, slots=True, eq=False)
class Factored:
    """The equations at given T, factored.

    factors : tuple of ndarray (q, q)    T per grouping factor, in the order asked for
    inverse : ndarray, (J, q, q)         inverses of the Cholesky factors of the eliminated factor's blocks
    scaled : csr matrix, (J q, m)        L⁻¹ T'Z_first' Z_rest T; None with one factor
    spread : bsr matrix, (m, m)          T of the remainder
    gain : ndarray, (m, m)               remainder of M without the identity
    lower : ndarray, (m, m)              its Cholesky factor, identity included
    log_det : float                      log |M|
    """

    factors: tuple[np.ndarray, ...]
    inverse: np.ndarray
    scaled: sparse.csr_matrix | None
    spread: sparse.bsr_matrix | None
    gain: np.ndarray | None
    lower: np.ndarray | None
    log_det: float


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Fixed effects and spherical random effects at given T.

    beta : ndarray, (p,)
    root : ndarray, (p, p)               upper Cholesky factor of X'V⁻¹X, in units of the residual variance
    square : float                       r²: penalised residual sum of squares
    modes : tuple of ndarray (J, q)      spherical modes u per factor, in the order asked for
    loads : tuple of ndarray (J, q, p)   Λ'Z'V⁻¹X per factor
    criterion : float                    lme4's profiled criterion without its constants of scale
    degrees : float                      n − p under REML, n under ML
    """

    beta: np.ndarray
    root: np.ndarray
    square: float
    modes: tuple[np.ndarray, ...]
    loads: tuple[np.ndarray, ...]
    criterion: float
    degrees: float


def factor(system: System, factors: Sequence[np.ndarray]) -> Factored:
    """Return the factored equations at relative covariance factors T (lower triangular, (q, q) each)."""
    t = tuple(_nonzero(f) for f in factors)
    own = t[system.first]
    lower = np.linalg.cholesky(own.T @ system.square @ own + np.eye(len(own)))
    log_det = 2 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
    inverse = np.linalg.inv(lower)
    rest = system.rest
    if rest is None:
        return Factored(t, inverse, None, None, None, None, log_det)
    spread = sparse.block_diag([block_diagonal(_repeated(t[f], s)) for f, s in _places(system)], format="csr")
    scaled = sparse.csr_matrix(block_diagonal(inverse @ own.T) @ rest.cross @ spread)
    gain = (spread.T @ rest.square @ spread).toarray()
    gain -= (scaled.T @ scaled).toarray()
    whole = gain.T.copy(order="F")  # symmetric; LAPACK's order, so that it can be overwritten
    whole[np.diag_indices(len(whole))] += 1.0
    try:
        root = linalg.cholesky(whole, lower=True, overwrite_a=True, check_finite=False)
    except linalg.LinAlgError as error:
        raise EstimationError("the mixed-model equations cannot be solved; look for extreme values.") from error
    log_det += 2 * float(np.log(np.diag(root)).sum())
    return Factored(t, inverse, scaled, spread, gain, root, log_det)


def forward(system: System, at: Factored, first: np.ndarray, rest: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return L⁻¹Λ' of right-hand sides: (J, q, c) for the eliminated factor and (m, c) for the others."""
    own = at.inverse @ (at.factors[system.first].T @ first)
    if at.scaled is None:
        return own, np.zeros((0, first.shape[2]))
    flat = own.reshape(-1, own.shape[2])
    return own, linalg.solve_triangular(
        at.lower, at.spread.T @ rest - at.scaled.T @ flat, lower=True, overwrite_b=True, check_finite=False
    )


def backward(at: Factored, own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return L⁻ᵀ of what ``forward`` returned: the spherical solutions."""
    if at.scaled is not None:
        others = linalg.solve_triangular(at.lower, others, lower=True, trans="T", check_finite=False)
        own = own - (at.scaled @ others).reshape(own.shape)
    return np.swapaxes(at.inverse, 1, 2) @ own, others


def solve(system: System, at: Factored, *, reml: bool) -> Solution:
    """Return fixed effects, modes and the criterion at factored equations.

    Raises
    ------
    EstimationError
        When X'V⁻¹X is not positive definite.
    """
    own, others = forward(system, at, system.data, None if system.rest is None else system.rest.data)
    left = system.total - np.einsum("jac,jad->cd", own, own, optimize=True) - others.T @ others
    p = system.n_fixed
    root = _rooted(left)
    square, r = float(root[p, p] ** 2), root[:p, :p]
    beta = linalg.solve_triangular(r, root[:p, p]) if p else np.zeros(0)
    first, rest = backward(at, own, others)
    both = _by_factor(system, first, rest)
    degrees = system.n_rows - p if reml else system.n_rows
    log_det = at.log_det + (2 * float(np.log(np.diag(r)).sum()) if reml else 0.0)
    return Solution(
        beta=beta, root=r, square=square, modes=tuple(v[:, :, p] - v[:, :, :p] @ beta for v in both),
        loads=tuple(v[:, :, :p] for v in both),
        criterion=log_det + degrees * (1 + float(np.log(2 * np.pi * square / degrees))), degrees=degrees,
    )  # fmt: skip


def _rooted(left: np.ndarray) -> np.ndarray:
    """Return the upper Cholesky factor of what fixed effects and response have left, (p + 1, p + 1)."""
    try:
        return linalg.cholesky(left, lower=False)
    except linalg.LinAlgError as error:
        sizes = np.sqrt(np.maximum(np.diag(left)[:-1], 1e-300))
        related = left[:-1, :-1] / np.outer(sizes, sizes)
        known = not len(sizes) or np.linalg.eigvalsh(related).min() > 0
        reason = (
            "the response is fitted exactly, nothing is left for a residual variance."
            if known
            else "the fixed effects cannot be told apart once groups are accounted for."
        )
        raise EstimationError(reason) from error


def covered(system: System, at: Factored, inverse: np.ndarray | None) -> list[np.ndarray]:
    """Return ``Σ_j [Λ'Z'V⁻¹ZΛ]_jj`` per factor, (q, q) each: how far data, not the prior, decide the effects."""
    own = at.factors[system.first]
    blocks = np.swapaxes(at.inverse, 1, 2) @ at.inverse
    sums = [np.zeros((q, q)) for q in system.effects]
    # (M - I) M⁻¹ instead of I - M⁻¹: exact where T is small
    sums[system.first] = np.einsum("jab,jbc->ac", own.T @ system.square @ own, blocks, optimize=True)
    if system.rest is None:
        return sums
    q = len(own)
    reach = sparse.csr_matrix(block_diagonal(np.swapaxes(at.inverse, 1, 2)) @ at.scaled)
    for a in range(q):
        for b in range(a + 1):
            shared = sparse.csr_matrix(reach[a::q].T @ reach[b::q])
            rows = np.repeat(np.arange(shared.shape[0]), np.diff(shared.indptr))
            lost = float(shared.data @ inverse[rows, shared.indices])
            sums[system.first][a, b] -= lost
            if a != b:
                sums[system.first][b, a] -= lost
    for f, where in _places(system):
        k = system.effects[f]
        gain, back = at.gain[where], inverse[where]
        for a in range(k):
            for b in range(k):
                sums[f][a, b] = float(np.einsum("jm,jm->", gain[a::k], back[b::k]))
    return sums


def inverse_of_rest(at: Factored) -> np.ndarray | None:
    """Return the remainder's block of M⁻¹, (m, m); None with one factor."""
    if at.lower is None:
        return None
    inverse, _ = linalg.lapack.dpotri(at.lower, lower=1)  # lower triangle; the upper one is zero, as in at.lower
    diagonal = inverse.diagonal().copy()
    inverse += inverse.T
    np.fill_diagonal(inverse, diagonal)
    return inverse


def pulls(system: System, at: Factored, found: Solution, inverse: np.ndarray | None, *, reml: bool) -> list[np.ndarray]:
    """Return ``T' (dcriterion/dPsi) T`` per factor, (q, q) each; zero where the criterion is stationary."""
    out = covered(system, at, inverse)
    for f in range(len(out)):
        if reml and system.n_fixed:
            known = linalg.solve_triangular(found.root.T, found.loads[f].reshape(-1, system.n_fixed).T, lower=True)
            known = known.T.reshape(found.loads[f].shape)
            out[f] = out[f] - np.einsum("jap,jbp->ab", known, known, optimize=True)
        u = found.modes[f]
        out[f] = out[f] - found.degrees / found.square * (u.T @ u)
    return out


def gradient(at: Factored, pull: Sequence[np.ndarray], entries: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Return the derivatives by the free entries (factor, row, column) of T."""
    slopes = [2 * linalg.solve_triangular(t.T, q, lower=False) for t, q in zip(at.factors, pull, strict=True)]
    return np.array([slopes[f][a, b] for f, a, b in entries])


def information(
    system: System,
    at: Factored,
    found: Solution,
    pull: Sequence[np.ndarray],
    entries: Sequence[tuple[int, int, int]],
    *,
    profiled: bool = True,
) -> np.ndarray:
    """Return the average information of the criterion in the free entries of T, residual variance profiled out.

    Returns
    -------
    ndarray, (k, k); with ``profiled=False`` (k + 1, k + 1), the last one the log of the residual variance.
    """
    forces = [linalg.solve_triangular(t.T, u.T, lower=False).T for t, u in zip(at.factors, found.modes, strict=True)]
    moved = _moved(system, at, found, forces, entries)
    products = _projected(system, at, found, moved)
    variance = found.square / found.degrees
    pressed = np.array([2 * float((forces[f][:, a] * found.modes[f][:, b]).sum()) for f, a, b in entries]) / variance
    curved = products / variance
    curvature = [linalg.solve_triangular(t.T, linalg.solve_triangular(t.T, q, lower=False).T, lower=False)
                 for t, q in zip(at.factors, pull, strict=True)]  # fmt: skip
    for i, (f, a, b) in enumerate(entries):
        for j, (g, c, d) in enumerate(entries):
            if f == g and b == d:
                curved[i, j] += 2 * curvature[f][a, c]
    if profiled:
        return curved - np.outer(pressed, pressed) / found.degrees
    return np.block([[curved, pressed[:, None]], [pressed[None, :], np.array([[found.degrees]])]])


def _moved(
    system: System, at: Factored, found: Solution, forces: list[np.ndarray], entries: Sequence[tuple[int, int, int]]
) -> list[np.ndarray]:
    """Return per factor the coefficients c (J, q, k) whose ``Z c`` is the change of V by each entry, times P y."""
    moved = [np.zeros((*u.shape, len(entries))) for u in found.modes]
    for i, (f, a, b) in enumerate(entries):
        moved[f][:, a, i] += found.modes[f][:, b]
        moved[f][:, :, i] += forces[f][:, a, None] * at.factors[f][:, b]
    return moved


def _projected(system: System, at: Factored, found: Solution, moved: list[np.ndarray]) -> np.ndarray:
    """Return ``(Z c_k)' P (Z c_l)`` for coefficients c, (k, k)."""
    first = moved[system.first]
    k = first.shape[2]
    own, others, rest = system.square @ first, None, None
    fixed = np.einsum("jap,jak->pk", system.data[:, :, :-1], first, optimize=True)
    if system.rest is not None:
        rest = np.vstack([moved[f].reshape(-1, k) for f in system.rest.order])
        own = own + (system.rest.cross @ rest).reshape(own.shape)
        others = system.rest.square @ rest + system.rest.cross.T @ first.reshape(-1, k)
        fixed = fixed + system.rest.data[:, :-1].T @ rest
    inner = np.einsum("jak,jal->kl", first, own, optimize=True)
    if rest is not None:
        inner = inner + rest.T @ others
    mine, theirs = forward(system, at, own, others)
    inner = inner - np.einsum("jak,jal->kl", mine, mine, optimize=True) - theirs.T @ theirs
    if system.n_fixed:
        # X'V⁻¹Zc = X'Zc - (Λ'Z'X)'M⁻¹ Λ'Z'Zc, and M⁻¹Λ'Z'X are the loads
        loads = _stacked(system, found.loads)
        scaled = _scaled(system, at, own, others)
        left = linalg.solve_triangular(found.root.T, fixed - loads.T @ scaled, lower=True)
        inner = inner - left.T @ left
    return inner


def _scaled(system: System, at: Factored, own: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    first = (at.factors[system.first].T @ own).reshape(-1, own.shape[2])
    return first if others is None else np.vstack([first, at.spread.T @ others])


def _stacked(system: System, parts: Sequence[np.ndarray]) -> np.ndarray:
    order = [system.first, *(system.rest.order if system.rest is not None else ())]
    return np.vstack([parts[f].reshape(-1, parts[f].shape[2]) for f in order])


def _by_factor(system: System, first: np.ndarray, rest: np.ndarray) -> list[np.ndarray]:
    """Return solutions per factor in the order asked for, (J, q, c) each."""
    out: list[np.ndarray] = [first] * len(system.effects)
    for f, where in _places(system):
        out[f] = rest[where].reshape(-1, system.effects[f], rest.shape[1])
    return out


def _places(system: System) -> list[tuple[int, slice]]:
    return [] if system.rest is None else list(zip(system.rest.order, system.rest.slices, strict=True))


def _repeated(t: np.ndarray, where: slice) -> np.ndarray:
    return np.broadcast_to(t, ((where.stop - where.start) // len(t), *t.shape)).copy()


def _nonzero(t: np.ndarray) -> np.ndarray:
    """Return T with diagonal entries that can be divided by."""
    diagonal = np.diag(t)
    return t + np.diag(np.where(np.abs(diagonal) < TINY, TINY, diagonal) - diagonal)
