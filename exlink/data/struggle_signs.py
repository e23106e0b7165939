"""Signs of struggle between two answers of a unit: what its desktop shows, and escalations left open (M24).

An answer acts from ``lag_days`` after it was given, and until as long after the next one. Signs are counted from then
on, but only up to the day of the next answer: what comes after it cannot have been on the respondent's mind.
"""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.effort import effort_of_row, effort_reason

EFFORT, OFF, SWITCHES, UNRESOLVED = "effort", "off", "switches", "unresolved"
SIGNS = (EFFORT, OFF, SWITCHES, UNRESOLVED)


def signs_by_wave(data: StudyData) -> pd.DataFrame:
    """Return what was seen of a unit between the answer of a wave and the next one.

    Returns
    -------
    DataFrame: unit, wave, and as far as the study records them: effort (minutes a day, M13), off (minutes a day in
    applications that are not managed), switches (a day), NaN where no day was seen; unresolved (contacts of a hundred
    that were escalated and still open when the next answer came; NaN without a next answer, or without contacts).
    """
    out = data.query(f"SELECT {data.unit}, wave FROM exposures ORDER BY ALL")
    for part in (_desktop(data), _escalations(data)):
        out = out if part is None else out.merge(part, on=[data.unit, "wave"], how="left")
    return out


def signs_reasons(data: StudyData) -> list[str]:
    """Return one line for each sign that is not assessed, and why."""
    lines = [effort_reason(data)]
    if not lines[0] and not data.has("desktop_activity", "switches"):
        lines.append("not assessed: needs `desktop_activity.switches`")
    absent = [c for c in ("escalated", "escalation_resolved_on") if not data.has("interactions", c)]
    lines += [f"not assessed: escalations left open need `interactions.{c}`" for c in absent[:1]]
    return [line for line in lines if line]


def _between(data: StudyData) -> str:
    """Return the SQL of answers with the weeks after them: unit, wave, first (inclusive), after (exclusive)."""
    return f"""SELECT {data.unit}, wave, valid_from AS first,
        least(valid_to, lead(responded_on) OVER (PARTITION BY {data.unit} ORDER BY responded_on)) AS after,
        lead(responded_on) OVER (PARTITION BY {data.unit} ORDER BY responded_on) AS asked_again FROM exposures"""


def _desktop(data: StudyData) -> pd.DataFrame | None:
    if effort_reason(data):
        return None
    sums = {EFFORT: f"sum({effort_of_row(data)})", OFF: "coalesce(sum(minutes) FILTER (NOT managed), 0)"}
    if data.has("desktop_activity", "switches"):
        sums[SWITCHES] = "sum(switches)"
    means = ", ".join(f"{total} / count(DISTINCT d.day) AS {name}" for name, total in sums.items())
    return data.query(f"""
        WITH b AS ({_between(data)})
        SELECT b.employee_id, b.wave, {means}
        FROM desktop_activity d JOIN b ON d.employee_id = b.employee_id AND d.day >= b.first
             AND (b.after IS NULL OR d.day < b.after)
        GROUP BY ALL ORDER BY ALL""")


def _escalations(data: StudyData) -> pd.DataFrame | None:
    if not (data.has("interactions", "escalated") and data.has("interactions", "escalation_resolved_on")):
        return None
    left_open = "l.escalated AND (l.escalation_resolved_on IS NULL OR l.escalation_resolved_on >= b.asked_again)"
    return data.query(f"""
        WITH b AS ({_between(data)})
        SELECT l.{data.unit}, l.wave, 100.0 * count_if({left_open}) / count(*) AS {UNRESOLVED}
        FROM linked l JOIN b ON l.{data.unit} = b.{data.unit} AND l.wave = b.wave
        WHERE l.started_at < b.asked_again GROUP BY ALL ORDER BY ALL""")
