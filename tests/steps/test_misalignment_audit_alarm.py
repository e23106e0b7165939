"""The burnout alarm: forecast from the past alone, silent with few events, of teams without names."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.exit_risks import exit_risks
from exlink.data.team_warnings import SIGNALS, team_warnings
from exlink.publish.disclosure import Policy, release, release_facts
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import alarm, alarm_words


@pytest.fixture(scope="module")
def rows(sample):
    return team_warnings(sample)


@pytest.fixture(scope="module")
def found(sample):
    return step.assess_alarm(sample, share=0.2, collapse=0.1, seed=2026)


def test_a_team_is_described_by_what_was_known_when_the_quarter_began(sample, rows):
    risks = exit_risks(sample)
    for quarter in ("2025Q3", "2026Q3"):
        part = risks[(risks["quarter"] == quarter) & risks["team_id"].notna()].groupby("team_id")
        mine = rows[rows["quarter"] == quarter].set_index("team_id")
        assert len(mine) > 10
        pd.testing.assert_series_equal(
            mine["open"], part["unresolved"].mean()[mine.index], check_names=False, check_dtype=False
        )
        assert (mine["exits"] == part["left"].sum()[mine.index]).all()
        assert (mine["people"] == part["employee_id"].nunique()[mine.index]).all()
    assert (rows["people"] >= 8).all()
    assert all(rows[name].notna().any() for name in SIGNALS)


def test_the_quarter_after_the_period_has_signals_and_no_outcome(sample, rows):
    ahead = rows[rows["exits"].isna()]
    assert set(ahead["quarter"]) == {"2026Q4"}
    assert ahead["open"].notna().all()
    assert exit_risks(sample)["quarter"].max() == "2026Q3"  # nobody else is told of it


def test_what_happens_in_a_quarter_is_not_in_its_signals(rows):
    following = rows.merge(rows.assign(at=rows["at"] + 1), on=["team_id", "at"], suffixes=("", "_then"))
    share = following["exits_then"] / following["people_then"]
    known = following["left_before"].notna()
    assert known.any()
    assert np.allclose(following.loc[known, "left_before"], share[known])


def test_the_alarm_is_told_with_its_rivals_and_what_could_have_been_seen(found):
    check = step.alarm_check(found, collapse=0.1)
    assert found.events >= alarm.MIN_EVENTS
    assert set(found.table["alarm"]) == {alarm.ALARM, *alarm.RIVALS.values()}
    gain = found.table.set_index(["alarm", "measure"]).loc[(alarm.ALARM, "gain")]
    assert check.verdict == ("not assessable" if gain["conf_low"] <= 0 else "watch")
    assert "would have been seen in four studies of five" in check.sentence
    assert "not clearly better" in alarm_words.rivals_sentence(found)
    assert f"of {found.teams} teams with at least 8 people" in alarm_words.lead_sentence(found, 8)


@pytest.mark.parametrize(("low", "now", "verdict"), [(-0.1, 5, "not assessable"), (0.1, 5, "watch"), (0.1, 0, "pass")])
def test_only_an_alarm_that_warns_is_listened_to(found, low, now, verdict):
    table = found.table.assign(conf_low=low)
    like = alarm.Alarm(table, found.leads, now, 17, 180, 18, 87, 5, found.signals)
    assert step.alarm_check(like, collapse=0.1).verdict == verdict


def test_few_events_are_not_judged(sample):
    why = step.assess_alarm(sample, share=0.2, collapse=0.5, seed=1)
    assert why.startswith("not assessed: in fewer than 10 of ")
    assert step.alarm_check(why, collapse=0.5).lacking == why


def test_what_is_missing_is_said(team_grain, one_wave, required_only):
    assert "links at the level of teams" in step.assess_alarm(team_grain, share=0.2, collapse=0.1, seed=1)
    assert step.assess_alarm(one_wave, share=0.2, collapse=0.1, seed=1).startswith("not assessed: ")
    fewer = step.assess_alarm(required_only, share=0.2, collapse=0.1, seed=1)
    assert SIGNALS["off"] not in fewer.signals  # without desktops the other signals still speak


def test_no_team_is_named(sample, found):
    shown = step.shown_alarm(found)
    out = release(shown, policy=Policy(8), people="n_people", by=["alarm"], over=[], reason="alarms do not add up")
    assert out.hidden == 0
    release_facts(step.facts([step.alarm_check(found, collapse=0.1)]), policy=Policy(8))
    said = " ".join([alarm_words.rivals_sentence(found), alarm_words.lead_sentence(found, 8)])
    teams = set(sample.frame("employees", ["team_id"])["team_id"])
    assert not any(team in said or team in out.frame.to_csv() for team in teams)
