"""The links from employees' experience through customers to money: each estimated where its own data allow.

The first link has clusters on both sides: it is drawn by employees, and its draws are spread as far as errors clustered
by employees and customers at once are wider (`exlink.stats.two_way`). The links after it are drawn by customers. A link
that cannot be estimated leaves one sentence behind instead of numbers, and the chain ends there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from exlink.data.changes import CHANGES_EACH
from exlink.data.choices import chosen_kpi
from exlink.data.customer_periods import (
    ValueBase,
    contacts_of_customers,
    overall_after_contact,
    value_after_overall,
)
from exlink.data.dataset import StudyData
from exlink.errors import EstimationError
from exlink.stats.bootstrap import Link, link_from_moments, links_from_moments
from exlink.stats.elasticity import elasticity
from exlink.stats.hazard import fit_hazard
from exlink.stats.moments import within_moments
from exlink.stats.two_way import widening
from exlink.stats.within_between import SlopeFit, within_slope

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
    crossed : largest factor by which customers who met several employees widen the draws of the links
    """

    links: tuple[Link, ...] = ()
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    note: str = ""
    detail: str = ""
    share: float = 1.0
    crossed: float = 1.0


def contact_kpi(data: StudyData, wanted: str) -> str:
    """Return the KPI the chain runs on: the notebook's ``kpi``; empty: satisfaction where it can carry the chain."""
    both = [k for k in data.cx_kpis if data.has("customer_relationship", k)] or data.cx_kpis
    return chosen_kpi("kpi", wanted, both)


def ex_parts(data: StudyData, kpi: str) -> Part:
    """Return what one point of each aspect goes with in customers' scores, within the same employee (or unit)."""
    if one := one_wave(data):
        return Part(note=one)
    why = f"too few {data.people} with customers' answers after two EX waves"
    return guarded(data, lambda: _ex_parts(data, kpi), why)


def _ex_parts(data: StudyData, kpi: str) -> Part:
    cells = data.cells([data.unit, "wave"], [kpi]).merge(data.exposures(), on=[data.unit, "wave"])
    aspects = [a for a in data.aspects if cells[f"ex_{a}"].notna().mean() >= ANSWERED_SHARE]
    names = [f"ex_{a}" for a in aspects]
    fit = within_slope(cells, kpi, names, data.unit, "wave")
    refuse_few_changes(fit, data.people)
    moments = within_moments(cells, kpi, names, data.unit, "wave")
    wider = _crossing(data, kpi, names)
    links = [link.widened(by) for link, by in zip(links_from_moments(aspects, data.unit, moments), wider, strict=True)]
    truth = {e["aspect"]: e["joint"] for e in (data.truth or {}).get("effects", []) if e["kpi"] == kpi}
    table = fit.table.assign(
        link=aspects,
        label=[data.label(a) for a in aspects],
        step="EX → contact",
        unit=f"{kpi} points per point",
        who=data.people,
        planted=[truth.get(a) for a in aspects],
    )
    return Part(tuple(links), table.rename(columns={"n_units": "n_people"}), crossed=float(wider.max()))


def _crossing(data: StudyData, kpi: str, names: list[str]) -> np.ndarray:
    """Return by how much customers who met several employees widen each aspect's error; never below 1."""
    if not data.has("interactions", "customer_id"):
        return np.ones(len(names))
    rows = contacts_of_customers(data, kpi).merge(data.exposures()[[data.unit, "wave", *names]], on=[data.unit, "wave"])
    rows = rows.dropna()
    if rows["customer_id"].nunique() < 3:  # nobody met two employees, or nobody is known
        return np.ones(len(names))
    return np.maximum(widening(rows, kpi, names, data.unit, "wave", "customer_id")["ratio"].to_numpy(), 1.0)


def overall_parts(data: StudyData, kpi: str) -> Part:
    """Return what one point of contact CX goes with in the customer's overall CX of the next period."""
    if missing := lacking(data, "interactions.customer_id", f"customer_relationship.{kpi}"):
        return Part(note=missing)
    return guarded(data, lambda: _overall_parts(data, kpi), "too few customers rated us overall twice after contacts")


def _overall_parts(data: StudyData, kpi: str) -> Part:
    read = overall_after_contact(data, kpi)
    frame = one_a_cell(read, "overall")
    fit = within_slope(frame, "overall", "contact", "customer_id", "period")
    moments = within_moments(frame, "overall", "contact", "customer_id", "period")
    truth = next(
        (s["within_customer"] for s in truth_of(data, "overall_cx").get("slopes", []) if s["kpi"] == kpi), None
    )
    return Part(
        (link_from_moments(OVERALL, "customer", moments),),
        tidy_row(fit.table, OVERALL, f"overall {kpi} points per contact point", truth),
        share=read.attrs["share"],
    )


