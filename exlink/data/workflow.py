"""Contacts that did not go through at once, by who served them and where: handed on, reopened, escalated (M49)."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData

TROUBLE = {"handed on": "coalesce(transfers, 0) > 0", "reopened": "coalesce(reopened, false)",
           "escalated": "coalesce(escalated, false)"}  # fmt: skip
_COLUMNS = {"handed on": "transfers", "reopened": "reopened", "escalated": "escalated"}


def kinds_of_trouble(data: StudyData) -> list[str]:
    """Return which ways of not going through at once the study records, in words."""
    return [kind for kind, column in _COLUMNS.items() if data.has("interactions", column)]


def workflow_cells(data: StudyData, days: int) -> pd.DataFrame:
    """Return contacts by who served them, site, team and touchpoint, in one pass.

    Parameters
    ----------
    days : int
        Days within which an escalation is solved, or counts as left open.

    Returns
    -------
    DataFrame: the study's unit, site (None where none is recorded), team_id, touchpoint, contacts, again (of any kind
    that is recorded), hours (of handling in these; NaN where not recorded), escalated, due (escalations at least
    ``days`` old when the period ends), late (of these, not solved within ``days``; NaN where solving is not recorded).
    ``attrs['years']`` is how long contacts were observed.
    """
    kinds = kinds_of_trouble(data)
    again = " OR ".join(f"({TROUBLE[kind]})" for kind in kinds) or "false"
    escalated = "coalesce(escalated, false)" if "escalated" in kinds else "false"
    hours = f"sum(handle_seconds) FILTER ({again}) / 3600.0" if data.has("interactions", "handle_seconds") else "NULL"
    site = "site" if data.has("employees", "site") else "NULL"
    old = f"{escalated} AND started_at::DATE + {int(days)} <= DATE '{data.study.period.last}'"
    late = "NULL"
    if data.has("interactions", "escalation_resolved_on"):
        late = f"count_if({old} AND coalesce(escalation_resolved_on > started_at::DATE + {int(days)}, true))"
    keys = list(dict.fromkeys([data.unit, "team_id", "touchpoint"]))
    counts = ["contacts", "again", "escalated", "due"]
    cells = data.query(f"""
        SELECT {", ".join(keys)}, {site}::VARCHAR AS site, count(*) AS contacts, count_if({again}) AS again,
               {hours}::DOUBLE AS hours, count_if({escalated}) AS escalated, count_if({old}) AS due,
               {late}::DOUBLE AS late, min(started_at)::DATE AS first, max(started_at)::DATE AS last
        FROM interactions GROUP BY ALL ORDER BY ALL""").astype(dict.fromkeys(counts, "int64"))
    cells.attrs = {"years": (pd.to_datetime(cells.pop("last")).max() - pd.to_datetime(cells.pop("first")).min()
                             ).days / 365.25 + 1 / 365.25}  # fmt: skip
    return cells
