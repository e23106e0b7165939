"""00: what is counted must add up, what is missing must be said, what is lost must be compared fairly."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.asked import cx_asked, ex_asked
from exlink.data.stages import without_losses_of_few
from exlink.errors import EstimationError
from exlink.stats.reliability import icc1
from exlink.steps.readiness import consent, coverage, detectable, linked, measured, rows, signs, verdicts

WITHHELD = 0.05  # truth.json: share of employees who do not answer under their own name
SMALLEST = 1.25
NO_WITHIN = "not assessed: effects within employees need two waves"


@pytest.fixture(scope="module")
def slopes(sample):
    return detectable.detectable_slopes(sample)


@pytest.fixture(scope="module")
def table(sample, slopes):
    return verdicts.verdicts(sample, {"ex": 0.8, "cx": 0.4}, slopes, SMALLEST).set_index("question")


# -- rows --------------------------------------------------------------------------------------------


def test_rows_in_are_rows_used_and_rejected(sample):
    frame = rows.accounting(sample)
    assert (frame["rows_in"] == frame["rows_used"] + frame["rows_rejected"]).all()
    assert f"{frame['rows_in'].sum():,}" in rows.accounting_sentence(sample)


def test_rejects_are_told_with_their_share(sample):
    sample_with = type("Data", (), {})()
    sample_with.accounting = pd.DataFrame({"table": ["cx_responses"], "rows_in": [200]})
    sample_with.rejects = pd.DataFrame(
        {"table": ["cx_responses"], "reason": ["ease outside 1–5"], "rows": [14], "first_rows": ["88, 90"]}
    )
    assert rows.rejects(sample_with)["share"].tolist() == [0.07]


def test_every_loss_of_the_funnel_adds_up_and_people_only_get_fewer(sample):
    frame = rows.funnel(sample)
    assert (frame["rows"].iloc[0] - frame["lost"].sum()) == frame["rows"].iloc[-1]
    assert frame["n_units"].is_monotonic_decreasing
    linked = sample.query("SELECT count(DISTINCT employee_id) AS n FROM linked WHERE has_cx ORDER BY n")["n"].iloc[0]
    assert frame["n_units"].iloc[-1] == linked


def test_losses_of_a_few_are_part_of_the_next_loss():
    """Nested stages can be subtracted: three people's interactions would stand there as a number of their own."""
    frame = pd.DataFrame({"stage": list("abcd"), "rows": [200, 170, 160, 90], "reason": ["", "b", "c", "d"]})
    each = np.full((20, 4), [10, 10, 10, 5])
    each[:3, 1:] = 0  # three people lose all their contacts at stage b
    each[3, 2:] = 0  # one more at stage c
    out = without_losses_of_few(frame, each, 8).set_index("stage")
    assert out.loc[["b", "c"], ["rows", "lost", "share"]].isna().all(axis=None)
    assert out.loc["b", "n_units"] == 0
    assert out.loc["d", "lost"] == 110
    assert out.loc["a", "n_units"] == out.loc["d", "n_units"] == 16
    # with as many as may be shown, all is shown
    open_ = without_losses_of_few(frame, each, 1)
    assert open_["lost"].tolist() == [0, 30, 10, 70]
    assert open_["n_units"].tolist() == [20, 17, 16, 16]


def test_the_last_stage_is_shown_and_what_is_before_it_is_not_when_the_last_loses_a_few():
    frame = pd.DataFrame({"stage": list("abc"), "rows": [200, 100, 95], "reason": ["", "b", "c"]})
    each = np.full((20, 3), [10, 5, 5])
    each[0, 2] = 0
    out = without_losses_of_few(frame, each, 8)
    assert out["rows"].isna().tolist() == [False, True, False]
    assert out["lost"].iloc[2] == 105


def test_a_few_who_drop_out_are_not_counted_in_the_sentence(sample):
    frame = rows.funnel(sample).assign(n_units=212)
    said = rows.funnel_sentence(sample, frame)
    assert "212 of 212" not in said
    assert "At least 212 employees" in said


