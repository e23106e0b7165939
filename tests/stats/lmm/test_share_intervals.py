"""Intervals of variance shares: the closed form of balanced groups, coverage in a crossed world, and the edge."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.share_intervals import share_intervals

K, N = 40, 6  # groups, rows of each


def balanced(seed: int, sd: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(K), N)
    return pd.DataFrame({"g": group, "y": sd * rng.standard_normal(K)[group] + rng.standard_normal(K * N)})


def crossed(rng: np.random.Generator) -> pd.DataFrame:
    """Sixty employees and 150 customers, 900 rows: variances .3, .5 and 1."""
    one, two = rng.integers(0, 60, 900), rng.integers(0, 150, 900)
    y = np.sqrt(0.3) * rng.standard_normal(60)[one] + np.sqrt(0.5) * rng.standard_normal(150)[two]
    return pd.DataFrame({"e": one, "c": two, "y": y + rng.standard_normal(900)})


def test_balanced_groups_give_the_delta_error_of_the_f_ratio():
    """With F the ratio of mean squares, rho = (F - 1) / (F + n - 1) and var(log F) = 2/(k - 1) + 2/(k (n - 1))."""
    found = share_intervals(fit_lmm("y ~ 1", balanced(1, 0.7), {"g": "1"}), 0.9).set_index("group")
    rho = found.loc["g", "estimate"]
    slope = (1 + (N - 1) * rho) * (1 - rho) / N
    error = slope * np.sqrt(2 / (K - 1) + 2 / (K * (N - 1)))
    assert found.loc["g", "std_error"] == pytest.approx(error, rel=1e-4)
    assert found.loc["Residual", "std_error"] == pytest.approx(error, rel=1e-4)
    logit = np.log(rho / (1 - rho)) + np.array([-1, 1]) * stats.norm.ppf(0.95) * error / (rho * (1 - rho))
    np.testing.assert_allclose(found.loc["g", ["conf_low", "conf_high"]].astype(float), 1 / (1 + np.exp(-logit)), 1e-4)


def test_shares_are_those_of_the_fit_and_make_a_whole():
    fit = fit_lmm("y ~ 1", crossed(np.random.default_rng(3)), {"e": "1", "c": "1"})
    found = share_intervals(fit).set_index("group")
    np.testing.assert_allclose(found.loc[["e", "c"], "estimate"], fit.icc, rtol=1e-12)
    assert found["estimate"].sum() == pytest.approx(1)


def test_intervals_hold_the_truth_as_often_as_they_say():
    """Of 3 × 120 intervals at 95 % 342 should hold it; shares of one fit move together, so the bounds are wide."""
    rng = np.random.default_rng(11)
    truth = pd.Series({"e": 0.3, "c": 0.5, "Residual": 1.0}) / 1.8
    held = []
    for _ in range(120):
        found = share_intervals(fit_lmm("y ~ 1", crossed(rng), {"e": "1", "c": "1"})).set_index("group")
        held.append((found["conf_low"] <= truth[found.index]) & (truth[found.index] <= found["conf_high"]))
    assert 0.90 <= np.mean(held) <= 0.99


def test_a_variance_of_zero_has_no_interval():
    rows = balanced(2, 0.0)
    rows["y"] -= rows.groupby("g")["y"].transform("mean")
    found = share_intervals(fit_lmm("y ~ 1", rows, {"g": "1"})).set_index("group")
    assert found.loc["g", "estimate"] == pytest.approx(0, abs=1e-8)
    assert found[["std_error", "conf_low", "conf_high"]].isna().all(axis=None)
