"""Means pulled to their group: the textbook's prediction by dense matrices, and intervals that hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.shrinkage import shrunken_means

VARIANCES = {"own": 0.3, "between": 0.2, "noise": 1.5}


def drawn(seed, *, groups=6, size=7, own=0.3, between=0.2, noise=1.5):
    """mean = 4 + g + u + e: variance ``between`` of groups, ``own`` of units, ``noise`` of a row."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    n = rng.integers(1, 12, len(group))
    true = 4 + np.sqrt(between) * rng.standard_normal(groups)[group] + np.sqrt(own) * rng.standard_normal(len(group))
    return true, true + np.sqrt(noise / n) * rng.standard_normal(len(group)), n, group


@pytest.mark.parametrize("between", [0.0, 0.2])
def test_predictions_are_conditional_means_of_the_normal_distribution(between):
    """By full matrices: mu by generalised least squares, units given means, mu known."""
    _, means, n, group = drawn(1)
    found = shrunken_means(means, n, group, own=0.3, between=between, noise=1.5)
    of_units = between * (group[:, None] == group) + 0.3 * np.eye(len(group))
    inverse = np.linalg.inv(of_units + np.diag(1.5 / n))
    mu = inverse.sum(axis=0) @ means / inverse.sum()
    assert found.centre == pytest.approx(mu)
    assert found.mean == pytest.approx(mu + of_units @ inverse @ (means - mu))
    left = of_units - of_units @ inverse @ of_units
    assert found.spread == pytest.approx(np.sqrt(np.diag(left)))
    draws = found.draws(20_000, seed=1)
    # 20,000 draws: a covariance of 0.1 is known to about 0.001
    assert np.cov(draws.T) == pytest.approx(left, abs=0.012)
    assert draws.mean(axis=0) == pytest.approx(found.mean, abs=0.015)


def test_intervals_hold_the_truth_and_pulling_to_the_average_of_all_does_not():
    """200 studies of 42 units: with the groups' variance in neither signal nor noise, means are pulled too far."""
    inside, flat = [], []
    for seed in range(200):
        true, means, n, group = drawn(seed, own=0.1, between=0.4)
        for held, between in ((inside, 0.4), (flat, 0.0)):
            found = shrunken_means(means, n, group, own=0.1, between=between, noise=1.5)
            held.append((np.abs(found.mean - true) <= 1.96 * found.spread).mean())
    # mu is taken as known: six groups leave it uncertain, which costs a point
    assert np.mean(inside) == pytest.approx(0.945, abs=0.02)
    assert np.mean(flat) < 0.8


def test_without_differences_everybody_is_the_average():
    _, means, n, group = drawn(2)
    found = shrunken_means(means, n, group, own=0.0, between=0.0, noise=1.5)
    assert found.mean == pytest.approx(np.full(len(means), np.average(means, weights=n)))
    assert (found.spread == 0).all()
    assert np.ptp(found.draws(3, seed=1)) == pytest.approx(0, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-50, 50), scale=st.floats(0.1, 10))
def test_order_labels_a_constant_and_the_scale_do_not_matter(seed, shift, scale):
    _, means, n, group = drawn(seed)
    first = shrunken_means(means, n, group, **VARIANCES)
    rng = np.random.default_rng(seed)
    order, labels = rng.permutation(len(n)), rng.permutation(6)
    again = shrunken_means(
        (scale * means + shift)[order],
        n[order],
        labels[group[order]],
        **{k: scale**2 * v for k, v in VARIANCES.items()},
    )
    assert again.mean == pytest.approx(scale * first.mean[order] + shift, abs=1e-8)
    assert again.spread == pytest.approx(scale * first.spread[order])


def test_what_cannot_be_shrunken_is_refused():
    with pytest.raises(EstimationError, match="needs rows behind each of 2 means, noise above zero"):
        shrunken_means([1.0, 2.0], [3, 0], [0, 0], own=0.1, between=0.0, noise=1.0)
    with pytest.raises(EstimationError, match=r"noise 0, own 0\.1"):
        shrunken_means([1.0, 2.0], [3, 3], [0, 0], own=0.1, between=0.0, noise=0.0)
