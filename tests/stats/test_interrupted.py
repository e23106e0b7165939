"""Interrupted series against statsmodels, and in worlds where the truth is known."""

import numpy as np
import pandas as pd
import pytest

from exlink.stats.interrupted import level_changes

PERIODS = 8


def world(rng, *, effect=1.0, slope=0.0, spread=1.0, others=3):
    """Return counts of three groups whose event is in the fifth period, and of groups without one."""

    def drawn(mean):
        return rng.poisson(mean) if spread == 1 else rng.negative_binomial(mean / (spread - 1), 1 / spread)

    at = np.arange(PERIODS)
    mean = 50 * np.exp(slope * at) * np.where(at > 4, effect, 1.0)
    season = np.exp(rng.normal(0, 0.2, PERIODS))  # moves everybody
    counts = pd.DataFrame(drawn(np.tile(mean * season, (3, 1))), index=["a", "b", "c"])
    return counts, pd.DataFrame(drawn(np.tile(45 * season, (others, 1))), index=[f"o{i}" for i in range(others)])


FIRST = dict.fromkeys("abc", 4)


def test_the_step_is_that_of_a_binomial_regression_beside_the_others():
    import statsmodels.api as sm

    counts, others = world(np.random.default_rng(2), effect=0.5, spread=3)
    found = level_changes(counts, others, FIRST)
    at, kept = np.arange(PERIODS), np.arange(PERIODS) != 4
    beside = others.sum().to_numpy() + 0.5
    squares, df, errors = 0.0, 0, []
    for name in "abc":
        both = np.column_stack([counts.loc[name] + 0.5, beside])[kept]
        fit = sm.GLM(both, np.column_stack([np.ones(7), at[kept], at[kept] > 4]), family=sm.families.Binomial()).fit()
        row = found.table.set_index("term").loc[name]
        assert row["estimate"] == pytest.approx(fit.params[2], rel=1e-6)
        squares, df = squares + fit.pearson_chi2, df + fit.df_resid
        errors.append((row["std_error"], fit.bse[2], fit.pearson_chi2 / fit.df_resid))
    for name in others.index:
        rest = others.drop(index=name).sum() + 0.5
        both = np.column_stack([others.loc[name] + 0.5, rest])
        fit = sm.GLM(both, sm.add_constant(at.astype(float)), family=sm.families.Binomial()).fit()
        squares, df = squares + fit.pearson_chi2, df + fit.df_resid
    assert found.dispersion == pytest.approx(squares / df, rel=1e-6) and found.dispersion > 1
    for ours, plain, own in errors:
        assert ours == pytest.approx(plain * np.sqrt(max(own, squares / df)), rel=1e-6)


@pytest.mark.parametrize(("slope", "spread"), [(0.0, 1.0), (-0.12, 1.0), (-0.12, 3.0)])
def test_a_trend_of_its_own_is_no_step(slope, spread):
    rng = np.random.default_rng(7)
    found = [level_changes(*world(rng, slope=slope, spread=spread), FIRST) for _ in range(150)]
    rows, average = pd.concat([one.table for one in found]), pd.DataFrame([one.average for one in found])
    assert ((average["conf_low"] > 0) | (average["conf_high"] < 0)).mean() <= 0.1  # 150 × 5 % are 8
    assert ((rows["conf_low"] > 0) | (rows["conf_high"] < 0)).mean() <= 0.08  # 450 rows, correlated in threes
    assert abs(rows["estimate"].mean()) < 0.1


def test_a_step_is_found_without_bias_and_held_by_its_interval():
    rng = np.random.default_rng(8)
    rows = pd.concat([level_changes(*world(rng, effect=0.4), FIRST).table for _ in range(150)])
    assert rows["estimate"].mean() == pytest.approx(np.log(0.4), abs=0.08)
    assert ((rows["conf_low"] <= np.log(0.4)) & (rows["conf_high"] >= np.log(0.4))).mean() >= 0.92


def test_what_is_common_to_all_is_their_covariance():
    rng = np.random.default_rng(9)
    found = [level_changes(*world(rng), FIRST) for _ in range(300)]
    drawn = np.array([one.table["estimate"] for one in found])
    told = np.mean([one.vcov[0, 1] / one.dispersion for one in found])
    assert np.cov(drawn.T)[np.triu_indices(3, 1)].mean() == pytest.approx(told, rel=0.4)


def test_without_time_around_or_others_nothing_is_told():
    counts, others = world(np.random.default_rng(1))
    assert level_changes(counts, others.iloc[:2], FIRST) is None
    assert level_changes(counts, others, dict.fromkeys("abc", 1)) is None
    assert level_changes(counts, others, dict.fromkeys("abc", 6)) is None
    assert list(level_changes(counts, others, {"a": 1, "b": 4, "c": 6}).table["term"]) == ["b"]
    assert np.isfinite(level_changes(counts * 0, others, FIRST).table["std_error"]).all()
