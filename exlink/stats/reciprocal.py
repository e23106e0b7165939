"""Two series measured in turn on the same units, each of which may move the other: both slopes at once.

::

    after_t = a · state_t  + ρ · before_t     + time + unit + e_t        before_t = after_(t−1)
    state_t = b · before_t + φ · state_(t−1)  + time + unit + u_t

With unit effects taken out, least squares is biased by 1 / T (Nickell 1981, Econometrica 49, 1417–1426), since every
regressor reacts to earlier errors – by the very slopes that are estimated. So the bias is known as a function of them,
and the moments of least squares are set to what they would be without it (Breitung, Kripfganz & Hayakawa 2022,
"Bias-corrected method of moments estimators for dynamic panel data models", Econometrics and Statistics 24, 116–132;
for several series Juodis 2013, Economics Letters 118, 435–438).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg

from exlink.errors import EstimationError
from exlink.stats.absorb import absorb, encode, group_sums, refuse_collinear, refuse_flat
from exlink.stats.tidy import need_columns, tidy_frame

MIN_UNITS = 10  # clusters of a sandwich that has no correction for leverage
TERMS = ("forward", "outcome_carried", "backward", "state_carried")
STEPS, CLOSE, NUDGE = 50, 1e-10, 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ReciprocalFit:
    """Both directions, estimated together.

    table : DataFrame, (4, 9)     term (``forward`` a, ``outcome_carried`` ρ, ``backward`` b, ``state_carried`` φ), tidy
                                  columns, n_units, ``uncorrected`` (least squares within units)
    vcov : DataFrame, (4, 4)      clustered by unit
    """

    table: pd.DataFrame
    vcov: pd.DataFrame


def reciprocal(panel: pd.DataFrame, state: str, unit: str, time: str, *, level: float = 0.95) -> ReciprocalFit:
    """Return what a state does to the outcome after it, and the outcome before to the state, within units.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and time: ``state``, ``after`` (mean outcome after it was measured), ``before`` (mean outcome
        before it was measured, after the last state), ``n_after``, ``n_before`` (outcomes behind each mean). Rows may
        be missing.
    time : str
        Whole numbers, one apart from period to period.

    Returns
    -------
    ReciprocalFit: forward in points of the outcome per point of the state, backward the other way round; errors
    clustered by unit, t intervals with units − 1 degrees of freedom.

    Raises
    ------
    EstimationError
        Fewer than `MIN_UNITS` units with two rows, a series that does not change, or no solution nearby.

    Notes
    -----
    Rows count by the outcomes behind their means, w (``n_after``, ``n_before``), and errors are taken to vary by
    σ²_i / w, each unit with its own. Taking out a unit's mean gives regressors and errors the expected product
    ``−σ²_i / W_i · Σ_(s>t) w_s Γ_(s−t)``, where Γ_h says how the regressors h periods later answer to one unit of error
    now: it follows from a, ρ, b and φ by recursion. Gaps in a unit's rows only change the sums. The four equations are
    solved together, and their derivatives include that of the correction.

    What it needs beyond `predetermined_slopes` is that what carries over does so from one period to the next; in return
    its errors are about two thirds as large (half, in panels with gaps). Panels of ``tests/stats/feedback_panel.py``,
    300 to 400 each: with 200 units, 4 to 8 waves, effect .4 or none, feedback .15, .3 or none, up to a quarter of rows
    missing, and with 60 units and means of four answers, forward is off by −.001 to +.009 and backward by −.001 to
    +.002, and intervals hold the truth in 92 to 97 %. An outcome that itself carries over by .6 leaves +.012 in forward
    (5 % of studies then claim an effect that is not there, instead of 2.5 %), and so do outcomes that drift apart while
    they feed back on the state; the instrumented slope beside it does not. With 40 units and three waves there is
    no solution in half of the panels, which is told.
    """
    need_columns(panel, [state, "after", "before", "n_after", "n_before", unit, time], "reciprocal")
    last = panel[[unit, time, state]].assign(**{time: panel[time] + 1}).rename(columns={state: "last"})
    rows = panel.merge(last, on=[unit, time], how="left", validate="one_to_one")
    size = float(rows["after"].std() / rows[state].std())  # the root is sought where both series vary alike
    rows[[state, "last"]] *= size
    forward = _Equation.of(rows[rows["n_after"] > 0], "after", [state, "before"], unit, time, "n_after")
    backward = _Equation.of(rows[rows["n_before"] > 0], state, ["before", "last"], unit, time, "n_before")
    start = np.concatenate([forward.slopes(), backward.slopes()])
    both = _Moments(forward, backward)
    theta = _solved(both, start, f"{state} and the outcome")
    counts = np.repeat([len(forward.labels), len(backward.labels)], 2)
    scale = np.sqrt(counts / (counts - 1))
    influence = linalg.solve(_derivative(both, theta), both.by_unit(theta).T).T * scale
    native = np.array([size, 1.0, 1 / size, 1.0])
    theta, start, influence = theta * native, start * native, influence * native
    vcov = influence.T @ influence
    n = np.repeat([forward.n, backward.n], 2)
    table = tidy_frame(list(TERMS), theta, np.sqrt(np.diag(vcov)), n, df=counts - 1, level=level)
    return ReciprocalFit(
        table=table.assign(n_units=counts, uncorrected=start), vcov=pd.DataFrame(vcov, index=TERMS, columns=TERMS)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Equation:
    """One equation, compressed to what its moments need of each unit.

    cross : (units, 3, 3)    weighted products of [y, x₁, x₂] once unit and time effects are out
    rows : (units,)          rows of each unit ;  labels : its name
    spread : (units, gaps)   Σ w_s / W over pairs of rows h periods apart, the later one s, for h = 1 … gaps
    """

    cross: np.ndarray
    rows: np.ndarray
    spread: np.ndarray
    labels: np.ndarray
    n: int

    @classmethod
    def of(cls, frame: pd.DataFrame, y: str, x: Sequence[str], unit: str, time: str, weights: str | None) -> _Equation:
        what = f"{y} on {', '.join(x)}"
        used = frame[[y, *x, unit, time, *([weights] if weights else [])]].dropna()
        used = used[used.groupby(unit)[unit].transform("size") > 1]
        codes, labels = encode(used[unit])
        if len(labels) < MIN_UNITS:
            raise EstimationError(
                f"{what}: {len(labels)} values of {unit} with two complete rows; at least {MIN_UNITS} are needed."
            )
        values = used[[y, *x]].to_numpy(dtype=float)
        weight = used[weights].to_numpy(dtype=float) if weights else np.ones(len(used))
        residuals, _ = absorb(values, codes, encode(used[time])[0], weight)
        refuse_flat(residuals, values, weight, [y, *x], f"within {unit}")
        refuse_collinear(residuals[:, 1:], weight, list(x))
        products = np.einsum("n,ni,nj->nij", weight, residuals, residuals).reshape(len(used), 9)
        count = len(labels)
        return cls(
            cross=group_sums(products, codes, count).reshape(count, 3, 3),
            rows=np.bincount(codes, minlength=count),
            spread=_spread(codes, used[time].to_numpy(), weight, count),
            labels=labels,
            n=len(used),
        )

    @property
    def gaps(self) -> int:
        """Return how many periods lie between the first and the last row at most."""
        return self.spread.shape[1]

    def slopes(self) -> np.ndarray:
        """Return least squares within units."""
        total = self.cross.sum(axis=0)
        return linalg.solve(total[1:, 1:], total[1:, 0], assume_a="pos")

    def moments(self, slopes: np.ndarray, reply: np.ndarray) -> np.ndarray:
        """Return each unit's products of regressors and errors less what they are expected to be: (units, 2).

        ``reply`` (gaps, 2): how the regressors h periods later answer to one unit of error now.
        """
        sides = np.concatenate([[1.0], -slopes])
        products = self.cross @ sides
        variance = products @ sides / (self.rows - 1)
        return products[:, 1:] + variance[:, None] * (self.spread @ reply)


class _Moments:
    """The corrected moments of both equations, summed over units or by unit."""

    def __init__(self, forward: _Equation, backward: _Equation) -> None:
        self.forward, self.backward = forward, backward
        self.units = np.union1d(forward.labels, backward.labels)
        self.places = [np.searchsorted(self.units, eq.labels) for eq in (forward, backward)]

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """Return the moments, (4,), at slopes a, ρ, b, φ."""
        return np.concatenate([part.sum(axis=0) for part in self._parts(theta)])

    def by_unit(self, theta: np.ndarray) -> np.ndarray:
        """Return the moments of every unit, (units, 4)."""
        out = np.zeros((len(self.units), 4))
        for k, (place, part) in enumerate(zip(self.places, self._parts(theta), strict=True)):
            out[place, 2 * k : 2 * k + 2] = part
        return out

    def _parts(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (
            self.forward.moments(theta[:2], _after_outcome(theta, self.forward.gaps)),
            self.backward.moments(theta[2:], _after_state(theta, self.backward.gaps)),
        )


def _spread(codes: np.ndarray, time: np.ndarray, weight: np.ndarray, units: int) -> np.ndarray:
    """Return Σ w_s / W over pairs of a unit's rows that lie h periods apart, s the later one: (units, gaps)."""
    table = np.zeros((units, int(time.max() - time.min()) + 1))
    table[codes, (time - time.min()).astype(int)] = weight
    there = table > 0
    total = table.sum(axis=1)
    return np.column_stack([(table[:, h:] * there[:, :-h]).sum(axis=1) / total for h in range(1, table.shape[1])])


