"""Work beside the systems: time in applications that are not managed, what it costs, what is copied by hand (M41)."""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import quarter_of, team_then
from exlink.data.dataset import StudyData
from exlink.data.effort import COUNTS

OTHERS = "other applications"
COPY_MINUTES = next(count.minutes for count in COUNTS if count.column == "copy_pastes")


def off_system_days(data: StudyData) -> pd.DataFrame:
    """Return what was seen of every employee's desktop, per quarter.

    Returns
    -------
    DataFrame: employee_id, quarter, team_id (on the first day seen), days (observed), minutes (in all applications),
    off (minutes in applications that are not managed), copying (minutes' worth of copies by hand in managed ones: those
    in others are part of ``off``; 0 where copies are not recorded), salary (a year; NaN where not recorded).
    """
    copies = "coalesce(copy_pastes, 0)" if data.has("desktop_activity", "copy_pastes") else "0"
    salary = "e.annual_salary" if data.has("employees", "annual_salary") else "NULL"
    return data.query(f"""
        WITH i AS (
            SELECT employee_id, {quarter_of("day")} AS quarter, min(day) AS first_day, count(DISTINCT day) AS days,
                   sum(minutes)::DOUBLE AS minutes,
                   coalesce(sum(minutes) FILTER (NOT managed), 0)::DOUBLE AS off,
                   coalesce(sum({copies}) FILTER (managed), 0)::DOUBLE * {COPY_MINUTES!r} AS copying
            FROM desktop_activity GROUP BY ALL)
        SELECT i.employee_id, i.quarter, {team_then(data, "i.first_day")} AS team_id, i.days, i.minutes, i.off,
               i.copying, {salary}::DOUBLE AS salary
        FROM i JOIN employees e USING (employee_id) ORDER BY ALL""")


def off_system_applications(data: StudyData) -> pd.DataFrame:
    """Return per employee and application that is not managed: employee_id, application, off (minutes).

    Applications that fewer people use than the study's minimum group are one, ``other applications``: what somebody
    calls a tool of their own may tell whose it is.
    """
    return data.query(f"""
        WITH i AS (
            SELECT employee_id, application, sum(minutes)::DOUBLE AS off FROM desktop_activity
            WHERE NOT managed AND minutes > 0 GROUP BY ALL),
        j AS (SELECT *, count(*) OVER (PARTITION BY application) AS users FROM i)
        SELECT employee_id, CASE WHEN users < {data.study.privacy.min_group} THEN '{OTHERS}' ELSE application END
               AS application, sum(off) AS off FROM j GROUP BY 1, 2 ORDER BY ALL""")


def off_system_waves(data: StudyData) -> pd.DataFrame:
    """Return hours a day off the systems while a wave's answer is in force: employee_id, wave, hours."""
    return data.query("""
        SELECT d.employee_id, x.wave,
               coalesce(sum(d.minutes) FILTER (NOT d.managed), 0) / count(DISTINCT d.day) / 60 AS hours
        FROM desktop_activity d JOIN exposures x ON d.employee_id = x.employee_id AND d.day >= x.valid_from
             AND (x.valid_to IS NULL OR d.day < x.valid_to)
        GROUP BY ALL ORDER BY ALL""")


def headcount(data: StudyData) -> int:
    """Return how many employees are there on the period's last day."""
    people = data.frame("employees", ["employee_id"])
    if not data.has("employees", "left_on"):
        return len(people)
    left = pd.to_datetime(data.frame("employees", ["employee_id", "left_on"])["left_on"])
    return int((left.isna() | (left > pd.Timestamp(data.study.period.last))).sum())
