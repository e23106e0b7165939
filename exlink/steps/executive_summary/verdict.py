"""The decision line: what to do, on what money, and why."""

from __future__ import annotations

import numpy as np

from exlink.steps.executive_summary.evidence import NOTHING, Evidence, capital, listed, named
from exlink.steps.executive_summary.lever import (
    LIKELY,
    MOSTLY,
    SURE,
    TOSS_UP,
    Lever,
    find_lever,
    share_of_leavers,
    where_from,
)
from exlink.steps.executive_summary.plan_verdict import decide
from exlink.steps.executive_summary.plans import decisive_plan
from exlink.steps.executive_summary.signs import clauses

CODING = "Check first that no scale is read the wrong way round."


def decision(e: Evidence) -> dict[str, str]:
    """Return the decision line: verdict, sentence, because."""
    return {"money": _money, "effects": _effects, "associations": _associations, "nothing": _nothing}[e.level](e)


def _money(e: Evidence) -> dict[str, str]:
    own = decisive_plan(e)
    if own is not None:
        return decide(e, own)
    ours = find_lever(e)
    if ours is not None:
        return _priced(e, ours) if ours.stream == "total" else _customers_only(e, ours)
    if e.against("total"):
        return _contrary(e)
    if e.order.against:
        return _customers_first(e)
    return _losing(e) if len(e.losses) else _unpriced(e)


def _priced(e: Evidence, lever: Lever) -> dict[str, str]:
    """Return the decision on a lever whose whole worth is clear of zero."""
    label, plan = lever.label, lever.plan
    chance, worth = plan["p_pays"], f"{e.money(plan['benefit'])} a year"
    leavers = share_of_leavers(e, lever.aspect)
    if chance >= SURE and leavers <= MOSTLY:
        verdict = "Act"
        sentence = f"Invest in {label}: it would be worth about {worth}, very probably more than it costs."
    elif chance >= LIKELY:  # a sure amount that rests on the weaker evidence is a reason to try, not to act
        verdict, more = "Try it small first", "probably" if chance < SURE else "if the weaker evidence holds,"
        sentence = f"Start with {label} in a few teams: done everywhere it would be worth about {worth}, {more} " \
                   "more than it costs."  # fmt: skip
    elif chance >= TOSS_UP:
        verdict = "Inconclusive"
        sentence = f"Whether {label} pays is a toss-up: done everywhere it would be worth about {worth}, as much as " \
                   "it costs."  # fmt: skip
    else:
        verdict = "Hold"
        sentence = f"Do not spend this much on {label}: done everywhere it would be worth about {worth}, probably " \
                   "less than it costs."  # fmt: skip
    because = (
        f"Raising {label} by {e.step} for {e.group} at an assumed {e.money(plan['cost'])}, spent once, "
        f"brings more in a year of effect than it costs with a chance of {chance:.0%}. "
        f"{where_from(e, lever.aspect)}{_ratings(e, label)}{_for_customers(e, label)}"
    )
    return {"verdict": verdict, "sentence": sentence, "because": because.strip()}


def _customers_only(e: Evidence, lever: Lever) -> dict[str, str]:
    """Return the decision where money through customers is clear, and all in all is not."""
    row, cost = lever.row, float(lever.plan["cost"])
    pays = row["conf_low"] > cost
    worth = f"about {e.money(row['estimate'])} a year through customers"
    saved = e.way(lever.aspect, "saved")
    worse = bool(e.against("saved")) or (saved is not None and saved["verdict"] == "lower")
    sentence = f"Invest in {lever.label}: it would be worth {worth}, more than it costs." if pays else \
        f"Improve {lever.label} only where that is cheap: it would be worth {worth}, more is not shown."  # fmt: skip
    if pays and worse:
        sentence = f"Try {lever.label} in a few teams and watch who leaves: it would be worth {worth}, before that."
    verdict = "Only if it is cheap" if not pays else "Try it small first" if worse else "Act"
    return {"verdict": verdict, "sentence": sentence, "because": (
        f"Raising it by {e.step} for {e.group} is worth {e.money(row['conf_low'])} to {e.money(row['conf_high'])} a "
        f"year there, against an assumed cost of {e.money(cost)}. {_leaving_too(e, lever.aspect)}")}  # fmt: skip


