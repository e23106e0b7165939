"""The executive page says what step 03 says of customers, in one number, and tells the plans a study declares."""

import pandas as pd
import pytest

from exlink.publish.style import money
from exlink.steps import executive_summary as step
from exlink.steps.executive_summary.lever import find_lever

KINDS = ("higher", "no meaningful association", "inconclusive")


def euros(value):
    return money(value, "EUR")


def row(aspect, verdict, estimate=0.15, joint=0.14):
    return {"aspect": aspect, "outcome": "satisfaction", "verdict": verdict, "estimate": estimate,
            "conf_low": estimate - 0.03, "conf_high": estimate + 0.03, "joint": joint, "joint_low": joint - 0.03,
            "joint_high": joint + 0.03, "n": 900, "n_units": 90, "mde": 0.04}  # fmt: skip


LINKAGE = {"unit": "employees", "outcome": "satisfaction", "ex_before_cx": True, "no_within": ""}


def without_money():
    """A study of four tables: slopes alone and beside all others, and the chain's link on the latter."""
    slopes = pd.DataFrame([row("tools", "higher"), row("recognition", "no meaningful association", 0.01, 0.02)])
    chain = pd.DataFrame(
        [
            {
                "step": "EX → contact",
                "link": a,
                "label": a,
                "estimate": j,
                "conf_low": j - 0.03,
                "conf_high": j + 0.03,
                "n_people": 90,
            }
            for a, j in (("tools", 0.14), ("recognition", 0.02))
        ]
    )
    return step.Evidence(euros, {"slopes": slopes, "chain": chain}, {"linkage": LINKAGE})


def with_money(verdict):
    """Recognition is worth its money through people who stay; ``verdict`` is step 03's on customers' ratings."""
    amounts = {"total": (900.0, "higher"), "saved": (880.0, "higher"), "customers": (20.0, "inconclusive")}
    value = [
        {
            "aspect": "recognition",
            "label": "recognition",
            "stream": s,
            "estimate": x,
            "std_error": 100.0,
            "conf_low": x - 100,
            "conf_high": x + 100,
            "mde": 280.0,
            "verdict": w,
        }
        for s, (x, w) in amounts.items()
    ]
    plan = {"lever": "raise recognition", "aspect": "recognition", "side": "employees", "benefit": 2700.0,
            "benefit_low": 2400.0, "benefit_high": 3000.0, "p_pays": 0.95, "cost": 1000.0, "net": 1700.0,
            "worth_paying": 2400.0, "n_people": 184}  # fmt: skip
    tables = {"value": pd.DataFrame(value), "scenarios": pd.DataFrame([plan]),
              "slopes": pd.DataFrame([row("recognition", verdict)])}  # fmt: skip
    return step.Evidence(euros, tables, {"linkage": LINKAGE, "money": {"kpi": "satisfaction"}})


def test_tile_change_and_chain_give_one_number_for_one_slope():
    e = without_money()
    shown = {step.tiles(e)[0]["value"], step.changes(e)[0]["gain"], step.chain(e)[0]["effect"]}
    assert shown == {"+0.14 points"}
    assert "beside all other aspects" in step.tiles(e)[0]["meaning"]


def test_without_a_chain_its_first_station_says_how_people_were_compared_and_what_is_open():
    """Two waves of few people: the strongest slope within them is clear by itself and not among all that were tried."""
    e = without_money()
    slopes = pd.DataFrame([row("safety", "inconclusive", 0.6, 0.66), row("tools", "inconclusive", 0.0, 0.0)])
    few = step.Evidence(e.money, {"slopes": slopes}, e.facts)
    first = step.chain(few)[0]
    assert "in the same employee, beside all other aspects" in first["meaning"]
    assert "Inconclusive: clear by itself, not after allowing for 2 aspects" in first["meaning"]
    apart = step.Evidence(e.money, {"slopes_between": slopes}, e.facts)
    assert "between employees" in step.chain(apart)[0]["meaning"]


