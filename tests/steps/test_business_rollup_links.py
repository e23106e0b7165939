"""The links in close-up: what customers keep and when, percent of money, two ways of leaving, experience that left."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exlink.data.customer_periods import contacts_of_customers, overall_after_contact, value_after_overall
from exlink.data.dataset import open_data
from exlink.data.employee_quarters import employee_quarters, leaving
from exlink.data.simulate import simulate_study
from exlink.data.study import Study, load_study
from exlink.errors import ParameterError
from exlink.steps import business_rollup as step
from exlink.steps.business_rollup import link_words, staying
from exlink.steps.business_rollup.links import EXITS, OVERALL, REVENUE, STAY, WAIT

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
KPI = "satisfaction"


@pytest.fixture(scope="module")
def rolled(sample):
    return step.roll_up(sample, reps=300, seed=1)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A company in which enough people are let go to say something of them."""
    folder = tmp_path_factory.mktemp("many")
    return open_data(load_study(simulate_study(folder, employees=800, interactions=8_000, seed=5)), threads=1)


def rewritten(drop=(), **sql):
    """Open the sample with tables rewritten by SQL, in which the table itself is called ``was_<table>``."""
    study = load_study(SAMPLE)
    named = {name: {"path": str(SAMPLE / source.path)} for name, source in study.sources.items() if name not in drop}
    was = {f"was_{name}": named[name] for name in sql}
    new = {name: {"sql": text} for name, text in sql.items()}
    return open_data(
        Study.model_validate({"name": "rewritten", "period": "2026Q3", "linkage": {"lag_days": 14},
                              "privacy": {"min_group": 8}, "sources": {**named, **was, **new}}), threads=1,
    )  # fmt: skip


# -- contact → overall opinion ---------------------------------------------------------------------------


def test_summaries_stand_on_the_same_pairs_and_the_planted_mean_wins(sample):
    found = step.contact_summaries(sample, KPI, reps=300, seed=1).set_index("summary")
    assert found["n"].nunique() == found["n_people"].nunique() == 1
    frame = overall_after_contact(sample, KPI)
    frame = frame[frame.groupby("customer_id")["period"].transform("size") > 1]
    full = smf.ols("overall ~ contact + C(customer_id) + C(period)", frame).fit()
    less = smf.ols("overall ~ C(customer_id) + C(period)", frame).fit()
    mean = found.iloc[0]
    assert mean["estimate"] == pytest.approx(full.params["contact"], rel=1e-6)
    assert mean["explained"] == pytest.approx(1 - full.ssr / less.ssr, rel=1e-6)
    # planted: customers carry the mean away, so no other summary can say more, and the last contact says less
    assert (found["gain"].iloc[1:] < 0).all()
    assert found.at["last contact", "gain_high"] < 0
    assert "Nothing says more than the mean" in link_words.keeps(found.reset_index())


def test_share_of_contacts_with_a_score_is_counted(sample):
    frame = overall_after_contact(sample, KPI)
    row = frame.sort_values("n_all").iloc[-1]
    quarter = "(year(started_at) * 12 + month(started_at) - 1) // 3"
    seen = sample.query(f"SELECT count(*) AS n, count({KPI}) AS scored FROM interactions WHERE customer_id = "
                        f"'{row.customer_id}' AND {quarter} = {row.period - 1} ORDER BY n").iloc[0]  # fmt: skip
    assert (row["n_all"], row["n_contacts"]) == (seen["n"], seen["scored"])
    assert row["n_all"] > row["n_contacts"]
    found = step.contact_summaries(sample, KPI, reps=50, seed=1)
    assert 0.4 < found["answered"].iloc[0] < 0.8


