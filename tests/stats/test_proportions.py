"""Shares and the net promoter score: closed forms, statsmodels, coverage, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from exlink.errors import EstimationError
from exlink.stats.proportions import (
    group_nps,
    group_shares,
    nps,
    nps_change,
    nps_from_counts,
    wilson,
)


def test_wilson_is_statsmodels():
    successes, n = np.array([0, 3, 81, 40, 40]), np.array([10, 10, 263, 40, 50])
    ours = wilson(successes, n)
    low, high = proportion_confint(successes, n, method="wilson")
    np.testing.assert_allclose(ours["conf_low"], low, atol=1e-12)
    np.testing.assert_allclose(ours["conf_high"], high, atol=1e-12)


def test_impossible_counts_are_refused():
    with pytest.raises(EstimationError, match="11 successes of 10"):
        wilson([3, 11], [10, 10])


def test_clustered_share_is_wider_and_within_bounds():
    rng = np.random.default_rng(4)
    # 20 clusters of 30 whose own chances run from nearly 0 to nearly 1
    cells = pd.DataFrame({"c": range(20), "n": 30, "hit": rng.binomial(30, rng.beta(0.5, 0.5, 20))})
    plain = group_shares(cells, "hit", "n").iloc[0]
    clustered = group_shares(cells, "hit", "n", cluster="c").iloc[0]
    assert clustered["estimate"] == plain["estimate"] == cells["hit"].sum() / 600
    assert clustered["conf_high"] - clustered["conf_low"] > 2.5 * (plain["conf_high"] - plain["conf_low"])
    assert clustered["conf_low"] >= 0 and clustered["conf_high"] <= 1


def test_clustered_share_of_none_counts_clusters():
    cells = pd.DataFrame({"c": range(12), "n": 50, "hit": 0})
    row = group_shares(cells, "hit", "n", cluster="c").iloc[0]
    assert row["conf_low"] == 0
    assert 0.2 < row["conf_high"] < 0.35  # of 12 clusters, not of 600 rows


def test_nps_by_hand():
    """50 promoters, 30 passives, 20 detractors: 30 points, variance (.7 − .09)/100."""
    scores = [10] * 25 + [9] * 25 + [8] * 30 + [6] * 15 + [0] * 5
    row = nps(scores).iloc[0]
    assert row["estimate"] == pytest.approx(30)
    assert row["std_error"] == pytest.approx(100 * np.sqrt((0.7 - 0.09) / 100))
    assert row["conf_low"] == pytest.approx(30 - 1.959964 * row["std_error"], abs=1e-4)


def test_nps_interval_covers():
    """Truth: .45 promoters, .3 detractors, so 15 points; 120 answers."""
    draws = np.random.default_rng(5).multinomial(120, [0.45, 0.25, 0.3], size=4000)
    table = nps_from_counts(draws[:, 0], draws[:, 1], draws[:, 2])
    covered = ((table["conf_low"] <= 15) & (table["conf_high"] >= 15)).mean()
    assert 0.935 <= covered <= 0.965


def test_one_kind_of_answer_does_not_mean_certainty():
    row = nps_from_counts(5, 0, 0).iloc[0]
    assert row["estimate"] == 100
    assert row["conf_low"] < 60
    assert row["conf_high"] == 100


def test_clustered_nps_agrees_with_rows():
    rng = np.random.default_rng(6)
    rows = pd.DataFrame({"c": rng.integers(0, 15, 400), "score": rng.integers(0, 11, 400)})
    rows = rows.assign(p=rows["score"] >= 9, d=rows["score"] <= 6, n=1)
    cells = rows.groupby("c", as_index=False)[["p", "d", "n"]].sum()
    ours = group_nps(cells, "p", "d", "n", cluster="c").drop(columns="n_clusters")
    direct = nps(rows["score"], cluster=rows["c"]).drop(columns="n_clusters")
    pd.testing.assert_frame_equal(ours, direct)


def test_clusters_that_all_agree_do_not_mean_certainty():
    """Twelve people with 50 promoters each, beside twelve that differ: the first interval counts twelve, not none."""
    alike = pd.DataFrame({"g": "alike", "c": range(12), "p": 50, "d": 0, "n": 50})
    mixed = pd.DataFrame({"g": "mixed", "c": range(12), "p": range(12), "d": 3, "n": 50})
    both = group_nps(pd.concat([alike, mixed]), "p", "d", "n", "g", cluster="c").set_index("g")
    assert both.loc["alike", "estimate"] == 100
    assert both.loc["alike", "conf_low"] == pytest.approx(nps_from_counts(12, 0, 0)["conf_low"][0])
    assert both.loc["alike", "conf_low"] < 90
    alone = group_nps(mixed, "p", "d", "n", "g", cluster="c").set_index("g")
    pd.testing.assert_series_equal(both.loc["mixed"], alone.loc["mixed"])
    # several groups that agree, and a number of clusters of their own each
    several = group_nps(pd.concat([alike, alike[:5].assign(g="few")]), "p", "d", "n", "g", cluster="c").set_index("g")
    assert several.loc["few", "conf_low"] < several.loc["alike", "conf_low"] < 100


def test_percent_change_of_nps_is_refused():
    assert nps_change(-10, 25) == 35
    with pytest.raises(EstimationError, match="percent is refused"):
        nps_change(10, 25, unit="percent")


def test_nps_change_of_two_estimates_has_an_interval():
    row = nps_change(nps_from_counts(30, 40, 30), nps_from_counts(50, 30, 20)).iloc[0]
    assert row["estimate"] == pytest.approx(30)
    assert row["std_error"] == pytest.approx(100 * np.sqrt(0.6 / 100 + 0.61 / 100))


def test_nps_on_another_scale_is_refused():
    with pytest.raises(EstimationError, match="scale is 1–5"):
        nps([1, 5], scale=(1, 5))
    assert nps([1, 5, 5], scale=(1, 5), promoters_from=5, detractors_to=3)["estimate"][0] == pytest.approx(100 / 3)
