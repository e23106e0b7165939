"""What notebook 07 finds of planted changes: the committed run over forty studies and their twins."""

import pandas as pd
import pytest

from benchmarks.loop import RESULTS, answered_change, initiative_rows, markdown, planted
from benchmarks.studies import SEEDS, WORLDS


@pytest.fixture(scope="module")
def committed():
    """Written by `python -m benchmarks.loop`."""
    return pd.read_csv(RESULTS / "loop.csv")


def test_every_initiative_of_every_study_was_judged(committed):
    rows = committed[committed["kind"] == "initiative"]
    assert set(rows["about"]) == set(planted()["initiative"])
    assert (rows.groupby(["about", "world"])["seed"].nunique() == len(SEEDS)).all()
    assert set(committed["world"]) == set(WORLDS.values())


def test_intervals_hold_what_was_planted_and_nothing_is_called_a_change_in_one_of_twenty(committed):
    rows = initiative_rows(committed).set_index("initiative")
    assert (rows["held_high"] >= 0.95).all()
    assert (rows["held"] > 0.9).all()
    assert ((rows["mean"] - rows["planted"]).abs() < 3 * rows["spread"] / rows["studies"] ** 0.5).all()
    nothing = rows.loc[rows["planted"] == 0, "clear"]
    assert len(nothing) == 1 and nothing.iloc[0] <= 0.05
    assert rows.loc["N-01", "clear"] > 0.95


def test_what_is_not_so_is_rarely_said_of_answering_and_of_pairs_of_kpis(committed):
    said = committed.loc[committed["kind"] == "answering", "verdict"].value_counts(normalize=True)
    assert said.get("survey fatigue", 0) + said.get("both", 0) <= 0.05
    pairs = committed[committed["kind"] == "KPIs"]
    assert (pairs["verdict"] == "pull against each other").mean() < 0.01


def test_a_change_is_answered_in_part():
    assert answered_change("tools", 0.0) == 0
    assert 0 < answered_change("tools", 0.7) < 0.7
    assert answered_change("workload", -0.35) == pytest.approx(-0.35, abs=0.02)


def test_the_page_says_what_the_table_holds(committed):
    assert (RESULTS / "loop.md").read_text() == markdown(committed)
