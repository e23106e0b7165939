"""Residuals in bins are level where the model is right, and show a bow, a fan or a skew where one is planted."""

import numpy as np
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.residuals import binned_residuals, detrended_quantiles

N = 4_000


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_averages_and_spreads_are_those_of_the_bins(rng):
    fitted, residuals = np.arange(100.0), rng.standard_normal(100)
    found = binned_residuals(fitted, residuals, np.arange(100), bins=4)
    assert found["n"].tolist() == [25] * 4
    assert found["fitted"].tolist() == [12.0, 37.0, 62.0, 87.0]
    first = residuals[:25]
    assert found.loc[0, "mean"] == pytest.approx(first.mean())
    assert found.loc[0, "sd"] == pytest.approx(first.std(ddof=1))
    # every row its own cluster: the usual error of a mean
    assert found.loc[0, "high"] - found.loc[0, "mean"] == pytest.approx(1.96 * first.std(ddof=1) / 5)


def test_errors_are_clustered(rng):
    """Each value five times over: the error is that of the distinct ones."""
    fitted, distinct = np.arange(100.0), rng.standard_normal(100)
    once = binned_residuals(fitted, distinct, np.arange(100), bins=2)
    again = binned_residuals(np.repeat(fitted, 5), np.repeat(distinct, 5), np.repeat(np.arange(100), 5), bins=2)
    assert again[["mean", "low", "high"]].to_numpy() == pytest.approx(once[["mean", "low", "high"]].to_numpy())
    assert again["n_clusters"].tolist() == [50, 50]


def test_a_right_model_is_level_and_a_bow_is_seen(rng):
    """95 % intervals: of 200 averages of a right model three errors are 4.6 points; the bow is 0.3 · (x² − 1)."""
    x = rng.standard_normal(10 * N)
    right = binned_residuals(x, rng.standard_normal(10 * N), np.arange(10 * N), bins=200)
    assert ((right["low"] <= 0) & (right["high"] >= 0)).mean() == pytest.approx(0.95, abs=0.046)
    bent = binned_residuals(x, 0.3 * (x**2 - 1) + rng.standard_normal(10 * N), np.arange(10 * N))
    assert (bent["low"].iloc[[0, -1]] > 0.3).all()
    assert (bent["high"].iloc[9:11] < 0).all()


def test_a_fan_is_seen(rng):
    x = rng.uniform(1, 3, N)
    found = binned_residuals(x, x * rng.standard_normal(N), np.arange(N))
    assert found["sd"].iloc[-1] / found["sd"].iloc[0] == pytest.approx(2.95 / 1.05, rel=0.2)


def test_normal_values_lie_where_they_are_expected(rng):
    """95 % intervals of 20 bins in each of 100 samples; neighbours go together, so five errors are allowed."""
    inside = []
    for _ in range(100):
        found = detrended_quantiles(rng.standard_normal(400))
        inside.append(((found["low"] <= 0) & (found["high"] >= 0)).mean())
    assert np.mean(inside) == pytest.approx(0.95, abs=0.025)


def test_quantiles_are_those_of_the_sample(rng):
    """Of normal scores themselves nothing is left; a wider sample leaves a slope, a skewed one a bow."""
    scores = stats.norm.ppf((np.arange(1, 401) - 0.375) / 400.25)
    assert detrended_quantiles(scores)["difference"].abs().max() < 1e-12
    wide = detrended_quantiles(1.5 * scores)
    assert wide["difference"].to_numpy() == pytest.approx(0.5 * wide["expected"].to_numpy())
    skewed = detrended_quantiles(rng.exponential(size=N) - 1)
    assert skewed["low"].iloc[0] > 0.5
    assert skewed["low"].iloc[-1] > 0.2
    assert skewed["high"].iloc[10] < 0


def test_order_does_not_matter(rng):
    z = rng.standard_normal(300)
    assert detrended_quantiles(z).equals(detrended_quantiles(z[::-1]))


def test_too_few_values_and_missing_ones_are_refused(rng):
    with pytest.raises(EstimationError, match="39 values do not fill 20 bins"):
        detrended_quantiles(rng.standard_normal(39))
    with pytest.raises(EstimationError, match="some are not finite"):
        detrended_quantiles([*rng.standard_normal(99), np.nan])
    with pytest.raises(EstimationError, match="no two bins of two"):
        binned_residuals([1.0, 1.0, 1.0], [0.0, 1.0, 2.0], [1, 2, 3])
    with pytest.raises(EstimationError, match="missing or infinite"):
        binned_residuals([1.0, np.inf, 1.0, 2.0], [0.0, 1.0, 2.0, 3.0], [1, 2, 3, 4])
