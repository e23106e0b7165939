"""Nested variances: against the one-way analysis, a hand-made case, and planted values."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.nested import nested_variances
from exlink.stats.reliability import icc_from_sums


def sums(frame):
    return frame.groupby("unit", sort=True)["y"].agg(["size", "sum", lambda y: (y**2).sum()]).to_numpy().T


def test_one_group_is_the_one_way_analysis():
    rng = np.random.default_rng(1)
    unit = np.repeat(np.arange(8), [3, 5, 2, 7, 4, 4, 6, 3])
    frame = pd.DataFrame({"unit": unit, "y": rng.standard_normal(len(unit)) + rng.standard_normal(8)[unit]})
    parts = icc_from_sums(*sums(frame)).iloc[0]
    found = nested_variances(*sums(frame), np.zeros(8))
    np.testing.assert_allclose(found, (parts["variance_between"], parts["variance_within"]), rtol=1e-10)


def test_a_case_by_hand():
    """Groups {1, 3 | 5, 7} and {11, 13 | 11, 13}: MSW = 2; MSB(units) = (2·2² + 2·2²) / 2 = 8; k = 2: (8 − 2) / 2."""
    found = nested_variances([2, 2, 2, 2], [4, 12, 24, 24], [10, 74, 290, 290], ["a", "a", "b", "b"])
    np.testing.assert_allclose(found, (3.0, 2.0))


def test_planted_variances_are_found_whatever_groups_differ_by():
    rng = np.random.default_rng(2)
    group = np.repeat(np.arange(100), 6)
    unit = np.repeat(np.arange(600), rng.integers(3, 20, 600))
    y = (
        50 * rng.standard_normal(100)[group][unit]
        + 0.5 * rng.standard_normal(600)[unit]
        + 2 * rng.standard_normal(len(unit))
    )
    between, within = nested_variances(*sums(pd.DataFrame({"unit": unit, "y": y})), group)
    assert within == pytest.approx(4.0, rel=0.05)
    assert between == pytest.approx(0.25, abs=0.1)  # its standard error here is about 0.035


def test_no_difference_is_no_variance_and_never_below_zero():
    found = [
        nested_variances(*sums(pd.DataFrame({"unit": np.repeat(np.arange(20), 5), "y": y})), np.repeat([0, 1], 10))[0]
        for y in np.random.default_rng(3).standard_normal((40, 100))
    ]
    assert min(found) == 0
    assert np.mean(found) < 0.06


def test_refusals():
    with pytest.raises(EstimationError, match="two units"):
        nested_variances([5, 5], [1, 2], [9, 9], ["a", "b"])
    with pytest.raises(EstimationError, match="two rows"):
        nested_variances([1, 1], [1, 2], [1, 4], ["a", "a"])