def test_a_study_without_invitations_has_one_stage_less(required_only, sample):
    frame = rows.funnel(required_only)
    assert len(frame) == len(rows.funnel(sample)) - 1
    assert frame["n_units"].iloc[-1] > 0
    assert "ex_invitations" in " ".join(rows.absent_tables(required_only))
    assert rows.absent_tables(sample) == []


def test_the_waterfall_leads_from_the_file_to_the_link(sample):
    frame = rows.waterfall(sample, rows.funnel(sample))
    levels, losses = frame[frame["level"]], frame[~frame["level"]]
    assert levels["rows"].iloc[0] + losses["rows"].sum() == levels["rows"].iloc[-1]
    assert (losses["rows"] <= 0).all()
    assert frame["step"].is_unique


def test_a_loss_of_few_is_part_of_the_next_step(sample):
    stages = rows.funnel(sample)
    stages.loc[[1, 3], ["rows", "lost"]] = np.nan
    stages.loc[[1, 3], "reason"] = "part of what the next stage lost: too few stand behind it"
    frame = rows.waterfall(sample, stages)
    assert len(frame) == len(rows.waterfall(sample, rows.funnel(sample))) - 2
    assert frame["step"].is_unique
    assert frame["rows"].notna().all()


def test_the_waterfall_begins_with_what_was_delivered(one_wave, sample):
    """Rows after the period, and rejected ones, are steps of their own, and what is left is a level."""
    frame = rows.waterfall(one_wave, rows.funnel(one_wave)).set_index("step")
    account = one_wave.accounting.set_index("table").loc["interactions"]
    assert frame["rows"].iloc[0] == account.rows_read == 60_000
    assert frame.loc["after 2024-12-31", "rows"] == -account.rows_later
    assert frame.loc["used in the report", "rows"] == account.rows_used
    assert "used in the report" not in rows.waterfall(sample, rows.funnel(sample))["step"].tolist()


# -- coverage ----------------------------------------------------------------------------------------


def test_response_rates_are_those_of_a_count_by_hand(sample):
    frame = coverage.by_quarter(sample, cx_asked(sample)).set_index(["side", "quarter"])
    cx = cx_asked(sample)
    last = cx[cx["quarter"] == "2026Q3"]
    by_hand = last["answered"].sum() / last["invited"].sum()
    assert frame.loc[(coverage.CX, "2026Q3"), "estimate"] == pytest.approx(by_hand)
    asked = ex_asked(sample)
    heard = asked[(asked["quarter"] == "2026Q3") & asked["surveyed"]]
    people = heard.groupby("employee_id")["answered"].max()
    assert frame.loc[(coverage.EX, "2026Q3"), "estimate"] == pytest.approx(people.mean())
    assert frame.loc[(coverage.EX, "2026Q3"), "n_units"] == len(people)


def test_no_answer_counts_twice_and_none_before_the_invitation(sample):
    asked = ex_asked(sample)
    days = sample.query("SELECT DISTINCT employee_id, touchpoint, responded_on FROM ex_responses ORDER BY ALL")
    per_touchpoint = asked.groupby("touchpoint")["answered"].sum()
    answers = days.groupby("touchpoint").size()
    assert (per_touchpoint.reindex(answers.index) <= answers).all()
    assert per_touchpoint["everyday work"] == answers["everyday work"]  # every answer there has its invitation


def test_team_is_the_one_at_the_time_of_asking(sample):
    asked = ex_asked(sample)
    moved = asked.groupby("employee_id")["team_id"].nunique()
    assert (moved > 1).any(), "the sample has people who change teams"
    assert asked["team_id"].notna().all()


def test_touchpoint_nobody_surveys_is_no_refusal(sample):
    asked = ex_asked(sample)
    assert not asked.loc[asked["touchpoint"] == "performance improvement plan", "surveyed"].any()
    gap = sample.truth["gaps"]["touchpoints_without_survey"]
    assert set(asked.loc[~asked["surveyed"], "touchpoint"]) == set(gap)


