"""When a response sets in: steps and rises are told apart as often as they should be, and exact ones exactly."""

import numpy as np
import pytest
from scipy import stats

from exlink.stats.arrival import arrival, missed, rises

LAGS = np.arange(-4, 11)
MANY = 10**9  # units: the covariance is known


def rise(start, full):
    return np.clip((LAGS - start + 1) / (full - start + 1), 0, 1)


def covariance(error, share=0.6):
    """Return the covariance of a profile whose weeks share much of their error, as cumulative responses do."""
    return error**2 * (share + (1 - share) * np.eye(len(LAGS)))


def profiles(shape, height, draws, seed, error=0.1):
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal(height * shape, covariance(error), draws)


def arrivals(shape, height, draws=300, seed=1):
    return [arrival(p, covariance(0.1), LAGS, MANY) for p in profiles(shape, height, draws, seed)]


def test_arrival_of_an_exact_step():
    lags = np.arange(-2, 4)
    step = arrival(np.where(lags >= 1, 2.0, 0.0), np.diag([0.01] * 6), lags, units=MANY)
    assert (step.start, step.full, step.low, step.high, step.longest) == (1, 1, 1, 1, 1)
    assert not step.gradual
    flat = arrival(np.zeros(6), np.eye(6), lags, units=50)
    assert (flat.low, flat.high, flat.longest) == (-2, 3, 6), "without any response nothing is excluded"


def test_arrival_of_an_exact_rise_is_gradual():
    found = arrival(2 * rise(2, 6), covariance(0.05), LAGS, units=MANY)
    assert found.gradual
    assert (found.start, found.full) == (2, 6)
    assert found.low <= 2 <= found.high
    assert found.longest >= 5


def test_rises_are_all_there():
    shapes, start, full = rises(4)
    assert shapes.shape == (4, 10)
    assert shapes[:, start == full].T.tolist() == [[1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1]]
    assert shapes[:, (start == 1) & (full == 3)].ravel() == pytest.approx([0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize("height", [0.3, 0.6, 1.5])
def test_a_step_is_called_gradual_in_no_more_than_one_study_of_twenty(height):
    """300 profiles of a step: 5 % nominal, so at most 28 (a binomial's 99.9 % point); the set holds 273 or more."""
    found = arrivals(rise(2, 2), height)
    assert sum(a.gradual for a in found) <= 28
    assert sum(a.low <= 2 <= a.high for a in found if not a.gradual) >= 273 - sum(a.gradual for a in found)


@pytest.mark.parametrize("height", [0.15, 0.4, 0.8])
def test_a_rise_over_five_weeks_is_not_taken_for_a_step(height):
    """However weak: the page speaks of a rise, or leaves one of five weeks open; 273 of 300 (0.1 % point)."""
    found = arrivals(rise(2, 6), height)
    open_or_gradual = [(a.low <= 2 <= a.high) if a.gradual else a.longest >= 5 for a in found]
    assert sum(open_or_gradual) >= 273


def test_a_clear_rise_is_seen_and_steps_alone_would_miss_where_it_sets_in():
    found = arrivals(rise(2, 6), 1.2)
    assert np.mean([a.gradual for a in found]) > 0.9
    assert np.mean([a.start <= 4 and a.full >= 4 for a in found]) > 0.9


def test_what_the_placebo_could_miss_is_found_in_four_studies_of_five():
    """χ² tests of 4,000 profiles at the worst of the lags: 80 % to 3 points, five standard errors of a share."""
    v = covariance(0.1)[:4, :4]
    size = missed(v, MANY)
    rng = np.random.default_rng(4)
    power = []
    for onset in range(4):
        drawn = rng.multivariate_normal(size * (np.arange(4) >= onset), v, 4000)
        power.append(np.mean(np.einsum("ri,ij,rj->r", drawn, np.linalg.inv(v), drawn) > stats.chi2.ppf(0.95, 4)))
    assert min(power) == pytest.approx(0.8, abs=0.03)
    assert missed(4 * v, MANY) == pytest.approx(2 * size)
    assert missed(v, 20) > size, "few units leave more open"
    assert np.isnan(missed(np.empty((0, 0)), 20))


def test_one_lag_is_the_usual_detectable_effect():
    """(1.960 + 0.842) standard errors: the noncentral χ² with one degree of freedom is the two-sided z test."""
    assert missed(np.array([[1.0]]), MANY) == pytest.approx(2.8016, abs=1e-3)
