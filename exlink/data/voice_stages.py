"""Feedback on its way from being received to being told back: how far pieces came and how long each hand-off took.

An owner can be a person, so owners are told apart only by whether they can act. A piece has no author in the contract:
its count stands for people.
"""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import quarter_of
from exlink.data.dataset import StudyData
from exlink.data.voice import feedback

CAN, CANNOT, UNSAID, NOBODY = "owner can act", "owner cannot act", "owner, power to act not recorded", "no owner"
STAGES = {
    "acknowledged": "acknowledged_on", "owned": "owner", "acted": "acted_on", "told": "told_back_on"
}  # fmt: skip


def stage_cells(data: StudyData, act_days: int) -> pd.DataFrame:
    """Return how far feedback came that is old enough: one row per source, theme, quarter of receipt and kind of owner.

    Returns
    -------
    DataFrame: source, theme, quarter, kind (of owner), due (pieces received at least ``act_days`` before the period's
    last day), and of those: acknowledged and acted (within ``act_days``), owned (as recorded now), told (acted within
    ``act_days``, and told back by the period's end), unseen (acted, and never acknowledged on record). A stage the
    study keeps no column for counts nothing.
    """
    has = {name: data.has("voc_feedback", column) for name, column in STAGES.items()}
    within = {
        name: f"coalesce({STAGES[name]} <= received_on + {int(act_days)}, false)" if has[name] else "false"
        for name in ("acknowledged", "acted")
    }
    told = "acted AND told_back_on IS NOT NULL" if has["told"] else "false"
    unseen = "acted AND acknowledged_on IS NULL" if has["acknowledged"] else "false"
    counts = ["due", *STAGES, "unseen"]
    return data.query(f"""
        WITH due AS (
            SELECT *, {within["acknowledged"]} AS seen, {within["acted"]} AS acted, {_kind(data)} AS kind
            FROM {feedback(data)} WHERE received_on + {int(act_days)} <= DATE '{data.study.period.last}')
        SELECT source, theme, {quarter_of("received_on")} AS quarter, kind, count(*) AS due,
               count_if(seen) AS acknowledged, {"count(owner)" if has["owned"] else "0"} AS owned,
               count_if(acted) AS acted, count_if({told}) AS told, count_if({unseen}) AS unseen
        FROM due GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4""").astype(dict.fromkeys(counts, "int64"))


def hand_offs(data: StudyData, start: str, end: str) -> pd.DataFrame:
    """Return the days between two dates of ``voc_feedback``, pieces alike counted.

    Returns
    -------
    DataFrame: source, theme, quarter (of receipt), kind (of owner), days (to ``end``; to the period's last day where it
    has not come), ended, pieces. Days are negative where ``end`` is recorded before ``start``. Pieces without ``start``
    are not in it.
    """
    last = f"DATE '{data.study.period.last}'"
    return data.query(f"""
        SELECT source, theme, {quarter_of("received_on")} AS quarter, {_kind(data)} AS kind,
               (coalesce({end}, {last}) - {start})::BIGINT AS days, {end} IS NOT NULL AS ended, count(*) AS pieces
        FROM {feedback(data)} WHERE {start} IS NOT NULL GROUP BY ALL ORDER BY ALL""").astype({"pieces": "int64"})


def _kind(data: StudyData) -> str:
    """Return the SQL that tells whether a piece's owner can act; owners themselves are never read."""
    can = "owner_can_act" if data.has("voc_feedback", "owner_can_act") else "NULL::BOOLEAN"
    owner = "owner" if data.has("voc_feedback", "owner") else "NULL"
    return (
        f"CASE WHEN {can} THEN '{CAN}' WHEN NOT {can} THEN '{CANNOT}' "
        f"WHEN {owner} IS NOT NULL THEN '{UNSAID}' ELSE '{NOBODY}' END"
    )
