"""Scenarios of a study file and the value of information: paired draws, no effect, sure decisions, honest lines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.steps import business_rollup as step
from exlink.steps.business_rollup import scenario_words, voi, voi_words
from exlink.steps.business_rollup.chain import planted_money
from exlink.steps.business_rollup.links import EXITS, OVERALL, REVENUE, STAY
from exlink.steps.business_rollup.scenarios import benefit

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
REPS = 400
PLANS = [
    {"aspect": "tools", "delta": 0.3, "cost": 20_000},
    {"name": "tools, two years", "aspect": "tools", "delta": 0.3, "cost": 20_000, "duration_months": 24},
    {"aspect": "Psychological Safety", "delta": 0.5, "cost_per_person": 200, "group": "bank advisor"},
    {"name": "callback", "kind": "cx", "aspect": "waiting_time", "delta": 0.3, "cost": 12_000},
]


def euros(value: float) -> str:
    return f"€{value:,.0f}"


@pytest.fixture(scope="module")
def planned():
    """The sample with scenarios of its own."""
    study = load_study(SAMPLE)
    declared = type(study).model_validate(
        {**study.model_dump(exclude={"period"}), "period": study.period.label, "scenarios": PLANS}
    )
    return open_data(declared.model_copy(update={"folder": study.folder}), threads=1)


@pytest.fixture(scope="module")
def rolled(sample):
    return step.roll_up(sample, reps=REPS, seed=1)


@pytest.fixture(scope="module")
def cases(planned):
    return step.study_cases(planned)


@pytest.fixture(scope="module")
def plans(rolled, cases):
    return step.assess(rolled, cases)


def without_effect(rolled):
    """The chain with every link from EX centred on zero: what is drawn is noise."""
    draws = rolled.draws.draws.copy()
    names = [n for n in draws if n in rolled.aspects or n.startswith(STAY)]
    draws[names] -= draws[names].mean()
    table = rolled.draws.table.set_index("term")
    table.loc[names, "estimate"] = 0.0
    return replace(rolled, draws=replace(rolled.draws, draws=draws, table=table.reset_index()))


# -- what the study file says ----------------------------------------------------------------------------


def test_every_scenario_of_the_file_becomes_a_case(planned, cases):
    assert [c.lever for c in cases] == [
        "raise tools by 0.3 points", "tools, two years", "raise psychological safety by 0.5 points, bank advisor",
        "callback"]  # fmt: skip
    advisors = step.group(planned, "bank advisor").people
    assert [c.cost for c in cases] == [20_000, 20_000, 200 * advisors, 12_000]
    assert [c.months for c in cases] == [12, 24, 12, 12]
    assert [c.side for c in cases] == ["employees"] * 3 + ["customers"]


def test_without_scenarios_the_file_gives_none(sample):
    assert step.study_cases(sample) == []


def test_a_case_is_what_the_parameters_would_have_made_of_it(rolled, sample, plans):
    same = step.scenarios(rolled, step.group(sample), points=0.3, cost=20_000, wait_cut=0.3)
    columns = ["benefit", "benefit_low", "benefit_high", "net", "p_pays", "payback_months", "worth_paying"]
    mine = plans.set_index("lever").loc["raise tools by 0.3 points", columns].astype(float)
    theirs = same.set_index("lever").loc["raise tools by 0.3 points", columns].astype(float)
    np.testing.assert_allclose(mine, theirs)


def test_twice_as_long_brings_twice_as_much_and_pays_back_as_fast(plans):
    at = plans.set_index("lever")
    short, long = at.loc["raise tools by 0.3 points"], at.loc["tools, two years"]
    assert long["benefit"] == pytest.approx(2 * short["benefit"])
    assert long["net_median"] + 20_000 == pytest.approx(2 * (short["net_median"] + 20_000))
    assert long["payback_months"] == pytest.approx(short["payback_months"])
    assert long["p_pays"] > short["p_pays"]


def test_ranges_lie_in_each_other_and_around_the_median(plans):
    order = ["net_low", "net_low80", "net_median", "net_high80", "net_high"]
    assert (np.diff(plans[order].to_numpy(float), axis=1) > 0).all()


# -- at equal spend --------------------------------------------------------------------------------------


def test_sides_are_compared_draw_by_draw_per_unit_of_money(rolled, cases, plans):
    rival = benefit(rolled, cases[3])[1] / 12_000
    for case in cases[:3]:
        own = benefit(rolled, case)[1] / case.cost
        row = plans.set_index("lever").loc[case.lever]
        assert row["p_beats"] == pytest.approx((own > rival).mean())
    assert np.isnan(plans.set_index("lever").at["callback", "p_beats"])


def test_common_links_do_not_count_twice(rolled, sample):
    """Customers' side against EX through customers alone: pairing makes the comparison surer than separate draws."""
    only = replace(rolled, replacement=np.full(REPS, np.nan))
    who = step.group(sample)
    own = step.Case("a", "tools", "employees", 0.1, who, 1.0)
    other = step.Case("b", "", "customers", 0.2, who, 1.0)
    first, rival = (benefit(only, case)[1] for case in (own, other))
    paired, apart = np.std(first - rival), np.hypot(np.std(first), np.std(rival))
    assert paired < 0.95 * apart