def test_contacts_are_read_once_for_all_lags_and_once_for_all_that_leaves_with_leavers(monkeypatch):
    data = open_data(load_study(SAMPLE), threads=1)
    read = []
    monkeypatch.setattr(data, "_con", _Listener(data._con, read))
    lagged = {lag: overall_after_contact(data, KPI, lag=lag) for lag in (1, 2, -1)}
    (kept,) = {text for text in read if "FROM interactions" in text}
    assert kept.startswith("CREATE TEMP TABLE IF NOT EXISTS")
    assert all(len(found) for found in lagged.values()) and len(lagged[1]) != len(lagged[2])
    read.clear()
    step.knowledge_loss(data, KPI)
    assert sum("FROM interactions" in text for text in read) == 1


class _Listener:
    """An engine's connection that notes what it is asked."""

    def __init__(self, con, heard):
        self.con, self.heard = con, heard

    def execute(self, sql):
        self.heard.append(sql)
        return self.con.execute(sql)

    def __getattr__(self, name):
        return getattr(self.con, name)


def test_only_the_period_before_counts_and_the_placebo_is_silent(sample):
    found = step.contact_timing(sample, KPI).set_index("periods")
    assert list(found.index) == [2, 1, -1]
    assert found.at[1, "verdict"] == "higher"
    for periods in (2, -1):
        assert found.at[periods, "conf_low"] < 0 < found.at[periods, "conf_high"]
        assert found.at[periods, "conf_high"] < found.at[1, "estimate"]
    assert "as a placebo should" in link_words.timing(found.reset_index())


def test_a_mood_that_lasts_shows_in_the_placebo():
    """Scores replaced by a mood that lasts half a year: contacts to come go along with the rating as well."""
    mood = "1 + hash(customer_id || year({0}) || ((month({0}) - 1) // 6)) % 5"
    data = rewritten(
        customer_relationship=f"SELECT * REPLACE ({mood.format('responded_on')} AS satisfaction) "
        "FROM was_customer_relationship",
        cx_responses=f"SELECT c.* REPLACE ({mood.format('i.started_at')} AS satisfaction) FROM was_cx_responses c "
        "JOIN interactions i USING (interaction_id)",
    )
    found = step.contact_timing(data, KPI).set_index("periods")
    assert found.at[-1, "verdict"] == "higher"
    assert "still to come go along" in link_words.timing(found.reset_index())


def test_customers_who_met_several_employees_widen_the_first_link_only(sample, rolled):
    wider = rolled.parts["contact"].crossed
    assert 1 <= wider < 1.05
    assert rolled.parts["overall"].crossed == 1
    assert "both sides" in link_words.joint(rolled)
    part = contacts_of_customers(sample, KPI, max_rows=3_000)
    assert 2_000 < len(part) < 4_500
    whole = contacts_of_customers(sample, KPI)
    assert len(part) == whole["customer_id"].isin(part["customer_id"]).sum()  # a customer comes whole or not at all


def test_links_of_the_same_people_are_drawn_together(rolled):
    """Employees lie behind contact, staying and exits; a link of customers knows nothing of them."""
    draws = rolled.draws.draws
    assert abs(np.corrcoef(draws["tools"], draws[OVERALL])[0, 1]) < 0.2
    both = rolled.parts["stay"].links[0], rolled.parts["exits"].links[0]
    assert {link.cluster for link in both} == {"employee_id"}
    assert rolled.parts["contact"].links[0].cluster == "employee_id"
    assert draws[STAY + "tools"].std() > 0


# -- overall opinion → money -----------------------------------------------------------------------------


