"""Teams by quarter: what could have warned on the quarter's first day, and who left during it (M50)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.answers import ex_kpi_scales, percent_of_scale
from exlink.data.dataset import StudyData
from exlink.data.exit_risks import exit_risks

MIN_SIGNAL = 3  # people behind a team's mean of one signal; nothing of a single team is shown
SIGNALS = {  # column: what it is; every one is turned so that more is worse
    "open": "escalations left open",  # in 100 contacts
    "off": "work off the systems",  # hours a day
    "falling": "engagement of the same people that falls",  # % of the scale, against the quarter before
    "hard": "everyday work that is hard",  # % of the scale
    "silent": "people who do not answer",  # share
}


def team_warnings(data: StudyData) -> pd.DataFrame:
    """Return one row per team and quarter in which at least the minimum group were there when it began.

    Returns
    -------
    DataFrame: team_id, at (a running number of the quarter), quarter, people, exits (of their own accord in the
    quarter; NaN for the one that has not ended), those of `SIGNALS` that the study can tell, all known on the first
    day: NaN where fewer than `MIN_SIGNAL` people are behind it; low (engagement, turned: 100 less it), left_before
    (share of the team that left in the quarter before).
    """
    rows = exit_risks(data, ahead=True)
    if rows.empty:
        return rows
    rows = rows[rows["team_id"].notna()].reset_index(drop=True)
    rows["at"] = pd.PeriodIndex(rows["quarter"], freq="Q").astype("int64")
    scales = {f"ex_{kpi}": scale for kpi, scale in ex_kpi_scales(data).items() if f"ex_{kpi}" in rows}
    parts = [percent_of_scale(rows[name], scale) for name, scale in scales.items()]
    rows["engagement"] = pd.concat(parts, axis=1).mean(axis=1, skipna=False) if parts else np.nan
    before = rows[["employee_id", "at", "engagement"]].assign(at=rows["at"] + 1)
    rows = rows.merge(before, on=["employee_id", "at"], how="left", suffixes=("", "_before"), validate="many_to_one")
    rows["open"], rows["off"] = rows["unresolved"], rows["off_system"]
    rows["falling"] = rows["engagement_before"] - rows["engagement"]
    rows["low"] = 100 - rows["engagement"]
    rows["hard"] = 100 - percent_of_scale(rows["ex_ease"], scales["ex_ease"]) if "ex_ease" in scales else np.nan
    said = rows.filter(regex="^ex_").notna().any(axis=1)
    rows["silent"] = 1.0 - said if said.any() else np.nan
    grouped = rows.groupby(["team_id", "at", "quarter"], sort=True)
    out = grouped[["employee_id"]].nunique().rename(columns={"employee_id": "people"})
    out["exits"] = grouped["left"].sum(min_count=1)
    for name in (*SIGNALS, "low"):
        mean = grouped[name].mean()
        out[name] = mean.where(grouped[name].count() >= MIN_SIGNAL)
    out = out.reset_index()
    share = out[["team_id", "at"]].assign(at=out["at"] + 1, left_before=out["exits"] / out["people"])
    out = out.merge(share, on=["team_id", "at"], how="left")
    return out[out["people"] >= data.study.privacy.min_group].reset_index(drop=True)
