"""01: gaps are found, shares add up, the two lanes are what they say they are."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.coarse import step_of
from exlink.errors import ParameterError
from exlink.steps.journey_mapping import influence, lifecycle, track


@pytest.fixture(scope="module")
def moments(sample):
    return lifecycle.touchpoints(sample).set_index("touchpoint")


@pytest.fixture(scope="module")
def order(sample):
    return track.stage_order(sample)


@pytest.fixture(scope="module")
def reach(sample, order):
    return influence.influence(sample, "satisfaction", order)


@pytest.fixture(scope="module")
def both(sample, order):
    return track.both_sides(sample, order)


# -- lifecycle (M1, M2) ------------------------------------------------------------------------------


def test_all_nine_touchpoints_have_a_row_and_the_planted_gap_is_found(sample, moments):
    assert list(moments.index[:9]) == list(lifecycle.LIFECYCLE)
    gaps = sample.truth["gaps"]["touchpoints_without_survey"]
    assert list(moments.index[moments["gap"] == lifecycle.NEVER_ASKED]) == gaps
    assert moments.loc[gaps, "estimate"].isna().all(), "nobody was asked: that is no response rate of zero"
    assert moments.loc[gaps, "met"].gt(0).all()
    assert "blind spot" in lifecycle.gaps_sentence(moments.reset_index(), "employees")


def test_people_behind_a_row_are_those_who_answered(sample, moments):
    counted = sample.query(
        "SELECT touchpoint, count(DISTINCT employee_id) AS n FROM ex_responses GROUP BY ALL ORDER BY ALL"
    ).set_index("touchpoint")["n"]
    measured = moments[moments["measured"]]
    assert measured["n_units"].to_dict() == counted.to_dict()


def test_people_on_either_side_of_a_response_rate_are_counted(sample, moments):
    asked = sample.query("""
        SELECT i.employee_id, i.invited_on, count(r.employee_id) > 0 AS answered FROM ex_invitations i
        LEFT JOIN ex_responses r ON r.employee_id = i.employee_id AND r.touchpoint = i.touchpoint
        AND r.responded_on >= i.invited_on WHERE i.touchpoint = 'hiring' GROUP BY ALL ORDER BY ALL""")
    assert moments.loc["hiring", "n_yes"] == asked.loc[asked["answered"], "employee_id"].nunique()
    assert moments.loc["hiring", "n_no"] == asked.loc[~asked["answered"], "employee_id"].nunique()
    quarters = lifecycle.coverage(sample)
    seen = quarters["value"].notna()
    assert (quarters["n_yes"] + quarters["n_no"])[seen].equals(quarters["n_units"][seen])
    unasked = quarters[~seen]
    assert unasked["n_yes"].equals(unasked["n_no"]), "nobody asked: no share, no sides"
    assert unasked["n_yes"].equals(unasked["n_units"])


def test_a_touchpoint_outside_the_nine_is_kept(sample, monkeypatch):
    nine = tuple(name for name in lifecycle.LIFECYCLE if name != "coaching")
    monkeypatch.setattr(lifecycle, "LIFECYCLE", nine)
    assert lifecycle.touchpoints(sample)["touchpoint"].iloc[-1] == "coaching"


def test_without_invitations_answers_are_counted_and_no_rate_is_invented(required_only):
    frame = lifecycle.touchpoints(required_only).set_index("touchpoint")
    assert frame["estimate"].isna().all()
    assert frame.loc["everyday work", "answers"] > 0
    assert frame.loc["performance improvement plan", "gap"] == lifecycle.NOT_SEEN
    assert "who answered" in lifecycle.coverage_unit(required_only)[0]
    assert (lifecycle.coverage(required_only)["value"] == lifecycle.coverage(required_only)["n_units"]).all()


def test_coverage_is_the_share_of_people_who_met_the_moment(sample):
    frame = lifecycle.coverage(sample)
    assert frame["value"].dropna().between(0, 1).all()
    assert frame.loc[frame["touchpoint"] == "performance improvement plan", "value"].isna().all()


def test_kpis_are_per_cent_of_the_scale(sample):
    frame = lifecycle.kpis(sample).set_index(["touchpoint", "kpi"])
    raw = sample.query(
        "SELECT avg(score) AS m FROM ex_responses WHERE touchpoint = 'coaching' AND kpi = 'recommend' ORDER BY m"
    )["m"].iloc[0]
    step = step_of(frame.loc[("coaching", "recommend"), "n"], 10.0)  # some answer is that of a few people
    assert frame.loc[("coaching", "recommend"), "estimate"] == pytest.approx(raw * 10, abs=step / 2)
    assert (
        frame.loc[("coaching", "recommend"), "conf_low"] < raw * 10 < frame.loc[("coaching", "recommend"), "conf_high"]
    )
    assert frame["estimate"].dropna().between(0, 100).all()


def test_all_nine_touchpoints_have_a_cell_for_every_kpi(sample):
    frame = lifecycle.kpis(sample)
    assert list(dict.fromkeys(frame["touchpoint"]))[:9] == list(lifecycle.LIFECYCLE)
    assert (frame.groupby("touchpoint")["kpi"].nunique() == 3).all()
    unasked = frame[frame["touchpoint"] == "performance improvement plan"]
    assert unasked["estimate"].isna().all()
    assert (unasked[["n", "n_units"]] == 0).all().all()


def test_recognition_was_planted_above_after_training_support(sample):
    """MOMENT_EFFECT is +0.30 against −0.15 points on 1–5, or 11 % of the scale."""
    frame = lifecycle.kpis(sample).set_index(["touchpoint", "kpi"])
    gap = (
        frame.loc[("recognition", "satisfaction"), "estimate"]
        - frame.loc[("after-training support", "satisfaction"), "estimate"]
    )
    assert gap == pytest.approx(0.45 / 4 * 100, abs=9)


def test_overlapping_moments_are_not_put_in_order():
    frame = pd.DataFrame(
        {
            "touchpoint": ["a", "b"],
            "kpi": "satisfaction",
            "estimate": [60.0, 62.0],
            "conf_low": [50.0, 52.0],
            "conf_high": [70.0, 72.0],
            "n_units": [20, 20],
        }
    )
    assert "inconclusive" in lifecycle.kpis_sentence(frame, 8)
    assert lifecycle.kpis_sentence(frame.assign(n_units=3), 8) == ""


# -- influence (M3, M4) ------------------------------------------------------------------------------


def test_shares_of_a_role_add_up_and_every_role_has_every_stage(reach, order, sample):
    assert np.allclose(reach.groupby("role")["share"].sum(), 1)
    assert len(reach) == reach["role"].nunique() * len(order)
    assert reach["interactions"].sum() == sample.query("SELECT count(*) AS n FROM interactions ORDER BY n")["n"].iloc[0]
    never = reach[reach["interactions"] == 0]
    assert never["share"].isna().all()
    assert (never["n_units"] == 0).all()


def test_employees_share_is_about_what_was_planted(reach, sample):
    """Planted: employee, team and what EX does between persons, of the observed variance of single answers."""
    planted = {
        v["component"]: v["observed_share"] for v in sample.truth["variance_components"] if v["kpi"] == "satisfaction"
    }
    found = (reach["between"] * reach["n"]).sum() / reach["n"].sum()
    assert planted["employee"] < found < planted["employee"] + planted["team"] + 0.04


def test_no_share_where_scores_do_not_depend_on_who_serves(sample, order, monkeypatch):
    """Customers' answers dealt out to employees by a hash: adjusted for the number of cells, none looks certain."""

    def shuffled(data, by):
        return data.query("""
            SELECT e.employee_id, role, touchpoint, count(*) AS contacts, count(satisfaction) AS n_satisfaction,
                   coalesce(sum(satisfaction), 0) AS sum_satisfaction,
                   coalesce(sum(satisfaction * satisfaction), 0) AS sumsq_satisfaction
            FROM (SELECT *, hash(interaction_id) % 240 AS nth FROM interactions) i
            JOIN (SELECT employee_id, role AS r, row_number() OVER (ORDER BY employee_id) - 1 AS nth FROM employees) e
            USING (nth) GROUP BY ALL ORDER BY ALL""")

    monkeypatch.setattr(influence, "cx_answer_cells", shuffled)
    frame = influence.influence(sample, "satisfaction", order)
    assert frame["certain"].sum() <= 1, "and one in twenty such studies has one that does"
    assert (frame["between"] * frame["n"]).sum() / frame["n"].sum() < 0.015


