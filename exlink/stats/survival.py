"""Cox's proportional hazards on start–stop rows, clustered by unit: the continuous-time reading of a hazard.

Fitted here and not by statsmodels' ``PHReg``: with entry times it takes a row to be at risk at its very beginning,
so that whoever's rows meet at an event is counted twice, its score residuals hold no tie correction, and its clustered
covariance is NaN as soon as somebody is censored before the first event. Where none of that matters the two agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import encode, group_sums, refuse_collinear
from exlink.stats.hazard import MIN_EVENTS
from exlink.stats.tidy import need_columns, tidy_frame

MAX_STEPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """Proportional-hazards fit.

    table : DataFrame, (p, 8)          log hazard ratios: tidy and n_units, errors clustered by unit
    hazard_ratios : DataFrame, (p, 8)  the same, exponentiated (errors by the delta method)
    model_error : Series, (p,)         standard errors of the partial likelihood, for rows that do not repeat units
    concordance : float                share of comparable pairs in which who had the event first had the higher risk
    n_rows, n_events, n_units : int
    dropped : int                      rows with missing values
    """

    table: pd.DataFrame
    hazard_ratios: pd.DataFrame
    model_error: pd.Series
    concordance: float
    n_rows: int
    n_events: int
    n_units: int
    dropped: int


def fit_cox(
    frame: pd.DataFrame, event: str, x: str | Sequence[str], cluster: str, *, start: str | None = None, stop: str,
    level: float = 0.95,
) -> CoxFit:  # fmt: skip
    """Return log hazard ratios by Cox's partial likelihood, ties after Efron (1977).

    Parameters
    ----------
    frame : DataFrame
        One row per unit and stretch of time in which its covariates do not change. Of several kinds of event only
        the one asked for counts; the others end the row like any censoring (cause-specific hazard, Prentice et al.
        1978).
    event : str
        1 where the row ends with the event, else 0.
    x : str or sequence of str
        Covariates, known when the row begins; text columns are coded against their first level.
    cluster : str
        Unit whose rows belong together.
    start, stop : str
        The row is at risk after ``start`` up to and including ``stop``, on one clock for everybody; without ``start``
        from zero.

    Returns
    -------
    CoxFit; errors by cluster (Lin & Wei 1989) times G / (G − 1), t with clusters − 1 degrees of freedom.

    Raises
    ------
    EstimationError
        Fewer than 10 events, fewer than 3 units, rows that end before they begin, flat or collinear covariates, or
        a covariate that separates who had the event.
    """
    names = [x] if isinstance(x, str) else list(x)
    what = f"{event} on {listed(names)}"
    columns = list(dict.fromkeys([event, *names, cluster, stop, *([start] if start else [])]))
    need_columns(frame, columns, what)
    used = frame[columns].dropna()
    status, ends = used[event].to_numpy(dtype=float), used[stop].to_numpy(dtype=float)
    begins = used[start].to_numpy(dtype=float) if start else np.zeros(len(used))
    if (turned := int((begins >= ends).sum())) > 0:
        raise EstimationError(f"{what}: {turned:,} of {len(used):,} rows end before, or when, they begin.")
    if status.sum() < MIN_EVENTS:
        # the number itself stays unsaid: so few people could be recognised
        raise EstimationError(f"{what}: fewer than {MIN_EVENTS} events in {len(used):,} rows; {MIN_EVENTS} are needed.")
    codes, units = encode(used[cluster])
    if len(units) < 3:
        raise EstimationError(f"{what}: {len(units)} values of {cluster}; at least 3 are needed.")
    design, labels = _design(used, names)
    flat = [name for name, column in zip(labels, design.T, strict=True) if not np.ptp(column) > 0]
    if flat:
        raise EstimationError(f"{what}: {listed(flat)} does not vary.")
    design = design - design.mean(axis=0)
    refuse_collinear(design, np.ones(len(design)), labels)
    risk_sets = _RiskSets.of(begins, ends, status)
    coef, bread = _maximum(design, risk_sets, what)
    g = len(units)
    influence = group_sums(risk_sets.score_residuals(design, coef), codes, g) @ bread
    std_error = np.sqrt(g / (g - 1) * (influence**2).sum(axis=0))
    table = tidy_frame(labels, coef, std_error, len(used), df=g - 1, level=level).assign(n_units=g)
    ratios = table.assign(
        estimate=np.exp(table["estimate"]), std_error=np.exp(table["estimate"]) * table["std_error"],
        conf_low=np.exp(table["conf_low"]), conf_high=np.exp(table["conf_high"]),
    )  # fmt: skip
    return CoxFit(
        table=table, hazard_ratios=ratios, model_error=pd.Series(np.sqrt(np.diag(bread)), index=labels),
        concordance=concordance(design @ coef, begins, ends, status), n_rows=len(used), n_events=int(status.sum()),
        n_units=g, dropped=len(frame) - len(used),
    )  # fmt: skip


def _design(used: pd.DataFrame, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return the design without intercept and its labels; text columns against their first level."""
    columns, labels = [], []
    for name in names:
        if pd.api.types.is_numeric_dtype(used[name]):
            columns.append(used[name].to_numpy(dtype=float))
            labels.append(name)
            continue
        codes, levels = encode(used[name])
        for at, value in enumerate(levels[1:], start=1):
            columns.append((codes == at).astype(float))
            labels.append(f"{name}[{value}]")
    return np.column_stack(columns), labels


