"""Whatever the study looks like: linking makes no interaction, EX comes first, and the team is the team of the day."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.data.dataset import open_data
from exlink.data.panel import panel_cells
from exlink.data.study import load_study
from tests.data.small import EMPLOYEES, tables, write

FIRST = pd.Timestamp("2025-09-01")
IDS = [f"E-{k:03d}" for k in range(EMPLOYEES)]
MOVES = st.lists(
    st.tuples(st.sampled_from(IDS), st.integers(0, 300), st.sampled_from(["T-0", "T-7", "T-8"])),
    max_size=12, unique_by=lambda move: move[:2],
)  # fmt: skip


def history(moves):
    """Return ``assignments``: an employee's rows begin on the day of a move and end when the next one begins."""
    days = [(e, FIRST + pd.Timedelta(days=d), t) for e, d, t in sorted(moves)]
    return pd.DataFrame(days, columns=["employee_id", "valid_from", "team_id"])


def team_of_the_day(moves, employee, at):
    """Return the team by hand: the last move on or before that day, else the team of ``employees``."""
    day = (at.normalize() - FIRST).days
    before = [(since, team) for e, since, team in moves if e == employee and since <= day]
    return max(before)[1] if before else f"T-{IDS.index(employee) // 4}"


# each example reads a study from files: half a second
@settings(max_examples=10, deadline=None)
@given(lag=st.integers(0, 60), window=st.integers(5, 200), moves=MOVES, seed=st.integers(0, 1000))
def test_linking_keeps_its_promises(lag, window, moves, seed):
    frames = {name: frame.sample(frac=1, random_state=seed) for name, frame in tables().items()}
    if moves:
        frames["assignments"] = history(moves)
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), frames, linkage={"lag_days": lag, "window_days": window})
        data = open_data(load_study(path), threads=1)
        rows = data.query("SELECT * FROM interactions ORDER BY interaction_id")
        linked = data.query("SELECT * FROM linked ORDER BY interaction_id")
        lost, cells = data.funnel(), panel_cells(data)
    # never more interactions after linking than before, and none twice
    assert sorted(rows["interaction_id"]) == sorted(frames["interactions"]["interaction_id"])
    assert set(linked["interaction_id"]) <= set(rows["interaction_id"])
    assert linked["interaction_id"].is_unique
    assert cells["n"].sum() == len(linked)
    assert lost["rows"].iloc[0] == len(rows)
    assert lost["rows"].is_monotonic_decreasing
    # no EX answer after the contact it is to explain, none older than lag and window allow
    since = linked["started_at"] - pd.to_datetime(linked["responded_on"])
    assert (since >= pd.Timedelta(days=lag)).all()
    assert (since < pd.Timedelta(days=lag + window)).all()
    # contacts count under the team of their own day, linked or not
    expected = [team_of_the_day(moves, r.employee_id, r.started_at) for r in rows.itertuples()]
    assert rows["team_id"].tolist() == expected
    teams = dict(zip(rows["interaction_id"], expected, strict=True))
    assert linked["team_id"].tolist() == [teams[i] for i in linked["interaction_id"]]


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_and_the_names_of_people_change_no_cell(seed):
    frames = tables()
    names = {e: f"X-{k:03d}" for k, e in enumerate(IDS)}
    turned = {
        name: (f.assign(employee_id=f["employee_id"].map(names)) if "employee_id" in f else f).sample(
            frac=1, random_state=seed
        )
        for name, f in frames.items()
    }
    found = []
    for given_frames in (frames, turned):
        with tempfile.TemporaryDirectory() as folder:
            found.append(panel_cells(open_data(load_study(write(Path(folder), given_frames)), threads=1)))
    first = found[0].assign(employee_id=found[0]["employee_id"].map(names))
    pd.testing.assert_frame_equal(first, found[1])
