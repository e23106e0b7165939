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
from exlink.steps.business_rollup.schedule import arrivals, benefit, cash, flows

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


# -- when the money comes ----------------------------------------------------------------------------------


def only_customers(rolled):
    return replace(rolled, replacement=np.full(REPS, np.nan))


def test_a_quarter_of_a_years_customer_money_has_come_within_the_year(rolled, sample):
    """By hand, quarter by quarter: contact, rating, money; who would have left pays in the four quarters after that.

    Two of four cohorts' revenue; of the kept, the cohort of the first quarter has paid one of four quarters. Within a
    quarter money flows evenly, which spreads the second part: half a quarter more of waiting at either end.
    """
    case = step.Case("x", "tools", "employees", 0.3, step.group(sample), 1.0)
    found, when = flows(rolled, case), arrivals(rolled, case)
    assert when["revenue"][:12].sum() == pytest.approx(2 / 4)
    assert when["saved"][:12].sum() == pytest.approx(3 / 4)
    assert when["kept"][:12].sum() == pytest.approx(1 / 32)
    total = found["revenue"][0] + found["kept"][0]
    arrived = cash(only_customers(rolled), case)[0][:12].sum() / total
    by_quarters = (found["revenue"][0] * 2 / 4 + found["kept"][0] / 16) / total
    assert 0.15 < arrived < 0.3
    assert arrived == pytest.approx(by_quarters, abs=0.03)


def test_money_that_comes_in_all_is_what_the_effect_brings(rolled, sample):
    case = step.Case("x", "tools", "employees", 0.3, step.group(sample), 1.0, 18)
    money = benefit(rolled, case)
    estimate, draws = cash(rolled, case)
    assert estimate.sum() == pytest.approx(money[0])
    np.testing.assert_allclose(draws.sum(axis=1), money[1])
    assert money[0] == pytest.approx(sum(one[0] for one in flows(rolled, case).values()))
    later = benefit(rolled, replace(case, discount=0.05))[0]
    assert 0.90 < later / money[0] < 0.97  # one to two years ahead, at a twentieth a year


def test_less_has_come_within_the_year_than_comes_in_all(rolled, sample):
    plans = step.scenarios(rolled, step.group(sample), points=0.3, cost=20_000, wait_cut=0.2)
    ours = plans[plans["side"] == "employees"]
    assert (ours["p_within"] <= ours["p_pays"]).all()
    assert ours.iloc[0]["p_within"] < ours.iloc[0]["p_pays"] - 0.05
    assert ours.iloc[0]["payback_months"] > 12 * 20_000 / ours.iloc[0]["benefit"]


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


def test_the_sentence_tells_which_side_wins_or_that_it_is_open(rolled, plans, cases):
    told = scenario_words.versus_sentence(rolled, plans, cases[0])
    assert "counted as assumed, “raise tools by 0.3 points” brings more than “callback”" in told
    assert "per unit of money" in told
    assert "picked after looking, as the best of 3" in told
    unpaid = replace(rolled, replacement=np.full(REPS, np.nan))  # no wages to make a cost of leaving of
    alone = plans.assign(p_beats_customers=np.nan)
    assert "counted as assumed" not in scenario_words.versus_sentence(unpaid, alone, cases[0])
    half = plans.assign(p_beats=0.5)
    assert "inconclusive" in scenario_words.versus_sentence(rolled, half, cases[0])
    assert "“callback” brings more than “raise tools" in scenario_words.versus_sentence(
        rolled, plans.assign(p_beats=0.02), cases[0]
    )
    open_ = plans.assign(p_beats_customers=0.05)
    assert "Through customers alone, the only money that both sides have, “callback” brings more" in (
        scenario_words.versus_sentence(rolled, open_, cases[0])
    )
    ours = plans[plans["side"] == "employees"].assign(p_beats=np.nan)
    assert scenario_words.versus_sentence(rolled, ours, cases[0]).startswith("Not compared")


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
    assert table["payback"].eq("never").all()
    told = scenario_words.range_sentence(table, dear[0], euros)
    assert "On the estimate a year of it never pays back" in told
    late = table.assign(payback_months=15.0, payback="15 (9 to never)")
    assert "when the effect itself has ended" in scenario_words.range_sentence(late, dear[0], euros)


