"""The embedded engine, and the study's sources registered in it.

Sources become views in the schema ``raw``: nothing is read until something asks, and tables of ten
million rows never pass through pandas. Text files are read as text throughout, so that ``00042`` stays an
id and a value that is not a number can be told from a missing one; the contract gives the types.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from pathlib import Path

import duckdb
import pandas as pd

from exlink.data.contract import TABLES
from exlink.data.study import Source, Study, expand_env
from exlink.errors import SourceError, StudyError, did_you_mean, listed

NULLS = ("", "NA", "NaN", "NULL")  # what counts as missing in a text file
_TEXT = {".csv", ".tsv", ".txt", ".gz"}
_EXCEL = {".xlsx", ".xlsm"}


def connect(scratch: Path, threads: int | None = None, memory: str = "2GB") -> duckdb.DuckDBPyConnection:
    """Return a fresh in-memory engine that spills to ``scratch`` and knows only UTC."""
    con = duckdb.connect(":memory:")
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"SET memory_limit = '{memory}'")
    con.execute(f"SET threads = {threads or os.cpu_count() or 1}")
    con.execute(f"SET temp_directory = {quoted(str(scratch))}")
    con.execute("CREATE SCHEMA raw")
    return con


def quoted(text: str) -> str:
    """Return ``text`` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name_of(identifier: str) -> str:
    """Return ``identifier`` as a quoted SQL name."""
    return '"' + identifier.replace('"', '""') + '"'


def input_files(study: Study) -> dict[str, list[Path]]:
    """Return, per source with a path, the files it means (a glob may mean many), sorted.

    Raises SourceError when a path means no file.
    """
    files = {}
    for name, source in study.sources.items():
        if source.path is None:
            continue
        text = expand_env(source.path, f"sources.{name}")
        pattern = Path(text) if Path(text).is_absolute() else study.folder / text
        found = sorted(Path(p) for p in glob(str(pattern)))  # noqa: PTH207 - Path.glob refuses absolute patterns
        if not found:
            siblings = [p.name for p in pattern.parent.iterdir()] if pattern.parent.is_dir() else []
            raise SourceError(
                f"sources.{name}: there is no file {text}."
                f"{did_you_mean(pattern.name, siblings)} Correct the path in study.yaml."
            )
        files[name] = found
    return files


def register(con: duckdb.DuckDBPyConnection, study: Study) -> None:
    """Create one view ``raw.<source>`` per source of the study, lazily.

    Raises
    ------
    StudyError
        A source is neither a table of the contract nor used by any ``sql`` source.
    SourceError
        A file is missing, of an unknown kind or unreadable, or a query fails.
    """
    _refuse_unknown_names(study)
    for name, files in input_files(study).items():
        with readable(name, files):
            _register_files(con, name, files, study.sources[name])
    _register_queries(con, study)


@contextmanager
def readable(name: str, files: list[Path] | None = None) -> Iterator[None]:
    """Turn whatever the engine says while reading source ``name`` into a SourceError."""
    where = f"sources.{name}" + (f" ({listed([f.name for f in files], 2)})" if files else "")
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise SourceError(f"{where}: reading it needs more memory than allowed: {_first(error)}") from error
    except duckdb.Error as error:
        text = str(error)
        if ragged := (_ragged(text) or _ragged_line(files or [])):
            raise SourceError(
                f"{where} is not a regular table: {ragged}. Correct the extract, or accept short lines "
                f"in study.yaml: sources.{name}: {{path: …, pad_short_rows: true}}."
            ) from error
        if "sniffing" in text:
            raise SourceError(
                f"{where} is not a regular text table: its quotes, delimiters or line endings change within the file. "
                "Save it anew as CSV."
            ) from error
        if "unicode" in text.lower() or "utf-8 encoded" in text.lower():
            raise SourceError(
                f"{where} is not UTF-8 text. Save it as UTF-8, or say what it is in study.yaml: "
                f"sources.{name}: {{path: …, encoding: latin-1}}."
            ) from error
        raise SourceError(f"{where} cannot be read: {_first(error)}") from error
    except (ValueError, OSError, KeyError) as error:
        raise SourceError(f"{where} cannot be read: {_first(error)}") from error


