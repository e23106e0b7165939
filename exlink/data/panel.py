"""The linked panel as cells: counts and sums of customers' answers beside the EX that was in force."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.data.choices import chosen_kpi
from exlink.data.dataset import StudyData
from exlink.data.exposures import EX_KPIS

MIN_UNITS = 10  # units with two waves; fewer cannot carry a within-unit analysis


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


def stages(data: StudyData) -> pd.DataFrame:
    """Return the join-loss waterfall with the units behind each stage, such that no few of them can be told apart.

    Stages are nested: what one loses is what it has less than the one before. A loss that fewer units than the
    study's minimum group have a part in is therefore not shown: the stage is left empty, its loss is part of the
    next one's. The last stage is always shown; where its own loss is of that kind, the stages before it are empty.

    Returns
    -------
    DataFrame: stage, rows, lost, reason, share (of the first stage), n_units (0 for a stage left empty; at least so
    many, where the next stage has a few less).
    """
    frame, unit, least = data.funnel(), data.unit, data.study.privacy.min_group
    asked = "interaction_id IN (SELECT interaction_id FROM cx_invitations)" if data.has("cx_invitations") else "true"
    each = data.query(
        f"SELECT {unit}, count(*) AS a, CASE WHEN {unit} IN (SELECT {unit} FROM exposures) THEN count(*) ELSE 0 END "
        f"AS b, count(wave) AS c, count_if(wave IS NOT NULL AND {asked}) AS d, "
        f"count_if(wave IS NOT NULL AND has_cx) AS e FROM interactions WHERE {unit} IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).drop(columns=unit)
    if len(frame) < each.shape[1]:
        each = each.drop(columns="d")  # nobody records whom customers' surveys were sent to
    return without_losses_of_few(frame, each.to_numpy(), least)


def without_losses_of_few(frame: pd.DataFrame, each: np.ndarray, least: int) -> pd.DataFrame:
    """Return the stages of `stages` from ``each``, the rows of every unit at every stage: shape (units, stages)."""
    kept = [0]
    for k in range(1, len(frame)):
        while len(kept) > 1 and k == len(frame) - 1 and _few(each[:, kept[-1]], each[:, k], least):
            kept.pop()
        if k == len(frame) - 1 or not _few(each[:, kept[-1]], each[:, k], least):
            kept.append(k)
    units = (each > 0).sum(axis=0)
    for before, after in zip(kept[-2::-1], kept[:0:-1], strict=True):
        units[before] = units[after] if 0 < units[before] - units[after] < least else units[before]
    shown = np.isin(np.arange(len(frame)), kept)
    rows = frame["rows"][shown]
    out = frame.assign(lost=(-rows.diff().fillna(0)).astype(rows.dtype), n_units=np.where(shown, units, 0))
    out["share"] = rows / max(int(frame["rows"].iloc[0]), 1)
    out["rows"] = rows
    out["reason"] = out["reason"].where(shown, "part of what the next stage lost: too few stand behind it")
    return out[["stage", "rows", "lost", "reason", "share", "n_units"]]


def _few(before: np.ndarray, after: np.ndarray, least: int) -> bool:
    """Return whether some units lose rows, but fewer than ``least``."""
    return 0 < (before > after).sum() < least


def within_reason(data: StudyData) -> str:
    """Return why effects within units cannot be assessed, or ``""``."""
    waves = data.query(
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
