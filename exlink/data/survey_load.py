"""How many surveys a person was asked for in a quarter and answered, and what had become of feedback before (M52)."""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import ex_asked
from exlink.data.dataset import StudyData
from exlink.data.voice import voice_cells


def survey_load(data: StudyData) -> pd.DataFrame | None:
    """Return one row per unit and quarter in which it was asked; None where the study keeps no invitations.

    Returns
    -------
    DataFrame: unit, quarter, asked (surveys), rate (% of them that were answered), home (the team at the first
    invitation of all, so that a person belongs to one).
    """
    asked = ex_asked(data)
    if asked is None:
        return None
    asked = asked[asked["surveyed"]].sort_values([data.unit, "invited_on"], kind="stable")
    home = asked.groupby(data.unit, sort=True)["team_id"].first() if data.unit != "team_id" else None
    rows = asked.groupby([data.unit, "quarter"], sort=True)["answered"].agg(["size", "mean"]).reset_index()
    rows = rows.rename(columns={"size": "asked", "mean": "rate"}).assign(rate=lambda r: 100 * r["rate"])
    mine = rows[data.unit] if home is None else rows[data.unit].map(home)
    return rows.assign(home=mine.fillna(rows[data.unit]))


def acted_before(data: StudyData, act_days: int) -> pd.DataFrame:
    """Return, by quarter, what had become of the feedback employees gave in the quarter before it.

    Returns
    -------
    DataFrame: quarter, due (pieces old enough), acted (of these, within ``act_days``), told (of the acted ones, told
    back), share (acted, in %).
    """
    cells = voice_cells(data, act_days)
    sums = cells[cells["source"] == "employee"].groupby("quarter")[["received", "due", "acted", "told"]].sum()
    sums = sums[sums["due"] == sums["received"]]  # a quarter of which some is too new says nothing yet
    later = (pd.PeriodIndex(sums.index, freq="Q") + 1).astype(str)
    sums = sums.drop(columns="received").reset_index(drop=True)
    return sums.assign(quarter=later, share=100 * sums["acted"] / sums["due"])
