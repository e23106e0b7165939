"""The four warning signs in simulated studies: the committed run of forty and their healthy twins."""

import pandas as pd
import pytest

from benchmarks.signs import DETECTED, FALSE_ALARMS, RESULTS, SEEDS, WORLDS, markdown, summary
from exlink.steps.executive_summary.warning_signs import SIGNS


@pytest.fixture(scope="module")
def committed():
    """Written by `python -m benchmarks.signs`."""
    return pd.read_csv(RESULTS / "signs.csv")


def test_every_study_and_its_twin_was_judged(committed):
    counts = committed.groupby(["sign", "world"])["seed"].nunique()
    assert set(committed["sign"]) == set(SIGNS)
    assert set(committed["world"]) == set(WORLDS.values())
    assert (counts == len(SEEDS)).all()


def test_symptoms_are_found_and_healthy_twins_raise_few_alarms(committed):
    rates = summary(committed).set_index(["world", "sign"])["raised"]
    assert (rates[WORLDS[False]] >= DETECTED).all()
    assert (rates[WORLDS[True]] <= FALSE_ALARMS).all()


def test_the_page_says_what_the_table_holds(committed):
    assert (RESULTS / "signs.md").read_text() == markdown(committed)
