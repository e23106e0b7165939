"""What to change first, and what would change our mind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.steps.executive_summary.evidence import NOTHING, Evidence, capital, listed, points
from exlink.steps.executive_summary.lever import Lever, find_lever
from exlink.steps.executive_summary.plans import decisive_plan

MOST = 4  # changes a board can take up at once
ALL = 0.95  # response rate from which on those who did not answer cannot turn the result


def changes(e: Evidence) -> list[dict[str, str]]:
    """Return the levers whose gain is clear of zero, the largest first; without money, the clear effects."""
    if e.level == "money":
        return [_lever(e, row) for _, row in e.gains.head(MOST).iterrows()]
    clear = _clear_slopes(e).head(MOST)
    return [{"action": f"Improve {r['aspect']}", "gain": f"{points(r['estimate'])} points",
             "interval": f"{points(r['conf_low'])} to {points(r['conf_high'])}",
             "why": f"Customers' {e.kpi} per point, in the same {e.people.rstrip('s')}{e.beside}. Worth in money: not "
                    "assessed."}
            for _, r in clear.iterrows()]  # fmt: skip


def _clear_slopes(e: Evidence) -> pd.DataFrame:
    """Return the aspects that go with better ratings; none where experience is not what comes first."""
    return e.slopes[e.slopes["verdict"] == "higher"] if len(e.slopes) and not e.order.against else pd.DataFrame()


def _lever(e: Evidence, row: pd.Series) -> dict[str, str]:
    through, stays = (e.way(row["aspect"], name) for name in ("customers", "saved"))
    ways = [(row, words) for row, words in ((through, "through customers"), (stays, "from fewer people leaving"))
            if row is not None]  # fmt: skip
    parts = [f"{e.money(row['estimate'])} {words}" for row, words in ways if row["verdict"] == "higher"]
    parts += [f"a loss of {e.money(-row['estimate'])} {words.replace('fewer', 'more')}" for row, words in ways
              if row["verdict"] == "lower"]  # fmt: skip
    idle = e.for_customers(str(row["label"])) == NOTHING
    parts += [f"{words} {'nothing that matters in their ratings' if idle and way is through else 'inconclusive'}"
              for way, words in ways if way["verdict"] not in ("higher", "lower")]  # fmt: skip
    weak = stays is not None and (through is None or through["verdict"] != "higher")
    rests = " The weaker evidence of the two ways." if weak else ""
    plan = e.plans[e.plans["aspect"] == row["aspect"]]
    worth = float(plan["worth_paying"].iloc[0]) if len(plan) else 0.0
    return {"action": f"Improve {row['label']}", "gain": f"{e.money(row['estimate'])} a year",
            "interval": f"{e.money(row['conf_low'])} to {e.money(row['conf_high'])}",
            "why": f"{capital(', '.join(parts))}.{rests}",
            "cost": f"up to {e.money(worth)} pays with 90% certainty" if worth > 0 else ""}  # fmt: skip


def ranking(e: Evidence) -> str:
    """Return what the list ranks by."""
    if e.level == "money":
        if not len(e.gains):
            return "Only what is clear of zero is ranked; no aspect's gain is."
        return (
            f"Gain of a year if the aspect rises by {e.step} for {e.group}, whenever it arrives{_above(e)}. Only what "
            "is clear of zero is ranked."
        )
    if len(e.slopes):
        return f"Ranked by customers' {e.kpi} per point of the aspect; only what is clear of zero is listed."
    return ""


def _above(e: Evidence) -> str:
    """Say why the decision's amount is another one, where it is."""
    if decisive_plan(e) is not None:
        return "; the decision above is about this study's own plans, at their own costs"
    ours = find_lever(e)
    discounts = ours is not None and ours.stream == "total"
    return "; the decision above discounts it to when it arrives" if discounts else ""


def others(e: Evidence) -> str:
    """Return what is said of the aspects not listed: smaller, lost money, inconclusive, or why none is listed."""
    if e.level == "money":
        rows, name, clear = e.stream("total"), "label", e.gains
    elif len(e.slopes):
        rows, name, clear = e.slopes, "aspect", _clear_slopes(e)
    else:
        return "No lever is ranked: nothing here tells what a change would bring."
    rows = rows[~rows[name].isin(clear[name])] if len(clear) else rows
    worse = "a clear loss" if e.level == "money" else f"customers' lower {e.kpi}"
    small = "Too small to matter" if e.level == "money" else f"Nothing that matters moves in customers' {e.kpi} with"
    said = {
        "higher": f"Not ranked, because {e.closed('total')}",
        "lower": f"Better ratings go with {worse}", NOTHING: small,
        "inconclusive": "Inconclusive, neither shown to help nor shown not to",
    }  # fmt: skip
    text = [f"Clear but smaller: {', '.join(clear[name].iloc[MOST:])}."] if len(clear) > MOST else []
    for word, what in said.items():
        names = rows.loc[rows["verdict"] == word, name]
        text += [f"{what}: {', '.join(names)}."] if len(names) else []
    text += _other_side(e)
    return " ".join(text) or "Every aspect that was asked is listed."


def _other_side(e: Evidence) -> list[str]:
    """Say what the same money would bring if it went to customers directly; it passes through the same links."""
    plans = e.table("scenarios")
    rows = plans[plans["side"] == "customers"] if len(plans) else plans
    if e.against("customers"):
        return []
    return [f"For comparison: to {r['lever']}, for the same money, {_brings(e, r)}." for _, r in rows.iterrows()]


