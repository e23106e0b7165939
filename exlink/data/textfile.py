"""What a text file looks like before the engine reads it: its delimiter, its encoding, its first odd line."""

from __future__ import annotations

import csv
from pathlib import Path

TEXT = {".csv", ".tsv", ".txt", ".gz"}


def delimiter_of(file: Path) -> str | None:
    """Return the delimiter that a text file's header uses most; None where the header names one column.

    Left to guess from the rows, the engine reads a table with one short line as a table of one column.
    """
    if file.suffix.lower() == ".gz":
        return None
    with file.open(encoding="latin-1") as handle:
        header = handle.readline()
    commonest = max(",;\t|", key=header.count)
    return commonest if commonest in header else None


def is_utf16(file: Path) -> bool:
    """Return whether a file begins with the mark of UTF-16."""
    with file.open("rb") as handle:
        return handle.read(2) in (b"\xff\xfe", b"\xfe\xff")


def odd_line(file: Path) -> tuple[int, int, int] | None:
    """Return number, columns found and columns expected of the first line that differs from the header; or None."""
    if file.suffix.lower() not in TEXT - {".gz"}:
        return None
    csv.field_size_limit(10_000_000)
    with file.open(encoding="latin-1", newline="") as handle:
        delimiter = delimiter_of(file) or ","
        width = len(next(csv.reader([handle.readline()], delimiter=delimiter)))
        for number, row in enumerate(csv.reader(handle, delimiter=delimiter), start=2):
            if row and len(row) != width:
                return number, len(row), width
    return None