def test_certain_cells_survive_the_adjustment_and_exclude_zero(reach):
    sure = reach["certain"]
    assert 0 < sure.sum() <= (reach["conf_low"] > 0).sum()
    assert (reach.loc[sure, "conf_low"] > 0).all()
    assert (reach.loc[sure, "p_adjusted"] < 0.05).all()
    assert (reach.loc[~sure & reach["icc"].notna(), "p_adjusted"] >= 0.05).all()


def test_sentence_of_shares_counts_what_survives_and_calls_the_rest_inconclusive():
    frame = pd.DataFrame({"role": "agent", "touchpoint": ["a", "b"], "icc": [0.08, -0.02], "between": [0.08, 0.0],
                          "conf_low": [0.03, -0.05], "conf_high": [0.15, 0.04], "n": [100, 100], "n_units": [20, 20],
                          "certain": [True, False]})  # fmt: skip
    said = influence.influence_sentence(frame, "ease", 8)
    assert "On average 3.0% of" in said, "what came out below zero counts as it came out"
    assert "In 1 of 2 cells it is above zero after adjustment" in said
    assert "the others are inconclusive" in said
    none = influence.influence_sentence(frame.assign(certain=False), "ease", 8)
    assert "In none of 2 cells" in none
    assert "inconclusive: the intervals reach up to 15.0%" in none
    assert influence.influence_sentence(frame, "ease", 50).startswith("not assessed")


