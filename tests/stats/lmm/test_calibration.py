"""Intervals and tests of fit_lmm in small worlds with known truth; benchmarks/calibration runs the large ones.

Bounds are those of a binomial count: a method whose 95 % intervals cover 95 % leaves them in one of 10,000 runs. The
seed is fixed, so a failure is a change of the method, not of luck.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import stats

from benchmarks.calibration import right, wrong
from benchmarks.calibration.replicate import Replications, run
from benchmarks.calibration.summary import ALPHA, ESTIMATE, LEVEL, P_VALUE, covers, truths
from benchmarks.calibration.world import effect

REPLICATIONS = 60
RARE = 1e-4  # chance that a correct method leaves its bounds
RIGHT = {
    world.name: world
    for world in (
        right.nested(20, 4, 5),
        right.crossed(40, 120, 600),
        right.few(12, 15),
        right.few_crossed(),
        right.three(),
        wrong.slopes(30, 15, sd=0.5),
    )
}
ERRORS = pytest.mark.parametrize("error", ["model", "robust"])
HONEST = pytest.mark.parametrize("name", ["nested", "crossed", "few", "few_crossed", "three"])


def bounds(share: float, trials: int = REPLICATIONS) -> tuple[float, float]:
    """Return the least and the largest share that count as chance around a true share."""
    low, high = stats.binom.ppf([RARE / 2, 1 - RARE / 2], trials, share)
    return low / trials, high / trials


@cache
def replicated(name: str) -> Replications:
    return run(RIGHT[name], REPLICATIONS)


def coverage(name: str, error: str) -> dict[str, float]:
    """Return the share of intervals that hold the truth, by term."""
    done = replicated(name)
    return dict(zip(done.world.judged, covers(getattr(done, error), truths(done)).mean(axis=0), strict=True))


def false_positives(name: str, error: str) -> dict[str, float]:
    """Return the share of tests that find an effect in a covariate without one."""
    done = replicated(name)
    found = (getattr(done, error)[:, :, P_VALUE] < ALPHA).mean(axis=0)
    return {t: share for t, share in zip(done.world.judged, found, strict=True) if t.endswith("_null")}


@ERRORS
@HONEST
def test_intervals_cover_when_the_model_is_right(name, error):
    low, high = bounds(LEVEL)
    assert {t: c for t, c in coverage(name, error).items() if not low <= c <= high} == {}


@ERRORS
@HONEST
def test_no_effect_is_found_as_often_as_chance_finds_one(name, error):
    found = false_positives(name, error)
    low, high = bounds(ALPHA)
    assert found
    assert {t: share for t, share in found.items() if not low <= share <= high} == {}


@pytest.mark.parametrize("name", RIGHT)
def test_estimates_are_unbiased(name):
    """Also where the model is wrong: slopes that vary around the effect do not bias it."""
    done = replicated(name)
    estimates = done.model[:, :, ESTIMATE]
    error = estimates.std(axis=0, ddof=1) / np.sqrt(REPLICATIONS)
    far = np.abs(estimates.mean(axis=0) - truths(done)) / error
    assert far.max() < stats.t.isf(RARE / 2, REPLICATIONS - 1)


def test_varying_slopes_break_model_based_errors_and_not_robust_ones():
    """Thirty people whose effect varies with SD .5: the model without slopes takes half of it for knowledge."""
    low, high = bounds(LEVEL)
    model, robust = coverage("slopes", "model"), coverage("slopes", "robust")
    assert max(model["slope_x"], model["slope_null"]) < low
    assert false_positives("slopes", "model")["slope_null"] > bounds(ALPHA)[1]
    assert {t: c for t, c in robust.items() if not low <= c <= high} == {}
    assert false_positives("slopes", "robust")["slope_null"] <= bounds(ALPHA)[1]


@HONEST
def test_intervals_of_standard_deviations_cover(name):
    """Wald intervals are approximate in small worlds, so only their lower bound is asked for."""
    done = replicated(name)
    low = bounds(LEVEL)[0]
    for i, (which, truth) in enumerate(done.world.spreads.items()):
        given = np.isfinite(done.spreads[:, i, 1])
        inside = (done.spreads[given, i, 1] <= truth) & (truth <= done.spreads[given, i, 2])
        assert inside.mean() >= low, which


def test_covariates_say_by_their_names_what_is_planted():
    world = RIGHT["nested"]
    assert [effect(t) for t in world.terms] == [world.truth(t) for t in world.terms]
    assert {t for t in world.terms if world.truth(t) == 0} == {"team_null", "employee_null", "row_null"}
