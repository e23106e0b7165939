"""How employees answer: sheets filled in alike from top to bottom, and items left out, with the team at that time."""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import quarter_of, team_then
from exlink.data.dataset import StudyData

FEWEST_ITEMS = 6  # below which the same answer everywhere is no sign of anything


def ex_sheets(data: StudyData) -> pd.DataFrame:
    """Return one row per employee and day of answering: which share of the aspects' items is missing, and straight.

    An item counts as asked where anybody answered it in the same wave at the same touchpoint. A sheet is straight
    when at least ``FEWEST_ITEMS`` items got the same place on their scales.

    Returns
    -------
    DataFrame: employee_id, team_id (at that time), wave, responded_on, asked, answered, straight (False where there
    are too few items to tell), judged (whether there are enough).
    """
    wave = f"coalesce(wave, {quarter_of('responded_on')})" if data.has("ex_responses", "wave") else None
    return data.query(f"""
        WITH said AS (
            SELECT employee_id, responded_on, {wave or quarter_of("responded_on")} AS in_wave, touchpoint, item,
                   (score - scale_min) / nullif(scale_max - scale_min, 0) AS place
            FROM ex_responses WHERE kpi = 'driver'),
        catalogue AS (SELECT in_wave, touchpoint, count(DISTINCT item) AS asked FROM said GROUP BY ALL),
        part AS (
            SELECT employee_id, responded_on, in_wave, touchpoint, count(DISTINCT item) AS answered,
                   min(place) AS low, max(place) AS high
            FROM said GROUP BY ALL),
        sheet AS (
            SELECT employee_id, responded_on, in_wave AS wave, sum(asked) AS asked, sum(answered) AS answered,
                   max(high) - min(low) AS spread
            FROM part JOIN catalogue USING (in_wave, touchpoint) GROUP BY ALL)
        SELECT i.employee_id, {team_then(data, "i.responded_on")} AS team_id, i.wave, i.responded_on,
               i.asked::BIGINT AS asked, i.answered::BIGINT AS answered,
               i.answered >= {FEWEST_ITEMS} AS judged,
               i.answered >= {FEWEST_ITEMS} AND abs(i.spread) < 1e-9 AS straight
        FROM sheet i ORDER BY ALL""")
