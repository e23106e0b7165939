"""The checks of the audit in simulated studies: the committed run of forty and their healthy twins."""

import pandas as pd
import pytest

from benchmarks import signs
from benchmarks.signs import DETECTED, FALSE_ALARMS, RESULTS, markdown, summary
from benchmarks.studies import SEEDS, WORLDS, simulated
from exlink.steps.executive_summary.warning_signs import SIGNS


@pytest.fixture(scope="module")
def committed():
    """Written by `python -m benchmarks.signs`."""
    return pd.read_csv(RESULTS / "signs.csv")


def test_every_study_and_its_twin_was_judged(committed):
    counts = committed.groupby(["sign", "world"])["seed"].nunique()
    assert set(committed.loc[committed["kind"] == "signs", "sign"]) == set(SIGNS)
    assert set(committed["kind"]) == set(signs.CHECKS)
    assert set(committed["world"]) == set(WORLDS.values())
    assert (counts == len(SEEDS)).all()


def test_symptoms_are_found_and_healthy_twins_raise_few_alarms(committed):
    rates = summary(committed).set_index(["world", "sign"])["raised"]
    assert (rates[WORLDS[False]] >= DETECTED).all()
    assert (rates[WORLDS[True]] <= FALSE_ALARMS).all()


def test_the_page_says_what_the_table_holds(committed):
    assert (RESULTS / "signs.md").read_text() == markdown(committed)


def test_a_study_is_judged_with_the_parameters_of_the_notebook_and_kept(tmp_path, monkeypatch):
    small = {"employees": 40, "interactions": 3_000, "waves": 4}
    found = signs.one(1, healthy=False, kinds=["behind"], keep=tmp_path, size=small)
    assert list(found["kind"].unique()) == ["behind"]
    with simulated(1, healthy=False, keep=tmp_path) as again:  # not simulated again: its size is the small one
        assert len(again.query("SELECT * FROM employees")) < 200
    monkeypatch.setitem(signs.defaults(), "recurrence_harmless", 0.98)
    monkeypatch.setitem(signs.defaults(), "recurrence_matters", 0.99)
    with_other_bounds = signs.one(1, healthy=False, kinds=["behind"], keep=tmp_path)
    assert (found["verdict"] != with_other_bounds["verdict"]).any()