def test_the_sentence_tells_which_side_wins_or_that_it_is_open(plans, cases):
    told = scenario_words.versus_sentence(plans, cases[0])
    assert "the employees' side brings more" in told
    assert "per unit of money" in told
    half = plans.assign(p_beats=0.5)
    assert "inconclusive" in scenario_words.versus_sentence(half, cases[0])
    assert "the customers' side brings more" in scenario_words.versus_sentence(plans.assign(p_beats=0.02), cases[0])
    ours = plans[plans["side"] == "employees"].assign(p_beats=np.nan)
    assert scenario_words.versus_sentence(ours, cases[0]).startswith("Not compared")


# -- no effect -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cost", "low", "high"), [(1e-6, 0.4, 0.6), (1e9, 0.0, 0.0)])
def test_without_an_effect_it_is_a_toss_up_at_no_cost_and_never_pays_at_a_high_one(rolled, sample, cost, low, high):
    nothing = without_effect(rolled)
    table = step.scenarios(nothing, step.group(sample), points=0.3, cost=cost, wait_cut=0)
    assert table["p_pays"].between(low, high).all()
    assert not table["clear"].any()
    assert "none is named best" in scenario_words.scenario_sentence(table, euros)


# -- words -----------------------------------------------------------------------------------------------


def test_words_tell_cost_range_and_payback(rolled, cases, plans):
    told = scenario_words.scenario_sentence(plans, euros)
    assert "Of the 4 scenarios of this study" in told
    assert "“callback” for €12,000" in told
    chosen = step.first_case(plans, cases)
    row = plans.set_index("lever").loc[chosen.lever]
    ranges = scenario_words.range_sentence(plans, chosen, euros)
    for name in ("net_median", "net_low80", "net_high"):
        assert euros(row[name]) in ranges
    assert "Waits fall by the same share" in scenario_words.assumptions(rolled, plans, cases, euros)
    assert "12 or 24 months" in scenario_words.assumptions(rolled, plans, cases, euros)


def test_a_payback_beyond_the_months_counted_is_told(rolled, sample):
    who = step.group(sample)
    dear = step.default_cases(rolled, who, points=0.1, cost=50_000, wait_cut=0)
    table = step.assess(rolled, dear)
    assert "longer than the effect is counted for" in scenario_words.range_sentence(table, dear[0], euros)


def test_columns_that_do_not_differ_are_not_shown(rolled, sample, plans):
    same = step.scenarios(rolled, step.group(sample), points=0.3, cost=20_000, wait_cut=0.2)
    assert "cost" not in step.plan_columns(same)
    assert {"cost", "months"} <= set(step.plan_columns(plans))


def test_the_histogram_holds_every_resample(rolled, cases):
    bins = step.net_spread(rolled, cases[0])
    assert bins["count"].sum() == REPS
    assert step.net_spread(rolled, None).empty


# -- less data -------------------------------------------------------------------------------------------


