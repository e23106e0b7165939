"""The rule behind a verdict on direction, case by case."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.direction import direction

UP, FLAT, WIDE, DOWN = (0.2, 0.6), (-0.1, 0.1), (-0.3, 0.5), (-0.5, -0.1)
FINE, FAILED = {"p_value": 0.4}, {"p_value": 0.004}


def interval(bounds):
    return {"conf_low": bounds[0], "conf_high": bounds[1]}


@pytest.mark.parametrize(
    ("forward", "backward", "placebo", "verdict"),
    [
        (UP, FLAT, FINE, "forward"),
        (UP, FLAT, None, "forward"),
        (UP, FLAT, {"p_value": 0.03}, "forward"),
        (UP, FLAT, FAILED, "inconclusive"),
        (UP, UP, FAILED, "both"),
        (UP, UP, FINE, "both"),
        (FLAT, UP, FAILED, "backward"),
        (WIDE, UP, FINE, "backward"),
        (FLAT, FLAT, FINE, "contradicted"),
        (DOWN, WIDE, FINE, "contradicted"),
        ((0.01, 0.15), FLAT, FINE, "contradicted"),
        (WIDE, FLAT, FINE, "inconclusive"),
        (WIDE, DOWN, FAILED, "inconclusive"),
        ((np.nan, np.nan), (np.nan, np.nan), {"p_value": np.nan}, "inconclusive"),
    ],
)
def test_each_case_has_its_verdict(forward, backward, placebo, verdict):
    assert direction(interval(forward), interval(backward), placebo, smallest=0.2).verdict == verdict


def test_what_the_verdict_rests_on_is_told():
    found = direction(interval(FLAT), interval(UP), FAILED, smallest=0.2)
    assert (found.forward, found.backward, found.placebo_failed) == ("ruled out", "shown", True)


@pytest.mark.parametrize(
    ("bounds", "forward"),
    [
        ((0.01, 0.15), "small"),
        (DOWN, "against"),
        (FLAT, "ruled out"),
        ((0.01, 0.3), "shown"),
        ((-0.4, 0.0), "ruled out"),
    ],
)
def test_small_none_and_the_other_sign_are_told_apart(bounds, forward):
    """All but the fourth contradict an effect of 0.2; only FLAT and its like say that there may be none."""
    assert direction(interval(bounds), interval(FLAT), None, smallest=0.2).forward == forward


def test_a_backward_slope_below_zero_is_told():
    found = direction(interval(UP), interval(DOWN), FINE, smallest=0.2)
    assert (found.verdict, found.backward) == ("forward", "against")


def test_bounds_must_make_sense():
    with pytest.raises(EstimationError, match="not above zero"):
        direction(interval(UP), interval(UP), None, smallest=0)
    with pytest.raises(EstimationError, match=r"backward interval runs from 0\.6 to 0\.2"):
        direction(interval(UP), interval(UP[::-1]), None, smallest=0.2)
