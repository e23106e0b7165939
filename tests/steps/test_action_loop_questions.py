"""Step 07: the three questions; evidence counted by hand, answers by the rule, and what is missing named."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.said_last import last_answers, named_people, sheets_alike
from exlink.steps import action_loop as step
from exlink.steps.action_loop.questions import (
    CULTURE,
    INVESTED,
    LEADERSHIP,
    NO,
    NOTHING,
    OPEN,
    YES,
    _answer,
    assess_questions,
    question_sentences,
)

MARKS = {"act_days": 90, "share_enough": 50.0, "scale_enough": 60.0}


@pytest.fixture(scope="module")
def funnel(sample):
    return step.assess_funnel(sample, act_days=90)


@pytest.fixture(scope="module")
def found(sample, funnel):
    return assess_questions(sample, funnel, **MARKS)


def test_evidence_is_what_is_counted_by_hand(sample, found):
    rows = found.evidence.set_index("evidence")
    said = sample.frame("ex_responses")
    said["day"] = pd.to_datetime(said["responded_on"])
    said = said[said["day"] > pd.Timestamp("2025-09-30")]
    own = said[said["aspect"].eq("psychological_safety") & said["kpi"].eq("driver")]
    newest = own[own["day"] == own.groupby("employee_id")["day"].transform("max")]
    score = (100 * (newest["score"] - 1) / 4).groupby(newest["employee_id"]).mean()
    row = rows.loc["Psychological safety, % of the scale"]
    assert row["estimate"] == pytest.approx(score.mean()) and row["n_people"] == len(score)
    named = said.groupby("employee_id")["identified"].min().astype(bool)
    row = rows.loc["People who always answer by name"]
    assert row["estimate"] == pytest.approx(100 * named.mean()) and row["n_in"] == named.sum()
    voice = sample.frame("voc_feedback")
    day = voice[["received_on", "acted_on"]].apply(pd.to_datetime)
    due = day["received_on"] <= pd.Timestamp("2026-09-30") - pd.Timedelta(days=90)
    acted = due & ((day["acted_on"] - day["received_on"]).dt.days <= 90)
    told = rows.loc["Of what was acted on, told back", "estimate"]
    assert told == pytest.approx(100 * voice.loc[acted, "told_back_on"].notna().mean())
    can = voice.loc[due, "owner_can_act"].dropna().astype(bool).mean()
    assert rows.loc["Owned feedback whose owner can act", "estimate"] == pytest.approx(100 * can)


def test_the_sample_is_heard_and_not_acted_upon(found):
    assert found.answers == {LEADERSHIP: NO, CULTURE: OPEN, INVESTED: NO}
    first, second, third = question_sentences(found)
    assert first.startswith(f"**{LEADERSHIP} No.** On the wrong side of the mark: feedback acted on within 90 days")
    assert "Not told closely enough: people who always answer by name" in second
    assert third.endswith("No.** On the wrong side of the mark: owned feedback whose owner can act.")


@pytest.mark.parametrize(
    ("low", "high", "most", "answer"),
    [(50, 60, False, YES), (40, 49, False, NO), (40, 60, False, OPEN), (1, 50, True, YES), (51, 60, True, NO),
     (40, 60, True, OPEN), (np.nan, np.nan, False, OPEN)],
)  # fmt: skip
def test_the_whole_interval_decides(low, high, most, answer):
    assert _answer(pd.Series({"conf_low": low, "conf_high": high, "mark": 50, "most": most})) == answer


def test_a_yes_needs_all_evidence(sample, required_only, funnel, team_grain):
    nothing = step.assess_funnel(required_only, act_days=90)
    bare = assess_questions(required_only, nothing, **MARKS)
    assert bare.answers == {LEADERSHIP: NOTHING, CULTURE: OPEN, INVESTED: OPEN}
    lines = question_sentences(bare)
    assert lines[0] == (
        f"**{LEADERSHIP}** Not assessed: needs `voc_feedback.acted_on` and `voc_feedback.told_back_on`."
    )
    assert "What is known clears its marks" in lines[2] and "`voc_feedback.owner_can_act`" in lines[2]
    by_team = assess_questions(team_grain, nothing, **MARKS)
    assert "`ex_responses.identified`" in by_team.lacking[CULTURE]
    assert by_team.evidence["n_people"].eq(20).all()
    low = assess_questions(sample, funnel, act_days=90, share_enough=5.0, scale_enough=60.0)
    assert low.answers[LEADERSHIP] == YES


def test_people_are_counted_once(sample):
    for frame in (last_answers(sample, "empowerment"), named_people(sample), sheets_alike(sample)):
        assert frame["employee_id"].is_unique and frame["home"].notna().all()
    assert last_answers(sample, "no such aspect").empty
