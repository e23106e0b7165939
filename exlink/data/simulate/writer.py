"""Writes tables and the study file; the same study written twice is the same to the byte."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml

from exlink.data.contract import TABLES
from exlink.data.simulate.contacts import Chunk
from exlink.data.simulate.design import CHANNELS, JOURNEY, KPIS, REASONS, ROLES, SCALES, World
from exlink.data.simulate.ids import lettered
from exlink.data.simulate.people import People, days

ROWS_PER_PART = 2_000_000
IDS = ("interaction_id", "customer_id")  # sorted or almost unique: shorter as deltas than as a dictionary


class Parts:
    """A table written chunk by chunk into ``<table>/part-000.parquet`` and further parts when it grows."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name, self.rows, self.parts = folder / name, name, 0, 0
        self._writer: pq.ParquetWriter | None = None
        self._in_part = 0
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("part-*.parquet"):
            old.unlink()

    def add(self, table: pa.Table) -> None:
        """Append one chunk as a row group."""
        if self._writer is None or self._in_part + table.num_rows > ROWS_PER_PART:
            self.close()
            path = self.folder / f"part-{self.parts:03d}.parquet"
            self._writer = parquet_writer(path, table.schema)
            self.parts, self._in_part = self.parts + 1, 0
        self._writer.write_table(table)
        self.rows, self._in_part = self.rows + table.num_rows, self._in_part + table.num_rows

    def close(self) -> None:
        """Finish the part that is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @property
    def source(self) -> str:
        """Return what study.yaml says of this table."""
        return f"{self.name}/part-000.parquet" if self.parts == 1 else f"{self.name}/part-*.parquet"


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a parquet file: zstd, dictionaries where values recur."""
    plain = [c for c in schema.names if c in IDS]
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=9, store_schema=False,
        use_dictionary=[c for c in schema.names if c not in plain],
        column_encoding=dict.fromkeys(plain, "DELTA_BYTE_ARRAY") or None,
    )  # fmt: skip


def write_table(folder: Path, name: str, table: pa.Table, kind: str) -> str:
    """Write a table in one file (``csv`` or ``parquet``) and return what study.yaml says of it."""
    path = folder / f"{name}.{kind}"
    if kind == "csv":
        pyarrow.csv.write_csv(table, path)
    else:
        with parquet_writer(path, table.schema) as writer:
            writer.write_table(table)
    return path.name


def interactions_rows(chunk: Chunk, people: People, first: int, world: World, largest_customer: int) -> pa.Table:
    """Return a chunk as rows of ``interactions``."""
    n = len(chunk.who)
    queue = [f"{r.name} · {c}" for r in ROLES for c in CHANNELS]
    reasons = [reason for step in REASONS for reason in step]
    return pa.table({
        "interaction_id": interaction_ids(np.arange(first, first + n), world),
        "employee_id": people.ids.take(pa.array(chunk.who)),
        "customer_id": lettered("C", chunk.customer, largest_customer),
        "started_at": moments(chunk.day, chunk.second),
        "touchpoint": pa.array(JOURNEY).take(pa.array(chunk.step)),
        "channel": pa.array(CHANNELS).take(pa.array(chunk.channel)),
        "reason": pa.array(reasons).take(pa.array(chunk.step * 3 + chunk.reason)),
        "queue": pa.array(queue).take(pa.array(people.role[chunk.who] * len(CHANNELS) + chunk.channel)),
        "wait_seconds": chunk.wait, "handle_seconds": chunk.handle, "transfers": chunk.transfers,
        "resolved_first_contact": chunk.resolved, "reopened": chunk.reopened, "escalated": chunk.escalated,
        "escalation_resolved_on": days(chunk.closed_on, chunk.closed_on > 0),
        "script_adherence": chunk.adherence.astype(np.float32), "complexity": chunk.complexity,
    })  # fmt: skip


def survey_rows(
    rng: np.random.Generator, chunk: Chunk, first: int, world: World, missing: float
) -> tuple[pa.Table, pa.Table]:
    """Return a chunk's rows of ``cx_invitations`` and ``cx_responses``; what comes after the study is not in."""
    n = len(chunk.who)
    start = chunk.day.astype(np.int64) * 86_400 + chunk.second
    sent = start + chunk.handle + (1_800 + 5_400 * rng.random(n)).astype(np.int64)
    delay = np.where(rng.random(n) < 0.06, rng.integers(7, 22, n) * 86_400, 0)  # some answer very late
    back = sent + delay + (3_600 * rng.gamma(0.7, 14.0, n)).astype(np.int64) + 60
    end = world.starts[-1] * 86_400
    asked = np.flatnonzero(chunk.invited & (sent < end))
    told = np.flatnonzero(chunk.answered & (back < end))
    columns = {}
    for k, kpi in enumerate(KPIS):
        skipped = rng.random(len(told)) < (0.0 if kpi == "satisfaction" else missing)
        columns[kpi] = pa.array(chunk.scores[told, k], mask=skipped)
    return pa.table({
        "interaction_id": interaction_ids(first + asked, world), "invited_at": moments(0, sent[asked]),
    }), pa.table({
        "interaction_id": interaction_ids(first + told, world), "responded_at": moments(0, back[told]), **columns,
    })  # fmt: skip


def interaction_ids(numbers: np.ndarray, world: World) -> pa.Array:
    """Return ``I-…`` for running numbers."""
    return lettered("I", numbers, world.interactions)


def moments(day: np.ndarray | int, second: np.ndarray) -> pa.Array:
    """Return timestamps without zone from days and seconds."""
    return pa.array(np.asarray(day, np.int64) * 86_400 + second, pa.timestamp("s")).cast(pa.timestamp("ms"))


def write_study(folder: Path, world: World, sources: dict[str, str]) -> None:
    """Write ``study.yaml``; the study is called after its folder, as far as a study may be called so."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name).strip("-._") or "study"
    first, last = world.quarters[0], world.quarters[-1]
    called = name if yaml.safe_load(name) == name else f"'{name}'"  # a folder may be called 2026, or no
    scales = ", ".join(f"{kpi}: [{low}, {high}]" for kpi, (low, high) in SCALES.items())
    lines = [
        "# A simulated study: nobody in it exists. What was planted stands in truth.json.",
        f"name: {called}",
        f"title: Simulated service company, {first} to {last}",
        f"period: {last}",
        "currency: EUR",
        "sources:",
        *(f"  {name}: {sources[name]}" for name in TABLES),
        f"scales: {{{scales}}}",
        f"linkage: {{grain: employee, lag_days: {world.lag_days}, window_days: {world.window_days}}}",
        f"privacy: {{min_group: {world.min_group}}}",
    ]
    (folder / "study.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
