"""How often contacts go wrong around a person: those of the other people of the team, in the same quarter (M43)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_aspect_scales, ex_kpi_scales, percent_of_scale
from exlink.data.asked import quarter_of
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters
from exlink.data.off_system import off_system_days

FAULTS = {"escalated": "escalated", "reopened": "reopened", "transfers": "transfers > 0"}  # what went wrong, as SQL
STRAINS = ("ease", "workload")  # what work is like: how easy, and whether the load can be borne
FEWEST_CONTACTS = 30  # of the others in a quarter; a rate from fewer is mostly luck
HUNDRED = 100.0


def fault_columns(data: StudyData) -> list[str]:
    """Return the columns of ``interactions`` that tell of something gone wrong, as far as they are filled."""
    return [column for column in FAULTS if data.has("interactions", column)]


def fault_rates(data: StudyData) -> pd.DataFrame:
    """Return per employee, team and quarter how many contacts of the team's other people went wrong.

    Returns
    -------
    DataFrame: employee_id, team_id, quarter, at (number of the quarter), contacts (own), faults (escalated, reopened or
    handed on, in 100 contacts of the others; rows with fewer than 30 such contacts are left out).
    """
    wrong = " OR ".join(f"coalesce({FAULTS[c]}, false)" for c in fault_columns(data))
    rows = data.query_once(f"""
        SELECT employee_id, team_id, {quarter_of("started_at")} AS quarter, count(*) AS contacts,
               count_if({wrong}) AS wrong
        FROM interactions WHERE team_id IS NOT NULL GROUP BY ALL ORDER BY ALL""")
    sums = rows.groupby(["team_id", "quarter"])[["contacts", "wrong"]].transform("sum")
    others = sums["contacts"] - rows["contacts"]
    rows["faults"] = HUNDRED * (sums["wrong"] - rows["wrong"]) / others.where(others >= FEWEST_CONTACTS)
    rows["at"] = pd.PeriodIndex(rows["quarter"], freq="Q").astype("int64")
    rows = rows.sort_values(["employee_id", "at", "contacts"]).drop_duplicates(["employee_id", "at"], keep="last")
    return rows.dropna(subset=["faults"])[["employee_id", "team_id", "quarter", "at", "contacts", "faults"]]


def fault_strain_exit(data: StudyData) -> tuple[pd.DataFrame, list[str]]:
    """Return faults around a person in one quarter, strain said in the next, and what came one quarter after that.

    Returns
    -------
    rows : one per employee and quarter with faults before it and an answer in it: employee_id, team_id (of the quarter
        of the faults), role, at, faults (in 100 contacts of others, the quarter before), strain (0 to 100, the mean of
        how hard work is and how heavy the load), engagement (overall scores of the quarter after, % of the scale; NaN
        where none), hours (a day off the systems in the quarter of the answer; absent where no desktop was recorded)
        and left (100 where the person left of their own accord in the quarter after, 0 where not, NaN where they were
        not at risk or it is not known yet).
    parts : what strain is made of.
    """
    said = data.exposures()
    scales = ex_aspect_scales(data) | {f"ex_{k}": s for k, s in ex_kpi_scales(data).items()}
    place = {c: percent_of_scale(said[c], s) for c, s in scales.items() if c in said}
    parts = [name for name in STRAINS if f"ex_{name}" in place]
    overall = [f"ex_{k}" for k in ("satisfaction", "recommend") if f"ex_{k}" in place]
    if not parts or not overall:
        return pd.DataFrame(), parts
    said = pd.DataFrame({
        "employee_id": said["employee_id"],
        "at": pd.PeriodIndex(pd.to_datetime(said["responded_on"]), freq="Q").astype("int64"),
        "strain": HUNDRED - pd.concat([place[f"ex_{p}"] for p in parts], axis=1).mean(axis=1, skipna=False),
        "engagement": pd.concat([place[c] for c in overall], axis=1).mean(axis=1, skipna=False),
    }).drop_duplicates(["employee_id", "at"], keep="last")  # fmt: skip
    faults = fault_rates(data)[["employee_id", "team_id", "at", "faults"]]
    rows = said[["employee_id", "at", "strain"]].merge(faults.assign(at=faults["at"] + 1), on=["employee_id", "at"])
    later = said[["employee_id", "at", "engagement"]].assign(at=said["at"] - 1)
    rows = rows.merge(later, on=["employee_id", "at"], how="left")
    if data.has("desktop_activity"):
        days = off_system_days(data)
        days["at"] = pd.PeriodIndex(days["quarter"], freq="Q").astype("int64")
        days["hours"] = days["off"] / days["days"] / 60
        rows = rows.merge(days[["employee_id", "at", "hours"]], on=["employee_id", "at"], how="left")
    if data.has("employees", "left_on"):
        risks = employee_quarters(data, silent=True)
        risks["at"] = pd.PeriodIndex(risks["quarter"], freq="Q").astype("int64") - 1
        risks["left"] = HUNDRED * risks["left"]
        rows = rows.merge(risks[["employee_id", "at", "left"]], on=["employee_id", "at"], how="left")
    else:
        rows["left"] = float("nan")
    roles = data.frame("employees", ["employee_id", "role"])
    return rows.merge(roles, on="employee_id", how="left").dropna(subset=["strain"]).reset_index(drop=True), parts
