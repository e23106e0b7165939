"""Counts over time: against statsmodels' Poisson and weighted least squares, and by hand."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.count_trends import count_trends, trend_by


@pytest.fixture
def counts():
    rng = np.random.default_rng(4)
    rows = []
    for g, slope in enumerate((-0.2, 0.0, 0.1, -0.1)):
        mean = 20 * np.exp(slope * np.arange(8)) * rng.gamma(4, 0.25, 8)
        rows.append(pd.DataFrame({"group": f"g{g}", "at": np.arange(8), "n": rng.poisson(mean)}))
    return pd.concat(rows, ignore_index=True)


def test_trends_are_those_of_statsmodels(counts):
    import statsmodels.api as sm

    found = count_trends(counts, "n", "group", "at").set_index("term")
    for name, part in counts.groupby("group"):
        fit = sm.GLM(part["n"], sm.add_constant(part["at"]), family=sm.families.Poisson()).fit(scale="X2")
        error = fit.bse["at"] / np.sqrt(min(fit.scale, 1.0))  # no less than Poisson's
        assert found.loc[name, "estimate"] == pytest.approx(fit.params["at"], rel=1e-6)
        assert found.loc[name, "std_error"] == pytest.approx(error, rel=1e-6)


def test_how_trends_go_along_is_weighted_least_squares(counts):
    import statsmodels.api as sm

    slopes, x = count_trends(counts, "n", "group", "at"), np.array([0.9, 0.1, 0.0, 0.5])
    fit = sm.WLS(slopes["estimate"], sm.add_constant(x), weights=1 / slopes["std_error"] ** 2).fit()
    row = trend_by(slopes, x).iloc[0]
    assert row["estimate"] == pytest.approx(fit.params["x1"], rel=1e-9)
    assert row["std_error"] == pytest.approx(fit.bse["x1"] / np.sqrt(min(fit.scale, 1.0)), rel=1e-9)
    with pytest.raises(EstimationError, match="at least 3 that differ"):
        trend_by(slopes, np.ones(4))


def test_short_and_empty_groups_are_left_out(counts):
    empty = pd.DataFrame({"group": "none", "at": np.arange(8), "n": 0})
    short = pd.DataFrame({"group": "short", "at": np.arange(3), "n": 5})
    both = pd.concat([counts, empty, short], ignore_index=True)
    assert count_trends(both, "n", "group", "at")["term"].tolist() == ["g0", "g1", "g2", "g3"]
    with pytest.raises(EstimationError, match="no value of group"):
        count_trends(pd.concat([empty, short]), "n", "group", "at")


def test_groups_alike_share_a_dispersion_but_for_those_that_vary_more(counts):
    import statsmodels.api as sm

    apart, alike = (count_trends(counts, "n", "group", "at", alike=shared) for shared in (False, True))
    dummies = pd.get_dummies(counts["group"], dtype=float)
    design = np.hstack([dummies, dummies.mul(counts["at"], axis=0)])
    fit = sm.GLM(counts["n"], design, family=sm.families.Poisson()).fit(scale="X2")
    np.testing.assert_allclose(alike["estimate"], apart["estimate"])
    more = apart["std_error"].to_numpy() > fit.bse[4:].to_numpy()
    assert 0 < more.sum() < len(more)
    np.testing.assert_allclose(alike["std_error"], np.where(more, apart["std_error"], fit.bse[4:]), rtol=1e-6)
    assert fit.scale > 1 and fit.df_resid == 24


def test_one_group_that_varies_more_than_those_alike_is_not_taken_to_rise_or_fall():
    # 12 groups of 8 periods around 25, one with six times Poisson's variance, no trend: a share of 5 %, not of 30 %
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"group": np.repeat([f"g{i:02d}" for i in range(12)], 8), "at": np.tile(np.arange(8), 12)})
    wild = (frame["group"] == "g06").to_numpy()
    p_values = []
    for _ in range(150):
        n = np.where(wild, rng.negative_binomial(5, 1 / 6, 96), rng.poisson(25, 96))
        p_values.append(count_trends(frame.assign(n=n), "n", "group", "at", alike=True).set_index("term")["p_value"])
    share = (pd.concat(p_values, axis=1).T < 0.05).mean()
    assert share["g06"] < 0.15
    assert share.drop("g06").mean() < 0.05


def test_no_trend_of_groups_alike_is_clear_as_often_as_chance_has_it():
    # 12 groups of 8 periods, variance twice the mean, no trend; 50 studies: 5 % of 600, errors of groups as if apart
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"group": np.repeat([f"g{i}" for i in range(12)], 8), "at": np.tile(np.arange(8), 12)})
    p_values = [
        count_trends(frame.assign(n=rng.negative_binomial(15, 0.5, 96)), "n", "group", "at", alike=True)["p_value"]
        for _ in range(50)
    ]
    share = np.mean(np.concatenate(p_values) < 0.05)  # below 5 %, for a group that seems to vary more keeps that
    assert 0.01 < share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 600)