def test_percent_of_revenue_margin_and_leaving(sample):
    part = step.money_effects(sample, KPI)
    found = part.table.set_index(["outcome", "reading"])
    revenue = found.loc["Revenue, customers who stay"]
    assert revenue["covered"].iloc[0]
    frame = value_after_overall(sample, KPI)
    # around a score of four, 1 % is .04 points: elasticity and percent per point tell the same
    assert revenue["estimate"].iloc[1] == pytest.approx(revenue["estimate"].iloc[0] * 0.01 * 3.7, rel=0.1)
    margin = found.loc["Margin, customers who stay"].iloc[0]
    used = frame.dropna(subset="margin")
    used = used[used.groupby("customer_id")["period"].transform("size") > 1]
    values = used[["overall", "margin"]].assign(
        **{c: used[c] - used.groupby("customer_id")[c].transform("mean") for c in ("overall", "margin")}
    )
    plain = smf.ols("margin ~ overall + C(period)", values.assign(period=used["period"])).fit().params["overall"]
    assert margin["estimate"] == pytest.approx(100 * plain / frame["margin"].mean(), rel=0.02)
    # planted: revenue at a customer's own margin; what serving costs makes margin move by a little more in percent
    cost = sample.query("SELECT avg(cost_to_serve) / avg(margin) AS c FROM customer_value ORDER BY c")["c"].iloc[0]
    assert margin["conf_low"] < 100 * np.expm1(0.04) * (1 + cost) < margin["conf_high"]
    leaving_ = found.loc["Leaving"]
    assert leaving_["covered"].iloc[0]
    # one in forty leaves in a period: the hazard stands a little nearer to nothing than the odds
    assert leaving_["estimate"].iloc[0] < leaving_["estimate"].iloc[1] < leaving_["estimate"].iloc[0] + 2
    assert "Margin moves" in link_words.margin(part)


def test_negative_margins_stay_in(sample):
    frame = value_after_overall(sample, KPI)
    assert (frame["margin"] <= 0).any()
    found = step.money_effects(sample, KPI).table.set_index("outcome")
    assert found.at["Margin, customers who stay", "n"] == found.loc["Revenue, customers who stay", "n"].iloc[0]


def test_without_margin_or_leaving_the_rest_is_told():
    data = rewritten(customer_value="SELECT * EXCLUDE (margin, churned) FROM was_customer_value")
    part = step.money_effects(data, KPI)
    assert set(part.table["outcome"]) == {"Revenue, customers who stay"}
    assert "customer_value.margin" in part.note
    assert "customer_value.churned" in part.note
    assert link_words.margin(part).startswith("Not assessed")


# -- who leaves, and how ---------------------------------------------------------------------------------


def test_both_ways_by_both_readings(many):
    """Planted: −.8 log odds of leaving per point at equal escalations, and nothing for who is let go."""
    part = step.exit_hazards(many)
    assert isinstance(part.table.index, pd.RangeIndex), "the gate takes no index of its own"
    found = part.table.set_index(["way", "reading"])
    own, other = (found.loc[way] for way in ("of their own accord", "for other reasons"))
    assert (own["verdict"] == "lower").all()
    assert (other["verdict"] == "inconclusive").all()
    assert other["covered"].all()
    assert other["planted"].eq(0).all()
    for rows in (own, other):
        assert rows["estimate"].iloc[0] == pytest.approx(rows["estimate"].iloc[1], abs=3)
    assert own["concordance"].iloc[1] > 0.55
    text = link_words.ways(part)
    assert "Leaving for other reasons" in text
    assert "Inconclusive" in text


def test_too_few_let_go_are_not_told_and_their_number_is_not(sample):
    frame = employee_quarters(sample)
    assert 0 < frame["let_go"].sum() < 8
    part = step.exit_hazards(sample)
    assert set(part.table["way"]) == {"of their own accord"}
    assert "leaving for other reasons is not assessed: fewer than 10" in part.note
    # the logit is the one the chain draws from
    link = staying.exit_parts(sample, 200).table.iloc[0]
    assert part.table["estimate"].iloc[0] == pytest.approx(100 * np.expm1(link["estimate"]), rel=1e-9)


