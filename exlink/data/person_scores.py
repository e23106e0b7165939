"""Customers' answers as sums by employee: what a score of single people would be made of (M49)."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData


def person_scores(data: StudyData, kpi: str) -> pd.DataFrame:
    """Return customers' answers by employee, over the study and in the last quarter that has any.

    Returns
    -------
    DataFrame: employee_id, n, total, sumsq, last (answers in the last quarter), rating (performance as recorded; NaN
    where it is not).
    """
    rating = "e.performance_rating" if data.has("employees", "performance_rating") else "NULL"
    return data.query(f"""
        WITH q AS (SELECT date_trunc('quarter', max(started_at)) AS since FROM interactions WHERE {kpi} IS NOT NULL),
        s AS (SELECT employee_id, count({kpi}) AS n, sum({kpi}) AS total, sum({kpi} ** 2) AS sumsq,
                     count({kpi}) FILTER (started_at >= (SELECT since FROM q)) AS last
              FROM interactions WHERE {kpi} IS NOT NULL GROUP BY ALL)
        SELECT s.*, {rating}::DOUBLE AS rating FROM s JOIN employees e USING (employee_id) ORDER BY employee_id""")
