"""Sums of money: closed-form means, seeds, and payback that may never come."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.money import money_summary, net_benefit, payback_months, pert, replacement_cost, uniform


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
    assert draws.mean() == pytest.approx(125_000, rel=0.01)
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


def test_payback_may_never_come():
    row = payback_months(np.r_[np.full(60, 240.0), np.full(40, -10.0)], 120).iloc[0]
    assert row["estimate"] == 6
    assert row["conf_high"] == np.inf
    assert row["p_ever"] == pytest.approx(0.6)


def test_refusals():
    with pytest.raises(EstimationError, match="does not hold"):
        pert(1, 0.5, 2, size=3, seed=1)
    with pytest.raises(EstimationError, match="above zero"):
        net_benefit([1.0, 2.0], 0)
    with pytest.raises(EstimationError, match="cannot be negative"):
        replacement_cost(-1, seed=1)
    with pytest.raises(EstimationError, match="no draws"):
        money_summary([np.nan], term="money")
