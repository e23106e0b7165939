"""The executive page takes over what step 04 found on which comes first, whatever the verdict is."""

from dataclasses import replace

import pandas as pd
import pytest

from exlink.data.which_way import which_way
from exlink.steps import executive_summary as step
from exlink.steps.executive_summary.lever import find_lever
from exlink.steps.mixed_effects.direction_words import NOT_ASSESSED, VERDICTS
from tests.steps.test_executive_summary_worlds import everything, levels, world

AHEAD = {"estimate": 0.4, "conf_low": 0.3, "conf_high": 0.5, "mde": 0.13, "p_value": 0.0}
NEEDS = "not assessed: effects within teams need two waves"
HOLDS = ("CX→EX supported", "contradicted", "runs against")


def found(verdict, **estimates):
    return {
        "verdict": verdict,
        "outcome": "satisfaction",
        "sentence": NEEDS,
        "estimates": {"ex_to_cx": AHEAD} | estimates,
    }


def told(verdict, *, priced=True, **signs):
    e = world(**signs)
    tables = e.tables if priced else {"slopes": e.tables["slopes"]}
    return replace(e, tables=tables, facts=e.facts | {"direction": found(verdict)})


def page(e):
    return f"{everything(e)} {step.certainty_note(e)}"


def test_every_verdict_of_step_04_is_known():
    for verdict in (*VERDICTS.values(), NOT_ASSESSED):
        assert "the test of which comes first says" not in which_way({"verdict": verdict, "sentence": NEEDS}).found


@pytest.mark.parametrize("verdict", ["EX→CX supported", "both"])
def test_experience_that_comes_first_is_said_with_its_condition(verdict):
    e = told(verdict)
    note = step.certainty_note(e)
    assert step.decision(e)["verdict"] == "Act"
    assert "unless something else moved both in the same wave" in note
    assert ("both ways" in note) == (verdict == "both")
    assert "turn out to come first" not in page(e)
    assert "inconclusive" not in note


@pytest.mark.parametrize("priced", [True, False], ids=["money", "effects"])
@pytest.mark.parametrize("verdict", HOLDS)
def test_no_lever_through_customers_where_experience_does_not_come_first(verdict, priced):
    e = told(verdict, priced=priced)
    said = step.decision(e)
    assert said["verdict"] == "Hold"
    assert said["sentence"].startswith("Do not spend on employees' experience to raise customers' ratings: here ")
    assert e.order.against in said["sentence"]
    assert step.changes(e) == []
    assert "Not ranked, because" in step.others(e)
    assert next(iter(levels(e).values()))[0] == "weak"
    assert "so no gain through customers is stated" in step.certainty_note(e)
    assert not any("turn out to come first" in line for line in step.mind_changers(e))


@pytest.mark.parametrize("verdict", HOLDS)
def test_money_from_people_who_stay_is_kept_apart_where_customers_come_first(verdict):
    e = told(verdict)
    assert "Fewer people leaving alone would make tools worth €3,000 a year" in step.decision(e)["because"]
    assert step.chain(e)[-1]["effect"] == "not stated"
    assert step.tiles(e)[0]["value"] == "0 of 2"


def test_a_link_that_runs_the_other_way_is_told_before_the_order():
    assert "better contacts go with customers who think worse" in step.decision(told(HOLDS[0], overall=-1))["sentence"]


@pytest.mark.parametrize(("facts", "reason"), [
    (found("inconclusive", ex_to_cx=AHEAD | {"conf_low": -0.1}), "below 0.13 points of satisfaction"),
    (found("inconclusive", placebo=AHEAD), "something else may move both"),
    (found("inconclusive") | {"estimates": {}}, "too few waves"),
    (found("not assessed"), "effects within teams need two waves"),
    ({}, "is not tested in this run")])  # fmt: skip
def test_what_is_not_known_is_said_with_its_reason(facts, reason):
    e = world()
    e = replace(e, facts=e.facts | {"direction": facts})
    assert reason in step.certainty_note(e)
    assert step.decision(e)["verdict"] == "Act"
    assert any("turn out to come first" in line for line in step.mind_changers(e))


def test_the_chain_is_that_of_the_lever_and_shows_people_who_stay():
    e = world()
    stay = e.link("work satisfaction → exits avoided").to_dict() | {"link": "stay: tools", "label": "tools"}
    e.tables["chain"] = pd.concat([e.tables["chain"], pd.DataFrame([stay])], ignore_index=True)
    assert find_lever(e).aspect == "tools"
    assert step.chain(e)[-1]["name"] == "Through customers"
    assert [x["name"] for x in step.staying(e)][-2:] == ["Through staying", "All together"]
    assert "Both come from one survey" in step.staying(e)[0]["meaning"]
    assert step.staying(replace(e, facts=e.facts | {"direction": found("contradicted")})) == []


def test_an_interval_clear_of_zero_is_not_said_to_hold_it():
    e = told("inconclusive", priced=False)
    e.tables["slopes"]["verdict"] = "inconclusive"
    tile = step.tiles(e)[0]
    assert "clear by itself, not after allowing for 2 aspects" in tile["meaning"]
    assert "zero is not ruled out" not in tile["meaning"]


def test_what_measuring_a_link_is_worth_stands_beside_the_advice_to_measure_it():
    e = world()
    e.tables["knowing"] = pd.DataFrame([{"link": "contact → overall", "worth": 700.0, "n_people": 184}])
    assert any("is worth at most €700" in line for line in step.mind_changers(e))
    e.tables["knowing"]["worth"] = 0.0
    assert any("would not turn the decision" in line for line in step.mind_changers(e))


def test_without_customers_money_the_lever_for_people_who_stay_is_named_as_that():
    e = world()
    value = e.tables["value"]
    tables = e.tables | {"value": value[value["stream"] == "saved"], "scenarios": e.plans.assign(clear=True)}
    said = step.decision(replace(e, tables=tables))["because"]
    assert "For people staying, the only way that has a price here, the first lever is tools" in said
    tables["scenarios"]["clear"] = False
    assert "For people staying" not in step.decision(replace(e, tables=tables))["because"]