def test_without_invitations_the_ex_rate_is_not_invented(required_only):
    assert ex_asked(required_only) is None
    assert set(coverage.by_team(required_only, cx_asked(required_only))["side"]) == {coverage.CX}
    frame = coverage.by_quarter(required_only, cx_asked(required_only))
    assert set(frame["side"]) == {coverage.CX}
    assert np.isnan(coverage.overall_rate(frame, coverage.EX, 8))
    assert "employees answered" not in coverage.coverage_sentence(required_only, frame, 8)


def test_teams_come_lowest_first_and_small_ones_stay_unsaid(sample):
    frame = coverage.by_team(sample, cx_asked(sample))
    own = frame[frame["side"] == coverage.EX]
    assert own["team"].is_monotonic_increasing
    shown = frame.assign(estimate=frame["estimate"].mask(frame["team"].isin(["T-04", "T-09"])))
    order = shown.loc[coverage.lowest_first(shown)]
    assert set(order["side"]) == {coverage.EX}
    assert order["estimate"].dropna().is_monotonic_increasing
    assert order["team"].tolist()[-2:] == ["T-04", "T-09"]  # the place of a hidden team says nothing
    small = frame.assign(n_units=3)
    assert "none is shown" in coverage.team_sentence(small, coverage.EX, 8)


def test_team_rates_are_those_of_a_count_by_hand_on_both_sides(sample):
    frame = coverage.by_team(sample, cx_asked(sample)).set_index(["side", "team"])
    contacts = cx_asked(sample)
    own = contacts[contacts["team_id"] == "T-03"]
    assert frame.loc[(coverage.CX, "T-03"), "estimate"] == pytest.approx(own["answered"].sum() / own["invited"].sum())
    asked = ex_asked(sample)
    mine = asked[asked["surveyed"] & (asked["team_id"] == "T-03")]
    people = mine.groupby(["employee_id", "quarter"])["answered"].max()
    assert frame.loc[(coverage.EX, "T-03"), "estimate"] == pytest.approx(people.mean())


