"""The contract as engine aggregations, for tables that grow with interactions or customers.

One pass types the rows, finds each row's first reason to be rejected and writes them as Parquet; what is
counted afterwards reads two columns of that file.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from exlink.data.contract import TABLES, Column, Parent, Table
from exlink.data.typed import output_columns
from exlink.data.warehouse import name_of, quoted


def missing_reason(column: Column) -> str:
    """Return the reason for a required value that is not there."""
    return f"{column.name} is missing"


def bounds_reason(column: Column) -> str:
    """Return the reason for a value outside its bounds."""
    if column.high is None:
        return f"{column.name} below {column.low:g}"
    return f"{column.name} outside {column.low:g}–{column.high:g}"


def values_reason(column: Column) -> str:
    """Return the reason for a word that is not one of the column's."""
    return f"{column.name} is not one of {', '.join(column.values)}"


def parent_reason(parent: Parent) -> str:
    """Return the reason for a reference to nothing."""
    return f"{parent.column} is not in {parent.parent}"


def duplicate_reason(table: Table) -> str:
    """Return the reason for a key that came before."""
    return f"duplicate key ({', '.join(table.key)})"


def reject_in_engine(
    con: duckdb.DuckDBPyConnection, table: Table, columns: list[str], select: str, parents: set[str], folder: Path
) -> tuple[int, int, list[dict[str, object]]]:
    """Check a large table inside the engine and write its used rows to ``folder``.

    Returns rows read, rows after the period, and one ``{reason, rows, first_rows}`` per reason.
    """
    checked, target = folder / f"{table.name}.checked.parquet", folder / f"{table.name}.parquet"
    names = output_columns(table, columns)
    joins, rules = _rules(table, names, parents)
    cases = " ".join(f"WHEN {test} THEN {quoted(reason)}" for test, reason in rules)
    why = f"CASE WHEN t.__cast IS NOT NULL THEN t.__cast {cases} END"
    con.execute(
        f"COPY (SELECT {', '.join('t.' + name_of(n) for n in names)}, t.__row, t.__later, {why} AS __why "
        f"FROM ({select}) t {joins}) TO {quoted(str(checked))} (FORMAT parquet)"
    )
    source = f"read_parquet({quoted(str(checked))})"
    read, later, rejected = con.execute(
        f"SELECT count(*), count_if(__later), count_if(__why IS NOT NULL AND NOT __later) FROM {source}"
    ).fetchall()[0]
    duplicates = _find_duplicates(con, table, source)
    if not (later or rejected or duplicates):
        checked.replace(target)
        return read, 0, []
    con.execute(
        f"COPY (SELECT c.* FROM {source} c ANTI JOIN __duplicates d ON c.__row = d.__row "
        f"WHERE NOT __later AND __why IS NULL) TO {quoted(str(target))} (FORMAT parquet)"
    )
    reasons = con.execute(
        "SELECT reason, count(*) AS rows, array_to_string(list_sort(min(__row, 3)), ', ') AS first_rows FROM ("
        f"SELECT __why AS reason, __row FROM {source} WHERE NOT __later AND __why IS NOT NULL "
        f"UNION ALL SELECT {quoted(duplicate_reason(table))}, __row FROM __duplicates) "
        "GROUP BY reason ORDER BY rows DESC, reason"
    ).df()
    checked.unlink()
    return read, later, reasons.to_dict("records")


def _find_duplicates(con: duckdb.DuckDBPyConnection, table: Table, source: str) -> int:
    """Collect in ``__duplicates`` the rows whose key came before; return how many.

    Keys are compared by hash first: ten million hashes cost a fraction of ten million strings, and only
    keys whose hash recurs are compared in full.
    """
    key = ", ".join(name_of(k) for k in table.key)
    valid = f"FROM {source} WHERE NOT __later AND __why IS NULL"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE __suspects AS SELECT hash({key}) AS h {valid} GROUP BY h HAVING count(*) > 1"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE __duplicates AS SELECT __row FROM ("
        f"SELECT __row, row_number() OVER (PARTITION BY {key} ORDER BY __row) AS nth {valid} "
        f"AND hash({key}) IN (SELECT h FROM __suspects)) WHERE nth > 1"
    )
    return con.execute("SELECT count(*) FROM __duplicates").fetchall()[0][0]


def _rules(table: Table, names: list[str], parents: set[str]) -> tuple[str, list[tuple[str, str]]]:
    """Return the joins to parent tables and the (violation, reason) pairs in order of rank."""
    joins, rules = [], []
    for column in table.columns:
        cell = f"t.{name_of(column.name)}"
        if column.name not in names:
            continue
        if not column.optional:
            rules.append((f"{cell} IS NULL", missing_reason(column)))
        limits = [f"{cell} < {column.low}"] * (column.low is not None)
        limits += [f"{cell} > {column.high}"] * (column.high is not None)
        if limits:
            rules.append((" OR ".join(limits), bounds_reason(column)))
        if column.values:
            rules.append((f"{cell} NOT IN ({', '.join(quoted(v) for v in column.values)})", values_reason(column)))
    wanted = [p for p in table.parents if p.parent in parents and p.column in names]
    for rule in table.orders:
        other, _, name = rule.earlier.rpartition(".")
        known = other in {p.parent for p in wanted} if other else name in names
        if rule.later in names and known:
            earlier = f"{other or 't'}.{name_of(name)}"
            later = f"t.{name_of(rule.later)}"
            if "timestamp" in {c.kind for c in table.columns if c.name == name} and not other:
                earlier = f"CAST({earlier} AS DATE)"  # a day is compared with a day
            rules.append((f"{later} < {earlier}", rule.reason))
    for parent in wanted:
        carried = [parent.parent_column]
        carried += [r.earlier.rpartition(".")[2] for r in table.orders if r.earlier.startswith(f"{parent.parent}.")]
        parent_columns = ", ".join(name_of(c) for c in dict.fromkeys(carried))
        distinct = "" if TABLES[parent.parent].key == (parent.parent_column,) else "DISTINCT"
        joins.append(
            f"LEFT JOIN (SELECT {distinct} {parent_columns} FROM {parent.parent}) {parent.parent} "
            f"ON t.{name_of(parent.column)} = {parent.parent}.{name_of(parent.parent_column)}"
        )
        rules.append((f"{parent.parent}.{name_of(parent.parent_column)} IS NULL", parent_reason(parent)))
    return " ".join(joins), rules
