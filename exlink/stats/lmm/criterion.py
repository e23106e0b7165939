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
from scipy import linalg

from exlink.errors import EstimationError
from exlink.stats.lmm.elimination import Factored, backward, covered, forward, places, times
from exlink.stats.lmm.system import System

VAST = 1e6  # an SD of random effects, of the residual's, beyond which doubles hold no fixed part beside it


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


def solve(system: System, at: Factored, *, reml: bool) -> Solution:
    """Return fixed effects, modes and the criterion at factored equations.

    Raises
    ------
    EstimationError
        When X'V⁻¹X is not positive definite.
    """
    own, others = forward(system, at, system.data, None if system.rest is None else system.rest.data)
    flat = own.reshape(-1, own.shape[2])
    left = system.total - flat.T @ flat - others.T @ others
    p = system.n_fixed
    root = _rooted(left, max(float(np.abs(t).max()) for t in at.factors))
    square, r = float(root[p, p] ** 2), root[:p, :p]
    beta = linalg.solve_triangular(r, root[:p, p]) if p else np.zeros(0)
    first, rest = backward(at, own, others)
    both, contrast = _by_factor(system, first, rest), np.append(-beta, 1.0)
    degrees = system.n_rows - p if reml else system.n_rows
    log_det = at.log_det + (2 * float(np.log(np.diag(r)).sum()) if reml else 0.0)
    return Solution(
        beta=beta, root=r, square=square,
        modes=tuple((v.reshape(-1, p + 1) @ contrast).reshape(v.shape[:2]) for v in both),
        loads=tuple(v[:, :, :p] for v in both),
        criterion=log_det + degrees * (1 + float(np.log(2 * np.pi * square / degrees))), degrees=degrees,
    )  # fmt: skip


def _rooted(left: np.ndarray, largest: float) -> np.ndarray:
    """Return the upper Cholesky factor of what fixed effects and response have left, (p + 1, p + 1).

    largest : entry of all T, by which a residual variance of next to nothing is known
    """
    try:
        return linalg.cholesky(left, lower=False)
    except linalg.LinAlgError as error:
        if largest > VAST:
            raise EstimationError(
                "groups fit the response all but exactly, next to nothing is left for a residual variance. See whether "
                "all rows of a group repeat each other, or leave out the factor whose groups say all."
            ) from error
        reason = (
            "the response is fitted exactly, nothing is left for a residual variance."
            if _factors(left[:-1, :-1])
            else "the fixed effects cannot be told apart once groups are accounted for."
        )
        raise EstimationError(reason) from error


def _factors(square: np.ndarray) -> bool:
    """Return whether a symmetric matrix is positive definite, in the one way that solving relies on."""
    if not len(square):
        return True
    try:
        linalg.cholesky(square)
    except linalg.LinAlgError:
        return False
    return True


def pulls(system: System, at: Factored, found: Solution, inverse: np.ndarray | None, *, reml: bool) -> list[np.ndarray]:
    """Return ``T' (dcriterion/dPsi) T`` per factor, (q, q) each; zero where the criterion is stationary."""
    out = covered(system, at, inverse)
    for f in range(len(out)):
        if reml and system.n_fixed:
            known = linalg.solve_triangular(found.root.T, np.eye(system.n_fixed), lower=True)
            out[f] = out[f] - np.einsum("kp,abpr,kr->ab", known, gram(found.loads[f]), known, optimize=True)
        u = found.modes[f]
        out[f] = out[f] - found.degrees / found.square * (u.T @ u)
    return out


def gram(loads: np.ndarray) -> np.ndarray:
    """Return sums over levels of products of their loads (J, q, p): (q, q, p, p)."""
    q, p = loads.shape[1:]
    out = np.empty((q, q, p, p))
    for a in range(q):
        for b in range(a + 1):
            out[a, b] = loads[:, a].T @ loads[:, b]
            out[b, a] = out[a, b].T
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
    moved = _moved(system, at, found, _forces(at, found), entries)
    products = _projected(system, at, found, moved)
    variance, change = found.square / found.degrees, pressed(at, found, entries)
    curved = products / variance
    curvature = [linalg.solve_triangular(t.T, linalg.solve_triangular(t.T, q, lower=False).T, lower=False)
                 for t, q in zip(at.factors, pull, strict=True)]  # fmt: skip
    for i, (f, a, b) in enumerate(entries):
        for j, (g, c, d) in enumerate(entries):
            if f == g and b == d:
                curved[i, j] += 2 * curvature[f][a, c]
    if profiled:
        return curved - np.outer(change, change) / found.degrees
    return np.block([[curved, change[:, None]], [change[None, :], np.array([[found.degrees]])]])


def pressed(at: Factored, found: Solution, entries: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Return minus the derivatives of ``degrees · log r²`` by the free entries of T, (k,)."""
    forces = _forces(at, found)
    pulled = [float((forces[f][:, a] * found.modes[f][:, b]).sum()) for f, a, b in entries]
    return 2 * np.array(pulled) * found.degrees / found.square


def _forces(at: Factored, found: Solution) -> list[np.ndarray]:
    """Return the spherical modes divided by T', (J, q) each."""
    return [linalg.solve_triangular(t.T, u.T, lower=False).T for t, u in zip(at.factors, found.modes, strict=True)]


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
    own, others, rest = times(system.square, first), None, None
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
        spherical = _by_factor(system, times(at.factors[system.first].T, own), _spread(at, others))
        taken = sum(_flat(loads).T @ _flat(part) for loads, part in zip(found.loads, spherical, strict=True))
        left = linalg.solve_triangular(found.root.T, fixed - taken, lower=True)
        inner = inner - left.T @ left
    return inner


def _spread(at: Factored, others: np.ndarray | None) -> np.ndarray | None:
    return None if others is None else at.spread.T @ others


def _flat(part: np.ndarray) -> np.ndarray:
    return part.reshape(-1, part.shape[2])


def _by_factor(system: System, first: np.ndarray, rest: np.ndarray | None) -> list[np.ndarray]:
    """Return solutions per factor in the order asked for, (J, q, c) each."""
    out: list[np.ndarray] = [first] * len(system.effects)
    for f, where in places(system):
        out[f] = rest[where].reshape(-1, system.effects[f], rest.shape[1])
    return out
