"""Step 07: whether people stop answering out of cynicism or fatigue; planted kinds found, silence where data lack."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.survey_load import acted_before, survey_load
from exlink.steps.action_loop import cynicism, cynicism_words
from exlink.steps.action_loop.cynicism import ACTION, BOTH, CYNICISM, FATIGUE, INCONCLUSIVE, LOAD, assess_rivals


@pytest.fixture(scope="module")
def found(sample):
    return assess_rivals(sample, act_days=90, load_matters=2.0)


def test_load_and_answers_are_those_counted_by_hand(sample):
    rows = survey_load(sample)
    asked, said = sample.frame("ex_invitations"), sample.frame("ex_responses")
    asked = asked[asked["touchpoint"].isin(said["touchpoint"])]
    assert rows["asked"].sum() == len(asked)
    assert rows.groupby("employee_id")["home"].nunique().eq(1).all()
    one = asked[asked["employee_id"] == asked["employee_id"].iloc[0]]
    quarters = pd.to_datetime(one["invited_on"]).dt.to_period("Q").astype(str).value_counts().sort_index()
    mine = rows[rows["employee_id"] == one["employee_id"].iloc[0]].set_index("quarter")["asked"]
    assert mine.to_dict() == quarters.to_dict()


def test_what_was_done_counts_for_the_quarter_after(sample):
    voice = sample.frame("voc_feedback")
    dates = voice[["received_on", "acted_on"]].apply(pd.to_datetime)
    own = voice["source"].eq("employee") & dates["received_on"].dt.to_period("Q").astype(str).eq("2025Q4")
    share = ((dates["acted_on"] - dates["received_on"]).dt.days <= 90)[own].mean()
    before = acted_before(sample, 90).set_index("quarter")
    assert before.loc["2026Q1", "share"] == pytest.approx(100 * share)
    assert "2026Q4" not in before.index  # of the last quarter's feedback most is too new


def test_eight_quarters_do_not_show_what_was_planted_and_say_what_they_could(sample, found):
    rows = found.rows.set_index("term")
    assert found.verdict == INCONCLUSIVE and found.quarters == 7
    said = cynicism_words.rivals_sentence(found)
    assert "Not survey fatigue" in said and "7 quarters, which could have shown 9 percentage points" in said
    true = 2.0 * found.rate / 100 * (1 - found.rate / 100) * 10
    assert rows.loc[ACTION, "conf_low"] < true < rows.loc[ACTION, "conf_high"]
    assert rows.loc[LOAD, "conf_low"] < 0 < rows.loc[LOAD, "conf_high"]
    assert cynicism_words.planted_rivals(sample, found).count("inside the interval") == 2


def world(*, action, load, rise=0.0, quarters=24, seed=5):
    """Return a made-up panel of answers over many quarters, and what was done before each."""
    rng = np.random.default_rng(seed)
    names = pd.period_range("2020Q1", periods=quarters, freq="Q").astype(str)
    done = 30 + rng.normal(0, 8, quarters) + rise * np.arange(quarters)
    who, when = (g.ravel() for g in np.meshgrid(np.arange(120), np.arange(quarters), indexing="ij"))
    asked = 1 + rng.poisson(1.0, len(who))
    rate = 70 + 0.1 * action * (done[when] - 30) + load * (asked - 2) + rng.normal(0, 3, 120)[who]
    rows = pd.DataFrame({
        "employee_id": who, "quarter": np.asarray(names)[when], "asked": asked, "home": who // 12,
        "rate": rate + rng.normal(0, 20, len(who)) + 0.3 * rise * when,
    })  # fmt: skip
    return rows, pd.DataFrame({"quarter": names, "share": done})


@pytest.mark.parametrize(
    ("planted", "verdict"),
    [({"action": 4.0, "load": 0.0}, CYNICISM), ({"action": 0.0, "load": -4.0}, FATIGUE),
     ({"action": 4.0, "load": -4.0}, BOTH), ({"action": 0.0, "load": 0.0}, INCONCLUSIVE),
     ({"action": 0.0, "load": 0.0, "rise": 2.0}, INCONCLUSIVE)],
)  # fmt: skip
def test_planted_kinds_are_told_apart(sample, monkeypatch, planted, verdict):
    rows, before = world(**planted)
    monkeypatch.setattr(cynicism, "survey_load", lambda data: rows)
    monkeypatch.setattr(cynicism, "acted_before", lambda data, act_days: before)
    found = assess_rivals(sample, act_days=90, load_matters=2.0)
    assert found.verdict == verdict
    said = cynicism_words.rivals_sentence(found)
    assert said.startswith(cynicism_words.LEADS[verdict]) or verdict == INCONCLUSIVE
    if planted.get("rise"):
        assert "Both moved steadily over the period" in said


def test_what_is_missing_is_named(sample, required_only, monkeypatch):
    nothing = assess_rivals(required_only, act_days=90, load_matters=2.0)
    assert nothing == "not assessed: needs `ex_invitations`"
    assert cynicism_words.rivals_sentence(nothing) == cynicism_words.planted_rivals(required_only, nothing) == ""
    rows, before = world(action=0.0, load=0.0)
    monkeypatch.setattr(cynicism, "survey_load", lambda data: rows.assign(asked=1))
    monkeypatch.setattr(cynicism, "acted_before", lambda data, act_days: before.head(3))
    neither = assess_rivals(sample, act_days=90, load_matters=2.0)
    assert "is known for 3 quarters, and 5 are needed" in neither and "asked as often" in neither
    monkeypatch.setattr(cynicism, "survey_load", lambda data: rows)
    alone = cynicism_words.rivals_sentence(assess_rivals(sample, act_days=90, load_matters=2.0))
    assert "cannot be told: what was done before the surveys is known for 3 quarters" in alone
    monkeypatch.setattr(cynicism, "survey_load", lambda data: rows[rows["employee_id"] < 5])
    assert "fewer than 8" in assess_rivals(sample, act_days=90, load_matters=2.0)
