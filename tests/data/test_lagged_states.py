"""Lagged states: every contact meets the states of its own days, by a plain loop over contacts and answers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.lagged_states import lagged_cells
from exlink.data.study import load_study
from tests.steps.linkage_world import Plan, open_study

BEFORE, AFTER = 3, 6
SAMPLE = Path(__file__).parents[2] / "data" / "sample"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return open_study(tmp_path_factory.mktemp("lagged"), Plan(units=12, waves=5, contacts=15, seed=4))


@pytest.fixture(scope="module")
def answers(small):
    """Every third unit skips a wave, and answers come on different days of the week."""
    frame = small.exposures().assign(state=lambda f: f["ex_tools"])
    code = pd.factorize(frame[small.unit])[0]
    moved = pd.to_timedelta(code % 7, unit="D")
    frame = frame.assign(responded_on=pd.to_datetime(frame["responded_on"]) + moved, valid_to=frame["valid_to"] + moved)
    return frame[~((code % 3 == 0) & (frame["wave"] == "W2"))]


def by_hand(data, answers, kpi):
    """Return (unit, Monday, states, score) of every contact with a score for which all states are known."""
    contacts = data.query(
        f"SELECT {data.unit}, started_at, {kpi} FROM interactions WHERE {kpi} IS NOT NULL ORDER BY ALL"
    )
    own = {unit: part.sort_values("responded_on") for unit, part in answers.groupby(data.unit)}
    rows = []
    for unit, moment, score in contacts.itertuples(index=False):
        states = []
        for lag in range(-BEFORE, AFTER + 1):
            day = moment.normalize() - pd.Timedelta(days=7 * lag)
            before = own[unit][own[unit]["responded_on"] <= day]
            held = len(before) and day < before["valid_to"].iloc[-1].normalize()
            states.append(before["state"].iloc[-1] if held else np.nan)
        if not np.isnan(states).any():
            monday = moment.normalize() - pd.Timedelta(days=moment.weekday())
            rows.append((unit, (monday - pd.Timestamp(0)).days, *states, score))
    return pd.DataFrame(rows)


def test_cells_hold_every_contact_with_its_own_states(small, answers):
    cells, names = lagged_cells(small, answers, ["satisfaction"], BEFORE, AFTER)
    expected = by_hand(small, answers, "satisfaction")
    assert len(names) == BEFORE + AFTER + 1
    assert names[BEFORE] == "state 0"
    keys = list(expected.columns[:-1])
    sums = expected.groupby(keys)[expected.columns[-1]].agg(["size", "sum"]).reset_index()
    found = cells.groupby([small.unit, "week", *names])[["n_satisfaction", "sum_satisfaction"]].sum().reset_index()
    assert len(sums) == len(found) > 100
    assert found.iloc[:, :-2].to_numpy().tolist() == sums[keys].to_numpy().tolist()
    assert list(found["n_satisfaction"]) == list(sums["size"])
    assert list(found["sum_satisfaction"]) == pytest.approx(list(sums["sum"]))


def test_states_ahead_are_those_of_later_answers(small, answers):
    cells, names = lagged_cells(small, answers, ["satisfaction"], BEFORE, AFTER)
    rises = cells[cells[names[0]] != cells[names[BEFORE]]]
    assert len(rises) > 0, "some contacts lie within three weeks before the next answer"


def test_an_answer_without_the_state_is_no_answer(small, answers):
    emptied = answers.assign(state=answers["state"].where(answers["wave"] != "W3"))
    cells, names = lagged_cells(small, emptied, ["satisfaction"], BEFORE, AFTER)
    assert cells[names].notna().all().all()
    assert cells["n_satisfaction"].sum() == len(by_hand(small, emptied.dropna(subset=["state"]), "satisfaction"))


def test_kpis_in_one_pass_count_as_they_do_alone():
    sample = open_data(load_study(SAMPLE), threads=1)
    exposures = sample.exposures()
    answers = exposures.assign(state=exposures[f"ex_{sample.aspects[0]}"])
    together, _ = lagged_cells(sample, answers, ["recommend", "satisfaction"], BEFORE, AFTER)
    for kpi in ("satisfaction", "recommend"):
        alone, _ = lagged_cells(sample, answers, [kpi], BEFORE, AFTER)
        own = together.loc[together[f"n_{kpi}"] > 0, alone.columns].reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone, check_exact=True)
        assert len(alone) > 100
    assert len(together) > len(alone), "some cells hold no answer about recommendation"
