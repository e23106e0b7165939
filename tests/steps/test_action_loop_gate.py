"""Step 07: where nothing is planned, the gate card tells what one more of each kind tried lets one expect."""

from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exlink.steps.action_loop import gate, gate_tried, gate_way, levers
from exlink.steps.action_loop.initiatives import EASE, assess_initiatives


@pytest.fixture(scope="module")
def found(sample):
    return assess_initiatives(sample)


@pytest.fixture(scope="module")
def cards(sample, found):
    return gate.gate_cards(sample, found, gate_tried.plans_or_tried(sample, found, []))


def relisted(found, **columns):
    return replace(found, listed=found.listed.assign(**columns))


def test_one_more_of_each_kind_stands_in_for_plans(sample, found, cards):
    assert sorted(cards["kind"]) == sorted(found.listed["kind"]) and cards["tried"].all()
    table = gate_tried.tried_table(cards).set_index("name")
    assert table[EASE].is_monotonic_decreasing
    nets = {
        "remove friction": "better tools (−9)",
        "add measurement": "more metrics (+7)",
        "tooling": "as many of both",
    }
    assert table.loc[list(nets), "net"].to_dict() == nets and table.loc["tooling", "cost"] == 120_000
    did = levers.assess_levers(sample, found, EASE).table.set_index("kind")
    for name, row in table.iterrows():  # a forecast of the next, not what the kind did
        assert row[f"{EASE}_high"] - row[f"{EASE}_low"] > did.loc[name, "shrunken_high"] - did.loc[name, "shrunken_low"]
        sign = (row[f"{EASE}_low"] > 0) - (row[f"{EASE}_high"] < 0)
        assert row["effort"] == {1: gate.EASIER, -1: gate.HARDER, 0: gate.OPEN}[sign]


def test_words_say_that_nothing_is_planned(cards):
    said = gate_tried.gate_words(cards, 8)
    assert said.startswith("**Nothing is planned. One more of each kind tried here would let one expect:**")
    assert (
        "cannot be told of any kind" in said and "removed than metrics added: remove friction and streamlining" in said
    )
    assert "6 kinds, with 16 to 27 people behind each" in said
    assert "so far, on average, in EUR: add measurement 30,000, coaching" in gate_tried.gate_words(cards, 8, "EUR")
    assert "cost" not in gate_tried.gate_words(cards.assign(cost=np.nan), 8)
    assert gate_tried.gate_words(cards, 1_000) == ""
    names = cards["name"]
    clear = cards.assign(effort=np.where(names == "tooling", gate.EASIER, np.where(
        names == "training", gate.HARDER, gate.OPEN)))  # fmt: skip
    said = gate_tried.gate_words(clear, 8)
    assert "easier work with one more of tooling (+" in said and "harder work with one more of training (" in said
    silent = cards.drop(columns=[EASE]).assign(effort=gate.UNASKED)
    assert "was not asked about" in gate_tried.gate_words(silent, 8)
    assert gate_tried.tried_table(silent)["name"].is_monotonic_increasing


def test_facts_are_means_of_the_kinds_initiatives(sample, found):
    """Three of one kind: what one of them leaves out counts as nothing, what all leave out is not said."""
    kinds = ["coaching", "training", "training", "training", "coaching", "coaching"]
    listed = found.listed.sort_values("initiative_id")
    listed = listed.assign(kind=kinds, metrics_added=[np.nan, 1, np.nan, 4, np.nan, np.nan],
                           frictions_removed=[np.nan, np.nan, 2, np.nan, np.nan, np.nan],
                           cost=[np.nan, 10.0, np.nan, 30.0, np.nan, np.nan],
                           column=["ex_a", "ex_tools", "ex_tools", "ex_b", "ex_b", "ex_a"])  # fmt: skip
    table = gate_tried.tried_kinds(sample, replace(found, listed=listed)).set_index("kind")
    row = table.loc["training"]
    assert row["metrics_added"] == pytest.approx(5 / 3) and row["frictions_removed"] == pytest.approx(2 / 3)
    assert row["cost"] == 20 and row["aspect"] == "tools" and table.loc["coaching", "aspect"] == "a"
    assert table.loc["coaching", ["metrics_added", "frictions_removed", "cost"]].isna().all()


