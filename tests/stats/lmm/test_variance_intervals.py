"""Intervals of variances and shares: the closed form of balanced groups, coverage in crossed worlds, and the edge."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.variance_intervals import variance_intervals

K, N = 40, 6  # groups, rows of each
BOTH = {"e": "1", "c": "1"}


def balanced(seed: int, sd: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(K), N)
    return pd.DataFrame({"g": group, "y": 5 * (sd * rng.standard_normal(K)[group] + rng.standard_normal(K * N))})


def crossed(rng: np.random.Generator, one: float, two: float) -> pd.DataFrame:
    """Sixty employees and 150 customers, 900 rows; residual variance 1."""
    e, c = rng.integers(0, 60, 900), rng.integers(0, 150, 900)
    y = np.sqrt(one) * rng.standard_normal(60)[e] + np.sqrt(two) * rng.standard_normal(150)[c]
    return pd.DataFrame({"e": e, "c": c, "y": y + rng.standard_normal(900)})


def by_group(rows: pd.DataFrame, random: dict, level: float | None = None) -> pd.DataFrame:
    return variance_intervals(fit_lmm("y ~ 1", rows, random), level).set_index("group")


def test_balanced_groups_have_the_errors_of_their_mean_squares():
    """Mean squares B and W have var(log B) = 2/(k - 1) and var(log W) = 2/(k (n - 1)), and are independent.

    The variance is (B - W)/n and the share (F - 1)/(F + n - 1) with F = B/W.
    """
    rows, z = balanced(1, 0.7), stats.norm.ppf(0.95)
    found = by_group(rows, {"g": "1"}, 0.9).loc["g"]
    within = rows.groupby("g")["y"].var().mean()
    means = N * rows.groupby("g")["y"].mean().var()
    assert found["variance"] == pytest.approx((means - within) / N, rel=1e-5)
    error = np.sqrt(means**2 * 2 / (K - 1) + within**2 * 2 / (K * (N - 1))) / N
    log = np.log(found["variance"]) + np.array([-1, 1]) * z * error / found["variance"]
    np.testing.assert_allclose(found[["variance_low", "variance_high"]].astype(float), np.exp(log), rtol=1e-4)
    rho = found["share"]
    assert rho == pytest.approx((means / within - 1) / (means / within + N - 1), rel=1e-5)
    error = (1 + (N - 1) * rho) * (1 - rho) / N * np.sqrt(2 / (K - 1) + 2 / (K * (N - 1)))
    logit = np.log(rho / (1 - rho)) + np.array([-1, 1]) * z * error / (rho * (1 - rho))
    np.testing.assert_allclose(found[["share_low", "share_high"]].astype(float), 1 / (1 + np.exp(-logit)), rtol=1e-4)


def test_numbers_are_those_of_the_fit_and_shares_make_a_whole():
    fit = fit_lmm("y ~ 1", crossed(np.random.default_rng(3), 0.3, 0.5), BOTH)
    found = variance_intervals(fit).set_index("group")
    np.testing.assert_allclose(found["variance"], fit.varcorr.set_index("group")["value"][found.index], rtol=1e-10)
    np.testing.assert_allclose(found.loc[["e", "c"], "share"], fit.icc, rtol=1e-12)
    assert found["share"].sum() == pytest.approx(1)


@pytest.mark.parametrize(("one", "two"), [(0.3, 0.5), (0.02, 0.03)], ids=["plain", "near zero"])
def test_intervals_hold_the_truth_as_often_as_they_say(one, two):
    """A hundred replications; intervals of one fit move together, so that the bounds are wide (±2.7 errors of each).

    Near zero a part found to be zero has no interval and is not counted.
    """
    rng = np.random.default_rng(11)
    truth = pd.Series({"e": one, "c": two, "Residual": 1.0})
    held = []
    for _ in range(100):
        found = by_group(crossed(rng, one, two), BOTH)
        for what, true in (("variance", truth), ("share", truth / truth.sum())):
            low, high = found[f"{what}_low"], found[f"{what}_high"]
            held.append(((low <= true) & (true <= high)).where(low.notna()))
    covered = pd.DataFrame(held).astype(float).mean()
    assert covered.between(0.89, 1).all()
    assert covered.mean() < 0.995


def test_near_zero_bounds_stay_in_sight():
    """On the log scale the error of a variance near zero has no bound, and neither had its interval."""
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(12):
        found = by_group(crossed(rng, 0.3, 0.005), BOTH).loc["c"]
        if np.isnan(found["variance_low"]):
            continue
        seen += found["variance_low"] == 0
        assert found["variance_high"] < 0.2 and found["share_high"] < 0.15
    assert seen > 3


def test_a_variance_of_zero_has_no_interval():
    rows = balanced(2, 0.0)
    rows["y"] -= rows.groupby("g")["y"].transform("mean")
    found = by_group(rows, {"g": "1"}).loc["g"]
    assert found["share"] == pytest.approx(0, abs=1e-8)
    assert found[["variance_low", "variance_high", "share_low", "share_high"]].isna().all()
