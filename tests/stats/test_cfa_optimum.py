"""The covariance a factor model implies: its derivatives, its discrepancy, and the way to the optimum."""

import numpy as np
import pytest

from exlink.stats.cfa_optimum import Layout, discrepancy, implied_covariance, optimum

AT = np.array([0, 0, 0, 1, 1, 1])
LAYOUTS = [Layout(AT, 2, 1), Layout(AT, 2, 2), Layout(np.zeros(4, dtype=int), 1, 3)]


def some_theta(layout, seed=1):
    """Return parameters inside the space: loadings, factor covariances and residual variances of every group."""
    rng = np.random.default_rng(seed)
    theta = rng.uniform(0.4, 0.9, layout.size)
    for g in range(layout.groups):
        between, residuals = layout.slices(g)
        theta[between] = [rng.uniform(0.8, 1.5) if a == b else rng.uniform(0.1, 0.5) for a, b in layout.pairs(g)]
        theta[residuals] = rng.uniform(0.3, 0.8, len(layout.at))
    return theta


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_parameter_has_one_place(layout):
    places = list(range(len(layout.at)))
    for g in range(layout.groups):
        between, residuals = layout.slices(g)
        places += [*range(between.start, between.stop), *range(residuals.start, residuals.stop)]
    assert places == list(range(layout.size))
    assert (
        len(layout.pairs(0)) == layout.factors * (layout.factors - 1) // 2
    )  # the first group's factors have unit variance


def test_the_implied_covariance_by_hand():
    layout = Layout(AT, 2, 1)
    loadings, r, residuals = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), 0.3, np.linspace(0.2, 0.7, 6)
    found = implied_covariance(layout, np.array([*loadings, r, *residuals]), 0)[0]
    assert found[0, 1] == pytest.approx(0.9 * 0.8)
    assert found[0, 5] == pytest.approx(0.9 * 0.3 * 0.4)
    assert np.diag(found) == pytest.approx(loadings**2 + residuals)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_derivatives_are_those_of_small_steps(layout):
    theta, step = some_theta(layout), 1e-6
    for g in range(layout.groups):
        slopes = implied_covariance(layout, theta, g)[1]
        for k, unit in enumerate(np.eye(layout.size)):
            up, down = (implied_covariance(layout, theta + s * step * unit, g)[0] for s in (1, -1))
            assert slopes[k] == pytest.approx((up - down) / (2 * step), abs=1e-8)


def test_discrepancy_is_zero_at_the_sample_and_infinite_off_the_cone():
    sigma = implied_covariance(LAYOUTS[0], some_theta(LAYOUTS[0]), 0)[0]
    assert discrepancy(sigma, sigma) == pytest.approx(0, abs=1e-12)
    assert discrepancy(sigma * 1.1, sigma) > 0
    assert discrepancy(sigma - 2 * np.eye(6), sigma) == np.inf


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_implied_is_found_again(layout):
    """Truth: samples are exactly what the parameters imply, in every group; so they come back to eight digits."""
    theta = some_theta(layout)
    samples = [implied_covariance(layout, theta, g)[0] for g in range(layout.groups)]
    found, information, converged = optimum(layout, samples, np.full(layout.groups, 200))
    assert converged
    assert found == pytest.approx(theta, abs=1e-7)
    assert np.linalg.eigvalsh(information)[0] > 0


def test_items_keyed_against_the_others_keep_their_sign():
    theta = some_theta(LAYOUTS[0])
    theta[1] *= -1
    sample = implied_covariance(LAYOUTS[0], theta, 0)[0]
    found, _, converged = optimum(LAYOUTS[0], [sample], np.array([200]))
    assert converged
    assert implied_covariance(LAYOUTS[0], found, 0)[0] == pytest.approx(sample, abs=1e-7)
    assert found[1] * found[0] < 0


def test_the_optimum_is_lower_than_its_surroundings():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(150, 2))[:, AT] * 0.7 + rng.normal(size=(150, 6)) * 0.7
    sample = np.cov(x, rowvar=False, ddof=0)
    theta, _, converged = optimum(LAYOUTS[0], [sample], np.array([150]))
    best = discrepancy(implied_covariance(LAYOUTS[0], theta, 0)[0], sample)
    assert converged
    for unit in np.eye(LAYOUTS[0].size):
        for step in (-1e-3, 1e-3):
            assert discrepancy(implied_covariance(LAYOUTS[0], theta + step * unit, 0)[0], sample) > best
