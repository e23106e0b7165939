"""01: the week in which a change arrives is the planted one, and its absence is said in one line."""

import numpy as np
import pytest

from exlink.errors import ParameterError
from exlink.steps.journey_mapping import delay
from tests.steps.linkage_world import Plan, open_study


@pytest.fixture(scope="module")
def late(sample):
    return delay.delay(sample, "", 4, 10)


def test_the_planted_week_is_found_for_every_kpi(sample, late):
    """A state acts from lag_days = 14 days after the answer: week 2 of the profile, and none before."""
    table = late.arrivals.set_index("outcome")
    assert sample.truth["timing"]["lag_days"] == 14
    assert (table["planted_week"] == 2).all()
    assert ((table["first"] <= 2) & (table["last"] >= 2)).all()
    assert (table["conf_low"] <= table["planted"]).all()
    assert (table["planted"] <= table["conf_high"]).all()
    assert (table["p_leads"] > 0.05).all()
    assert "Planted in this simulated study" in delay.agreement_sentence(late)
    assert {fact["outcome"]: fact["arrives"] for fact in delay.facts(late)} == dict.fromkeys(sample.cx_kpis, 2)


def test_one_aspect_alone_has_the_effect_planted_for_it(sample):
    late = delay.delay(sample, "tools", 4, 10)
    table = late.arrivals.set_index("outcome")
    marginal = {e["kpi"]: e["marginal"] for e in sample.truth["effects"] if e["aspect"] == "tools"}
    for kpi, row in table.iterrows():
        assert row["conf_low"] <= marginal[kpi] <= row["conf_high"]
        assert row["planted"] == pytest.approx(marginal[kpi], abs=0.03), "two ways to reckon the same expectation"
    assert late.label == "tools"


def test_weeks_before_the_answer_are_marked_as_placebo(late):
    rows = delay.of_outcome(late, "ease")
    assert set(rows["series"]) == {delay.WEEKLY, delay.SMOOTH, delay.PLANTED}
    assert rows["week"].between(-4, 10).all()
    assert (rows["before"] == (rows["week"] < 0)).all()
    assert (rows["n_units"] > 100).all()


def test_sentence_says_the_week_and_the_placebo(late):
    said = delay.delay_sentence(late, "satisfaction", 8)
    assert "in week 2 after the answer" in said
    assert "nothing clear moves" in said
    assert delay.delay_sentence(late, "satisfaction", 1000) == ""
    warned = late.arrivals.assign(p_leads=0.001)
    assert "already differ *before*" in delay.delay_sentence(
        delay.Delay(late.profile, warned, late.label, ""), "satisfaction", 8
    )


def test_no_effect_is_inconclusive_and_says_what_could_have_been_seen(tmp_path):
    none = open_study(tmp_path, Plan(units=64, waves=5, contacts=30, slope=0.0, seed=11))
    late = delay.delay(none, "tools", 3, 8)
    assert late.arrivals["p_lags"].iloc[0] > 0.05
    said = delay.delay_sentence(late, "satisfaction", 8)
    assert "Inconclusive" in said
    assert "would have shown" in said
    assert late.arrivals["when"].iloc[0] == "no clear change"
    assert delay.agreement_sentence(late) == "", "real data have no planted week"


def test_an_effect_without_delay_arrives_with_the_answer(tmp_path):
    """The small world plants an effect from the day of the answer on."""
    world = open_study(tmp_path, Plan(units=64, waves=5, contacts=40, slope=0.6, seed=12))
    row = delay.delay(world, "tools", 3, 8).arrivals.iloc[0]
    assert (row["first"], row["arrives"], row["last"]) == (0, 0, 0)
    assert row["conf_low"] < 0.6 < row["conf_high"] + 0.05, "scores are clipped at 5, which flattens a little"


def test_studies_that_cannot_carry_it_say_so(one_wave, team_grain, sample):
    late = delay.delay(one_wave, "", 4, 10)
    assert delay.why_not(late, "satisfaction").startswith("not assessed: effects within employees need")
    assert late.profile.empty
    assert delay.delay_sentence(late, "satisfaction", 8) == ""
    assert delay.agreement_sentence(late) == ""
    assert delay.facts(late) == []
    units = delay.delay(team_grain, "", 2, 6)
    assert delay.why_not(units, "satisfaction") == "" or "not assessed" in delay.why_not(units, "satisfaction")
    long = delay.delay(sample, "", 40, 80)
    assert delay.why_not(long, "satisfaction").startswith("not assessed")


def test_parameters_are_checked(sample):
    with pytest.raises(ParameterError, match="Did you mean 'tools'"):
        delay.delay(sample, "tool", 4, 10)
    with pytest.raises(ParameterError, match="at least 1 and 3"):
        delay.delay(sample, "", 0, 10)


def test_without_aspects_the_overall_scores_are_followed(sample, monkeypatch):
    monkeypatch.setattr(delay, "aspect_columns", lambda data: [])
    state = delay._followed(sample, "")[0]["state"]
    assert state.notna().any()
    assert np.nanmin(state) >= 1
