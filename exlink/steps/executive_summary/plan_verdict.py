"""The decision where a study declares plans of its own: on the best of them, with its interval and its chance (M35)."""

from __future__ import annotations

import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence
from exlink.steps.executive_summary.intervals import IF_CAUSES, money_range
from exlink.steps.executive_summary.lever import LIKELY, MOSTLY, SURE, TOSS_UP, share_of_leavers, where_from
from exlink.steps.executive_summary.plans import chance_in_words, plans_tried

EVERYONE = "everyone"


def decide(e: Evidence, plan: pd.Series) -> dict[str, str]:
    """Return the decision line on the plan that leaves most a year: verdict, sentence, because."""
    name, left = f"“{plan['lever']}”", f"{e.money(plan['net'])} after its cost"
    chance, leavers = plan["p_pays"], share_of_leavers(e, str(plan["aspect"])) if plan["side"] == "employees" else 0.0
    if chance < TOSS_UP:
        verdict = "Hold"
        sentence = f"Do not carry out {name} as planned: it would probably bring less than its cost of " \
                   f"{e.money(plan['cost'])}."  # fmt: skip
    elif not plan["clear"]:
        verdict, sentence = "Inconclusive", f"Whether {name} brings anything at all is inconclusive."
    elif chance >= SURE and leavers <= MOSTLY:
        verdict, sentence = "Act", f"Carry out {name}: it would leave about {left}, and very probably pays."
    elif chance >= LIKELY:  # a sure amount that rests on the weaker evidence is a reason to try, not to act
        verdict, more = "Try it small first", "probably pays" if chance < SURE else "pays if the weaker evidence holds"
        sentence = f"Start {name} in a few teams: done in full it would leave about {left}, and {more}."
    else:
        verdict, sentence = "Inconclusive", f"Whether {name} pays is a toss-up: as likely as not it covers its cost."
    return {"verdict": verdict, "sentence": sentence, "because": f"{_why_this(e, plan)} {_rests_on(e, plan)}".strip()}


def _why_this(e: Evidence, plan: pd.Series) -> str:
    """Say what the plan leaves, how sure that is, and why it is told of and no other."""
    tried, told = plans_tried(e), e.table("study_scenarios")
    left = (
        f"{e.money(plan['net'])} in {plan['months']:.0f} months ({money_range(e, plan['net_low'], plan['net_high'])})"
    )
    text = f"At {e.money(plan['cost'])} it leaves {left}; it pays with a chance {chance_in_words(plan['p_pays'])}."
    if tried == 1:
        return text
    a_year = "a year " if told["months"].nunique() > 1 else ""
    among = "among those clear of zero " if plan["clear"] and not told["clear"].all() else ""
    length = " (they last differently, and the longest would else come first for its length alone)" if a_year else ""
    return f"{text} Of the {tried} plans of this study it leaves most {a_year}{among}on the estimate{length}; the " \
           "best of several looks better than it is."  # fmt: skip


def _rests_on(e: Evidence, plan: pd.Series) -> str:
    """Say through whom the money comes, where it comes as it does for everybody."""
    if plan["side"] != "employees":
        return "It acts on customers directly, not through employees' experience."
    return where_from(e, str(plan["aspect"])) if str(plan["group"]) == EVERYONE else ""


def plan_tiles(e: Evidence, plan: pd.Series) -> list[dict[str, str]]:
    """Return what the plan leaves, how likely it pays, and the next best one."""
    told = e.table("study_scenarios")
    others = told[told["lever"] != plan["lever"]].sort_values(["clear", "net_year"], ascending=False, kind="stable")
    sure = "" if plan["clear"] else " Inconclusive: that it brings anything is not shown."
    tiles = [
        {"label": f"“{plan['lever']}” would leave", "value": e.money(plan["net"]),
         "interval": money_range(e, plan["net_low"], plan["net_high"]),
         "meaning": f"In {plan['months']:.0f} months, after its cost of {e.money(plan['cost'])}, {IF_CAUSES}.{sure}"},
        {"label": "Chance that it pays", "value": f"{plan['p_pays']:.0%}",
         "interval": f"if it costs {e.money(plan['cost'])}",
         "meaning": "Counts chance in the samples and the range of replacement cost only, not other causes nor that "
                    "the change may fail."},
    ]  # fmt: skip
    if len(others):
        tiles.append(_next(e, others.iloc[0]))
    return tiles


def _next(e: Evidence, plan: pd.Series) -> dict[str, str]:
    open_ = "" if plan["clear"] else " That it brings anything at all is inconclusive."
    return {"label": f"The next, “{plan['lever']}”", "value": e.money(plan["net"]),
            "interval": money_range(e, plan["net_low"], plan["net_high"]),
            "meaning": f"In {plan['months']:.0f} months, after its cost of {e.money(plan['cost'])}; it pays with a "
                       f"chance {chance_in_words(plan['p_pays'])}.{open_}"}  # fmt: skip
