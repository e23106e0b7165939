"""How many weeks pass until a change of employees' experience is felt by customers (M6)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data import choices
from exlink.data.answers import ex_aspect_scales, ex_kpi_scales, percent_of_scale
from exlink.data.dataset import StudyData
from exlink.data.lagged_states import WEEK, lagged_cells
from exlink.data.panel import aspect_columns, column_label, overall_columns, within_reason
from exlink.data.planted import planted_effects
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError, ParameterError
from exlink.stats.distributed_lag import LagFit, distributed_lag
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import minimum_detectable, p_in_words

WEEKLY, SMOOTH, PLANTED = "week by week", "smoothed", "planted"
INDEX = "mean of all aspects"
SPLINE = 5
COLUMNS = ["outcome", "series", "week", "estimate", "conf_low", "conf_high", "n", "n_units", "before"]


@dataclass(frozen=True, slots=True, eq=False)
class Delay:
    """When customers' answers follow a change of EX.

    profile : DataFrame    outcome, series (week by week, smoothed, planted), week (since the answer; the last one and
        later), estimate (points of the KPI per point of EX) with bounds, n (answers), n_units, before (the week lies
        before the answer: a placebo)
    arrivals : DataFrame   one row per KPI: outcome, when (words), arrives with the 95 % set first … last (weeks),
        estimate with bounds, p_lags, p_leads (joint tests, BH-adjusted over the KPIs), detectable (in a single week),
        planted with planted_week (simulated data only), n, n_units
    label : str            what of EX was followed, in words
    reason : str           why there is nothing, or ''
    """

    profile: pd.DataFrame
    arrivals: pd.DataFrame
    label: str
    reason: str


def delay(data: StudyData, aspect: str, weeks_before: int, weeks_after: int) -> Delay:
    """Return how customers' answers run in the weeks before and after employees answer.

    Within employees and calendar weeks: a KPI of contacts on the state of EX in each of the weeks around them
    (:func:`exlink.stats.distributed_lag.distributed_lag`). A week counts seven days from the day of the answer.

    Parameters
    ----------
    aspect : the aspect to follow; empty for the mean of all, or of the KPIs where no aspect was asked.
    weeks_before, weeks_after : how far the profile reaches; the weeks before are a placebo.
    """
    if weeks_before < 1 or weeks_after < 3:
        raise ParameterError(
            f"weeks_before is {weeks_before} and weeks_after is {weeks_after}; a profile needs at least 1 and 3."
        )
    answers, label = _followed(data, aspect)
    reason = within_reason(data)
    if reason or not data.cx_kpis:
        return _nothing(label, reason)
    fits = {}
    cells, states = lagged_cells(data, answers, data.cx_kpis, weeks_before, weeks_after)
    for kpi in data.cx_kpis:
        own = cells[cells[f"n_{kpi}"] > 0].reset_index(drop=True)
        try:
            fits[kpi] = distributed_lag(own, kpi, states, data.unit, "week", leads=weeks_before, spline=SPLINE)
        except EstimationError as error:  # too few units or weeks for this KPI: said in the notebook in its place
            reason = f"not assessed: {error}"
    if not fits:
        return _nothing(label, reason)
    planted = _planted(data, answers)
    profile = pd.concat([_profile(kpi, fit, planted) for kpi, fit in fits.items()], ignore_index=True)
    return Delay(profile, _arrivals(fits, planted), label, "")


def of_outcome(delayed: Delay, kpi: str) -> pd.DataFrame:
    """Return the profile of one KPI; empty where it could not be estimated."""
    return delayed.profile[delayed.profile["outcome"] == kpi].reset_index(drop=True)


def why_not(delayed: Delay, kpi: str) -> str:
    """Return why there is no profile of a KPI, or ''."""
    if delayed.reason or kpi in set(delayed.arrivals["outcome"]):
        return delayed.reason
    return f"not assessed: too few answers about {kpi} in the weeks around employees' answers"


def delay_sentence(delayed: Delay, kpi: str, min_group: int) -> str:
    """Say in which week a change of EX arrives at customers, and whether anything moved before it could.

    Returns '' where there is nothing to say, or too few people to say it of.
    """
    if why_not(delayed, kpi):
        return ""
    row = delayed.arrivals.set_index("outcome").loc[kpi]
    if row.n_units < min_group:
        return ""
    if not row.p_lags < 0.05:
        said = (
            f"**Inconclusive: in no week does a change in employees' experience ({delayed.label}) show clearly in "
            f"customers' {kpi}** (joint test over the weeks, adjusted, p = {p_in_words(row.p_lags)}; a single week "
            f"would have shown a change of about {row.detectable:.2f} points per point)."
        )
    else:
        said = (
            f"**A change in employees' experience ({delayed.label}) reaches customers' {kpi} {_arrives(row)}**: from "
            f"then on it stands {signed(row.estimate)} points per point of EX from where it was "
            f"({signed(row.conf_low)} to {signed(row.conf_high)}; {row.n:,} answers, {row.n_units} people)."
        )
    if row.p_leads < 0.05:
        return (
            f"{said} But customers' answers already differ *before* employees answer (placebo p = "
            f"{p_in_words(row.p_leads)}): part of the profile is something else that changes at that time."
        )
    return f"{said} Before employees answer nothing clear moves (placebo p = {p_in_words(row.p_leads)}), as it must be."


def facts(delayed: Delay) -> list[dict[str, object]]:
    """Return, per KPI in which a change arrives, the week, its 95 % set and the people behind it."""
    if delayed.reason:
        return []
    clear = delayed.arrivals[delayed.arrivals["p_lags"] < 0.05]
    return clear[["outcome", "arrives", "first", "last", "estimate", "n_units"]].to_dict("records")


def agreement_sentence(delayed: Delay) -> str:
    """Say for how many KPIs the weeks agree with what was planted; '' for real data."""
    known = delayed.arrivals
    if "planted" not in known:
        return ""
    week = int(known["planted_week"].iloc[0])
    right = known[(known["first"] <= week) & (week <= known["last"])]["outcome"].tolist()
    inside = known[(known["conf_low"] <= known["planted"]) & (known["planted"] <= known["conf_high"])][
        "outcome"
    ].tolist()
    return (
        f"Planted in this simulated study: nothing before week {week}, then a change that stays. The set of weeks "
        f"holds it for {in_words(right)}; the interval of its size holds the planted one for {in_words(inside)}."
    )


def _followed(data: StudyData, aspect: str) -> tuple[pd.DataFrame, str]:
    """Return the answers with the state to follow, and its label."""
    exposed = data.exposures()
    if aspect:
        column = f"ex_{choices.choice('aspect', aspect, data.aspects)}"
        return exposed.assign(state=exposed[column]), column_label(data, column)
    columns = aspect_columns(data) or overall_columns(data)
    scales = ex_aspect_scales(data) | {f"ex_{kpi}": scale for kpi, scale in ex_kpi_scales(data).items()}
    low, high = scales[columns[0]]
    shares = pd.DataFrame({c: percent_of_scale(exposed[c], scales[c]) / 100 for c in columns})
    # an answer that skips an aspect would move the mean without anything having changed
    state = low + (high - low) * shares.mean(axis=1, skipna=False)
    label = INDEX if len(columns) > 1 else column_label(data, columns[0])
    return exposed.assign(state=state), label


def _nothing(label: str, reason: str) -> Delay:
    return Delay(pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=["outcome", "n_units"]), label, reason)


def _profile(kpi: str, fit: LagFit, planted: pd.DataFrame) -> pd.DataFrame:
    parts = [fit.table.assign(series=WEEKLY), fit.smooth.assign(series=SMOOTH)]
    if kpi in planted.index:
        week, size = planted.loc[kpi]
        true = np.where(fit.table["lag"] >= week, size, 0.0)
        parts.append(fit.table.assign(series=PLANTED, estimate=true, conf_low=np.nan, conf_high=np.nan))
    frame = pd.concat(parts, ignore_index=True).rename(columns={"lag": "week"})
    return frame.assign(outcome=kpi, before=frame["week"] < 0)[COLUMNS]


def _arrivals(fits: dict[str, LagFit], planted: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for kpi, fit in fits.items():
        when, step = fit.arrival, fit.step.iloc[0]
        rows.append(
            {
                "outcome": kpi,
                "arrives": when.lag,
                "first": when.low,
                "last": when.high,
                "estimate": step.estimate,
                "conf_low": step.conf_low,
                "conf_high": step.conf_high,
                "p_lags": fit.p_lags,
                "p_leads": fit.p_leads,
                "detectable": float(minimum_detectable(fit.table["std_error"].median())),
                "planted_week": planted["week"].get(kpi, np.nan),
                "planted": planted["size"].get(kpi, np.nan),
                "n": fit.n_rows,
                "n_units": fit.n_units,
            }
        )
    frame = pd.DataFrame(rows)
    frame = frame.assign(p_lags=benjamini_hochberg(frame["p_lags"]), p_leads=benjamini_hochberg(frame["p_leads"]))
    said = [f"week {r.arrives} ({r.first} to {r.last})" if r.p_lags < 0.05 else "no clear change"
            for r in frame.itertuples()]  # fmt: skip
    frame.insert(1, "when", said)
    return frame if len(planted) else frame.drop(columns=["planted", "planted_week"])


def _arrives(row: pd.Series) -> str:
    if row.arrives < 0:
        return "before they answer, so their answers follow it and do not lead it"
    when = "in the week of the answer" if row.arrives == 0 else f"in week {row.arrives} after the answer"
    return when if row["first"] == row["last"] else f"{when} (95 % set: week {row['first']} to {row['last']})"


def _planted(data: StudyData, answers: pd.DataFrame) -> pd.DataFrame:
    """Return the planted week and size per KPI (index); empty for real data.

    The size of a mean of aspects is what a straight line through it would find: each aspect's own effect, weighted by
    how much the aspect moves with the mean from answer to answer.
    """
    effects = planted_effects(data)
    if effects is None or not data.aspects:
        return pd.DataFrame(columns=["week", "size"], dtype=float)
    effects, every = effects.pivot(index="outcome", columns="term", values="joint"), aspect_columns(data)
    moved = answers.groupby(data.unit)[[*every, "state"]].diff().dropna()
    weights = moved[every].mul(moved["state"], axis=0).sum() / (moved["state"] ** 2).sum()
    sizes = (effects.reindex(columns=every).fillna(0.0) * weights).sum(axis=1)
    return pd.DataFrame({"week": math.ceil(data.truth["timing"]["lag_days"] / WEEK), "size": sizes})
