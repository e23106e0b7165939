"""Step 07: kinds of initiatives pooled, friction against metrics, and what a planned initiative lets one expect."""

from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exlink.errors import ParameterError
from exlink.steps.action_loop import friction, gate, gate_way, levers
from exlink.steps.action_loop.initiatives import assess_initiatives, people_behind


@pytest.fixture(scope="module")
def found(sample):
    return assess_initiatives(sample)


def changed(sample, **columns):
    """Return the sample with columns of its initiatives replaced; None leaves one out."""
    data, rows = copy(sample), sample.frame("initiatives")
    gone = [c for c, v in columns.items() if v is None]
    rows = rows.drop(columns=gone).assign(**{c: v for c, v in columns.items() if v is not None})
    data.frame = lambda table, chosen=None: rows.copy() if table == "initiatives" else sample.frame(table, chosen)
    return data


def test_kinds_are_ordered_as_planted(sample, found):
    pooled = levers.assess_levers(sample, found)
    table = pooled.table.set_index("kind")
    assert table.index[0] == "remove friction" and table.index[-1] == "add measurement"
    assert table.loc[["remove friction", "add measurement"], "clear"].all() and not table.loc["training", "clear"]
    average = pooled.pooled.average["estimate"].iloc[0]
    assert ((table["shrunken"] - average).abs() <= (table["estimate"] - average).abs() + 0.02).all()
    planted = {"remove friction": 0.7, "training": 0, "add measurement": -0.35, "streamlining": 0.3, "coaching": 0.4,
               "tooling": 0.1}  # fmt: skip
    observed = pd.Series(planted)[table.index]
    assert ((table["shrunken_low"] < observed) & (observed < table["shrunken_high"])).all()
    said = levers.levers_sentence(pooled)
    assert "Clearly downwards" in said and "6 of 6 kinds rest on one initiative" in said
    long = levers.levers_long(pooled)
    assert len(long) == 12 and set(long["what"]) == {"as measured", "pulled to the average"}


def test_interval_of_a_kind_with_one_initiative_is_its_own(sample, found):
    table = levers.assess_levers(sample, found).table.set_index("kind")
    own = found.effects.query("outcome == 'its aspect'").set_index("kind")
    np.testing.assert_allclose(table["estimate"], own["estimate"][table.index])
    np.testing.assert_allclose(table["conf_low"], own["conf_low"][table.index], atol=0.01)  # df of all, not its own


def test_initiatives_of_a_kind_are_averaged_by_precision(sample):
    kinds = sample.frame("initiatives")["initiative_id"].map(lambda i: "coaching" if i < "N-04" else "tooling")
    data = changed(sample, kind=kinds.to_numpy())
    found = assess_initiatives(data)
    table = levers.assess_levers(data, found).table.set_index("kind")
    assert table["initiatives"].to_dict() == {"coaching": 3, "tooling": 3}
    rows = found.effects.query("outcome == 'its aspect' and kind == 'coaching'")
    expected = np.average(rows["estimate"], weights=1 / rows["std_error"] ** 2)
    assert table.loc["coaching", "estimate"] == pytest.approx(expected)
    assert table.loc["coaching", "n_people"] == people_behind(found, list(rows["initiative_id"]))
    members = [found.members[i] for i in rows["initiative_id"]]
    assert len(frozenset().union(*members)) == sum(map(len, members))  # in different teams here


def test_a_kind_of_few_people_has_no_part_in_the_average(sample, found):
    """With all other kinds and the average, it could be worked out."""
    strict = copy(sample)
    strict.study = sample.study.model_copy(
        update={"privacy": sample.study.privacy.model_copy(update={"min_group": 18})}
    )
    pooled = levers.assess_levers(strict, found)
    assert set(pooled.table["kind"]) == {"remove friction", "coaching", "training", "add measurement"}
    assert pooled.small == 2 and "2 more have too few people" in levers.levers_sentence(pooled)
    people = pooled.table["n_people"].sum()
    assert pooled.pooled.average["n"].iloc[0] == people == 97
    strict.study = strict.study.model_copy(
        update={"privacy": sample.study.privacy.model_copy(update={"min_group": 27})}
    )
    assert levers.assess_levers(strict, found).startswith("not assessed: at least two kinds of initiatives with 27")


