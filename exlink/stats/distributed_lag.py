"""Distributed lags: when an outcome answers to a change of a covariate, period by period, within units.

A covariate that steps from state to state may act at once, late, or – if something is wrong – before the step. With
x(t − l) the state l periods ago, the model is ``y = unit + time + Σ φ_l x(t − l)``, l from −leads to the last lag.
Summed by parts its parameters are the cumulative responses θ_k = φ_(−leads) + … + φ_k: how far y stands from where it
was before, k periods after the covariate rose by one. It is then an event study with a dose, whose ends are binned:
before the first lead nothing has happened yet (the reference), and at the last lag the response has come to stay
(Schmidheiny & Siegloch 2023, J. Applied Econometrics 38, 695–713, prove that the two are one model).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import interpolate, linalg

from exlink.errors import EstimationError
from exlink.stats.absorb import absorb, group_sums
from exlink.stats.arrival import Arrival, arrival, missed
from exlink.stats.cells import Cells, complete_cells
from exlink.stats.tidy import need_columns, tidy_frame
from exlink.stats.within_between import SlopeFit, within_slope

LEAST_SPLINE = 4  # a cubic has four coefficients
DRAWS = (199, 999)
MOST_SIGNS = 1_000_000  # units × draws of the bootstrap
UNITS_PER_LAG = 5  # with three a joint test at 5 % rejects in 10 % of studies without effect, with five in 4 %


@dataclass(frozen=True, slots=True, eq=False)
class LagFit:
    """Cumulative responses by lag.

    table : DataFrame, (K, 10)    lag and tidy columns per lag, each lag free; n rows and n_units behind each lag
    smooth : DataFrame, (K, 10)   the same, along a cubic spline of the lag
    vcov : ndarray, (K, K)        CR1 covariance by unit of ``table``
    arrival : Arrival
    height : DataFrame, (1, 7)    tidy row: the response once it is complete, its arrival taken as known
    p_leads, p_lags : float       joint tests that all leads, all lags from 0 are zero (NaN without leads)
    missed_leads : float          how large a response before the change the first test could miss (80 % power)
    n_rows, n_units : int
    """

    table: pd.DataFrame
    smooth: pd.DataFrame
    vcov: np.ndarray
    arrival: Arrival
    height: pd.DataFrame
    p_leads: float
    p_lags: float
    missed_leads: float
    n_rows: int
    n_units: int


def distributed_lag(
    cells: pd.DataFrame,
    y: str,
    states: Sequence[str],
    unit: str,
    time: str | None,
    *,
    leads: int,
    seed: int,
    spline: int = 5,
    level: float = 0.95,
) -> LagFit:
    """Return the cumulative response of ``y`` to a covariate, by lag, with unit (and time) effects.

    Parameters
    ----------
    cells : DataFrame
        ``n_<y>``, ``sum_<y>`` (``sumsq_<y>``), ``unit``, ``time`` and the columns of ``states``; cells in which a
        state is not known are left out.
    states : sequence of str, length K
        The covariate ``leads`` periods later, …, now, …, ``K − 1 − leads`` periods ago.
    leads : int
        How many of ``states`` lie in the future. Their responses are a placebo: nothing has acted yet.
    seed : int
        Of the bootstrap behind the joint tests.
    spline : int
        Coefficients of the smooth profile, at least 4; as many as lags would not smooth at all.

    Returns
    -------
    LagFit, in units of y per unit of the covariate; the last lag stands for itself and all later ones.

    Raises
    ------
    EstimationError
        Fewer than `UNITS_PER_LAG` units a lag, or a lag at which no covariate changes.

    Notes
    -----
    Unconstrained lags as least squares on the rows would give them, errors clustered by unit (`within_slope`). The
    smooth profile restricts them to a spline, as Almon (1965) did to a polynomial and Gasparrini, Armstrong & Kenward
    (2010) to any basis; it blurs a step over its neighbours, so it is for the eye, and timing is read from the free
    lags. Joint tests are Wald tests with Hotelling's finite-sample factor in the number of units.
    """
    k = len(states)
    if not 0 <= leads < k - 1:
        raise EstimationError(f"distributed lag: {leads} leads of {k} states leave fewer than two lags. Ask for more.")
    if not LEAST_SPLINE <= spline <= k:
        raise EstimationError(
            f"distributed lag: a spline of {spline} coefficients; {LEAST_SPLINE} to {k} are possible."
        )
    need_columns(cells, [*states, unit], f"distributed lag of {y}")
    lags = np.arange(k) - leads
    names = [f"lag {lag}" for lag in lags]
    kept = [c for c in (f"n_{y}", f"sum_{y}", f"sumsq_{y}", unit, time) if c in cells]
    cells = cells[cells[list(states)].notna().all(axis=1) & (cells[f"n_{y}"] > 0)].reset_index(drop=True)
    steps = changes(cells[list(states)].to_numpy(dtype=float))
    free = within_slope(_beside(cells[kept], steps, names), y, names, unit, time, level=level)
    if free.n_units < UNITS_PER_LAG * k:
        raise EstimationError(
            f"distributed lag of {y}: {free.n_units} units for {k} lags; at least {UNITS_PER_LAG * k} are needed. "
            "Ask for fewer lags."
        )
    basis = spline_basis(k, spline)
    parts = [f"spline {j}" for j in range(spline)]
    curve = within_slope(_beside(cells[kept], steps @ basis, parts), y, parts, unit, time, level=level)
    vcov = free.vcov.to_numpy()
    behind = _behind(cells, steps, f"n_{y}", unit)
    table = free.table.assign(n=behind[0], n_units=behind[1])
    smooth = _along(basis, curve, names, behind, level)
    arrived = arrival(table["estimate"].to_numpy(), vcov, lags, free.n_units)
    come = list(states[arrived.start + leads : arrived.full + leads + 1])
    # a straight rise over some lags is a step of the mean of their states
    mean = cells[come].to_numpy(dtype=float).mean(axis=1, keepdims=True)
    height = within_slope(_beside(cells[kept], mean, ["arrived"]), y, "arrived", unit, time, level=level)
    data = complete_cells(_beside(cells[kept], steps, names), y, names, unit, time)
    return LagFit(
        table=_with_lag(table, lags),
        smooth=_with_lag(smooth, lags),
        vcov=vcov,
        arrival=arrived,
        height=height.table,
        p_leads=wild_p(data, lags < 0, seed=seed),
        p_lags=wild_p(data, lags >= 0, seed=seed),
        missed_leads=missed(vcov[:leads, :leads], free.n_units),
        n_rows=free.n_rows,
        n_units=free.n_units,
    )


def changes(states: np.ndarray) -> np.ndarray:
    """Return the regressors of cumulative responses: what changed at each lag, and the state at the last one.

    Parameters
    ----------
    states : ndarray, shape (n, K)
        From the furthest lead to the last lag.
    """
    return np.column_stack([states[:, :-1] - states[:, 1:], states[:, -1]])


def spline_basis(periods: int, coefficients: int) -> np.ndarray:
    """Return a cubic B-spline basis over equally spaced periods: shape (periods, coefficients), rows sum to 1."""
    at = np.linspace(0.0, 1.0, periods)
    inner = np.linspace(0.0, 1.0, coefficients - 2)[1:-1]
    knots = np.concatenate([np.zeros(4), inner, np.ones(4)])
    return interpolate.BSpline.design_matrix(at, knots, 3).toarray()


def wild_p(data: Cells, tested: np.ndarray, *, seed: int) -> float:
    """Return the p value of the joint test that the slopes of ``data.x[:, tested]`` are zero; NaN for none.

    The wild cluster bootstrap with the null imposed (Cameron, Gelbach & Miller 2008, Rev. Econ. Stat. 90): residuals of
    the model without the tested columns change sign, or not, unit by unit; each draw is fitted and its Wald statistic
    held against the one of the data. With many restrictions the Wald test itself, compared with χ² or F, rejects far
    too often until there are hundreds of units. Fixed effects are taken out once; a draw costs sums over units only,
    and with time effects over units and periods: residuals whose signs have changed no longer have mean zero in every
    period, and what a fit of the draw would take out there is taken out of its scores.

    Parameters
    ----------
    data : Cells
    tested : boolean ndarray, shape (K,)

    Returns
    -------
    float, 1 / (draws + 1) at the smallest. There are 999 draws, fewer only where there are thousands of units.
    """
    if not tested.any():
        return np.nan
    residuals, _ = absorb(np.column_stack([data.x, data.y]), data.unit, data.time, data.weights)
    x, y, units = residuals[:, :-1], residuals[:, -1], len(data.units)
    weighted = x * data.weights[:, None]
    gram = _products(weighted, x, data.unit, units)
    total = np.linalg.inv(gram.sum(axis=0))
    null = np.zeros(x.shape[1])
    if (~tested).any():
        null[~tested] = linalg.solve(weighted[:, ~tested].T @ x[:, ~tested], weighted[:, ~tested].T @ y, assume_a="pos")
    error = y - x @ null
    left = group_sums(weighted * error[:, None], data.unit, units)  # scores of the model without them
    expected = gram @ null
    inner = total[tested]
    left_in, expected_in, gram_in = left @ inner.T, expected @ inner.T, inner @ gram  # all a draw needs per unit
    base = expected.sum(axis=0)
    drift, taken = _drift(data, weighted @ inner.T, error)

    def wald(signs: np.ndarray) -> float:
        slopes = total @ (base + signs @ left)
        influence = expected_in + signs[:, None] * left_in - gram_in @ slopes
        influence -= (signs @ drift @ taken).reshape(influence.shape)
        return float(slopes[tested] @ linalg.solve(influence.T @ influence, slopes[tested], assume_a="pos"))

    draws = int(np.clip(MOST_SIGNS // units, *DRAWS))
    rng = np.random.default_rng(seed)
    found = wald(np.ones(units))
    beyond = sum(wald(rng.choice((-1.0, 1.0), units)) >= found for _ in range(draws))
    return (1 + beyond) / (draws + 1)


def _products(left: np.ndarray, right: np.ndarray, unit: np.ndarray, units: int) -> np.ndarray:
    """Return ``left.T @ right`` of the rows of every unit: shape (units, k, k)."""
    order = np.argsort(unit, kind="stable")
    ends = np.searchsorted(unit[order], np.arange(units + 1))
    left, right = left[order], right[order]
    # a small matrix product per unit; summing the k² columns of single products takes ten times as long
    return np.stack([left[i:j].T @ right[i:j] for i, j in itertools.pairwise(ends)])


def _drift(data: Cells, weighted: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the time effects that each unit's residuals have, and what time effects take from every unit's scores.

    Parameters
    ----------
    weighted : ndarray, shape (n, k)
        Columns free of unit and time effects, times the weights.
    error : ndarray, shape (n,)
        Residuals free of unit effects.

    Returns
    -------
    drift : ndarray, shape (units, T)
        With signs s, the time effects of the residuals are ``s @ drift``; T is 0 without time effects.
    taken : ndarray, shape (T, units · k)
    """
    units = len(data.units)
    if data.time is None:
        return np.zeros((units, 0)), np.zeros((0, units * weighted.shape[1]))
    periods = int(data.time.max()) + 1
    cell = data.unit * periods + data.time
    columns = np.column_stack([data.weights, data.weights * error, weighted])
    sums = group_sums(columns, cell, units * periods).reshape(units, periods, -1)
    weight, noise, scores = sums[..., 0], sums[..., 1], sums[..., 2:]
    # as in `absorb`: the weights of the periods once unit means are out
    system = np.diag(weight.sum(axis=0)) - weight.T @ (weight / weight.sum(axis=1, keepdims=True))
    return noise @ linalg.pinvh(system, rtol=1e-10), scores.transpose(1, 0, 2).reshape(periods, -1)


