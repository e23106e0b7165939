"""Reliability: R's alpha and ICCs of the army survey, closed forms, and coverage of Feldt's interval."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.reliability import (
    contacts_needed,
    cronbach_alpha,
    icc1,
    icc2,
    icc_from_sums,
    reliability_of_mean,
)
from tests.stats.reference import EXACT, r_numbers, real

SCALES = {"LEAD": "LEAD", "TSIG": "TSIG", "HOSTILE": "HOSTIL"}


@pytest.mark.parametrize("scale", SCALES)
def test_army_survey(scale):
    survey = real("army_lq2002/lq2002.csv")
    items = survey[[c for c in survey if c.startswith(SCALES[scale]) and c[-2:].isdigit()]]
    alpha = r_numbers("lq2002", "psych::alpha").loc[f"alpha_raw:{scale}", "estimate"]
    assert cronbach_alpha(items)["estimate"][0] == pytest.approx(alpha, rel=EXACT)
    r = r_numbers("lq2002", "aov ICC")
    for function, name in ((icc1, "ICC1"), (icc2, "ICC2")):
        estimate = function(survey[scale], survey["COMPID"])["estimate"].iloc[0]
        # the scale scores in the file are rounded to nine digits
        assert estimate == pytest.approx(r.loc[f"{name}:{scale}", "estimate"], rel=1e-7)


def test_alpha_of_the_credit_institutions_customers():
    """ECSI, 250 customers of a Spanish credit institution: the alphas that plspm prints."""
    answers, printed = (
        real("ecsi_customer_satisfaction/satisfaction.csv"),
        real("ecsi_customer_satisfaction/satisfaction_unidim.csv").set_index("Unnamed: 0"),
    )
    assert len(printed) >= 4
    for block, row in printed.iterrows():
        items = answers[[c for c in answers if c.startswith(block.lower()) and c[-1].isdigit()]]
        # plspm standardises items first
        alpha = cronbach_alpha((items - items.mean()) / items.std()).loc[0, "estimate"]
        assert alpha == pytest.approx(row["cronbach_alpha"], rel=EXACT)


def test_alpha_by_hand_and_missing_items():
    items = np.array([[1.0, 2], [2, 2], [3, 5], [4, 3], [np.nan, 4]])
    a, b = items[:4].T
    expected = 2 * (1 - (a.var(ddof=1) + b.var(ddof=1)) / (a + b).var(ddof=1))
    row = cronbach_alpha(items).iloc[0]
    assert row["estimate"] == pytest.approx(expected)
    assert (row["n"], row["n_items"], row["n_dropped"]) == (4, 2, 1)


def test_feldts_interval_covers():
    """Truth: parallel items with reliability .4 each, so alpha of five is .769; 60 people, 500 samples."""
    rng = np.random.default_rng(1)
    alpha = 5 * 0.4 / (1 + 4 * 0.4)
    scores = np.sqrt(0.4) * rng.normal(size=(500, 60, 1)) + np.sqrt(0.6) * rng.normal(size=(500, 60, 5))
    tables = [cronbach_alpha(sample).iloc[0] for sample in scores]
    covered = np.mean([t["conf_low"] <= alpha <= t["conf_high"] for t in tables])
    assert 0.925 <= covered <= 0.975


def test_sums_give_what_rows_give_and_no_effect_gives_none():
    """Truth: groups do not differ, so ICC(1) is 0 and its interval covers it in about 95 % of samples."""
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(30), 12)
    covered = []
    for _ in range(300):
        y = rng.normal(4, 1, 360)
        sums = [np.bincount(group, weights=w) for w in (np.ones(360), y, y**2)]
        table = icc_from_sums(*sums)
        covered.append(table["conf_low"][0] <= 0 <= table["conf_high"][0])
    assert 0.91 <= np.mean(covered) <= 0.985
    assert icc1(y, group)["estimate"].iloc[0] == pytest.approx(table["estimate"][0], abs=1e-9)


def test_spearman_brown_and_back():
    assert reliability_of_mean(0.2, 4) == pytest.approx(0.5)
    assert reliability_of_mean(-0.1, 50) == 0
    needed = contacts_needed([0.2, 0.05, 0.0, -0.1], 0.8)
    np.testing.assert_array_equal(needed, [16, 76, np.nan, np.nan])
    for icc in (0.03, 0.11, 0.4):
        n = contacts_needed(icc, 0.7)
        assert reliability_of_mean(icc, n) >= 0.7 > reliability_of_mean(icc, n - 1)


def test_too_little_is_said():
    with pytest.raises(EstimationError, match="at least 2 items"):
        cronbach_alpha(np.ones((5, 1)))
    with pytest.raises(EstimationError, match="does not vary"):
        cronbach_alpha(np.ones((5, 3)))
    with pytest.raises(EstimationError, match="3 rows in 3 groups"):
        icc1([1, 2, 3], ["a", "b", "c"])
    with pytest.raises(EstimationError, match="between 0 and 1"):
        contacts_needed(0.2, 1.0)
