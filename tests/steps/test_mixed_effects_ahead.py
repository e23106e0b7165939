"""What step 04 asks beside its models is what asking later gives, whatever the models ask meanwhile."""

import pandas as pd
import pytest

from exlink.errors import ParameterError
from exlink.steps import mixed_effects as step
from exlink.steps.mixed_effects import ahead
from exlink.steps.mixed_effects.direction import find_direction

CIRCUMSTANCES, LAGS, SMALLEST = ["touchpoint", "channel", "complexity"], [-1, 0, 1], 0.05


def begun_on(data, lags=LAGS):
    return ahead.begin(data, "satisfaction", CIRCUMSTANCES, lags, SMALLEST)


@pytest.fixture(scope="module")
def begun(sample):
    """Begun on the sample while the rows of the models are read and one of them is fitted."""
    asked = begun_on(sample)
    given = step.design(sample, CIRCUMSTANCES, max_rows=60_000)
    step.cross_check(given, "satisfaction", reml=True)
    return asked


def test_answers_are_those_of_asking_in_turn(begun, sample):
    reason = step.within_reason(sample)
    work = step.fit_work(sample, CIRCUMSTANCES, reason)
    paths = step.mediation_paths(sample, "satisfaction", CIRCUMSTANCES, work, reason)
    same = pd.testing.assert_frame_equal
    same(begun.direction.result().grid, find_direction(sample, "satisfaction", LAGS, SMALLEST).grid, check_exact=True)
    same(begun.alike.result().tests, step.acts_alike(sample).tests, check_exact=True)
    same(begun.work.result().effects, work.effects, check_exact=True)
    same(begun.paths.result().paths, paths.paths, check_exact=True)
    assert len(work.effects) and len(paths.paths)


def test_what_keeps_one_answer_from_being_given_is_told_where_it_is_asked(sample):
    asked = begun_on(sample, lags=[1, 2])
    with pytest.raises(ParameterError, match="lags"):
        asked.direction.result()
    assert len(asked.work.result().effects)
