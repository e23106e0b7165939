"""What was planted of both directions in simulated data, as the index sees it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.ex_index import INDEX
from exlink.data.panel import aspect_columns
from exlink.data.planted import planted_effects
from exlink.errors import EstimationError
from exlink.stats.predetermined import predetermined_slopes
from exlink.steps.mixed_effects.direction import AHEAD, BACK, PLACEBO, DirectionFound


def planted_direction(data: StudyData) -> tuple[bool, bool] | None:
    """Return whether EX acts on CX and CX on EX in these simulated data; None for real ones."""
    if data.truth is None or "timing" not in data.truth:
        return None
    timing = data.truth["timing"]
    return bool(timing.get("ex_on_cx", True)), bool(timing["cx_on_ex"])


def with_planted_direction(data: StudyData, found: DirectionFound, outcome: str) -> pd.DataFrame:
    """Return the grid with ``planted``, where it is known.

    EX → CX at lag 0: the planted slopes of all aspects, each as much as it moves with the index within units. Against
    time, and from CX to EX, nothing is planted in most worlds. Where CX acts on EX, it is the whole quarter before that
    acts, also contacts that were not answered: no slope on answers between two surveys is planted, and none is shown.
    """
    acts, grid = planted_direction(data), found.grid
    if acts is None or grid.empty:
        return grid.assign(planted=np.nan)
    planted = pd.Series(np.nan, index=grid.index)
    planted[(grid["direction"] == AHEAD) & (grid["lag"] == 0)] = _of_index(data, found.panel, outcome)
    if not acts[1]:
        planted[(grid["direction"] == BACK) | (grid["way"] == PLACEBO)] = 0.0
    return grid.assign(planted=planted)


def _of_index(data: StudyData, panel: pd.DataFrame, outcome: str) -> float:
    """Return the planted slope of the index: that of Σ planted joint slope × aspect, which holds no chance, on it."""
    joint = planted_effects(data).query("outcome == @outcome").set_index("term")["joint"]
    moved = sum(panel[column] * joint.get(column, 0.0) for column in aspect_columns(data))
    rows = panel.assign(moved=moved)[panel[f"n_after_{outcome}"] > 0]
    regressors = [INDEX, f"before_{outcome}"]
    try:
        fit = predetermined_slopes(rows, "moved", regressors, data.unit, "order", weights=f"n_after_{outcome}")
    except EstimationError:  # nothing moves, or too few units: then there is no estimate to compare either
        return 0.0 if not joint.any() else np.nan
    return float(fit.table["estimate"].iloc[0])
