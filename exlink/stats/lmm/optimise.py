"""Damped Newton steps on the profiled criterion, in the entries of the relative covariance factors.

The criterion depends on T through T T' only, so it has no edge in these entries: a variance of zero is an ordinary
point where the curvature says whether zero is best (Bates et al. 2015 keep the same parametrisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exlink.stats.lmm.criterion import Solution, gradient, information, pulls, solve
from exlink.stats.lmm.elimination import Factored, factor, inverse_of_rest
from exlink.stats.lmm.products import Products
from exlink.stats.lmm.system import System

Entries = list[tuple[int, int, int]]
ENOUGH = 1e-12  # fall of the criterion that another Newton step would promise: theta to about seven digits
DEAR = 1_000  # effects in the dense remainder from which derivatives take most of the time
DIGITS = 1e-6  # of theta, relative
LITTLE = 1e-10  # a promise that one more step fulfils to seven digits of theta
EVEN = 0.1  # of a step beside the one before it: from here on the next one can be foretold
NEAR = 1e-2  # a promise below which steps are short enough to learn curvature from
NOISE = 1e-8  # a promise that rounding of the criterion can hide
ROUNDING = 1e-12  # of the criterion, relative
MOST_STEPS = 60
MOST_TRIES = 12
LONGEST = 1.0  # a step at most, relative to the size of the entries
LEAST_LEFT = 0.3  # share of the variance that a start leaves to the residual
STEP = 1e-4  # of differences between gradients
CHEAP = 2_000  # effects in the dense remainder up to which the curvature is observed, not averaged
LOST = 1e-6  # curvature, relative to the largest, below which a direction is flat: differences are no finer
EDGE = 1e-4  # lme4's isSingular: a diagonal entry of T below it, here in orthonormal columns: units do not matter


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """Where the criterion is least.

    values : ndarray, (k,)        free entries of T, in standardised columns
    at : Factored
    found : Solution
    slope : ndarray, (k,)
    curvature : ndarray, (k, k)   average information, residual variance profiled out
    pull : list of ndarray
    converged : bool
    evaluations : int             of the search
    observed : ndarray, (k, k)    curvature by differences of exact slopes; None where these are dear
    """

    values: np.ndarray
    at: Factored
    found: Solution
    slope: np.ndarray
    curvature: np.ndarray
    pull: list[np.ndarray]
    converged: bool
    evaluations: int
    observed: np.ndarray | None = None


def free_of(products: Products) -> Entries:
    """Return the free entries (factor, row, column) of all T, column by column as in lme4."""
    return [
        (f, a, b)
        for f, g in enumerate(products.groupings)
        for b in range(g.effects)
        for a in range(b, g.effects)
        if g.free[a, b]
    ]


def unpack(values: np.ndarray, entries: Entries, effects: Sequence[int]) -> list[np.ndarray]:
    """Return the factors T of free entries."""
    out = [np.zeros((q, q)) for q in effects]
    for value, (f, a, b) in zip(values, entries, strict=True):
        out[f][a, b] = value
    return out


def optimise(system: System, entries: Entries, *, reml: bool, start: np.ndarray | None = None) -> Optimum:
    """Return the least criterion; a second start only when the first ends on an edge or nowhere.

    A variance of zero is a resting point by symmetry, whether it is best or not: the second start, away from all such
    points, tells.

    Parameters
    ----------
    start : ndarray, (k,), optional
        Entries of T from which to start, those of a similar model; else from what residuals say.
    """
    best = _descend(system, entries, _start(system, entries) if start is None else start, reml=reml)
    if best.converged and not _on_edge(best.values, entries):
        return _refined(system, entries, best, reml=reml)
    plain = np.array([float(a == b) for _, a, b in entries])
    other = _descend(system, entries, plain, reml=reml)
    best = replace(_better(best, other), evaluations=best.evaluations + other.evaluations)
    return _refined(system, entries, best, reml=reml)


def start_like(system: System, entries: Entries, values: np.ndarray, before: System) -> np.ndarray:
    """Return where to start from the best entries of T of a model with other fixed effects: (k,).

    What residuals say of both models tells how far they differ; the bias of that is nearly the same in both.
    """
    here, there = _start(system, entries), _start(before, entries)
    grown = {(f, a): here[i] / there[i] for i, (f, a, b) in enumerate(entries) if a == b and there[i] > 0}
    return values * np.array([grown.get((f, a), 1.0) for f, a, _ in entries])


def evaluate(system: System, entries: Entries, values: np.ndarray, *, reml: bool) -> Optimum:
    """Return criterion, slope and curvature at given entries of T."""
    at = factor(system, unpack(values, entries, system.effects))
    found = solve(system, at, reml=reml)
    pull = pulls(system, at, found, inverse_of_rest(at), reml=reml)
    curvature = information(system, at, found, pull, entries)
    return Optimum(values, at, found, gradient(at, pull, entries), curvature, pull, False, 1)


def slope_at(system: System, entries: Entries, values: np.ndarray, *, reml: bool) -> np.ndarray:
    """Return the slope of the criterion at given entries of T, and nothing else."""
    at = factor(system, unpack(values, entries, system.effects))
    pull = pulls(system, at, solve(system, at, reml=reml), inverse_of_rest(at), reml=reml)
    return gradient(at, pull, entries)


def _descend(system: System, entries: Entries, start: np.ndarray, *, reml: bool) -> Optimum:
    here = evaluate(system, entries, start, reml=reml)
    correction, before = np.zeros_like(here.curvature), (np.inf, np.inf)
    spent, converged = 1, False
    for _ in range(MOST_STEPS):
        step, promise = _newton(here, correction)
        if promise < ENOUGH:
            converged = True
            break
        length = float(np.abs(step).max())
        if _last(system, promise, before[0], length, before[1], here.values):
            # the next step will be nothing, so its derivatives need not be seen
            last = _stepped(system, entries, here, step, reml=reml)
            if last.found.criterion <= here.found.criterion:
                return replace(last, converged=True, evaluations=spent + 1)
        there, tried = _lower(system, entries, here, step, reml=reml)
        spent += tried
        if there is None:  # no fall however short the step: rounding is all that is left
            converged = promise < NOISE
            break
        correction = _corrected(correction, here, there) if promise < NEAR else np.zeros_like(correction)
        here, before = there, (promise, length)
    return replace(here, converged=converged, evaluations=spent)


def _refined(system: System, entries: Entries, best: Optimum, *, reml: bool) -> Optimum:
    """Return the optimum one Newton step further, with the observed curvature, which is exact where steps are short.

    The search ends where the criterion no longer tells, which leaves theta seven digits, and where these end depends
    on the order in which rows were summed. The slope tells twice as many: rows in memory and in an engine agree then.
    """
    if system.rest is not None and len(system.rest.data) > CHEAP:
        return best
    best = replace(best, observed=_observed(system, entries, best.values, reml=reml))
    if not best.converged:
        return best
    step, promise = _exact(best.observed, slope_at(system, entries, best.values, reml=reml))
    there = evaluate(system, entries, best.values + step, reml=reml)
    if _exact(best.observed, there.slope)[1] >= promise:
        return best
    return replace(there, converged=True, evaluations=best.evaluations, observed=best.observed)


def _exact(curvature: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the Newton step along directions that are not flat, and the fall it promises."""
    scale = np.sqrt(np.maximum(np.abs(np.diag(curvature)), 1e-300))
    sizes, axes = np.linalg.eigh(curvature / np.outer(scale, scale))
    axes = (axes / scale[:, None])[:, sizes > LOST * sizes[-1]]
    along = axes.T @ slope / sizes[sizes > LOST * sizes[-1]]
    return -(axes @ along), 0.5 * float((along * (axes.T @ slope)).sum())


