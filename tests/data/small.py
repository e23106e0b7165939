"""A small, clean study as DataFrames, to be broken one thing at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

EMPLOYEES, WAVES, CONTACTS = 12, 3, 400


def tables() -> dict[str, pd.DataFrame]:
    """Return the four required tables of a study in which everything is in order."""
    rng = np.random.default_rng(7)
    ids = [f"E-{i:03d}" for i in range(EMPLOYEES)]
    employees = pd.DataFrame(
        {
            "employee_id": ids,
            "role": "agent",
            "team_id": [f"T-{i // 4}" for i in range(EMPLOYEES)],
            "hired_on": "2020-01-01",
            "left_on": None,
        }
    )
    answers = [
        (
            e,
            (pd.Timestamp("2025-10-06") + pd.Timedelta(days=91 * w + int(rng.integers(0, 10)))).date(),
            f"{a}-{k}",
            "everyday work",
            a,
            "driver",
            int(rng.integers(1, 6)),
            1,
            5,
        )
        for e in ids
        for w in range(WAVES)
        for a in ("tools", "workload")
        for k in (1, 2)
    ]
    ex = pd.DataFrame(
        answers,
        columns=[
            "employee_id",
            "responded_on",
            "item",
            "touchpoint",
            "aspect",
            "kpi",
            "score",
            "scale_min",
            "scale_max",
        ],
    )
    started = pd.Timestamp("2025-10-01") + pd.to_timedelta(rng.integers(0, 270 * 24 * 60, CONTACTS), unit="min")
    interactions = pd.DataFrame(
        {
            "interaction_id": [f"I-{i}" for i in range(CONTACTS)],
            "employee_id": rng.choice(ids, CONTACTS),
            "customer_id": [f"C-{i}" for i in rng.integers(0, 90, CONTACTS)],
            "started_at": started,
            "touchpoint": rng.choice(["enquiry", "claim"], CONTACTS),
            "handle_seconds": rng.integers(60, 900, CONTACTS),
        }
    )
    answered = np.sort(rng.choice(CONTACTS, 200, replace=False))
    cx = pd.DataFrame(
        {
            "interaction_id": interactions["interaction_id"].to_numpy()[answered],
            "responded_at": started[answered] + pd.Timedelta(hours=3),
            "recommend": rng.integers(0, 11, 200),
            "satisfaction": rng.integers(1, 6, 200),
        }
    )
    return {"employees": employees, "ex_responses": ex, "interactions": interactions, "cx_responses": cx}


def write(folder: Path, frames: dict[str, pd.DataFrame], **keys: object) -> Path:
    """Write frames as CSV and a study file with ``keys`` over the usual ones; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    study = {"name": "small", "period": "2026Q2", "sources": {name: f"{name}.csv" for name in frames}} | keys
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return folder
