"""01: what customers do next, on what paths, and where journeys break – in tables and in words."""

from dataclasses import replace

import numpy as np
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
    every = paths.again(walked)
    ends = frame[frame["following"] == ENDS]
    assert every["n"].iloc[0] == ends["n"].sum()
    assert every["estimate"].iloc[0] == pytest.approx(1 - np.average(ends["estimate"], weights=ends["n"]))
    assert every["conf_low"].iloc[0] < every["estimate"].iloc[0] < every["conf_high"].iloc[0]
    said = paths.transitions_sentence(frame, every, 90)
    assert "within 90 days" in said
    assert "within" not in paths.transitions_sentence(frame, every.iloc[:0], 90)
    hidden = frame["following"] == ENDS
    assert paths.gives_back(every, frame, hidden).tolist() == [True]
    assert paths.gives_back(every, frame, ~hidden).tolist() == [False]
    assert "enquiry after onboarding" in said, "new customers ask: they are young in the simulated world"


def test_no_move_stands_out_when_order_is_shuffled(walked, order):
    """Each stage followed in the same proportions: no cell may be outlined."""
    moves = walked.transitions
    share = moves.groupby("following")["s"].sum() / moves["s"].sum()
    even = moves.assign(s=moves["m"] * moves["following"].map(share))
    frame = paths.transitions(replace(walked, transitions=even), order)
    assert not frame["more"].any()
    said = paths.transitions_sentence(frame, paths.again(walked), 90)
    assert "is inconclusive: nothing is shown to follow more often" in said
    assert "hardly" not in said


def test_journeys_add_up_to_one(walked, sample):
    frame = paths.journeys(walked)
    assert frame["estimate"].sum() == pytest.approx(1)
    assert frame["path"].iloc[0] == ALONE
    assert frame["path"].iloc[-1] == OTHERS
    assert (frame["n_customers"] >= sample.study.privacy.min_group).all()
    assert frame["contacts"].iloc[1:-1].between(2, 5).all()
    assert frame["n"].iloc[:-1].is_monotonic_decreasing
    assert "are a single contact" in paths.journeys_sentence(frame)
    said = paths.ends_words(frame, 90, 5)
    assert "makes no contact for 90 days" in said
    assert "up to 5 contacts" in said
    assert paths.ends_words(frame.iloc[:0], 90, 5) == ""


def test_planted_low_stages_are_where_answers_are_bad(walked, order):
    """The simulated world plants claims and cancellations below the other stages."""
    frame = paths.breaks(walked, order).set_index(["measure", "touchpoint"])
    assert set(frame.loc[DISSATISFIED].index[frame.loc[DISSATISFIED, "worse"]]) == {"claim", "cancellation"}
    assert not frame.loc[LEFT, "worse"].any(), "no stage was planted to drive customers away by itself"
    assert frame["p_adjusted"].xs(EVERYWHERE, level="touchpoint").isna().all()
    said = paths.breaks_sentence(frame.reset_index())
    assert "at claim (dissatisfied answer: " in said
    assert "at cancellation (dissatisfied answer: " in said, "every stage that stands out is named"
    assert "more (" not in said
    assert "No stage is shown to stand out for customer left (differences below about" in said
    words = paths.measures_words(frame.reset_index(), 14, 90, "satisfaction")
    assert "within 14 days" in words
    assert "within the next two" in words


def test_breaks_without_differences_say_what_could_have_been_missed(walked, order):
    frame = paths.breaks(walked, order).assign(worse=False, difference_low=-0.0196, difference_high=0.0196)
    said = paths.breaks_sentence(frame)
    assert "At no stage are journeys shown to break more often" in said
    assert "differences below about 2.8 points could have been missed" in said, "2.80 standard errors of one point"


def test_sentence_of_breaks_gives_the_interval_of_the_difference():
    frame = pd.DataFrame({"touchpoint": ["a", "b", EVERYWHERE], "measure": REPEATED, "estimate": [0.3, 0.1, 0.2],
                          "difference": [0.2, -0.2, None], "difference_low": [0.1, -0.3, None],
                          "difference_high": [0.3, -0.1, None], "p_adjusted": [0.01, 0.01, None],
                          "worse": [True, False, False]})  # fmt: skip
    said = paths.breaks_sentence(frame)
    assert "at a (same matter again: 30.0%, 20.0 points more than elsewhere, 10.0 to 30.0)" in said
    assert "shown to stand out" not in said


@pytest.mark.parametrize(("bounds", "said"), [((0.01, 0.05), "closely followed by b → a"), ((0.01, 0.02), "")])
def test_sentence_of_journeys_orders_only_what_differs(bounds, said):
    frame = pd.DataFrame({"path": ["a → b", "b → a"], "n": [40, 20], "estimate": [0.04, 0.015],
                          "conf_low": [0.03, bounds[0]], "conf_high": [0.05, bounds[1]]})  # fmt: skip
    told = paths.journeys_sentence(frame)
    assert told.startswith("**The commonest longer one shown is a → b, with 4.0% (3.0% to 5.0%)")
    assert said in told
    assert ("closely" in told) == bool(said)


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
    assert paths.transitions_sentence(paths.transitions(short, order), paths.again(short), 90) == ""
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
