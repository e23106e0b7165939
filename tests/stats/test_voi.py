"""The value of information: closed form where there is one, nested Monte Carlo where there is none, zero where sure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.voi import evpi, evppi, halved, narrowing, normal_loss

S = 20_000
ERRORS = 4.0  # Monte Carlo errors by which an estimate may miss a known value: 1 in 16,000 by chance


def or_nothing(net):
    """Return draws of a decision to do it or to do nothing."""
    return np.column_stack([np.zeros_like(net), net])


def normals(seed, *sds, mean=0.0, size=S):
    parts = np.random.default_rng(seed).standard_normal((size, len(sds))) * np.array(sds)
    return parts.T, mean + parts.sum(axis=1)


@pytest.mark.parametrize("mean", [-150.0, -40.0, 0.0, 25.0, 90.0])
def test_a_normal_net_benefit_has_the_unit_normal_loss(mean):
    """net = mean + a + b, a ~ N(0, 60²), b ~ N(0, 80²): EVPI at sd 100, EVPPI of a at sd 60 (Raiffa & Schlaifer)."""
    (a, b), net = normals(1, 60.0, 80.0, mean=mean)
    whole = evpi(or_nothing(net))
    assert whole.value == pytest.approx(float(normal_loss(mean, 100.0)), abs=ERRORS * whole.std_error + 1e-9)
    for part, sd in ((a, 60.0), (b, 80.0)):
        found = evppi(or_nothing(net), part, seed=1)
        # the draws' own mean adds its error, sd / √S, times the chance to change the decision (at most a half)
        assert found.value == pytest.approx(
            float(normal_loss(mean, sd)), abs=ERRORS * (found.std_error + 0.5 * 100 / np.sqrt(S))
        )
        assert 0 <= found.value <= whole.value


def test_the_unit_normal_loss_itself():
    """Raiffa & Schlaifer's table: L(0) = .3989, L(1) = .08332, L(2) = .008491."""
    np.testing.assert_allclose(normal_loss([0, 1, -2], 1.0), [0.39894, 0.08332, 0.008491], rtol=1e-3)
    assert normal_loss(3.0, 0.0) == 0


def test_a_product_of_links_against_nested_monte_carlo():
    """net = 1000 abc − 900 with lognormal a, b, c: given a, the inner expectation is taken by 2,000 draws for each of
    2,000 outer ones, never by the regression."""
    rng = np.random.default_rng(3)
    a, b, c = (np.exp(sd * rng.standard_normal(S) - sd**2 / 2) for sd in (0.5, 0.3, 0.15))
    net = 1000 * a * b * c - 900
    for name, sd, others in (("a", 0.5, (0.3, 0.15)), ("b", 0.3, (0.5, 0.15)), ("c", 0.15, (0.5, 0.3))):
        outer = np.exp(sd * rng.standard_normal(2_000) - sd**2 / 2)
        inner = np.ones((2_000, 2_000))
        for other in others:
            inner *= np.exp(other * rng.standard_normal(inner.shape) - other**2 / 2)
        given_it = 1000 * outer * inner.mean(axis=1) - 900
        nested = np.maximum(given_it, 0)
        truth, error = nested.mean() - max(given_it.mean(), 0), nested.std() / np.sqrt(2_000)
        found = evppi(or_nothing(net), {"a": a, "b": b, "c": c}[name], seed=1)
        assert found.value == pytest.approx(truth, abs=3 * error + 3 * found.std_error), name
        assert found.value > 0


def test_a_parameter_that_acts_both_ways_is_not_taken_for_a_straight_line():
    """net = 100 (θ² − 1) + noise: EVPPI = 100 · 2 φ(1); a straight line would find nothing. The spline is straight
    beyond its outer knots, a tenth of the draws, hence 3 %."""
    rng = np.random.default_rng(4)
    theta = rng.standard_normal(S)
    net = 100 * (theta**2 - 1) + 50 * rng.standard_normal(S)
    assert evppi(or_nothing(net), theta, seed=1).value == pytest.approx(48.394, rel=0.03)


def test_the_link_that_moves_the_answer_most_is_worth_most():
    (a, b), net = normals(5, 90.0, 20.0, mean=30.0, size=1_000)
    assert evppi(or_nothing(net), a, seed=1).value > 5 * evppi(or_nothing(net), b, seed=1).value


def test_what_has_nothing_to_do_with_the_benefit_is_worth_nothing():
    """Net benefit around zero, where fitting noise errs most: about 2 % of its standard deviation is what is left."""
    found = []
    for seed in range(40):
        _, net = normals(seed, 100.0, size=1_000)
        found.append(evppi(or_nothing(net), np.random.default_rng(seed + 99).standard_normal(1_000), seed=1))
    assert np.mean([one.value for one in found]) < 0.025 * 100
    assert np.mean([one.value < 3 * one.std_error for one in found]) >= 0.9


def test_a_sure_decision_leaves_nothing_to_learn():
    _, net = normals(7, 10.0, mean=200.0)
    assert evpi(or_nothing(net)).value == 0
    assert evppi(or_nothing(net), net, seed=1).value == 0
    assert evppi(or_nothing(net), np.ones(S), seed=1).value == 0


def test_knowing_the_net_benefit_itself_is_knowing_everything():
    _, net = normals(8, 100.0, mean=20.0)
    assert evppi(or_nothing(net), net, seed=1).value == pytest.approx(evpi(or_nothing(net)).value, rel=0.01)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 1e6), st.floats(-5, 5), st.integers(0, 100))
def test_units_and_shifts_common_to_all_options_change_nothing(factor, shift, seed):
    (a, _), net = normals(seed, 1.0, 1.0, size=200)
    plain = evppi(or_nothing(net), a, seed=1)
    moved = evppi(factor * (or_nothing(net) + shift), 3 * a - 7, seed=1)
    assert moved.value == pytest.approx(factor * plain.value, rel=1e-6, abs=1e-9 * factor)


def test_half_the_error_halves_the_interval_of_the_only_link():
    (a, b), _ = normals(9, 1.0, 1.0)
    assert narrowing(a, halved(a)) == pytest.approx(0.5)
    # of two equal ones: sqrt(1 + 1/4) / sqrt(2) is left
    assert narrowing(a + b, halved(a) + b) == pytest.approx(1 - np.sqrt(1.25 / 2), abs=0.01)
    assert narrowing(np.ones(9), np.ones(9)) == 0


def test_refusals():
    with pytest.raises(EstimationError, match="at least 50"):
        evpi(np.zeros((10, 2)))
    with pytest.raises(EstimationError, match="finite"):
        evpi(np.full((100, 2), np.nan))
    with pytest.raises(EstimationError, match="one finite value"):
        evppi(np.zeros((100, 2)), np.zeros(99), seed=1)
