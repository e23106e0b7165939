"""The links between employees' experience and money, one by one: each estimated where its own data allow.

A link that cannot be estimated leaves one sentence behind instead of numbers, and the chain ends there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from exlink.data.choices import chosen_kpi
from exlink.data.customer_periods import ValueBase, overall_after_contact, value_after_overall
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters
from exlink.errors import EstimationError
from exlink.stats.bootstrap import Link, link_from_moments, links_from_moments
from exlink.stats.elasticity import elasticity
from exlink.stats.hazard import EVENTS_EACH, MIN_EVENTS, fit_hazard
from exlink.stats.moments import within_moments
from exlink.stats.within_between import within_slope

OVERALL, REVENUE, KEPT = "contact → overall", "overall → revenue", "overall → customers kept"
EXITS, STAY, WAIT = "work satisfaction → exits avoided", "stay: ", "waiting time → contact"
ANSWERED_SHARE = 0.5  # an aspect asked in fewer of the cells than this would cost the others their data


@dataclass(frozen=True, slots=True)
class Part:
    """One link, or several of a kind.

    links : what the bootstrap of the chain draws
    table : tidy rows with link, step, unit, who, n_people, planted, shown to the reader
    note : '' or why it is not assessed, for everybody; detail : the same for the analyst
    share : part of the customers that was read, below 1 in large studies
    """

    links: tuple[Link, ...] = ()
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    note: str = ""
    detail: str = ""
    share: float = 1.0


def contact_kpi(data: StudyData, wanted: str) -> str:
    """Return the KPI the chain runs on: the notebook's ``kpi``; empty: satisfaction where it can carry the chain."""
    both = [k for k in data.cx_kpis if data.has("customer_relationship", k)] or data.cx_kpis
    return chosen_kpi("kpi", wanted, both)


def ex_parts(data: StudyData, kpi: str) -> Part:
    """Return what one point of each aspect goes with in customers' scores, within the same employee (or unit)."""
    if one := _one_wave(data):
        return Part(note=one)
    why = f"too few {data.people} with customers' answers after two EX waves"
    return _guarded(data, lambda: _ex_parts(data, kpi), why)


def _ex_parts(data: StudyData, kpi: str) -> Part:
    cells = data.cells([data.unit, "wave"], [kpi]).merge(data.exposures(), on=[data.unit, "wave"])
    aspects = [a for a in data.aspects if cells[f"ex_{a}"].notna().mean() >= ANSWERED_SHARE]
    names = [f"ex_{a}" for a in aspects]
    fit = within_slope(cells, kpi, names, data.unit, "wave")
    moments = within_moments(cells, kpi, names, data.unit, "wave")
    links = links_from_moments(aspects, data.unit, moments)
    truth = {e["aspect"]: e["joint"] for e in (data.truth or {}).get("effects", []) if e["kpi"] == kpi}
    table = fit.table.assign(
        link=aspects,
        label=[data.label(a) for a in aspects],
        step="EX → contact",
        unit=f"{kpi} points per point",
        who=data.people,
        planted=[truth.get(a) for a in aspects],
    )
    return Part(links, table.rename(columns={"n_units": "n_people"}))


def overall_parts(data: StudyData, kpi: str) -> Part:
    """Return what one point of contact CX goes with in the customer's overall CX of the next period."""
    if missing := _missing(data, "interactions.customer_id", f"customer_relationship.{kpi}"):
        return Part(note=missing)
    return _guarded(data, lambda: _overall_parts(data, kpi), "too few customers rated us overall twice after contacts")


def _overall_parts(data: StudyData, kpi: str) -> Part:
    read = overall_after_contact(data, kpi)
    frame = _one_a_cell(read, "overall")
    fit = within_slope(frame, "overall", "contact", "customer_id", "period")
    moments = within_moments(frame, "overall", "contact", "customer_id", "period")
    truth = next((s["within_customer"] for s in _truth(data, "overall_cx").get("slopes", []) if s["kpi"] == kpi), None)
    return Part(
        (link_from_moments(OVERALL, "customer", moments),),
        _row(fit.table, OVERALL, f"overall {kpi} points per contact point", truth),
        share=read.attrs["share"],
    )


