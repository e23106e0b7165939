"""What the engine says while reading a source, in words for its user: no values, no paths, a way to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from exlink.data.textfile import odd_line
from exlink.errors import SourceError, did_you_mean, listed

_BINDING = (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)


@contextmanager
def readable(name: str, files: list[Path] | None = None) -> Iterator[None]:
    """Turn whatever goes wrong while reading source ``name`` into a SourceError."""
    where = f"sources.{name}" + (f" ({listed([f.name for f in files], 2)})" if files else "")
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise SourceError(f"{where}: reading it needs more memory than allowed: {in_words(error)}") from error
    except duckdb.Error as error:
        text = str(error)
        if found := _odd_line(text, files or []):
            raise SourceError(f"{where} is not a regular table: {_mended(name, *found)}") from error
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
        raise SourceError(f"{where} cannot be read: {in_words(error)}") from error
    except PermissionError as error:
        raise SourceError(f"{where} cannot be read: you may not open it. Ask for the right to read it.") from error
    except (ValueError, OSError, KeyError) as error:
        raise SourceError(f"{where} cannot be read: {in_words(error)}") from error


def in_words(error: Exception) -> str:
    """Return the first sentence of an engine's message: without values from the data, which may be ids, or paths.

    An error that a query raises by itself (``error(…)``) may say anything, so nothing of it is repeated.
    """
    text = str(error).strip()
    line = (text.splitlines() or [type(error).__name__])[0].split("Error: ", 1)[-1]
    if isinstance(error, duckdb.InvalidInputException) and "'" not in line and '"' not in line:
        return "a query fails on some of the rows. Run it by itself to see which."
    if isinstance(error, duckdb.Error) and not isinstance(error, _BINDING):
        line = re.sub(r"'[^']*'", "a value", line)
    line = re.sub(r"(?:[A-Za-z]:)?/(?:[^\s'\"/]+/)*", "", line).rstrip(".!") + "."
    if missing := re.search(r'Referenced column "([^"]+)" not found', line):
        candidates = re.search(r"Candidate bindings: (.*)", text)
        return line + did_you_mean(missing[1], re.findall(r'"([^"]+)"', candidates[1]) if candidates else [])
    return line


def _odd_line(message: str, files: list[Path]) -> tuple[int, int, int] | None:
    """Return line, columns found and columns expected, as the engine says or as the files show."""
    said = re.search(r"Line: (\d+)[\s\S]*?Expected Number of Columns: (\d+) Found: (\d+)", message)
    if said:
        return int(said[1]), int(said[3]), int(said[2])
    return next(filter(None, map(odd_line, files)), None)


def _mended(name: str, line: int, found: int, expected: int) -> str:
    told = f"line {line} has {found} columns instead of {expected}. Correct the extract"
    if found > expected:
        return f"{told}: a delimiter or a quote inside a value is the usual cause."
    return f"{told}, or accept short lines in study.yaml: sources.{name}: {{path: …, pad_short_rows: true}}."