def test_a_team_that_answers_less_is_called_so_and_none_where_all_are_alike(sample):
    contacts = cx_asked(sample)
    assert not coverage.by_team(sample, contacts)["below"].any()
    silent = contacts.assign(
        answered=contacts["answered"].mask(contacts["team_id"] == "T-03", contacts["answered"] // 2)
    )
    frame = coverage.by_team(sample, silent)
    assert frame.loc[frame["below"], ["side", "team"]].to_numpy().tolist() == [[coverage.CX, "T-03"]]
    assert "1 of 20 lies clearly below" in coverage.team_sentence(frame, coverage.CX, 8)


def test_touchpoint_rates_are_those_of_a_count_by_hand(sample):
    frame = coverage.by_touchpoint(sample, cx_asked(sample)).set_index(["side", "touchpoint"])
    asked = ex_asked(sample)
    coaching = asked[asked["touchpoint"] == "coaching"]
    assert frame.loc[(coverage.EX, "coaching"), "estimate"] == pytest.approx(coaching["answered"].mean())
    assert frame.loc[(coverage.EX, "coaching"), "n"] == len(coaching)
    claims = cx_asked(sample)[lambda f: f["touchpoint"] == "claim"]
    want = claims["answered"].sum() / claims["invited"].sum()
    assert frame.loc[(coverage.CX, "claim"), "estimate"] == pytest.approx(want)
    unasked = set(sample.truth["gaps"]["touchpoints_without_survey"])
    assert not unasked & set(frame.index.get_level_values("touchpoint"))


def test_what_other_pages_hide_at_touchpoints_is_hidden_and_unsaid(sample):
    frame = coverage.by_touchpoint(sample, cx_asked(sample))
    rows_ = coverage.at_hidden(frame, {"employees": ["coaching"], "customers": []})
    assert frame.loc[rows_, ["side", "touchpoint"]].to_numpy().tolist() == [[coverage.EX, "coaching"]]
    low = frame["estimate"].mask(frame["touchpoint"] == "claim", 0.01).mask(frame["touchpoint"] == "hiring", 0.01)
    said = coverage.touchpoint_sentence(
        frame.assign(estimate=low, n_no=frame["n_no"].mask(frame["touchpoint"] == "hiring", 3)), 8
    )
    assert "after claim (1%)" in said
    assert "hiring" not in said  # three people on one side of its rate


def test_team_grain_has_no_teams_within(team_grain):
    assert coverage.by_team(team_grain, cx_asked(team_grain)).empty


def test_withheld_share_is_found(sample):
    share = consent.identified(sample).set_index("quarter").loc["all"]
    assert share.conf_low < 1 - WITHHELD < share.conf_high
    shift = consent.mode_shift(sample)
    assert shift["mode"].tolist() == ["identified", "not identified", "difference"]
    planted = sample.truth["response"]["identified_withheld"]["shift_points"]
    gap = shift.iloc[2]
    assert gap.conf_low < planted < gap.conf_high or gap.n_units < 8


def test_a_handful_who_withhold_is_not_counted_in_words():
    share = pd.DataFrame({"quarter": ["all"], "estimate": [0.955], "n_yes": [149], "n_no": [7]})
    shift = pd.DataFrame(
        {
            "mode": ["identified", "not identified", "difference"],
            "estimate": [3.8, 3.1, -0.7],
            "conf_low": -1.0,
            "conf_high": 0.1,
            "n": 9,
            "n_units": [149, 7, 7],
        }
    )
    said = consent.identified_sentence(share, shift, 8)
    assert "95" not in said
    assert "fewer than 8" in said


def test_one_mode_only_has_no_shift(team_grain, required_only):
    assert consent.identified(team_grain) is None
    assert consent.mode_response(required_only).empty  # nobody knows who was asked
    assert consent.response_sentence(consent.mode_response(required_only), 8) == ""


def test_modes_answer_alike_where_nothing_is_planted(sample):
    """Truth: consent does not change whether a survey is answered, but for what 0.2 points of score do."""
    frame = consent.mode_response(sample)
    assert frame["mode"].tolist() == list(consent.MODES)
    gap = frame.iloc[2]
    assert gap.conf_low < 0 < gap.conf_high
    assert gap.estimate == pytest.approx(frame["estimate"].iloc[1] - frame["estimate"].iloc[0])
    assert "inconclusive" in consent.response_sentence(frame, 8)
    few = consent.response_sentence(frame.assign(n_units=[200, 5, 5]), 8)
    assert "too few" in few
    assert "%" not in few


def test_the_answer_that_tells_the_mode_does_not_count(sample):
    """Who is known by an answer has answered at least once: counting it would make everybody look diligent."""
    first = sample.query("SELECT employee_id, min(responded_on) AS day FROM ex_responses GROUP BY 1 ORDER BY 1")
    asked = ex_asked(sample)
    later = asked[asked["surveyed"]].merge(first, on="employee_id")[lambda f: f["invited_on"] > f["day"]]
    quarters = later.groupby(["employee_id", "quarter"])["answered"].max()
    frame = consent.mode_response(sample)
    assert frame["n"].iloc[:2].sum() == len(quarters)
    assert (frame["estimate"] * frame["n"]).iloc[:2].sum() == pytest.approx(quarters.sum())


def test_a_mode_that_answers_less_is_found(sample, monkeypatch):
    """Two thirds of the surveys sent to people without a name go unanswered; their first answer tells their mode."""
    mode = sample.query("SELECT DISTINCT employee_id FROM ex_responses WHERE NOT identified ORDER BY 1")["employee_id"]
    asked = ex_asked(sample)
    silent = asked["employee_id"].isin(mode) & (np.arange(len(asked)) % 3 > 0)
    monkeypatch.setattr(consent, "ex_asked", lambda data: asked.assign(answered=asked["answered"] & ~silent))
    frame = consent.mode_response(sample)
    assert frame["conf_high"].iloc[2] < 0
    assert "answers less often" in consent.response_sentence(frame, 8)


# -- verdicts ----------------------------------------------------------------------------------------


def test_a_complete_study_is_ready(table):
    """But for two: one of its four roles has 29 people, one less than asked for, and few top performers leave."""
    weak = table[table["verdict"] != verdicts.READY]
    assert weak.index.tolist() == ["Does it act on everybody alike?", "Do the best people become the flight risk?"]
    assert "29 people" in weak["why"].iloc[0]
    assert verdicts.verdict_sentence(table.reset_index()).startswith(f"**{len(table) - 2} of {len(table)}")


def test_every_page_has_its_questions(table):
    asked = set(", ".join(table["notebook"]).split(", "))
    assert asked == {"01", "02", "03", "04", "05", "06"}
    assert table.index.is_unique
    assert table["page"].str.contains("Touchpoint KPIs").sum() == (table["notebook"] == "02").sum()


def test_detectable_effect_is_what_the_planted_effects_need(sample, slopes):
    """80 % power means: most planted within-effects beyond twice the detectable size could not be missed."""
    assert len(slopes) == len(sample.aspects) * len(sample.cx_kpis)
    assert slopes["detectable"].between(0.3, 3).all()
    planted = max(e["marginal"] for e in sample.truth["effects"] if e["kpi"] == "ease") / 4 * 100
    assert planted > 2 * slopes.loc[slopes["outcome"] == "ease", "detectable"].max()
    said = detectable.slopes_sentence(slopes, SMALLEST)
    assert "before adjustment for many tests" in said
    assert "not more than" not in said, "a detectable effect bounds nothing; the interval in notebook 03 does"
    assert "the interval it gives there" in said


def test_contacts_on_the_day_of_the_ex_answer_do_not_count_as_after_it(sample, same_day):
    """Without a lag an answer acts from the start of its day: the contacts of that day may have come first."""
    assert linked.direction(sample).verdict == verdicts.READY
    weak = linked.direction(same_day)
    assert weak.verdict == verdicts.WEAK
    assert "lag_days" in weak.why


def test_a_stricter_reader_turns_ready_into_weak(sample, slopes):
    frame = verdicts.verdicts(sample, {"ex": 0.8, "cx": 0.4}, slopes, 0.01).set_index("question")["verdict"]
    assert frame["When somebody's EX changes, do their customers notice?"] == verdicts.WEAK
    assert frame["Which aspects matter most to customers?"] == verdicts.WEAK
    with pytest.raises(EstimationError, match="positive"):
        verdicts.verdicts(sample, {"ex": 0.8, "cx": 0.4}, slopes, 0.0)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Which roles move which part of the customer journey?", "team grain"),
        ("Can the EX scores be trusted?", "means of units"),
        ("Do teams see it alike?", "means of units"),
        ("Are complexity of work and norms two different things?", "means of units"),
        ("Do people answer frankly?", "means of units"),
        ("Where does the effort of work come from?", "level of teams"),
        ("Do hand-offs cost resolution at first contact?", "interactions.transfers"),
        ("Whose score is it, and may people be ranked on it?", "team grain"),
        ("Does it act on everybody alike?", "team grain"),
        ("Who leaves, and is it EX?", "employees.left_on"),
    ],
)
def test_what_a_study_of_teams_cannot_answer_has_its_reason(team_table, question, reason):
    assert team_table.loc[question, "verdict"] == verdicts.NOT
    assert reason in team_table.loc[question, "why"]


