"""What work was like in the quarter before, for everybody at risk of leaving: what was worked round, what was said."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.answers import ex_aspect_scales, ex_kpi_scales, percent_of_scale
from exlink.data.dataset import StudyData
from exlink.data.exit_risks import exit_risks
from exlink.data.off_system import off_system_days

ROUND, SAID = "what they worked round", "what they said of work"
KPI_WORDS = {
    "ease": "Ease of work",
    "recommend": "Recommending the employer",
    "satisfaction": "Satisfaction with work",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing known of the quarter before: its column, its words, its unit, what kind it is."""

    column: str
    label: str
    unit: str
    kind: str


BURDENS = (
    Measure("unresolved", "Escalations left open", "in 100 contacts", ROUND),
    Measure("off_system", "Work off the systems", "hours a day", ROUND),
    Measure("copying", "Copying by hand", "minutes a day", ROUND),
)


def before_leaving(data: StudyData) -> tuple[pd.DataFrame, list[Measure]]:
    """Return one row per employee and quarter at risk with the quarter before, and what is known of it.

    Returns
    -------
    rows : employee_id, quarter, left, let_go, role, tenure_years, team_id, site (where recorded), and a column per
        measure; answers in % of their scales, 100 being best.
    measures : those with a value somewhere.
    """
    risks = exit_risks(data)
    if risks.empty:
        return risks, []
    before = (pd.PeriodIndex(risks["quarter"], freq="Q") - 1).astype(str)
    rows = risks.assign(before=before)
    if data.has("employees", "site"):
        rows = rows.merge(data.frame("employees", ["employee_id", "site"]), on="employee_id", how="left")
    if data.has("desktop_activity"):
        days = off_system_days(data)
        days = days.assign(copying=days["copying"] / days["days"], before=days["quarter"])
        rows = rows.merge(days[["employee_id", "before", "copying"]], on=["employee_id", "before"], how="left")
    scales = {f"ex_{k}": s for k, s in ex_kpi_scales(data).items()} | ex_aspect_scales(data)
    answers = [column for column in scales if column in rows]
    for column in answers:
        rows[column] = percent_of_scale(rows[column], scales[column])
    measures = [*BURDENS]
    for column in answers:
        kpi = column.removeprefix("ex_")
        label = KPI_WORDS.get(kpi) or data.label(kpi).capitalize()
        measures.append(Measure(column, label, "% of the scale", SAID))
    known = [m for m in measures if m.column in rows and rows[m.column].notna().any()]
    return rows.drop(columns="before"), known