def test_shared_teams_of_comparison_make_errors_go_together(sample, found):
    rows = found.effects.query("outcome == 'ease'").reset_index(drop=True)
    vcov = levers.covariance(rows, [found.parts[i, "ease"] for i in rows["initiative_id"]])
    np.testing.assert_allclose(np.sqrt(np.diag(vcov)), rows["std_error"])
    assert np.linalg.eigvalsh(vcov)[0] > 0
    apart = vcov / np.outer(rows["std_error"], rows["std_error"])
    assert 0.02 < np.abs(apart[np.triu_indices(6, 1)]).mean() < 0.6


def test_friction_is_counted_once_per_initiative(sample, found):
    table = friction.friction_removed(sample, found).set_index("kind")
    assert table.loc[friction.ALL, ["removed", "added", "ratio"]].tolist() == [15, 11, "1.4 : 1"]
    assert table.loc["add measurement", ["removed", "added", "ratio"]].tolist() == [0, 7, "0 : 7"]
    assert table.loc["add measurement", "ex_workload_clear"] and not table.loc["training", "ex_ease_clear"]
    own = found.effects.query("initiative_id == 'N-03' and outcome == 'its aspect'").iloc[0]
    assert table.loc["add measurement", "ex_workload"] == pytest.approx(own["estimate"])
    said = friction.friction_sentence(table.reset_index(), 8)
    assert "removed 15 frictions and added 11 metrics" in said and "“add measurement” moved “workload” by −0.5" in said
    assert friction.friction_sentence(table.reset_index(), 1_000) == ""


def test_effort_that_nobody_was_asked_about_is_left_out(sample, found):
    silent = replace(found, effects=found.effects[found.effects["outcome"].isin(["ease", "recommend"])])
    table = friction.friction_removed(sample, silent)
    assert "ex_ease" not in table and friction.friction_sentence(table, 8).endswith("coaching and training.")


@pytest.mark.parametrize(
    ("removed", "added", "words"),
    [(9, 0, "9 : 0"), (0, 7, "0 : 7"), (2, 2, "1 : 1"), (0, 0, "none"), (4, 2, "2.0 : 1"), (1, 7, "1 : 7.0")],
)
def test_ratio_in_words(removed, added, words):
    assert friction.ratio_in_words(removed, added) == words


def test_gate_speaks_from_own_experience(sample, found):
    plans = gate.planned_initiatives(found, [
        {"name": "Timer", "kind": "add_measurement", "metrics_added": 3},
        {"name": "Desk", "kind": "tooling", "metrics_added": 1, "frictions_removed": 5, "cost": 10_000},
        {"name": "Buddies", "kind": "mentoring"},
    ])  # fmt: skip
    cards = gate.gate_cards(sample, found, plans).set_index("name")
    assert cards["net_metrics"].tolist()[:2] == [3, -4] and np.isnan(cards.loc["Buddies", "net_metrics"])
    did = levers.assess_levers(sample, found, "ease")
    known = levers.one_more_of_each(did).table.set_index("kind").loc["tooling"]
    told = cards.loc["Desk", ["ease", "ease_low", "ease_high", "n_people"]].tolist()
    assert told == [known["shrunken"], known["shrunken_low"], known["shrunken_high"], 16]
    own, average = did.table.set_index("kind").loc["tooling"], did.pooled.average.iloc[0]
    assert known["shrunken_low"] < own["shrunken_low"] and own["shrunken_high"] < known["shrunken_high"]
    assert cards.loc["Buddies", "ease"] == average["estimate"] and "6 other kinds" in cards.loc["Buddies", "basis"]
    said = gate.gate_sentences(cards.reset_index(), 8)
    assert said.count("Cost") == 1 and "than metrics added. Cost as planned: 10,000. Expected from 1" in said
    assert "Cost as planned: 10,000 EUR. " in gate.gate_sentences(cards.reset_index(), 8, "EUR")
    assert "more metrics, 3 more added" in said and "better tools, 4 more frictions removed" in said
    assert "ask before it begins" in said and said.count("Easier or harder: cannot be told") == 3
    assert gate.gate_sentences(cards.reset_index(), 20).count("**") == 4  # the kind with 16 people is not told
    easy = cards.assign(ex_ease_low=0.1, effort=gate.EASIER).reset_index()
    assert "Easier or harder: easier; “work is easy”" in gate.gate_sentences(easy, 8)