def test_columns_that_do_not_differ_are_not_shown(rolled, sample, plans):
    same = step.scenarios(rolled, step.group(sample), points=0.3, cost=20_000, wait_cut=0.2)
    assert "cost" not in step.plan_columns(same)
    assert {"cost", "months"} <= set(step.plan_columns(plans))


def test_the_histogram_holds_every_resample(rolled, cases):
    bins = step.net_spread(rolled, cases[0])
    assert bins["count"].sum() == REPS
    assert step.net_spread(rolled, None).empty


def test_the_customers_stream_alone_can_turn_the_comparison(rolled, sample):
    """Recognition does nothing for customers as planted, and keeps people: its lead rests on that alone."""
    plans = step.scenarios(rolled, step.group(sample), points=0.3, cost=20_000, wait_cut=0.2).set_index("lever")
    row = plans.loc["raise recognition by 0.3 points"]
    assert row["p_beats"] > 0.9
    assert row["p_beats_customers"] < 0.2
    assert plans.at["raise tools by 0.3 points", "p_beats_customers"] > 0.9
    alone = step.scenarios(only_customers(rolled), step.group(sample), points=0.3, cost=20_000, wait_cut=0.2)
    assert alone["p_beats_customers"].isna().all()  # nothing else is in it


# -- less data -------------------------------------------------------------------------------------------


def test_levers_without_a_link_are_named_beside_those_that_have_one(required_only, cases):
    rolled = step.roll_up(required_only, reps=REPS, seed=1)
    table = step.assess(rolled, cases)
    assert set(table["side"]) == {"employees"}
    assert step.not_assessed(rolled, cases) == ["not assessed, for want of a link to money: callback"]
    assert scenario_words.versus_sentence(rolled, table, cases[0]).startswith("Not compared")


def test_without_money_nothing_is_assumed_or_measured(one_wave, cases):
    rolled = step.roll_up(one_wave, reps=REPS, seed=1)
    table = step.assess(rolled, cases)
    assert table.empty
    assert step.first_case(table, cases) is None
    assert step.not_assessed(rolled, cases) == []
    assert scenario_words.assumptions(rolled, table, cases, euros) == ""
    assert scenario_words.range_sentence(table, None, euros).startswith("Not assessed: no lever")
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
    assert "nothing more need be measured for this decision" in voi_words.voi_sentence(found, euros)
    assert not found.pays


def test_the_planted_benefit_through_customers_lies_in_the_range(rolled, sample):
    """Without replacement costs all of a lever's benefit comes through customers, where the truth is known."""
    only = replace(rolled, replacement=np.full(REPS, np.nan))
    table = step.scenarios(only, step.group(sample), points=0.3, cost=10_000, wait_cut=0).set_index("aspect")
    for aspect in ("tools", "knowledge", "empowerment"):
        truth = planted_money(rolled, aspect, 0.3)["customers"]
        assert table.at[aspect, "benefit_low"] < truth < table.at[aspect, "benefit_high"], aspect


def test_the_planted_worth_in_all_lies_in_the_range(rolled):
    """Every link has a planted value: what they come to at this study's base is covered, stream by stream."""
    table = step.value(rolled, 0.1)
    known = table[table["stream"].isin(["saved", "total"])]
    assert len(known) == 18
    assert known["planted"].notna().all()
    assert known["covered"].mean() >= 0.9
    first = planted_money(rolled, "recognition", 0.1)
    assert first["total"] == pytest.approx(first["customers"] + first["saved"])
    assert planted_money(only_customers(rolled), "tools", 0.1).keys() == {"revenue", "kept", "customers", "total"}


# -- what is assumed decides -------------------------------------------------------------------------------


