"""Employees by quarter at risk of leaving, with what their work was like in the quarter before (M39).

Nothing that happens in a quarter describes it: escalations count as open if they were so on its first day, and time
off the systems is that of the quarter before. Whoever had no contacts then is not in the table.
"""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import quarter_of, team_then
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters

TOP_SHARE = 0.25  # at most so many are top performers: the best rating, or ratings, that hold no more people
HUNDRED = 100.0


def exit_risks(data: StudyData, *, ahead: bool = False) -> pd.DataFrame:
    """Return one row per employee and quarter at risk whose quarter before is known.

    Parameters
    ----------
    ahead : bool
        Whether the quarter after the last one that has ended is in it, with ``left`` unknown (NaN).

    Returns
    -------
    DataFrame: employee_id, quarter, left (1 where they left of their own accord), role, tenure_years, team_id (on the
    quarter's first day), top (0/1; NaN where nobody is rated), unresolved (escalations of the quarter before that were
    still open, in 100 contacts; NaN where not recorded), off_system (hours a day in applications that are not managed;
    NaN where not recorded or not observed), ``ex_…`` of the latest answer before, NaN where there is none.
    ``attrs['unseen']`` is how many person-quarters at risk had no contacts in the quarter before.
    """
    risks = employee_quarters(data, silent=True, ahead=ahead)
    if risks.empty:
        return risks
    before = (pd.PeriodIndex(risks["quarter"], freq="Q") - 1).astype(str)
    found = risks.assign(before=before).merge(_work(data), on=["employee_id", "before"], how="left")
    kept = found[found["contacts"] > 0].drop(columns=["before", "contacts"])
    kept = kept.merge(_ratings(data), on="employee_id", how="left").reset_index(drop=True)
    kept.attrs = {"unseen": len(found) - len(kept)}
    return kept


def now_at_risk(risks: pd.DataFrame) -> pd.DataFrame:
    """Return those at risk in the last quarter of ``risks``: whom an early warning would speak of, as groups."""
    return risks[risks["quarter"] == risks["quarter"].max()].reset_index(drop=True)


def _work(data: StudyData) -> pd.DataFrame:
    """Return per employee and quarter: contacts, open escalations in 100 of them, hours a day off the systems, team."""
    open_then = "NULL"
    if data.has("interactions", "escalated"):
        ends = "(date_trunc('quarter', started_at) + INTERVAL 3 MONTH)::DATE"
        later = (
            f"(escalation_resolved_on IS NULL OR escalation_resolved_on >= {ends})"
            if data.has("interactions", "escalation_resolved_on") else "true"
        )  # fmt: skip
        open_then = f"{HUNDRED} * count_if(escalated AND {later}) / count(*)"
    off = "NULL::DOUBLE"
    joined = ""
    if data.has("desktop_activity"):
        joined = f"""LEFT JOIN (
            SELECT employee_id, {quarter_of("day")} AS quarter,
                   sum(minutes) FILTER (NOT managed) / count(DISTINCT day) / 60 AS hours
            FROM desktop_activity GROUP BY ALL) d USING (employee_id, quarter)"""
        off = "coalesce(d.hours, CASE WHEN d.employee_id IS NOT NULL THEN 0 END)"
    return data.query_once(f"""
        WITH i AS (SELECT employee_id, {quarter_of("started_at")} AS quarter, count(*) AS contacts,
                          {open_then} AS unresolved,
                          min((date_trunc('quarter', started_at) + INTERVAL 3 MONTH)::DATE) AS next_on
                   FROM interactions GROUP BY ALL)
        SELECT i.employee_id, i.quarter AS before, i.contacts, i.unresolved::DOUBLE AS unresolved,
               {off} AS off_system, {team_then(data, "i.next_on")} AS team_id
        FROM i {joined} ORDER BY ALL""")


def _ratings(data: StudyData) -> pd.DataFrame:
    """Return who is a top performer: rated at least as well as the lowest rating that at most a quarter reach."""
    people = data.frame("employees", ["employee_id"])
    if not data.has("employees", "performance_rating"):
        return people.assign(top=float("nan"))
    rating = data.frame("employees", ["employee_id", "performance_rating"]).dropna()
    values = rating["performance_rating"].astype(float)
    reach = [v for v in sorted(values.unique()) if (values >= v).mean() <= TOP_SHARE]
    top = (values >= reach[0]).astype(float) if reach else pd.Series(float("nan"), index=rating.index)
    return people.merge(rating[["employee_id"]].assign(top=top), on="employee_id", how="left")
