"""The voice of customers and employees by theme and quarter: what came in, what was acted on, what was told back (M42).

A piece of feedback has no author in the contract, so its count stands for people: at most so many are behind it.
"""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import ex_asked, quarter_of
from exlink.data.dataset import StudyData

OTHER = "other themes"


def feedback(data: StudyData) -> str:
    """Return the SQL of ``voc_feedback`` in which themes of few pieces are one theme, ``other themes``.

    A theme is somebody's wording. With fewer pieces than the study's minimum group its name alone may tell who gave
    them, so it is taken away before anything is counted; of each source apart.
    """
    few = f"count(*) OVER (PARTITION BY source, theme) < {data.study.privacy.min_group}"
    return f"(SELECT * REPLACE (CASE WHEN {few} THEN '{OTHER}' ELSE theme END AS theme) FROM voc_feedback)"


def voice_cells(data: StudyData, act_days: int) -> pd.DataFrame:
    """Return one row per source, theme and quarter of receipt.

    Parameters
    ----------
    act_days : int
        Days within which something is done, or counts as not done.

    Returns
    -------
    DataFrame: source, theme, quarter, received; of those so old that ``act_days`` have passed by the period's end:
    due, acted (within ``act_days``), told (of the acted ones, told back by the period's end); acted_ever.
    """
    last = f"DATE '{data.study.period.last}'"
    acted = "acted_on" if data.has("voc_feedback", "acted_on") else "NULL::DATE"
    told = "told_back_on" if data.has("voc_feedback", "told_back_on") else "NULL::DATE"
    return data.query(f"""
        WITH i AS (
            SELECT source, theme, {quarter_of("received_on")} AS quarter,
                   received_on + {int(act_days)} <= {last} AS due,
                   coalesce({acted} <= received_on + {int(act_days)}, false) AS acted,
                   {acted} IS NOT NULL AND {told} IS NOT NULL AS told, {acted} IS NOT NULL AS ever
            FROM {feedback(data)})
        SELECT source, theme, quarter, count(*) AS received, count_if(due) AS due, count_if(due AND acted) AS acted,
               count_if(due AND acted AND told) AS told, count_if(ever) AS acted_ever
        FROM i GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""").astype({"received": "int64", "due": "int64", "acted": "int64",
                                                            "told": "int64", "acted_ever": "int64"})  # fmt: skip


def first_actions(data: StudyData) -> pd.DataFrame:
    """Return, of every theme that was ever acted on, the quarter in which that began: source, theme, quarter."""
    if not data.has("voc_feedback", "acted_on"):
        return pd.DataFrame(columns=["source", "theme", "quarter"])
    return data.query(f"""
        SELECT source, theme, {quarter_of("min(acted_on)")} AS quarter FROM {feedback(data)}
        WHERE acted_on IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""")


def answer_rates(data: StudyData) -> pd.DataFrame | None:
    """Return employees' invitations by quarter: employee_id, quarter, n_answered, sum_answered; None without any."""
    asked = ex_asked(data)
    if asked is None:
        return None
    rows = asked[asked["surveyed"]].groupby([data.unit, "quarter"], sort=True)["answered"].agg(["size", "sum"])
    return rows.rename(columns={"size": "n_answered", "sum": "sum_answered"}).reset_index()


def voice_authority(data: StudyData) -> pd.DataFrame:
    """Return, by source and theme, of how much feedback it is recorded whether its owner can act.

    Returns
    -------
    DataFrame: source, theme, known (pieces of which it is recorded), cannot (of these, the owner cannot act).
    """
    return data.query(f"""
        SELECT source, theme, count(owner_can_act) AS known, count_if(coalesce(NOT owner_can_act, false)) AS cannot
        FROM {feedback(data)} GROUP BY 1, 2 ORDER BY 1, 2""").astype({"known": "int64", "cannot": "int64"})
