"""The difference of two shares against published intervals, and where one of them is 0."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.proportions import wilson
from exlink.stats.share_gap import share_gap


def of(successes, n):
    return wilson([successes], [n]).iloc[0]


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_bounds_are_the_published_ones(first, second, low, high):
    gap = share_gap(of(*first), of(*second))
    assert (gap["conf_low"], gap["conf_high"]) == pytest.approx((low, high), abs=5e-5)


def test_without_a_bound_of_one_share_there_is_none_of_the_difference():
    gap = share_gap({"estimate": 0.5, "conf_low": np.nan, "conf_high": np.nan}, of(5, 20))
    assert gap["estimate"] == 0.25
    assert np.isnan([gap["conf_low"], gap["conf_high"]]).all()


def test_what_is_no_share_is_refused():
    with pytest.raises(EstimationError, match=r"1\.2 is no share"):
        share_gap({"estimate": 1.2, "conf_low": 1.0, "conf_high": 1.4}, of(5, 20))
