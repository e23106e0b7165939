"""What rows may come from – Parquet files, engines' relations, lazy frames – as one Narwhals LazyFrame."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw

from exlink.errors import EstimationError, did_you_mean

ACCEPTED = (
    "a pandas DataFrame, the path of Parquet files, a DuckDB relation, a Polars or Spark frame, or a Narwhals LazyFrame"
)


@contextmanager
def opened(data: Any) -> Iterator[nw.LazyFrame]:
    """Give ``data`` as a LazyFrame; a path is read by an engine of our own, which is gone afterwards.

    Raises
    ------
    EstimationError
        No such file, or nothing that can be read lazily.
    """
    if isinstance(data, str | Path):
        with _parquet(data) as frame:
            yield frame
    else:
        yield _lazy(data)


@contextmanager
def _parquet(path: str | Path) -> Iterator[nw.LazyFrame]:
    place = _existing(path)
    with tempfile.TemporaryDirectory() as spill, duckdb.connect() as engine:
        engine.execute("SET temp_directory = ?", [spill])
        # the file is read a few times in a row: the system's own cache is enough, a second copy is only memory
        engine.execute("SET enable_external_file_cache = false")
        try:
            relation = engine.read_parquet(place)
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise EstimationError(f"{path} cannot be read as Parquet: {reason}.") from error
        yield nw.from_native(relation)


def _existing(path: str | Path) -> str:
    text = str(path)
    if not text.strip():
        raise EstimationError("data is an empty path; give the path of Parquet files.")
    if "://" in text or any(c in text for c in "*?["):  # the engine knows what is behind a pattern or an address
        return text
    place = Path(path)
    if place.is_dir():
        return str(place / "**" / "*.parquet")
    if not place.exists():
        folder = place.parent
        if not folder.is_dir():
            raise EstimationError(f"{text}: there is no folder {folder}.")
        raise EstimationError(
            f"{text}: there is no such file.{did_you_mean(place.name, sorted(p.name for p in folder.iterdir()))}"
        )
    return text


def _lazy(data: Any) -> nw.LazyFrame:
    try:
        frame = nw.from_native(data)
    except TypeError as error:
        raise EstimationError(f"data is {type(data).__name__}; give {ACCEPTED}.") from error
    if isinstance(frame, nw.LazyFrame):
        return frame
    # rows in memory that are no pandas frame: an engine reads them where they are
    return frame.lazy() if frame.implementation.is_polars() else frame.lazy("duckdb")