def _leaving_too(e: Evidence, aspect: str) -> str:
    """Say what is known of people leaving, beside a gain through customers."""
    if e.against("saved"):
        return f"Against what was expected, {clauses(e.against('saved'))}; that is not counted."
    row = e.way(aspect, "saved")
    if row is None:
        return "Whether fewer people would leave as well is not assessed."
    if row["verdict"] == "lower":
        return f"More people leaving would take {e.money(-row['estimate'])} of it away."
    if row["verdict"] == "higher":
        return "All in all, with people leaving counted in, it is inconclusive."
    return "Whether fewer people would leave as well is inconclusive."


def _contrary(e: Evidence) -> dict[str, str]:
    """Return the decision where a link on the way to money clearly runs the other way."""
    links = e.against("total")
    ways = [words for stream, words in (("customers", "through customers"), ("saved", "from fewer people leaving"))
            if e.against(stream)]  # fmt: skip
    return {"verdict": "Hold", "sentence": f"Do not spend on these numbers: here {clauses(links)}.", "because": (
        f"That is the opposite of what the way to money rests on, so no gain {' or '.join(ways)} is stated. "
        f"{CODING}{_staying_alone(e)}{_loss(e)}")}  # fmt: skip


def _customers_first(e: Evidence) -> dict[str, str]:
    """Return the decision where step 04 found that experience does not come first, or does not matter."""
    return {
        "verdict": "Hold",
        "sentence": f"Do not spend on employees' experience to raise customers' ratings: here {e.order.against}.",
        "because": f"So no gain through customers is stated, however clearly the two go together (see Mixed effects)."
                   f"{_staying_alone(e)}",
    }  # fmt: skip


def _staying_alone(e: Evidence) -> str:
    """Say what the first lever is worth through people who stay, where money through customers is not stated."""
    left = e.clear("saved")
    if not len(left):
        return ""
    row = left.iloc[0]
    return f" Fewer people leaving alone would make {row['label']} worth {e.money(row['estimate'])} a year, on weak " \
           "evidence."  # fmt: skip


def _losing(e: Evidence) -> dict[str, str]:
    """Return the decision where some aspects clearly lose money and none clearly gains."""
    names = listed(e.losses["label"])
    return {"verdict": "Hold", "because": f"{CODING}{_loss(e)}",
            "sentence": f"Do not spend on {names}: better ratings of {'it' if len(e.losses) == 1 else 'them'} go with "
                        "a loss, and no aspect is shown to pay."}  # fmt: skip


def _loss(e: Evidence) -> str:
    """Say how many aspects go with a loss, and how large the largest is."""
    rows = e.losses
    if not len(rows):
        return ""
    row, of = rows.iloc[0], len(e.stream("total"))
    many = "aspect goes" if len(rows) == 1 else "aspects go"
    return f" {len(rows)} of {of} {many} with a clear loss; the largest is {row['label']}, " \
           f"{e.money(row['estimate'])} a year for {e.step}."  # fmt: skip


def _unpriced(e: Evidence) -> dict[str, str]:
    """Return the decision where no aspect's money is clear of zero."""
    seen = float(e.stream("total")["mde"].median())
    return {
        "verdict": "Inconclusive",
        "sentence": "No aspect's worth is clear of zero: there is no case in money for acting, and none against.",
        "because": f"Gains below about {e.money(seen)} a year for {e.step} would go unnoticed in this study.",
    }


def _ratings(e: Evidence, label: str) -> str:
    """Say so where customers' ratings are not shown to move with a lever that is worth its money otherwise."""
    said = {NOTHING: "nothing that matters moves", "inconclusive": "whether anything moves is inconclusive"}
    what = said.get(e.for_customers(label))
    return f" In customers' ratings {what} with {label} (see Individual linkage)." if what else ""


def _for_customers(e: Evidence, label: str) -> str:
    """Name the lever that customers alone would choose, where it is another one."""
    rows = e.clear("customers")
    if not len(rows) or rows["label"].iloc[0] == label:
        return ""
    row = rows.iloc[0]
    return f" For customers alone the first lever is {row['label']}, {e.money(row['estimate'])} a year."


# -- without money ---------------------------------------------------------------------------------------