@pytest.fixture(scope="module")
def team_table(team_grain):
    slopes = detectable.detectable_slopes(team_grain)
    return verdicts.verdicts(team_grain, {"ex": np.nan, "cx": 0.4}, slopes, SMALLEST).set_index("question")


@pytest.mark.parametrize(
    ("part", "given", "check", "verdict", "reason"),
    [
        ("first_at < last_at", {"n": [0]}, measured.paths, verdicts.NOT, "two different times"),
        ("first_at < last_at", {"n": [40]}, measured.paths, verdicts.WEAK, "40 customers"),
        ("AS days", {"days": [100]}, measured.paths, verdicts.NOT, "Contacts span 100 days"),
        ("max(days_since_ex)", {"d": [10]}, lambda d: measured.delay(d, ""), verdicts.NOT, "no delay can be told"),
        ("count(DISTINCT item)", {"n": [1, 1]}, measured.reliability, verdicts.NOT, "one item"),
        ("count(DISTINCT item)", {"n": [1, 2]}, measured.reliability, verdicts.WEAK, "1 of 2"),
        ("count(DISTINCT item)", {"n": []}, measured.reliability, verdicts.NOT, "no aspect"),
        ("median(n)", {"n": [2.0]}, measured.frankness, verdicts.NOT, "3 questions"),
        ("median(n)", {"n": [np.nan]}, measured.frankness, verdicts.NOT, "3 questions"),
        ("transfers > 0", {"n": [0]}, measured.handoffs, verdicts.NOT, "handed on"),
        ("ASOF JOIN", {"touchpoint": ["a", "b"], "n": [400, 20]}, measured.priorities, verdicts.NOT, "two touchpoints"),
        ("FROM exposures", {"n": [3]}, measured.trend, verdicts.WEAK, "3 EX waves"),
        ("DISTINCT employee_id", {"n": [20]}, signs.shadow, verdicts.WEAK, "20 people"),
        ("DISTINCT employee_id", {"n": [5]}, signs.shadow, verdicts.NOT, "fewer than 8"),
        ("FROM voc_feedback", {"n": [20]}, signs.echo, verdicts.WEAK, "20 pieces"),
        ("FROM voc_feedback", {"n": [5]}, signs.echo, verdicts.NOT, "fewer than 8"),
        ("DISTINCT wave", {"n": [3]}, signs.drift, verdicts.NOT, "4 waves"),
        ("DISTINCT wave", {"n": [5]}, signs.drift, verdicts.WEAK, "5 waves"),
        ("DISTINCT wave", {"n": [5]}, lambda d: linked.both_directions(d, ""), verdicts.WEAK, "5 EX waves"),
        ("DISTINCT employee_id) AS n FROM desktop_activity", {"n": [20]}, measured.effort, verdicts.WEAK, "20 people"),
        ("HAVING count(DISTINCT employee_id)", {"n": [1]}, measured.agreement, verdicts.NOT, "two teams of 8"),
        ("HAVING count(DISTINCT employee_id)", {"n": [4]}, measured.agreement, verdicts.WEAK, "4 teams"),
        ("FROM exposures", {"n": [60]}, measured.factors, verdicts.WEAK, "60 people"),
        ("count(DISTINCT touchpoint)", {"n": [1]}, measured.one_track, verdicts.WEAK, "1 customer touchpoint."),
        ("HAVING min(employee_id)", {"n": [0]}, linked.shares, verdicts.WEAK, "No customer"),
        ("HAVING min(employee_id)", {"n": [300]}, linked.shares, verdicts.READY, "300 customers"),
    ],
)
def test_a_question_fails_where_its_data_are_thin(sample, monkeypatch, part, given, check, verdict, reason):
    assert check(sample).verdict == verdicts.READY
    query = sample.query
    answered = []

    def thin(sql):
        if part not in sql:
            return query(sql)
        answered.append(sql)
        return pd.DataFrame(given)

    monkeypatch.setattr(sample, "query", thin)
    found = check(sample)
    assert answered, "the question no longer asks this"
    assert found.verdict == verdict
    assert reason in found.why