def test_a_slope_is_not_said_to_be_an_effect():
    said = step.decision(without_money())
    assert said["sentence"] == (
        "Improve tools: when an employee rates it better than usual, the customers served afterwards tend to be more "
        "satisfied."
    )
    assert said["because"].startswith("Whether the one brings about the other is not shown.")
    assert "when it gets better" not in said["sentence"]


def test_what_does_not_move_customers_is_said_in_the_words_of_step_03():
    e = without_money()
    assert step.others(e) == "Nothing that matters moves in customers' satisfaction with: recognition."
    assert step.tiles(e)[1]["meaning"].endswith("Nothing that matters moves.")


@pytest.mark.parametrize("verdict", KINDS)
def test_a_lever_that_pays_otherwise_names_what_customers_show(verdict):
    e = with_money(verdict)
    said = step.decision(e)["because"]
    assert ("In customers' ratings nothing that matters moves with recognition" in said) == (verdict == KINDS[1])
    assert ("whether anything moves is inconclusive with recognition" in said) == (verdict == KINDS[2])
    tile = next(t for t in step.tiles(e) if "through customers alone" in t["label"])
    assert "Inconclusive: zero is not ruled out" in tile["meaning"]
    assert ("nothing that matters moves in customers' ratings" in tile["meaning"]) == (verdict == KINDS[1])
    why = step.changes(e)[0]["why"]
    assert ("through customers nothing that matters in their ratings" in why) == (verdict == KINDS[1])


PLAN = {"lever": "raise tools by 0.2 points", "aspect": "tools", "side": "employees", "group": "everyone",
        "cost": 30_000.0, "benefit": 36_733.0, "net_year": 3366.5, "net": 6733.0, "net_low": -19_459.0,
        "net_high": 53_761.0, "months": 24.0, "p_pays": 0.592, "clear": True, "n_people": 184.0}  # fmt: skip


def test_the_study_s_own_plans_are_told_with_net_benefit_and_chance():
    hidden = dict.fromkeys(PLAN, None) | {"lever": "raise tools, bank advisor", "n_people": float("nan")}
    plans = pd.DataFrame([PLAN, PLAN | {"lever": "callback", "clear": False, "p_pays": 0.0}, hidden])
    said = step.own_plans(step.Evidence(euros, {"study_scenarios": plans}))
    assert "“raise tools by 0.2 points”, for everyone, at €30,000: €6,730 net in 24 months (−€19,500 to €53,800); " \
           "it pays with a chance of 59%." in said.replace("\n", " ")  # fmt: skip
    assert said.count("is inconclusive") == 1
    assert "it pays with a chance below 1%" in said
    assert "bank advisor" not in said
    assert said.endswith("1 more for a group of too few people to be shown.")
    assert step.own_plans(step.Evidence(euros)) == ""


def test_no_plan_is_priced_over_a_link_that_runs_the_other_way():
    chain = pd.DataFrame([{"step": "x", "link": "contact → overall", "estimate": -0.4, "conf_low": -0.5,
                           "conf_high": -0.3, "n_people": 90}])  # fmt: skip
    said = step.own_plans(step.Evidence(euros, {"study_scenarios": pd.DataFrame([PLAN]), "chain": chain}))
    assert "not stated" in said
    assert "€6,730" not in said


# -- the decision on the study's own plans -----------------------------------------------------------------


def declared(*plans, verdict="higher"):
    """A study with money whose own plans are these."""
    e = with_money(verdict)
    return step.Evidence(e.money, e.tables | {"study_scenarios": pd.DataFrame(list(plans))}, e.facts)


GOOD = PLAN | {"lever": "praise", "aspect": "recognition", "p_pays": 0.95, "net": 20_000.0, "net_low": 2000.0,
               "net_high": 50_000.0, "net_year": 20_000.0, "months": 12.0}  # fmt: skip
LONG = GOOD | {"lever": "praise, three years", "net": 30_000.0, "net_year": 10_400.0, "months": 36.0}
CALLS = GOOD | {"lever": "callback", "aspect": "", "side": "customers"}


