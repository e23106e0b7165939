"""The linked panel as cells: counts and sums of customers' answers beside the EX that was in force."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import narwhals.stable.v2 as nw
import pandas as pd

from exlink.data.choices import chosen_kpi
from exlink.data.dataset import StudyData
from exlink.data.exposures import EX_KPIS
from exlink.data.warehouse import name_of

MIN_UNITS = 10  # units with two waves; fewer cannot carry a within-unit analysis
DRAWS = 1_000_000  # a row or a customer falls on one of so many numbers, by a hash of its id


def panel_cells(data: StudyData, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row per unit × wave (× ``by``) with interactions: sums of every CX KPI, and the unit's EX then.

    Returns
    -------
    DataFrame: unit, wave, ``by``, n, per KPI y ``n_y`` ``sum_y`` ``sumsq_y``, and every ``ex_`` column of
    :meth:`StudyData.exposures`. EX is constant inside a row, so least squares on rows is exact from these.
    """
    key = [data.unit, "wave"]
    cells = data.cells([*key, *by], data.cx_kpis)
    exposures = data.exposures()
    columns = [c for c in exposures.columns if c.startswith("ex_")]
    return cells.merge(exposures[[*key, *columns]], on=key, how="inner", validate="many_to_one").sort_values(
        [*key, *by], ignore_index=True
    )


def answered_rows(data: StudyData, max_rows: int, columns: Sequence[str]) -> tuple[nw.LazyFrame, float]:
    """Return linked interactions with a customer's answer, lazily, and the share of them that is kept.

    Beyond ``max_rows`` it is a fixed sample of customers, drawn by a hash of their ids, each with all of their answers.
    Beside ``columns``, of which those that the study lacks are left out, there is ``draw`` (0 … 999,999, by
    interaction), the same in every run: rows below a bound are a fixed sample of single answers.
    """
    answered = int(data.query("SELECT count_if(has_cx) AS n FROM linked ORDER BY 1")["n"].iloc[0])
    share = min(1.0, max_rows / max(answered, 1))
    there = data.linked().collect_schema()
    kept = ", ".join(name_of(c) for c in dict.fromkeys(columns) if c in there)
    chosen = f"{kept}, hash(interaction_id) % {DRAWS} AS draw"
    if share == 1:
        return nw.from_native(data.linked().to_native().filter("has_cx").project(chosen)), share
    # a model asks for its rows dozens of times: written down once, they are not looked for among all others each time
    drawn = f"has_cx AND hash(customer_id) % {DRAWS} < {int(share * DRAWS)}"
    name = f"answered_{int(max_rows)}_{zlib.crc32(kept.encode()):08x}"  # one table for each set of columns
    return data.noted(name, f"SELECT {chosen} FROM linked WHERE {drawn}"), share


def within_reason(data: StudyData) -> str:
    """Return why effects within units cannot be assessed, or ``""``."""
    waves = data.query_once(
        f"SELECT count(DISTINCT wave) AS waves FROM linked WHERE has_cx GROUP BY {data.unit} ORDER BY 1"
    )["waves"]
    moved = int((waves > 1).sum())
    if moved >= MIN_UNITS:
        return ""
    return (
        f"not assessed: effects within {data.people} need at least {MIN_UNITS} {data.people} with two waves of EX "
        f"and customers' answers after each; this study has {moved}"
    )


def focus_outcome(data: StudyData, wanted: str) -> str:
    """Return the CX KPI of figures that show one: the notebook's ``focus``; a KPI not asked is refused."""
    return chosen_kpi("focus", wanted, data.cx_kpis)


def smallest_slopes(data: StudyData, share: float) -> dict[str, float]:
    """Return, per CX KPI, the smallest slope that matters: ``share`` of the width of its scale."""
    return {y: share * (data.study.scales[y][1] - data.study.scales[y][0]) for y in data.cx_kpis}


def column_label(data: StudyData, column: str) -> str:
    """Return an ``ex_`` column as words; employees' overall scores say that they are overall."""
    name = column.removeprefix("ex_")
    return data.label(name) if name in data.aspects else f"overall {name}"


def aspect_columns(data: StudyData) -> list[str]:
    """Return the columns of the aspects, in the study's order."""
    return [f"ex_{aspect}" for aspect in data.aspects]


def overall_columns(data: StudyData) -> list[str]:
    """Return the columns of employees' overall scores (ease, recommend, satisfaction) that were asked."""
    there = data.exposures().columns
    return [f"ex_{kpi}" for kpi in EX_KPIS if f"ex_{kpi}" in there]
