"""Remarks on tables that are valid and yet look mistaken; nothing is changed.

``exlink check`` and the first page show them, so they quote nothing that somebody typed into a cell.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

import duckdb

from exlink.data.exposures import slug
from exlink.data.study import Study
from exlink.errors import nearest

FAR = timedelta(days=5 * 365)  # from the first and last answer or contact: farther off the year is mistyped


def remarks(
    con: duckdb.DuckDBPyConnection, contacts: str, study: Study, asked: Collection[str], labels: dict[str, str]
) -> list[str]:
    """Return sentences on a period without data, and on initiatives whose aspect or date fits nothing.

    Parameters
    ----------
    con : holds the validated tables.
    contacts : the linked relation, as SQL.
    asked : ``ex_`` columns of what was asked and can be linked.
    labels : ``ex_`` column → aspect as the study calls it, of the aspects among them.
    """
    last = con.execute(f"SELECT max(started_at)::DATE FROM {contacts}").fetchall()[0][0]
    tables = {row[0] for row in con.execute("SHOW TABLES").fetchall()}
    found = [_on_period(last, study)]
    if "initiatives" in tables:
        found += [_on_aspects(con, asked, labels), _on_dates(con, contacts)]
    return [text for text in found if text]


def _on_period(last: date, study: Study) -> str:
    if last >= study.period.first:
        return ""
    return (
        f"interactions: the last one is of {last}, before the period {study.period.label} begins. Everything up to it "
        "is read; check `period`."
    )


def _on_aspects(con: duckdb.DuckDBPyConnection, asked: Collection[str], labels: dict[str, str]) -> str:
    aims = con.execute("SELECT DISTINCT initiative_id, aspect FROM initiatives ORDER BY ALL").fetchall()
    lost = [(one, aspect) for one, aspect in aims if f"ex_{slug(aspect)}" not in asked]
    if not lost:
        return ""
    near = {match: None for _, aspect in lost if (match := nearest(aspect, labels.values()))}
    meant = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return (
        f"initiatives: {_counted({one for one, _ in lost})} an aspect without answers that can be linked, so what "
        f"changed there cannot be followed. Check `aspect`.{meant}"
    )


def _on_dates(con: duckdb.DuckDBPyConnection, contacts: str) -> str:
    first, last = con.execute(
        f"SELECT min(day), max(day) FROM (SELECT started_at::DATE AS day FROM {contacts} "
        "UNION ALL SELECT responded_on FROM ex_responses)"
    ).fetchall()[0]  # fmt: skip
    far = con.execute(
        "SELECT DISTINCT initiative_id, year(started_on) FROM initiatives WHERE started_on NOT BETWEEN ? AND ? "
        "ORDER BY ALL", [first - FAR, last + FAR]
    ).fetchall()  # fmt: skip
    if not far:
        return ""
    years = ", ".join(str(year) for year in sorted({year for _, year in far})[:3])
    return (
        f"initiatives: {_counted({one for one, _ in far})} a first day in {years}, more than five years from all "
        f"answers and contacts ({first} to {last}). Check `started_on`."
    )


def _counted(initiatives: Collection[str]) -> str:
    return "1 initiative has" if len(initiatives) == 1 else f"{len(initiatives):,} initiatives have"
