"""The embedded engine, and the study's sources registered in it.

Sources become views in the schema ``raw``: nothing is read until something asks, and tables of ten
million rows never pass through pandas. Text files are read as text throughout, so that ``00042`` stays an
id and a value that is not a number can be told from a missing one; the contract gives the types.
"""

from __future__ import annotations

import os
import re
from glob import glob
from pathlib import Path

import duckdb
import pandas as pd

from exlink.data.contract import TABLES
from exlink.data.engine_errors import in_words, readable
from exlink.data.study import Source, Study, expand_env
from exlink.data.textfile import TEXT, delimiter_of, is_utf16
from exlink.errors import SourceError, StudyError, did_you_mean, listed

NULLS = ("", "NA", "NaN", "NULL")  # what counts as missing in a text file
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
                f"{did_you_mean(pattern.name, siblings)} Correct the path in {study.file}."
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


def columns_of(con: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """Return the column names of source ``name``."""
    with readable(name):
        return [row[0] for row in con.execute(f"DESCRIBE raw.{name_of(name)}").fetchall()]


def _refuse_unknown_names(study: Study) -> None:
    queries = " ".join(s.sql for s in study.sources.values() if s.sql)
    for name in study.sources:
        if name not in TABLES and not re.search(rf"\b{re.escape(name)}\b", queries):
            raise StudyError(
                f"{study.file}: `sources.{name}` is not a table of the contract, and no `sql` source "
                f"uses it.{did_you_mean(name, TABLES)} Tables are {listed(TABLES, 20)}."
            )


def _register_files(con: duckdb.DuckDBPyConnection, name: str, files: list[Path], source: Source) -> None:
    suffixes = {f.suffix.lower() for f in files}
    paths = "[" + ", ".join(quoted(str(f)) for f in files) + "]"
    if suffixes <= {".parquet", ".pq"}:
        con.execute(f"CREATE VIEW raw.{name_of(name)} AS SELECT * FROM read_parquet({paths})")
    elif suffixes <= TEXT:
        empty = [f.name for f in files if f.stat().st_size == 0]
        if empty:
            raise SourceError(f"sources.{name}: {listed(empty)} is empty. A table needs at least its header line.")
        if not source.encoding and (wide := [f.name for f in files if is_utf16(f)]):
            raise SourceError(
                f"sources.{name}: {listed(wide)} is UTF-16 text. Save it as UTF-8, or say so in study.yaml: "
                f"sources.{name}: {{path: …, encoding: utf-16}}."
            )
        options = [
            "all_varchar = true",
            "header = true",
            "skip = 0",
            "union_by_name = true",
            "max_line_size = 10000000",
            f"nullstr = [{', '.join(quoted(n) for n in NULLS)}]",
        ]
        if source.encoding:
            options.append(f"encoding = {quoted(source.encoding)}")
        if delimiter := source.delimiter or delimiter_of(files[0]):
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
            f"sources.{name}: {listed(s or 'files without an ending' for s in sorted(suffixes))} cannot be read. "
            "Give csv, tsv, txt, parquet or xlsx."
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
                raise SourceError(f"sources.{name}: its `sql` fails: {in_words(error)}") from error
    finally:
        con.execute("SET search_path = 'main'")
