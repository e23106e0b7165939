"""The chain from EX to money finds what was planted, finds nothing where nothing is, and ends where the data end."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exlink.data.customer_periods import overall_after_contact, value_after_overall, value_base
from exlink.data.dataset import open_data
from exlink.data.employee_quarters import employee_quarters, leaving, reasons_sentence
from exlink.data.simulate import simulate_study
from exlink.data.study import Study, load_study
from exlink.errors import ParameterError
from exlink.steps import business_rollup as step
from exlink.steps.business_rollup import scenario_words, staying, words
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, STAY
from exlink.steps.readiness import detectable, linked, verdicts

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
REPS = 400
ACTING = ("tools", "knowledge", "empowerment")  # planted: within-person effect on satisfaction with the contact


def euros(value: float) -> str:
    return f"€{value:,.0f}"


@pytest.fixture(scope="module")
def rolled(sample):
    return step.roll_up(sample, reps=REPS, seed=1)


@pytest.fixture(scope="module")
def values(rolled):
    return step.value(rolled, 0.1)


# -- known truth -----------------------------------------------------------------------------------------


def test_links_find_what_was_planted(rolled):
    chain = step.chain_table(rolled).set_index("link")
    for link in (*ACTING, OVERALL, REVENUE, KEPT, EXITS):
        assert chain.at[link, "covered"], link


@pytest.mark.parametrize("aspect", ACTING)
def test_money_through_customers_covers_the_planted_chain(values, aspect):
    rows = values[(values["aspect"] == aspect) & values["stream"].isin(["revenue", "kept", "customers"])]
    assert len(rows) == 3
    assert rows["covered"].all()
    assert (rows["verdict"] == "higher").all()


def test_confounded_and_null_aspects_bring_nothing_through_customers(sample, values):
    kinds = {e["aspect"]: e["kind"] for e in sample.truth["effects"]}
    customers = values[values["stream"] == "customers"].set_index("aspect")
    silent = customers.loc[[a for a in customers.index if kinds[a] != "within"]]
    assert len(silent) == 4
    # 95 % intervals of four aspects: one may miss by chance, and none may look like a lever of the planted size
    assert silent["covered"].sum() >= 3
    assert silent["estimate"].abs().max() < 0.5 * customers.loc[list(ACTING), "estimate"].min()


def test_resampling_whole_chains_is_wider_than_one_link_alone(rolled, values):
    """The interval of the product must hold the doubt of every link, not only of the first."""
    at = rolled.draws.table.set_index("term")
    row = values[(values["aspect"] == "tools") & (values["stream"] == "revenue")].iloc[0]
    relative = [at.at[n, "std_error"] / abs(at.at[n, "estimate"]) for n in ("tools", OVERALL, REVENUE)]
    assert row["std_error"] / row["estimate"] == pytest.approx(np.sqrt(np.sum(np.square(relative))), rel=0.15)
    assert row["std_error"] / row["estimate"] > max(relative)


def test_total_is_the_sum_of_its_ways(rolled):
    found = step.streams(rolled, "tools", 0.1)
    assert found["total"][0] == pytest.approx(found["customers"][0] + found["saved"][0])
    np.testing.assert_allclose(found["total"][1], found["customers"][1] + found["saved"][1])
    assert found["customers"][0] == pytest.approx(rolled.margin_share * (found["revenue"][0] + found["kept"][0]))


def test_money_is_linear_in_points(rolled):
    one, three = (step.value(rolled, p).set_index(["aspect", "stream"])["estimate"] for p in (0.1, 0.3))
    pd.testing.assert_series_equal(3 * one, three.reindex(one.index))


def test_same_seed_same_draws(sample, rolled):
    again = step.roll_up(sample, reps=REPS, seed=1)
    pd.testing.assert_frame_equal(rolled.draws.draws, again.draws.draws)
    other = step.roll_up(sample, reps=REPS, seed=2)
    assert not rolled.draws.draws.equals(other.draws.draws)


# -- timing ----------------------------------------------------------------------------------------------


def test_nobody_is_at_risk_before_hiring_or_after_leaving(sample):
    rows = employee_quarters(sample)
    people = sample.frame("employees").set_index("employee_id")
    begins = pd.PeriodIndex(rows["quarter"], freq="Q").start_time
    hired = pd.to_datetime(people["hired_on"]).reindex(rows["employee_id"]).to_numpy()
    left = pd.to_datetime(people["left_on"]).reindex(rows["employee_id"]).to_numpy()
    assert (hired < begins.to_numpy()).all()
    assert (pd.isna(left) | (left >= begins.to_numpy())).all()
    assert rows.groupby("employee_id")["left"].sum().max() == 1
    assert not rows.duplicated(["employee_id", "quarter"]).any()
    gone = rows[rows["left"] == 1]
    ends = pd.PeriodIndex(gone["quarter"], freq="Q").end_time
    assert (pd.to_datetime(people["left_on"]).reindex(gone["employee_id"]).to_numpy() <= ends.to_numpy()).all()


def test_contacts_lie_a_period_before_the_overall_rating(sample):
    frame = overall_after_contact(sample, "satisfaction")
    row = frame.iloc[0]
    quarter = "(year({0}) * 12 + month({0}) - 1) // 3"
    found = sample.query(
        f"SELECT avg(satisfaction) AS contact, count(*) AS n FROM interactions WHERE customer_id = '{row.customer_id}' "
        f"AND satisfaction IS NOT NULL AND {quarter.format('started_at')} = {row.period - 1} ORDER BY n"
    )
    assert found["contact"].iloc[0] == pytest.approx(row["contact"])
    assert found["n"].iloc[0] == row["n_contacts"]


def test_large_tables_are_sampled_by_customer_and_say_so(sample):
    full, part = (value_after_overall(sample, "satisfaction", n) for n in (10**6, 5_000))
    assert full.attrs["share"] == 1
    assert part.attrs["share"] < 0.5
    kept = part["customer_id"].unique()
    assert len(part) == full["customer_id"].isin(kept).sum()  # a customer comes whole or not at all
    assert len(part) / len(full) == pytest.approx(part.attrs["share"], abs=0.05)


def test_base_is_a_year_of_customers_with_a_contact_two_quarters_before(sample):
    base = value_base(sample, "satisfaction")
    assert (base.first, base.last, base.periods) == ("2025Q4", "2026Q3", 4)
    year = sample.query("SELECT sum(revenue) AS r FROM customer_value WHERE period BETWEEN '2025Q4' AND '2026Q3' "
                        "ORDER BY r")["r"].iloc[0]  # fmt: skip
    assert 0 < base.revenue < year
    assert base.recorded == 1
    number = "(year({0}) * 12 + month({0}) - 1) // 3"
    met = sample.query(f"""
        SELECT sum(revenue) AS revenue, sum(margin) AS margin, count(*) AS n FROM customer_value v
        WHERE period BETWEEN '2025Q4' AND '2026Q3' AND EXISTS (
            SELECT 1 FROM interactions i WHERE i.customer_id = v.customer_id
            AND {number.format("i.started_at")} = {number.format("v.period_start")} - 2)
        ORDER BY n""").iloc[0]
    assert (base.revenue, base.margin, base.customer_periods) == pytest.approx(tuple(met), rel=1e-12)


# -- scenarios -------------------------------------------------------------------------------------------


def test_scenarios_spend_the_same_and_rank_by_net(sample, rolled):
    who = step.group(sample)
    plans = step.scenarios(rolled, who, points=0.3, cost=20_000, wait_cut=0.2)
    assert plans["cost"].eq(20_000).all()
    assert plans["net"].is_monotonic_decreasing
    assert plans["p_pays"].between(0, 1).all()
    assert set(plans["side"]) == {"employees", "customers"}
    dear = step.scenarios(rolled, who, points=0.3, cost=200_000, wait_cut=0.2)
    pair = plans.set_index("lever")["p_pays"], dear.set_index("lever")["p_pays"]
    assert (pair[1].reindex(pair[0].index) <= pair[0]).all()


def test_a_role_gets_its_share_of_contacts_and_people(sample, rolled):
    everyone, role = step.group(sample), step.group(sample, "bank advisor")
    assert 0 < role.of_people < 1
    assert 0 < role.of_contacts < 1
    assert role.people < everyone.people
    both = [step.scenarios(rolled, g, points=0.3, cost=1_000, wait_cut=0).set_index("aspect")["benefit"]
            for g in (everyone, role)]  # fmt: skip
    assert (both[1].loc[list(ACTING)] < both[0].loc[list(ACTING)]).all()


def test_unknown_role_gets_the_nearest_word(sample):
    with pytest.raises(ParameterError, match="Did you mean 'bank advisor'"):
        step.group(sample, "bank adviser")


def test_a_role_of_few_people_is_refused_without_their_number():
    data = rewritten(min_group=40)
    people = data.frame("employees").query("left_on.isna()")["role"].value_counts()
    assert 1 < people["field technician"] < 40
    with pytest.raises(ParameterError, match="fewer than 40 people") as refused:
        step.group(data, "field technician")
    assert str(people["field technician"]) not in str(refused.value)


def test_replacement_at_21_percent_is_cheaper(rolled, values):
    cheap = words.total_at(rolled, 0.1, 0.21).set_index("aspect")["estimate"]
    usual = values[values["stream"] == "total"].set_index("aspect")["estimate"]
    assert (cheap < usual.reindex(cheap.index)).all()


def test_tornado_starts_at_the_total_and_its_widest_link_comes_first(rolled, values):
    first = step.first_aspect(values)
    bars = step.tornado(rolled, first, 0.1)
    total = values[(values["aspect"] == first) & (values["stream"] == "total")]["estimate"].iloc[0]
    assert bars["base"].iloc[0] == pytest.approx(total)
    assert ((bars["low"] <= total) & (total <= bars["high"])).all()
    assert (bars["high"] - bars["low"]).is_monotonic_decreasing


# -- less data -------------------------------------------------------------------------------------------


def test_without_value_the_chain_ends_at_the_contact_and_says_so(required_only):
    rolled = step.roll_up(required_only, reps=REPS, seed=1)
    assert rolled.has("tools")
    assert not rolled.has(OVERALL)
    values = step.value(rolled)
    assert set(values["stream"]) <= {"saved", "total"}
    assert "not assessed: needs `customer_relationship`" in rolled.notes
    assert any("`customer_value`" in note for note in rolled.notes)
    assert words.contact_sentence(rolled).startswith("Not assessed")
    assert "No money through customers is stated" in words.base_sentence(rolled, euros)


def test_one_wave_gives_no_effects_and_one_line(one_wave):
    rolled = step.roll_up(one_wave, reps=REPS, seed=1)
    assert not rolled.aspects
    assert "not assessed: change within employees needs two EX waves, and this study has 1" in rolled.notes
    assert not len(step.value(rolled))
    assert not len(step.tornado(rolled, "", 0.1))
    assert not len(step.scenarios(rolled, step.group(one_wave), points=0.3, cost=1, wait_cut=0.2))
    assert "missing" in scenario_words.scenario_sentence(pd.DataFrame(), euros)


def test_team_grain_speaks_of_teams_and_of_nobodys_exit(team_grain):
    rolled = step.roll_up(team_grain, reps=REPS, seed=1)
    assert rolled.people == "teams"
    assert rolled.workforce is None
    assert not rolled.has(EXITS)
    assert step.attrition(rolled).empty
    assert step.group(team_grain).name == "all teams"
    assert any("persons" in note for note in rolled.notes)
    chain = step.chain_table(rolled)
    assert set(chain["who"]) == {"teams"}


def rewritten(min_group=8, **sql):
    """Open the sample with tables rewritten by SQL, in which the table itself is called ``was_<table>``."""
    study = load_study(SAMPLE)
    named = {name: {"path": str(SAMPLE / source.path)} for name, source in study.sources.items()}
    was = {f"was_{name}": named[name] for name in sql}
    new = {name: {"sql": text} for name, text in sql.items()}
    return open_data(
        Study.model_validate(
            {"name": "rewritten", "period": "2026Q3", "linkage": {"lag_days": 14},
             "privacy": {"min_group": min_group}, "sources": {**named, **was, **new}}
        ),
        threads=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def shuffled():
    """The sample with customers' answers dealt out anew: no contact has anything to do with who handled it."""
    return rewritten(
        cx_responses="""
        WITH kept AS (SELECT interaction_id, responded_at, row_number() OVER (ORDER BY interaction_id) AS i
                      FROM was_cx_responses),
             given AS (SELECT ease, recommend, satisfaction,
                              row_number() OVER (ORDER BY md5(interaction_id), interaction_id) AS i
                       FROM was_cx_responses)
        SELECT interaction_id, responded_at, ease, recommend, satisfaction FROM kept JOIN given USING (i)"""
    )


