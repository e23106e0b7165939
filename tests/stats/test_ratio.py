"""Fieller's interval: its ends are where the test of the ratio turns, and it knows when there are none."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.ratio import crossing, ratio

COVARIANCE = np.array([[0.04, 0.01], [0.01, 0.02]])


def z_of(r, numerator, denominator, v):
    """Return how many errors ``numerator − r · denominator`` is from zero."""
    return (numerator - r * denominator) / np.sqrt(v[0, 0] - 2 * r * v[0, 1] + r**2 * v[1, 1])


def test_the_ends_are_where_the_test_turns():
    """By definition: at either end the contrast is exactly 1.96 errors from zero."""
    found = ratio(1.2, 0.8, COVARIANCE)
    assert found.estimate == pytest.approx(1.5)
    for end in (found.conf_low, found.conf_high):
        assert abs(z_of(end, 1.2, 0.8, COVARIANCE)) == pytest.approx(1.959964, abs=1e-5)
    assert found.conf_low < found.estimate < found.conf_high
    assert found.bounded


def test_few_degrees_of_freedom_widen_it():
    wide, narrow = ratio(1.2, 0.8, COVARIANCE, df=8), ratio(1.2, 0.8, COVARIANCE)
    assert wide.conf_low < narrow.conf_low < narrow.conf_high < wide.conf_high


def test_a_denominator_that_may_be_zero_sets_no_bounds():
    found = ratio(1.2, 0.2, COVARIANCE)
    assert found.estimate == pytest.approx(6.0)
    assert np.isnan([found.conf_low, found.conf_high]).all()
    assert not found.bounded
    assert np.isnan(ratio(1.0, 0.0, COVARIANCE).estimate)


def test_the_crossing_is_a_ratio_with_its_sign_turned():
    at = crossing(-1.2, 0.8, COVARIANCE)
    assert at.estimate == pytest.approx(1.5)
    for end in (at.conf_low, at.conf_high):
        error = np.sqrt(np.array([1.0, end]) @ COVARIANCE @ np.array([1.0, end]))
        assert abs(-1.2 + 0.8 * end) / error == pytest.approx(1.959964, abs=1e-5)


def test_intervals_hold_the_true_ratio():
    """4,000 draws: three errors of a share of 95 % are one point; draws without bounds are rare here (0.8 / 0.14)."""
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal([1.2, 0.8], COVARIANCE, 4_000)
    found = [ratio(a, b, COVARIANCE) for a, b in draws]
    inside = [f.conf_low <= 1.5 <= f.conf_high for f in found if f.bounded]
    assert len(inside) > 3_990
    assert np.mean(inside) == pytest.approx(0.95, abs=0.011)


def test_what_is_no_covariance_is_refused():
    with pytest.raises(EstimationError, match="not that of two estimates"):
        ratio(1.0, 1.0, np.array([[-1.0, 0.0], [0.0, 1.0]]))