def test_a_study_s_own_plans_decide_and_the_best_of_a_year_is_named():
    e = declared(LONG, GOOD)
    said = step.decision(e)
    assert "“praise”" in said["sentence"]
    assert "€20,000 in 12 months (€2,000 to €50,000); it pays with a chance of 95%" in said["because"]
    assert "Of the 2 plans of this study it leaves most a year on the estimate" in said["because"]
    assert "longest would else come first" in said["because"]
    assert "raise recognition" not in said["sentence"]
    tiles = step.tiles(e)
    assert tiles[0]["value"] == "€20,000"
    assert tiles[0]["interval"] == "€2,000 to €50,000"
    assert tiles[1]["value"] == "95%"
    assert tiles[2]["label"] == "The next, “praise, three years”"
    assert "about this study's own plans" in step.ranking(e)
    same = step.decision(declared(GOOD, LONG | {"months": 12.0}))
    assert "longest would else" not in same["because"]
    assert "most on the estimate" in same["because"]


def test_without_plans_of_its_own_the_page_decides_on_equal_ones():
    assert "recognition" in step.decision(with_money("higher"))["sentence"]
    assert "discounts it" in step.ranking(with_money("higher"))
    hidden = dict.fromkeys(PLAN, None) | {"lever": "for few", "n_people": float("nan")}
    assert step.decision(declared(hidden)) == step.decision(with_money("higher"))


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({"side": "customers", "aspect": ""}, "Act", "Carry out “praise”: it would leave about €20,000 after its cost"),
        ({}, "Try it small first", "pays if the weaker evidence holds"),  # nearly all of it from people who stay
        ({"p_pays": 0.7}, "Try it small first", "and probably pays"),
        ({"p_pays": 0.5}, "Inconclusive", "is a toss-up"),
        ({"p_pays": 0.7, "clear": False}, "Inconclusive", "brings anything at all is inconclusive"),
        ({"p_pays": 0.2}, "Hold", "probably bring less than its cost of €30,000"),
        ({"p_pays": 0.2, "clear": False}, "Hold", "probably bring less than its cost of €30,000"),
    ],
)
def test_the_verdict_on_a_plan_goes_by_its_chance_and_its_evidence(change, verdict, words):
    said = step.decision(declared(GOOD | change))
    assert said["verdict"] == verdict
    assert words in said["sentence"]
    assert "best of several" not in said["because"]


def test_a_clear_plan_goes_before_one_that_leaves_more_on_the_estimate_alone():
    said = step.decision(declared(GOOD | {"lever": "big", "net_year": 90_000.0, "clear": False}, GOOD))
    assert "“praise”" in said["sentence"]
    assert "among those clear of zero" in said["because"]


def test_the_list_says_what_the_decision_does_with_its_amounts_and_no_more():
    """Through customers alone the decision's amount is the list's; where nothing is ranked nothing is discounted."""
    e = with_money("higher")
    value = e.tables["value"]
    customers = value["stream"] == "customers"
    only = value.assign(verdict=["higher" if c else "inconclusive" for c in customers])
    alone = step.Evidence(e.money, e.tables | {"value": only}, e.facts)
    assert find_lever(alone).stream == "customers"
    assert "whenever it arrives. Only" in step.ranking(alone)
    none = step.Evidence(e.money, e.tables | {"value": value.assign(verdict="inconclusive")}, e.facts)
    assert step.changes(none) == []
    assert step.ranking(none) == "Only what is clear of zero is ranked; no aspect's gain is."


def test_a_plan_for_customers_is_no_statement_on_experience():
    e = declared(CALLS, GOOD | {"net_year": 1.0})
    said = step.decision(e)
    assert "“callback”" in said["sentence"]
    assert "directly, not through employees' experience" in said["because"]
    assert any("A trial of “callback”" in line for line in step.mind_changers(e))


def test_where_customers_come_first_no_plan_is_decided_on():
    e = declared(GOOD)
    turned = step.Evidence(e.money, e.tables, e.facts | {"direction": {"verdict": "CX→EX supported"}})
    said = step.decision(turned)
    assert said["verdict"] == "Hold"
    assert "praise" not in said["sentence"]
    assert all("praise" not in tile["label"] for tile in step.tiles(turned))
