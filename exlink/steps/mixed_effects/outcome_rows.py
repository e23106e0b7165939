"""Contacts compressed for models of what happens in them: aspects split, circumstances as columns, weeks at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.outcomes import WEEKS, combinations, escalation_spells, outcome_cells, units_by_wave
from exlink.data.panel import aspect_columns
from exlink.stats.crossed import CellTable, crossed_cells, divided
from exlink.stats.durations import at_risk
from exlink.stats.within_between import split
from exlink.steps.mixed_effects.controls import read_controls
from exlink.steps.mixed_effects.rows import MEDIATORS

EASE = "ease"
ESCALATIONS = ("interactions.escalated", "interactions.escalation_resolved_on")


@dataclass(frozen=True, slots=True, eq=False)
class WorkRows:
    """What the models of outcomes are fitted on.

    cells : CellTable          contacts per unit, wave and circumstances
    totals : Series            sums of the columns of the cells
    spells : CellTable or None    weeks at risk of escalated contacts
    levels : list of float     answers to ease
    within, between : list     columns of the aspects
    share : float              share of the contacts that was drawn
    contacts, units : int
    changes : int              waves beyond each unit's first: what effects within units rest on
    """

    cells: CellTable
    totals: pd.Series
    spells: CellTable | None
    levels: list[float]
    within: list[str]
    between: list[str]
    share: float
    contacts: int
    units: int
    changes: int


def level_columns(rows: WorkRows) -> list[str]:
    """Return the columns that count the answers to ease of each level, lowest first."""
    return [f"n_{EASE}_{k}" for k in range(1, len(rows.levels) + 1)]


def work_rows(data: StudyData, circumstances: Sequence[str]) -> WorkRows:
    """Return contacts compressed for the models; circumstances that EX itself moves are left out."""
    wanted = [c for c in circumstances if c not in MEDIATORS]
    xs = aspect_columns(data)
    cells, levels = outcome_cells(data, wanted, EASE if EASE in data.cx_kpis else "")
    left, left_columns = _left(data, cells, xs)
    right = circumstance_columns(data, combinations(data, wanted).loc[np.unique(cells["right"])], wanted)
    values = [c for c in cells if c == "n" or c.startswith(("n_", "sum_", "sumsq_"))]
    design = {"key": ["left"], "unit": data.unit, "left_columns": left_columns}
    table = crossed_cells(cells, left, right, right_columns=list(right), values=values, **design)
    totals = table.values.sum()
    spells = None if data.missing(*ESCALATIONS) else _weeks_at_risk(data, wanted, right, left, design)
    names = {kind: [f"{x}_{kind}" for x in xs] for kind in ("within", "between")}
    return WorkRows(
        table, totals, spells, levels, names["within"], names["between"], cells.attrs.get("share", 1.0),
        int(totals["n"]), len(table.design.units), len(left) - left[data.unit].nunique(),
    )  # fmt: skip


def given_solved(rows: WorkRows, column: str) -> CellTable:
    """Return the cells of one outcome with first-contact resolution as one more circumstance; simulated data only."""
    values = rows.cells.values
    on = {name: values[f"{name}_{column}_solved"] for name in ("n", "sum")}
    off = {name: values[f"{name}_{column}"] - on[name] for name in on}
    return divided(rows.cells, "solved", off, on)


def wave_columns(left: pd.DataFrame) -> dict[str, pd.Series]:
    """Return a 0/1 column for every wave but the first."""
    return {f"wave_{k}": (left["wave"] == w).astype(float) for k, w in enumerate(sorted(left["wave"].unique())[1:], 1)}


def _left(data: StudyData, cells: pd.DataFrame, xs: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return units × waves with all aspects known: the aspects split, and a column per wave but the first."""
    left = units_by_wave(data)[["left", data.unit, "wave", *xs]]
    left["n"] = np.bincount(cells["left"], weights=cells["n"], minlength=len(left))
    left = left[(left["n"] > 0) & left[xs].notna().all(axis=1)].reset_index(drop=True)
    waves = wave_columns(left)
    left = split(left, xs, data.unit, weights="n").assign(**waves)
    return left, [*(f"{x}_within" for x in xs), *(f"{x}_between" for x in xs), *waves]


def circumstance_columns(data: StudyData, combos: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """Return the columns of a model for each combination of circumstances, under its index."""
    there = [c for c in wanted if c in combos]
    if not there:
        return pd.DataFrame(index=combos.index)
    rows = data.lazily(combos.assign(place=np.arange(len(combos))))
    found, _ = read_controls(rows, there)
    columns = [column for control in found for column in control.columns]
    names = [name for control in found for name in control.names]
    made = rows.select("place", *columns).sort("place").collect().to_pandas()
    return made[names].astype(float).set_index(combos.index)


def _weeks_at_risk(
    data: StudyData, wanted: Sequence[str], right: pd.DataFrame, left: pd.DataFrame, design: dict
) -> CellTable:
    """Return escalated contacts by week they were open, with a level of speed for each week."""
    spells = escalation_spells(data, wanted)
    risk = at_risk(spells[spells["right"].isin(right.index)], ["left", "right"], last=WEEKS - 1)
    pairs, at = np.unique(risk["right"] * WEEKS + risk["period"], return_inverse=True)
    weeks = pd.DataFrame({f"week_{k}": (pairs % WEEKS == k).astype(float) for k in range(1, WEEKS)})
    both = pd.concat([right.loc[pairs // WEEKS].reset_index(drop=True), weeks], axis=1)
    return crossed_cells(
        risk.assign(right=at), left, both, right_columns=list(both), values=["waiting", "ends"], **design
    )
