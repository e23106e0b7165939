"""Employees by quarter in one of four states: engaged, strained, checked out, silent (M46)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.answers import ex_kpi_scales, percent_of_scale
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import FRESH_DAYS, employee_quarters

ENGAGED, STRAINED, OUT, SILENT = "engaged", "strained", "checked out", "silent"
STATES = (ENGAGED, STRAINED, OUT, SILENT)


def work_states(data: StudyData, *, engaged_from: float, easy_from: float, out_below: float) -> pd.DataFrame:
    """Return one row per employee and quarter at risk with the state in which it began.

    What was last said before the quarter decides, if it is no older than a quarter. Satisfaction with work below
    ``out_below``: checked out. Else below ``engaged_from``, or ease of work below ``easy_from``: strained. Else
    engaged. No such answer: silent, if the person was asked; whoever was not asked, or came too late to be, is in no
    state and not in the table. All three are in % of the scale; a study that did not ask for ease goes by satisfaction.

    Returns
    -------
    DataFrame: employee_id, quarter, at (number of the quarter), state, satisfaction (% of the scale; NaN if silent),
    before and then (the state one quarter earlier and later, None where not known), left, let_go, tenure_years, role.
    ``attrs['unasked']`` is how many person-quarters are left out.
    """
    rows = employee_quarters(data, silent=True)
    scales = ex_kpi_scales(data)
    said = {k: percent_of_scale(rows[f"ex_{k}"], s) for k, s in scales.items() if f"ex_{k}" in rows}
    if rows.empty or "satisfaction" not in said:
        return pd.DataFrame(columns=["employee_id", "quarter", "at", "state", "before", "then", "left"])
    happy = said["satisfaction"]
    hard = said["ease"] < easy_from if "ease" in said else pd.Series(False, index=rows.index)
    state = np.select(
        [happy.isna(), happy < out_below, (happy < engaged_from) | hard], [SILENT, OUT, STRAINED], ENGAGED
    )
    at = pd.PeriodIndex(rows["quarter"], freq="Q").astype("int64")
    rows = rows.assign(state=state, at=at, satisfaction=happy)
    known = (rows["state"] != SILENT) | _asked(data, rows)
    out = rows.loc[known, ["employee_id", "quarter", "at", "state", "satisfaction", "left", "let_go", "tenure_years",
                           "role"]]  # fmt: skip
    for name, shift in (("before", 1), ("then", -1)):
        other = out[["employee_id", "at", "state"]].assign(at=out["at"] + shift).rename(columns={"state": name})
        out = out.merge(other, on=["employee_id", "at"], how="left", validate="one_to_one")
    out.attrs = {"unasked": int((~known).sum())}
    return out


def _asked(data: StudyData, rows: pd.DataFrame) -> pd.Series:
    """Return whether each person was asked before the quarter; without invitations, whether they were there to be."""
    if not data.has("ex_invitations"):
        return ~(rows["tenure_years"] * 365.25 < FRESH_DAYS)
    begins = pd.PeriodIndex(rows["quarter"], freq="Q").start_time
    invited = data.frame("ex_invitations", ["employee_id", "invited_on"]).drop_duplicates()
    invited["invited_on"] = pd.to_datetime(invited["invited_on"]).astype("datetime64[us]")
    asked = rows[["employee_id"]].assign(begins=begins.astype("datetime64[us]"), row=np.arange(len(rows)))
    found = pd.merge_asof(
        asked.sort_values(["begins", "employee_id"]), invited.sort_values(["invited_on", "employee_id"]),
        left_on="begins", right_on="invited_on", by="employee_id", allow_exact_matches=False,
        tolerance=pd.Timedelta(days=FRESH_DAYS),
    )  # fmt: skip
    return pd.Series(found.sort_values("row")["invited_on"].notna().to_numpy(), index=rows.index)
