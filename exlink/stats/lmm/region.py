"""All variance parameters whose criterion is low enough, and how far a function of them reaches there.

The least and the largest value of a function among all parameters whose criterion exceeds the minimum by no more than
a quantile of χ² are its profile interval (Venzon & Moolgavkar 1988, Appl. Stat. 37, 87–94): two searches with one
constraint, whose slope is exact. They run in coordinates in which the region would be the unit ball if the criterion
were quadratic, from the point where that ball would end, so that a handful of evaluations is enough.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from exlink.stats.lmm.criterion import Solution, gradient, pressed, pulls, solve
from exlink.stats.lmm.elimination import factor, inverse_of_rest
from exlink.stats.lmm.fit import LmmFit
from exlink.stats.lmm.optimise import EDGE, optimise, unpack

REACHED = 1e-3  # of the criterion: how near its rise a search must end
CLOSE = 1e-6  # of an interval's half width: what a search may leave
OFF_EDGE = 0.3  # first guess of how far an entry of T that is zero may go
MOST_HALVED = 30
MOST_STEPS = 200
TOO_FAR = 50.0  # log of a residual variance over its best: a first step may end where its inverse is no double
STEP = 1e-6  # of differences of a function of the parameters, which cost no evaluation
LEAST_SPREAD = 1e-12  # eigenvalue of a correlation matrix from which a direction has a length

Function = Callable[[np.ndarray], float]


class Region:
    """Parameters (entries of T and log residual variance over its estimate) whose criterion rises by at most ``rise``.

    evaluations : int   of the criterion so far, searches of nested models aside
    """

    def __init__(self, fit: LmmFit, rise: float) -> None:
        self.workings, self.rise, self.reml = fit.workings, rise, fit.reml
        self.least: Solution = self.workings.best.found
        self.centre = np.append(self.workings.best.values, 0.0)
        self.seen: tuple[bytes, float, np.ndarray] = (b"", np.nan, np.zeros(0))
        self.evaluations = 0
        self.basis, self.edges = self._ball()

    def furthest(self, function: Function, sign: int, limits: tuple[float, float]) -> float:
        """Return the largest (sign 1) or the least (sign -1) value of a function; missing where no search reached it.

        limits : values that the function cannot pass; one that is all but reached inside the region is the answer
        """

        def at(x: np.ndarray) -> np.ndarray:
            return self.centre + self.basis @ x

        def moved(x: np.ndarray) -> np.ndarray:
            steps = STEP * np.eye(len(x))
            return np.array([(function(at(x + s)) - function(at(x - s))) / (2 * STEP) for s in steps])

        # the slope is zero on an edge by symmetry, so that a search begins beside it
        along = moved(np.where(self.edges, 0.5, 0.0))
        size = float(np.linalg.norm(along))
        if not size > 0:
            return np.nan
        start = sign * along / size
        start[self.edges & (np.abs(start) < 0.1)] = 0.1
        within = {
            "type": "ineq", "fun": lambda x: 1 - self.risen(at(x))[0] / self.rise,
            "jac": lambda x: -(self.risen(at(x))[1] @ self.basis) / self.rise,
        }  # fmt: skip
        found = minimize(
            lambda x: -sign * function(at(x)) / size, start, jac=lambda x: -sign * moved(x) / size,
            constraints=[within], method="SLSQP", options={"maxiter": MOST_STEPS, "ftol": CLOSE},
        )  # fmt: skip
        value, left = function(at(found.x)), self.rise - self.risen(at(found.x))[0]
        limit = limits[sign > 0]
        if abs(value - limit) < EDGE * max(size, abs(function(self.centre))) and left > -REACHED:
            return limit
        return float(value) if abs(left) < REACHED * max(self.rise, 1.0) else np.nan

    def holds_zero(self, factors: tuple[int, ...]) -> bool:
        """Return whether the criterion is low enough with the effects of some factors taken out.

        This is the likelihood-ratio test of their variances, the others estimated anew.
        """
        w = self.workings
        kept = [i for i, (f, _, _) in enumerate(w.entries) if f not in factors]
        values = np.where(np.isin(np.arange(len(w.entries)), kept), w.best.values, 0.0)
        there = self._solved(values).criterion  # the others as they are: no lower than with the others at their best
        if there - self.least.criterion > self.rise and kept:
            entries = [w.entries[i] for i in kept]
            there = optimise(w.system, entries, reml=self.reml, start=w.best.values[kept]).found.criterion
        return there - self.least.criterion <= self.rise

    def risen(self, at: np.ndarray) -> tuple[float, np.ndarray]:
        """Return how far the criterion lies above its minimum, with its slope."""
        if at.tobytes() != self.seen[0]:
            w, degrees = self.workings, self.least.degrees
            here = factor(w.system, unpack(at[:-1], w.entries, w.system.effects))
            found = solve(w.system, here, reml=self.reml)
            pull = pulls(w.system, here, found, inverse_of_rest(here), reml=self.reml)
            # residual variance beside the best one at these T; d log(r²) / dT is minus ``pressed`` over the degrees
            beside = max(at[-1] + float(np.log(self.least.square / found.square)), -TOO_FAR)
            value = found.criterion - self.least.criterion + degrees * (beside + np.exp(-beside) - 1)
            turn = degrees * (1 - np.exp(-beside))
            slope = gradient(here, pull, w.entries) + turn * pressed(here, found, w.entries) / degrees
            self.seen, self.evaluations = (at.tobytes(), value, np.append(slope, turn)), self.evaluations + 1
        return self.seen[1], self.seen[2]

    def _solved(self, values: np.ndarray) -> Solution:
        w = self.workings
        self.evaluations += 1
        return solve(w.system, factor(w.system, unpack(values, w.entries, w.system.effects)), reml=self.reml)

    def _ball(self) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates (k + 1, d) in which the region is about the unit ball, and which of the d leave an edge.

        Covariances give them where the criterion is curved; along flat directions the parameters' own curvatures do,
        and on an edge how far the criterion lets one go.
        """
        known, values = self.workings.covariance, self.workings.best.values
        spread = np.sqrt(np.diag(known.covariance))
        size = np.where(spread > 0, spread, 1.0)
        lengths, axes = np.linalg.eigh(known.covariance / np.outer(size, size))
        curved = size[:, None] * (axes * np.sqrt(np.maximum(lengths, 0.0)))[:, lengths > LEAST_SPREAD]
        off = [i for i, v in enumerate(values) if not known.scale[i] > 0 and abs(v) < EDGE]
        edges = np.zeros((len(self.centre), len(off)))
        for column, i in enumerate(off):
            edges[i, column] = self._reach(i)
        basis = np.hstack([np.sqrt(self.rise) * curved, np.sqrt(2 * self.rise) * known.flat, edges])
        return basis, np.arange(basis.shape[1]) >= basis.shape[1] - len(off)

    def _reach(self, entry: int) -> float:
        """Return about how far an entry of T that is zero may go, the others being what they are."""
        values, reach = self.workings.best.values.copy(), OFF_EDGE
        for _ in range(MOST_HALVED):
            values[entry] = reach
            risen = self._solved(values).criterion - self.least.criterion
            if risen < 4 * self.rise:
                break
            reach /= 2
        return reach