@pytest.fixture(scope="module")
def upside_down():
    """The sample with the aspects' answers upside down: what was good for customers and for staying is now bad."""
    return rewritten(
        ex_responses="""
        SELECT * REPLACE (CASE WHEN kpi = 'driver' THEN scale_min + scale_max - score ELSE score END AS score)
        FROM was_ex_responses"""
    )


@pytest.fixture(scope="module")
def unsure():
    """The sample where of every third leaver, but at most of seven, it is not known why they left."""
    return rewritten(
        employees="""
        WITH numbered AS (SELECT *, row_number() OVER (PARTITION BY left_on IS NULL ORDER BY employee_id) AS i
                          FROM was_employees)
        SELECT * EXCLUDE (i) REPLACE (CASE WHEN left_on IS NOT NULL AND i % 3 = 0 AND i <= 21 THEN NULL
                                      ELSE left_voluntarily END AS left_voluntarily) FROM numbered"""
    )


def test_where_contacts_mean_nothing_no_money_comes_through_customers(shuffled):
    values = step.value(step.roll_up(shuffled, reps=REPS, seed=1))
    customers = values[values["stream"] == "customers"]
    assert len(customers) == 9
    assert (customers["verdict"] == "inconclusive").all()


def test_words_tell_numbers_truth_and_doubt(rolled, values):
    text = words.worth_sentence(rolled, values, "customers", 0.1, euros)
    assert "tools" in text
    assert "Inconclusive" in text
    assert "Planted" in words.exits_sentence(rolled)
    assert "inside the interval" in words.contact_sentence(rolled)
    assert STAY not in " ".join(step.shown_links(step.chain_table(rolled))["label"])