def test_what_began_too_late_is_asked_the_same(sample):
    started = sample.frame("initiatives").set_index("initiative_id")["started_on"]
    data = changed(sample, started_on=started.mask(started.index == "N-06", pd.Timestamp("2026-09-25")).to_numpy())
    found = assess_initiatives(data)
    plans = gate.planned_initiatives(found, [])
    assert plans["name"].tolist() == ["New desktop assistant"] and plans["kind"].tolist() == ["tooling"]
    assert gate.gate_cards(data, found, plans)["net_metrics"].tolist() == [0]


def test_nothing_planned_and_nothing_known(sample, required_only, found):
    assert gate.gate_cards(sample, found, gate.planned_initiatives(found, [])) == gate.NOWHERE
    none = assess_initiatives(required_only)
    plans = gate.planned_initiatives(none, [{"name": "A", "kind": "training"}])
    assert gate.gate_cards(required_only, none, plans) == none == friction.friction_removed(required_only, none)
    assert levers.assess_levers(required_only, none) == none
    assert gate.gate_sentences(none, 8) == friction.friction_sentence(none, 8) == levers.levers_sentence(none) == ""
    assert levers.levers_long(none).empty
    one = changed(sample, kind="training")
    kinds = levers.assess_levers(one, assess_initiatives(one))
    assert kinds.startswith("not assessed: at least two kinds")
    uncounted = changed(sample, metrics_added=np.nan, frictions_removed=np.nan)
    uncounted._filled = {**sample._filled, "initiatives": {"initiative_id": 16, "metrics_added": 0}}
    assert "needs `initiatives.metrics_added`" in friction.friction_removed(uncounted, found)


@pytest.mark.parametrize(("entry", "words"), [
    ("tooling", "write it as keys and values"), ({"name": "A"}, "has no kind"),
    ({"name": "A", "kind": "x", "metric_added": 2},
     r"steps\.07_action_loop\.planned, entry 1: 'metric_added'.*Did you mean 'metrics_added'\? It may have name, kind"),
    ({"name": "A", "kind": "x", "metrics_added": -1}, "a number from 0 up"),
])  # fmt: skip
def test_a_plan_that_cannot_be_read_is_refused(found, entry, words):
    with pytest.raises(ParameterError, match=words):
        gate.planned_initiatives(found, [entry])


def test_plans_of_the_same_name_are_refused(found):
    with pytest.raises(ParameterError, match="is there twice"):
        gate.planned_initiatives(found, [{"name": "A", "kind": "x"}, {"name": "A", "kind": "y"}])


def test_a_plan_is_followed_through_its_aspect(sample, found):
    """The change to expect of one more of the kind times the slope within persons; the planted product lies inside."""
    plans = gate.planned_initiatives(found, [
        {"name": "Screen", "kind": "remove_friction", "aspect": "tools"}, {"name": "Other", "kind": "training"},
    ])  # fmt: skip
    table = gate_way.by_way_of(sample, found, plans)
    assert table["name"].tolist() == ["Screen"]
    row = table.iloc[0]
    kind = levers.one_more_of_each(levers.assess_levers(sample, found)).table.set_index("kind").loc["remove friction"]
    assert row["change"] == kind["shrunken"] and row["n_people"] == 20
    slope = next(e["joint"] for e in sample.truth["effects"] if (e["aspect"], e["kpi"]) == ("tools", "ease"))
    assert row["ease_low"] < 0.7 * slope < row["ease_high"]
    # no narrower than either part alone would make it
    assert row["ease_high"] - row["ease_low"] > row["ease"] / row["change"] * (row["change_high"] - row["change_low"])
    assert gate_way.way_sentence(table, "ease", 21) == ""
    assert "no plan can be told to move" in gate_way.way_sentence(table, "ease", 8)  # one screen made work easier once
    clear = table.assign(ease_low=0.1)
    assert "“Screen” up, by way of tools" in gate_way.way_sentence(clear, "ease", 8)


def test_a_plan_without_an_aspect_or_with_an_unknown_one(sample, required_only, found):
    none = gate.planned_initiatives(found, [{"name": "A", "kind": "training"}])
    assert gate_way.by_way_of(sample, found, none) == "not assessed: no planned initiative names its `aspect`"
    assert gate_way.way_sentence("", "ease", 8) == ""
    silent = assess_initiatives(required_only)
    assert gate_way.by_way_of(required_only, silent, none) == silent
    odd = gate.planned_initiatives(found, [{"name": "A", "kind": "training", "aspect": "tool"}])
    with pytest.raises(ParameterError, match=r"nobody was asked about 'tool'.*Did you mean"):
        gate_way.by_way_of(sample, found, odd)
