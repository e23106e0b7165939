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
    assert "stands higher from about week 2 after the answer on" in said, "a gradual change is not ruled out"
    assert "reach" not in said, "that answers stand higher afterwards does not say why"
    missed = late.arrivals.set_index("outcome").loc["satisfaction", "missed"]
    assert f"one of up to about {missed:.2f} points per point could have been missed" in said
    assert "as it must be" not in said
    assert delay.delay_sentence(late, "satisfaction", 1000) == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"p_leads": 0.001}, "part of the profile may be something else"),
        ({"missed": 9.0}, "as much as what is seen after it, so the placebo says little"),
        ({"arrives": 1, "full": 5, "first": 0, "last": 3}, "comes to stand higher gradually, in no single week"),
        ({"arrives": 1, "full": 5, "first": 0, "last": 3}, "from week 1 after the answer to week 5 after the answer"),
        ({"longest": 4}, "a gradual change over up to 4 weeks fits nearly as well"),
        ({"longest": 1}, "if it comes in one step: week 2 alone)"),
        ({"longest": 4}, "from about week 2"),
        ({"estimate": -0.4}, "stands lower from week 2"),
        ({"arrives": -2, "full": -2, "first": -2, "last": -1}, "week −2 on, before employees answer, so it does not"),
        ({"arrives": 0, "full": 0, "first": 0, "last": 0}, "from the week of the answer on"),
        ({"p_lags": 0.2}, "Inconclusive"),
    ],
)
def test_every_case_has_its_words(late, changed, said):
    plain = {"arrives": 2, "full": 2, "first": 2, "last": 2, "longest": 1, "p_lags": 0.001, "p_leads": 0.5,
             "missed": 0.1, "estimate": 0.4}  # fmt: skip
    table = late.arrivals.assign(**{**plain, **changed})
    assert said in delay.delay_sentence(delay.Delay(late.profile, table, late.label, ""), "satisfaction", 8)


def test_the_table_names_the_weeks_of_a_gradual_change(late):
    row = next(late.arrivals.assign(arrives=1, full=5, first=-1, last=3, p_lags=0.001).itertuples())
    assert delay._when(row) == "gradually, week 1 (−1 to 3) to 5"


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
