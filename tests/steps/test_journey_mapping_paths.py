"""01: what customers do next, on what paths, and where journeys break – in tables and in words."""

import pandas as pd
import pytest

from exlink.data.customer_paths import ALONE, DISSATISFIED, ENDS, EVERYWHERE, LEFT, OTHERS, REPEATED
from exlink.errors import ParameterError
from exlink.steps.journey_mapping import paths, track


@pytest.fixture(scope="module")
def order(sample):
    return track.stage_order(sample)


@pytest.fixture(scope="module")
def walked(sample):
    return paths.walked(sample, "satisfaction", 90, 14, 5)


def test_moves_of_a_stage_add_up_and_stand_in_order(walked, order):
    frame = paths.transitions(walked, order)
    assert list(dict.fromkeys(frame["touchpoint"])) == order
    assert frame.groupby("touchpoint")["estimate"].sum().to_numpy() == pytest.approx(1)
    assert frame.groupby("touchpoint")["following"].last().eq(ENDS).all()
    assert ((frame["conf_low"] <= frame["estimate"]) & (frame["estimate"] <= frame["conf_high"])).all()
    said = paths.transitions_sentence(frame, 90)
    assert "within 90 days" in said
    assert "enquiry after onboarding" in said, "new customers ask: they are young in the simulated world"


def test_no_move_stands_out_when_order_is_shuffled(walked, order):
    """Each stage followed in the same proportions: no cell may be outlined."""
    moves = walked.transitions
    share = moves.groupby("following")["s"].sum() / moves["s"].sum()
    even = moves.assign(s=moves["m"] * moves["following"].map(share))
    frame = paths.transitions(paths.CustomerPaths(even, walked.journeys, walked.breaks, ""), order)
    assert not frame["more"].any()
    assert "no move stands out" in paths.transitions_sentence(frame, 90)


def test_journeys_add_up_to_one(walked, sample):
    frame = paths.journeys(walked)
    assert frame["estimate"].sum() == pytest.approx(1)
    assert frame["path"].iloc[0] == ALONE
    assert frame["path"].iloc[-1] == OTHERS
    assert (frame["n_customers"] >= sample.study.privacy.min_group).all()
    assert frame["contacts"].iloc[1:-1].between(2, 5).all()
    assert "are a single contact" in paths.journeys_sentence(frame)


def test_planted_low_stages_are_where_answers_are_bad(walked, order):
    """The simulated world plants claims and cancellations below the other stages."""
    frame = paths.breaks(walked, order).set_index(["measure", "touchpoint"])
    assert set(frame.loc[DISSATISFIED].index[frame.loc[DISSATISFIED, "worse"]]) == {"claim", "cancellation"}
    assert not frame.loc[LEFT, "worse"].any(), "no stage was planted to drive customers away by itself"
    assert frame["p_adjusted"].xs(EVERYWHERE, level="touchpoint").isna().all()
    said = paths.breaks_sentence(frame.reset_index())
    assert "at claim" in said
    assert "No stage stands out for: customer left" in said
    words = paths.measures_words(frame.reset_index(), 14, 90, "satisfaction")
    assert "within 14 days" in words
    assert "within the next two" in words


def test_breaks_without_differences_say_so(walked, order):
    frame = paths.breaks(walked, order).assign(worse=False)
    assert "At no stage" in paths.breaks_sentence(frame)


def test_hidden_touchpoints_are_found_wherever_they_are_named(walked, order):
    moves, typical = paths.transitions(walked, order), paths.journeys(walked)
    hit = paths.speaks_of(moves, ["claim"])
    assert hit.equals((moves["touchpoint"] == "claim") | (moves["following"] == "claim"))
    named = paths.speaks_of(typical, ["renewal"])
    assert named.any()
    assert typical.loc[named, "path"].str.contains("renewal").all()
    assert not paths.speaks_of(typical, []).any()


def test_without_recorded_losses_silence_stands_in(required_only, order):
    found = paths.walked(required_only, "satisfaction", 90, 14, 5)
    assert set(found.breaks["measure"]) == {DISSATISFIED, REPEATED, ENDS}
    assert "good or bad" in paths.measures_words(paths.breaks(found, order), 14, 90, "satisfaction")


def test_short_data_are_not_assessed(one_wave, order):
    short = paths.walked(one_wave, "satisfaction", 90, 14, 5)
    assert "need more than 180" in short.reason
    for frame in (paths.transitions(short, order), paths.journeys(short), paths.breaks(short, order)):
        assert frame.empty
        assert not paths.speaks_of(frame, ["claim"]).any()
    assert paths.transitions_sentence(paths.transitions(short, order), 90) == ""
    assert paths.journeys_sentence(paths.journeys(short)) == ""
    assert paths.breaks_sentence(paths.breaks(short, order)) == ""
    assert paths.measures_words(pd.DataFrame(), 14, 90, "satisfaction") == ""


def test_team_grain_has_paths_too(team_grain):
    assert paths.walked(team_grain, "satisfaction", 90, 14, 5).reason == ""


def test_parameters_that_mean_nothing_are_refused(sample):
    with pytest.raises(ParameterError, match="repeat_days is 100"):
        paths.walked(sample, "satisfaction", 90, 100, 5)
    with pytest.raises(ParameterError, match="path_length is 1"):
        paths.walked(sample, "satisfaction", 90, 14, 1)
