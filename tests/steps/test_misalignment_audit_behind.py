"""What lies behind the warning signs: feedback without authority."""

import json

import numpy as np
import pytest

from exlink.data.voice import voice_authority
from exlink.publish.disclosure import Policy, release, release_facts
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import authority_words


@pytest.fixture(scope="module")
def echoes(sample):
    return step.assess_echo(sample, act_days=90)


# -- feedback without authority (M44) ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(sample, echoes):
    return step.assess_authority(sample, echoes)


def checked(found):
    return step.authority_check(found, harmless=0.10, matters=0.25)


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
