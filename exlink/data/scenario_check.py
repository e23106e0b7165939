"""Scenarios of a study file held against its data, before any step runs: what is asked for must be there."""

from __future__ import annotations

import duckdb

from exlink.data.exposures import slug
from exlink.data.scenario import Scenario
from exlink.data.study import Study
from exlink.errors import StudyError, did_you_mean


def refuse_unknown(con: duckdb.DuckDBPyConnection, study: Study, labels: dict[str, str], unit: str) -> None:
    """Raise StudyError, one sentence a problem, where a scenario names what this study does not have.

    Parameters
    ----------
    con : holds the validated tables.
    labels : ``ex_`` column → aspect as the study calls it, of the aspects asked within the period.
    unit : ``employee_id`` or ``team_id``.
    """
    if not study.scenarios:
        return
    widths = dict(con.execute(
        "SELECT aspect, max(scale_max - scale_min) FROM ex_responses WHERE kpi = 'driver' GROUP BY ALL ORDER BY ALL"
    ).fetchall())  # fmt: skip
    wrong = []
    for place, one in enumerate(study.scenarios, start=1):
        problems = (_of_aspect(one, labels, widths), _of_group(con, one, study, unit))
        wrong += [f"{study.file}: scenarios.{place}.{text}" for text in problems if text]
    if wrong:
        raise StudyError("\n".join(wrong))


def _of_aspect(one: Scenario, labels: dict[str, str], widths: dict[str, float]) -> str:
    if one.kind == "cx":
        return ""
    asked = labels.get(f"ex_{slug(one.aspect)}")
    if asked is None:
        return f"aspect: '{one.aspect}' was not asked in this study.{did_you_mean(one.aspect, labels.values())}"
    if one.delta > widths[asked]:
        return f"delta is {one.delta:g} points, more than the whole scale of '{asked}' ({widths[asked]:g}). Lower it."
    return ""


def _of_group(con: duckdb.DuckDBPyConnection, one: Scenario, study: Study, unit: str) -> str:
    if not one.group:
        return ""
    if unit != "employee_id":
        return f"group: this study speaks of units, not of roles. Leave out `group` ('{one.group}')."
    columns = {row[0] for row in con.execute("DESCRIBE employees").fetchall()}
    here = "left_on IS NULL" if "left_on" in columns else "true"
    roles = dict(con.execute(
        f"SELECT role, count_if({here}) FROM employees GROUP BY ALL ORDER BY ALL").fetchall())  # fmt: skip
    if one.group not in roles:
        return f"group: nobody has the role '{one.group}' in this study.{did_you_mean(one.group, roles)}"
    if roles[one.group] < (least := study.privacy.min_group):  # their number would stand beside their cost
        return f"group: fewer than {least} people are '{one.group}'. Choose a role with more, or everyone."
    return ""