def _effects(e: Evidence) -> dict[str, str]:
    if e.order.against:
        return _customers_first(e)
    clear, worse = (named(e.slopes, word) for word in ("higher", "lower"))
    against = f"The customers of those who rate {listed(worse)} better than usual are less content." \
        if len(worse) else ""  # fmt: skip
    if not len(clear) and len(worse):
        return {"verdict": "Hold", "because": f"{CODING} {_detectable(e)}".strip(),
                "sentence": f"{against} No aspect of work goes with more content customers."}  # fmt: skip
    if not len(clear):
        return {
            "verdict": "Inconclusive",
            "because": _detectable(e),
            "sentence": "No aspect of work shows a clear effect on customers: no case for acting, none against.",
        }
    rate = "tend to be more satisfied" if e.kpi == "satisfaction" else f"tend to give a better {e.kpi} score"
    when = " afterwards" if e.fact("linkage").get("ex_before_cx") else ""
    shown = "Whether the one brings about the other is not shown" if not e.order.shown else \
        f"Tested in time, {e.order.found}"  # fmt: skip
    priced = f"{shown}. What that is worth cannot be said yet: this study does not record what customers bring in."
    return {
        "verdict": "Act on what is clear, price it next",
        "sentence": f"Improve {listed(clear)}: when {e.someone} rates {'it' if len(clear) == 1 else 'one of them'} "
                    f"better than usual, the customers served{when} {rate}.",
        "because": f"{against} {priced}{_for_staying(e)}".strip(),
    }  # fmt: skip


def _for_staying(e: Evidence) -> str:
    """Name the first lever through people who stay, where step 05 could price that way and no other."""
    told = e.table("study_scenarios")
    plans = told[told["side"] == "employees"] if len(told) else e.plans
    plans = plans[plans["clear"].astype(bool)] if "clear" in plans else plans.iloc[:0]
    if not len(plans) or e.closed("saved"):
        return ""
    row = plans.iloc[0]
    first = (
        f"the first plan is “{row['lever']}”: about {e.money(row['benefit'])} in {row['months']:.0f} months"
        if len(told)
        else f"the first lever is {e.label(row['aspect'])}: about {e.money(row['benefit'])} a year"
    )
    return (
        f" For people staying, the only way that has a price here, {first} at an assumed {e.money(row['cost'])}, with "
        f"a chance of {row['p_pays']:.0%} that it pays. That is the weaker evidence."
    )


def _associations(e: Evidence) -> dict[str, str]:
    clear, worse = (named(e.between, word) for word in ("higher", "lower"))
    same, turned, faded = e.joint(clear)
    found = []
    if len(clear):
        found.append(f"Where {_rated(same or clear)}, customers are more content")
    if len(worse):
        found.append(f"{'where' if found else 'Where'} {_rated(worse)}, they are less content" if found else
                     f"Where {_rated(worse)}, customers are less content")  # fmt: skip
    sentence = f"{'; '.join(found)}; that alone does not tell what to change." if found else \
        "No clear association between the two sides' experience: there is nothing here to act on."  # fmt: skip
    because = (
        f"{capital(e.people)} were compared with each other at one time. That cannot separate what they do from "
        f"where they are and whom they serve; asking the same {e.people} again could.{jointly(turned, faded)}"
    )
    return {"verdict": "Not enough to act on", "sentence": sentence, "because": because}


def jointly(turned: list[str], faded: list[str]) -> str:
    """Say which aspects read differently once all are in one model."""
    parts = []
    if turned:
        parts.append(f"{listed(turned)} {'points' if len(turned) == 1 else 'point'} the other way")
    if faded:
        parts.append(f"{listed(faded)} {'is' if len(faded) == 1 else 'are'} no longer clear")
    return f" With all aspects in one model, {' and '.join(parts)}." if parts else ""


def _rated(names: list[str]) -> str:
    return f"{listed(names)} {'is' if len(names) == 1 else 'are'} rated higher"


def _nothing(e: Evidence) -> dict[str, str]:
    ran = "have not run yet" if e.missing else "found nothing that could be stated"
    return {
        "verdict": "Nothing to decide yet",
        "because": "",
        "sentence": f"The analyses this page rests on {ran} for this study.",
    }


def _detectable(e: Evidence) -> str:
    seen = float(e.slopes["mde"].median()) if "mde" in e.slopes else np.nan
    if not np.isfinite(seen):
        return ""
    return f"Effects below about {seen:.2f} points of customers' {e.kpi} per point of an aspect would go unnoticed."