def contact_summaries(data: StudyData, kpi: str) -> pd.DataFrame | str:
    """Return how well the mean, the worst, the last and the peak–end of contacts go with overall CX (M31)."""
    if missing := _missing(data, "interactions.customer_id", f"customer_relationship.{kpi}"):
        return missing
    frame = _one_a_cell(overall_after_contact(data, kpi), "overall")
    frame = frame.assign(peak_end=(frame["worst"] + frame["last"]) / 2)
    several = frame[frame["n_contacts"] > 1]
    rows = []
    for column, label in (
        ("contact", "mean of the contacts"),
        ("peak_end", "worst and last contact (peak–end)"),
        ("worst", "worst contact"),
        ("last", "last contact"),
    ):
        try:
            fit = within_slope(frame, "overall", column, "customer_id", "period")
        except EstimationError as error:
            return f"not assessed: too few customers rated us overall twice after contacts ({str(error).rstrip('.')})"
        rows.append(
            fit.table.assign(
                summary=label, explained=several["overall"].corr(several[column]) ** 2, n_several=len(several)
            )
        )
    return pd.concat(rows, ignore_index=True).rename(columns={"n_units": "n_people"})


def money_parts(data: StudyData, kpi: str, base: ValueBase | None, kept_periods: int) -> Part:
    """Return money a year per point of overall CX: from revenue while customers stay, and from their staying."""
    need = [f"customer_relationship.{kpi}", "customer_value.revenue"]
    if missing := _missing(data, "interactions.customer_id", *need):
        return Part(note=missing)
    if base is None:
        return Part(note="not assessed: no value period lies two periods after the first contact")
    return _guarded(
        data,
        lambda: _money_parts(data, kpi, base, kept_periods),
        "too few customers with two periods of value after overall ratings",
    )


def _money_parts(data: StudyData, kpi: str, base: ValueBase, kept_periods: int) -> Part:
    frame = value_after_overall(data, kpi)
    on_revenue = elasticity(frame, "revenue", "overall", "customer_id", "period", lag=0)
    acts = kpi == "satisfaction"  # of the simulated study: money follows overall satisfaction
    planted = _truth(data, "revenue").get("log_points_per_point") if acts else None
    links = [link_from_moments(REVENUE, "customer", on_revenue.moments).scaled(base.revenue, REVENUE)]
    tables = [_row(on_revenue.table, REVENUE, "log points of revenue per overall point", planted)]
    note, detail = _missing(data, "customer_value.churned"), ""
    if not note:
        try:
            churn = fit_hazard(frame, "churned", "overall", "customer_id", baseline="period")
        except EstimationError as error:
            note, detail = "not assessed: too few customers left to tell who stays", str(error)
        else:
            worth = base.customer_periods * base.revenue_per_period * kept_periods / 100
            links.append(churn.link("overall", name=KEPT, cluster="customer", marginal=True).scaled(-worth, KEPT))
            planted = _truth(data, "churn").get("logit_per_point") if acts else None
            tables.append(
                _row(churn.table, KEPT, "log odds of leaving per overall point", planted).assign(
                    per_percent=float(churn.marginal_effects["estimate"].iloc[0] / churn.table["estimate"].iloc[0])
                )
            )
    return Part(tuple(links), pd.concat(tables, ignore_index=True), note, detail)


