r"""Writes one simulated data set as Parquet and CSV: ``python -m benchmarks.data DESIGN.json FOLDER``.

The world behind it, for employee e, wave w, customer c and interaction i, with aspects on a 1–5 scale in steps of a
quarter (means of four answers), drawn once per employee × wave, and counted here from the middle of the scale:

    csat = 7 + 0.20 tools + 0.08 coaching − 0.10 workload + 0.05 recognition − 0.03 wait
             + 0.10 [mail] − 0.15 [phone] − 0.12 complexity
             + u_e + v_e tools + (customer effect if crossed) + error

u_e ~ N(0, 0.5²), v_e ~ N(0, 0.15²), correlation −0.2; customer effect ~ N(0, 0.6²); error ~ N(0, 1.6²); crossed
designs have v_e = 0. Employees differ in volume (gamma, shape 4), rows stand in order of arrival, not by employee.
The same design gives the same file. Numbers are rounded to four decimals, so that CSV and Parquet say the same.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.designs import CHANNELS, WAVES, Design

CHUNK = 1_000_000  # rows drawn at a time, so that memory does not grow with the design
ROW_GROUP = 122_880  # the engine's own default
CSV_ROWS = 1_000_000  # larger designs are for those who read Parquet
EFFECTS = {"tools": 0.20, "coaching": 0.08, "workload": -0.10, "recognition": 0.05}
MIDDLE = 3  # of the scale
CHANNEL_EFFECTS = np.array([0.0, 0.10, -0.15])


def _ids(prefix: str, count: int) -> pa.Array:
    return pa.array([f"{prefix}{i:07d}" for i in range(count)])


def _employees(rng: np.random.Generator, design: Design) -> dict[str, np.ndarray]:
    """Draw who the employees are: share of volume, aspects by wave (employees × waves), intercepts and slopes."""
    n = design.employees
    volume = rng.gamma(4.0, size=n)
    u, z = rng.normal(size=(2, n))
    slope = np.zeros(n) if design.customers else 0.15 * (-0.2 * u + np.sqrt(1 - 0.2**2) * z)
    drawn = {"volume": volume / volume.sum(), "u": 0.5 * u, "v": slope}
    for aspect in EFFECTS:
        own, moving = rng.normal(0, 0.5, size=(n, 1)), rng.normal(0, 0.6, size=(n, WAVES))
        drawn[aspect] = np.clip(np.round(4 * (own + moving)) / 4, -2, 2) + 0.0  # no minus zero
    return drawn


def _chunk(rng: np.random.Generator, design: Design, people: dict, customer_effect: np.ndarray, rows: int) -> dict:
    """Draw some interactions: columns as arrays, ids and channels as positions."""
    e = rng.choice(design.employees, size=rows, p=people["volume"])
    w = rng.integers(WAVES, size=rows)
    channel = rng.choice(3, size=rows, p=[0.3, 0.2, 0.5])
    wait = np.round(rng.gamma(2.0, 2.0, size=rows), 2)
    complexity = rng.choice(np.arange(1, 6), size=rows, p=[0.3, 0.3, 0.2, 0.15, 0.05]).astype("int32")
    aspects = {aspect: people[aspect][e, w] for aspect in EFFECTS}
    csat = 7 + sum(b * aspects[a] for a, b in EFFECTS.items()) - 0.03 * wait - 0.12 * complexity
    csat += CHANNEL_EFFECTS[channel] + people["u"][e] + people["v"][e] * aspects["tools"]
    columns = {"employee_id": e, "channel": channel}
    if design.customers:
        columns["customer_id"] = rng.integers(design.customers, size=rows)
        csat += customer_effect[columns["customer_id"]]
    csat += rng.normal(0, 1.6, size=rows)
    if not design.centred:
        aspects = {aspect: points + MIDDLE for aspect, points in aspects.items()}
    return {**columns, **aspects, "wait": wait, "complexity": complexity, "csat": np.round(csat, 4)}


def write(design: Design, folder: Path) -> None:
    """Write ``<design>.parquet`` and, up to a million rows, ``<design>.csv`` into a folder."""
    rng = np.random.default_rng(design.seed)
    people = _employees(rng, design)
    customer_effect = rng.normal(0, 0.6, size=design.customers)
    words = {"employee_id": _ids("E", design.employees), "customer_id": _ids("C", design.customers)}
    words["channel"] = pa.array(CHANNELS)
    parquet = folder / f"{design.name}.parquet"
    writer = None
    for start in range(0, design.rows, CHUNK):
        columns = _chunk(rng, design, people, customer_effect, min(CHUNK, design.rows - start))
        table = pa.table({name: words[name].take(v) if name in words else v for name, v in columns.items()})
        writer = writer or pq.ParquetWriter(parquet, table.schema)
        writer.write_table(table, row_group_size=ROW_GROUP)
    writer.close()
    if design.rows <= CSV_ROWS:
        pyarrow.csv.write_csv(pq.read_table(parquet), folder / f"{design.name}.csv")


if __name__ == "__main__":
    write(Design(**json.loads(Path(sys.argv[1]).read_text())), Path(sys.argv[2]))
