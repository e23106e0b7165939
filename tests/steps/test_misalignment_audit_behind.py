"""What lies behind the warning signs: feedback without authority, problems that come back."""

import json

import numpy as np
import pandas as pd
import pytest

from exlink.data.voice import voice_authority
from exlink.publish.disclosure import Policy, release, release_facts
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import authority_words, recurrence_words


@pytest.fixture(scope="module")
def echoes(sample):
    return step.assess_echo(sample, act_days=90)


# -- feedback without authority (M44) ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(sample, echoes):
    return step.assess_authority(sample, echoes)


def checked(found):
    return step.authority_check(found, harmless=0.10, matters=0.25, min_group=8)


def test_themes_without_authority_are_those_planted(sample, authority):
    themes = authority.themes
    assert set(themes.loc[themes["authority"] == "owner cannot act", "theme"]) == set(
        sample.truth["themes"]["owner_cannot_act"]
    )
    assert "4 of them are found, and 0 others" in authority_words.planted_sentence(sample, authority)
    assert checked(authority).verdict == "fail"


def test_the_share_is_that_of_all_feedback_on_these_themes(authority):
    themes = authority.themes
    stuck = themes["authority"] == "owner cannot act"
    assert authority.share["estimate"] == pytest.approx(
        themes.loc[stuck, "received"].sum() / themes["received"].sum()
    )  # every theme of the sample has one kind of owner
    assert authority.share["n"] == themes["received"].sum()


def test_less_is_acted_on_where_the_owner_cannot(authority):
    rows = authority.rates.set_index("authority")
    gap = rows.loc["owner can act", "estimate"] - rows.loc["owner cannot act", "estimate"]
    assert authority.gap["estimate"] == pytest.approx(gap)
    assert 0 < authority.gap["conf_low"] < gap < authority.gap["conf_high"] < 1
    assert (rows["n_acted"] + rows["n_left"] == rows["n_people"]).all()
    assert "clear beyond chance" in authority_words.rates_sentence(authority, 90, 8)


def test_a_theme_that_is_not_shown_does_not_follow_from_a_total(authority):
    said = authority_words.rates_sentence(authority, 90, 14)  # 13 pieces of one theme were acted on
    assert not any(letter.isdigit() for letter in said)


def test_owners_nobody_wrote_down_are_said(sample, echoes, monkeypatch):
    known = voice_authority(sample)
    where = "exlink.steps.misalignment_audit.authority.voice_authority"
    first = known["theme"] == known["theme"].iloc[0]
    monkeypatch.setattr(where, lambda data: known.assign(**{c: known[c].where(~first, 0) for c in ("known", "cannot")}))
    found = step.assess_authority(sample, echoes)
    assert (found.themes["authority"] == "not recorded").sum() == 1
    assert "it is not recorded whether the owner can act" in checked(found).sentence
    few = type(found)(**{f: getattr(found, f) for f in found.__slots__} | {"unknown": 2 / 1660})
    assert "Of themes with at most 0% of the feedback" in checked(few).sentence  # never the two pieces themselves
    monkeypatch.setattr(where, lambda data: known.assign(known=0, cannot=0))
    assert "recorded for 0 themes" in checked(step.assess_authority(sample, echoes)).lacking


def test_owners_who_can_act_pass(sample, echoes, monkeypatch):
    known = voice_authority(sample)
    monkeypatch.setattr(
        "exlink.steps.misalignment_audit.authority.voice_authority", lambda data: known.assign(cannot=0)
    )
    found = step.assess_authority(sample, echoes)
    assert found.gap is None
    assert "Too few themes" in authority_words.rates_sentence(found, 90, 8)
    share = checked(found).numbers
    assert share["estimate"] == share["conf_low"] == 0
    assert checked(found).verdict == ("pass" if share["conf_high"] < 0.25 else "not assessable")


def test_what_is_missing_is_said_in_one_line(required_only, team_grain):
    for data in (required_only, team_grain):
        found = step.assess_authority(data, step.assess_echo(data, act_days=90))
        assert checked(found).lacking == "not assessed: needs `voc_feedback`"
        assert authority_words.rates_sentence(found, 90, 8) == authority_words.planted_sentence(data, found) == ""


def test_no_owner_is_named_and_the_gate_lets_it_pass(sample, authority):
    owners = set(sample.frame("voc_feedback", ["owner"])["owner"].dropna())
    told = release_facts(step.facts([checked(authority)]), policy=Policy(8)).values
    assert not any(owner in json.dumps(told, allow_nan=False) for owner in owners)
    shown = release(authority.themes, policy=Policy(8), people="n_people", by=["label", "authority"], over=[],
                    values=["estimate"], hide=step.told_by_few(authority.themes, 8),
                    reason="an action says nothing of who gave the feedback").frame  # fmt: skip
    assert np.isfinite(shown["estimate"]).all()


# -- problems that come back (M45) ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recurrence(sample, echoes):
    return step.assess_recurrence(sample, echoes)


def judged(found):
    return step.recurrence_check(found, harmless=0.10, matters=0.25, min_group=8)