def test_without_effects_within_units_their_questions_are_not_assessable(one_wave, sample, slopes):
    none = detectable.detectable_slopes(one_wave)
    found = [
        linked.overall(one_wave, NO_WITHIN), linked.importance(one_wave, none, SMALLEST, NO_WITHIN),
        linked.alike(one_wave, none, NO_WITHIN), linked.both_directions(one_wave, NO_WITHIN),
        linked.within(none, SMALLEST, "employees", NO_WITHIN), measured.delay(one_wave, NO_WITHIN),
    ]  # fmt: skip
    assert {v.verdict for v in found} == {verdicts.NOT}
    assert {v.why for v in found} == {"Effects within employees need two waves."}
    assert linked.overall(sample, "").verdict == verdicts.READY


def test_an_overall_score_made_of_the_aspects_hides_nothing(sample, monkeypatch):
    exposures = sample.exposures()
    made = exposures.assign(ex_satisfaction=exposures[[f"ex_{a}" for a in sample.aspects]].mean(axis=1))
    monkeypatch.setattr(sample, "exposures", lambda: made)
    found = linked.overall(sample, "")
    assert found.verdict == verdicts.NOT
    assert "aspects" in found.why


def test_slopes_of_a_few_units_are_weak_however_small_their_errors(slopes):
    assert linked.within(slopes, SMALLEST, "employees", "").verdict == verdicts.READY
    few = linked.within(slopes.assign(n_units=12), SMALLEST, "employees", "")
    assert few.verdict == verdicts.WEAK
    assert "Only 12 employees change" in few.why


