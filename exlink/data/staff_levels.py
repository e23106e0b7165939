"""People here on the last day: where they work, what they said last, and a year of contacts with customers."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.warehouse import name_of

LEVELS = ("role", "site", "team")
NOT_RECORDED = "not recorded"


def staff_levels(data: StudyData, aspect: str, kpi: str) -> pd.DataFrame:
    """Return one row per employee of the last day who gave an EX answer on ``aspect`` in the last twelve months.

    Returns
    -------
    DataFrame: employee_id, role, site (`NOT_RECORDED` where none is), team, ex (the latest answer); of the last twelve
    months contacts, and n, sum and sumsq of customers' answers on ``kpi``. ``attrs['here']`` is the number of people
    employed, whether they answered or not.
    """
    here = "left_on IS NULL" if data.has("employees", "left_on") else "true"
    site = f"coalesce(site, '{NOT_RECORDED}')" if data.has("employees", "site") else f"'{NOT_RECORDED}'"
    since = f"DATE '{data.study.period.last}' - INTERVAL 1 YEAR"
    column = name_of(f"ex_{aspect}")
    out = data.query(f"""
        WITH staff AS (SELECT employee_id, role, {site} AS site, team_id AS team FROM employees WHERE {here}),
             said AS (SELECT employee_id, arg_max({column}, responded_on) AS ex FROM exposures
                      WHERE {column} IS NOT NULL AND responded_on > {since} GROUP BY employee_id),
             met AS (SELECT employee_id, count(*) AS contacts, count({kpi}) AS n, sum({kpi}) AS sum,
                            sum({kpi} * {kpi}) AS sumsq
                     FROM interactions WHERE started_at > {since} GROUP BY employee_id)
        SELECT employee_id, role, site, team, ex, coalesce(contacts, 0) AS contacts, coalesce(n, 0) AS n,
               coalesce(sum, 0) AS sum, coalesce(sumsq, 0) AS sumsq
        FROM staff LEFT JOIN said USING (employee_id) LEFT JOIN met USING (employee_id) ORDER BY employee_id""")
    answered = out.dropna(subset="ex").reset_index(drop=True)
    answered.attrs = {"here": len(out)}
    return answered