def test_how_much_rests_on_comparing_customers_with_each_other_is_told(rolled, values):
    told = words.kept_sentence(rolled, values)
    tools = values[values["aspect"] == "tools"].set_index("stream")["estimate"]
    assert f"**{tools['kept'] / (tools['kept'] + tools['revenue']):.0%} of the money through customers" in told
    assert words.kept_sentence(rolled, values[values["stream"] != "kept"]) == ""


# -- signs and doubt in words ----------------------------------------------------------------------------


def test_reach_tells_which_links_are_clear_of_zero(rolled, shuffled):
    assert "Each of them is clear of zero, from work to the contact for 3 of 9 aspects." in words.reach(rolled)
    text = words.reach(step.roll_up(shuffled, reps=REPS, seed=1))
    assert "Every link of the chain can be estimated" in text
    assert "Not: from work to the contact" in text


def test_an_amount_covered_with_certainty_is_a_lower_bound(sample, rolled):
    who = step.group(sample)
    plans = step.scenarios(rolled, who, points=0.3, cost=30_000, wait_cut=0.2)
    text = scenario_words.scenario_sentence(plans, euros)
    best = plans[plans["clear"]].iloc[0]
    assert best["p_pays"] < 0.9
    assert best["worth_paying"] < best["benefit"]
    assert f"at least {euros(best['worth_paying'])}" in text
    assert "no more than" not in text