def test_levers_without_a_link_are_named_beside_those_that_have_one(required_only, cases):
    rolled = step.roll_up(required_only, reps=REPS, seed=1)
    table = step.assess(rolled, cases)
    assert set(table["side"]) == {"employees"}
    assert step.not_assessed(rolled, cases) == ["not assessed, for want of a link to money: callback"]
    assert scenario_words.versus_sentence(table, cases[0]).startswith("Not compared")


def test_without_money_nothing_is_assumed_or_measured(one_wave, cases):
    rolled = step.roll_up(one_wave, reps=REPS, seed=1)
    table = step.assess(rolled, cases)
    assert table.empty
    assert step.first_case(table, cases) is None
    assert step.not_assessed(rolled, cases) == []
    assert scenario_words.assumptions(rolled, table, cases, euros) == ""
    assert scenario_words.range_sentence(table, None, euros) == ""
    found = voi.worth_of_knowing(rolled, None, seed=1)
    assert voi_words.voi_sentence(found, euros).startswith("Not assessed")
    assert voi.worth_table(found).empty


# -- what to measure -------------------------------------------------------------------------------------


def near_the_edge(rolled, sample):
    """A lever whose cost is what it brings on average: where knowing more is worth most."""
    who = step.group(sample)
    draws = benefit(rolled, step.Case("x", "tools", "employees", 0.3, who, 1.0))[1]
    return step.Case("tools at the edge", "tools", "employees", 0.3, who, float(draws.mean()))


def test_the_worth_of_a_link_lies_between_nothing_and_everything(rolled, sample):
    found = voi.worth_of_knowing(rolled, near_the_edge(rolled, sample), seed=1)
    assert found.everything.value > 0
    assert found.links["worth"].between(0, found.everything.value).all()
    assert found.links["worth"].is_monotonic_decreasing
    assert set(found.links["link"]) >= {OVERALL, REVENUE, EXITS, "tools → contact", "tools → work satisfaction"}
    first = found.links.iloc[0]
    told = voi_words.voi_sentence(found, euros)
    assert f"“{first['link']}” better is worth at most {euros(first['worth'])}" in told
    assert voi.worth_table(found)["worth"].iloc[-1] == found.everything.value


def test_narrowing_agrees_with_the_tornado_on_what_moves_the_answer_most(rolled, sample):
    found = voi.worth_of_knowing(rolled, near_the_edge(rolled, sample), seed=1).links
    hinges = step.tornado(rolled, "tools", 0.3)
    widest = found.sort_values("narrowing", ascending=False)["link"].iloc[0]
    assert widest in set(hinges["link"].head(2))


def test_a_link_known_exactly_has_nothing_to_tell(rolled, sample):
    draws = rolled.draws.draws.assign(**{EXITS: float(rolled.draws.draws[EXITS].mean())})
    sure = replace(rolled, draws=replace(rolled.draws, draws=draws))
    links = voi.worth_of_knowing(sure, near_the_edge(sure, sample), seed=1).links.set_index("link")
    assert links.at[EXITS, "worth"] == 0
    assert links.at[EXITS, "narrowing"] == pytest.approx(0, abs=1e-12)


def test_a_sure_decision_leaves_nothing_to_measure(rolled, sample):
    case = replace(near_the_edge(rolled, sample), cost=1e9)
    found = voi.worth_of_knowing(rolled, case, seed=1)
    assert found.everything.value == 0
    assert (found.links["worth"] == 0).all()
    assert "Nothing more need be measured" in voi_words.voi_sentence(found, euros)
    assert not found.pays


def test_the_planted_benefit_through_customers_lies_in_the_range(rolled, sample):
    """Without replacement costs all of a lever's benefit comes through customers, where the truth is known."""
    only = replace(rolled, replacement=np.full(REPS, np.nan))
    table = step.scenarios(only, step.group(sample), points=0.3, cost=10_000, wait_cut=0).set_index("aspect")
    for aspect in ("tools", "knowledge", "empowerment"):
        truth = rolled.margin_share * sum(planted_money(rolled, aspect, 0.3).values())
        assert table.at[aspect, "benefit_low"] < truth < table.at[aspect, "benefit_high"], aspect
