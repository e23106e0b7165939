"""The four warning signs: found where planted, not raised in a healthy twin, silent where data are missing."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.exit_risks import exit_risks
from exlink.data.simulate import simulate_study
from exlink.data.study import load_study
from exlink.data.two_trends import engagement_cells
from exlink.data.voice import voice_cells
from exlink.stats.firth import fit_firth
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import drift_words, echo_words, flight_words, shadow_words

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def assessed(data):
    return {
        "flight": step.assess_flight(data),
        "drift": step.assess_drift(data, kpi="", sure=0.95, harmless=1.0, matters=2.0),
        "shadow": step.assess_shadow(data, hours_a_year=1700.0, days_a_year=220.0),
        "echo": step.assess_echo(data, act_days=90),
    }


def checked(found, few=8):
    return {
        "flight": step.flight_check(found["flight"], 1.25),
        "drift": step.drift_check(found["drift"], sure=0.95, harmless=1.0, matters=2.0),
        "shadow": step.shadow_check(found["shadow"], harmless=0.05, matters=0.10, times=1.5),
        "echo": step.echo_check(found["echo"], harmless=0.4, matters=0.6, act_days=90, min_group=few),
    }


@pytest.fixture(scope="module")
def found(sample):
    return assessed(sample)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    """A twin without symptoms, smaller than the sample."""
    folder = tmp_path_factory.mktemp("healthy")
    return open_data(load_study(simulate_study(folder, seed=3, interactions=16_000, healthy=True)), threads=1)


@pytest.fixture(scope="module")
def large_groups():
    """The sample with a minimum group that no team reaches."""
    return open_data(load_study(SAMPLE, {"privacy.min_group": "40"}), threads=1)


# -- the verdicts ----------------------------------------------------------------------------------------


def test_every_planted_symptom_of_the_sample_is_found(found):
    assert {name: check.verdict for name, check in checked(found).items()} == dict.fromkeys(found, "fail")


def test_no_sign_is_raised_in_the_healthy_twin(healthy):
    checks = checked(assessed(healthy))
    assert not {name for name, check in checks.items() if check.verdict in ("fail", "watch")}
    assert checks["shadow"].verdict == checks["echo"].verdict == "pass"


def test_what_is_missing_is_said_in_one_line(required_only, team_grain, one_wave):
    found = assessed(required_only)
    lines = {name: check.lacking for name, check in checked(found).items()}
    assert found["flight"].missing == "Not assessed: needs `desktop_activity`"  # escalations alone are judged
    assert "Not assessed: needs `desktop_activity`." in flight_words.others_sentence(found["flight"])
    assert lines["shadow"] == "not assessed: needs `desktop_activity`"
    assert lines["echo"] == "not assessed: needs `voc_feedback`"
    assert all(check.lacking for check in checked(assessed(team_grain)).values())
    assert checked(assessed(one_wave))["drift"].lacking == (
        "not assessed: a trend needs at least 4 waves on both sides; this study has 1"
    )


def test_few_people_are_not_assessable_and_not_counted(large_groups):
    checks = checked(assessed(large_groups), few=40)
    assert checks["flight"].lacking.startswith("not assessed: fewer than 40 top performers left")
    assert checks["drift"].lacking.startswith("not assessed: fewer than two teams have 40 people")
    assert "Teams cannot be compared: fewer than 4 teams with 40 people." in checks["shadow"].sentence


def test_what_is_published_passes_the_gate(found):
    from exlink.publish.disclosure import Policy, release, release_facts

    policy = Policy(8)
    told = release_facts(step.facts(checked(found).values()), policy=policy).values
    assert json.dumps(told, allow_nan=False)
    teams = release(step.drift_teams(found["drift"]), policy=policy, people="n_people", by=["team"])
    assert (teams.frame["n_people"].dropna() >= 8).all()
    for name in ("drift_teams", "shadow_teams"):
        assert "team_id" not in getattr(step, name)(found[name.partition("_")[0]])


# -- flight risk -----------------------------------------------------------------------------------------


def test_the_planted_odds_lie_in_their_intervals(found):
    rows = found["flight"].table.dropna(subset=["planted"])
    assert len(rows) == 2
    assert rows["planted"].between(rows["conf_low"], rows["conf_high"]).all()


def test_nothing_that_happens_in_a_quarter_describes_it(sample):
    risks = exit_risks(sample)
    contacts = sample.query(
        "SELECT employee_id, started_at, escalated, escalation_resolved_on FROM interactions ORDER BY ALL"
    )
    for row in risks[risks["unresolved"] > 0].iloc[::150].itertuples():
        begins = pd.Period(row.quarter, "Q").start_time
        own = contacts[contacts["employee_id"] == row.employee_id]
        own = own[(own["started_at"] < begins) & (own["started_at"] >= begins - pd.DateOffset(months=3))]
        is_open = own["escalated"] & ~(pd.to_datetime(own["escalation_resolved_on"]) < begins)
        assert row.unresolved == pytest.approx(100 * is_open.sum() / len(own))


def test_risk_rises_for_top_performers_only(found):
    risks = step.risk_profile(found["flight"], seed=1, min_group=8).set_index(["who", "open_escalations"])
    top, other = (risks.loc[who] for who in ("top performers", "others"))
    assert top.loc[6, "conf_low"] > other.loc[6, "estimate"]
    rows = found["flight"].rows
    most = rows[rows["top"] == 1].groupby("employee_id")["unresolved"].max()
    assert (most >= top.index.max()).sum() >= 8  # the line ends where fewer people have been
    assert (risks["conf_low"] < risks["estimate"]).all()
    assert (risks["estimate"] < risks["conf_high"]).all()


def test_groups_add_up_to_those_who_were_there_last(found):
    rows = found["flight"].rows
    last = rows[rows["quarter"] == rows["quarter"].max()]
    for by in ("team", "tenure"):
        groups = step.group_risks(found["flight"], by, seed=1)
        assert groups["n_people"].sum() == len(last)
        mean = np.average(groups["estimate"], weights=groups["n_people"])
        assert mean == pytest.approx(100 * found["flight"].fit.predict(last).mean())


def test_what_teams_have_in_common_is_in_the_intervals(found):
    flight = found["flight"]
    own = fit_firth(flight.rows, "left", flight.columns, tested=[]).table
    assert (flight.fit.table["std_error"] >= own["std_error"] - 1e-12).all()
    assert (flight.fit.table["std_error"] > own["std_error"] + 1e-3).any()


def test_where_few_of_the_best_stayed_nothing_is_told(sample, monkeypatch):
    risks = exit_risks(sample)
    gone = set(risks.loc[(risks["top"] == 1) & (risks["left"] == 1), "employee_id"])
    stayed = [who for who in risks.loc[risks["top"] == 1, "employee_id"].unique() if who not in gone][:7]
    kept = risks[(risks["top"] == 0) | risks["employee_id"].isin([*gone, *stayed])].reset_index(drop=True)
    monkeypatch.setattr("exlink.steps.misalignment_audit.flight.exit_risks", lambda data: kept)
    assert len(gone) >= 8
    assert step.assess_flight(sample) == "not assessed: fewer than 8 top performers, or fewer than 8 others, stayed"


def test_predictions_are_made_from_earlier_quarters_alone(found):
    flight = found["flight"]
    quarters = sorted(flight.rows["quarter"].unique())
    early = flight.rows["quarter"].isin(quarters[: round(0.6 * len(quarters))])
    seen, later = flight.rows[early], flight.rows[~early]
    fit = fit_firth(seen, "left", [c for c in flight.columns if np.ptp(seen[c]) > 0], tested=[])
    ratio = later["left"].sum() / fit.predict(later).sum()
    assert abs(ratio - later["left"].sum() / flight.fit.predict(later).sum()) > 0.01
    table = step.came_true(flight, 8).set_index("term")
    assert table.loc["observed over predicted", "estimate"] == pytest.approx(ratio, rel=1e-6)


def test_hours_that_hardly_differ_tell_nothing_of_an_hour_more(sample, monkeypatch):
    risks = exit_risks(sample)
    where = "exlink.steps.misalignment_audit.flight.exit_risks"
    monkeypatch.setattr(where, lambda data: risks.assign(off_system=0.3 + risks["off_system"] / 20))
    found = step.assess_flight(sample)
    assert not found.table["term"].str.startswith("off_system").any()
    assert found.table.set_index("term").loc["top", "what"] == "Being a top performer, nothing open"
    said = flight_words.others_sentence(found)
    assert "Each hour a day" not in said and "what an hour more would do cannot be told." in said
    assert (found.table["conf_high"] < 100).all()


def test_without_a_group_of_the_best_or_open_cases_there_is_nothing_to_assess(sample, monkeypatch):
    risks = exit_risks(sample)
    where = "exlink.steps.misalignment_audit.flight.exit_risks"
    monkeypatch.setattr(where, lambda data: risks.assign(top=np.nan))
    assert "sets no group" in step.assess_flight(sample)
    monkeypatch.setattr(where, lambda data: risks.assign(unresolved=risks["unresolved"] * (1 - risks["top"])))
    assert "no escalation of a top performer" in step.assess_flight(sample)


def test_an_unclear_rise_is_watched_and_a_small_one_passes(found):
    flight = found["flight"]
    table = flight.table.copy()
    for low, mid, high, verdict in (
        (0.9, 1.4, 2.1, "watch"),
        (0.9, 1.0, 1.2, "pass"),
        (0.8, 1.1, 1.6, "not assessable"),
    ):
        table.loc[0, ["conf_low", "estimate", "conf_high"]] = low, mid, high
        changed = type(flight)(**{f: getattr(flight, f) for f in flight.__slots__} | {"table": table})
        assert step.flight_check(changed, 1.25).verdict == verdict


def test_aligned_never_says_no_to_what_is_clear_but_small(found):
    flight = found["flight"]
    table = flight.table.copy()

    def checked(low, mid, high):
        table.loc[0, ["conf_low", "estimate", "conf_high"]] = low, mid, high
        return step.flight_check(replace(flight, table=table), 1.25)

    assert checked(1.08, 1.15, 1.23).said.startswith("**Aligned.** Top performers leave a little more readily over")
    assert "That is more than harmless and less than would matter." in checked(1.08, 1.15, 1.23).said
    assert "do not leave over escalations left open, as far as would matter" in checked(0.9, 1.0, 1.2).said
    off = table["term"] == "off_system_top"
    table.loc[off, ["estimate", "p_adjusted"]] = 1.4, 0.01
    worn = checked(0.9, 1.0, 1.2)
    assert worn.verdict == "watch"
    assert worn.sentence.startswith("Top performers leave more readily the longer they work off the systems. Top perf")
    assert "may leave over" not in worn.sentence  # what keeps it from aligned is another thing
    assert "cannot be told" in checked(0.8, 1.1, 1.6).sentence


def test_a_team_clearly_above_is_counted_though_it_is_below_what_matters(found):
    shadow = found["shadow"]
    last = shadow.teams.index == shadow.teams.index[-1]
    values = {"ratio": np.where(last, 1.35, 1.0), "conf_low": np.where(last, 1.30, 0.9),
              "conf_high": np.where(last, 1.40, 1.1)}  # fmt: skip
    check = step.shadow_check(
        replace(shadow, teams=shadow.teams.assign(**values)), harmless=0.05, matters=0.1, times=1.5
    )
    assert "1 of " in check.sentence and "is clearly above 1.25 times" in check.sentence


def test_calibration_is_on_later_quarters(found):
    table = step.came_true(found["flight"], 8)
    quarters = found["flight"].rows["quarter"]
    later = quarters.isin(sorted(quarters.unique())[4:])
    assert table["n"].unique().tolist() == [int(later.sum())]
    assert "1 is right" in flight_words.calibration_sentence(table)


# -- divergence ------------------------------------------------------------------------------------------


def test_planted_teams_diverge_and_no_other(sample, found):
    teams = found["drift"].teams
    assert set(teams.loc[teams["diverging"], "group"]) == set(sample.truth["diverging_teams"]["teams"])
    assert "no other is" in drift_words.planted_sentence(sample, found["drift"])
    assert found["drift"].months[1] >= 15  # planted from the first wave on, two years ago


def test_engagement_is_followed_in_its_own_scale(sample):
    cells = engagement_cells(sample)
    assert cells["sum_engagement"].between(0, 100).all()
    assert cells.groupby("wave")["years"].nunique().eq(1).all()
    assert cells["years"].between(0, 2).all()


# -- shadow processes ------------------------------------------------------------------------------------


def test_off_system_minutes_are_those_planted(sample, found):
    planted = sample.truth["off_system"]["minutes_per_person_day"]
    row = found["shadow"].amounts.iloc[0]
    assert planted["other_teams"] < row["conf_low"] < row["conf_high"] < planted["shadow_teams"]
    apps = found["shadow"].applications
    assert apps["minutes"].sum() == pytest.approx(row["estimate"])
    hours = found["shadow"].amounts.iloc[1]["estimate"]
    assert apps["hours"].sum() == pytest.approx(hours)
    assert apps["money"].sum() == pytest.approx(found["shadow"].amounts.iloc[2]["estimate"], rel=1e-6)


def test_shadow_teams_are_on_top(sample, found):
    assert "2 are among the 2 with the most" in shadow_words.planted_sentence(sample, found["shadow"])


def test_worse_tools_go_with_time_off_the_systems(sample):
    links = step.shadow_links(sample).set_index("label")
    assert links.loc["customers: ease", "verdict"] == "lower"
    assert links.loc["employees: overall ease", "verdict"] == "lower"


# -- feedback --------------------------------------------------------------------------------------------


def test_feedback_is_due_when_there_was_time(sample):
    cells = voice_cells(sample, 90)
    raw = sample.frame("voc_feedback")
    received, acted = pd.to_datetime(raw["received_on"]), pd.to_datetime(raw["acted_on"])
    due = received + pd.Timedelta(days=90) <= pd.Timestamp(sample.study.period.last)
    assert cells["received"].sum() == len(raw)
    assert cells["due"].sum() == due.sum()
    assert cells["acted"].sum() == (due & (acted <= received + pd.Timedelta(days=90))).sum()


def test_recurring_themes_are_those_never_acted_on(sample, found):
    themes = found["echo"].themes
    assert set(themes.loc[themes["n_acted"] == 0, "theme"]) == set(sample.truth["themes"]["recurring"])
    assert "3 themes" in checked(found)["echo"].sentence


def test_few_on_one_side_of_a_share_are_hidden():
    themes = pd.DataFrame({"n_acted": [0, 3, 20, 30], "n_left": [40, 30, 20, 5]})
    assert step.told_by_few(themes, 8).tolist() == [False, True, False, True]


def test_answering_is_laid_beside_what_was_done_before(sample, found):
    after = step.consequences(sample, found["echo"])
    assert set(after["what"]) == {"answered when asked", "acted on, of employees' feedback a quarter before"}
    said = echo_words.consequence_sentence(after, step.straight_shares(sample), 8)
    assert "too few to tell what moves that" in said