def _after_outcome(theta: np.ndarray, gaps: int) -> np.ndarray:
    """Return (state, before) h = 1 … gaps periods after one more point of the outcome."""
    a, rho, b, phi = theta
    state, outcome, out = 0.0, 1.0, []
    for _ in range(gaps):
        state, before = b * outcome + phi * state, outcome
        outcome = a * state + rho * before
        out.append((state, before))
    return np.array(out)


def _after_state(theta: np.ndarray, gaps: int) -> np.ndarray:
    """Return (before, last state) h = 1 … gaps periods after one more point of the state."""
    a, rho, b, phi = theta
    state, outcome, out = 1.0, a, []
    for _ in range(gaps):
        before, last = outcome, state
        out.append((before, last))
        state = b * before + phi * last
        outcome = a * state + rho * before
    return np.array(out)


def _solved(moments: _Moments, start: np.ndarray, what: str) -> np.ndarray:
    """Return a root of ``moments`` reached from ``start`` by Newton's method."""
    theta = start
    for _ in range(STEPS):
        step = linalg.solve(_derivative(moments, theta), moments(theta))
        theta = theta - step
        if not np.isfinite(theta).all() or max(abs(theta[1]), abs(theta[3])) > 1:  # what carries over would grow
            break
        if np.abs(step).max() < CLOSE:
            return theta
    raise EstimationError(f"{what}: the correction for few periods has no solution near least squares.")


def _derivative(moments: _Moments, theta: np.ndarray) -> np.ndarray:
    """Return the derivatives of the moments, column per parameter, by central differences."""
    nudges = np.eye(len(theta)) * NUDGE
    return np.column_stack([(moments(theta + d) - moments(theta - d)) / (2 * NUDGE) for d in nudges])