def test_the_worth_of_knowing_is_told_with_its_condition_and_beside_the_cheap_exit(rolled, sample):
    case = step.Case("praise", "recognition", "employees", 0.3, step.group(sample), 27_600)
    found = voi.worth_of_knowing(rolled, case, seed=1)
    told = voi_words.voi_sentence(found, euros)
    assert "as far as chance in these links and the assumed range of replacement cost go" in told
    assert found.at_21 < 0.1 < found.chance
    assert f"in {found.at_21:.0%} if it costs 21% of a yearly salary" in told
    alone = voi.worth_of_knowing(only_customers(rolled), replace(case, aspect="tools", cost=3_000), seed=1)
    assert np.isnan(alone.at_21)
    assert "replacement cost" not in voi_words.voi_sentence(alone, euros)


def test_where_the_assumed_cost_decides_nobody_is_asked_to_survey_more_people(sample):
    wide = step.roll_up(sample, reps=REPS, replacement=(0.2, 2.0), seed=1)
    case = step.Case("praise", "recognition", "employees", 0.3, step.group(sample), 27_600)
    found = voi.worth_of_knowing(wide, case, seed=1)
    links = found.links.assign(told=True)
    links = links.sort_values("link", key=lambda c: c != voi.COST, kind="stable", ignore_index=True)
    told = voi_words.voi_sentence(replace(found, links=links), euros)
    assert told.startswith("**What replacing a leaver costs decides more than any link")
    assert "times the people" not in told


def test_a_resample_without_one_of_its_links_is_left_out_of_everything(rolled, sample, monkeypatch):
    from exlink.steps.business_rollup import chain

    holed = rolled.draws.draws.copy()
    holed.loc[:39, EXITS] = np.nan
    monkeypatch.setattr(chain, "bootstrap_chain", lambda *_, **__: replace(rolled.draws, draws=holed))
    got = step.roll_up(sample, reps=REPS, seed=1)
    assert got.failed == pytest.approx(0.1)
    assert len(got.draws.draws) == len(got.replacement) == REPS - 40
    assert any("10.0% of the resamples" in line for line in got.notes)
    case = step.Case("praise", "recognition", "employees", 0.3, step.group(sample), 27_600)
    table = step.assess(got, [case])
    assert table["p_pays"].iloc[0] == voi.worth_of_knowing(got, case, seed=1).chance


def test_levers_of_unequal_duration_are_ranked_by_what_they_leave_a_year(rolled, sample):
    """Two years of a lever that leaves less a year would come first by its sum, for its length alone."""
    who = step.group(sample)
    short = step.Case("praise for a year", "recognition", "employees", 0.3, who, 10_000, discount=0.05)
    long = replace(short, lever="praise for two years", months=24, cost=30_000)
    table = step.assess(rolled, [long, short])
    at = table.set_index("lever")
    assert at.loc[short.lever, "net_year"] == at.loc[short.lever, "net"]
    share = (1 - 1.05**-1) / (1 - 1.05**-2)
    for column in ("net_year", "net_year_low", "net_year_high"):
        net = at.loc[long.lever, column.replace("_year", "")]
        assert at.loc[long.lever, column] == pytest.approx(share * net, rel=1e-9)
    assert at.loc[long.lever, "net"] > at.loc[short.lever, "net"]
    assert list(table["lever"]) == [short.lever, long.lever]
    assert "net_year" in step.plan_columns(table)
    assert "for each year of it" not in scenario_words.scenario_sentence(table, euros)  # a year is its own
    both = step.assess(rolled, [long, replace(short, cost=50_000)])
    assert f"{euros(both['net_year'].iloc[0])} for each year of it" in scenario_words.scenario_sentence(both, euros)
    alone = step.assess(rolled, [short])
    assert "net_year" not in step.plan_columns(alone)
    assert "for each year of it" not in scenario_words.scenario_sentence(alone, euros)


def test_levers_of_unequal_duration_are_compared_with_their_months_named(rolled, sample):
    who = step.group(sample)
    long = step.Case("praise", "recognition", "employees", 0.3, who, 27_600, months=24)
    waits = step.Case("shorter waits", "", "customers", 0.2, who, 27_600, months=12)
    told = scenario_words.versus_sentence(rolled, step.assess(rolled, [long, waits]), long)
    assert "24 months of “praise” against 12 of “shorter waits”" in told
    same = replace(waits, months=24)
    assert "24 months" not in scenario_words.versus_sentence(rolled, step.assess(rolled, [long, same]), long)
