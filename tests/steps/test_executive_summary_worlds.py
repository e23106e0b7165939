"""The executive page in worlds whose truth is known: as hoped, reversed, and without any effect."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exlink.publish.style import money
from exlink.steps import executive_summary as step
from exlink.steps.executive_summary.lever import find_lever

ASPECTS = {"tools": 0.14, "workload": 0.10}
COST = 500.0
FACTS = {"kpi": "satisfaction", "points": 0.1, "raise_points": 0.3, "group": "everyone", "cost": COST,
         "benefit": "margin", "base": {"revenue": 1e6, "first": "2025Q4", "last": "2026Q3"}}  # fmt: skip
LINKAGE = {"unit": "employees", "outcome": "satisfaction", "ex_before_cx": True}


def euros(value):
    return money(value, "EUR")


def interval(estimate, half):
    verdict = "inconclusive" if abs(estimate) <= half else "higher" if estimate > 0 else "lower"
    return {"estimate": estimate, "std_error": half / 2, "conf_low": estimate - half, "conf_high": estimate + half,
            "mde": 1.4 * half, "verdict": verdict, "n": 9000, "n_people": 200, "n_units": 200}  # fmt: skip


def world(*, work=1, overall=1, spending=1, staying=1, exits=1, weight=1.0):
    """Return what step 05 and 03 leave when each link has the sign given; 0 is no effect (interval over zero).

    ``weight`` is how much of the money comes from fewer people leaving, in the size of what comes through customers.
    """
    signs = {"contact → overall": overall * 0.44, "overall → revenue": spending * 0.04,
             "overall → customers kept": staying * -0.59,
             "work satisfaction → exits avoided": exits * -0.65}  # fmt: skip
    chain = [{"step": "EX → contact", "link": a, "label": a, "who": "employees", **interval(work * b, 0.03)}
             for a, b in ASPECTS.items()]  # fmt: skip
    chain += [{"step": name, "link": name, "label": name, "who": "customers", **interval(x, abs(x) / 5 or 0.01)}
              for name, x in signs.items()]  # fmt: skip
    value, plans = [], []
    for aspect, slope in ASPECTS.items():
        customers = 1000 * slope / 0.14 * work * overall * np.sign(spending + staying)
        saved = weight * 1000 * slope / 0.14 * work * exits
        for stream, amount in {"customers": customers, "saved": saved, "total": customers + saved}.items():
            half = max(abs(amount) / 3, 200.0)
            value.append({"aspect": aspect, "label": aspect, "stream": stream} | interval(amount, half))
        row = interval(3 * (customers + saved), abs(customers + saved) + 300)
        plans.append({"lever": f"raise {aspect}", "aspect": aspect, "side": "employees", "benefit": row["estimate"],
                      "benefit_low": row["conf_low"], "benefit_high": row["conf_high"], "p_pays": 0.95, "cost": COST,
                      "net": row["estimate"] - COST, "worth_paying": row["conf_low"], "n_people": 184})  # fmt: skip
    plans.append(plans[0] | {"lever": "cut waiting times", "side": "customers", "aspect": ""})
    base = value[2]["estimate"]
    tornado = [{"link": "contact → overall", "low": base - 500, "high": base + 500, "base": base, "n_people": 200}]
    attrition = [{"item": item, "basis": basis, "estimate": x, "conf_low": low, "conf_high": low * 3, "n_people": 27}
                 for item, basis, x, low in (("voluntary exits in the last twelve months", "counted", 27, np.nan),
                                             ("cost of replacing them", "50% of a salary", 1e6, 5e5))]  # fmt: skip
    slopes = [{"aspect": a, "outcome": "satisfaction", "sd_within": 0.4} | interval(work * b, 0.03)
              for a, b in ASPECTS.items()]  # fmt: skip
    frames = {"chain": chain, "value": value, "scenarios": plans, "tornado": tornado, "attrition": attrition,
              "slopes": slopes}  # fmt: skip
    tables = {name: pd.DataFrame(rows) for name, rows in frames.items()}
    return step.Evidence(euros, tables, {"money": FACTS, "linkage": LINKAGE})


def everything(e):
    """Return every sentence of the page that speaks of results."""
    cells = [step.decision(e), *step.tiles(e), *step.chain(e), *step.changes(e), *step.certainty(e)]
    return " ".join([*(str(v) for cell in cells for v in cell.values() if v), step.others(e), *step.mind_changers(e)])


def levels(e):
    return {line["statement"]: (line["level"], line["why"]) for line in step.certainty(e)}


CUSTOMERS_REVERSED = {"overall": -1, "spending": -1, "staying": -1}
WORLDS = {"hoped": {}, "customers": CUSTOMERS_REVERSED, "work": {"work": -1}, "exits": {"exits": -1},
          "all": CUSTOMERS_REVERSED | {"work": -1, "exits": -1}, "staying": {"staying": -1},
          "nothing": {"work": 0, "overall": 0, "spending": 0, "staying": 0, "exits": 0}}  # fmt: skip


@pytest.mark.parametrize("signs", WORLDS.values(), ids=WORLDS)
def test_every_world_is_told_in_whole_sentences(signs):
    text = everything(world(**signs))
    assert not re.search(r"\b(nan|None|inf)\b|  |\.\.|shrink to −|−−", text)
    assert "strong" not in text


def test_the_hoped_for_world_is_acted_on():
    e = world()
    assert step.decision(e)["verdict"] == "Act"
    assert levels(e)["Customers who think better of us spend more."][0] == "moderate"
    assert "Better ratings of tools and workload go with better-rated contacts." in levels(e)
    assert "opposite" not in everything(e)


# -- reversed --------------------------------------------------------------------------------------------


def test_two_reversed_links_multiply_to_no_gain():
    """Contacts lower opinion and opinion lowers spending: a positive product, and a gain on paper only."""
    e = world(**CUSTOMERS_REVERSED, weight=0.5)
    assert (e.stream("customers")["verdict"] == "higher").all()
    assert step.decision(e)["verdict"] == "Hold"
    assert "better contacts go with customers who think worse of us" in step.decision(e)["sentence"]
    assert "no gain through customers is stated" in step.decision(e)["because"]
    assert step.changes(e) == []
    assert "runs the other way than expected: tools, workload" in step.others(e)
    assert step.chain(e)[-1]["effect"] == "not stated"
    assert euros(e.stream("customers")["estimate"].iloc[0]) not in everything(e)
    assert "cut waiting times" not in step.others(e)


def test_a_reversed_link_is_said_the_way_it_runs():
    said = levels(world(**CUSTOMERS_REVERSED))
    for statement, level in (("Better contacts go with customers who think worse of us.", "moderate"),
                             ("Customers who think better of us spend less.", "moderate"),
                             ("Customers who think better of us leave sooner.", "weak")):  # fmt: skip
        assert said[statement][0] == level
        assert said[statement][1].startswith("The data say the opposite of what was expected")
    assert not {"Customers who think better of us spend more.", "Customers who think better of us stay longer."} & {
        *said
    }
    assert "Leaving: the opposite of what was expected" in step.chain(world(staying=-1, spending=3))[2]["meaning"]


def test_reversed_experience_is_a_loss_and_not_inconclusive():
    e = world(work=-1)
    said = step.decision(e)
    assert said["verdict"] == "Hold"
    assert said["sentence"].startswith("Do not spend on tools and workload")
    assert "2 of 2 aspects go with a clear loss; the largest is tools, −€6,000 a year" in said["because"]
    assert step.tiles(e)[0]["value"] == "−€6,000 a year"
    assert step.others(e).startswith("Better ratings go with a clear loss: tools, workload.")
    assert "nconclusive" not in everything(e)
    assert "Better ratings of tools and workload go with worse-rated contacts." in levels(e)


def test_content_people_who_leave_are_not_said_to_stay():
    e = world(exits=-1)
    assert "People who are content with their work leave more often." in levels(e)
    assert "People who are content with their work stay." not in levels(e)
    assert step.decision(e)["verdict"] == "Try it small first"
    assert "content with their work leave more often; that is not counted" in step.decision(e)["because"]
    assert step.changes(e)[0]["why"] == "€3,000 through customers, a loss of €3,000 from more people leaving."


def test_reversed_slopes_without_money_are_a_reason_to_hold():
    e = world(work=-1)
    e = replace(e, tables={"slopes": e.tables["slopes"]})
    said = step.decision(e)
    assert said["verdict"] == "Hold"
    assert "rate tools and workload better than usual are less content" in said["sentence"]
    assert "Clearly lower" in step.tiles(e)[0]["meaning"]
    assert "Better ratings go with customers' lower satisfaction: workload, tools." in step.others(e)


def test_an_amount_that_would_turn_is_said_to_become_a_loss():
    assert any("the €6,000 would shrink to €4,500" in line for line in step.mind_changers(world()))
    low = world()
    low.tables["tornado"]["low"] = -700.0
    assert any("would turn into a loss of €2,100" in line for line in step.mind_changers(low))


# -- no effect -------------------------------------------------------------------------------------------


def test_without_any_effect_no_lever_is_named():
    e = world(**WORLDS["nothing"])
    assert step.decision(e)["verdict"] == "Inconclusive"
    top = " ".join(str(v) for tile in step.tiles(e) for v in tile.values())
    assert step.tiles(e)[0]["value"] == "0 of 2"
    for name in ASPECTS:
        assert name not in top
        assert name not in " ".join(step.mind_changers(e))
    assert {level for level, _ in levels(e).values()} <= {"weak", "not assessed"}
    assert all("Inconclusive" in link["meaning"] for link in step.chain(e))


# -- one lever -------------------------------------------------------------------------------------------


def test_tiles_and_mind_changers_speak_of_the_lever_of_the_decision():
    """The dearest total is not the one that is clear: through customers alone tools is."""
    e = world()
    value = e.tables["value"]
    value.loc[value["stream"] != "customers", "verdict"] = "inconclusive"
    value.loc[(value["stream"] == "customers") & (value["aspect"] == "workload"), "verdict"] = "inconclusive"
    plans = e.tables["scenarios"]
    e = replace(e, tables=e.tables | {"scenarios": plans.iloc[[1, 0, 2]].assign(cost=10_000.0)})
    assert e.plans["aspect"].iloc[0] == "workload"
    assert step.decision(e)["verdict"] == "Only if it is cheap"
    assert all("tools" in tile["label"] for tile in step.tiles(e)[:3])
    assert "workload" not in " ".join(step.mind_changers(e))
    assert any(line.startswith("A trial raises tools") for line in step.mind_changers(e))


def test_an_aspect_that_loses_all_in_all_is_no_lever_for_customers():
    e = world()
    value = e.tables["value"]
    value.loc[value["stream"] == "total", "verdict"] = "lower"
    assert find_lever(e) is None
    assert step.changes(e) == []


# -- what is hidden, and what other models say -----------------------------------------------------------


def test_few_leavers_are_neither_counted_nor_given_away_by_their_cost():
    e = world()
    assert any(tile["label"] == "People who leave cost" for tile in step.tiles(e))
    e.tables["attrition"].loc[0, "n_people"] = np.nan
    assert not any("leave cost" in tile["label"] for tile in step.tiles(e))


def test_one_model_that_turns_an_association_round_is_named():
    between = pd.DataFrame([{"aspect": a, "outcome": "satisfaction"} | interval(x, 0.1)
                            for a, x in (("engagement", 0.4), ("safety", 0.3), ("trust", 0.2))])  # fmt: skip
    joint = pd.DataFrame([
        {"aspect": a, "outcome": "satisfaction", "effect": "between", "specification": "mixed model"} | interval(x, 0.1)
        for a, x in (("engagement", -0.14), ("safety", 0.3), ("trust", 0.02))])  # fmt: skip
    facts = {"linkage": LINKAGE | {"unit": "teams"}}
    e = step.Evidence(euros, {"slopes_between": between, "effects": joint}, facts)
    said = step.decision(e)
    assert said["sentence"].startswith("Where safety is rated higher, customers are more content;")
    turned = "With all aspects in one model, engagement points the other way and trust is no longer clear."
    assert turned in said["because"]
    assert turned in step.certainty(e)[0]["why"]
    assert step.certainty(e)[0]["statement"] == "Better ratings of safety go with better-rated contacts."
    assert "With all aspects in one model it points the other way" in step.tiles(e)[0]["meaning"]
    alone = replace(e, tables={"slopes_between": between})
    assert "engagement, safety and trust are rated higher" in step.decision(alone)["sentence"]
