"""Parts brought in line with their whole: exactly, least where most is known, and not at all where they agree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.benchmark import benchmarked

parts = st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 50), st.integers(1, 1000)), min_size=1, max_size=12).map(
    lambda rows: tuple(np.array(column, dtype=float) for column in zip(*rows, strict=True))
)


@given(parts, st.floats(-100, 100))
def test_the_weighted_mean_is_the_whole(found, total):
    estimate, variance, weight = found
    moved = benchmarked(estimate, variance, weight, total)
    assert np.average(moved, weights=weight) == pytest.approx(total, abs=1e-8 * (1 + np.abs(moved).max()))


@given(parts)
def test_parts_that_agree_stay_where_they_are(found):
    estimate, variance, weight = found
    np.testing.assert_allclose(
        benchmarked(estimate, variance, weight, float(np.average(estimate, weights=weight))), estimate, atol=1e-9
    )


def test_what_is_known_exactly_does_not_move():
    moved = benchmarked([1.0, 2.0, 3.0], [0.0, 1.0, 1.0], [1, 1, 1], 4.0)
    assert moved[0] == 1.0
    assert moved[1] - 2 == pytest.approx(moved[2] - 3) == pytest.approx(3.0)
    np.testing.assert_allclose(benchmarked([1.0, 2.0], [0.0, 0.0], [1, 1], 2.5), [2.0, 3.0])


def test_it_is_the_nearest_that_agrees():
    """Against the constrained minimum of Σ (t' − t)² / v by Lagrange: a system of k + 1 linear equations."""
    rng = np.random.default_rng(1)
    estimate, variance, weight = rng.normal(size=6), rng.uniform(0.5, 3, 6), rng.uniform(1, 9, 6)
    share = weight / weight.sum()
    system = np.block([[np.diag(2 / variance), share[:, None]], [share[None, :], np.zeros((1, 1))]])
    solved = np.linalg.solve(system, np.r_[2 * estimate / variance, 0.7])[:6]
    np.testing.assert_allclose(benchmarked(estimate, variance, weight, 0.7), solved, rtol=1e-10)


@pytest.mark.parametrize(("variance", "weight"), [([-1.0, 1.0], [1, 1]), ([1.0, 1.0], [0, 0]), ([1.0, 1.0], [-1, 2])])
def test_refusals(variance, weight):
    with pytest.raises(EstimationError, match="none below zero"):
        benchmarked([1.0, 2.0], variance, weight, 1.0)