def test_without_a_clear_lever_none_is_called_best(shuffled):
    """Contacts mean nothing and salaries are unknown: whatever comes first by chance is no recommendation."""
    rolled = step.roll_up(shuffled, reps=REPS, seed=1)
    rolled = replace(rolled, replacement=np.full_like(rolled.replacement, np.nan))
    who = step.group(shuffled)
    plans = step.scenarios(rolled, who, points=0.3, cost=20_000, wait_cut=0.2)
    assert not plans.loc[plans["side"] == "employees", "clear"].any()
    text = scenario_words.scenario_sentence(plans, euros)
    assert "no lever's benefit is clear of zero" in text
    assert "best lever" not in text


def test_what_does_harm_is_told_as_a_loss(upside_down):
    rolled = step.roll_up(upside_down, reps=REPS, seed=1)
    values = step.value(rolled, 0.1)
    customers = values[values["stream"] == "customers"].set_index("aspect")
    assert (customers.loc[list(ACTING), "verdict"] == "lower").all()
    text = words.worth_sentence(rolled, values, "customers", 0.1, euros)
    assert "**Clear of zero, and a loss**: tools" in text
    assert "**Clear of zero, per" not in text
    who = step.group(upside_down)
    plans = step.scenarios(rolled, who, points=0.3, cost=20_000, wait_cut=0)
    assert "none is named best" in scenario_words.scenario_sentence(plans, euros)


def test_a_link_against_expectation_is_told_as_less(rolled):
    money = rolled.parts["money"]
    turned = money.table.assign(estimate=-money.table["estimate"], conf_low=-0.05, conf_high=0.01)
    text = words.money_sentence(replace(rolled, parts={**rolled.parts, "money": replace(money, table=turned)}), euros)
    assert "% less revenue" in text
    assert "This is inconclusive" in text


def test_what_could_have_been_seen_is_said_to_be_before_adjustment(rolled, values):
    text = words.worth_sentence(rolled, values, "customers", 0.1, euros)
    assert "before the adjustment for testing 9" in text


# -- who leaves ------------------------------------------------------------------------------------------


