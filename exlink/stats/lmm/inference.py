"""What the criterion says beyond its minimum: errors of variance parameters, degrees of freedom, intervals.

Parameters are the free entries of T and the log of the residual variance; their covariance is twice the inverse of the
curvature of −2 log-likelihood. Degrees of freedom of a fixed effect after Satterthwaite, as Kuznetsova, Brockhoff &
Christensen (2017, J. Stat. Softw. 82(13), eq. 4), with the derivative of its variance in closed form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from exlink.stats.lmm.criterion import gram, information
from exlink.stats.lmm.optimise import EDGE, LOST, Entries, Optimum
from exlink.stats.lmm.system import System

TOUCHED = 1e-3  # share of a function's slope that lies in flat directions from which it is not known
LEAST_SCALE = 1e-10  # of a parameter, relative to the largest, so that one without curvature can be divided by


@dataclass(frozen=True, slots=True, eq=False)
class ParameterErrors:
    """How well the free entries of T and the log of the residual variance are known.

    covariance : ndarray, (k + 1, k + 1)   in all directions but flat ones; zero for entries on the edge
    flat : ndarray, (k + 1, r)             directions in which the criterion does not rise: the data do not tell them
    scale : ndarray, (k + 1,)              roots of the curvature, by which parameters are compared; zero on the edge
    """

    covariance: np.ndarray
    flat: np.ndarray
    scale: np.ndarray


def parameter_errors(system: System, entries: Entries, best: Optimum) -> ParameterErrors:
    """Return how well variance parameters are known.

    Entries on the edge (a diagonal of zero) are taken as known: their rows and columns are zero.
    """
    full = information(system, best.at, best.found, best.pull, entries, profiled=False)
    if best.observed is not None:
        pressed = full[:-1, -1]
        full[:-1, :-1] = best.observed + np.outer(pressed, pressed) / full[-1, -1]
    known = [a == b and abs(v) < EDGE for v, (_, a, b) in zip(best.values, entries, strict=True)]
    free = np.flatnonzero(~np.array([*known, False]))
    roots = np.sqrt(np.abs(np.diag(full)[free]))
    scale = np.maximum(roots, LEAST_SCALE * roots.max())
    sizes, axes = np.linalg.eigh(full[np.ix_(free, free)] / np.outer(scale, scale))
    told = sizes > LOST * sizes[-1]
    axes = axes / scale[:, None]
    out, flat, scales = np.zeros_like(full), np.zeros((len(full), int((~told).sum()))), np.zeros(len(full))
    out[np.ix_(free, free)] = 2 * (axes[:, told] / sizes[told]) @ axes[:, told].T
    flat[free], scales[free] = axes[:, ~told], scale
    return ParameterErrors(out, flat, scales)


def degrees_of_freedom(entries: Entries, best: Optimum, errors: ParameterErrors, contrasts: np.ndarray) -> np.ndarray:
    """Return Satterthwaite's degrees of freedom of contrasts (c, p) of the fixed effects, shape (c,).

    Along a flat direction the covariance of the rows stays what it is, and with it the errors of fixed effects: it
    counts for nothing here.
    """
    root = best.found.root
    inverse = linalg.solve_triangular(root, np.eye(len(root)))
    inner = inverse @ inverse.T
    weights = contrasts @ inner
    variances = (weights * contrasts).sum(axis=1)
    slopes = np.column_stack([_variance_slopes(best, weights, entries), variances])
    spread = ((slopes @ errors.covariance) * slopes).sum(axis=1)
    return np.divide(2 * variances**2, spread, out=np.full(len(contrasts), np.inf), where=spread > 0)


def delta_errors(
    function: Callable[[np.ndarray, float], np.ndarray], values: np.ndarray, errors: ParameterErrors
) -> np.ndarray:
    """Return standard errors of smooth functions of the variance parameters, by the delta method.

    A function that changes along a flat direction has none (NaN): the data do not tell it.

    function : takes entries of T (k,) and the log of the residual variance relative to its estimate
    """
    k = len(values)
    rows = []
    for i in range(k + 1):
        step = np.zeros(k + 1)
        step[i] = 1e-5
        up = function(values + step[:k], step[k])
        down = function(values - step[:k], -step[k])
        rows.append((up - down) / 2e-5)
    jacobian = np.array(rows).T
    out = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", jacobian, errors.covariance, jacobian), 0.0))
    inverse = np.divide(1.0, errors.scale, out=np.zeros(k + 1), where=errors.scale > 0)
    whole = np.linalg.norm(jacobian * inverse, axis=1)
    return np.where(np.linalg.norm(jacobian @ errors.flat, axis=1) > TOUCHED * whole, np.nan, out)


def _variance_slopes(best: Optimum, weights: np.ndarray, entries: Entries) -> np.ndarray:
    """Return the derivatives (c, k) of variances of contrasts by the entries of T, the residual variance held fixed.

    weights : ndarray, (c, p)   contrasts times (X'V⁻¹X)⁻¹
    """
    slopes = []
    for t, loads in zip(best.at.factors, best.found.loads, strict=True):
        sums = ((weights @ gram(loads)) * weights).sum(axis=-1)  # (q, q, c)
        beside = linalg.solve_triangular(t.T, sums.reshape(len(t), len(t) * len(weights)), lower=False)
        slopes.append(beside.reshape(sums.shape))
    return 2 * np.array([slopes[f][a, b] for f, a, b in entries]).reshape(len(entries), len(weights)).T