def _brings(e: Evidence, row: pd.Series) -> str:
    if row["benefit_low"] > 0:
        return f"would be worth {e.money(row['benefit'])} a year"
    return f"would lose {e.money(-row['benefit'])} a year" if row["benefit_high"] < 0 else "is inconclusive"


def misuse(e: Evidence) -> str:
    """Return what the numbers must not be used for, where step 03 says so."""
    verdict = e.fact("linkage").get("verdict_ranking") or ""
    if not verdict.startswith("Do not"):
        return ""
    return f"{verdict} At their usual number of answers a league table would mostly rank chance."


def mind_changers(e: Evidence) -> list[str]:
    """Return findings that would overturn the decision, with their numbers where there are any."""
    lines = _about_money(e) if e.level == "money" else []
    if len(e.slopes):
        lines += _about_order(e)
        lines.append("Something else changed in the same teams at the same time, such as a manager or the customers.")
    elif e.level == "associations":
        lines.append(f"The same {e.people} are asked again, and those that improved see no better customers' ratings.")
    if e.level in ("effects", "associations"):
        lines.append("What customers bring in becomes known: a clear effect can still be worth little.")
    answers = (e.fact("readiness").get("response_rate") or {}).get("cx")
    if answers is not None and answers < ALL:
        lines.append(f"Customers who did not answer ({1 - answers:.0%}) think unlike those who did.")
    if e.level == "nothing":
        lines.append("Any result: none is known yet.")
    return lines


def _about_order(e: Evidence) -> list[str]:
    """Say what would overturn what was found on which comes first."""
    if e.order.against:
        return ["A trial improves work in some teams, and customers' ratings rise there and not in the other teams."]
    if e.order.shown:
        return []
    return ["Customers' ratings turn out to come first, and employees' experience to follow them."]


def _about_money(e: Evidence) -> list[str]:
    """Return what would overturn a decision on money: on its own lever, or on there being none."""
    ours, own = find_lever(e), decisive_plan(e)
    if ours is None and own is not None:
        return [f"A trial of “{own['lever']}” in some teams, and within four quarters their customers' ratings do not "
                "differ from the other teams'."]  # fmt: skip
    if ours is not None:
        shown = "neither their customers' ratings nor their exits differ" if ours.stream == "total" else \
            "their customers' ratings do not differ"  # fmt: skip
        return [
            *_widest(e, ours),
            *_cheap_leavers(e, ours),
            f"A trial raises {ours.label} in some teams, and within four quarters {shown} from the other teams'.",
        ]
    if e.order.against and not e.against("total"):
        return []
    if e.against("total") or len(e.losses):
        names = listed(e.losses["label"]) if len(e.losses) else "an aspect of work"
        return [
            "A scale turns out to be read the wrong way round, a high number meaning bad.",
            f"A trial raises {names} in some teams, and their customers' ratings rise or their exits fall.",
        ]
    seen = e.money(float(e.stream("total")["mde"].median()) / 2)
    return [f"Four times as many answers, from which gains of about {seen} a year for {e.step} could be seen, "
            "show one."]  # fmt: skip


def _cheap_leavers(e: Evidence, lever: Lever) -> list[str]:
    """Say what is left if replacing people is as cheap as the published median."""
    cheap = (e.fact("money").get("total_at_21") or {}).get(lever.aspect) if lever.stream == "total" else None
    if not cheap:
        return []
    amount = e.money(abs(cheap) * e.scale)
    return [f"Replacing a leaver costs 21% of a yearly salary, the published median of Boushey & Glynn (2012), and not "
            f"what is assumed here: {lever.label} would then {'be worth' if cheap > 0 else 'lose'} {amount} a year "
            f"instead of {e.money(lever.row['estimate'])}."]  # fmt: skip


def _widest(e: Evidence, lever: Lever) -> list[str]:
    """Name the link on which the amount hangs most, where step 05 looked at this lever's amount."""
    hinges, amount = e.table("tornado"), lever.row["estimate"]
    if not len(hinges) or not np.isclose(hinges["base"].iloc[0] * e.scale, amount):
        return []
    row = hinges.iloc[0]
    low = row["low"] * e.scale
    becomes = f"shrink to {e.money(low)}" if low >= 0 else f"turn into a loss of {e.money(-low)}"
    measure = f"Measure this better first{_at_most(e, row['link'], lever)}."
    return [f"“{capital(row['link'])}” turns out at the lower end of what the data allow: the "
            f"{e.money(amount)} would {becomes}. {measure}"]  # fmt: skip


def _at_most(e: Evidence, link: str, lever: Lever) -> str:
    """Say what step 05 found that knowing a link would be worth, where it asked that of this lever's plan."""
    known, told = e.table("knowing"), e.table("study_scenarios")
    plans = told[told["side"] == "employees"] if len(told) else e.plans
    rows = known[known["link"] == link] if len(known) else pd.DataFrame()
    if not len(rows) or not len(plans) or lever.plan["lever"] != _asked_of(plans):
        return ""
    worth = float(rows["worth"].iloc[0])
    return f"; before deciding, to know it exactly is worth at most {e.money(worth)}" if worth > 0 else \
        "; that by itself would not turn the decision"  # fmt: skip


def _asked_of(plans: pd.DataFrame) -> str:
    """Return the plan that step 05 asked it of: the first one clear of zero, else the first."""
    clear = plans[plans["clear"].astype(bool)] if "clear" in plans else plans
    return str((clear if len(clear) else plans)["lever"].iloc[0])
