"""What employees say of their work as a whole, and what customers say of contacts, by person and quarter (M40)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_kpi_scales, percent_of_scale
from exlink.data.asked import quarter_of, team_then
from exlink.data.dataset import StudyData

ENGAGEMENT = "engagement"
MID_QUARTER = 0.125  # of a year: where a quarter's contacts lie


def engagement_cells(data: StudyData) -> pd.DataFrame:
    """Return one row per employee and wave: the mean of the overall EX scores that were asked, in % of their scales.

    Returns
    -------
    DataFrame: employee_id, team_id (when it was said), wave, years (since the first quarter of the study's EX or
    contacts, by the wave's middle answer), n_engagement, sum_engagement, sumsq_engagement.
    """
    scales = ex_kpi_scales(data)
    rows = data.query(
        f"SELECT i.*, {team_then(data, 'i.responded_on')} AS team_now FROM exposures i ORDER BY employee_id, valid_from"
    )
    parts = [percent_of_scale(rows[f"ex_{kpi}"], scale) for kpi, scale in scales.items() if f"ex_{kpi}" in rows]
    score = pd.concat(parts, axis=1).mean(axis=1, skipna=False) if parts else pd.Series(float("nan"), rows.index)
    said = pd.to_datetime(rows["responded_on"])
    middle = said.groupby(rows["wave"]).transform("median")
    out = pd.DataFrame({
        "employee_id": rows["employee_id"], "team_id": rows["team_now"], "wave": rows["wave"],
        "years": (middle - _zero(data)).dt.days / 365.25, "n_engagement": 1, "sum_engagement": score,
        "sumsq_engagement": score**2,
    })  # fmt: skip
    return out[score.notna()].reset_index(drop=True)


def rating_cells(data: StudyData, kpi: str) -> pd.DataFrame:
    """Return one row per employee, team and quarter: customers' ratings of the contacts then, in % of the scale.

    Returns
    -------
    DataFrame: employee_id, team_id, wave (the quarter), years (since the same day as for the other side, at the
    quarter's middle), n_<kpi>, sum_<kpi>, sumsq_<kpi>.
    """
    low, high = data.study.scales[kpi]
    score = f"({kpi} - {float(low)!r}) / {float(high - low)!r} * 100"
    rows = data.query(f"""
        SELECT employee_id, team_id, {quarter_of("started_at")} AS wave,
               min(date_trunc('quarter', started_at)) AS since,
               count({kpi}) AS n_{kpi}, sum({score}) AS sum_{kpi}, sum(({score}) ** 2) AS sumsq_{kpi}
        FROM interactions WHERE {kpi} IS NOT NULL AND team_id IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""")
    since = pd.to_datetime(rows.pop("since"))
    return rows.assign(years=(since - _zero(data)).dt.days / 365.25 + MID_QUARTER)


def _zero(data: StudyData) -> pd.Timestamp:
    """Return the first day of the first quarter in which employees answered."""
    first = data.query("SELECT min(responded_on) AS first FROM exposures ORDER BY 1")["first"].iloc[0]
    return pd.Timestamp(first).to_period("Q").start_time