def _observed(system: System, entries: Entries, values: np.ndarray, *, reml: bool) -> np.ndarray:
    """Return the Hessian of the profiled criterion by central differences of its exact gradient."""
    rows = []
    for i in range(len(entries)):
        step = np.zeros(len(entries))
        step[i] = STEP * max(abs(values[i]), 0.1)
        up, down = (slope_at(system, entries, values + move, reml=reml) for move in (step, -step))
        rows.append((up - down) / (2 * step[i]))
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2


def _last(system: System, promise: float, before: float, length: float, longer: float, values: np.ndarray) -> bool:
    """Return whether the step after this one will be too short to matter, if steps go on shrinking as they do.

    Where derivatives are dear there are many levels, and steps shrink evenly: by as much as from the last step to this
    one, and what they promise by the square. Elsewhere a lucky step may mislead, so the fall that is left must be next
    to nothing already.
    """
    if system.rest is not None and len(system.rest.data) > DEAR:
        shrunk = length / longer if np.isfinite(longer) else 1.0
        left = promise * shrunk**2
        return shrunk < EVEN and left < NOISE * 10 and length * shrunk < DIGITS * float(np.abs(values).max())
    return promise < LITTLE and promise**2 / before < ENOUGH


def _stepped(system: System, entries: Entries, here: Optimum, step: np.ndarray, *, reml: bool) -> Optimum:
    """Return the point one step away with its criterion and solution; slope and curvature stay those of ``here``."""
    values = here.values + step
    at = factor(system, unpack(values, entries, system.effects))
    return replace(here, values=values, at=at, found=solve(system, at, reml=reml))