def test_kinds_of_few_people_unnamed_or_unassessed_are_no_rows(sample, found):
    first = found.listed["initiative_id"] == "N-01"
    other = relisted(found, kind=found.listed["kind"].mask(first, "other"))
    assert "other" not in set(gate_tried.tried_kinds(sample, other)["kind"])
    early = relisted(found, why=found.listed["why"].mask(first, "too early"))
    assert "remove friction" not in set(gate_tried.tried_kinds(sample, early)["kind"])
    strict = copy(sample)
    strict.study = sample.study.model_copy(
        update={"privacy": sample.study.privacy.model_copy(update={"min_group": 18})}
    )
    told = gate.gate_cards(strict, found, gate_tried.plans_or_tried(strict, found, []))
    assert set(told["kind"]) == {"remove friction", "coaching", "training", "add measurement"}


def test_a_plan_takes_the_place_of_one_more(sample, found):
    plans = gate_tried.plans_or_tried(sample, found, [{"name": "A", "kind": "tooling"}])
    pd.testing.assert_frame_equal(plans, gate.planned_initiatives(found, [{"name": "A", "kind": "tooling"}]))
    planned = gate.gate_cards(sample, found, plans)
    assert gate_tried.tried_table(planned).empty
    assert gate_tried.gate_words(planned, 8) == gate.gate_sentences(planned, 8) != ""


def test_a_plan_of_a_tried_kind_lets_one_expect_what_one_more_of_it_does(sample, found, cards):
    listed = [{"name": kind, "kind": kind} for kind in cards["kind"]]
    told = ["kind", "basis", "n_people", "effort", *(c for c in cards if c.startswith(("ex_ease", *sample.cx_kpis)))]
    planned = gate.gate_cards(sample, found, gate.planned_initiatives(found, listed))
    pd.testing.assert_frame_equal(planned[told], cards[told])


def test_one_line_where_nothing_is_known(sample, required_only, found):
    none = assess_initiatives(required_only)
    line = gate.gate_cards(required_only, none, gate_tried.plans_or_tried(required_only, none, []))
    assert line == none and gate_tried.tried_table(line).empty and gate_tried.gate_words(line, 8) == ""
    one = replace(found, effects=found.effects[found.effects["kind"] == "tooling"])
    assert gate.gate_cards(sample, one, gate_tried.plans_or_tried(sample, one, [])) == gate.NOWHERE


def test_one_more_of_a_kind_is_followed_through_its_aspect(sample, found):
    tried = gate_tried.plans_or_tried(sample, found, [])
    table = gate_way.by_way_of(sample, found, tried)
    assert sorted(table["name"]) == sorted(tried["name"]) and table["tried"].all()
    planned = gate_way.by_way_of(sample, found, tried.assign(tried=False))
    pd.testing.assert_frame_equal(table.drop(columns="tried"), planned.drop(columns="tried"))
    did = levers.assess_levers(sample, found).table.set_index("kind").loc[table["name"]].reset_index()
    assert (table["change_high"] - table["change_low"] > did["shrunken_high"] - did["shrunken_low"]).all()
    assert gate_way.by_way_of(sample, found, tried.assign(kind="mentoring")) == gate.NOWHERE
    flat = table.assign(ease_low=-1.0, ease_high=1.0)
    assert "one more initiative of no kind" in gate_way.way_sentence(flat, "ease", 8)
    clear = table.assign(ease_low=np.where(table["name"] == "tooling", 0.1, -1.0), ease_high=1.0)
    assert "with: one more of “tooling”" in gate_way.way_sentence(clear, "ease", 8)
