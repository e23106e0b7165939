"""Control limits keep what chance does inside and let a shift out; a drift is the weighted line."""

import numpy as np
import pytest
import statsmodels.api as sm

from exlink.errors import EstimationError
from exlink.stats.control import FALSE_ALARMS, RULES, RUN, control_limits, linear_drift

SERIES, POINTS = 400, 24


def many_series(rng, scatter):
    """Return the limits of series whose points scatter by ``scatter`` and claim a standard error of 0.5."""
    errors, n = np.full(POINTS, 0.5), np.full(POINTS, 100)
    return [control_limits(rng.normal(0, scatter, POINTS), errors, n) for _ in range(SERIES)]


def test_nothing_happens_few_alarms():
    """No effect: the four rules raise an alarm at about one point in 92; fewer here, as limits never shrink."""
    rng = np.random.default_rng(1)
    frames = many_series(rng, scatter=0.5)
    assert np.mean([f["alarm"].mean() for f in frames]) < 2 * FALSE_ALARMS


def test_every_rule_is_named_by_the_point_that_completes_it():
    """The centre is held at zero by many points that weigh much; limits are 3, so values are sigmas."""
    for (name, _, _, _), tail in zip(
        RULES, ([3.1], [2.1, 0.0, 2.1], [1.1, 1.1, -0.5, 1.1, 1.1], [0.2] * RUN), strict=True
    ):
        calm = [0.25, -0.25] * 10
        value = np.r_[calm, tail]
        n = np.r_[np.full(len(calm), 1e6), np.ones(len(tail))]
        for sign in (1, -1):
            frame = control_limits(sign * value, np.ones(len(value)), n)
            assert frame["sigma_z"].iloc[0] == 1
            assert frame["rule"].tolist() == [""] * (len(value) - 1) + [name]
            assert (frame["alarm"] == (frame["rule"] != "")).all()


def test_more_than_sampling_noise_widens_the_limits():
    """Points that scatter three times as much as their errors say are no alarms (Laney's σz about 3)."""
    rng = np.random.default_rng(2)
    frames = many_series(rng, scatter=1.5)
    assert np.mean([f["sigma_z"].iloc[0] for f in frames]) == pytest.approx(3, abs=0.15)
    assert np.mean([f["alarm"].mean() for f in frames]) < 0.03


def test_a_shift_is_seen_and_by_hand_the_limits_are_right():
    value = np.array([10.0, 10.2, 9.9, 10.1, 14.0])
    frame = control_limits(value, np.full(5, 0.2), np.array([1, 1, 1, 1, 1]))
    stretch = max(np.abs(np.diff((value - value.mean()) / 0.2)).mean() / 1.128, 1)
    assert frame["upper"].iloc[0] == pytest.approx(value.mean() + 3 * stretch * 0.2)
    jump = control_limits(np.r_[np.zeros(15), 3.0, np.zeros(15)], np.full(31, 0.5), np.ones(31))
    assert jump["alarm"].to_numpy().nonzero()[0].tolist()[0] == 15 or jump["alarm"].iloc[15]


def test_a_run_on_one_side_alarms_from_its_eighth_point():
    value = np.r_[-np.ones(RUN), np.ones(RUN)] * 0.1
    alarm = control_limits(value, np.full(2 * RUN, 1.0), np.ones(2 * RUN))["alarm"].tolist()
    assert alarm == [False] * (RUN - 1) + [True] + [False] * (RUN - 1) + [True]


def test_gaps_stay_empty_and_two_points_are_refused():
    frame = control_limits([1.0, np.nan, 1.1, 0.9], [0.1, 0.1, 0.1, 0.1], [5, 5, 5, 5])
    assert np.isnan(frame["upper"].iloc[1])
    assert not frame["alarm"].iloc[1]
    with pytest.raises(EstimationError, match="2 of 2"):
        control_limits([1.0, 2.0], [0.1, 0.1], [5, 5])


def test_drift_is_weighted_least_squares():
    rng = np.random.default_rng(3)
    n = rng.integers(20, 200, 12)
    value = 0.3 * np.arange(12) + rng.normal(size=12)
    value[4] = np.nan
    keep = ~np.isnan(value)
    want = sm.WLS(value[keep], sm.add_constant(np.arange(12.0)[keep]), weights=n[keep]).fit()
    row = linear_drift(value, n).iloc[0]
    assert row.estimate == pytest.approx(want.params[1], rel=1e-10)
    assert row.std_error == pytest.approx(want.bse[1], rel=1e-10)
    assert [row.conf_low, row.conf_high] == pytest.approx(list(want.conf_int()[1]), rel=1e-10)


def test_drift_of_noise_is_rarely_certain():
    rng = np.random.default_rng(4)
    found = [linear_drift(rng.normal(size=12), np.ones(12))["p_value"].iloc[0] < 0.05 for _ in range(SERIES)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.03)