def test_exits_are_compared_at_equal_tenure_and_role(sample, rolled):
    frame = employee_quarters(sample).dropna(subset="ex_satisfaction")
    # 27 exits carry four coefficients and a trend: two roles, the rare ones together, and no level per quarter
    frame = frame.assign(
        role=staying._pooled(frame["role"], frame["left"]), trend=pd.factorize(frame["quarter"], sort=True)[0]
    )
    theirs = smf.logit("left ~ trend + ex_satisfaction + tenure_years + C(role)", frame).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": pd.factorize(frame["employee_id"])[0]}, tol=1e-12
    )
    row = step.chain_table(rolled).set_index("link").loc[EXITS]
    assert row["estimate"] == pytest.approx(theirs.params["ex_satisfaction"], rel=1e-6)
    assert row["std_error"] == pytest.approx(theirs.bse["ex_satisfaction"], rel=1e-6)
    text = words.exits_sentence(rolled)
    assert "at equal tenure and role" in text
    assert "weaker evidence" in text


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_planted_hazard_is_covered_in_other_worlds(tmp_path, seed):
    data = open_data(load_study(simulate_study(tmp_path, employees=240, interactions=2_000, seed=seed)), threads=1)
    row = staying.exit_parts(data, 200).table.iloc[0]
    assert row["conf_low"] < row["planted"] == -0.8 < row["conf_high"]
    assert row["alike"] == "tenure and role"


def test_roles_hardly_anybody_left_are_put_together():
    role = pd.Series(np.repeat(["agent", "advisor", "lead", "clerk"], 40))
    left = pd.Series(np.r_[np.ones(9), np.zeros(31), np.ones(6), np.zeros(34), np.ones(3), np.zeros(77)])
    pooled = staying._pooled(role, left)
    assert left.groupby(pooled).sum().to_dict() == {"agent": 9, "other roles": 9}
    assert (staying._pooled(role, pd.Series(np.tile([1.0, 0.0], 80))) == role).all()


def test_share_of_quarters_with_a_fresh_answer_is_told(sample, rolled):
    rows = employee_quarters(sample)
    people = leaving(sample)
    at_risk = 0
    for quarter in pd.PeriodIndex(pd.unique(rows["quarter"]), freq="Q"):
        begins = quarter.start_time
        at_risk += int((~(people["hired_on"] >= begins) & ~(people["left_on"] < begins)).sum())
    assert rows.attrs["answered"] == pytest.approx(len(rows) / at_risk)
    assert f"Only {len(rows) / at_risk:.0%} of the person-quarters" in words.exits_sentence(rolled)


def test_too_few_leavers_give_no_link_and_no_number():
    """Thirty people a cell: the 27 leavers of the sample are then too few to be spoken of."""
    data = rewritten(min_group=30)
    events = int(employee_quarters(data)["left"].sum())
    part = staying.exit_parts(data, 200)
    assert 10 <= events < 30
    assert not part.links
    assert "fewer than 30 people" in part.note
    assert str(events) not in part.note + part.detail
    coverage = {"ex": 0.8, "cx": 0.5}
    line = verdicts.verdicts(data, coverage, detectable.detectable_slopes(data), 2.0).set_index("question")
    assert line.at["Who leaves, and is it EX?", "verdict"] == "not assessable"
    assert str(events) not in line.at["Who leaves, and is it EX?", "why"]


def test_who_left_for_unknown_reasons_counts_nowhere_as_voluntary_and_is_told(sample, unsure):
    people = leaving(unsure)
    assert people["unknown"].sum() == 7
    assert not (people["unknown"] & people["voluntary"]).any()
    events = int(employee_quarters(unsure)["left"].sum())
    assert events < employee_quarters(sample)["left"].sum()
    assert (
        step.workforce(unsure).leavers == (people["voluntary"] & (people["left_on"] > pd.Timestamp("2025-09-30"))).sum()
    )
    line = linked.attrition(unsure).why
    assert line.startswith(f"{events} people left")
    sentence = reasons_sentence(unsure)
    assert "fewer than 8 of those who left" in sentence
    assert sentence in line
    assert sentence in words.exits_sentence(step.roll_up(unsure, reps=REPS, seed=1))
    assert reasons_sentence(sample) == ""


def test_where_reasons_are_never_recorded_every_exit_counts_and_that_is_told():
    data = rewritten(employees="SELECT * EXCLUDE (left_voluntarily) FROM was_employees")
    people = leaving(data)
    assert (people["voluntary"] == people["left_on"].notna()).all()
    assert "every exit counts" in reasons_sentence(data)


def test_a_shorter_wait_for_a_role_counts_with_its_share_of_contacts(sample, rolled):
    waits = [step.scenarios(rolled, step.group(sample, role), points=0.3, cost=1_000, wait_cut=0.2)
             .set_index("side").at["customers", "benefit"] for role in ("", "bank advisor")]  # fmt: skip
    assert waits[1] == pytest.approx(waits[0] * step.group(sample, "bank advisor").of_contacts)
