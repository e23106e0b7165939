"""Contacts compressed for models of what happens in them: aspects split, circumstances as columns, weeks at risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.outcomes import WEEKS, combinations, escalation_spells, outcome_cells
from exlink.data.panel import aspect_columns
from exlink.stats.crossed import CellTable, crossed_cells
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
    spells : CellTable or None    weeks at risk of escalated contacts
    given_solved : dict        column → CellTable with first-contact resolution as a circumstance; simulated data only
    levels : list of float     answers to ease
    within, between : list     columns of the aspects
    share : float              share of the contacts that was drawn
    contacts, units : int
    changes : int              waves beyond each unit's first: what effects within units rest on
    """

    cells: CellTable
    spells: CellTable | None
    given_solved: dict[str, CellTable]
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
    key, xs = [data.unit, "wave"], aspect_columns(data)
    cells, levels = outcome_cells(data, wanted, EASE if EASE in data.cx_kpis else "")
    combos, cells["right"] = combinations(cells, wanted)
    left, left_columns = _left(data, cells, xs)
    right = circumstance_columns(data, combos, wanted)
    values = [c for c in cells if c == "n" or c.startswith(("n_", "sum_", "sumsq_"))]
    design = {"key": key, "unit": data.unit, "left_columns": left_columns}
    table = crossed_cells(cells, left, right, right_columns=list(right), values=values, **design)
    spells = None
    if not data.missing(*ESCALATIONS):
        spells = _weeks_at_risk(data, wanted, combos, right, left, design)
    solved = {c: _by_solved(cells, left, right, c, design) for c in ("reopened", "escalated")
              if data.truth is not None and f"n_{c}_solved" in cells}  # fmt: skip
    names = {kind: [f"{x}_{kind}" for x in xs] for kind in ("within", "between")}
    return WorkRows(
        table, spells, solved, levels, names["within"], names["between"], cells.attrs.get("share", 1.0),
        int(table.values["n"].sum()), len(table.design.units), len(left) - left[data.unit].nunique(),
    )  # fmt: skip


def _left(data: StudyData, cells: pd.DataFrame, xs: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return units × waves with all aspects known: the aspects split, and a column per wave but the first."""
    key = [data.unit, "wave"]
    counts = cells.groupby(key, as_index=False)["n"].sum()
    left = counts.merge(data.exposures()[[*key, *xs]], on=key, how="inner", validate="one_to_one")
    left = split(left[left[xs].notna().all(axis=1)].reset_index(drop=True), xs, data.unit, weights="n")
    waves = {f"wave_{k}": (left["wave"] == w).astype(float) for k, w in enumerate(sorted(left["wave"].unique())[1:], 1)}
    left = left.assign(**waves)
    return left, [*(f"{x}_within" for x in xs), *(f"{x}_between" for x in xs), *waves]


def circumstance_columns(data: StudyData, combos: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """Return the columns of a model for each combination of circumstances."""
    there = [c for c in wanted if c in combos]
    if not there:
        return pd.DataFrame(index=combos.index)
    rows = data.lazily(combos.assign(place=np.arange(len(combos))))
    found, _ = read_controls(rows, there)
    columns = [column for control in found for column in control.columns]
    names = [name for control in found for name in control.names]
    made = rows.select("place", *columns).sort("place").collect().to_pandas()
    return made[names].astype(float)


def _weeks_at_risk(
    data: StudyData, wanted: Sequence[str], combos: pd.DataFrame, right: pd.DataFrame, left: pd.DataFrame, design: dict
) -> CellTable:
    """Return escalated contacts by week they were open, with a level of speed for each week."""
    there = [c for c in wanted if c in combos]
    spells = escalation_spells(data, there)
    places = combos.assign(at=np.arange(len(combos)))
    spells = spells.merge(places, on=there, how="inner") if there else spells.assign(at=0)
    risk = at_risk(spells, [*design["key"], "at"], last=WEEKS - 1)
    pairs = risk[["at", "period"]].drop_duplicates().sort_values(["at", "period"], ignore_index=True)
    risk = risk.merge(pairs.assign(right=np.arange(len(pairs))), on=["at", "period"])
    weeks = {f"week_{k}": (pairs["period"] == k).astype(float) for k in range(1, WEEKS)}
    both = pd.concat([right.iloc[pairs["at"]].reset_index(drop=True), pd.DataFrame(weeks)], axis=1)
    return crossed_cells(risk, left, both, right_columns=list(both), values=["waiting", "ends"], **design)


def _by_solved(cells: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame, column: str, design: dict) -> CellTable:
    """Return the cells of one outcome with first-contact resolution as one more circumstance."""
    parts = []
    for solved in (0, 1):
        counts = {
            name: cells[f"{name}_{column}_solved"] if solved else
            cells[f"{name}_{column}"] - cells[f"{name}_{column}_solved"] for name in ("n", "sum")
        }  # fmt: skip
        parts.append(cells[design["key"]].assign(right=2 * cells["right"] + solved, **counts))
    both = right.iloc[np.repeat(np.arange(len(right)), 2)].reset_index(drop=True)
    both["solved"] = np.tile([0.0, 1.0], len(right))
    return crossed_cells(pd.concat(parts, ignore_index=True), left, both, right_columns=list(both), values=["n", "sum"],
                         **design)  # fmt: skip