def test_themes_that_come_back_are_those_planted(sample, recurrence):
    themes = recurrence.themes
    assert set(themes.loc[themes["longest"] >= 4, "theme"]) == set(sample.truth["themes"]["recurring"])
    assert "3 of them are among the 3" in recurrence_words.planted_sentence(sample, recurrence)
    assert judged(recurrence).verdict == "fail"
    assert "3 themes were left as they were for a year or longer" in judged(recurrence).sentence


def test_a_repeat_is_counted_by_hand(echoes, recurrence):
    cells = echoes.cells[echoes.cells["theme"] == "had to explain twice"].sort_values("quarter")
    own = recurrence.cells[recurrence.cells["key"] == "customer|had to explain twice"].sort_values("quarter")
    assert own["again"].tolist() == own["base"].tolist() == cells["received"].tolist()[1:]
    fixed = recurrence.cells[recurrence.cells["key"] == "customer|bill hard to read"]
    assert (fixed["again"] == 0).all()


def test_few_pieces_in_a_quarter_are_not_judged(sample, echoes, recurrence):
    small = echoes.cells[echoes.cells["due"] < 8]
    assert len(small) > 5
    judged_before = set(zip(recurrence.cells["key"], recurrence.cells["at"] - 1, strict=True))
    at = pd.PeriodIndex(small["quarter"], freq="Q").astype("int64")
    assert not judged_before & set(zip(small["source"] + "|" + small["theme"], at, strict=True))


def test_trust_is_compared_over_changes_of_quarters(sample, recurrence):
    table = step.trust_slopes(sample, recurrence)
    assert set(table["label"]) == {"Answered when asked", "Psychological safety", "Satisfaction with work"}
    assert (table["n"] == 5).all()
    assert (table["p_adjusted"] >= table["p_value"] - 1e-12).all()
    sums = recurrence.cells.groupby("at")[["again", "base"]].sum()
    x = (10 * sums["again"] / sums["base"]).to_numpy()[:6]  # the last quarter has no answers after it
    said = sample.exposures()
    y = said["ex_satisfaction"].groupby(said["wave"]).mean().to_numpy()[2:] * 25
    slope = np.polyfit(np.diff(x), np.diff(y), 1)[0]
    row = table.set_index("label").loc["Satisfaction with work"]
    assert row["estimate"] == pytest.approx(slope)
    assert row["conf_high"] - row["estimate"] == pytest.approx(3.182446 * row["std_error"], rel=1e-5)  # t, 3 df


def test_few_quarters_say_so(sample, recurrence):
    short = type(recurrence)(recurrence.share, recurrence.themes,
                             recurrence.cells[recurrence.cells["quarter"] < "2026Q1"])  # fmt: skip
    said = step.trust_slopes(sample, short)
    assert said.startswith("not assessed: needs 6 quarters in a row")
    assert recurrence_words.trust_sentence(said).startswith("Not assessed: ")


def test_an_inconclusive_slope_says_what_could_have_been_seen(sample, recurrence):
    table = step.trust_slopes(sample, recurrence).assign(verdict="inconclusive")
    said = recurrence_words.trust_sentence(table)
    assert "what is not clear is not absent" in said
    assert "Answered when asked stands out alone, but not among 3 measures." in said
    could = (3.182446 + 0.978472) * table["std_error"].max()  # Student's t with 3 degrees of freedom
    assert f"about {could:.0f} points" in said
    table.loc[1, "verdict"] = "lower"
    assert "Psychological safety is clearly lower" in recurrence_words.trust_sentence(table)


def test_recurrence_that_cannot_be_assessed(sample, echoes, required_only):
    lines = judged(step.assess_recurrence(required_only, step.assess_echo(required_only, act_days=90))).lacking
    assert lines == "not assessed: needs `voc_feedback`"
    one = echoes.cells[echoes.cells["theme"] == "had to explain twice"]
    few = type(echoes)(**{f: getattr(echoes, f) for f in echoes.__slots__} | {"cells": one})
    assert "fewer than 3 themes" in judged(step.assess_recurrence(sample, few)).lacking


def test_nothing_comes_back_where_all_is_acted_on(sample, echoes):
    done = echoes.cells.assign(acted=echoes.cells["due"])
    found = step.assess_recurrence(sample, type(echoes)(**{f: getattr(echoes, f) for f in echoes.__slots__}
                                                        | {"cells": done}))  # fmt: skip
    assert found.share["estimate"] == 0
    assert (found.themes["longest"] == 0).all()
    assert "year" not in judged(found).sentence
    assert "the same in every quarter" in step.trust_slopes(sample, found)


def test_a_theme_of_which_nothing_is_recorded_counts_none(sample, monkeypatch):
    query = type(sample).query
    unknown = "(SELECT * REPLACE (CASE WHEN theme <> 'waiting too long' THEN owner_can_act END AS owner_can_act) FROM "
    monkeypatch.setattr(
        type(sample),
        "query",
        lambda data, sql: query(data, sql.replace("FROM voc_feedback", f"FROM {unknown}voc_feedback)")),
    )
    row = voice_authority(sample).set_index("theme").loc["waiting too long"]
    assert (row["known"], row["cannot"]) == (0, 0)