def test_ways_of_leaving_exclude_each_other_and_time_at_risk_ends_with_them(sample, many):
    for data in (sample, many):
        rows, people = employee_quarters(data), leaving(data).set_index("employee_id")
        assert (rows["left"] * rows["let_go"]).sum() == 0
        gone = rows[(rows["left"] == 1) | (rows["let_go"] == 1)]
        assert not gone["employee_id"].duplicated().any()
        # day 0 is the first day of the quarter that starts at 0: found back from any row
        day = pd.PeriodIndex(rows["quarter"], freq="Q").start_time - pd.to_timedelta(rows["start"], unit="D")
        assert day.nunique() == 1
        left = people["left_on"].reindex(gone["employee_id"]).to_numpy()
        np.testing.assert_allclose(gone["stop"], (left - day[0].to_datetime64()) / np.timedelta64(1, "D") + 1)
        assert (rows["stop"] > rows["start"]).all()
        following = rows.groupby("employee_id")["start"].shift(-1)
        assert (following.isna() | (following >= rows["stop"])).all()  # nobody is at risk twice at a time


def test_where_reasons_are_not_recorded_one_way_is_left():
    data = rewritten(employees="SELECT * EXCLUDE (left_voluntarily) FROM was_employees")
    part = step.exit_hazards(data)
    assert set(part.table["way"]) == {"of their own accord"}
    assert "employees.left_voluntarily" in part.note


def test_who_left_for_unknown_reasons_was_not_let_go(sample):
    data = rewritten(
        employees="SELECT * REPLACE (CASE WHEN left_voluntarily THEN true END AS left_voluntarily) FROM was_employees"
    )
    before, after = employee_quarters(sample), employee_quarters(data)
    assert before["let_go"].sum() > 0
    assert after["let_go"].sum() == 0
    assert after["left"].sum() == before["left"].sum()
    np.testing.assert_allclose(after["stop"], before["stop"])  # their time at risk ends all the same


def test_a_leaver_at_21_percent_by_a_switch(sample, rolled):
    fixed = step.roll_up(sample, replacement_basis="boushey_glynn", reps=50, seed=1)
    assert np.ptp(fixed.replacement) == 0
    assert fixed.replacement[0] == pytest.approx(0.21 * fixed.workforce.salary)
    rows = step.attrition(fixed)
    assert list(rows["basis"]).count("21% of a yearly salary (Boushey & Glynn 2012)") == 1
    assert not rows["basis"].str.contains(" to ").any()
    assert rolled.replacement.min() >= 0.5 * rolled.workforce.salary
    with pytest.raises(ParameterError, match="Did you mean 'boushey_glynn'"):
        step.roll_up(sample, replacement_basis="boushey", reps=50, seed=1)


# -- what leaves with them -------------------------------------------------------------------------------


def test_years_that_left_are_counted(sample):
    found = step.knowledge_loss(sample, KPI).table.set_index("item")
    people = leaving(sample)
    gone = people[people["voluntary"] & (people["left_on"] > pd.Timestamp("2025-09-30"))]
    years = (gone["left_on"] - gone["hired_on"]).dt.days / 365.25
    assert found.at["years of experience that left in twelve months", "estimate"] == pytest.approx(years.sum())
    assert found.at["tenure of who left, on average", "estimate"] == pytest.approx(years.mean())
    assert found.iloc[0]["n_people"] == len(gone) == step.workforce(sample).leavers


def test_every_row_of_beginners_speaks_of_the_same_people(sample):
    """43 people in one row and 44 in the next would tell that one person has no customers' answers."""
    table = step.knowledge_loss(sample, KPI).table
    rows = table[table["item"].str.contains("first year less later")]
    assert len(rows) == 2
    assert rows["n_people"].nunique() == 1