@dataclass(frozen=True, slots=True)
class _RiskSets:
    """Who is at risk when: (start, stop] of every row, and for every event its time and its place among ties.

    begun, ended : rows by when they begin and end, latest first, and for every time how many come at it or later
    times : ndarray, (T,)         the times with events, ascending
    at : ndarray, (events,)       time of each event, as an index; rows : (events,) the row that had it
    tied : ndarray, (events,)     share of the events of that time that Efron takes out of its risk set
    """

    start: np.ndarray
    stop: np.ndarray
    begun: tuple[np.ndarray, np.ndarray]
    ended: tuple[np.ndarray, np.ndarray]
    times: np.ndarray
    at: np.ndarray
    rows: np.ndarray
    tied: np.ndarray

    @classmethod
    def of(cls, start: np.ndarray, stop: np.ndarray, status: np.ndarray) -> _RiskSets:
        rows = np.flatnonzero(status > 0)
        rows = rows[np.argsort(stop[rows], kind="stable")]
        times, first, at, many = np.unique(stop[rows], return_index=True, return_inverse=True, return_counts=True)
        tied = (np.arange(len(rows)) - first[at]) / many[at]
        return cls(start, stop, _latest(start, times), _latest(stop, times), times, at, rows, tied)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return sums of values (rows, c) over the risk set of every event, net of Efron's share of the tied."""
        total = _later(values, *self.ended) - _later(values, *self.begun)
        among = group_sums(values[self.rows], self.at, len(self.times))
        return total[self.at] - self.tied[:, None] * among[self.at]

    def score_residuals(self, design: np.ndarray, coef: np.ndarray) -> np.ndarray:
        """Return what each row adds to the score, (rows, p); they sum to zero at the maximum."""
        risk = np.exp(design @ coef)
        s0 = self.sums(risk[:, None])
        mean = self.sums(risk[:, None] * design) / s0
        jumps = np.column_stack([1 / s0, mean / s0])
        grown = np.vstack([np.zeros(jumps.shape[1]), np.cumsum(jumps, axis=0)])
        when = self.times[self.at]
        met = grown[np.searchsorted(when, self.stop, "right")] - grown[np.searchsorted(when, self.start, "right")]
        own = group_sums(jumps * self.tied[:, None], self.at, len(self.times))[self.at]
        met[self.rows] -= own
        out = -risk[:, None] * (design * met[:, [0]] - met[:, 1:])
        ties = np.bincount(self.at)
        out[self.rows] += design[self.rows] - (group_sums(mean, self.at, len(ties)) / ties[:, None])[self.at]
        return out


def _latest(when: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows by ``when``, latest first, and for every time how many come at it or later."""
    order = np.argsort(-when, kind="stable")
    return order, np.searchsorted(-when[order], -times, side="right")


def _later(values: np.ndarray, order: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Return sums of values (rows, c) over the first rows of ``order``, as ``many`` as each time has."""
    sums = np.vstack([np.zeros(values.shape[1]), np.cumsum(values[order], axis=0)])
    return sums[many]


def _maximum(design: np.ndarray, risk_sets: _RiskSets, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the maximum of the partial likelihood and its covariance, by Newton's method on columns of equal size."""
    n, p = design.shape
    scale = design.std(axis=0)
    z = design / scale
    pairs = (z[:, :, None] * z[:, None, :]).reshape(n, p * p)
    coef = np.zeros(p)
    for _ in range(MAX_STEPS):
        risk = np.exp(z @ coef)[:, None]
        sums = risk_sets.sums(np.hstack([risk, risk * z, risk * pairs]))
        mean = sums[:, 1 : p + 1] / sums[:, [0]]
        information = (sums[:, p + 1 :] / sums[:, [0]]).sum(axis=0).reshape(p, p) - mean.T @ mean
        if np.abs(coef).max() > 15 or np.linalg.cond(information) > 1e13:
            break
        step = linalg.solve(information, (z[risk_sets.rows] - mean).sum(axis=0), assume_a="sym")
        coef = coef + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            return coef / scale, linalg.inv(information) / np.outer(scale, scale)
    raise EstimationError(f"{what}: a covariate (nearly) separates who had the event. Use fewer or coarser covariates.")


def concordance(risk: np.ndarray, start: np.ndarray, stop: np.ndarray, event: np.ndarray) -> float:
    """Return Harrell's C of a risk score on start–stop rows (Harrell et al. 1982): .5 is chance.

    Parameters
    ----------
    risk, start, stop, event : array_like, shape (rows,)
        A pair is comparable when one row has the event while the other is at risk and goes on longer (or is censored
        at that time). Equal risks count half.

    Returns
    -------
    float; NaN without a comparable pair.
    """
    risk, start, stop, event = (np.asarray(v, dtype=float) for v in (risk, start, stop, event))
    won = pairs = 0.0
    for time in np.unique(stop[event > 0]):
        now = (stop == time) & (event > 0)
        later = np.sort(risk[(start < time) & (stop >= time) & ~now])
        below, upto = (np.searchsorted(later, risk[now], side=side) for side in ("left", "right"))
        won += float((below + 0.5 * (upto - below)).sum())
        pairs += float(now.sum()) * len(later)
    return won / pairs if pairs else np.nan
