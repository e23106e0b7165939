"""Step 07: how far feedback comes, how fast, and what waits; planted themes found, silence where data are missing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.simulate import simulate_study
from exlink.data.study import load_study
from exlink.data.voice_stages import CAN, CANNOT, NOBODY, UNSAID, hand_offs, stage_cells
from exlink.steps import action_loop as step
from exlink.steps.action_loop import funnel_words


@pytest.fixture(scope="module")
def found(sample):
    return step.assess_funnel(sample, act_days=90)


@pytest.fixture(scope="module")
def by_hand(sample):
    """All feedback of the sample, read without the engine's counting."""
    dates = ["received_on", "acknowledged_on", "acted_on", "told_back_on"]
    voice = sample.frame("voc_feedback")
    voice[dates] = voice[dates].apply(pd.to_datetime)
    return voice


def without(sample, *columns):
    """Return the sample whose feedback lacks columns."""
    study = sample.study
    path = study.folder / study.sources["voc_feedback"].path
    chosen = ", ".join(
        c for c in ("feedback_id", "source", "theme", "received_on", "acknowledged_on", "owner", "owner_can_act",
                    "acted_on", "told_back_on") if c not in columns
    )  # fmt: skip
    source = type(study.sources["voc_feedback"])(sql=f"SELECT {chosen} FROM read_csv('{path}')")
    return open_data(study.model_copy(update={"sources": {**study.sources, "voc_feedback": source}}), threads=1)


def test_stages_are_those_counted_by_hand(found, by_hand):
    old = by_hand[by_hand["received_on"] <= pd.Timestamp("2026-09-30") - pd.Timedelta(days=90)]
    in_time = (old["acted_on"] - old["received_on"]).dt.days <= 90
    expected = [
        ((old["acknowledged_on"] - old["received_on"]).dt.days <= 90).sum(), old["owner"].notna().sum(),
        in_time.sum(), (in_time & old["told_back_on"].notna()).sum(),
        (in_time & old["told_back_on"].notna()
         & old["theme"].isin(["bill hard to read", "knowledge base out of date"])).sum(),
    ]  # fmt: skip
    assert found.due == len(old)
    assert found.stages["n_in"].tolist() == expected
    np.testing.assert_allclose(found.stages["estimate"], 100 * np.array(expected) / len(old))
    assert (found.stages["conf_low"] <= found.stages["estimate"]).all()
    sums = found.groups.groupby("what")[["n_people", "n_in_acted"]].sum()
    assert (sums == [len(old), expected[2]]).all(axis=None)


def test_planted_themes_are_found(sample, found):
    planted = sample.truth["themes"]
    assert {key.partition("|")[2] for key in found.fading} == set(planted["fixed"])
    ignored = found.groups[found.groups["what"].eq("Theme") & found.groups["acted"].eq(0)]
    assert {label.partition(" (")[0] for label in ignored["label"]} == set(planted["recurring"])
    kinds = found.groups.set_index("label")
    assert kinds.loc[CAN, "acted"] > 10 * kinds.loc[CANNOT, "acted"] and kinds.loc[NOBODY, "acted"] == 0
    said = funnel_words.planted_sentence(sample, found)
    assert said == (
        "In these simulated data 2 themes were made to fade, and 2 of them found so, beside 0 of the others; 3 themes "
        "were never to be acted on, and 3 of them found so, beside 0 of the others."
    )
    other = SimpleNamespace(truth={"themes": {"fixed": planted["fixed"][:1], "recurring": []}})
    assert "1 theme was made to fade" in funnel_words.planted_sentence(other, found)
    assert "; none was never to be acted on, and 3 found so." in funnel_words.planted_sentence(other, found)


def test_nothing_fades_in_a_twin_where_nothing_does(tmp_path):
    data = open_data(load_study(simulate_study(tmp_path, seed=3, interactions=4_000, healthy=True)), threads=1)
    found = step.assess_funnel(data, act_days=90)
    planted = set(data.truth["themes"]["fixed"])
    assert {key.partition("|")[2] for key in found.fading} <= planted
    assert "recurring" not in data.truth["themes"] or not data.truth["themes"]["recurring"]


def test_curves_and_backlog(sample, found, by_hand):
    curves = step.curves(sample, found, 8).set_index(["what", "week"])
    end = pd.Timestamp("2026-09-30")
    long_ago = by_hand[by_hand["received_on"] <= end - pd.Timedelta(days=70)]  # nobody is censored in ten weeks
    share = ((long_ago["acted_on"] - long_ago["received_on"]).dt.days <= 70).mean()
    assert curves.loc[("acted on", 10), "estimate"] == pytest.approx(100 * share, abs=1.5)
    assert curves.loc[("acted on", 0), "estimate"] == 0
    backlog = step.backlog(sample, found)
    open_days = (end - by_hand.loc[by_hand["acted_on"].isna(), "received_on"]).dt.days
    expected = np.histogram(open_days, [-1, 30.5, 90.5, 180.5, 365.5, 10_000])[0]
    assert backlog["n_people"].tolist() == expected.tolist()
    assert f"{len(open_days):,} pieces" in funnel_words.backlog_sentence(backlog, 8)


def test_what_few_are_behind_is_not_said():
    table = pd.DataFrame({"n_in_a": [0, 3, 20], "n_out_a": [50, 47, 30], "n_in_b": [10, 10, 10]})
    assert step.told_by_few(table, 8).tolist() == [False, True, False]
    ages = pd.DataFrame({"age": list("abcde"), "n_people": [40, 40, 1, 1, 1]})
    assert "at most 8%" in funnel_words.backlog_sentence(ages, 8)


def test_what_is_missing_is_named_and_the_rest_goes_on(sample, required_only):
    nothing = step.assess_funnel(required_only, act_days=90)
    assert nothing == "not assessed: needs `voc_feedback`"
    assert funnel_words.funnel_sentence(nothing, act_days=90, min_group=8) == ""
    assert step.curves(required_only, nothing, 8).empty and step.backlog(required_only, nothing).empty
    few = without(sample, "owner", "owner_can_act", "told_back_on")
    found = step.assess_funnel(few, act_days=90)
    assert found.kept == ["acknowledged", "acted"]
    said = funnel_words.funnel_sentence(found, act_days=90, min_group=8)
    assert "needs `voc_feedback.owner`, `voc_feedback.told_back_on`" in said and "were acted on" in said
    assert set(stage_cells(few, 90)["kind"]) == {NOBODY}
    assert set(stage_cells(without(sample, "owner_can_act"), 90)["kind"]) == {UNSAID, NOBODY}


def test_hand_offs_censor_what_has_not_come(sample, by_hand):
    spells = hand_offs(sample, "acted_on", "told_back_on")
    assert spells["pieces"].sum() == by_hand["acted_on"].notna().sum()
    assert spells.loc[spells["ended"], "pieces"].sum() == by_hand["told_back_on"].notna().sum()
    assert "owner" not in spells.columns


def test_no_interval_gives_away_a_share_of_few(sample, found):
    few = replace(found, stages=found.stages.assign(n_in=3, n_out=found.due - 3))
    assert "interval" in funnel_words.funnel_sentence(found, act_days=90, min_group=8)
    assert "interval" not in funnel_words.funnel_sentence(few, act_days=90, min_group=8)
