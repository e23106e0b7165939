"""The checks of the audit in simulated studies: the committed run of forty and their healthy twins."""

import pandas as pd
import pytest

from benchmarks import signs
from benchmarks.signs import DETECTED, FALSE_ALARMS, IN_BOTH, KINDS, RESULTS, markdown, summary
from benchmarks.studies import SEEDS, WORLDS, simulated
from exlink.steps.executive_summary.warning_signs import SIGNS


@pytest.fixture(scope="module")
def committed():
    """Written by `python -m benchmarks.signs`."""
    return pd.read_csv(RESULTS / "signs.csv")


def test_every_study_and_its_twin_was_judged(committed):
    counts = committed.groupby(["kind", "sign", "world"])["seed"].nunique()
    assert set(committed.loc[committed["kind"] == "signs", "sign"]) == set(SIGNS)
    assert set(committed["kind"]) == set(KINDS)
    assert set(committed["world"]) == set(WORLDS.values())
    assert (counts == len(SEEDS)).all()


def test_the_four_signs_are_found_and_healthy_twins_raise_few_alarms(committed):
    rates = summary(committed[committed["kind"] == "signs"]).set_index(["world", "sign"])["raised"]
    assert (rates[WORLDS[False]] >= DETECTED).all()
    assert (rates[WORLDS[True]] <= FALSE_ALARMS).all()


def test_what_lies_behind_the_signs_raises_few_false_alarms(committed):
    rates = summary(committed[committed["kind"] == "behind"]).set_index(["world", "sign"])["raised"]
    assert (rates[WORLDS[True]].drop(list(IN_BOTH)) <= FALSE_ALARMS).all()


def test_the_page_says_what_the_table_holds(committed):
    assert (RESULTS / "signs.md").read_text() == markdown(committed)


def test_a_study_is_judged_by_the_cells_of_the_notebook_and_kept(tmp_path):
    small = {"employees": 40, "interactions": 3_000, "waves": 4}
    found = signs.one(1, healthy=False, keep=tmp_path, size=small)
    assert set(found["kind"]) == set(KINDS)
    assert found.loc[found["kind"] == "signs", "sign"].tolist() == list(SIGNS)
    with simulated(1, healthy=False, keep=tmp_path) as again:  # not simulated again: its size is the small one
        assert len(again.query("SELECT * FROM employees ORDER BY employee_id")) < 200
        names = signs.found_by("06_misalignment_audit", again, "-found")
    assert [check.verdict for check in names["signs"]] == found.loc[found["kind"] == "signs", "verdict"].tolist()