def _beside(cells: pd.DataFrame, values: np.ndarray, names: list[str]) -> pd.DataFrame:
    return pd.concat([cells, pd.DataFrame(values, columns=names, index=cells.index)], axis=1)


def _behind(cells: pd.DataFrame, steps: np.ndarray, n: str, unit: str) -> tuple[list[int], list[int]]:
    """Return how many rows and units are seen while the covariate has changed at each lag."""
    rows, units = cells[n].to_numpy(), cells[unit].to_numpy()
    return [int(rows[m].sum()) for m in (steps != 0).T], [len(np.unique(units[m])) for m in (steps != 0).T]


def _along(
    basis: np.ndarray, curve: SlopeFit, names: list[str], behind: tuple[list[int], list[int]], level: float
) -> pd.DataFrame:
    """Return the spline at every lag."""
    values = basis @ curve.table["estimate"].to_numpy()
    errors = np.sqrt(np.einsum("kj,jl,kl->k", basis, curve.vcov.to_numpy(), basis))
    frame = tidy_frame(names, values, errors, behind[0], df=curve.n_units - 1, level=level)
    return frame.assign(n_units=behind[1])


def _with_lag(table: pd.DataFrame, lags: np.ndarray) -> pd.DataFrame:
    return pd.concat([pd.Series(lags, name="lag"), table.reset_index(drop=True)], axis=1)
