"""Step 07: how long feedback waits at every hand-over, found as recorded and silent where dates are missing."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.voice_stages import CAN, CANNOT
from exlink.steps import action_loop as step
from exlink.steps.action_loop import hand_over

ALL = hand_over.ALL


@pytest.fixture(scope="module")
def found(sample):
    return step.assess_hand_overs(sample)


def test_medians_are_those_of_statsmodels(sample, found):
    from statsmodels.duration.survfunc import SurvfuncRight

    voice = sample.frame("voc_feedback")
    dates = voice.filter(regex="_on$").apply(pd.to_datetime)
    end = pd.Timestamp("2026-09-30")
    for what, (start, stop) in hand_over.HAND_OVERS.items():
        part = dates[dates[start].notna()]
        days = (part[stop].fillna(end) - part[start]).dt.days
        curve = SurvfuncRight(days, part[stop].notna().astype(int))
        row = found.times[found.times["what"].eq(what) & found.times["label"].eq(ALL)].iloc[0]
        reached = curve.surv_times[curve.surv_prob <= 0.5]
        assert row["days"] == (reached.min() if len(reached) else np.inf)
        assert (row["n_people"], row["n_in"]) == (len(part), part[stop].notna().sum())


def test_owners_who_cannot_act_hold_feedback_up(found):
    acting = found.times[found.times["what"] == "acknowledged to acted on"].set_index("label")
    assert acting.loc[CAN, "conf_high"] < 90 and np.isinf(acting.loc[CANNOT, "conf_low"])
    said = hand_over.hand_over_sentence(found, 8)
    assert "waits longest from acknowledged to acted on: more than half of" in said
    kinds = found.times[found.times["label"] != ALL].groupby("what")["n_people"].sum()
    whole = found.times[found.times["label"] == ALL].set_index("what")["n_people"]
    assert (kinds == whole[kinds.index]).all()


def test_words_of_a_median():
    table = pd.DataFrame({
        "what": "a", "label": ALL, "days": [34, np.inf, 5, 11], "conf_low": [31, np.inf, np.nan, 5],
        "conf_high": [38, np.inf, np.nan, np.inf], "n_people": [50, 50, 9, 14], "n_in": [30, 10, 9, 7],
        "n_out": [20, 40, 0, 7],
    })  # fmt: skip
    shown = step.in_days(table)
    assert shown["median"].tolist() == [
        "34 (31 to 38)", "not reached by half of it", "5 (too few for an interval)", "11 (5 to longer than observed)",
    ]  # fmt: skip
    assert shown["share"].tolist() == [60, 20, 100, 50]
    assert step.told_by_few(shown, 8).tolist() == [False, False, False, True]
    few = hand_over.HandOvers(table.iloc[[2]].assign(n_people=5), {}, 0, "")
    assert hand_over.hand_over_sentence(few, 8) == "Fewer than 8 pieces of feedback came to any hand-over."


def test_what_was_passed_on_early_is_said():
    times = pd.DataFrame({"what": ["a"], "label": ALL, "days": 4.0, "conf_low": 3.0, "conf_high": 5.0, "n_people": 90})
    said = hand_over.hand_over_sentence(hand_over.HandOvers(times, {}, 12, ""), 8)
    assert said.endswith("12 pieces were passed on before they had come, by the register; they are left out.")


def test_without_feedback_it_is_not_assessed(required_only):
    assert step.assess_hand_overs(required_only) == "not assessed: needs `voc_feedback`"
    assert hand_over.hand_over_sentence("not assessed: needs `voc_feedback`", 8) == ""
