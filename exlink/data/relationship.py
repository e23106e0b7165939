"""Customers' overall answers beside the last contact they had rated before, summed per employee (M10)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import headline_kpi
from exlink.data.dataset import StudyData

FEWEST_PAIRS = 100  # overall answers with a rated contact before them; fewer give no slope worth a place
WITHIN_DAYS = 183  # an older contact says little about what is thought today


def relationship_kpi(data: StudyData) -> str | None:
    """Return the KPI that customers were asked about single contacts and about the relationship, or None."""
    both = [k for k in data.cx_kpis if data.has("customer_relationship", k)]
    return headline_kpi(both)


def priorities_reason(data: StudyData) -> str:
    """Return why touchpoints cannot be set in order by what customers say overall, or ''."""
    if missing := data.missing("customer_relationship"):
        return missing
    if relationship_kpi(data) is None:
        return "not assessed: needs the same KPI in `cx_responses` and `customer_relationship`"
    return ""


def few_pairs_reason(sums: pd.DataFrame) -> str:
    """Return why too few touchpoints of :func:`contact_and_overall` carry a slope, or ''."""
    if (sums.groupby("touchpoint")["n"].sum() >= FEWEST_PAIRS).sum() >= 2:
        return ""
    return f"not assessed: needs two touchpoints with {FEWEST_PAIRS} overall answers after a rated contact"


def contact_and_overall(data: StudyData, kpi: str) -> pd.DataFrame:
    """Return sums of the contact's score (x) and the overall score (y) per touchpoint and unit, in one pass.

    Every overall answer stands beside the last rated contact of the same customer in the ``WITHIN_DAYS`` before it. A
    customer who answers several times repeats; sums are kept per unit only, so errors allow for units whose contacts
    are alike, not for customers who are.

    Returns
    -------
    DataFrame: touchpoint, unit, n, sum_x, sum_y, sumsq_x, sum_xy; scores are counted from the middle of their scale.
    """
    low, high = data.study.scales[kpi]
    middle = (low + high) / 2
    return data.query(f"""
        WITH rated AS (
            SELECT customer_id, {data.unit}, touchpoint, started_at, {kpi} - {middle} AS x
            FROM interactions WHERE {kpi} IS NOT NULL AND customer_id IS NOT NULL),
        overall AS (SELECT customer_id, responded_on::TIMESTAMP AS said_at, {kpi} - {middle} AS y
                    FROM customer_relationship WHERE {kpi} IS NOT NULL)
        SELECT touchpoint, {data.unit}, count(*) AS n, sum(x) AS sum_x, sum(y) AS sum_y, sum(x * x) AS sumsq_x,
               sum(x * y) AS sum_xy
        FROM overall o ASOF JOIN rated r ON o.customer_id = r.customer_id AND o.said_at > r.started_at
        WHERE o.said_at <= r.started_at + INTERVAL {WITHIN_DAYS} DAY GROUP BY ALL ORDER BY ALL""")
