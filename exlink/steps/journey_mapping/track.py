"""Customer and employee journey on one track: the stages of the customer, seen from both sides (M5)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from exlink.data.answers import (
    KPI_CONCEPTS,
    cx_answer_cells,
    cx_kpi_scales,
    ex_aspect_scales,
    ex_kpi_scales,
    percent_of_scale,
)
from exlink.data.dataset import StudyData
from exlink.data.touchpoints import journey_order
from exlink.data.unanswered import tens_sentence as tens_sentence
from exlink.data.unanswered import told_in_tens
from exlink.errors import ParameterError, did_you_mean, listed
from exlink.stats.intervals import group_means

CUSTOMERS, EMPLOYEES = "Customers, after a contact at this stage", "Those who serve this stage, in their own work"
UNITS = "Units that serve this stage, in their own work"
MEAN_OF_ASPECTS = "mean of all aspects"


def stage_order(data: StudyData, wanted: Sequence[str] = ()) -> list[str]:
    """Return the customer touchpoints in the order of the journey.

    The order is ``wanted``, or else by how long after a customer's first recorded contact they come on average.
    Raises ParameterError when ``wanted`` does not name exactly the study's touchpoints.
    """
    found = journey_order(data)
    if not wanted:
        return found
    unknown = [w for w in wanted if w not in found]
    if unknown:
        raise ParameterError(
            f"stages: '{unknown[0]}' is not a customer touchpoint.{did_you_mean(unknown[0], found)} "
            f"The study has {listed(found, 20)}."
        )
    if absent := [f for f in found if f not in wanted]:
        raise ParameterError(f"stages leaves out {listed(absent, 20)}. Name every customer touchpoint once.")
    return list(dict.fromkeys(wanted))


def both_sides(data: StudyData, order: Sequence[str]) -> pd.DataFrame:
    """Return the scores of both sides at every stage of the customer journey, as % of their scale.

    Upper lane: all customers' answers after a contact at that stage. Lower lane: the EX in force of the units who
    served it, one voice per contact, so whoever serves a stage twice as often counts twice there. Where none of the
    three EX KPIs was asked, the mean of all aspects stands for them. Both are clustered by unit.

    Returns
    -------
    DataFrame, by lane, stage and series: stage, lane, series, value, low, high, n (answers, or contacts with an EX
    in force), volume (the same for all series of a lane and stage: answers; units who serve it), n_units.
    """
    frame = pd.concat([_customers(data), _employees(data)], ignore_index=True)
    frame["stage"] = pd.Categorical(frame["stage"], list(order), ordered=True)
    frame["series"] = pd.Categorical(frame["series"], [*KPI_CONCEPTS, MEAN_OF_ASPECTS], ordered=True)
    frame["lane"] = pd.Categorical(frame["lane"], list(dict.fromkeys(frame["lane"])), ordered=True)
    frame = frame.sort_values(["lane", "stage", "series"], ignore_index=True)
    return frame.astype({"stage": object, "series": object, "lane": object})


def track_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say where customers are least happy, and whether those who serve that stage are too."""
    shown = frame[frame["n_units"] >= min_group]
    cx = shown[shown["lane"] == CUSTOMERS]
    ex = shown[shown["lane"] != CUSTOMERS]
    if cx.empty or ex.empty:
        return "Too few people serve each stage to compare the two sides."
    cx = cx[cx["series"] == cx["series"].iloc[-1]].set_index("stage")
    ex = ex[ex["series"] == ex["series"].iloc[-1]].set_index("stage")
    worst, best = cx["value"].idxmin(), cx["value"].idxmax()
    said = (
        f"**Customers rate {worst} lowest ({cx.loc[worst, 'value']:.0f} % of the scale) and {best} highest "
        f"({cx.loc[best, 'value']:.0f} %).**"
    )
    if worst not in ex.index or best not in ex.index:
        return said
    gap = float(ex.loc[worst, "value"] - ex.loc[best, "value"])
    room = sum(float(ex.loc[s, "high"] - ex.loc[s, "low"]) / 2 for s in (worst, best))  # intervals that just touch
    what = f"{ex.loc[worst, 'value']:.0f} % against {ex.loc[best, 'value']:.0f} %"
    if pd.isna(room) or abs(gap) <= room:
        return (
            f"{said} The EX of those who serve the two is not shown to differ ({what}, intervals overlap): nothing "
            "says that who serves which stage accounts for the customers' gap."
        )
    word = "lower" if gap < 0 else "higher"
    end = " as well" if gap < 0 else ", which does not account for the customers' gap"
    return f"{said} The EX of those who serve {worst} is {word} ({what}){end}."


def _customers(data: StudyData) -> pd.DataFrame:
    cells = cx_answer_cells(data)
    parts = []
    for kpi, scale in cx_kpi_scales(data).items():
        means = group_means(cells, kpi, "touchpoint", cluster=data.unit)
        parts.append(_on_scale(means, scale).assign(series=kpi, lane=CUSTOMERS))
    frame = pd.concat(parts, ignore_index=True)
    frame["volume"] = frame.groupby("stage")["n"].transform("max")
    return told_in_tens(data, frame, touchpoint="stage", kpi="series")


def _employees(data: StudyData) -> pd.DataFrame:
    contacts = data.cells([data.unit, "wave", "touchpoint"], [])
    exposed = data.exposures()
    scales = ex_kpi_scales(data)
    columns = {kpi: f"ex_{kpi}" for kpi in KPI_CONCEPTS if kpi in scales}
    if not columns:
        aspects = {c: scale for c, scale in ex_aspect_scales(data).items() if c in exposed}
        percent = pd.DataFrame({c: percent_of_scale(exposed[c], scale) for c, scale in aspects.items()})
        exposed[MEAN_OF_ASPECTS] = percent.mean(axis=1)
        scales, columns = {MEAN_OF_ASPECTS: (0.0, 100.0)}, {MEAN_OF_ASPECTS: MEAN_OF_ASPECTS}
    served = contacts.merge(exposed[[data.unit, "wave", *columns.values()]], on=[data.unit, "wave"], how="inner")
    lane = EMPLOYEES if data.unit == "employee_id" else UNITS
    parts = []
    for series, column in columns.items():
        known = served.dropna(subset=column)
        cells = known[[data.unit, "touchpoint"]].assign(
            n_ex=known["n"], sum_ex=known["n"] * known[column], sumsq_ex=known["n"] * known[column] ** 2
        )
        means = group_means(cells, "ex", "touchpoint", cluster=data.unit)
        parts.append(_on_scale(means, scales[series]).assign(series=series, lane=lane))
    frame = pd.concat(parts, ignore_index=True)
    frame["volume"] = frame.groupby("stage")["n_units"].transform("max")
    return frame


def _on_scale(means: pd.DataFrame, scale: tuple[float, float]) -> pd.DataFrame:
    frame = means[["touchpoint", "n"]].rename(columns={"touchpoint": "stage"})
    for name, column in (("value", "estimate"), ("low", "conf_low"), ("high", "conf_high")):
        frame[name] = percent_of_scale(means[column], scale)
    return frame.assign(n_units=means["n_clusters"])