def test_small_role_is_not_counted_in_words(sample, slopes, monkeypatch):
    query = sample.query
    few = pd.DataFrame({"role": ["a", "b"], "n": [3, 90]})
    monkeypatch.setattr(sample, "query", lambda sql: few if "SELECT role" in sql else query(sql))
    assert "a handful of people" in linked.alike(sample, slopes, "").why


# -- what the detectable effect rests on ---------------------------------------------------------------


def test_icc_and_counts_are_those_of_the_rows(sample, slopes):
    frame = detectable.behind(sample, slopes).set_index("what")
    ease = sample.query("SELECT employee_id, ease FROM linked WHERE ease IS NOT NULL ORDER BY ALL")
    want = icc1(ease["ease"], ease["employee_id"]).iloc[0]
    assert frame.loc["ease", "icc"] == pytest.approx(want["estimate"], rel=1e-9)
    assert frame.loc["ease", "n"] == len(ease)
    waves = sample.exposures()
    want = icc1(waves["ex_tools"], waves["employee_id"]).iloc[0]
    assert frame.loc["tools", "icc"] == pytest.approx(want["estimate"], rel=1e-9)
    assert frame.loc["tools", "n_units"] == waves["employee_id"].nunique()
    assert frame.loc["tools", "detectable"] == slopes.loc[slopes["aspect"] == "tools", "detectable"].median()


def test_confounded_aspects_move_less_within_people(sample, slopes):
    """Truth: recognition and coaching carry the stable confounder, so more of them lies between people."""
    icc = detectable.behind(sample, slopes).set_index("what")["icc"]
    assert icc[["recognition", "coaching"]].min() > icc[["tools", "knowledge", "workload"]].max()


def test_one_wave_has_no_icc_and_says_why(one_wave):
    frame = detectable.behind(one_wave, detectable.detectable_slopes(one_wave))
    aspects = frame[frame["side"] == "EX aspect"]
    assert aspects["icc"].isna().all()
    assert aspects["note"].str.contains("rows in").all()
    assert "aspect varies" not in detectable.behind_sentence(frame, 8)


def test_missing_tables_are_named(required_only):
    slopes = detectable.detectable_slopes(required_only)
    frame = verdicts.verdicts(required_only, {"ex": np.nan, "cx": 0.38}, slopes, SMALLEST)
    why = frame.set_index("question")["why"]
    assert "customer_value" in why["What is it worth?"]
    assert "ex_invitations" in why["Is the whole employee journey measured?"]
    assert frame.set_index("question").loc["What is it worth?", "verdict"] == verdicts.NOT


