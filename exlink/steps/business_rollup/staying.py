"""The links from employees' experience to people who stay: satisfaction with work, and leaving in two ways."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters
from exlink.stats.bootstrap import links_from_moments
from exlink.stats.hazard import EVENTS_EACH, MIN_EVENTS, fit_hazard
from exlink.stats.moments import within_moments
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
    tidy_row,
    truth_of,
)


def stay_parts(data: StudyData) -> Part:
    """Return what one point of each aspect goes with in the same employee's satisfaction with work."""
    said = data.exposures()
    if one := one_wave(data):
        return Part(note=one)
    if "ex_satisfaction" not in said:
        return Part(note="not assessed: needs satisfaction items in `ex_responses`")
    return guarded(
        data,
        lambda: _stay_parts(data, one_a_cell(said, "ex_satisfaction")),
        f"too few {data.people} answered two EX waves",
    )


def _stay_parts(data: StudyData, cells: pd.DataFrame) -> Part:
    aspects = [a for a in data.aspects if cells[f"ex_{a}"].notna().mean() >= ANSWERED_SHARE]
    names = [f"ex_{a}" for a in aspects]
    fit = within_slope(cells, "ex_satisfaction", names, data.unit, "wave")
    moments = within_moments(cells, "ex_satisfaction", names, data.unit, "wave")
    links = links_from_moments([STAY + a for a in aspects], data.unit, moments)
    table = fit.table.assign(
        link=[STAY + a for a in aspects],
        label=[data.label(a) for a in aspects],
        step="EX → work satisfaction",
        unit="work satisfaction points per point",
        who=data.people,
        planted=None,
    )
    return Part(links, table.rename(columns={"n_units": "n_people"}))


def exit_parts(data: StudyData, headcount: int) -> Part:
    """Return how many voluntary exits a year one point of work satisfaction avoids, and the hazard behind it."""
    if data.unit != "employee_id":
        return Part(note="not assessed: who leaves is known of persons only, and this study speaks of units")
    if missing := lacking(data, "employees.left_on"):
        return Part(note=missing)
    return guarded(data, lambda: _exit_parts(data, headcount), "too few people left to tell who stays")


def _exit_parts(data: StudyData, headcount: int) -> Part:
    frame = employee_quarters(data)
    if "ex_satisfaction" not in frame:
        return Part(note="not assessed: needs satisfaction items in `ex_responses`")
    answered, frame = frame.attrs.get("answered", 0.0), frame.dropna(subset="ex_satisfaction")
    least = max(MIN_EVENTS, data.study.privacy.min_group)
    if frame["left"].sum() < least:  # how few stays unsaid: a handful of leavers could be recognised
        return Part(
            note=f"not assessed: fewer than {least} people left of their own accord after an EX answer, too "
            "few to tell who stays"
        )
    frame = frame.assign(role=_pooled(frame["role"], frame["left"]))
    controls = _controls(frame)
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


def _controls(frame: pd.DataFrame) -> dict[str, str]:
    """Return what leavers and stayers are compared at equal values of, with its words; as many as the exits carry."""
    free, out = frame["left"].sum() / EVENTS_EACH - 1, {}
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
