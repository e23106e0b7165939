"""The chain from EX to money finds what was planted, finds nothing where nothing is, and ends where the data end."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exlink.data.customer_periods import overall_after_contact, value_after_overall, value_base
from exlink.data.dataset import open_data
from exlink.data.employee_quarters import employee_quarters
from exlink.data.study import Study, load_study
from exlink.errors import ParameterError
from exlink.steps import business_rollup as step
from exlink.steps.business_rollup import words
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, STAY

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
        f"AND satisfaction IS NOT NULL AND {quarter.format('started_at')} = {row.period - 1} ORDER BY n")
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
    base = value_base(sample)
    assert (base.first, base.last, base.periods) == ("2025Q4", "2026Q3", 4)
    year = sample.query("SELECT sum(revenue) AS r FROM customer_value WHERE period BETWEEN '2025Q4' AND '2026Q3' "
                        "ORDER BY r")["r"].iloc[0]  # fmt: skip
    assert 0 < base.revenue < year
    assert base.recorded == 1


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
    assert "No money is stated" in words.base_sentence(rolled, euros)


def test_one_wave_gives_no_effects_and_one_line(one_wave):
    rolled = step.roll_up(one_wave, reps=REPS, seed=1)
    assert not rolled.aspects
    assert "not assessed: change within employees needs two EX waves, and this study has 1" in rolled.notes
    assert not len(step.value(rolled))
    assert not len(step.tornado(rolled, "", 0.1))
    assert not len(step.scenarios(rolled, step.group(one_wave), points=0.3, cost=1, wait_cut=0.2))
    assert "missing" in words.scenario_sentence(pd.DataFrame(), step.group(one_wave), 1.0, euros)


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


@pytest.fixture(scope="module")
def shuffled():
    """The sample with customers' answers dealt out anew: no contact has anything to do with who handled it."""
    study = load_study(SAMPLE)
    named = {name: {"path": str(SAMPLE / source.path)} for name, source in study.sources.items()}
    dealt = {"answers": named["cx_responses"], "cx_responses": {"sql": """
        WITH kept AS (SELECT interaction_id, responded_at, row_number() OVER (ORDER BY interaction_id) AS i
                      FROM answers),
             given AS (SELECT ease, recommend, satisfaction,
                              row_number() OVER (ORDER BY md5(interaction_id), interaction_id) AS i FROM answers)
        SELECT interaction_id, responded_at, ease, recommend, satisfaction FROM kept JOIN given USING (i)"""}}
    return open_data(Study.model_validate({
        "name": "shuffled", "period": "2026Q3", "linkage": {"lag_days": 14}, "sources": {**named, **dealt}}), threads=1)


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
