"""What leavers had worked round, burning out and leaving, human buffers, one cause at several sites."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.data.before_leaving import before_leaving
from exlink.data.symptoms import team_symptoms
from exlink.data.system_faults import fault_rates, fault_strain_exit
from exlink.data.work_states import work_states
from exlink.publish.disclosure import Policy, release, release_facts
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import buffers as buffers_module
from exlink.steps.misalignment_audit import (
    buffers_words,
    co_occurrence,
    co_occurrence_words,
    leavers_words,
    states_words,
)

POLICY = Policy(min_group=8, known_ids=frozenset())

# -- what leavers had worked round (M48) ------------------------------------------------------------------


@pytest.fixture(scope="module")
def gone(sample):
    return step.assess_leavers(sample)


def checked(found, harmless=0.1, matters=0.5):
    return step.leavers_check(found, harmless=harmless, matters=matters, min_group=8)


def test_leavers_were_less_satisfied_as_planted(gone):
    row = gone.table.set_index("term").loc["ex_satisfaction"]
    assert row["conf_low"] < gone.planted < row["conf_high"] < 0
    assert "holds it" in leavers_words.planted_sentence(gone, 8)
    assert leavers_words.planted_sentence(gone, 26) == ""  # fewer leavers had answered


def test_leavers_are_set_beside_those_of_the_same_role_site_and_quarter(sample, gone):
    rows, _ = before_leaving(sample)
    rows = rows[rows["let_go"] == 0]
    left = rows[rows["left"] == 1].reset_index(drop=True)
    band = np.searchsorted((1, 3, 6), rows["tenure_years"], side="right")
    means = []
    for _, one in left.iterrows():
        own = np.searchsorted((1, 3, 6), one["tenure_years"], side="right")
        same = (rows[["role", "site", "quarter"]] == one[["role", "site", "quarter"]].to_numpy()).all(axis=1)
        stayers = rows[same & (band == own) & (rows["left"] == 0)]
        if len(stayers):
            means.append(one["unresolved"] - stayers["unresolved"].mean())
    row = gone.table.set_index("term").loc["unresolved"]
    assert row["n"] == len(means)
    assert row["estimate"] == pytest.approx(np.mean(means))


def test_the_load_decides_and_its_rule_can_fail_and_pass(gone):
    assert checked(gone).verdict == "not assessable"
    assert "standard deviations in the quarter before" in checked(gone).sentence
    assert checked(gone, harmless=-1.0).verdict == "fail"
    assert checked(gone, matters=0.7).verdict == "pass"
    assert checked(gone, matters=0.2).verdict == "watch"
    assert set(checked(gone).numbers) >= {"estimate", "conf_low", "conf_high", "harmless", "matters"}
    release_facts(step.facts([checked(gone)]), policy=POLICY)


def test_a_load_that_is_clear_but_small_is_not_denied(gone):
    def at(low, mid, high):
        load = gone.load.copy()
        load[["conf_low", "estimate", "conf_high"]] = low, mid, high
        return checked(replace(gone, load=load))

    little, none = at(0.18, 0.30, 0.42), at(-0.1, 0.1, 0.3)
    assert (little.verdict, none.verdict) == ("pass", "pass")
    assert "leavers carried a little more than stayers alike" in little.said and "more than harmless" in little.said
    assert "had not carried more than stayers alike, as far as would matter" in none.said


def test_few_leavers_are_neither_judged_nor_shown(sample, gone, monkeypatch):
    shown = step.shown_leavers(gone)
    kept = release(shown, policy=Policy(min_group=30, known_ids=frozenset()), people="n_people", by=["label"], over=[],
                   sides=["n_stayers"], reason="answers of the same people")  # fmt: skip
    answered = shown["kind"] == "what they said of work"
    assert kept.frame.loc[answered, "standard"].isna().all()
    assert kept.frame.loc[~answered, "standard"].notna().all()
    assert "In none of 3 measures" in leavers_words.apart_sentence(gone, 30)
    privacy = sample.study.privacy.model_copy(update={"min_group": 41})
    monkeypatch.setattr(sample, "study", sample.study.model_copy(update={"privacy": privacy}))
    assert step.assess_leavers(sample).startswith("not assessed: fewer than 41 people left")


def test_what_is_missing_is_said(required_only, one_wave, team_grain):
    found = step.assess_leavers(required_only)
    assert found.loaded == ["escalations left open"]
    assert "off_system" not in set(found.table["term"])
    assert step.assess_leavers(one_wave).startswith("not assessed: ")
    assert checked(step.assess_leavers(team_grain)).lacking.endswith("at the level of teams")
    assert step.shown_leavers("not assessed: …").empty


# -- burning out and leaving (M46) ------------------------------------------------------------------------

BOUNDS = {"engaged_from": 60, "easy_from": 50, "out_below": 40}


@pytest.fixture(scope="module")
def wearing(sample):
    return step.assess_states(sample, **BOUNDS, seed=1)


def test_states_are_those_of_the_last_answer(sample):
    rows = work_states(sample, **BOUNDS)
    first = rows.iloc[0]
    assert rows["satisfaction"].isna().equals(rows["state"] == "silent")
    assert (rows.loc[rows["satisfaction"] < 40, "state"] == "checked out").all()
    assert (rows.loc[rows["satisfaction"].between(40, 59.99), "state"] == "strained").all()
    assert set(rows.loc[rows["satisfaction"] >= 60, "state"]) == {"engaged", "strained"}  # some find their work hard
    own = rows[rows["employee_id"] == first["employee_id"]].set_index("at")["state"]
    assert own.get(first["at"] + 1) == first["then"]
    assert first["before"] is None or pd.isna(first["before"])
    follows = rows.dropna(subset=["then"]).merge(
        rows[["employee_id", "at", "state"]].assign(at=rows["at"] - 1), on=["employee_id", "at"])  # fmt: skip
    assert (follows["then"] == follows["state_y"]).all()
    assert not (rows["then"].notna() & (rows["left"] == 1)).any()  # who has left is in no state


def test_nobody_is_silent_who_was_not_asked(sample, required_only):
    asked, all_there = work_states(sample, **BOUNDS), work_states(required_only, **BOUNDS)
    assert asked.attrs["unasked"] > 0
    assert (asked["state"] == "silent").sum() < (all_there["state"] == "silent").sum() + 1
    loud = asked[asked["state"] != "silent"]
    assert len(loud) == (all_there["state"] != "silent").sum()


def test_odds_of_leaving_are_as_planted_and_decide(wearing):
    assert wearing.odds["conf_low"] < wearing.planted < wearing.odds["conf_high"]
    assert step.states_check(wearing, matters=2.0, min_group=8).verdict == "fail"
    assert "no area rests on this verdict" in step.states_check(wearing, matters=2.0, min_group=8).sentence
    aligned = step.states_check(wearing, matters=6.0, min_group=8)
    assert aligned.verdict == "pass" and "no area rests" not in aligned.sentence
    release_facts(step.facts([step.states_check(wearing, matters=2.0, min_group=8)]), policy=POLICY)


def test_states_that_few_left_from_are_one(wearing):
    assert list(wearing.exits["state"]) == ["engaged", "strained or checked out", "silent"]
    assert (wearing.exits["n_people"] >= 8).all()


def test_moves_of_few_people_are_hidden_and_not_said(wearing):
    moves = step.shown_moves(wearing)
    np.testing.assert_allclose(moves.groupby("now")["estimate"].sum(), 100)

    def told(min_group):
        policy = Policy(min_group=min_group, known_ids=frozenset())
        kept = release(moves, policy=policy, people="n_units", by=["now", "then"], over=["then"], sides=["n_others"],
                       reason="shares of a row add up")  # fmt: skip
        return kept.frame, states_words.moves_sentence(wearing, kept.frame)

    frame, words = told(8)
    assert frame["estimate"].notna().all()
    assert "of the checked out still are" in words
    frame, words = told(16)  # fifteen people stayed checked out
    assert "of the checked out still are" not in words
    assert (frame[frame["estimate"].isna()].groupby("now").size() >= 2).all()  # one alone would follow from its row


def test_who_came_down_comes_down_again(wearing):
    p = wearing.tests.set_index("what")["p_adjusted"]
    assert p["the state before"] < 0.05  # people have levels of their own, and scores have errors
    assert p["the quarter"] > 0.05
    words = states_words.trust_sentence(wearing, 8)
    assert "may not be multiplied" in words
    assert "Of the strained" not in words  # two came back from having checked out
    assert "Of the strained" in states_words.trust_sentence(wearing, 2)


def test_states_say_what_is_missing(required_only, one_wave, team_grain):
    assert not isinstance(step.assess_states(required_only, **BOUNDS, seed=1), str)
    for found in (step.assess_states(one_wave, **BOUNDS, seed=1), step.assess_states(team_grain, **BOUNDS, seed=1)):
        assert step.states_check(found, matters=2.0, min_group=8).lacking
        assert step.shown_moves(found).empty
        assert step.shown_exits(found).empty


# -- human buffers (M43) ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def buffered(sample):
    return step.assess_buffers(sample, seed=1)


def test_faults_are_those_of_the_others(sample):
    rates = fault_rates(sample)
    row = rates.iloc[len(rates) // 2]
    since = pd.Period(row["quarter"], freq="Q").start_time
    others = sample.query(f"""
        SELECT 100 * avg((escalated OR reopened OR transfers > 0)::INT) AS faults FROM interactions
        WHERE team_id = '{row["team_id"]}' AND employee_id <> '{row["employee_id"]}'
          AND date_trunc('quarter', started_at) = DATE '{since:%Y-%m-%d}' ORDER BY 1""")
    assert row["faults"] == pytest.approx(others["faults"].iloc[0])


def test_what_comes_later_is_later(sample):
    rows, parts = fault_strain_exit(sample)
    assert parts == ["ease", "workload"]
    said = sample.exposures()
    said["at"] = pd.PeriodIndex(pd.to_datetime(said["responded_on"]), freq="Q").astype("int64")
    row = rows.dropna(subset=["engagement"]).iloc[7]
    later = said[(said["employee_id"] == row["employee_id"]) & (said["at"] == row["at"] + 1)].iloc[-1]
    assert row["engagement"] == pytest.approx(
        np.mean([(later["ex_satisfaction"] - 1) / 4, later["ex_recommend"] / 10]) * 100
    )
    rates = fault_rates(sample).set_index(["employee_id", "at"])["faults"]
    assert row["faults"] == pytest.approx(rates[(row["employee_id"], row["at"] - 1)])


def test_planted_steps_are_told_from_each_other(sample, buffered):
    first, second = (buffered.steps.iloc[at] for at in (0, 1))
    assert first["conf_low"] < 0 < first["conf_high"]  # nothing planted
    assert second["conf_high"] < 0  # hard work lowers engagement
    said = buffers_words.planted_sentence(sample, buffered)
    assert "first step holds zero, and the second is found" in said
    assert step.buffers_check(buffered, harmless=0.5, matters=2.0).verdict == "pass"


@pytest.mark.parametrize(("push", "verdict"), [(8.0, "fail"), (0.0, "pass")])
def test_a_buffer_that_is_there_is_found(sample, monkeypatch, push, verdict):
    """Faults add `push` points of strain per five, each of which costs half a point of engagement: −push / 2."""
    rng, teams, people, waves = np.random.default_rng(8), 30, 10, 5
    who = np.repeat(np.arange(teams * people), waves)
    team, at = who // people, np.tile(np.arange(waves), teams * people)
    faults = 30 + 5 * rng.standard_normal((teams, waves))[team, at]
    strain = 40 + push * faults / 5 + 10 * rng.standard_normal(len(who))
    rows = pd.DataFrame({
        "employee_id": who.astype(str), "team_id": team.astype(str), "role": np.where(team < 15, "a", "b"), "at": at,
        "faults": faults, "strain": strain, "engagement": 80 - 0.5 * strain + 8 * rng.standard_normal(len(who)),
        "left": 100.0 * (rng.random(len(who)) < 0.02 + 0.001 * np.clip(strain, 0, 100)),
    })  # fmt: skip
    monkeypatch.setattr(buffers_module, "fault_strain_exit", lambda data: (rows, ["ease"]))
    found = step.assess_buffers(sample, seed=1)
    table = found.engagement[found.engagement["path"] == "indirect"].set_index("comparison")
    assert ((table["estimate"] + push / 2).abs() < 3 * table["std_error"]).all()
    assert step.buffers_check(found, harmless=0.5, matters=2.0).verdict == verdict
    exits = found.exits.set_index("path").loc["indirect"]
    assert abs(exits["estimate"] - 0.1 * push) < 3 * exits["std_error"]


def test_buffers_say_what_is_missing(required_only, one_wave, team_grain):
    found = step.assess_buffers(required_only, seed=1)
    assert "hours" not in set(found.engagement["path"])
    for lacking in (step.assess_buffers(one_wave, seed=1), step.assess_buffers(team_grain, seed=1)):
        assert step.buffers_check(lacking, harmless=0.5, matters=2.0).lacking
        assert step.shown_paths(lacking, "engagement").empty
        assert buffers_words.exits_sentence(lacking) == buffers_words.steps_sentence(lacking) == ""


# -- one cause at several sites (M47) ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def rooted(sample):
    return step.assess_co_occurrence(sample, seed=1)


def test_the_faulty_site_stands_out_in_what_was_planted_and_in_nothing_else(sample, rooted):
    clear = rooted.sites[rooted.sites["clear"]]
    assert set(zip(clear["site"], clear["symptom"], strict=True)) == {
        ("South", "Escalations"), ("South", "Escalations never solved")}  # fmt: skip
    assert rooted.teams.factors == 0  # one site is no cause that runs through all teams
    found = step.co_occurrence_check(rooted, matters=0.6)
    assert found.verdict == "fail"
    assert "South, stands out in 2 symptoms" in found.sentence
    assert "escalations and escalations never solved" in co_occurrence_words.planted_sentence(sample, rooted)
    release_facts(step.facts([found]), policy=POLICY)


def test_without_that_site_nothing_is_found_and_how_much_could_have_been_decides(rooted):
    sites = rooted.sites.assign(p_adjusted=1.0, clear=False)
    calm = replace(rooted, sites=sites)
    assert step.co_occurrence_check(calm, matters=0.6).verdict == "pass"
    assert step.co_occurrence_check(calm, matters=0.3).verdict == "not assessable"
    assert "No site stands out" in co_occurrence_words.sites_sentence(calm)
    one = sites.assign(clear=sites.index == sites["estimate"].idxmax())
    assert step.co_occurrence_check(replace(rooted, sites=one), matters=0.6).verdict == "watch"
    through = replace(calm, teams=replace(rooted.teams, factors=1))
    assert step.co_occurrence_check(through, matters=0.6).verdict == "fail"
    assert co_occurrence_words.line_sentence(calm) == ""
    clear = rooted.loadings.assign(conf_low=[0.1, 0.1] + [-1.0] * 6, conf_high=[1.0] * 7 + [-0.1])
    followed = co_occurrence_words.line_sentence(replace(through, loadings=clear))
    first, last = rooted.loadings["label"].iloc[0], rooted.loadings["label"].iloc[-1]
    assert f"followed by {first[:1].lower()}{first[1:]} and" in followed
    assert f"Against it runs {last[:1].lower()}{last[1:]}" in followed
    assert step.shown_loadings(rooted).empty  # no line, nothing that follows it
    assert len(step.shown_loadings(through)) == len(rooted.symptoms)


def test_symptoms_are_sums_over_all_contacts_and_answers(sample):
    rows = team_symptoms(sample).set_index("symptom")
    counts = sample.query("""
        SELECT count(*) AS n, count_if(escalated) AS bad, count_if(escalated AND escalation_resolved_on IS NULL) AS open
        FROM interactions WHERE team_id IS NOT NULL ORDER BY 1""").iloc[0]
    assert rows.loc["Escalations", ["n", "sum"]].sum().tolist() == [counts["n"], counts["bad"]]
    assert rows.loc["Escalations never solved", ["n", "sum"]].sum().tolist() == [counts["bad"], counts["open"]]
    strain, said = rows.loc["Strain in what people say"], sample.exposures()
    best = (said[["ex_ease", "ex_workload", "ex_satisfaction"]] - 1) / 4
    assert strain["sum"].sum() / strain["n"].sum() == pytest.approx(1 - best.mean(axis=1).mean())
    assert (rows["sum"] >= 0).all()


def test_sites_of_few_people_are_hidden_and_lack_is_said(rooted, one_wave, required_only, team_grain):
    shown = step.shown_sites(rooted)
    kept = release(shown, policy=Policy(min_group=65, known_ids=frozenset()), people="n_people",
                   by=["symptom", "site"], over=[], reason="symptoms do not add up")  # fmt: skip
    few = shown["n_people"] < 65
    assert few.any()
    assert kept.frame.loc[few, "estimate"].isna().all()
    assert "Exits" not in step.assess_co_occurrence(one_wave, seed=1).symptoms
    assert "Work off the systems" not in step.assess_co_occurrence(required_only, seed=1).symptoms
    lacking = step.assess_co_occurrence(team_grain, seed=1)
    assert step.co_occurrence_check(lacking, matters=0.6).lacking
    assert step.shown_sites(lacking).empty


def test_people_behind_a_site_are_those_behind_the_symptom(sample, monkeypatch):
    rows = team_symptoms(sample)
    there = rows["team_id"].map(co_occurrence._where(sample, rows)["site"]) == "East"
    said = there & rows["symptom"].eq("Strain in what people say")
    one_each = ~rows[said].duplicated("team_id")
    left = rows.drop(index=one_each.index[~one_each])
    monkeypatch.setattr(co_occurrence, "team_symptoms", lambda data: left)
    found = step.assess_co_occurrence(sample, seed=1)
    strain = found.sites[found.sites["symptom"] == "Strain in what people say"].set_index("site")
    assert strain.loc["East", "n_people"] < 8 <= strain.drop("East")["n_people"].min()
    assert strain["few"].sum() == 2 and strain.loc["East", "few"]  # one alone would follow from the others
    assert not strain.loc[strain["few"], "clear"].any()
    answered = left.loc[left["symptom"] == "Strain in what people say", "employee_id"].nunique()
    assert found.loadings.set_index("label").loc["Strain in what people say", "n_people"] == answered < found.people


def test_a_site_where_few_left_or_few_stayed_is_not_told_of(sample, rooted):
    exits = rooted.sites[rooted.sites["symptom"] == "Exits"].set_index("site")
    left = sample.frame("employees", ["employee_id", "left_on"]).dropna()["employee_id"]
    assert exits["n_with"].sum() <= len(left)
    assert (exits["n_with"] + exits["n_without"] == exits["n_people"]).all()
    assert exits.index[exits["n_with"] < 8].tolist() == ["East"]
    assert set(exits.index[exits["few"]]) == {"East", "West"}  # the other one so that East's does not follow
    shown = step.shown_sites(rooted)
    kept = release(shown, policy=POLICY, people="n_people", by=["symptom", "site"], over=[], hide=shown["few"],
                   sides=["n_with", "n_without"], reason="symptoms do not add up").frame  # fmt: skip
    assert kept.loc[shown["few"], "estimate"].isna().all() and kept.loc[~shown["few"], "estimate"].notna().all()
    everything = replace(rooted, sites=rooted.sites.assign(clear=rooted.sites["few"], estimate=1.0))
    assert "Exits" not in (said := co_occurrence_words.sites_sentence(everything)) and "No site stands out" in said
    assert "it is told neither there" in said
    none = replace(rooted, sites=rooted.sites.assign(few=True))
    assert co_occurrence_words.sites_sentence(none).startswith("At no site are enough people")


@pytest.mark.parametrize(
    ("fewest", "hidden"),
    [([20, 20, 20], []), ([20, 3, 12], [1, 2]), ([0, 3, 20, 30], [0, 1, 2]), ([4, 4, 20], [0, 1]), ([3], [0])],
)
def test_hidden_sites_are_none_or_hold_the_minimum_group_between_them(fewest, hidden):
    assert np.flatnonzero(co_occurrence._not_told(pd.Series(fewest), 8)).tolist() == hidden


def test_teams_of_few_people_are_left_out_and_roles_are_held_equal(sample, rooted, monkeypatch):
    rows = team_symptoms(sample)
    team = rows["team_id"].iloc[0]
    inside = rows["team_id"] == team
    first = rows.loc[inside, "employee_id"].drop_duplicates().iloc[:7]
    fewer = rows[~inside | rows["employee_id"].isin(first)]
    monkeypatch.setattr(co_occurrence, "team_symptoms", lambda data: fewer)
    asked, real = [], co_occurrence.parallel_analysis
    monkeypatch.setattr(
        co_occurrence, "parallel_analysis", lambda *a, **kw: asked.append(a) or real(*a, **kw)
    )  # fmt: skip
    found = step.assess_co_occurrence(sample, seed=1)
    assert (found.teams.n_units, found.small) == (rooted.teams.n_units - 1, rooted.small + 1)
    (levels, roles), known = asked[0], co_occurrence._where(sample, fewer)["role"]
    assert team not in levels.index and list(roles) == list(known.loc[levels.index]) and roles.nunique() > 1


def test_few_in_a_state_are_not_told_of(wearing):
    assert "were engaged" in states_words.now_sentence(wearing, 8)
    now = wearing.now.copy()
    now.iloc[-1] = 7
    assert states_words.now_sentence(replace(wearing, now=now), 8) == ""


def test_those_let_go_are_neither_leavers_nor_stayers(sample, gone, monkeypatch):
    rows, measures = before_leaving(sample)
    let_go = rows.assign(let_go=1.0, left=0.0, unresolved=90.0, off_system=9.0).iloc[::5]
    both = pd.concat([rows.assign(let_go=rows["let_go"].where(rows["let_go"] != 1, 0.0)), let_go])
    whole = rows.assign(let_go=0.0)
    found = []
    for table in (both, whole):
        monkeypatch.setattr(
            "exlink.steps.misalignment_audit.leavers.before_leaving", lambda data, rows=table: (rows.copy(), measures)
        )
        found.append(step.assess_leavers(sample).load)
    pd.testing.assert_series_equal(*found)


def test_intervals_of_few_teams_are_longer_than_those_of_many(sample, buffered, monkeypatch):
    assert buffers_module.for_few(20) == pytest.approx(np.sqrt(20 / 19) * 2.093024 / 1.959964, rel=1e-6)
    monkeypatch.setattr(buffers_module, "for_few", lambda teams: 1.0)
    plain = step.assess_buffers(sample, seed=1).engagement
    half, own = (t["conf_high"] - t["estimate"] for t in (plain, buffered.engagement))
    many = buffered.engagement["n_teams"].iloc[0] if "n_teams" in buffered.engagement else 20
    expected = np.sqrt(many / (many - 1)) * stats.t.ppf(0.975, many - 1) / stats.norm.ppf(0.975)
    assert (own / half).to_numpy() == pytest.approx(expected, rel=1e-6)
