"""00: who is lost at each stage, who answers late, who is asked: found where it was meddled with, nowhere else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exlink.data.asked import cx_asked
from exlink.data.dataset import open_data
from exlink.data.study import Study, load_study
from exlink.steps.readiness import choice, coverage, losses, rows, timing

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
RATES = {coverage.EX: 0.8, coverage.CX: 0.4}


def study_of(**changed):
    """Return the sample with some of its sources changed by SQL; ``old_<table>`` is the table as it was."""
    study = load_study(SAMPLE)
    sources = {name: {"path": str(SAMPLE / source.path)} for name, source in study.sources.items()}
    for name, sql in changed.items():
        if f"old_{name}" in sql:
            sources[f"old_{name}"] = sources[name]
        sources[name] = {"sql": sql}
    linkage = {"lag_days": study.linkage.lag_days, "window_days": study.linkage.window_days}
    made = {"name": "meddled", "period": "2026Q3", "sources": sources, "linkage": linkage}
    return open_data(Study.model_validate(made), threads=1)


@pytest.fixture(scope="module")
def meddled():
    """The sample, meddled with in four ways.

    Half of the answers after phone contacts are lost. Every second employee follows one in three of the contacts that
    were not resolved, or whose customer was not content, by an invitation. Customers who take more than a day answer
    one point lower, employees who take more than a week too.
    """
    slow = "date_diff('day', i.invited_at::TIMESTAMP, r.responded_at::TIMESTAMP) > 1"
    asked_on = (
        "(SELECT max(i.invited_on::DATE) FROM ex_invitations i WHERE i.employee_id = r.employee_id "
        "AND i.touchpoint = r.touchpoint AND i.invited_on::DATE <= r.responded_on::DATE)"
    )
    well = "c.resolved_first_contact::BOOLEAN AND coalesce(r.satisfaction::INTEGER, 5) > 3"
    return study_of(
        cx_responses=f"SELECT r.* REPLACE (CASE WHEN {slow} THEN greatest(satisfaction - 1, 1) ELSE satisfaction END "
        "AS satisfaction) FROM old_cx_responses r JOIN interactions c USING (interaction_id) "
        "JOIN old_cx_invitations i USING (interaction_id) "
        "WHERE NOT (c.channel = 'phone' AND hash(interaction_id) % 2 = 0)",
        cx_invitations="SELECT i.* FROM old_cx_invitations i JOIN interactions c USING (interaction_id) "
        "LEFT JOIN old_cx_responses r USING (interaction_id) "
        f"WHERE ({well}) OR hash(employee_id) % 2 = 0 OR hash(interaction_id) % 3 = 0",
        ex_responses=f"SELECT r.* REPLACE (CASE WHEN r.responded_on::DATE - {asked_on} > 7 "
        "THEN greatest(score - 1, scale_min) ELSE score END AS score) FROM old_ex_responses r",
    )


# -- losses ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reached(sample):
    return losses.reached(sample)


def test_every_interaction_reaches_the_stage_the_funnel_counts(sample, reached):
    funnel = rows.funnel(sample)
    came = reached.numbers.groupby("reached")["n"].sum()
    left = [int(came[came.index >= k].sum()) for k in range(len(funnel))]
    assert left == funnel["rows"].tolist()
    assert len(reached.stages) == len(funnel) - 1
    for part in reached.categories.values():
        assert part["n"].sum() == left[0]


def test_standardised_difference_is_that_of_the_rows(sample, reached):
    frame = losses.by_level(reached).set_index("characteristic")
    raw = sample.query(
        "SELECT wave IS NOT NULL AND has_cx AS kept, complexity, channel = 'phone' AS phone, "
        "date_diff('day', hired_on, started_at) / 365.25 AS tenure FROM interactions "
        "JOIN (SELECT employee_id, hired_on FROM employees) USING (employee_id) ORDER BY ALL"
    )
    yes, no = raw[raw["kept"]].astype(float), raw[~raw["kept"]].astype(float)
    for name, column in (("complexity", "complexity"), ("channel: phone", "phone"), ("tenure", "tenure")):
        spread = np.sqrt((yes[column].var() + no[column].var()) / 2)
        want = (yes[column].mean() - no[column].mean()) / spread
        assert frame.loc[name, "difference"] == pytest.approx(want, abs=1e-9)


def test_a_stage_compares_what_passes_with_what_it_loses(sample, reached):
    frame = losses.differences(reached).set_index(["stage", "characteristic"])
    raw = sample.query("SELECT complexity, has_cx FROM linked ORDER BY ALL")
    asked = sample.query(
        "SELECT complexity, has_cx FROM linked WHERE interaction_id IN (SELECT interaction_id FROM cx_invitations) "
        "ORDER BY ALL"
    )
    assert len(asked) < len(raw)
    yes, no = (asked.loc[asked["has_cx"] == side, "complexity"] for side in (True, False))
    want = (yes.mean() - no.mean()) / np.sqrt((yes.var() + no.var()) / 2)
    assert frame.loc[("answered", "complexity"), "difference"] == pytest.approx(want, abs=1e-9)
    assert frame.loc[("answered", "complexity"), "n"] == min(len(yes), len(no))


def test_nothing_is_called_different_where_loss_is_random(sample, reached):
    """In the sample, loss depends weakly on the score and on engagement: no recorded characteristic shifts by 0.1.

    At the first stage 27 people are lost whole, and their teams differ by more than a standard deviation by chance.
    """
    assert not losses.by_level(reached)["noticeable"].any()
    frame = losses.differences(reached)
    said = losses.difference_sentence(losses.by_level(reached), frame, 8)
    assert said.startswith("**No single level, of ")
    team = frame[(frame["stage"] == losses.OVERALL) & (frame["characteristic"] == "team")].iloc[0]
    assert team.noticeable, "all levels together: the sentence may not read as if nothing differed"
    assert f"Over all levels together more adds up: team ({team.difference:.2f}, no more than chance)" in said
    assert frame["noticeable"].any()
    assert not frame["clear"].any()
    assert "At no stage is clearly more lost" in losses.stages_sentence(frame, 8)


def test_the_stage_and_the_characteristic_that_were_meddled_with_are_named(meddled):
    frame = losses.differences(losses.reached(meddled))
    clear = frame[frame["clear"]].set_index(["stage", "characteristic"])
    assert ("answered", "channel") in clear.index
    assert clear.loc[("was invited", "resolved at first contact"), "difference"] > 0.1
    assert "EX in force" not in clear.index.get_level_values("stage")
    said = losses.stages_sentence(frame, 8)
    assert said.startswith("**Most is changed in")
    levels = losses.by_level(losses.reached(meddled)).set_index("characteristic")
    assert levels.loc["channel: phone", "difference"] < -0.1
    assert "channel: phone" in losses.difference_sentence(levels.reset_index(), frame, 8)


def test_a_real_difference_is_named_and_a_small_group_is_not():
    frame = pd.DataFrame(
        {
            "stage": ["answered", "has EX answers"],
            "characteristic": ["channel: phone", "role: rare"],
            "difference": [0.41, 0.5],
            "chance": [0.1, 0.1],
            "noticeable": [True, True],
            "clear": [True, True],
            "n_units": [100, 3],
        }
    )
    assert "channel: phone (+0.41)" in losses.difference_sentence(frame, frame, 8)
    for said in (losses.difference_sentence(frame, frame, 8), losses.stages_sentence(frame, 8)):
        assert "rare" not in said
    assert losses.stages_sentence(frame.assign(n_units=3), 8) == losses.difference_sentence(frame[:0], frame, 8) == ""


def test_studies_with_less_are_compared_in_what_they_have(required_only, team_grain):
    frame = losses.differences(losses.reached(required_only))
    assert "was invited" not in set(frame["stage"])
    assert len(losses.reached(required_only).stages) == 3
    teams = losses.differences(losses.reached(team_grain))
    assert not {"team", "role", "tenure"} & set(teams["characteristic"])
    assert "channel" in set(teams["characteristic"])


def test_rare_levels_are_one():
    part = pd.DataFrame({"at": 0, "reached": 1, "label": [f"q{i:03d}" for i in range(90)], "n": range(90, 0, -1)})
    few = losses._few_levels(part)
    assert few["label"].nunique() == losses.MOST_LEVELS
    assert few["n"].sum() == part["n"].sum()
    assert "q000" in set(few["label"])
    assert losses._few_levels(part[:5]) is not None


# -- late answers --------------------------------------------------------------------------------------


def test_late_answers_score_like_early_ones_where_nothing_is_planted(sample):
    frame = timing.late_against_early(timing.delays(sample), RATES)
    assert frame["side"].tolist() == [coverage.EX, coverage.CX]
    assert ((frame["conf_low"] < 0) & (frame["conf_high"] > 0)).all()
    assert "score like early ones" in timing.timing_sentence(frame, 8)


def test_days_are_those_between_invitation_and_answer(sample):
    ex, cx = timing.delays(sample)
    took = sample.query(
        "SELECT date_diff('day', i.invited_at, responded_at) AS days, satisfaction, started_at FROM interactions "
        "JOIN cx_invitations i USING (interaction_id) "
        "WHERE satisfaction IS NOT NULL ORDER BY ALL"
    )
    assert cx.usual == took["days"].median() == 0
    late = cx.cells[cx.cells["late"] == 1]
    assert late["n_score"].sum() == (took["days"] > 0).sum()
    assert late["sum_score"].sum() == pytest.approx(((took["satisfaction"] - 1) / 4 * 100)[took["days"] > 0].sum())
    answers = sample.query("SELECT count(*) AS n FROM ex_responses WHERE kpi = 'satisfaction' ORDER BY n")["n"].iloc[0]
    assert ex.cells["n_score"].sum() == answers
    assert 0.4 < np.average(ex.cells["late"], weights=ex.cells["n_score"]) <= 0.5


def test_late_answers_that_were_lowered_are_found_on_both_sides(meddled):
    """Truth: one point of five (25 of 100) for those beyond a day, or a week; less where the lowest answer stays."""
    frame = timing.late_against_early(timing.delays(meddled), RATES).set_index("side")
    assert (frame["conf_high"] < -2).all()
    row = frame.loc[coverage.CX]
    assert row["silent"] == pytest.approx(0.6 * (1 - row["share_late"]) * row["estimate"])
    assert row["silent_low"] < row["silent"] < row["silent_high"] < 0
    said = timing.timing_sentence(frame.reset_index(), 8)
    assert said.count("score lower") == 2
    days = timing.by_days(timing.delays(meddled)).set_index(["side", "days"])["estimate"]
    assert days["customers", "2–3 days"] < days["customers", "same day"] - 15
    assert days["employees", "8–14 days"] < days["employees", "2–3 days"] - 15


def test_a_day_is_compared_inside_its_wave_only(sample):
    centred = timing.by_days(timing.delays(sample))
    assert (centred["estimate"] * centred["n"]).groupby(centred["side"]).sum().abs().max() < 1e-6


def test_without_invitations_nothing_is_late(required_only):
    assert timing.delays(required_only) == []
    assert timing.by_days([]).empty
    assert timing.timing_sentence(timing.late_against_early([], RATES), 8) == ""


def test_what_cannot_be_compared_says_why_and_few_are_not_spoken_of():
    still = pd.DataFrame({"unit": range(20), "wave": "w", "late": 0, "step": 0, "n_score": 2, "sum_score": 100.0})
    frame = timing.late_against_early([timing.Delays(coverage.EX, "ease", 0, still)], RATES)
    assert "not assessed" in timing.timing_sentence(frame, 8)
    assert timing.timing_sentence(frame.assign(n_units=5), 8) == ""


def test_what_is_known_of_the_silent_is_told_for_simulated_data_only(sample, meddled):
    assert "−0.9 points" in timing.planted_silence(sample)
    assert meddled.truth is None
    assert timing.planted_silence(meddled) == ""


# -- choosing ------------------------------------------------------------------------------------------


def test_nobody_chooses_where_invitations_are_drawn(sample):
    """Truth: nine of ten contacts are invited, whatever happened in them."""
    scores, outcomes = choice.against_score(sample, cx_asked(sample)), choice.against_outcome(sample)
    assert not scores["verdict"].isin(["higher", "lower"]).any()
    assert (outcomes["verdict"] == "no meaningful association").all()
    assert "o clear sign that people choose" in choice.score_sentence(scores, 8)
    assert choice.outcome_sentence(outcomes, 8).startswith("**No sign that invitations depend")


def test_choosing_is_found(meddled):
    scores = choice.against_score(meddled, cx_asked(meddled)).set_index(["asked", "who", "kind"])
    assert scores.loc[("customers", "employees", choice.BETWEEN), "verdict"] == "lower"
    said = choice.score_sentence(scores.reset_index(), 8)
    assert said.startswith("**Where fewer customers are asked, scores are higher")
    outcomes = choice.against_outcome(meddled).set_index("outcome")
    found = outcomes.loc["resolved at first contact"]
    # half of the employees, two thirds of the unresolved, nine tenths invited to begin with: 0.30, less what the
    # discontented among the resolved take away
    assert 0.15 < found.conf_low < found.conf_high < 0.32
    said = choice.outcome_sentence(outcomes.reset_index(), 8)
    assert said.startswith("**Invitations depend on how the contact went**: resolved at first contact (+")


def test_shares_and_scores_are_those_of_the_rows(sample):
    cells = choice._customers_asked(sample)
    contacts = cx_asked(sample)
    assert cells["all_"].sum() == contacts["contacts"].sum()
    assert cells["invited"].sum() == contacts["invited"].sum()
    raw = sample.query("SELECT sum((satisfaction - 1) / 4 * 100) AS s FROM interactions ORDER BY s")["s"].iloc[0]
    assert cells["sum_score"].sum() == pytest.approx(raw)  # every answer of the sample has its invitation


def test_without_invitations_or_where_all_are_asked_nobody_can_choose(required_only):
    assert choice.against_score(required_only, cx_asked(required_only)).empty
    assert choice.against_outcome(required_only).empty
    assert choice.score_sentence(choice.against_score(required_only, cx_asked(required_only)), 8) == ""
    everybody = study_of(cx_invitations="SELECT interaction_id, started_at AS invited_at FROM interactions")
    frame = choice.against_score(everybody, cx_asked(everybody))
    frame = frame[frame["asked"] == "customers"]
    assert frame["note"].str.contains("nobody could choose").all()
    assert (frame["verdict"] == "not assessed").all()
    assert choice.score_sentence(frame, 8).startswith("not assessed: every contact")
    assert choice.outcome_sentence(choice.against_outcome(everybody), 8) == ""


def test_people_at_work_are_invited_or_not_and_answer_once(sample):
    cells = choice._employees_asked(sample, cx_asked(sample))
    assert set(cells["invited"]) == {0, 1}
    assert not cells.duplicated(["employee_id", "team_id", "quarter"]).any()
    one = cells[cells["n_score"] > 0].iloc[0]
    raw = sample.query(
        f"SELECT avg((score - 1) / 4 * 100) AS m FROM ex_responses WHERE employee_id = '{one.employee_id}' "
        "AND kpi = 'satisfaction' AND year(responded_on) || 'Q' || quarter(responded_on) = "
        f"'{one.quarter}' ORDER BY m"
    )["m"].iloc[0]
    assert one.sum_score / one.n_score == pytest.approx(raw)


def test_teams_that_invite_the_content_only_are_found(sample, monkeypatch):
    """In every second team, who was not content the quarter long is not invited: fewer asked, and a higher mean."""
    whole = choice._employees_asked(sample, cx_asked(sample)).assign(invited=1)
    mean = whole["sum_score"] / whole["n_score"].where(whole["n_score"] > 0)
    out = (whole["team_id"].str[-1].astype(int) % 2 == 0) & (mean < 60)
    picked = whole.assign(**{c: whole[c].mask(out, 0) for c in ("invited", "n_score", "sum_score")})
    monkeypatch.setattr(choice, "_employees_asked", lambda data, contacts: picked)
    frame = choice.against_score(sample, cx_asked(sample)).set_index(["asked", "kind"])
    assert frame.loc[("employees", choice.BETWEEN), "verdict"] == "lower"
    assert "Where fewer employees are asked" in choice.score_sentence(frame.reset_index(), 8)


def test_slopes_of_few_are_not_spoken_of(sample):
    frame = choice.against_score(sample, cx_asked(sample))
    assert choice.score_sentence(frame.assign(n_units=5), 8) == ""
    assert choice.outcome_sentence(choice.against_outcome(sample).assign(n_units=5), 8) == ""
