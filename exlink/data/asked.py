"""Who was asked and who answered, on both sides."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData


def quarter_of(column: str) -> str:
    """Return the SQL that names the quarter of a date: ``2026Q3``."""
    return f"(year({column}) || 'Q' || quarter({column}))"


def ex_asked(data: StudyData) -> pd.DataFrame | None:
    """Return one row per EX invitation, or None when the study keeps no invitations.

    An invitation counts as answered when its unit answered anything about that touchpoint before it was
    invited to the same touchpoint again. Late answers count; answers after the period are not known yet,
    so the last quarter's rate can still rise.

    Returns
    -------
    DataFrame: unit, team_id (at that time), touchpoint, invited_on, quarter, answered, surveyed (False where
    the study holds no answer of anybody about that touchpoint: people met it, nobody was asked).
    """
    if not data.has("ex_invitations"):
        return None
    unit = data.unit
    team = "" if unit == "team_id" else f", {team_then(data, 'i.invited_on')} AS team_id"
    return data.query(f"""
        WITH invited AS (
            SELECT {unit}, touchpoint, invited_on,
                   lead(invited_on) OVER (PARTITION BY {unit}, touchpoint ORDER BY invited_on) AS next_on
            FROM ex_invitations),
        said AS (SELECT DISTINCT {unit}, touchpoint, responded_on FROM ex_responses)
        SELECT i.{unit}{team}, i.touchpoint, i.invited_on, {quarter_of("i.invited_on")} AS quarter,
               EXISTS (FROM said s WHERE s.{unit} = i.{unit} AND s.touchpoint = i.touchpoint
                       AND s.responded_on >= i.invited_on
                       AND (i.next_on IS NULL OR s.responded_on < i.next_on)) AS answered,
               i.touchpoint IN (SELECT touchpoint FROM said) AS surveyed
        FROM invited i ORDER BY ALL""")


def cx_asked(data: StudyData) -> pd.DataFrame:
    """Return, per unit, team, quarter and touchpoint, how many contacts there were and what was asked and answered.

    Returns
    -------
    DataFrame: unit, team_id, quarter, touchpoint, contacts, invited (contacts where the study keeps no
    invitations), answered; and of the contacts with an EX in force: linked, linked_invited, linked_answered. An
    answer to a contact without invitation counts in ``linked_answered`` but not in ``answered``.
    """
    unit = data.unit
    team = "" if unit == "team_id" else "team_id, "
    invited = "invited_at IS NOT NULL" if data.has("cx_invitations") else "true"
    counts = ["contacts", "invited", "answered", "linked", "linked_invited", "linked_answered"]
    # quarters are named after counting: the engine groups their first days faster than texts
    frame = data.query(f"""
        WITH counted AS (
            SELECT {unit}, {team}date_trunc('quarter', started_at) AS since, touchpoint, count(*) AS contacts,
                   count_if({invited}) AS invited, count_if({invited} AND has_cx) AS answered, count(wave) AS linked,
                   count_if(wave IS NOT NULL AND {invited}) AS linked_invited,
                   count_if(wave IS NOT NULL AND has_cx) AS linked_answered
            FROM interactions GROUP BY ALL)
        SELECT {unit}, {team}{quarter_of("since")} AS quarter, * EXCLUDE ({unit}, {team}since)
        FROM counted ORDER BY ALL""")
    return frame.astype(dict.fromkeys(counts, "int64"))


def team_then(data: StudyData, moment: str) -> str:
    """Return the SQL of the team of row ``i``'s employee at ``moment``, from the history where there is one."""
    now = "(SELECT e.team_id FROM employees e WHERE e.employee_id = i.employee_id)"
    if not data.has("assignments"):
        return now
    ends = f"(a.valid_to IS NULL OR {moment} < a.valid_to)" if data.has("assignments", "valid_to") else "true"
    then = (
        "(SELECT arg_max(a.team_id, a.valid_from) FROM assignments a WHERE a.employee_id = i.employee_id "
        f"AND a.valid_from <= {moment} AND {ends})"
    )
    return f"coalesce({then}, {now})"
