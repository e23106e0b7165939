"""The contract applied: every row is used or rejected, and every reject has a reason.

Small tables are checked row by row with pandera; tables that grow with interactions or customers are
checked by the same rules as engine aggregations (``validation_engine``), so that ten million rows cost
seconds. Both write the rows that remain to ``<folder>/<table>.parquet``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from exlink.data.contract import TABLES, Table, for_grain, with_scales
from exlink.data.engine_errors import readable
from exlink.data.identifiers import counting_tests, is_direct
from exlink.data.study import Study
from exlink.data.typed import output_columns, typed_select
from exlink.data.validation_engine import reject_in_engine
from exlink.data.validation_rows import reject_by_row
from exlink.data.warehouse import columns_of, name_of, quoted
from exlink.errors import ContractError, did_you_mean, listed, nearest

EXTRA_ROWS = 10_000  # of columns outside the contract, to see whether they identify people


@dataclass(frozen=True, slots=True)
class Validated:
    """What the contract made of a study.

    accounting : one row per table: table, rows_read, rows_later (after the period, not part of the
        study), rows_in, rows_used, rows_rejected; rows_in = rows_used + rows_rejected.
    rejects : one row per table and reason: table, reason, rows, first_rows (row numbers).
    filled : for every table, its columns and how many of the used rows fill each.
    notes : sentences about columns that are ignored and tables that are empty.
    """

    accounting: pd.DataFrame
    rejects: pd.DataFrame
    filled: dict[str, dict[str, int]]
    notes: tuple[str, ...]


def validate(con: duckdb.DuckDBPyConnection, study: Study, folder: Path) -> Validated:
    """Check every table of the study and write what may be used to ``folder``.

    Raises
    ------
    ContractError
        A required table or column is missing or empty, a table holds direct identifiers, or no row
        of a required table can be used.
    """
    tables = {name: with_scales(for_grain(t, study.linkage.grain), study.scales) for name, t in TABLES.items()}
    missing = [name for name, t in tables.items() if t.required and name not in study.sources]
    if missing:
        raise ContractError(
            "\n".join(
                f"{study.file}: `sources.{name}` is missing; every study at {study.linkage.grain} grain needs it. "
                f"Add the table under `sources`."
                for name in missing
            )
        )
    for name in study.sources:
        _refuse_named_identifiers(name, columns_of(con, name))
    present = {name: _present_columns(con, tables[name]) for name in tables if name in study.sources}
    accounts, rejects, notes, filled = [], [], [], {}
    for name, columns in present.items():
        table = tables[name]
        notes += _ignored(table, columns)
        with readable(name):
            _refuse_identifying_extras(con, table, columns)
            account, reasons = _check(con, table, columns, filled, study, folder)
        _refuse_empty(table, account, reasons)
        accounts.append(account)
        rejects += [{"table": name, **reason} for reason in reasons]
        if account["rows_used"] == 0:
            notes.append(f"{name}: no usable row; the table is treated as absent.")
            continue
        filled[name] = _filled(con, table, folder)
        _refuse_identifiers(con, table, list(filled[name]))
    return Validated(
        pd.DataFrame(accounts),
        pd.DataFrame(rejects, columns=["table", "reason", "rows", "first_rows"]),
        filled,
        tuple(notes),
    )


def _check(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    columns: list[str],
    parents: dict[str, dict[str, int]],
    study: Study,
    folder: Path,
) -> tuple[dict[str, object], list[dict[str, object]]]:
    """Type, bound and check one table; write its used rows and register them as a view."""
    select = typed_select(table, columns, study.period.last)
    check = reject_in_engine if table.large else reject_by_row
    read, later, reasons = check(con, table, columns, select, parents, folder)
    rejected = sum(r["rows"] for r in reasons)
    view = ", ".join(name_of(c) for c in output_columns(table, columns))
    con.execute(
        f"CREATE OR REPLACE VIEW {table.name} AS SELECT {view} "
        f"FROM read_parquet({quoted(str(folder / f'{table.name}.parquet'))})"
    )
    return {
        "table": table.name,
        "rows_read": read,
        "rows_later": later,
        "rows_in": read - later,
        "rows_used": read - later - rejected,
        "rows_rejected": rejected,
    }, reasons


def _refuse_named_identifiers(source: str, columns: list[str]) -> None:
    """Refuse columns that name people, in tables of the contract and in sources behind ``sql`` alike."""
    known = TABLES[source].names if source in TABLES else ()
    named = [c for c in columns if is_direct(c) and c not in known]
    if named:
        raise ContractError(
            f"{source}: the column{'s' if len(named) > 1 else ''} {listed(named)} may identify people directly and "
            "must not enter a study. Remove from the extract; people appear as opaque ids only."
        )


def _present_columns(con: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    columns = columns_of(con, table.name)
    absent = [c for c in table.required_names if c not in columns]
    if absent:
        spare = [c for c in columns if c not in table.names]
        lines = []
        for name in absent:
            match = nearest(name, spare)
            hint = (
                f" Did you mean '{match}'? Rename it, or map it with `sql`."
                if match
                else (f" The source has {listed(columns)}. Add the column, or map it with `sql` in study.yaml.")
            )
            lines.append(f"{table.name}: the column '{name}' is missing.{hint}")
        raise ContractError("\n".join(lines))
    return columns


def _ignored(table: Table, columns: list[str]) -> list[str]:
    unknown = [c for c in columns if c not in table.names]
    absent = [c for c in table.names if c not in columns]
    near = [c for c in unknown if nearest(c, absent)]
    notes = [
        f"{table.name}: the column '{c}' is not in the contract and is ignored.{did_you_mean(c, absent)}" for c in near
    ]
    rest = [c for c in unknown if c not in near]
    if rest:
        notes.append(f"{table.name}: columns outside the contract are ignored: {listed(rest)}.")
    return notes


def _refuse_empty(table: Table, account: dict[str, object], reasons: list[dict[str, object]]) -> None:
    if not table.required or account["rows_used"]:
        return
    if not account["rows_read"]:
        raise ContractError(
            f"{table.name}: the table is empty (0 rows). A study needs at least some; "
            "check the extract and its filters."
        )
    if not account["rows_in"]:
        raise ContractError(
            f"{table.name}: all {account['rows_read']:,} rows lie after the study's period. Choose a later `period`."
        )
    worst = max(reasons, key=lambda r: r["rows"])
    raise ContractError(
        f"{table.name}: all {account['rows_in']:,} rows are rejected, {worst['rows']:,} of them because "
        f"{worst['reason']} (first: row {worst['first_rows']}). Correct the extract."
    )


def _filled(con: duckdb.DuckDBPyConnection, table: Table, folder: Path) -> dict[str, int]:
    names = [row[0] for row in con.execute(f"DESCRIBE {table.name}").fetchall()]
    counts = con.execute("SELECT " + ", ".join(f"count({name_of(n)})" for n in names) + f" FROM {table.name}")
    return dict(zip(names, counts.fetchall()[0], strict=True))


def _refuse_identifiers(con: duckdb.DuckDBPyConnection, table: Table, columns: list[str]) -> None:
    """Refuse e-mail addresses and phone numbers wherever text is; say where and how many, never which."""
    kinds = {c.name: c.kind for c in table.columns if c.name in columns and c.kind in ("id", "label", "text")}
    _refuse_content(con, table.name, kinds, table.name)


def _refuse_identifying_extras(con: duckdb.DuckDBPyConnection, table: Table, columns: list[str]) -> None:
    """Look into the first rows of columns that will be ignored: an extract with addresses in it is refused, too."""
    extras = dict.fromkeys((c for c in columns if c not in table.names), "text")
    read = ", ".join(f"CAST({name_of(c)} AS VARCHAR) AS {name_of(c)}" for c in extras)
    _refuse_content(con, table.name, extras, f"(SELECT {read} FROM raw.{name_of(table.name)} LIMIT {EXTRA_ROWS})")


def _refuse_content(con: duckdb.DuckDBPyConnection, name: str, kinds: dict[str, str], source: str) -> None:
    if not kinds:
        return
    tests = [test for column, kind in kinds.items() for test in counting_tests(name_of(column), kind)]
    counts = con.execute(f"SELECT {', '.join(tests)} FROM {source}").fetchall()[0]
    for i, column in enumerate(kinds):
        for what, count in (("an e-mail address", counts[2 * i]), ("a phone number", counts[2 * i + 1])):
            if count:
                values = "1 value looks" if count == 1 else f"{count:,} values look"
                raise ContractError(
                    f"{name}.{column}: {values} like {what}. Replace by opaque ids before they enter a study."
                )