def money_parts(data: StudyData, kpi: str, base: ValueBase | None, kept_periods: int) -> Part:
    """Return money a year per point of overall CX: from revenue while customers stay, and from their staying."""
    need = [f"customer_relationship.{kpi}", "customer_value.revenue"]
    if missing := lacking(data, "interactions.customer_id", *need):
        return Part(note=missing)
    if base is None:
        return Part(note="not assessed: no value period lies two periods after the first contact")
    return guarded(
        data,
        lambda: _money_parts(data, kpi, base, kept_periods),
        "too few customers with two periods of value after overall ratings",
    )


def _money_parts(data: StudyData, kpi: str, base: ValueBase, kept_periods: int) -> Part:
    frame = value_after_overall(data, kpi)
    on_revenue = elasticity(frame, "revenue", "overall", "customer_id", "period", lag=0)
    acts = kpi == "satisfaction"  # of the simulated study: money follows overall satisfaction
    truth = truth_of(data, "revenue").get("log_points_per_point") if acts else None
    links = [link_from_moments(REVENUE, "customer", on_revenue.moments()).scaled(base.revenue, REVENUE)]
    tables = [tidy_row(on_revenue.table, REVENUE, "log points of revenue per overall point", truth)]
    note, detail = lacking(data, "customer_value.churned"), ""
    if not note:
        try:
            churn = fit_hazard(frame, "churned", "overall", "customer_id", baseline="period")
        except EstimationError as error:
            note, detail = "not assessed: too few customers left to tell who stays", str(error)
        else:
            worth = base.customer_periods * base.revenue_per_period * kept_periods / 100
            links.append(churn.link("overall", name=KEPT, cluster="customer", marginal=True).scaled(-worth, KEPT))
            truth = truth_of(data, "churn").get("logit_per_point") if acts else None
            tables.append(
                tidy_row(churn.table, KEPT, "log odds of leaving per overall point", truth).assign(
                    per_percent=float(churn.marginal_effects["estimate"].iloc[0] / churn.table["estimate"].iloc[0])
                )
            )
    return Part(tuple(links), pd.concat(tables, ignore_index=True), note, detail)


def wait_parts(data: StudyData, kpi: str) -> Part:
    """Return what a longer wait goes with in customers' scores: the customer-side lever beside the EX levers.

    A wait is its logarithm less the mean of its queue (or channel); contacts are then compared within the same
    employee (or unit), with an effect per wave. Scores are not set against their queue.
    """
    if missing := lacking(data, "interactions.wait_seconds"):
        return Part(note=missing)
    return guarded(data, lambda: _wait_parts(data, kpi), "too few answers with a waiting time")


def _wait_parts(data: StudyData, kpi: str) -> Part:
    kind = next((c for c in ("queue", "channel", "touchpoint") if data.has("interactions", c)), "touchpoint")
    rows = data.sample_linked(columns=[data.unit, "wave", kind, kpi, "wait_seconds"])
    rows = rows.dropna(subset=[kpi, "wait_seconds"])
    rows = rows.assign(log_wait=np.log1p(rows["wait_seconds"]))
    rows["log_wait"] -= rows.groupby(kind)["log_wait"].transform("mean")
    cells = one_a_cell(rows, kpi)
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


def tidy_row(table: pd.DataFrame, name: str, unit: str, planted: float | None) -> pd.DataFrame:
    """Return an estimate of customers as a row of `Part.table`."""
    return table.assign(link=name, label=name, step=name, unit=unit, who="customers", planted=planted).rename(
        columns={"n_units": "n_people"}
    )


def one_a_cell(frame: pd.DataFrame, y: str) -> pd.DataFrame:
    """Return rows as cells of one answer each, as the estimators of ``stats`` take them."""
    return frame.assign(**{f"n_{y}": frame[y].notna().astype(float), f"sum_{y}": frame[y], f"sumsq_{y}": frame[y] ** 2})


def guarded(data: StudyData, build: Callable[[], Part], why: str) -> Part:
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


def refuse_few_changes(fit: SlopeFit, people: str) -> None:
    """Raise EstimationError where intervals of joint slopes within units would be too short: see `CHANGES_EACH`."""
    changes, slopes = fit.n_cells - fit.n_units, len(fit.table)
    if changes < CHANGES_EACH * slopes:
        raise EstimationError(
            f"{fit.n_units} {people} with {changes} changes between waves for {slopes} aspects; an interval can be "
            f"trusted from {CHANGES_EACH * slopes} changes on"
        )


def one_wave(data: StudyData) -> str:
    """Return why nothing can be said of change within people, or ''."""
    n = data.exposures()["wave"].nunique()
    return "" if n > 1 else f"not assessed: change within {data.people} needs two EX waves, and this study has {n}"


def lacking(data: StudyData, *needs: str) -> str:
    """Return the one honest line; a column of a table that is not there is told as the table."""
    tables = {need: need.partition(".")[0] for need in needs}
    return data.missing(*dict.fromkeys(need if data.has(table) else table for need, table in tables.items()))


def truth_of(data: StudyData, key: str) -> dict:
    """Return what was planted under ``key``; empty for real data."""
    return (data.truth or {}).get(key, {})
