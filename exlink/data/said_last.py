"""What people said last about one aspect, how their sheets were filled in, and whether under their own name (M57)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answering import ex_sheets
from exlink.data.asked import team_then
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug


def last_answers(data: StudyData, aspect: str) -> pd.DataFrame:
    """Return the latest answer on an aspect of everybody who gave one in the last twelve months.

    Returns
    -------
    DataFrame: unit, home (the team then), score (in % of the scale, items averaged); empty where nobody was asked.
    """
    asked = data.query("SELECT DISTINCT aspect FROM ex_responses WHERE kpi = 'driver' ORDER BY 1")["aspect"]
    labels = [label for label in asked if slug(label) == aspect]
    if not labels:
        return pd.DataFrame(columns=[data.unit, "home", "score"])
    home = "i.team_id" if data.unit == "team_id" else team_then(data, "i.responded_on")
    quoted = ", ".join("'" + label.replace("'", "''") + "'" for label in labels)
    rows = data.query(f"""
        WITH said AS (
            SELECT {data.unit}, responded_on, avg(100 * (score - scale_min) / nullif(scale_max - scale_min, 0)) AS score
            FROM ex_responses WHERE kpi = 'driver' AND aspect IN ({quoted})
            AND responded_on > DATE '{data.study.period.last}' - INTERVAL 1 YEAR GROUP BY ALL),
        newest AS (
            SELECT * FROM said QUALIFY row_number() OVER (PARTITION BY {data.unit} ORDER BY responded_on DESC) = 1)
        SELECT i.{data.unit}, {home} AS home, i.score FROM newest i WHERE i.score IS NOT NULL ORDER BY 1""")
    return rows.assign(home=rows["home"].fillna(rows[data.unit]))


def sheets_alike(data: StudyData) -> pd.DataFrame:
    """Return the sheets of the last twelve months that are long enough to judge, by employee.

    Returns
    -------
    DataFrame: employee_id, home (the team at the first of them), n, straight (of these, the same answer throughout).
    """
    sheets = ex_sheets(data)
    recent = pd.to_datetime(sheets["responded_on"]) > pd.Timestamp(data.study.period.last) - pd.DateOffset(years=1)
    sheets = sheets[sheets["judged"] & recent]
    home = sheets["team_id"].fillna(sheets["employee_id"])
    out = sheets.assign(home=home).groupby("employee_id", sort=True).agg(
        home=("home", "first"), n=("straight", "size"), straight=("straight", "sum")
    )  # fmt: skip
    return out.reset_index().astype({"n": "int64", "straight": "int64"})


def named_people(data: StudyData) -> pd.DataFrame:
    """Return per employee who answered in the last twelve months whether always under their own name.

    Returns
    -------
    DataFrame: employee_id, home (the present team), n (1), named (1 or 0). An answer that does not say counts as named.
    """
    rows = data.query(f"""
        SELECT r.employee_id, any_value(e.team_id) AS home, 1 AS n,
               min(coalesce(r.identified, true)::INTEGER) AS named
        FROM ex_responses r JOIN employees e USING (employee_id)
        WHERE r.responded_on > DATE '{data.study.period.last}' - INTERVAL 1 YEAR GROUP BY 1 ORDER BY 1""")
    return rows.assign(home=rows["home"].fillna(rows["employee_id"]))
