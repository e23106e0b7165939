"""What a team shares in a wave: how much errors of effects within people grow when it is not noise of each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import MIN_UNITS, aspect_columns, panel_cells
from exlink.data.wording import in_words
from exlink.errors import EstimationError
from exlink.stats.two_way import widening
from exlink.steps.mixed_effects.rows import TEAM

GREW = 1.1  # times: growth of errors from which intervals of the page are called too short
COLUMNS = ["outcome", "ratio", "largest", "teams", "n", "n_units"]


def team_luck(data: StudyData, reason: str = "") -> pd.DataFrame | str:
    """Return how much errors of fixed effects grow when clustered by person and by team × wave at once.

    Parameters
    ----------
    reason : str
        Why nothing within units is assessed, or ''.

    Returns
    -------
    DataFrame, one row per KPI: outcome, ratio (errors clustered by person and by team × wave over those clustered by
    person, median of the aspects), largest (of the aspects), teams, n (answers), n_units. A string says why nothing is
    assessed.
    """
    if reason:
        return reason
    if data.unit != "employee_id":
        return "not assessed: this study compares teams, so errors are clustered by team as it is"
    xs, rows = aspect_columns(data), []
    cells = panel_cells(data, [TEAM])
    cells = cells[cells[TEAM].notna() & cells[xs].notna().all(axis=1)]
    cells = cells.assign(team_wave=cells[TEAM].astype(str) + " in " + cells["wave"].astype(str))
    for y in data.cx_kpis:
        used = cells[cells[f"n_{y}"] > 0]
        teams, units = used[TEAM].nunique(), used[data.unit].nunique()
        if min(teams, units) < MIN_UNITS:
            continue
        try:
            frame = used.assign(**{y: used[f"sum_{y}"] / used[f"n_{y}"]})
            grown = widening(frame, y, xs, data.unit, "wave", "team_wave", weights=f"n_{y}")
        except EstimationError as error:
            return f"not assessed: what teams share in a wave: {error}"
        rows.append({"outcome": y, "ratio": float(np.median(grown["ratio"])), "largest": float(grown["ratio"].max()),
                     "teams": teams, "n": int(used[f"n_{y}"].sum()), "n_units": units})  # fmt: skip
    if not rows:
        return f"not assessed: what teams share in a wave needs {MIN_UNITS} teams with answers"
    return pd.DataFrame(rows, columns=COLUMNS)


def team_luck_sentence(found: pd.DataFrame | str, people: str) -> str:
    """Return whether intervals, clustered by person, are too short because teams share the luck of a wave."""
    if isinstance(found, str):
        return found
    each = in_words([f"{r.ratio:.2f} times ({r.outcome})" for r in found.itertuples()])
    grown = found["ratio"].max() > GREW
    lead = "Teams share the luck of a wave" if grown else "Teams share little luck of a wave"
    end = (
        "intervals on this page, clustered by person, are too short by about as much."
        if grown
        else "clustering by person is enough."
    )
    return (
        f"**{lead}.** Where {people} of one of {int(found['teams'].max()):,} teams are allowed to have a good or bad "
        f"wave together, the error of an effect is {each} as large in the middle: {end}"
    )


def team_luck_facts(found: pd.DataFrame | str) -> dict[str, float]:
    """Return the growth of errors by KPI, for whoever reads facts; empty where it is not assessed."""
    return {} if isinstance(found, str) else found.set_index("outcome")["ratio"].to_dict()
