"""The links from employees' experience to people who stay: satisfaction with work, and leaving in two ways.

Who leaves of their own accord and who is let go are two hazards with the same people at risk (cause-specific hazards,
Prentice et al. 1978). Each is told twice: by quarter as a logit, which the chain draws from, and by day after Cox.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters
from exlink.stats.bootstrap import links_from_moments
from exlink.stats.hazard import EVENTS_EACH, MIN_EVENTS, fit_hazard
from exlink.stats.moments import within_moments
from exlink.stats.multiplicity import judged
from exlink.stats.survival import fit_cox
from exlink.stats.within_between import within_slope
from exlink.steps.business_rollup.links import (
    ANSWERED_SHARE,
    EXITS,
    STAY,
    Part,
    guarded,
    lacking,
    one_a_cell,
    one_wave,
    refuse_few_changes,
    tidy_row,
    truth_of,
)

WAYS = {"left": "of their own accord", "let_go": "for other reasons"}
NO_SATISFACTION = "not assessed: needs satisfaction items in `ex_responses`"


def stay_parts(data: StudyData) -> Part:
    """Return what one point of each aspect goes with in the same employee's satisfaction with work."""
    said = data.exposures()
    if one := one_wave(data):
        return Part(note=one)
    if "ex_satisfaction" not in said:
        return Part(note=NO_SATISFACTION)
    return guarded(
        data,
        lambda: _stay_parts(data, one_a_cell(said, "ex_satisfaction")),
        f"too few {data.people} answered two EX waves",
    )


def _stay_parts(data: StudyData, cells: pd.DataFrame) -> Part:
    aspects = [a for a in data.aspects if cells[f"ex_{a}"].notna().mean() >= ANSWERED_SHARE]
    names = [f"ex_{a}" for a in aspects]
    fit = within_slope(cells, "ex_satisfaction", names, data.unit, "wave")
    refuse_few_changes(fit, data.people)
    moments = within_moments(cells, "ex_satisfaction", names, data.unit, "wave")
    links = links_from_moments([STAY + a for a in aspects], data.unit, moments)
    # planted per reported point, before answers are rounded and cut to the scale, which takes a little off
    weights = truth_of(data, "engagement").get("aspect_weights", {})
    table = fit.table.assign(
        link=[STAY + a for a in aspects],
        label=[data.label(a) for a in aspects],
        step="EX → work satisfaction",
        unit="work satisfaction points per point",
        who=data.people,
        planted=[weights.get(a) for a in aspects],
    )
    return Part(links, table.rename(columns={"n_units": "n_people"}))


def exit_parts(data: StudyData, headcount: int) -> Part:
    """Return how many voluntary exits a year one point of work satisfaction avoids, and the hazard behind it."""
    if line := _no_exits(data):
        return Part(note=line)
    return guarded(data, lambda: _exit_parts(data, headcount), "too few people left to tell who stays")


def _no_exits(data: StudyData) -> str:
    """Return why nothing can be said of who leaves, or ''."""
    if data.unit != "employee_id":
        return "not assessed: who leaves is known of persons only, and this study speaks of units"
    return lacking(data, "employees.left_on")


def _exit_parts(data: StudyData, headcount: int) -> Part:
    frame = employee_quarters(data)
    if "ex_satisfaction" not in frame:
        return Part(note=NO_SATISFACTION)
    answered, frame = frame.attrs.get("answered", 0.0), frame.dropna(subset="ex_satisfaction")
    least = max(MIN_EVENTS, data.study.privacy.min_group)
    if frame["left"].sum() < least:  # how few stays unsaid: a handful of leavers could be recognised
        return Part(
            note=f"not assessed: fewer than {least} people left of their own accord after an EX answer, too "
            "few to tell who stays"
        )
    frame = frame.assign(role=_pooled(frame["role"], frame["left"]))
    controls = _controls(frame, "left")
    fit = fit_hazard(frame, "left", ["ex_satisfaction", *controls], "employee_id", baseline="quarter")
    left = fit.link("ex_satisfaction", name=EXITS, cluster="employee_id", marginal=True)
    link = left.scaled(-headcount * 4 / 100, EXITS)  # percentage points a quarter → exits a year
    truth = truth_of(data, "attrition").get("ex_satisfaction_per_point")
    table = tidy_row(fit.table.iloc[[0]], EXITS, "log odds of leaving per point of work satisfaction", truth).assign(
        who="employees",
        step=EXITS,
        n_events=fit.n_events,
        answered=answered,
        alike=" and ".join(controls.values()),
        per_percent=float(fit.marginal_effects["estimate"].iloc[0] / fit.table["estimate"].iloc[0]),
    )
    return Part((link,), table)


