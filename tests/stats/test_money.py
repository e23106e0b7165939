"""Sums of money: closed-form means, seeds, and payback that may never come."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.money import (
    arrival,
    discounted,
    money_summary,
    net_benefit,
    payback_months,
    per_year,
    pert,
    replacement_cost,
    uniform,
)


def test_pert_has_its_mean_and_variance():
    draws = pert(0.5, 0.8, 2.0, size=200_000, seed=1)
    mean = (0.5 + 4 * 0.8 + 2.0) / 6
    assert draws.mean() == pytest.approx(mean, abs=0.003)
    assert draws.var() == pytest.approx((mean - 0.5) * (2.0 - mean) / 7, rel=0.02)
    assert draws.min() >= 0.5 and draws.max() <= 2.0
    assert (pert(1, 1, 1, size=3, seed=1) == 1).all()


def test_same_seed_same_money():
    np.testing.assert_array_equal(uniform(0, 1, size=9, seed=4), uniform(0, 1, size=9, seed=4))
    assert not np.array_equal(uniform(0, 1, size=9, seed=4), uniform(0, 1, size=9, seed=5))


def test_replacing_leavers_costs_half_to_twice_their_salary():
    draws = replacement_cost(100_000, size=50_000, seed=1)
    assert draws.min() >= 50_000 and draws.max() <= 200_000
    assert draws.mean() == pytest.approx(125_000, rel=1e-12)  # spread evenly: no chance in the middle of a range
    assert np.median(replacement_cost(100_000, size=1000, seed=3)) == pytest.approx(125_000, rel=1e-12)
    likely = replacement_cost(100_000, mode=0.6, size=50_000, seed=1)
    assert likely.mean() == pytest.approx(100_000 * (0.5 + 4 * 0.6 + 2) / 6, rel=0.01)


def test_net_benefit_of_a_normal_benefit():
    """Benefit normal(120, 20) at a cost of 100: P(net > 0) is Φ(1) = .841."""
    benefit = np.random.default_rng(1).normal(120, 20, 100_000)
    net = net_benefit(benefit, 100)
    assert net.p_positive == pytest.approx(0.8413, abs=0.005)
    assert net.table["estimate"][0] == pytest.approx(20, abs=0.4)
    assert net.roi["conf_low"][0] == pytest.approx((20 - 1.96 * 20) / 100, abs=0.01)


def test_no_benefit_gives_even_odds_against_nothing():
    benefit = np.random.default_rng(2).normal(0, 20, 50_000)
    assert net_benefit(benefit, 1e-9).p_positive == pytest.approx(0.5, abs=0.01)
    assert net_benefit(benefit, 100).p_positive == 0
    summary = money_summary(benefit, term="nothing").iloc[0]
    assert summary["conf_low"] < 0 < summary["conf_high"] and summary["p_value"] > 0.9


def test_money_of_an_effect_arrives_with_its_delay():
    """A year of effect, told by hand: at once; six months late; and paid over the twelve months after the ninth."""
    np.testing.assert_allclose(arrival(12, 0, months=13), [1 / 12] * 12 + [0])
    np.testing.assert_allclose(arrival(12, 6, months=18), [0] * 6 + [1 / 12] * 12)
    over = arrival(12, 9, 12, months=33)
    assert over.sum() == pytest.approx(1)
    assert (over[:9] == 0).all() and (over > 0).sum() == 24
    np.testing.assert_allclose(over[9:21], over[21:][::-1])  # rises for a year and falls for a year
    assert over[:12].sum() == pytest.approx(3 * 3 / 2 / (12 * 12))  # the corner of day of effect by day of payment


def test_discounting_is_its_closed_form():
    """An even stream over a year, then delayed by one: the integral of (1 + r)^-t, to the middle of a month."""
    rate, year = 0.05, np.log(1.05)
    even = (1 - np.exp(-year)) / year
    assert discounted(arrival(12, 0, months=12), rate).sum() == pytest.approx(even, rel=1e-5)
    assert discounted(arrival(12, 12, months=24), rate).sum() == pytest.approx(even / 1.05, rel=1e-5)
    np.testing.assert_array_equal(discounted([3.0, 4.0], 0.0), [3.0, 4.0])


def test_payback_may_never_come():
    gains, losses = np.full((60, 12), 20.0), np.full((40, 12), -1.0)
    row = payback_months(np.vstack([gains, losses]), 120).iloc[0]
    assert row["estimate"] == 6
    assert row["conf_high"] == np.inf
    assert row["p_ever"] == pytest.approx(0.6)
    assert payback_months(gains, 241).iloc[0]["p_ever"] == 0  # the effect ends before its cost is back
    late = np.outer(np.full(60, 240.0), arrival(12, 6, months=18))
    assert payback_months(late, 120).iloc[0]["estimate"] == 12


def test_refusals():
    with pytest.raises(EstimationError, match="does not hold"):
        pert(1, 0.5, 2, size=3, seed=1)
    with pytest.raises(EstimationError, match="above zero"):
        net_benefit([1.0, 2.0], 0)
    with pytest.raises(EstimationError, match="cannot be negative"):
        replacement_cost(-1, seed=1)
    with pytest.raises(EstimationError, match="no draws"):
        money_summary([np.nan], term="money")
    with pytest.raises(EstimationError, match="must last above 0"):
        arrival(0, 3, months=12)
    with pytest.raises(EstimationError, match="below zero"):
        discounted([1.0], -0.01)
    with pytest.raises(EstimationError, match="finite draws of money by month"):
        payback_months([[np.nan, 1.0], [1.0, 1.0]], 5)


def test_unequal_lives_are_brought_to_a_year():
    """Against the sum of a steady payment's present values, written out by small steps."""
    assert per_year(24) == 0.5
    assert per_year(12, 0.07) == pytest.approx(1)
    steps = np.arange(0, 36, 0.001) + 0.0005
    worth = np.sum(0.001 / 12 * 1.05 ** (-steps / 12))
    of_a_year = np.sum(0.001 / 12 * 1.05 ** (-steps[steps < 12] / 12))
    assert per_year(36, 0.05) == pytest.approx(of_a_year / worth, rel=1e-6)
    with pytest.raises(EstimationError, match="above zero"):
        per_year(0)