def test_one_wave_cannot_speak_of_change(one_wave):
    slopes = detectable.detectable_slopes(one_wave)
    frame = verdicts.verdicts(one_wave, {"ex": 0.8, "cx": 0.4}, slopes, SMALLEST).set_index("question")
    within = frame.loc["When somebody's EX changes, do their customers notice?"]
    assert within.verdict == verdicts.NOT
    assert "two waves" in within.why
    assert frame.loc["Does it move over time?", "verdict"] == verdicts.NOT


def test_team_grain_speaks_of_teams(team_grain):
    slopes = detectable.detectable_slopes(team_grain)
    frame = verdicts.verdicts(team_grain, {"ex": np.nan, "cx": 0.38}, slopes, SMALLEST)
    stages = rows.funnel(team_grain)
    said = " ".join(frame["question"] + frame["why"]) + rows.funnel_sentence(team_grain, stages)
    assert "employees carry" not in said
    assert "teams" in said
    assert frame.set_index("question").loc["Which roles move which part of the customer journey?", "verdict"] == (
        verdicts.NOT
    )


def _rates(*sides):
    rows = [(coverage.EX, f"2026Q{q + 1}", yes, no) for q, (yes, no) in enumerate(sides)]
    frame = pd.DataFrame([*rows, (coverage.CX, "2026Q1", 40, 60)], columns=["side", "quarter", "n_yes", "n_no"])
    frame["n"] = frame["n_yes"] + frame["n_no"]
    return frame.assign(estimate=frame["n_yes"] / frame["n"])


def test_a_rate_that_only_a_few_did_not_answer_is_a_bound(sample):
    few, other, many = _rates((25, 1), (26, 0)), _rates((24, 2), (25, 1)), _rates((30, 10), (20, 20))
    assert coverage.overall_rate(few, coverage.EX, 8) == coverage.overall_rate(other, coverage.EX, 8)
    assert "at least 87%" in coverage.coverage_sentence(sample, few, 8)
    assert coverage.coverage_sentence(sample, few, 8) == coverage.coverage_sentence(sample, other, 8)
    assert coverage.overall_rate(many, coverage.EX, 8) == 0.62
    assert "62% of the quarters" in coverage.coverage_sentence(sample, many, 8)
    assert "between 50% (2026Q2) and 75% (2026Q1)" in coverage.coverage_sentence(sample, many, 8)
    assert "after 40% of" in coverage.coverage_sentence(sample, few, 8)


def test_sides_of_a_rate_are_people(sample):
    teams, quarters = coverage.by_team(sample, cx_asked(sample)), coverage.by_quarter(sample, cx_asked(sample))
    teams = teams[teams["side"] == coverage.EX]
    assert (teams[["n_yes", "n_no"]].le(teams["n_units"], axis=0)).all().all()
    assert (teams["n_yes"] + teams["n_no"] >= teams["n_units"]).all()
    ex = quarters[quarters["side"] == coverage.EX]
    assert (ex["n_yes"] + ex["n_no"]).tolist() == ex["n_units"].tolist()


def test_a_bound_is_said_in_the_verdict_and_one_role_meets(sample, slopes, monkeypatch):
    table = verdicts.verdicts(sample, {"ex": 0.87, "cx": 0.4}, slopes, SMALLEST, {"ex": "at least 87%"})
    assert table["why"].str.contains("at least 87% of those asked", regex=False).any()
    query = sample.query
    one = pd.DataFrame({"r": [1], "t": [3]})
    monkeypatch.setattr(sample, "query", lambda sql: one if "DISTINCT role" in sql else query(sql))
    assert measured.influence(sample).why == "1 role meets customers at 3 touchpoints."


def test_few_without_a_name_are_not_counted_where_there_is_no_score_to_compare():
    share = pd.DataFrame({"quarter": ["all"], "estimate": [25 / 26], "n_units": [26], "n_yes": [26], "n_no": [1]})
    said = consent.identified_sentence(share, pd.DataFrame(), 8)
    assert "96" not in said
    assert "fewer than 8 people" in said
