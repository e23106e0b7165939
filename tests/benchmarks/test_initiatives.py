"""What notebook 07 finds of initiatives beyond their own aspect: the committed run over eighty studies."""

import pandas as pd
import pytest

from benchmarks.initiatives import NAMES, RESULTS, markdown, planted
from benchmarks.studies import SEEDS, WORLDS


@pytest.fixture(scope="module")
def committed():
    """Written by `python -m benchmarks.initiatives`."""
    return pd.read_csv(RESULTS / "initiatives.csv")


def test_every_outcome_of_every_study_was_looked_at(committed):
    assert set(committed["outcome"]) == set(NAMES) and set(committed["world"]) == set(WORLDS.values())
    assert (committed.groupby(["world", "outcome"])["seed"].nunique() == len(SEEDS)).all()


def test_intervals_hold_what_was_planted_in_both_worlds(committed):
    """Where three of twenty teams drift apart for other reasons, too: what chance does there is in the error."""
    holds = (committed["conf_low"] <= committed["planted"]) & (committed["planted"] <= committed["conf_high"])
    assert (holds.groupby([committed["world"], committed["outcome"]]).mean() >= 0.93).all()


def test_what_was_not_planted_is_hardly_ever_clear(committed):
    idle = committed[committed["planted"].abs() < 1e-9]
    clear = idle["verdict"].isin(["higher", "lower"])
    assert (clear.groupby([idle["world"], idle["outcome"]]).mean() <= 0.05).all()


def test_teams_drawn_by_lot_show_as_much_in_one_of_twenty(committed):
    idle = committed[(committed["planted"].abs() < 1e-9) & (committed["world"] == "healthy")]
    assert (idle["p_permuted"] < 0.05).mean() == pytest.approx(0.05, abs=0.025)


def test_planted_follows_the_aspect():
    effect = {"aspect": "tools", "kpi": "ease", "acts": True, "joint": 0.2}
    truth = {"engagement": {"aspect_weights": {"tools": 0.1}}, "effects": [effect]}
    own = planted("N-01", "its aspect", truth)
    assert planted("N-01", "ease", truth) == pytest.approx(0.2 * own)
    assert planted("N-01", "ex_ease", truth) == pytest.approx(0.45 * own)
    assert planted("N-01", "recommend", truth) == planted("N-02", "its aspect", truth) == 0


def test_the_page_says_what_the_table_holds(committed):
    assert (RESULTS / "initiatives.md").read_text() == markdown(committed)
