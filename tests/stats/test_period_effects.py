"""Effects of periods in two steps: against least squares with dummies, and known truths with and without an effect."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.period_effects import period_effects, slope_of_changes, slope_over_periods


def panel(seed, *, people=60, periods=8, load=-1.5, action=3.0, shock=0.0):
    """Return rows and what was done in each period; people come and go, those with a high level stay longer."""
    rng = np.random.default_rng(seed)
    who, when = (g.ravel() for g in np.meshgrid(np.arange(people), np.arange(periods), indexing="ij"))
    level = rng.normal(0, 5, people)
    z = rng.normal(0, 1, periods)
    x = rng.poisson(1.0, len(who)) + (who % 3 == 0)
    y = level[who] + load * x + (action * z + shock * rng.normal(0, 1, periods))[when] + rng.normal(0, 6, len(who))
    kept = rng.random(len(who)) < 0.5 + 0.4 * (level[who] > 0)
    return pd.DataFrame({"y": y, "x": x.astype(float), "who": who, "when": when, "team": who // 5})[kept], z


def test_agrees_with_least_squares_on_dummies():
    rows, z = panel(1)
    found = period_effects(rows, "y", "x", "who", "when", "team")
    dummies = pd.get_dummies(rows[["who", "when"]].astype(str), drop_first=True).astype(float)
    design = sm.add_constant(pd.concat([rows["x"], dummies], axis=1))
    fit = sm.OLS(rows["y"], design).fit(cov_type="cluster", cov_kwds={"groups": rows["team"]})
    slope = found.slope.iloc[0]
    assert slope["estimate"] == pytest.approx(fit.params["x"], rel=1e-9)
    # units lie inside clusters, so their effects do not count as parameters (as in Stata and fixest)
    n, k, units = len(rows), design.shape[1], rows["who"].nunique()
    counted = np.sqrt((n - k) / (n - (k - units)))
    assert slope["std_error"] == pytest.approx(fit.bse["x"] * counted, rel=1e-6)
    effects = np.array([0, *(fit.params[f"when_{t}"] for t in range(1, 8))])
    np.testing.assert_allclose(found.effects["estimate"], effects - effects.mean(), atol=1e-9)
    second = sm.OLS(found.effects["estimate"], sm.add_constant(z)).fit()
    over = slope_over_periods(found.effects, z, "z").iloc[0]
    assert over["estimate"] == pytest.approx(second.params["x1"])
    np.testing.assert_allclose(over[["conf_low", "conf_high"]].astype(float), second.conf_int().loc["x1"])
    third = sm.OLS(found.effects["estimate"], sm.add_constant(np.column_stack([z, np.arange(8)]))).fit()
    detrended = slope_over_periods(found.effects, z, "z", trend=True).iloc[0]
    assert detrended["estimate"] == pytest.approx(third.params["x1"])
    assert detrended["p_value"] == pytest.approx(third.pvalues["x1"])
    assert detrended["df"] == 5 and detrended["mde"] > detrended["std_error"] * 2.5


def test_intervals_hold_the_truth_where_periods_have_shocks_of_their_own():
    """200 panels; errors by rows alone would hold the truth far less often, for shocks are common to all rows."""
    inside = {"action": [], "load": [], "rows": []}
    for seed in range(200):
        rows, z = panel(seed, people=40, shock=2.0)
        found = period_effects(rows, "y", "x", "who", "when", "team")
        over = slope_over_periods(found.effects, z, "z").iloc[0]
        inside["action"].append(over["conf_low"] <= 3.0 <= over["conf_high"])
        inside["load"].append(found.slope.iloc[0]["conf_low"] <= -1.5 <= found.slope.iloc[0]["conf_high"])
        naive = sm.OLS(rows["y"], sm.add_constant(z[rows["when"]])).fit().conf_int().loc["x1"]
        inside["rows"].append(naive[0] <= 3.0 <= naive[1])
    # 95 % of 200 ± 3 standard errors
    assert 0.90 <= np.mean(inside["action"]) <= 0.99 and 0.90 <= np.mean(inside["load"]) <= 0.99
    assert np.mean(inside["rows"]) < 0.85


def test_two_things_that_only_rise_are_told_apart_from_one_that_moves_the_other():
    rows, _ = panel(3, action=0.0)
    rows["y"] += 4 * rows["when"]
    found = period_effects(rows, "y", "x", "who", "when", "team")
    z = np.array([0.0, 1.2, 1.9, 3.1, 3.8, 5.2, 5.9, 7.1])
    assert slope_over_periods(found.effects, z, "z").iloc[0]["conf_low"] > 0
    detrended = slope_over_periods(found.effects, z, "z", trend=True).iloc[0]
    assert detrended["conf_low"] < 0 < detrended["conf_high"]


def test_what_cannot_be_told_is_refused():
    rows, z = panel(2)
    assert period_effects(rows.assign(x=1.0), "y", "x", "who", "when", "team").slope.empty
    apart = rows.assign(who=rows["who"] * 100 + rows["when"])  # nobody is there twice
    with pytest.raises(EstimationError, match="not all of them share"):
        period_effects(apart, "y", "x", "who", "when", "team")
    effects = period_effects(rows, "y", "x", "who", "when", "team").effects
    with pytest.raises(EstimationError, match="at least 5"):
        slope_over_periods(effects.head(4), z[:4], "z")
    with pytest.raises(EstimationError, match="does not vary"):
        slope_over_periods(effects, np.full(8, 0.3), "z")
    with pytest.raises(EstimationError, match="apart from its trend"):
        slope_over_periods(effects, np.arange(8.0), "z", trend=True)


@pytest.mark.parametrize("walk", [False, True])
def test_slopes_of_changes_are_not_too_keen_whether_levels_wander_or_not(walk):
    rng, false, plain = np.random.default_rng(1), 0, 0
    for _ in range(2000):
        y, x = rng.standard_normal((2, 12))
        dy, dx = (np.diff(v.cumsum() if walk else v) for v in (y, x))
        row = slope_of_changes(dy, dx, "x").iloc[0]
        fit = stats.linregress(dx, dy)
        assert row["estimate"] == pytest.approx(fit.slope) and row["std_error"] >= fit.stderr - 1e-12
        false, plain = false + (row["p_value"] < 0.05), plain + (fit.pvalue < 0.05)
    assert false / 2000 <= 0.065  # 5 %, give or take 2.7 of its standard errors
    assert (plain / 2000 > 0.07) == (not walk)  # which is why