def test_beginners_are_compared_with_themselves(sample):
    """Nothing is planted; then .4 points are taken from every contact in the first year, and must come out."""
    item = "customers' satisfaction, first year less later"
    before = step.knowledge_loss(sample, KPI).table.set_index("item").loc[item]
    assert before["verdict"] == "inconclusive"
    worse = rewritten(
        cx_responses="""
        SELECT c.* REPLACE (CASE WHEN date_diff('day', e.hired_on::DATE, i.started_at::DATE) < 365.25
                            AND hash(interaction_id) % 5 < 2 THEN greatest(1, satisfaction - 1) ELSE satisfaction END
                            AS satisfaction)
        FROM was_cx_responses c JOIN interactions i USING (interaction_id) JOIN employees e USING (employee_id)"""
    )
    table = step.knowledge_loss(worse, KPI).table.set_index("item")
    after = table.loc[item]
    assert after["estimate"] - before["estimate"] == pytest.approx(-0.4, abs=0.06)
    assert after["verdict"] == "lower"
    # spread over everybody: as many leavers per head as were counted
    share = step.workforce(sample).leavers / step.workforce(sample).headcount
    spread_out = table[table.index.str.startswith("all contacts together")].iloc[0]
    assert spread_out["estimate"] == pytest.approx(share * after["estimate"])
    assert "customers' scores differ by" in link_words.knowledge(step.knowledge_loss(worse, KPI))


# -- less data -------------------------------------------------------------------------------------------


def test_four_tables_say_in_one_line_where_each_look_ends(required_only):
    rolled = step.roll_up(required_only, reps=50, seed=1)
    assert not rolled.has(OVERALL)
    missing = step.contact_summaries(required_only, rolled.kpi)
    assert missing.startswith("not assessed: needs")
    assert link_words.keeps(missing) == ""  # told once, by the sentence on the link
    assert link_words.timing(step.contact_timing(required_only, rolled.kpi)).startswith("Not assessed: needs")
    assert "customers" not in link_words.joint(rolled).split("The link")[0]
    hinges = step.tornado(rolled, "recognition")
    assert not hinges["link"].str.contains("contact").any()  # it leads nowhere here, and moves nothing
    assert (hinges["high"] > hinges["low"]).all()
    for part in (step.money_effects(required_only, rolled.kpi), step.exit_hazards(required_only),
                 step.knowledge_loss(required_only, rolled.kpi)):  # fmt: skip
        assert part.note.startswith("not assessed") or len(part.table)


def test_team_grain_knows_nobody_who_leaves(team_grain):
    for part in (step.exit_hazards(team_grain), step.knowledge_loss(team_grain, "satisfaction")):
        assert part.table.empty
        assert "persons only" in part.note
    rolled = step.roll_up(team_grain, reps=50, seed=1)
    assert "whole teams" in link_words.joint(rolled)


def test_words_where_nothing_was_drawn(rolled):
    assert link_words.joint(replace(rolled, draws=None)) == ""
    waits = rolled.draws.draws[[WAIT]]
    assert link_words.joint(replace(rolled, draws=replace(rolled.draws, draws=waits))) == ""  # no link of the chain
    assert REVENUE in rolled.draws.draws
    assert EXITS in rolled.draws.draws


def test_too_few_changes_for_the_aspects_are_not_assessed_with_their_number(sample, monkeypatch):
    """Twenty people in two waves gave 0.66 (0.23 to 1.09) for an aspect that does nothing."""
    from exlink.steps.business_rollup import links

    monkeypatch.setattr(links, "CHANGES_EACH", 10_000)
    part = links.ex_parts(sample, "satisfaction")
    assert not part.links and part.note.startswith("not assessed")
    assert "changes between waves for 9 aspects" in part.detail


def test_intervals_of_aspects_are_those_of_their_draws(rolled):
    drawn = rolled.draws.table.set_index("term")
    for name in ("contact", "stay", "wait"):
        table = rolled.parts[name].table.set_index("link")
        for bound in ("conf_low", "conf_high"):
            np.testing.assert_allclose(table[bound], drawn.loc[table.index, bound])


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("EX→CX supported", "Experience comes first"),
        ("CX→EX supported", "**No amount through customers below is a gain to count on**"),
        ("contradicted", "**No amount through customers below is a gain to count on**"),
        ("no such word", "**No amount through customers below is a gain to count on**"),
        ("", "presume that it does"),
    ],
)
def test_money_through_customers_stands_under_the_verdict_on_direction(verdict, said):
    assert said in link_words.comes_first({"verdict": verdict})