def columns_of(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Return the column names of source ``name``."""
    with readable(name):
        return [row[0] for row in con.execute(f"DESCRIBE raw.{name_of(name)}").fetchall()]


def _refuse_unknown_names(study: Study) -> None:
    queries = " ".join(s.sql for s in study.sources.values() if s.sql)
    for name in study.sources:
        if name not in TABLES and not re.search(rf"\b{re.escape(name)}\b", queries):
            raise StudyError(
                f"study.yaml: `sources.{name}` is not a table of the contract, and no `sql` source "
                f"uses it.{did_you_mean(name, TABLES)} Tables are {listed(TABLES, 20)}."
            )


def _register_files(con: duckdb.DuckDBPyConnection, name: str, files: list[Path], source: Source) -> None:
    suffixes = {f.suffix.lower() for f in files}
    paths = "[" + ", ".join(quoted(str(f)) for f in files) + "]"
    if suffixes <= {".parquet", ".pq"}:
        con.execute(f"CREATE VIEW raw.{name_of(name)} AS SELECT * FROM read_parquet({paths})")
    elif suffixes <= _TEXT:
        empty = [f.name for f in files if f.stat().st_size == 0]
        if empty:
            raise SourceError(f"sources.{name}: {listed(empty)} is empty. A table needs at least its header line.")
        options = [
            "all_varchar = true",
            "header = true",
            "union_by_name = true",
            "max_line_size = 10000000",
            f"nullstr = [{', '.join(quoted(n) for n in NULLS)}]",
        ]
        if source.encoding:
            options.append(f"encoding = {quoted(source.encoding)}")
        if delimiter := source.delimiter or _delimiter(files[0]):
            options += [f"delim = {quoted(delimiter)}", "quote = '\"'", "escape = '\"'"]
        if source.pad_short_rows:
            options.append("null_padding = true")
        # A text source behind `sql` is parsed once and kept by the engine (on disk, if need be), because every query
        # over a view of it would parse it again.
        kind = "VIEW" if name in TABLES else "TABLE"
        con.execute(f"CREATE {kind} raw.{name_of(name)} AS SELECT * FROM read_csv({paths}, {', '.join(options)})")
    elif suffixes <= _EXCEL:
        sheet = source.sheet if source.sheet is not None else 0
        frame = pd.concat([pd.read_excel(f, sheet_name=sheet, dtype=object) for f in files], ignore_index=True)
        con.register(f"excel_{name}", frame.astype("string"))
        con.execute(f"CREATE VIEW raw.{name_of(name)} AS SELECT * FROM {name_of('excel_' + name)}")
    else:
        raise SourceError(
            f"sources.{name}: {listed(sorted(suffixes))} files are not read. Give csv, tsv, txt, parquet or xlsx."
        )


def _register_queries(con: duckdb.DuckDBPyConnection, study: Study) -> None:
    """Create the ``sql`` views; they may use each other, so retry until a round adds nothing."""
    waiting = {name: expand_env(s.sql, f"sources.{name}") for name, s in study.sources.items() if s.sql}
    con.execute("SET search_path = 'raw'")
    try:
        while waiting:
            failures = {}
            for name, sql in list(waiting.items()):
                try:
                    con.execute(f"CREATE VIEW raw.{name_of(name)} AS {sql}")
                    del waiting[name]
                except duckdb.Error as error:
                    failures[name] = error
            if len(failures) == len(waiting) and failures:
                name, error = next(iter(failures.items()))
                raise SourceError(f"sources.{name}: its `sql` fails: {_first(error)}") from error
    finally:
        con.execute("SET search_path = 'main'")


def _delimiter(file: Path) -> str | None:
    """Return the delimiter that a text file's header uses most; None where the header names one column.

    Left to guess from the rows, the engine reads a table with one short line as a table of one column.
    """
    if file.suffix.lower() == ".gz":
        return None
    with file.open(encoding="latin-1") as handle:
        header = handle.readline()
    commonest = max(",;\t|", key=header.count)
    return commonest if commonest in header else None


def _ragged(message: str) -> str:
    """Return what the engine says of a line with too few or too many columns, in words; or ``""``."""
    found = re.search(r"Line: (\d+)[\s\S]*?Expected Number of Columns: (\d+) Found: (\d+)", message)
    return f"line {found[1]} has {found[3]} columns instead of {found[2]}" if found else ""


def _ragged_line(files: list[Path]) -> str:
    """Return the first line whose number of columns differs from its header's, in words; or ``""``.

    Called only when the engine could not make sense of a text file, to say why.
    """
    csv.field_size_limit(10_000_000)
    for file in files:
        if file.suffix.lower() not in _TEXT - {".gz"}:
            continue
        with file.open(encoding="latin-1", newline="") as handle:
            delimiter = _delimiter(file) or ","
            width = len(next(csv.reader([handle.readline()], delimiter=delimiter)))
            for number, row in enumerate(csv.reader(handle, delimiter=delimiter), start=2):
                if row and len(row) != width:
                    return f"line {number} of {file.name} has {len(row)} columns instead of {width}"
    return ""


def _first(error: Exception) -> str:
    """Return the first sentence of an engine's message, without its error class."""
    line = str(error).strip().splitlines()[0]
    return line.split("Error: ", 1)[-1].rstrip(".") + "."
