"""Profile likelihood intervals of SDs and correlations: right near zero too, where Wald's are rough.

A parameter's profile interval reaches from its least to its largest value among all parameters whose criterion exceeds
the minimum by no more than the quantile of χ² allows (Venzon & Moolgavkar 1988, Appl. Stat. 37, 87–94): two searches
with one constraint, whose slope is exact.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from exlink.errors import EstimationError
from exlink.stats.lmm.criterion import information
from exlink.stats.lmm.fit import LmmFit, Workings
from exlink.stats.lmm.optimise import EDGE, Optimum, evaluate
from exlink.stats.lmm.threads import one_thread
from exlink.stats.lmm.varcorr import spreads_of
from exlink.stats.tidy import check_level, t_quantile

MOST_PARAMETERS = 6  # of a model, the residual variance counted: two searches for each, in as many dimensions
REACHED = 1e-3  # of the criterion: how near its rise a search must end
OFF_EDGE = 0.3  # where a search starts for an entry of T that is zero, since the slope is zero there by symmetry
MOST_STEPS = 200
STEP = 1e-6  # of differences of SDs and correlations, which cost no evaluation


def profile_intervals(fit: LmmFit, level: float | None = None) -> pd.DataFrame:
    """Return SDs and correlations with profile intervals, of the criterion that was fitted (lme4 profiles ML).

    Returns
    -------
    DataFrame: group, term1, term2, kind ('sd' or 'correlation'), estimate, conf_low, conf_high. A bound that no search
    reached is missing. SDs that may be zero begin at zero, correlations that may be ±1 end there.

    Raises
    ------
    EstimationError
        More than six variance parameters; or a fit that did not converge.
    """
    w = fit.workings
    if len(w.entries) + 1 > MOST_PARAMETERS:
        raise EstimationError(
            f"{fit.formula}: {len(w.entries) + 1} variance parameters are too many to profile, at most "
            f"{MOST_PARAMETERS} are. Take fit.intervals(), or independent random parts."
        )
    if not fit.converged:
        raise EstimationError(f"{fit.formula}: the fit did not converge, so there is no minimum to profile from.")
    rise = float(t_quantile(0.5 + check_level(fit.level if level is None else level) / 2, np.inf)) ** 2
    table = fit.intervals().drop(columns=["std_error", "conf_low", "conf_high"])
    spreads = spreads_of(w.products, w.units, w.entries, fit.sigma)
    with one_thread():
        region = _Region(w, rise, reml=fit.reml)
        bounds = [
            [region.furthest(lambda at, i=i: spreads(at[:-1], at[-1])[i], sign, kind == "sd") for sign in (-1, 1)]
            for i, kind in enumerate(table["kind"])
        ]
    return table.assign(conf_low=[b[0] for b in bounds], conf_high=[b[1] for b in bounds])


class _Region:
    """Parameters (entries of T and log residual variance over its estimate) whose criterion is low enough."""

    def __init__(self, workings: Workings, rise: float, *, reml: bool) -> None:
        self.workings, self.rise, self.reml = workings, rise, reml
        self.least = workings.best.found
        scale = workings.covariance.scale
        self.scale = np.sqrt(2 * rise) / np.where(scale > 0, scale, np.sqrt(2 * rise) / OFF_EDGE)
        self.seen: tuple[bytes, float, np.ndarray] = (b"", np.nan, np.zeros(0))

    def furthest(self, function: Callable[[np.ndarray], float], sign: int, is_sd: bool) -> float:
        """Return the largest (sign 1) or the least (sign -1) value of a function of the parameters."""
        workings = self.workings
        centre = np.append(workings.best.values, 0.0)

        def at(x: np.ndarray) -> np.ndarray:
            return centre + self.scale * x

        edge = [a == b and abs(v) < EDGE for v, (_, a, b) in zip(workings.best.values, workings.entries, strict=True)]
        start = np.array([*edge, False], dtype=float)
        size = abs(function(at(start))) if is_sd else 1.0

        def wanted(x: np.ndarray) -> float:
            return -sign * function(at(x)) / size

        def slope(x: np.ndarray) -> np.ndarray:
            moves = STEP * np.eye(len(x))
            return np.array([(wanted(x + m) - wanted(x - m)) / (2 * STEP) for m in moves])

        within = {
            "type": "ineq", "fun": lambda x: 1 - self.risen(at(x))[0] / self.rise,
            "jac": lambda x: -self.scale * self.risen(at(x))[1] / self.rise,
        }  # fmt: skip
        found = minimize(
            wanted, start, jac=slope, constraints=[within], method="SLSQP",
            options={"maxiter": MOST_STEPS, "ftol": 1e-10},
        )  # fmt: skip
        value, left = function(at(found.x)), self.rise - self.risen(at(found.x))[0]
        limit = float(sign) if not is_sd else 0.0 if sign < 0 else np.inf
        if abs(value - limit) < EDGE * size and left > -REACHED:
            return limit
        return float(value) if abs(left) < REACHED else np.nan

    def risen(self, at: np.ndarray) -> tuple[float, np.ndarray]:
        """Return how far the criterion lies above its minimum, with its slope."""
        if at.tobytes() != self.seen[0]:
            w, degrees = self.workings, self.least.degrees
            here = evaluate(w.system, w.entries, at[:-1], reml=self.reml)
            # residual variance beside the best one at these T; d log(r²) / dT from the information's last column
            beside = at[-1] + float(np.log(self.least.square / here.found.square))
            value = here.found.criterion - self.least.criterion + degrees * (beside + np.exp(-beside) - 1)
            turn = degrees * (1 - np.exp(-beside))
            self.seen = (at.tobytes(), value, np.append(here.slope + turn * _pressed(w, here) / degrees, turn))
        return self.seen[1], self.seen[2]


def _pressed(w: Workings, here: Optimum) -> np.ndarray:
    """Return minus the derivatives of ``degrees · log r²`` by the entries of T, (k,)."""
    return information(w.system, here.at, here.found, here.pull, w.entries, profiled=False)[-1, :-1]
