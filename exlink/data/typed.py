"""SQL that reads a source as its contract table says: typed, bounded by the period, nothing dropped.

Every expression keeps the row. A value that cannot be read as its type becomes NULL *and* is named in
``__cast``, so that the validation rejects the row with a reason.
"""

from __future__ import annotations

from datetime import date

from exlink.data.contract import KIND_WORDS, KINDS, Column, Table
from exlink.data.warehouse import name_of, quoted

# A customer_value period may be a year, half, quarter, month or day; its first day orders them.
_PERIOD_START = """CASE
    WHEN regexp_full_match({p}, '\\d{{4}}Q[1-4]') THEN make_date(left({p}, 4)::INT, right({p}, 1)::INT * 3 - 2, 1)
    WHEN regexp_full_match({p}, '\\d{{4}}H[12]') THEN make_date(left({p}, 4)::INT, right({p}, 1)::INT * 6 - 5, 1)
    WHEN regexp_full_match({p}, '\\d{{4}}-\\d\\d') THEN TRY_CAST({p} || '-01' AS DATE)
    WHEN regexp_full_match({p}, '\\d{{4}}') THEN make_date({p}::INT, 1, 1)
    ELSE TRY_CAST({p} AS DATE) END"""


# … and is part of the study only when it has ended by the study's last day.
_PERIOD_END = """CASE
    WHEN regexp_full_match({p}, '\\d{{4}}Q[1-4]') THEN CAST({s} + INTERVAL 3 MONTH - INTERVAL 1 DAY AS DATE)
    WHEN regexp_full_match({p}, '\\d{{4}}H[12]') THEN CAST({s} + INTERVAL 6 MONTH - INTERVAL 1 DAY AS DATE)
    WHEN regexp_full_match({p}, '\\d{{4}}-\\d\\d') THEN last_day({s})
    WHEN regexp_full_match({p}, '\\d{{4}}') THEN make_date({p}::INT, 12, 31)
    ELSE {s} END"""


def typed_select(table: Table, present: list[str], last_day: date) -> str:
    """Return a query over ``raw.<table>``: typed contract columns, ``__row``, ``__cast`` and ``__later``.

    ``__row`` counts the source's rows from 1; ``__cast`` is why a value could not be read, or NULL;
    ``__later`` says that the row belongs to a time after the study's period.
    """
    columns = [c for c in table.columns if c.name in present]
    read = [f"{_read(c)} AS {name_of(c.name)}" for c in columns]
    read += [f"{_period_start(c.name)} AS {name_of(c.name + '_start')}" for c in columns if c.kind == "period"]
    failed = [
        f"WHEN {name_of(c.name)} IS NOT NULL AND {_read(c)} IS NULL "
        f"THEN {quoted(f'{c.name} is not {KIND_WORDS[c.kind]}')}"
        for c in columns
        if c.kind in KIND_WORDS
    ]
    cast = f"CASE {' '.join(failed)} END" if failed else "NULL::VARCHAR"
    known = _known(table, columns, last_day)
    later = "false"
    if table.time in {c.name for c in columns}:
        kind = next(c.kind for c in columns if c.name == table.time)
        at = name_of(table.time)
        at = _PERIOD_END.format(p=at, s=name_of(f"{table.time}_start")) if kind == "period" else f"CAST({at} AS DATE)"
        later = f"coalesce({at} > DATE '{last_day}', false)"
    return (
        f"SELECT {known}, __row, __cast, {later} AS __later FROM ("
        f"SELECT {', '.join(read)}, {cast} AS __cast, row_number() OVER () AS __row "
        f"FROM raw.{name_of(table.name)})"
    )


def output_columns(table: Table, present: list[str]) -> list[str]:
    """Return the columns a validated table has, in contract order."""
    names = [c.name for c in table.columns if c.name in present]
    return names + [f"{c.name}_start" for c in table.columns if c.kind == "period" and c.name in present]


def _read(column: Column) -> str:
    name = name_of(column.name)
    if column.kind in ("id", "text", "label"):
        return f"nullif(trim(CAST({name} AS VARCHAR)), '')"
    if column.kind == "period":
        return f"CASE WHEN {_period_start(column.name)} IS NOT NULL THEN CAST({name} AS VARCHAR) END"
    if column.kind == "count":  # a cast would round 2.7 to 3 without a word
        number = f"TRY_CAST({name} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) AND {number} = floor({number}) THEN CAST({number} AS BIGINT) END"
    if KINDS[column.kind] == "DOUBLE":
        return f"CASE WHEN isfinite(TRY_CAST({name} AS DOUBLE)) THEN TRY_CAST({name} AS DOUBLE) END"
    return f"TRY_CAST({name} AS {KINDS[column.kind]})"


def _period_start(name: str) -> str:
    return _PERIOD_START.format(p=f"CAST({name_of(name)} AS VARCHAR)")


def _known(table: Table, columns: list[Column], last_day: date) -> str:
    """Return the select list in which facts after ``last_day`` are empty: they were not known yet."""
    told_by = dict(table.told_by) | {name: name for name in table.facts_later}
    names = {c.name for c in columns}
    parts = []
    for name in output_columns(table, [c.name for c in columns]):
        teller = told_by.get(name)
        if teller in names:
            parts.append(
                f"CASE WHEN {name_of(teller)} > DATE '{last_day}' THEN NULL ELSE {name_of(name)} END AS {name_of(name)}"
            )
        else:
            parts.append(name_of(name))
    return ", ".join(parts)
