"""How many weeks after a change of employees' experience customers' answers stand elsewhere (M6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

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
SEED = 1
COLUMNS = ["outcome", "series", "week", "estimate", "conf_low", "conf_high", "n", "n_units", "before"]


@dataclass(frozen=True, slots=True, eq=False)
class Delay:
    """When customers' answers follow a change of EX.

    profile : DataFrame    outcome, series (week by week, smoothed, planted), week (since the answer; the last one and
        later), estimate (points of the KPI per point of EX) with bounds, n (answers), n_units, before (the week lies
        before the answer: a placebo)
    arrivals : DataFrame   one row per KPI: outcome, when (words), arrives with the 95 % set first … last (weeks), full
        (the week in which the change is complete, later than arrives where it comes gradually), longest (weeks over
        which a gradual change could run and fit nearly as well), estimate with bounds, p_lags, p_leads (joint tests,
        BH-adjusted over the KPIs), detectable (in a single week), missed (a change before the answer that the placebo
        would miss in one study of five), planted with planted_week (simulated data only), n, n_units
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
            fits[kpi] = distributed_lag(
                own, kpi, states, data.unit, "week", leads=weeks_before, seed=SEED, spline=SPLINE
            )
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
    """Say from which week on customers' answers stand elsewhere, and what is known of the weeks before the answer.

    Returns '' where there is nothing to say, or too few people to say it of.
    """
    if why_not(delayed, kpi):
        return ""
    row = delayed.arrivals.set_index("outcome").loc[kpi]
    if row.n_units < min_group:
        return ""
    return f"{_after(row, kpi, delayed.label)} {_before(row)}"


def facts(delayed: Delay) -> list[dict[str, object]]:
    """Return, per KPI that stands elsewhere, since which week, the 95 % set of it and the people behind it."""
    if delayed.reason:
        return []
    clear = delayed.arrivals[delayed.arrivals["p_lags"] < 0.05]
    return clear[["outcome", "arrives", "full", "first", "last", "estimate", "n_units"]].to_dict("records")


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
        when, height = fit.arrival, fit.height.iloc[0]
        rows.append(
            {
                "outcome": kpi,
                "arrives": when.start,
                "full": when.full,
                "longest": when.longest,
                "first": when.low,
                "last": when.high,
                "estimate": height.estimate,
                "conf_low": height.conf_low,
                "conf_high": height.conf_high,
                "p_lags": fit.p_lags,
                "p_leads": fit.p_leads,
                "detectable": float(minimum_detectable(fit.table["std_error"].median())),
                "missed": fit.missed_leads,
                "planted_week": planted["week"].get(kpi, np.nan),
                "planted": planted["size"].get(kpi, np.nan),
                "n": fit.n_rows,
                "n_units": fit.n_units,
            }
        )
    frame = pd.DataFrame(rows)
    frame = frame.assign(p_lags=benjamini_hochberg(frame["p_lags"]), p_leads=benjamini_hochberg(frame["p_leads"]))
    frame.insert(1, "when", [_when(row) for row in frame.itertuples()])
    return frame if len(planted) else frame.drop(columns=["planted", "planted_week"])


def _when(row: Any) -> str:
    """Return the week with its 95 % set, as a table shows it."""
    if not row.p_lags < 0.05:
        return "no clear change"
    since = f"week {_minus(row.arrives)} ({_minus(row.first)} to {_minus(row.last)})"
    return f"gradually, {since} to {row.full}" if row.full > row.arrives else since


def _after(row: pd.Series, kpi: str, label: str) -> str:
    """Say from when on customers' answers stand elsewhere, and by how much."""
    if not row.p_lags < 0.05:
        return (
            f"**Inconclusive: in no week after employees' experience ({label}) changes do customers' answers on {kpi} "
            f"differ clearly from before** (joint test over the weeks, adjusted, p = {p_in_words(row.p_lags)}; a "
            f"single week would have shown a change of about {row.detectable:.2f} points per point)."
        )
    stands = "higher" if row.estimate > 0 else "lower"
    first, last = _minus(row["first"]), _minus(row["last"])
    held = f"{first} to {last}" if first != last else f"{first} alone"
    size = (
        f"{signed(row.estimate)} points per point of EX from where it was ({signed(row.conf_low)} to "
        f"{signed(row.conf_high)}; {row.n:,} answers, {row.n_units} people)"
    )
    rises = f"Where employees' experience ({label}) rises, customers' {kpi}"
    early = ", before employees answer, so it does not follow their answer" if row.arrives < 0 else ""
    if row.full > row.arrives:
        return (
            f"**{rises} comes to stand {stands} gradually, in no single week**: the straight line that fits best runs "
            f"from {_week(row.arrives)} to {_week(row.full)}{early} (95 % set of its first week: {held}), and then it "
            f"stands {size}."
        )
    about = "about " if row.longest > 1 else ""
    or_slower = f"; a gradual change over up to {row.longest} weeks fits nearly as well" if row.longest > 1 else ""
    return (
        f"**{rises} stands {stands} from {about}{_week(row.arrives)} on{early}** (95 % set, if it comes in one "
        f"step: week {held}{or_slower}): {size}."
    )


def _before(row: pd.Series) -> str:
    """Say what the weeks before the answer, in which nothing can have acted yet, tell and what they leave open."""
    tested = f"placebo p = {p_in_words(row.p_leads)}, adjusted"
    if row.p_leads < 0.05:
        return (
            f"But customers' answers already differ *before* employees answer ({tested}): part of the profile may be "
            "something else that changes at that time."
        )
    large = abs(row.estimate) <= row.missed
    than = ", as much as what is seen after it, so the placebo says little" if row.p_lags < 0.05 and large else ""
    return (
        f"In the weeks before employees answer no difference is found ({tested}); one of up to about {row.missed:.2f} "
        f"points per point could have been missed{than}."
    )


def _week(week: int) -> str:
    if week == 0:
        return "the week of the answer"
    return f"week {week} after the answer" if week > 0 else f"week {_minus(week)}"


def _minus(week: int) -> str:
    return str(week).replace("-", "−")


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