def test_unknown_kpi_is_refused_with_the_nearest_word(sample):
    assert influence.chosen_kpi(sample, "") == "satisfaction"
    with pytest.raises(ParameterError, match="Did you mean 'recommend'"):
        influence.chosen_kpi(sample, "recomend")


def test_team_grain_has_one_row_of_units(team_grain):
    frame = influence.influence(team_grain, "satisfaction", track.stage_order(team_grain))
    assert set(frame["role"]) == {influence.EVERYBODY}
    assert frame["n_units"].max() == 20


# -- one track (M5) ----------------------------------------------------------------------------------


def test_journey_starts_with_onboarding_and_can_be_reordered(sample, order):
    assert order[0] == "onboarding"
    assert track.stage_order(sample, order[::-1]) == order[::-1]
    with pytest.raises(ParameterError, match="leaves out"):
        track.stage_order(sample, order[1:])
    with pytest.raises(ParameterError, match="Did you mean 'claim'"):
        track.stage_order(sample, ["claims", *order])


def test_upper_lane_is_what_customers_said(both, sample):
    row = both[(both["lane"] == track.CUSTOMERS) & (both["stage"] == "claim") & (both["series"] == "ease")].iloc[0]
    raw = sample.query(
        "SELECT avg(ease) AS m, count(ease) AS n FROM interactions WHERE touchpoint = 'claim' ORDER BY m"
    )
    assert row["value"] == pytest.approx((raw["m"].iloc[0] - 1) / 4 * 100)
    assert row["n"] == raw["n"].iloc[0]
    assert row["low"] < row["value"] < row["high"]


def test_lower_lane_weighs_people_by_their_contacts(both, sample):
    row = both[(both["lane"] == track.EMPLOYEES) & (both["stage"] == "renewal") & (both["series"] == "satisfaction")]
    raw = sample.query(
        "SELECT avg(e.ex_satisfaction) AS m, count(e.ex_satisfaction) AS n FROM linked JOIN exposures e "
        "USING (employee_id, wave) WHERE touchpoint = 'renewal' ORDER BY m"
    ).iloc[0]
    assert row["value"].iloc[0] == pytest.approx((raw["m"] - 1) / 4 * 100)
    assert row["n"].iloc[0] == raw["n"]


def test_planted_low_stages_are_the_low_ones(both):
    cx = both[(both["lane"] == track.CUSTOMERS) & (both["series"] == "satisfaction")].set_index("stage")["value"]
    assert set(cx.nsmallest(2).index) == {"claim", "cancellation"}


def test_a_study_without_ex_kpis_falls_back_on_the_aspects(sample, order, monkeypatch):
    monkeypatch.setattr(track, "ex_kpi_scales", lambda data: {})
    frame = track.both_sides(sample, order)
    lower = frame[frame["lane"] == track.EMPLOYEES]
    assert set(lower["series"]) == {track.MEAN_OF_ASPECTS}
    assert lower["value"].between(0, 100).all()


def test_sentence_does_not_blame_people_who_differ_by_nothing(both):
    said = track.track_sentence(both, 8)
    assert "not shown to differ" in said
    assert "claim" in said


@pytest.mark.parametrize(("low", "said"), [(30.0, "is lower"), (58.0, "nothing says that who serves which stage")])
def test_sentence_of_the_track_needs_intervals_apart(low, said):
    lane = {"lane": [track.CUSTOMERS] * 2 + [track.EMPLOYEES] * 2, "stage": ["claim", "enquiry"] * 2}
    frame = pd.DataFrame({**lane, "series": "ease", "value": [40.0, 80.0, low, 60.0], "n_units": 20})
    frame = frame.assign(low=frame["value"] - 5, high=frame["value"] + 5)
    assert said in track.track_sentence(frame, 8)


def test_team_grain_speaks_of_units(team_grain):
    frame = track.both_sides(team_grain, track.stage_order(team_grain))
    assert set(frame["lane"]) == {track.CUSTOMERS, track.UNITS}
