"""The executive page says what the artefacts carry: money, effects, associations, or that nothing is known."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from exlink.publish import cards
from exlink.publish.style import money
from exlink.steps import business_rollup as rollup
from exlink.steps import executive_summary as step
from exlink.steps.business_rollup import words
from exlink.steps.executive_summary.warning_signs import AREAS, SIGNS
from exlink.steps.misalignment_audit import drift_words, echo_words, flight_words, shadow_words

POINTS, RAISE, PERSON = 0.1, 0.3, 150.0


def euros(value):
    return money(value, "EUR")


def slope(aspect, estimate, half, outcome="satisfaction", verdict=None):
    word = verdict or ("higher" if estimate - half > 0 else "inconclusive")
    return {"aspect": aspect, "outcome": outcome, "estimate": estimate, "conf_low": estimate - half,
            "conf_high": estimate + half, "verdict": word, "n": 15_000, "n_units": 200, "mde": half * 1.4,
            "sd_within": 0.45}  # fmt: skip


LINKAGE = {"unit": "employees", "outcome": "satisfaction", "ex_before_cx": True, "no_within": "",
           "verdict_ranking": "Do not rank employees on customers' satisfaction."}  # fmt: skip
READY = {"linked_share": 0.26, "linked": 15_700, "interactions": 60_000, "response_rate": {"ex": 0.8, "cx": 0.4}}
SLOPES = pd.DataFrame([slope("tools", 0.16, 0.02), slope("workload", 0.01, 0.03)])
RAN = {"05_business_rollup": {"exlink": "0.1.0", "rows": {"employees": {"used": 240, "rejected": 3}}, "outputs": {}}}


@pytest.fixture(scope="module")
def artefacts(sample):
    """What step 05 leaves of the sample, as step 09 loads it."""
    rolled = rollup.roll_up(sample, reps=400, seed=1)
    values, who = rollup.value(rolled, POINTS), rollup.group(sample)
    tables = {
        "value": values, "chain": rollup.chain_table(rolled), "attrition": rollup.attrition(rolled, POINTS),
        "tornado": rollup.tornado(rolled, rollup.first_aspect(values), POINTS), "slopes": SLOPES,
        "scenarios": rollup.scenarios(rolled, who, points=RAISE, cost=PERSON * who.people, wait_cut=0.2),
    }  # fmt: skip
    facts = words.facts(rolled, values, POINTS, raise_points=RAISE, cost=PERSON * who.people, group=who.name)
    return tables, {"money": facts, "linkage": LINKAGE, "readiness": READY}


@pytest.fixture(scope="module")
def with_money(artefacts):
    return step.Evidence(euros, *artefacts, RAN)


@pytest.fixture
def effects_only():
    return step.Evidence(euros, {"slopes": SLOPES}, {"linkage": LINKAGE, "readiness": READY}, RAN)


@pytest.fixture
def teams_once():
    linkage = LINKAGE | {"unit": "teams", "no_within": "not assessed: effects within teams need two waves"}
    between = pd.DataFrame([slope("safety", 0.35, 0.05), slope("expectations", 0.25, 0.05)])
    return step.Evidence(euros, {"slopes_between": between}, {"linkage": linkage}, RAN)


@pytest.fixture
def nothing():
    return step.Evidence(euros, missing=("Readiness of the data", "Business roll-up"))


def page(e):
    """Return every text of the page, drawn through the cards as the notebook does."""
    parts = [
        cards.decision(**step.decision(e)), cards.tiles([cards.Tile(**t) for t in step.tiles(e)]),
        cards.chain([cards.Link(**x) for x in step.chain(e)]),
        cards.changes([cards.Change(**c) for c in step.changes(e)]), cards.note(step.others(e)),
        cards.badges([cards.Badge(**b) for b in step.badges(e)]),
        cards.certainty([cards.Certainty(**c) for c in step.certainty(e)]), cards.not_assessed(step.gaps(e)),
        cards.mind_changers(step.mind_changers(e)), cards.glossary(step.glossary(e)),
        cards.provenance(step.provenance(e, "A study", "2026Q3", "employee", 8)),
    ]  # fmt: skip
    return re.sub(r"<[^>]+>", " ", cards.stack(*parts).text)


EVERY = ("with_money", "effects_only", "teams_once", "nothing")


@pytest.mark.parametrize("kind", EVERY)
def test_the_page_stands_whatever_is_missing(kind, request):
    text = page(request.getfixturevalue(kind))
    assert not re.search(r"\b(nan|None|inf|NaN)\b", text)
    assert "{" not in text
    assert "  ." not in text


@pytest.mark.parametrize(("kind", "level"), [
    ("with_money", "money"), ("effects_only", "effects"), ("teams_once", "associations"),
    ("nothing", "nothing")])  # fmt: skip
def test_how_far_the_evidence_carries(kind, level, request):
    assert request.getfixturevalue(kind).level == level


@pytest.mark.parametrize("kind", EVERY)
def test_at_most_four_tiles_and_at_most_four_changes(kind, request):
    e = request.getfixturevalue(kind)
    assert len(step.tiles(e)) <= 4
    assert len(step.changes(e)) <= 4


# -- money -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chance", "verdict"), [
    (0.97, "Act"), (0.90, "Act"), (0.75, "Try it small first"), (0.5, "Inconclusive"), (0.1, "Hold")])  # fmt: skip
def test_the_verdict_follows_the_chance_that_it_pays(with_money, chance, verdict):
    values, plans = with_money.tables["value"], with_money.tables["scenarios"].assign(p_pays=chance)
    through = values["estimate"].where(values["stream"] != "saved", 0.0)  # all of it comes through customers
    e = replace(with_money, tables={**with_money.tables, "scenarios": plans, "value": values.assign(estimate=through)})
    said = step.decision(e)
    assert said["verdict"] == verdict
    assert f"{chance:.0%}" in said["because"]


def test_a_sure_amount_on_the_weaker_evidence_is_tried_and_not_acted_on(with_money):
    plans = with_money.tables["scenarios"].assign(p_pays=0.97)
    said = step.decision(replace(with_money, tables={**with_money.tables, "scenarios": plans}))
    assert said["verdict"] == "Try it small first"
    assert "if the weaker evidence holds" in said["sentence"]
    assert "weaker evidence" in said["because"]


def test_value_recorded_for_some_customers_is_said(with_money):
    facts = with_money.facts["money"]
    e = replace(with_money, facts={**with_money.facts, "money": facts | {"base": facts["base"] | {"recorded": 0.1}}})
    assert page(e).count("Only the 10% of customers whose value is recorded count") == 2
    assert "whose value is recorded" not in page(with_money)


def test_the_decision_names_the_best_lever_of_the_employees_side(with_money):
    best = with_money.plans.iloc[0]
    said = step.decision(with_money)
    assert with_money.label(best["aspect"]) in said["sentence"]
    assert euros(best["benefit"]) in said["sentence"]
    assert (with_money.plans["net"] <= best["net"]).all()


def test_one_step_runs_through_the_page(with_money):
    """The decision and the list state the same amount for the same lever: the table's, scaled to the page's step."""
    best = with_money.plans.iloc[0]
    listed = {c["action"]: c["gain"] for c in step.changes(with_money)}
    assert listed[f"Improve {with_money.label(best['aspect'])}"] == f"{euros(best['benefit'])} a year"
    raw = with_money.tables["value"].query("stream == 'total' and aspect == @best.aspect")["estimate"].iloc[0]
    assert best["benefit"] == pytest.approx(raw * RAISE / POINTS)


def test_an_inconclusive_way_is_called_so_and_gets_no_amount(with_money):
    values = with_money.tables["value"].copy()
    values.loc[values["stream"] == "customers", "verdict"] = "inconclusive"
    e = replace(with_money, tables={**with_money.tables, "value": values})
    for change in step.changes(e):
        assert "through customers inconclusive" in change["why"]
        assert "weaker evidence" in change["why"]
    assert "Inconclusive" in next(t for t in step.tiles(e) if "through customers" in t["label"])["meaning"]


def only_customers(e):
    """The same study, had nothing been clear but what comes through customers."""
    values = e.tables["value"].copy()
    values.loc[values["stream"] != "customers", "verdict"] = "inconclusive"
    return replace(e, tables={**e.tables, "value": values})


def test_what_is_clear_through_customers_counts_even_when_the_total_is_not(with_money):
    e = only_customers(with_money)
    said = step.decision(e)
    first = e.clear("customers").iloc[0]
    assert said["verdict"] == "Only if it is cheap"
    assert f"Improve {first['label']} only where that is cheap" in said["sentence"]
    assert step.changes(e)[0]["gain"] == f"{euros(first['estimate'])} a year"
    assert "from fewer people leaving inconclusive" in step.changes(e)[0]["why"]
    assert len(step.changes(e)) == min(4, len(e.clear("customers")))
    cheap = replace(e, tables={**e.tables, "scenarios": e.tables["scenarios"].assign(cost=1.0)})
    assert step.decision(cheap)["verdict"] == "Act"


def test_no_clear_money_is_no_case_and_says_what_would_have_been_seen(with_money):
    e = replace(
        with_money, tables={**with_money.tables, "value": with_money.tables["value"].assign(verdict="inconclusive")}
    )
    said = step.decision(e)
    assert said["verdict"] == "Inconclusive"
    assert "would go unnoticed" in said["because"]
    assert step.tiles(e)[0]["value"].startswith("0 of ")


def test_without_a_clear_lever_none_is_ranked(with_money):
    values = with_money.tables["value"].assign(verdict="inconclusive")
    e = replace(with_money, tables={**with_money.tables, "value": values})
    assert step.changes(e) == []
    assert "Inconclusive" in step.others(e)


def test_nothing_is_strong_and_comparing_people_with_each_other_is_weak(with_money):
    levels = {line["statement"]: line["level"] for line in step.certainty(with_money)}
    assert levels["Customers who think better of us spend more."] == "moderate"
    assert levels["Customers who think better of us stay longer."] == "weak"
    assert levels["People who are content with their work stay."] == "weak"
    assert levels["Who rates an aspect of work better is more content with work."] == "weak"
    assert "strong" not in levels.values()
    assert levels["The improvement can be made, at the assumed cost."] == "not assessed"


def test_models_that_disagree_are_named(with_money):
    models = pd.DataFrame([
        slope("tools", 0.15, 0.02) | {"effect": "within", "specification": "mixed model"},
        slope("tools", 0.01, 0.02) | {"effect": "within", "specification": "fixed effects"}])  # fmt: skip
    for rows, said in ((models, "do not all agree on tools"), (models.head(1), "A further model agrees")):
        e = replace(with_money, tables={**with_money.tables, "effects": rows})
        assert said in step.certainty(e)[0]["why"]


def test_ranking_people_is_warned_of_where_step_03_refused_it(with_money, nothing):
    assert step.misuse(with_money).startswith("Do not rank employees")
    assert step.misuse(nothing) == ""


def test_the_lever_customers_would_choose_is_named_beside_another_decision(with_money):
    first = with_money.clear("customers")["label"].iloc[0]
    assert first != with_money.label(with_money.plans.iloc[0]["aspect"])
    assert f"For customers alone the first lever is {first}" in step.decision(with_money)["because"]


def test_a_link_that_covers_zero_is_weak(with_money):
    chain = with_money.tables["chain"].copy()
    chain.loc[chain["link"] == "overall → revenue", ["conf_low", "conf_high"]] = (-0.01, 0.02)
    e = replace(with_money, tables={**with_money.tables, "chain": chain})
    line = next(x for x in step.certainty(e) if x["statement"].endswith("spend more."))
    assert line["level"] == "weak"
    assert line["why"].startswith("Inconclusive")


def test_mind_changers_carry_numbers(with_money):
    lines = step.mind_changers(with_money)
    assert any("21%" in line and "€" in line for line in lines)
    assert any("would shrink to" in line for line in lines)
    assert any("60%" in line for line in lines)


# -- less ------------------------------------------------------------------------------------------------


def test_effects_without_value_are_not_priced(effects_only):
    said = step.decision(effects_only)
    assert said["verdict"].startswith("Act on what is clear")
    assert "tools" in said["sentence"]
    assert "€" not in page(effects_only)
    assert "not assessed" in page(effects_only)


def test_no_clear_effect_is_no_case_and_says_what_would_have_been_seen(effects_only):
    e = replace(effects_only, tables={"slopes": SLOPES.assign(verdict="inconclusive")})
    said = step.decision(e)
    assert said["verdict"] == "Inconclusive"
    assert "go unnoticed" in said["because"]
    assert step.certainty(e)[0]["level"] == "weak"


def test_teams_compared_once_are_no_ground_to_act_and_nobody_is_a_person(teams_once):
    said = step.decision(teams_once)
    assert said["verdict"] == "Not enough to act on"
    text = page(teams_once)
    assert "employees compared" not in text
    assert "same employee" not in text
    assert "not assessed: effects within teams need two waves" in text
    assert step.changes(teams_once) == []


def test_hidden_rows_are_left_out(effects_only):
    hidden = SLOPES.assign(n_units=[float("nan"), 200])
    e = replace(effects_only, tables={"slopes": hidden})
    assert list(e.slopes["aspect"]) == ["workload"]


def test_nothing_ran_is_said_with_names(nothing):
    assert step.decision(nothing)["verdict"] == "Nothing to decide yet"
    line = "not assessed: Business roll-up has not been run; `exlink run STUDY --only 05_business_rollup` makes it"
    assert line in step.gaps(nothing)


def test_provenance_has_no_clock_and_no_path(with_money):
    said = step.provenance(with_money, "A study", "2026Q3", "employee", 8)
    assert said["Rows"] == "240 used in 1 table, 3 rejected"
    assert said["Made with"] == "exlink 0.1.0"
    text = " ".join(said.values())
    assert "/" not in text
    assert not re.search(r"\d\d:\d\d", text)


class Steps:
    """What `collect` asks of a session, with only step 03 run."""

    money = staticmethod(euros)

    def available(self, stem):
        return stem == "03_individual_linkage"

    def manifest(self, stem):
        return {"outputs": {"slopes.parquet": {}, "linkage.json": {}}, "rows": {}, "exlink": "0.1.0"}

    def load(self, stem, name):
        return {"slopes": SLOPES}[name]  # anything else was not written and must not be asked for

    def load_facts(self, stem, name):
        return {"linkage": LINKAGE}[name]


def test_collect_loads_what_is_there_and_names_what_is_not():
    e = step.collect(Steps())
    assert e.level == "effects"
    assert "Readiness of the data" in e.missing
    assert "Individual linkage" not in e.missing


# -- warning signs ---------------------------------------------------------------------------------------


def sign(verdict, brief="Found 3 of 20."):
    return {"verdict": verdict, "brief": brief}


def test_the_signs_are_those_that_the_audit_names():
    names = {flight_words.NAME, drift_words.NAME, shadow_words.NAME, echo_words.NAME}
    assert set(SIGNS) == names


def test_badges_say_the_verdicts_of_the_audit(effects_only):
    words = ["fail", "pass", "watch", "not assessable"]
    found = {name: sign(word) for name, word in zip(SIGNS, words, strict=True)}
    found[list(SIGNS)[3]] = sign("not assessable", "not assessed: needs `voc_feedback`")
    e = replace(effects_only, facts={**effects_only.facts, "signs": found})
    badges = step.badges(e)
    assert [b["verdict"] for b in badges] == ["misaligned", "aligned", "watch", "not assessed"]
    assert [b["meaning"] for b in badges[:3]] == ["", "", ""]  # what was found stands where the badge leads
    assert badges[0]["href"].startswith("06_misalignment_audit.html#do-the-best-people")
    assert badges[3]["meaning"].endswith("told back. Needs voc_feedback.")
    said = step.signs_note(e)
    assert said.startswith("One of the four signs shows")
    assert "1 to be watched, because a bound is not clearly passed" in said
    assert "1 cannot be assessed, which is no verdict in favour" in said


@pytest.mark.parametrize(
    ("word", "known", "signs", "areas"),
    [("not assessable", 0, "None of the four signs can be assessed, which is no verdict in favour.",
      "None of the eight areas can be assessed, which is no verdict in favour."),
     ("pass", 1, "None of the signs that can be assessed shows, by bounds",
      "None of the areas that can be assessed is misaligned; 7 cannot be assessed"),
     ("pass", 9, "None of the four signs shows, by bounds", "None of the eight areas is misaligned. What lies")],
)  # fmt: skip
def test_none_is_said_only_of_what_can_be_assessed(effects_only, word, known, signs, areas):
    verdicts = {
        key: {name: sign(word if at < known else "not assessable") for at, name in enumerate(names)}
        for key, names in (("signs", SIGNS), ("areas", AREAS))
    }
    e = replace(effects_only, facts={**effects_only.facts, **verdicts})
    assert step.signs_note(e).startswith(signs) and step.areas_note(e).startswith(areas)


def test_without_the_audit_no_sign_has_a_verdict(effects_only):
    assert {b["verdict"] for b in step.badges(effects_only)} == {"not assessed"}
    assert "is not part of this run" in step.signs_note(effects_only)
    assert {b["verdict"] for b in step.areas(effects_only)} == {"not assessed"}
    assert "is not part of this run" in step.areas_note(effects_only)
    assert not any(b["href"] for b in [*step.badges(effects_only), *step.areas(effects_only)])


def test_the_page_says_the_eight_areas_in_words(effects_only):
    words = ["fail", "pass", "watch", "fail", "pass", "pass", "pass", "not assessable"]
    found = {
        name: sign(word) | {"anchor": f"area-{at}"} for at, (name, word) in enumerate(zip(AREAS, words, strict=True))
    }
    found[AREAS[7]] |= {"brief": "not assessed: needs `customer_value`"}
    e = replace(effects_only, facts={**effects_only.facts, "areas": found})
    areas = step.areas(e)
    assert [a["verdict"] for a in areas[:3]] == ["misaligned", "aligned", "watch"]
    assert areas[0]["meaning"] == "Found 3 of 20."
    assert areas[7]["meaning"] == "Needs customer_value."
    assert areas[3]["href"] == "06_misalignment_audit.html#area-3"
    said = step.areas_note(e)
    assert said.startswith("Two of the eight areas are misaligned; 1 to be watched")
    assert "1 cannot be assessed, which is no verdict in favour" in said
