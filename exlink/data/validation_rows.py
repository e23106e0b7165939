"""The contract row by row, for tables that fit in memory: pandera schemas made from the declarations."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from exlink.data.contract import Table
from exlink.data.typed import output_columns
from exlink.data.validation_engine import (
    Parents,
    bounds_reason,
    duplicate_reason,
    missing_reason,
    parent_reason,
    values_reason,
)
from exlink.data.warehouse import name_of, quoted


def reject_by_row(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    columns: list[str],
    select: str,
    parents: Parents,
    folder: Path,
) -> tuple[int, int, list[dict[str, object]]]:
    """Check a small table with pandera and write its used rows to ``folder``.

    Returns rows read, rows after the period, and one ``{reason, rows, first_rows}`` per reason.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE __typed AS {select}")  # row numbers must not move between reads
    read, later = con.execute("SELECT count(*), coalesce(count_if(__later), 0) FROM __typed").fetchall()[0]
    frame = con.execute("SELECT * EXCLUDE (__later) FROM __typed WHERE NOT __later ORDER BY __row").df()
    known = {
        p.column: set(con.execute(f"SELECT DISTINCT {name_of(p.parent_column)} FROM {p.parent}").df().iloc[:, 0])
        for p in table.parents
        if p.parent in parents and p.column in columns
    }
    if "team_id" in known and "assignments" in parents:  # a team may only appear in the history
        known["team_id"] |= set(con.execute("SELECT DISTINCT team_id FROM assignments").df()["team_id"])
    why = _reasons(table, frame, known)
    con.register("__why", pd.DataFrame({"__row": frame["__row"][why.notna()], "reason": why.dropna()}))
    used = ", ".join(name_of(c) for c in output_columns(table, columns))
    order = ", ".join(name_of(k) for k in table.key)
    con.execute(
        f"COPY (SELECT {used} FROM __typed WHERE NOT __later AND __row NOT IN (SELECT __row FROM __why) "
        f"ORDER BY {order}) TO {quoted(str(folder / f'{table.name}.parquet'))} (FORMAT parquet)"
    )
    reasons = con.execute(
        "SELECT reason, count(*) AS rows, array_to_string(list_sort(list(__row))[:3], ', ') AS first_rows "
        "FROM __why GROUP BY reason ORDER BY rows DESC, reason"
    ).df()
    con.unregister("__why")
    con.execute("DROP TABLE __typed")
    return read, later, reasons.to_dict("records")


def _reasons(table: Table, frame: pd.DataFrame, known: dict[str, set[str]]) -> pd.Series:
    """Return, per row of ``frame``, the first reason to reject it, or None."""
    from pandera.errors import SchemaErrors

    why = pd.Series(None, index=frame.index, dtype=object)
    if frame.empty:
        return why
    why[frame["__cast"].notna()] = frame["__cast"]
    ranked = pd.Series(len(frame.columns) + 99, index=frame.index)
    schema, order = _schema(table, frame, known)
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        for check, cases in error.failure_cases.groupby("check", sort=False):
            rows = pd.Index(cases["index"].dropna().astype(int).unique())
            better = rows[(ranked[rows] > order[check]).to_numpy() & frame.loc[rows, "__cast"].isna().to_numpy()]
            why[better], ranked[better] = check, order[check]
    usable = frame[why.isna()]  # a key repeats only among rows that would otherwise be used
    why[usable.index[usable.duplicated(list(table.key))]] = duplicate_reason(table)
    return why


def _schema(table: Table, frame: pd.DataFrame, known: dict[str, set[str]]) -> tuple[object, dict[str, int]]:
    """Return the pandera schema of a table and the rank of each of its reasons."""
    import pandera.pandas as pa

    columns, wide, reasons = {}, [], []

    def check(reason: str, test: object) -> pa.Check:
        reasons.append(reason)
        return pa.Check(test, error=reason, ignore_na=False)

    for c in table.columns:
        if c.name not in frame.columns:
            continue
        checks = []
        if not c.optional:
            checks.append(check(missing_reason(c), pd.Series.notna))
        if c.low is not None or c.high is not None:
            low, high = (float("-inf") if c.low is None else c.low), (float("inf") if c.high is None else c.high)
            checks.append(check(bounds_reason(c), lambda s, a=low, b=high: s.isna() | s.between(a, b)))
        if c.values:
            checks.append(check(values_reason(c), lambda s, v=c.values: s.isna() | s.isin(v)))
        columns[c.name] = pa.Column(None, checks=checks, nullable=True)
    for rule in table.orders:
        if rule.earlier in frame.columns and rule.later in frame.columns:
            wide.append(
                check(rule.reason, lambda f, e=rule.earlier, t=rule.later: f[e].isna() | f[t].isna() | (f[e] <= f[t]))
            )
    for parent in table.parents:
        if parent.column in known:
            wide.append(check(parent_reason(parent), lambda f, c=parent.column: f[c].isna() | f[c].isin(known[c])))
    return pa.DataFrameSchema(columns, checks=wide), {reason: rank for rank, reason in enumerate(reasons)}
