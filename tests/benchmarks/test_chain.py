"""The chain in simulated studies: the committed run of twenty, and two small ones run anew."""

import pandas as pd
import pytest

from benchmarks.chain import MARGINAL, NEEDED, RESULTS, SEEDS, markdown, one, summary

SMALL = {"employees": 100, "interactions": 14_000}


@pytest.fixture(scope="module")
def small():
    return pd.concat([one(seed, SMALL) for seed in (11, 12)], ignore_index=True)


def test_twenty_studies_hold_the_planted_money():
    """Written by `python -m benchmarks.chain`."""
    table = pd.read_csv(RESULTS / "chain.csv")
    assert (table["studies"] == len(SEEDS)).all()
    money = table[table["kind"] == "money, acts"]
    assert set(money["what"]) == {"tools", "knowledge", "empowerment"}
    assert (money["covered"] >= NEEDED).all()
    # the error of a mean of twenty is .22 errors: three of these would be a bias
    assert (money["bias_in_errors"].abs() < 0.67).all()
    assert table.loc[table["what"] == MARGINAL, "bias_in_errors"].abs().iloc[0] < 0.67
    assert (RESULTS / "chain.md").read_text() == markdown(table)


def test_small_studies_hold_it_too(small):
    table = summary(small).set_index(["kind", "what"])
    assert set(table.loc["money, acts"].index) == {"tools", "knowledge", "empowerment"}
    assert table.loc["money, acts", "covered"].sum() >= 5  # of six
    assert len(table.loc["money, only confounded"]) == 2
    assert MARGINAL in table.loc["link"].index


def test_a_study_depends_on_its_seed_alone(small):
    again = one(12, SMALL)
    pd.testing.assert_frame_equal(again, small[small["seed"] == 12].reset_index(drop=True))