def exit_hazards(data: StudyData) -> Part:
    """Return both ways of leaving against satisfaction with work, each by quarter and by day.

    Returns
    -------
    Part whose table has way ('of their own accord' | 'for other reasons'), reading, tidy columns (change of odds or
    hazard per point, in percent), p_adjusted (Benjamini–Hochberg over the ways of a reading), verdict, per_100 (such
    exits in 100 person-quarters), n_events, planted, covered, concordance (of the reading by day: .5 is chance),
    n_people; note says which way is not assessed.
    """
    if line := _no_exits(data):
        return Part(note=line)
    return guarded(data, lambda: _exit_hazards(data), "too few people left to tell who stays")


def _exit_hazards(data: StudyData) -> Part:
    frame = employee_quarters(data)
    if "ex_satisfaction" not in frame:
        return Part(note=NO_SATISFACTION)
    frame, least = frame.dropna(subset="ex_satisfaction"), max(MIN_EVENTS, data.study.privacy.min_group)
    attrition = truth_of(data, "attrition")
    # the chance of being let go is planted as a constant: satisfaction does nothing to it
    planted = {"left": attrition.get("ex_satisfaction_per_point"), "let_go": 0.0 if attrition else None}
    rows, notes = [], []
    for event, way in WAYS.items():
        if frame[event].isna().all():
            notes.append(lacking(data, "employees.left_voluntarily"))
        elif frame[event].sum() < least:
            notes.append(f"leaving {way} is not assessed: fewer than {least} people did so after an EX answer")
        else:
            rows.append(_two_readings(frame, event, planted[event]).assign(way=way))
    note = "; ".join(filter(None, notes))
    if not rows:
        return Part(note=note)
    table = pd.concat(rows, ignore_index=True).rename(columns={"n_units": "n_people"})
    inside = (table["conf_low"] <= table["planted"]) & (table["planted"] <= table["conf_high"])
    table = table.assign(covered=inside.where(table["planted"].notna()).astype(object))
    table = pd.concat([judged(part) for _, part in table.groupby("reading", sort=False)]).sort_index(ignore_index=True)
    return Part((), table, note)


def _two_readings(frame: pd.DataFrame, event: str, truth: float | None) -> pd.DataFrame:
    """Return one way of leaving by quarter and by day, in percent, compared at the same tenure and role."""
    rows = frame.assign(role=_pooled(frame["role"], frame[event]))
    x = ["ex_satisfaction", *_controls(rows, event)]
    logit = fit_hazard(rows, event, x, "employee_id", baseline="quarter")
    cox = fit_cox(rows, event, x, "employee_id", start="start", stop="stop")
    both = pd.concat([logit.odds_ratios.iloc[[0]], cox.hazard_ratios.iloc[[0]]], ignore_index=True)
    moved = {c: 100 * (both[c] - 1) for c in ("estimate", "conf_low", "conf_high")}
    known = np.nan if truth is None else 100 * np.expm1(truth)
    return both.assign(
        std_error=100 * both["std_error"], **moved, reading=["odds, by quarter (logit)", "hazard, by day (Cox)"],
        # a hazard and odds differ a little where leaving is not rare; no effect is none on either scale
        planted=[known, known if truth == 0 else np.nan], per_100=100 * rows[event].mean(),
        n_events=int(rows[event].sum()), concordance=[np.nan, cox.concordance],
    )  # fmt: skip


def _controls(frame: pd.DataFrame, event: str) -> dict[str, str]:
    """Return what leavers and stayers are compared at equal values of, with its words; as many as the exits carry."""
    free, out = frame[event].sum() / EVENTS_EACH - 1, {}
    usable = frame["tenure_years"].notna().all() and frame["tenure_years"].nunique() > 1
    for name, word, cost in (
        ("tenure_years", "tenure", 1 if usable else 0),
        ("role", "role", frame["role"].nunique() - 1),
    ):
        if 0 < cost <= free:
            out[name], free = word, free - cost
    return out


def _pooled(role: pd.Series, left: pd.Series) -> pd.Series:
    """Return roles with those that hardly anybody left put together, so that no role is without leavers."""
    leavers = left.groupby(role).sum().sort_values(kind="stable")
    pooled = leavers.cumsum() - leavers < EVENTS_EACH if leavers.iloc[0] < EVENTS_EACH else leavers < 0
    few = leavers.index[pooled | (leavers < EVENTS_EACH)]
    return role.where(~role.isin(few), "other roles")
