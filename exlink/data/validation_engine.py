"""The contract as engine aggregations, for tables that grow with interactions or customers.

One pass types the rows, finds each row's first reason to be rejected and writes them as Parquet; what is
counted afterwards reads two columns of that file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb

from exlink.data.contract import TABLES, Column, Order, Parent, Table
from exlink.data.typed import output_columns
from exlink.data.warehouse import name_of, quoted

Parents = Mapping[str, Collection[str]]  # tables validated before, with the columns each has


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
    con: duckdb.DuckDBPyConnection,
    table: Table,
    columns: list[str],
    select: str,
    parents: Parents,
    folder: Path,
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


def _rules(table: Table, names: list[str], parents: Parents) -> tuple[str, list[tuple[str, str]]]:
    """Return the joins to parent tables and the (violation, reason) pairs in order of rank."""
    wanted = {p.parent: p for p in table.parents if p.parent in parents and p.column in names}
    there = set(names) | {f"{parent}.{column}" for parent in wanted for column in parents[parent]}
    orders = [rule for rule in table.orders if {rule.earlier, rule.later} <= there]
    rules = _column_rules(table, names) + [(_violated(table, rule), rule.reason) for rule in orders]
    joins = []
    for name, parent in wanted.items():
        used = [side for rule in orders for side in (rule.earlier, rule.later) if side.startswith(f"{name}.")]
        carried = dict.fromkeys([parent.parent_column, *(side.rpartition(".")[2] for side in used)])
        distinct = "" if TABLES[name].key == (parent.parent_column,) else "DISTINCT"
        joins.append(
            f"LEFT JOIN (SELECT {distinct} {', '.join(map(name_of, carried))} FROM {name}) {name} "
            f"ON t.{name_of(parent.column)} = {name}.{name_of(parent.parent_column)}"
        )
        rules.append((f"{name}.{name_of(parent.parent_column)} IS NULL", parent_reason(parent)))
    return " ".join(joins), rules


def _column_rules(table: Table, names: list[str]) -> list[tuple[str, str]]:
    """Return what each column by itself may not hold."""
    rules = []
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
    return rules


def _violated(table: Table, rule: Order) -> str:
    """Return SQL that is true where ``later`` lies before ``earlier``; a day is compared with a day."""
    sides = []
    for side in (rule.earlier, rule.later):
        other, _, name = side.rpartition(".")
        kind = next(c.kind for c in (TABLES[other] if other else table).columns if c.name == name)
        sides.append((f"{other or 't'}.{name_of(name)}", kind))
    if {kind for _, kind in sides} == {"date", "timestamp"}:
        sides = [(f"CAST({cell} AS DATE)", "date") for cell, _ in sides]
    (earlier, _), (later, _) = sides
    return f"{later} < {earlier}"
