"""Remarks on tables that are valid and yet look mistaken: said once, before any step runs; nothing is changed."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb

from exlink.data.exposures import slug
from exlink.data.study import Study
from exlink.errors import did_you_mean, listed

FAR = timedelta(days=5 * 365)  # from the first and last contact: an initiative farther off has a mistyped year
SHOWN = 3  # names in one sentence


def remarks(con: duckdb.DuckDBPyConnection, contacts: str, study: Study, labels: dict[str, str]) -> list[str]:
    """Return sentences on a period without data, and on initiatives whose aspect or date fits nothing.

    Parameters
    ----------
    con : holds the validated tables.
    contacts : the linked relation, as SQL.
    labels : ``ex_`` column → aspect as the study calls it, of the aspects asked within the period.
    """
    first, last = con.execute(f"SELECT min(started_at)::DATE, max(started_at)::DATE FROM {contacts}").fetchall()[0]
    tables = {row[0] for row in con.execute("SHOW TABLES").fetchall()}
    found = [_on_period(last, study)]
    if "initiatives" in tables:
        found += [_on_aspects(con, labels), _on_dates(con, first, last)]
    return [text for text in found if text]


def _on_period(last: date, study: Study) -> str:
    if last >= study.period.first:
        return ""
    return (
        f"interactions: the last one is of {last}, before the period {study.period.label} begins. Everything up to it "
        "is read; check `period`."
    )


def _on_aspects(con: duckdb.DuckDBPyConnection, labels: dict[str, str]) -> str:
    asked = con.execute("SELECT aspect, count(*) FROM initiatives GROUP BY ALL ORDER BY ALL").fetchall()
    unknown = {aspect: rows for aspect, rows in asked if f"ex_{slug(aspect)}" not in labels}
    if not unknown:
        return ""
    hint = did_you_mean(next(iter(unknown)), labels.values())
    return (
        f"initiatives: {sum(unknown.values()):,} rows name an aspect that was not asked in this study "
        f"({listed(map(repr, unknown), SHOWN)}): what they changed cannot be followed. Check `aspect`.{hint}"
    )


def _on_dates(con: duckdb.DuckDBPyConnection, first: date, last: date) -> str:
    rows, names = con.execute(
        "SELECT count(*), list(DISTINCT year(started_on) ORDER BY year(started_on)) FROM initiatives "
        "WHERE started_on NOT BETWEEN ? AND ?", [first - FAR, last + FAR]
    ).fetchall()[0]  # fmt: skip
    if not rows:
        return ""
    return (
        f"initiatives: {rows:,} rows start in {listed(names, SHOWN)}, more than five years from the contacts "
        f"({first} to {last}): no answer before and after can be compared. Check `started_on`."
    )