def stay_parts(data: StudyData) -> Part:
    """Return what one point of each aspect goes with in the same employee's satisfaction with work."""
    said = data.exposures()
    if one := _one_wave(data):
        return Part(note=one)
    if "ex_satisfaction" not in said:
        return Part(note="not assessed: needs satisfaction items in `ex_responses`")
    return _guarded(
        data,
        lambda: _stay_parts(data, _one_a_cell(said, "ex_satisfaction")),
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
    if missing := _missing(data, "employees.left_on"):
        return Part(note=missing)
    return _guarded(data, lambda: _exit_parts(data, headcount), "too few people left to tell who stays")


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
    planted = _truth(data, "attrition").get("ex_satisfaction_per_point")
    table = _row(fit.table.iloc[[0]], EXITS, "log odds of leaving per point of work satisfaction", planted).assign(
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


def wait_parts(data: StudyData, kpi: str) -> Part:
    """Return what a longer wait goes with in customers' scores: the customer-side lever beside the EX levers.

    A wait is its logarithm less the mean of its queue (or channel); contacts are then compared within the same
    employee (or unit), with an effect per wave. Scores are not set against their queue.
    """
    if missing := _missing(data, "interactions.wait_seconds"):
        return Part(note=missing)
    return _guarded(data, lambda: _wait_parts(data, kpi), "too few answers with a waiting time")


def _wait_parts(data: StudyData, kpi: str) -> Part:
    rows = data.sample_linked().dropna(subset=[kpi, "wait_seconds"])
    kind = next((c for c in ("queue", "channel", "touchpoint") if data.has("interactions", c)), "touchpoint")
    rows = rows.assign(log_wait=np.log1p(rows["wait_seconds"]))
    rows["log_wait"] -= rows.groupby(kind)["log_wait"].transform("mean")
    cells = _one_a_cell(rows, kpi)
    fit = within_slope(cells, kpi, "log_wait", data.unit, "wave")
    moments = within_moments(cells, kpi, "log_wait", data.unit, "wave")
    return Part(
        (link_from_moments(WAIT, data.unit, moments),),
        fit.table.assign(
            link=WAIT,
            label=WAIT,
            step=WAIT,
            unit=f"{kpi} points per log unit of waiting time",
            who=data.people,
            planted=None,
        ).rename(columns={"n_units": "n_people"}),
    )


def _row(table: pd.DataFrame, name: str, unit: str, planted: float | None) -> pd.DataFrame:
    return table.assign(link=name, label=name, step=name, unit=unit, who="customers", planted=planted).rename(
        columns={"n_units": "n_people"}
    )


def _one_a_cell(frame: pd.DataFrame, y: str) -> pd.DataFrame:
    """Return rows as cells of one answer each, as the estimators of ``stats`` take them."""
    return frame.assign(**{f"n_{y}": frame[y].notna().astype(float), f"sum_{y}": frame[y], f"sumsq_{y}": frame[y] ** 2})


def _guarded(data: StudyData, build: Callable[[], Part], why: str) -> Part:
    """Return the part, or in plain words and in the estimator's why the data cannot carry it.

    Sentences tell estimates of a link outside the tables, so it needs as many people as a shown cell does.
    """
    least = data.study.privacy.min_group
    try:
        part = build()
    except EstimationError as error:
        return Part(note=f"not assessed: {why}", detail=str(error))
    few = len(part.table) and part.table["n_people"].min() < least
    return Part(note=f"not assessed: {why}", detail=f"fewer than {least} people") if few else part


def _one_wave(data: StudyData) -> str:
    """Return why nothing can be said of change within people, or ''."""
    n = data.exposures()["wave"].nunique()
    return "" if n > 1 else f"not assessed: change within {data.people} needs two EX waves, and this study has {n}"


def _missing(data: StudyData, *needs: str) -> str:
    """Return the one honest line; a column of a table that is not there is told as the table."""
    tables = {need: need.partition(".")[0] for need in needs}
    return data.missing(*dict.fromkeys(need if data.has(table) else table for need, table in tables.items()))


def _truth(data: StudyData, key: str) -> dict:
    return (data.truth or {}).get(key, {})
