"""The scorecard of eight areas: one rule for its verdicts, evidence that is there, numbers held against others."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.data.employee_quarters import leaving
from exlink.data.kept_revenue import kept_revenue
from exlink.publish import cards
from exlink.publish.disclosure import Policy, release_facts
from exlink.publish.outline import finished
from exlink.publish.steps_table import STEPS
from exlink.steps import misalignment_audit as step
from exlink.steps.executive_summary import warning_signs
from exlink.steps.misalignment_audit import drift_words, outcomes, scored, states_words, workflow
from exlink.steps.misalignment_audit.check import AREAS, Check, not_assessable
from exlink.steps.misalignment_audit.investment import assess_investment, investment_check
from exlink.steps.misalignment_audit.scorecard import RULES, area_verdict
from exlink.steps.misalignment_audit.scorecard_words import action, engagement_told

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def found(sample):
    return step.assess_areas(sample, kpi="", solve_days=30)


def areas_of(data, found):
    own = step.area_checks(found, step.Bounds(), solve_days=30)
    nothing = dict.fromkeys(("flight", "drift", "shadow", "echo", "authority"), "not assessed: needs data")
    return own, step.eight_areas(
        data, found, own, **nothing, money="{:,.0f} €".format, hours_a_year=1700.0, act_days=90
    )


# -- the rule --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "not assessable"], "pass"),
        (["not assessable", "pass"], "not assessable"),  # its first check says nothing: no verdict in favour
        (["pass", "watch"], "watch"),
        (["not assessable", "watch"], "watch"),
        (["watch", "fail"], "fail"),
        (["not assessable", "not assessable"], "not assessable"),
        ([], "not assessable"),
    ],
)
def test_an_area_is_as_bad_as_its_worst_check_and_well_only_by_its_first(words, verdict):
    assert area_verdict(Check(AREAS, "a", word, "Something.") for word in words) == verdict


def test_every_check_belongs_to_an_area_and_every_area_to_the_executive_page(found, sample):
    own, areas = areas_of(sample, found)
    named = {name for rule in RULES for name in (*rule.checks, *rule.beside)}
    assert {check.name for check in own} <= named
    assert [area.name for area in areas] == [rule.name for rule in RULES] == list(warning_signs.AREAS)
    assert len(areas) == 8


def test_what_leaders_do_follows_from_the_check_that_decided():
    worst = Check(AREAS, workflow.PLACE_NAME, "fail", "One place.")
    told = [("", "")] * 8
    areas = {a.name: a for a in step_scorecard([worst, Check(AREAS, workflow.OPEN_NAME, "pass", "Few.")], told)}
    assert areas["Operational workflows"].action.startswith("Mend the process at the place")
    assert areas["Operational workflows"].symptom == "One place."
    assert areas["Operational workflows"].others == ((workflow.OPEN_NAME, "aligned", "Few."),)
    assert areas["Business outcomes"].action.startswith("Record what is missing")
    lacking = not_assessable(AREAS, outcomes.LOST_NAME, "not assessed: needs `customer_value`")
    few = Check(AREAS, outcomes.LOST_NAME, "not assessable", "Too few customers.")
    for check, start in ((lacking, "Record what is missing"), (few, "Decide nothing from this yet")):
        (area,) = [a for a in step_scorecard([check], told) if a.name == "Business outcomes"]
        assert area.action.startswith(start)


def test_the_few_in_small_teams_are_not_the_difference_of_two_numbers(sample):
    drift = step.assess_drift(sample, kpi="", sure=0.95, harmless=1.0, matters=2.0)
    own = int(drift.teams["n_people"].sum())
    for beside, told in ((5, False), (0, True), (8, True)):
        company = drift.company.assign(n_people=[own + beside, *drift.company["n_people"].iloc[1:]])
        cause, impact = engagement_told(replace(drift, company=company, people=own + beside), 8)
        assert f"{own + beside} people)" in cause and "where this is clear" in impact
        assert (f"of {own} who can be assessed" in impact) == told
    assert "assessed" not in engagement_told(replace(drift, people=own + 3), 8)[1]
    few = drift.teams.assign(diverging=drift.teams.index == 0, n_people=[7, *drift.teams["n_people"].iloc[1:]])
    assert engagement_told(replace(drift, teams=few), 8)[1] == ""


def test_people_who_leave_are_no_reason_to_leave_it_at_that():
    said = action(Check(AREAS, outcomes.LEAVE_NAME, "pass", "14% left."))
    assert "worth stands in step 05" in said and "Leave it" not in said


def test_what_healthy_companies_have_too_is_told_and_not_counted():
    fine = Check(AREAS, drift_words.NAME, "pass", "No team diverges.")
    worn = Check(AREAS, states_words.NAME, "fail", "The worn leave sooner.")
    (area,) = [a for a in step_scorecard([fine, worn], [("", "")] * 8) if a.name == "Engagement"]
    assert area.verdict == "pass"
    assert area.others == ((states_words.NAME, "misaligned by itself, not counted", "The worn leave sooner."),)


def step_scorecard(checks, told):
    from exlink.steps.misalignment_audit.scorecard import scorecard

    return scorecard(checks, told)


# -- every verdict can be opened -------------------------------------------------------------------------


def headings(stem):
    """Return the addresses of a notebook's headings, as its page has them."""
    cells = json.loads((NOTEBOOKS / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    lines = [line for c in cells if c["cell_type"] == "markdown" for line in "".join(c["source"]).splitlines()]
    shown = "".join(f"<h2>{line.lstrip('#').strip()}</h2>" for line in lines if re.match(r"#{2,3} ", line))
    page = finished(f'<html><body><nav id="toc"></nav><main>{shown}</main></body></html>', title="t", where=stem)
    return set(re.findall(r'<h2 id="([\w-]+)"', page))


def test_all_evidence_is_there():
    stems = {step.stem for step in STEPS}
    links = [href for rule in RULES for _, href in rule.evidence]
    links += [f"{warning_signs.PAGE}#{section}" for *_, section in warning_signs.SIGNS.values()]
    assert all(rule.evidence for rule in RULES)
    for href in links:
        page, _, section = href.partition("#")
        stem = page.removesuffix(".html") or "06_misalignment_audit"
        assert stem in stems
        assert not section or section in headings(stem), href


def test_the_executive_page_leads_to_the_areas(found, sample):
    _, areas = areas_of(sample, found)
    shown = cards.areas([cards.Area(**card) for card in step.area_cards(areas)]).text
    facts = release_facts(step.area_facts(areas), policy=Policy(8)).values
    assert all(f'id="{facts[name]["anchor"]}"' in shown for name in warning_signs.AREAS)
    assert not re.search(r"\bnan\b|None|not assessed: ", shown)


def test_a_card_links_to_the_report_alone():
    from exlink.errors import ParameterError

    for href in ("https://example.org", "javascript:alert(1)", "../x.html", "a.html#b c"):
        with pytest.raises(ParameterError, match="no page or section"):
            cards.badges([cards.Badge("a", "watch", "b", href)])


# -- the numbers -----------------------------------------------------------------------------------------


def test_revenue_kept_is_that_of_the_same_customers_a_year_before(found, sample):
    rows = sample.frame("customer_value", ["customer_id", "period", "revenue"])
    at = pd.PeriodIndex(rows["period"], freq="Q").astype("int64")
    wide = rows.assign(at=at).pivot_table(index="customer_id", columns="at", values="revenue", aggfunc="sum")
    last = wide.columns.max()
    before = now = 0.0
    for quarter in range(last - 3, last + 1):
        there = wide[quarter - 4] > 0
        before += wide.loc[there, quarter - 4].sum()
        now += wide.loc[there, quarter].fillna(0).sum()
    assert found.lost.share[0] == pytest.approx(1 - now / before)
    assert found.lost.amount[0] == pytest.approx(before - now)
    sums = kept_revenue(sample)
    assert (sums["periods"], sums["a_year"]) == (4, 4)
    low, high = found.lost.share[1:]
    rng = np.random.default_rng(1)  # the interval against resamples of customers
    pairs = np.array([[wide.loc[wide[q - 4] > 0, q - 4].reindex(wide.index).fillna(0).to_numpy(),
                       wide.loc[wide[q - 4] > 0, q].reindex(wide.index).fillna(0).to_numpy()]
                      for q in range(last - 3, last + 1)]).sum(axis=0)  # fmt: skip
    drawn = [pairs[:, rng.integers(0, pairs.shape[1], pairs.shape[1])].sum(axis=1) for _ in range(300)]
    draws = [1 - after / first for first, after in drawn]
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(draws), rel=0.15)


def test_the_rate_of_leaving_has_the_exact_interval_of_a_count(found, sample):
    people = leaving(sample)
    exits = (people["voluntary"] & (people["left_on"] > "2025-09-30") & (people["left_on"] <= "2026-09-30")).sum()
    assert found.leaving.exits == exits
    rate, low, high = found.leaving.rate
    assert stats.poisson.sf(exits - 1, low * found.leaving.years) == pytest.approx(0.025)
    assert stats.poisson.cdf(exits, high * found.leaving.years) == pytest.approx(0.025)
    assert low < rate < high


def test_few_exits_are_not_counted(sample, monkeypatch):
    people = leaving(sample)
    few = people.assign(voluntary=people["voluntary"] & (people["left_on"] > "2026-08-31"))
    assert 0 < few["voluntary"].sum() < 8
    monkeypatch.setattr(outcomes, "leaving", lambda data: few)
    assert "fewer than 8 people left" in outcomes.assess_leaving(sample)
    monkeypatch.setattr(outcomes, "leaving", lambda data: people.assign(voluntary=False))
    check = outcomes.leave_check(outcomes.assess_leaving(sample), harmless=0.1, matters=0.2)
    assert check.numbers["estimate"] == 0
    assert check.verdict == "pass"


def test_the_faulty_site_of_the_sample_stands_out(found, sample):
    check = workflow.place_check(found.workflow, harmless=1.15, matters=1.33)
    site = sample.truth["faulty_site"]
    assert site  # one was planted
    assert (found.workflow.kind, check.verdict, check.numbers["above"]) == ("site", "fail", 1)
    rates = sample.query("SELECT site, avg(escalated::INT) AS rate FROM interactions GROUP BY 1 ORDER BY 2")["rate"]
    assert found.workflow.places["ratio"].iloc[-1] == pytest.approx(rates.iloc[-1] / rates.median(), rel=0.05)


def test_places_alike_are_not_blamed(found):
    alike = found.workflow.places.assign(ratio=1.0, conf_low=0.9, conf_high=1.1)
    even = type(found.workflow)(**{f: getattr(found.workflow, f) for f in found.workflow.__slots__} | {"places": alike})
    assert workflow.place_check(even, harmless=1.15, matters=1.33).verdict == "pass"
    sure = alike.assign(ratio=[*alike["ratio"].iloc[:-2], 1.4, 1.5], conf_low=[*alike["conf_low"].iloc[:-2], 1.2, 0.9],
                        conf_high=[*alike["conf_high"].iloc[:-2], 1.6, 2.2])  # fmt: skip
    one = workflow.place_check(replace(found.workflow, places=sure), harmless=1.15, matters=1.33)
    assert one.verdict == "fail"  # not only the highest may be the one that is clear
    some = replace(found.workflow, places=alike.assign(ratio=1.22, conf_low=1.18, conf_high=1.28))
    check = workflow.place_check(some, harmless=1.15, matters=1.33)
    assert check.verdict == "pass" and f"{len(alike)} of {len(alike)} sites are clearly above" in check.sentence


@pytest.mark.parametrize("follows", [(0.3, 0.1, 0.5, 200), (0.1, -0.1, 0.3, 200), None])
def test_chance_in_scores_is_watched_and_never_proof_that_people_are_judged_by_it(follows):
    noisy = scored.Scored((0.6, 0.5, 0.7), 12.0, 60.0, follows, "satisfaction", 180, 20_000)
    check = scored.scored_check(noisy, harmless=0.2, matters=0.5)
    assert check.verdict == "watch" and "Watched at worst: nothing here says that anybody is judged" in check.sentence
    clear = scored.Scored((0.1, 0.05, 0.15), 90.0, 60.0, follows, "satisfaction", 180, 20_000)
    clear = scored.scored_check(clear, harmless=0.2, matters=0.5)
    assert clear.verdict == "pass" and "Watched at worst" not in clear.sentence


def test_chance_in_a_persons_mean_is_one_minus_its_reliability():
    rng = np.random.default_rng(4)
    own, n = rng.normal(0, 1, 400), 10
    answers = own[:, None, None] + rng.normal(0, 2, (400, 2, n))  # signal 1, noise 4/10 a mean of ten
    both = np.corrcoef(answers.mean(axis=2).T)[0, 1]  # two quarters of the same people
    rows = pd.DataFrame({"n": 2 * n, "total": answers.sum(axis=(1, 2)), "sumsq": (answers**2).sum(axis=(1, 2))})
    icc = scored.icc_from_sums(rows["n"], rows["total"], rows["sumsq"]).iloc[0]["estimate"]
    assert float(scored.reliability_of_mean(icc, n)) == pytest.approx(both, abs=0.03)
    assert float(scored.reliability_of_mean(icc, n)) == pytest.approx(1 / 1.4, abs=0.03)


def test_initiatives_are_counted_once_and_few_say_nothing(sample, required_only):
    found = assess_investment(sample)
    assert (found.initiatives, found.added, found.removed) == (6, 11, 15)
    assert found.spent == 380_000  # a cost repeated for every team is one cost
    assert found.measuring == 130_000
    check = investment_check(found, harmless=1 / 3, matters=0.5)
    assert check.verdict == "not assessable"
    takes = int(re.search(r"from about (\d+) on", check.sentence)[1])
    # with so many, an interval as long as the root of their number makes it fits between the two bounds
    width = (found.share["conf_high"] - found.share["conf_low"]) * np.sqrt(6 / takes)
    assert takes > 6 and width <= 0.5 - 1 / 3 < width * np.sqrt(takes / (takes - 1))
    assert assess_investment(required_only) == "not assessed: needs `initiatives`"


def test_what_is_missing_is_said_area_by_area(required_only):
    found = step.assess_areas(required_only, kpi="", solve_days=30)
    _, areas = areas_of(required_only, found)
    by_name = {area.name: area for area in areas}
    assert by_name["CX investment strategy"].symptom == "Not assessed: needs initiatives."
    assert by_name["Business outcomes"].verdict == "not assessable"
    assert by_name["Operational workflows"].verdict == "fail"  # the faulty site needs the four tables alone


def test_a_study_by_team_has_no_scores_of_people(team_grain):
    found = step.assess_areas(team_grain, kpi="", solve_days=30)
    assert all(text.startswith("not assessed: ") for text in (found.scored, found.leaving, found.investment))
    _, areas = areas_of(team_grain, found)
    assert len(areas) == 8


def test_what_is_more_than_harmless_and_less_than_matters_is_told_so_wherever_it_is_shown():
    def check(low):
        return Check(AREAS, "open", "pass", "42% stay open.", numbers={"conf_low": low, "harmless": 0.25}, brief="42%.")

    between, harmless = check(0.40), check(0.24)
    assert between.said == "**Aligned.** 42% stay open. That is more than harmless and less than would matter."
    assert between.in_short == "42%: more than harmless, less than would matter."
    assert harmless.said == "**Aligned.** 42% stay open."
    assert harmless.in_short == "42%."
    assert action(between) != action(harmless)
    assert not Check(AREAS, "open", "pass", "Told of few.", numbers={"conf_low": np.nan, "harmless": 0.25}).between
