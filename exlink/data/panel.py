"""The linked panel as cells: counts and sums of customers' answers beside the EX that was in force."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.exposures import EX_KPIS


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


def aspect_columns(data: StudyData) -> list[str]:
    """Return the columns of the aspects, in the study's order."""
    return [f"ex_{aspect}" for aspect in data.aspects]


def overall_columns(data: StudyData) -> list[str]:
    """Return the columns of employees' overall scores (ease, recommend, satisfaction) that were asked."""
    there = data.exposures().columns
    return [f"ex_{kpi}" for kpi in EX_KPIS if f"ex_{kpi}" in there]
