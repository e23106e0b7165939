"""Linking: no interaction is created or lost, and each meets the EX that was in force when it began."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.linkage import compress
from exlink.data.study import load_study
from exlink.errors import LinkageError
from tests.data.small import tables, write


def by_hand(frames: dict[str, pd.DataFrame], lag: int, window: int) -> pd.Series:
    """Return the wave of every interaction by looking at each one: the latest answer that acts, if it still does."""
    ex = frames["ex_responses"].assign(responded_on=pd.to_datetime(frames["ex_responses"]["responded_on"]))
    ex["wave"] = ex["responded_on"].dt.year.astype(str) + "Q" + ex["responded_on"].dt.quarter.astype(str)
    answers = ex.groupby(["employee_id", "wave"])["responded_on"].max()
    own = {e: [(w, t.to_pydatetime()) for (_, w), t in g.items()] for e, g in answers.groupby(level=0)}
    waves = {}
    for interaction, employee, at in frames["interactions"][["interaction_id", "employee_id", "started_at"]].to_numpy():
        begun = [(t, w) for w, t in own[employee] if t + timedelta(days=lag) <= at]
        latest = max(begun, default=None)
        in_force = latest and at < latest[0] + timedelta(days=lag + window)
        waves[interaction] = latest[1] if in_force else None
    return pd.Series(waves)


@pytest.mark.parametrize(("lag", "window"), [(0, 91), (14, 91), (40, 5), (0, 200), (100, 30)])
def test_every_interaction_meets_the_ex_in_force(tmp_path_factory, lag, window):
    frames = tables()
    data = open_data(
        load_study(write(tmp_path_factory.mktemp("link"), frames, linkage={"lag_days": lag, "window_days": window}))
    )
    linked = data.query("SELECT interaction_id, wave FROM interactions ORDER BY 1").set_index("interaction_id")["wave"]
    expected = by_hand(frames, lag, window)
    assert len(linked) == len(frames["interactions"])
    assert linked.fillna("none").to_dict() == expected.fillna("none").to_dict()
    assert {"none", "2025Q4"} <= set(linked.fillna("none")) or lag == 0


def test_cells_carry_the_sufficient_statistics(tmp_path):
    data = open_data(load_study(write(tmp_path, tables())))
    rows = data.linked().collect().to_pandas()
    cells = data.cells(["employee_id", "wave"], ["satisfaction"]).set_index(["employee_id", "wave"])
    grouped = rows.groupby(["employee_id", "wave"])["satisfaction"]
    assert cells["n"].sum() == len(rows)
    assert np.array_equal(cells["n_satisfaction"], grouped.count())
    assert np.allclose(cells["sum_satisfaction"], grouped.sum())
    assert np.allclose(
        cells["sumsq_satisfaction"], (rows["satisfaction"] ** 2).groupby([rows["employee_id"], rows["wave"]]).sum()
    )


@pytest.mark.parametrize("grain", ["employee", "team"])
def test_cells_are_those_of_the_rows_whatever_was_asked_before(tmp_path, grain):
    frames = tables()
    since = ["2020-01-01", "2026-01-10"]
    moves = pd.DataFrame({"employee_id": "E-000", "valid_from": since, "team_id": ["T-9", "T-2"]})
    frames = frames | {"assignments": moves} if grain == "employee" else by_team(frames)
    frames["cx_responses"] = frames["cx_responses"].iloc[::3].assign(ease=lambda f: 1 + f["satisfaction"] / 3)
    data = open_data(load_study(write(tmp_path, frames, linkage={"grain": grain})), threads=1)
    key, kpis = [data.unit, "wave"], ["satisfaction", "ease"]
    wider = ([*key, "team_id"], [*key, "role", "team_id"], [*key, "touchpoint"]) if grain == "employee" else ()
    for by in (key, [data.unit], ["wave"], *wider):
        plain = compress(data.linked(), by, kpis).sort(*by).collect().to_pandas()
        assert (plain["n_ease"] < plain["n"]).any()
        found = data.cells(by, kpis)
        pd.testing.assert_frame_equal(found, plain.astype(found.dtypes), rtol=1e-12)


def test_moves_between_teams_are_respected(tmp_path):
    frames = tables()
    frames["assignments"] = pd.DataFrame(
        {
            "employee_id": ["E-000", "E-000"],
            "valid_from": ["2020-01-01", "2026-01-10"],
            "valid_to": ["2026-01-10", None],
            "team_id": ["T-9", "T-2"],
        }
    )
    data = open_data(load_study(write(tmp_path, frames)))
    moved = data.query("SELECT started_at, team_id FROM interactions WHERE employee_id = 'E-000' ORDER BY 1")
    expected = np.where(moved["started_at"] < "2026-01-10", "T-9", "T-2")
    assert (moved["team_id"] == expected).all()
    assert set(expected) == {"T-9", "T-2"}
    assert data.query("SELECT DISTINCT team_id FROM interactions WHERE employee_id = 'E-005' ORDER BY 1")[
        "team_id"
    ].tolist() == ["T-1"]


def test_funnel_ends_in_what_steps_see(tmp_path):
    data = open_data(load_study(write(tmp_path, tables())))
    funnel = data.funnel()
    assert funnel["rows"].iloc[0] == len(tables()["interactions"])
    assert funnel["rows"].iloc[-1] == len(data.sample_linked())
    assert (funnel["rows"].iloc[:-1].to_numpy() - funnel["lost"].iloc[1:].to_numpy() == funnel["rows"].iloc[1:]).all()


def test_sample_is_fixed_and_says_its_share(tmp_path):
    data = open_data(load_study(write(tmp_path, tables())))
    few, again = data.sample_linked(50), data.sample_linked(50)
    chosen = data.sample_linked(50, columns=["wave", "employee_id"])
    pd.testing.assert_frame_equal(chosen, few[["wave", "employee_id"]])
    pd.testing.assert_frame_equal(few, again)
    assert 0 < few.attrs["share"] < 1 and 20 < len(few) < 90


def test_no_overlap_is_told_apart(tmp_path):
    frames = tables()
    other = frames | {
        "ex_responses": frames["ex_responses"].assign(employee_id="E-X"),
        "employees": pd.concat([frames["employees"], frames["employees"].iloc[:1].assign(employee_id="E-X")]),
    }
    other["ex_responses"]["item"] = [f"i{i}" for i in range(len(other["ex_responses"]))]
    with pytest.raises(LinkageError, match=r"0 of 12 values of interactions\.employee_id occur in ex_responses"):
        open_data(load_study(write(tmp_path / "a", other)))
    early = frames | {
        "interactions": frames["interactions"].assign(
            started_at=frames["interactions"]["started_at"] - pd.Timedelta(days=1500)
        )
    }
    with pytest.raises(LinkageError, match="do not overlap in time"):
        open_data(load_study(write(tmp_path / "b", early)))


def test_aspects_on_mixed_scales_are_brought_together_aloud(tmp_path):
    frames = tables()
    ex = frames["ex_responses"]
    odd = (ex["item"] == "tools-2") & (ex["employee_id"] == "E-000")
    ex.loc[odd, ["score", "scale_min", "scale_max"]] = [10, 0, 10]
    ex.loc[~odd & (ex["aspect"] == "tools"), "score"] = 5
    data = open_data(load_study(write(tmp_path, frames)))
    assert data.exposures()["ex_tools"].eq(5).all()
    assert any("different scales" in note for note in data.notes)


def by_team(frames):
    """Return the tables of a study that knows teams only."""
    team = frames["employees"].set_index("employee_id")["team_id"]
    ex, ix = frames["ex_responses"], frames["interactions"]
    ex = ex.assign(team_id=ex["employee_id"].map(team), wave="w1", weight=2).drop(columns="employee_id")
    ex = ex.drop_duplicates(["team_id", "responded_on", "item"])
    ix = ix.assign(team_id=ix["employee_id"].map(team)).drop(columns="employee_id")
    return {"ex_responses": ex, "interactions": ix, "cx_responses": frames["cx_responses"]}


def test_team_grain_links_units_and_needs_no_employees(tmp_path):
    data = open_data(load_study(write(tmp_path, by_team(tables()), linkage={"grain": "team"})))
    assert (data.unit, data.people) == ("team_id", "teams")
    assert data.exposures()["team_id"].tolist() == ["T-0", "T-1", "T-2"]
    assert data.missing("employees") == "not assessed: needs `employees`"


def test_answers_withheld_from_linking_are_not_linked(tmp_path):
    frames = tables()
    ex = frames["ex_responses"]
    ex["identified"] = ~ex["employee_id"].isin(["E-000", "E-001"])
    data = open_data(load_study(write(tmp_path, frames)))
    assert not {"E-000", "E-001"} & set(data.exposures()["employee_id"])
    assert len(data.frame("ex_responses")) == len(ex)
    assert any("not given under the respondent's own name" in note for note in data.notes)
    ex["identified"] = False
    with pytest.raises(LinkageError, match="no answer was given under the respondent's own name"):
        open_data(load_study(write(tmp_path / "none", frames)))


def test_gaps_and_overlaps_of_the_team_history_are_told(tmp_path):
    frames = tables()
    frames["assignments"] = pd.DataFrame(
        {
            "employee_id": ["E-000", "E-000", "E-001", "E-001", "E-002", "E-002"],
            "valid_from": ["2020-01-01", "2026-01-10"] * 3,
            "valid_to": ["2025-11-30", None, "2026-03-01", None, "2026-01-09", None],  # gap, overlap, neither
            "team_id": ["T-8", "T-9"] * 3,
        }
    )
    data = open_data(load_study(write(tmp_path, frames)))
    notes = " ".join(data.notes)
    assert "1 gap in the history" in notes
    assert "1 row overlap the next one" in notes
    rows = data.query("SELECT employee_id, started_at, team_id FROM interactions ORDER BY interaction_id")
    teams = {e: set(g["team_id"]) for e, g in rows.groupby("employee_id")}
    assert "T-0" in teams["E-000"]
    assert teams["E-001"] <= {"T-8", "T-9"} and teams["E-002"] <= {"T-8", "T-9"}


def test_a_period_after_the_data_is_told(tmp_path):
    data = open_data(load_study(write(tmp_path, tables(), period="2031Q1")))
    assert any("before the period 2031Q1 begins" in note for note in data.notes)


def test_what_is_missing_says_whether_it_is_empty(tmp_path):
    data = open_data(load_study(write(tmp_path, tables())))
    assert data.missing("employees.left_on") == "not assessed: needs `employees.left_on` (the column is empty)"
    assert data.missing("employees.site", "claims") == "not assessed: needs `employees.site`, `claims`"
    assert data.missing("employees.role") == ""


def test_invitations_and_customers_are_noted_once(tmp_path):
    frames = tables()
    asked = frames["interactions"].iloc[::3]
    frames["cx_invitations"] = pd.DataFrame(
        {"interaction_id": asked["interaction_id"], "invited_at": asked["started_at"] + pd.Timedelta(hours=2)}
    )
    data = open_data(load_study(write(tmp_path, frames)))
    rows = data.query("SELECT interaction_id, started_at, invited_at FROM interactions ORDER BY 1")
    known = rows["interaction_id"].isin(asked["interaction_id"])
    assert len(rows) == len(frames["interactions"])
    assert (rows.loc[known, "invited_at"] - rows.loc[known, "started_at"]).eq(pd.Timedelta(hours=2)).all()
    assert rows.loc[~known, "invited_at"].isna().all()
    linked = data.query("SELECT count(invited_at) AS n FROM linked ORDER BY n")["n"].iloc[0]
    assert data.funnel().set_index("stage")["rows"]["customer was invited"] == linked > 0
    met = frames["interactions"].groupby("customer_id")["started_at"].agg(["min", "max"])
    customers = data.query("SELECT * FROM customers ORDER BY customer_id").set_index("customer_id")
    assert customers["customer"].tolist() == list(range(1, len(met) + 1))
    assert (customers["first_at"] == met["min"]).all() and (customers["last_at"] == met["max"]).all()
