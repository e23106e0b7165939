"""What counts as an employee's effort on the desktop, as data, and the minutes it took (M13).

Changing what counts is changing a row here and a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from exlink.data.asked import quarter_of, team_then
from exlink.data.dataset import StudyData

TOTAL = "all effort"


@dataclass(frozen=True, slots=True)
class EffortPart:
    """One of the four parts: which rows of ``desktop_activity`` belong to it, and what the gap means."""

    name: str
    category: str
    gap: str


@dataclass(frozen=True, slots=True)
class EffortCount:
    """What is counted in every part: a column, in which applications, and the minutes one unit of it stands for."""

    column: str
    managed: bool | None  # None: in all applications
    minutes: float
    why: str


PARTS: tuple[EffortPart, ...] = (
    EffortPart("process", "process", "work that the process leaves to private spreadsheets and detours"),
    EffortPart("application support", "application support", "knowledge that people keep for themselves"),
    EffortPart("training", "training", "learning that is looked for outside what is offered"),
    EffortPart("collaboration", "collaboration", "asking round outside the channels that are provided"),
)
COUNTS: tuple[EffortCount, ...] = (
    EffortCount("minutes", False, 1.0, "time in applications that the company does not manage"),
    EffortCount("switches", None, 2 / 60, "two seconds to find one's way again (Murty, Dadlani & Das 2022)"),
    EffortCount("copy_pastes", None, 4 / 60, "moved by hand: there and back, two switches"),
)


def effort_columns() -> list[str]:
    """Return the names of the parts and of their sum."""
    return [*(part.name for part in PARTS), TOTAL]


def effort_reason(data: StudyData) -> str:
    """Return why there is no effort index, or ''."""
    if data.unit == "team_id":
        return "not assessed: needs EX and `desktop_activity` of employees; this study links at the level of teams"
    if missing := data.missing("desktop_activity"):
        return missing
    known = set(data.query("SELECT DISTINCT category FROM desktop_activity ORDER BY category")["category"].dropna())
    if known & {part.category for part in PARTS}:
        return ""
    wanted = ", ".join(part.category for part in PARTS)
    return f"not assessed: no row of `desktop_activity.category` is one of {wanted}"


def effort_by_quarter(data: StudyData) -> pd.DataFrame:
    """Return minutes of effort per employee and quarter.

    Returns
    -------
    DataFrame: employee_id, role, team_id (when the quarter's days begin), quarter, days (observed), and per part and in
    all the minutes of these days.
    """
    return data.query(f"""
        WITH day AS ({_days(data)}),
        i AS (SELECT d.employee_id, e.role, {quarter_of("d.day")} AS quarter, min(d.day) AS first_day,
                     count(*) AS days, {_sums("d.")}
              FROM day d JOIN employees e USING (employee_id) GROUP BY d.employee_id, e.role, quarter)
        SELECT * EXCLUDE (first_day), {team_then(data, "i.first_day")} AS team_id
        FROM i ORDER BY employee_id, quarter""")


def effort_by_wave(data: StudyData) -> pd.DataFrame:
    """Return minutes of effort per employee and wave, over the days on which that wave's EX answer is in force.

    Returns
    -------
    DataFrame: employee_id, wave, days, and per part and in all the minutes a day.
    """
    frame = data.query(f"""
        WITH day AS ({_days(data)})
        SELECT d.employee_id, x.wave, count(*) AS days, {_sums("d.")}
        FROM day d JOIN exposures x ON d.employee_id = x.employee_id AND d.day >= x.valid_from
             AND (x.valid_to IS NULL OR d.day < x.valid_to)
        GROUP BY ALL ORDER BY ALL""")
    for name in effort_columns():
        frame[name] = frame[name] / frame["days"]
    return frame


def effort_of_row(data: StudyData) -> str:
    """Return the SQL of the minutes of effort, in all, that one row of ``desktop_activity`` stands for."""
    known = ", ".join(f"'{part.category}'" for part in PARTS)
    return f"(CASE WHEN category IN ({known}) THEN {_minutes(data)} ELSE 0 END)::DOUBLE"


def _days(data: StudyData) -> str:
    """Return the SQL that sums single applications to one row per employee and day, minutes of effort by part."""
    parts = [
        f"sum(CASE WHEN category = '{part.category}' THEN {_minutes(data)} ELSE 0 END)::DOUBLE AS \"{part.name}\""
        for part in PARTS
    ]
    return f"SELECT employee_id, day, {', '.join(parts)} FROM desktop_activity GROUP BY ALL"


def _minutes(data: StudyData) -> str:
    """Return the SQL of what is counted of one row, in minutes."""
    terms = []
    for count in COUNTS:
        if data.has("desktop_activity", count.column):
            value = f"coalesce({count.column}, 0) * {count.minutes!r}"
            there = f"managed IS {str(count.managed).upper()}"
            terms.append(value if count.managed is None else f"CASE WHEN {there} THEN {value} ELSE 0 END")
    return " + ".join(terms)


def _sums(alias: str) -> str:
    names = [f'{alias}"{part.name}"' for part in PARTS]
    single = [f"sum({name}) AS {name.removeprefix(alias)}" for name in names]
    return ", ".join([*single, f'sum({" + ".join(names)}) AS "{TOTAL}"'])


def mean_minutes(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return sums of an effort table in the columns that means with clusters read: n_<part>, sum_<part>.

    Days are the rows of the mean, employees its clusters.
    """
    keys = ["employee_id", *[b for b in by if b != "employee_id"]]
    sums = frame.groupby(keys, sort=True)[["days", *effort_columns()]].sum().reset_index()
    for name in effort_columns():
        sums = sums.rename(columns={name: f"sum_{name}"}).assign(**{f"n_{name}": sums["days"]})
    return sums
