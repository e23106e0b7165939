"""What goes wrong in teams, symptom by symptom: sums per employee and team, all so that more is worse (M47)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_aspect_scales, ex_kpi_scales, percent_of_scale
from exlink.data.asked import ex_asked, team_then
from exlink.data.dataset import StudyData
from exlink.data.exit_risks import exit_risks
from exlink.data.off_system import off_system_days

CONTACTS = {  # column that must be filled → symptom, what counts, of which contacts, as SQL
    "escalated": ("Escalations", "escalated", "true"),
    "escalation_resolved_on": ("Escalations never solved", "escalated AND escalation_resolved_on IS NULL", "escalated"),
    "reopened": ("Cases opened again", "reopened", "true"),
    "transfers": ("Customers handed on", "transfers > 0", "true"),
}  # none is part of another one, or the two would go together by construction
SAID = ("ease", "workload", "satisfaction")


def team_symptoms(data: StudyData) -> pd.DataFrame:
    """Return per symptom, employee and team how much of it there was, over all time.

    Returns
    -------
    DataFrame: symptom, employee_id, team_id (at that time), n (contacts, days, answers, surveys or quarters at risk),
    sum (over them; 0 to 1 of shares, hours of days, 0 to 1 of how far an answer is from the best one).
    """
    parts = [_of_contacts(data), _of_answers(data)]
    if data.has("desktop_activity"):
        days = off_system_days(data)
        parts.append(_part("Work off the systems", days, days["days"], days["off"] / 60))
    asked = ex_asked(data)
    if asked is not None:
        asked = asked[asked["surveyed"]]
        parts.append(_part("Surveys left unanswered", asked, asked["answered"].notna(), ~asked["answered"]))
    if data.has("employees", "left_on"):
        risks = exit_risks(data)
        if not risks.empty:
            parts.append(_part("Exits", risks, risks["left"].notna(), risks["left"]))
    rows = pd.concat(parts, ignore_index=True).dropna(subset=["team_id"])
    return rows[rows["n"] > 0].reset_index(drop=True)


def _part(symptom: str, frame: pd.DataFrame, n: pd.Series, total: pd.Series) -> pd.DataFrame:
    """Return sums of a symptom per employee and team."""
    rows = frame[["employee_id", "team_id"]].assign(n=n.astype(float), sum=total.astype(float))
    return rows.groupby(["employee_id", "team_id"], as_index=False)[["n", "sum"]].sum().assign(symptom=symptom)


def _of_contacts(data: StudyData) -> pd.DataFrame:
    known = {c: words for c, words in CONTACTS.items() if data.has("interactions", c)}
    if not known:
        return pd.DataFrame(columns=["symptom", "employee_id", "team_id", "n", "sum"])
    counts = ", ".join(
        f"count_if({wrong}) AS c{at}, count_if({of}) AS n{at}" for at, (_, wrong, of) in enumerate(known.values())
    )
    rows = data.query(f"""
        SELECT employee_id, team_id, {counts}
        FROM interactions WHERE team_id IS NOT NULL GROUP BY ALL ORDER BY ALL""")
    parts = [
        rows[["employee_id", "team_id"]].assign(symptom=label, n=rows[f"n{at}"], sum=rows[f"c{at}"])
        for at, (label, *_) in enumerate(known.values())
    ]
    return pd.concat(parts, ignore_index=True)


def _of_answers(data: StudyData) -> pd.DataFrame:
    said = data.query(
        f"SELECT i.*, {team_then(data, 'i.responded_on')} AS team_now FROM exposures i ORDER BY employee_id, valid_from"
    )
    said = said.drop(columns=[c for c in ("team_id",) if c in said]).rename(columns={"team_now": "team_id"})
    scales = ex_aspect_scales(data) | {f"ex_{k}": s for k, s in ex_kpi_scales(data).items()}
    columns = [f"ex_{name}" for name in SAID if f"ex_{name}" in said and f"ex_{name}" in scales]
    if not columns:
        return pd.DataFrame(columns=["symptom", "employee_id", "team_id", "n", "sum"])
    # one symptom, because answers on one sheet go together whatever their causes
    far = 1 - pd.concat([percent_of_scale(said[c], scales[c]) for c in columns], axis=1).mean(axis=1) / 100
    return _part("Strain in what people say", said, far.notna(), far.fillna(0.0))