def _lower(
    system: System, entries: Entries, here: Optimum, step: np.ndarray, *, reml: bool
) -> tuple[Optimum | None, int]:
    """Return a point along ``step`` that is not higher, or None, and how many were tried."""
    ceiling = here.found.criterion + ROUNDING * abs(here.found.criterion)
    for tried in range(1, MOST_TRIES + 1):
        there = evaluate(system, entries, here.values + step, reml=reml)
        if there.found.criterion <= ceiling:
            return there, tried
        step = step / 4
    return None, MOST_TRIES


def _newton(here: Optimum, correction: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the step and the fall it promises; along directions of negative curvature it goes down too."""
    sizes, axes = np.linalg.eigh(here.curvature + correction)
    largest = max(float(np.abs(sizes).max()), 1e-12)
    safe = np.maximum(np.abs(sizes), 1e-10 * largest)
    along = axes.T @ here.slope
    promise = 0.5 * float((along**2 / safe).sum())
    step = -(axes @ (along / safe))
    limit = LONGEST * max(float(np.abs(here.values).max()), 0.1)
    longest = float(np.abs(step).max())
    return (step * (limit / longest) if longest > limit else step), promise


def _corrected(correction: np.ndarray, here: Optimum, there: Optimum) -> np.ndarray:
    """Return what the average information lacks, from the change of the gradient (symmetric rank one).

    Only the part that the average information does not explain is learnt (Dennis, Gay & Welsch 1981), which turns
    its linear convergence at the edge of small problems into a superlinear one.
    """
    step = there.values - here.values
    missed = there.slope - here.slope - (there.curvature + correction) @ step
    share = float(missed @ step)
    if abs(share) < 1e-8 * float(np.linalg.norm(missed) * np.linalg.norm(step)) or share == 0:
        return correction
    return correction + np.outer(missed, missed) / share


def _start(system: System, entries: Entries) -> np.ndarray:
    """Return starting entries, a diagonal T: the levels' sums of least-squares residuals say how far levels differ."""
    p = system.n_fixed
    beta = np.linalg.solve(system.total[:p, :p], system.total[:p, p]) if p else np.zeros(0)
    variance = max(float(system.total[p, p] - system.total[:p, p] @ beta) / system.n_rows, 1e-12)
    contrast = np.append(-beta, 1.0)
    shares = np.zeros(len(entries))
    for i, (f, a, b) in enumerate(entries):
        if a != b:
            continue
        if f == system.first:
            sums, own = system.data[:, a] @ contrast, system.square[:, a, a]
        else:
            where = system.rest.slices[system.rest.order.index(f)]
            rows = np.arange(where.start, where.stop)[a :: system.effects[f]]
            sums, own = system.rest.data[rows] @ contrast, system.rest.square.diagonal()[rows]
        # E(sums²) = variance · (own + share · (own² - own)) per level
        ratio = ((sums**2).sum() / variance - own.sum()) / max((own**2).sum() - own.sum(), 1e-12)
        shares[i] = np.clip(ratio, 1e-3, 0.95)
    # each is a share of the variance around the fixed part; what they leave is the residual's
    left = max(1.0 - shares.sum(), LEAST_LEFT)
    return np.where(shares > 0, np.sqrt(shares / left), 0.0)


def _better(one: Optimum, other: Optimum) -> Optimum:
    """Return the lower of two; where rounding hides which, the one that converged."""
    gap = other.found.criterion - one.found.criterion
    if abs(gap) < NOISE:
        return other if other.converged and not one.converged else one
    return other if gap < 0 else one


def _on_edge(values: np.ndarray, entries: Entries) -> bool:
    return any(abs(v) < EDGE for v, (_, a, b) in zip(values, entries, strict=True) if a == b)
