"""What scenarios come to in sentences; ``money`` writes an amount in the study's currency (M35)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from exlink.steps.business_rollup.cases import YEAR, Case
from exlink.steps.business_rollup.chain import Rollup
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, STAY
from exlink.steps.business_rollup.schedule import delays

Money = Callable[[float], str]
SURE = 0.9  # chance from which a programme is called covered
EVEN = (0.1, 0.9)  # a chance between these does not settle which side brings more


def scenario_sentence(frame: pd.DataFrame, money: Money) -> str:
    """Return which lever brings most, and how likely it pays."""
    if not len(frame) or not (frame["side"] == "employees").any():
        return "No scenario is computed: the links to money are missing."
    ours, other = frame[frame["side"] == "employees"], frame[frame["side"] == "customers"]
    clear = ours[ours["clear"]]
    best = (clear if len(clear) else ours).iloc[0]
    numbers = (
        f"{money(best['benefit'])} {_span(best['months'])} ({money(best['benefit_low'])} to "
        f"{money(best['benefit_high'])}), net {money(best['net'])}{_a_year(frame, best, money)}. The chance that "
        f"{_within(best['months'])} of it brings more than it costs is {best['p_pays']:.0%}, and "
        f"{best['p_within']:.0%} that so much has arrived by the end of that time: money follows with the chain's "
        "delay."
    )
    spent = _spent(frame, best, money)
    if len(clear):
        text = f"**{spent}, the best lever clear of zero is “{best['lever']}”**: {numbers}"
    else:
        text = (
            f"**{spent}, no lever's benefit is clear of zero, so none is named best.** The largest estimate, "
            f"“{best['lever']}”: {numbers}"
        )
    if best["p_pays"] < SURE:
        text += (
            f" With 90% certainty it is worth at least {money(best['worth_paying'])}: a cost up to that is covered."
            if best["worth_paying"] > 0
            else " No cost at all is covered with 90% certainty."
        )
    if len(other):
        row = other.iloc[0]
        sure = "" if row["clear"] else "; inconclusive"
        text += (
            f" On the customers' side, “{row['lever']}” {_for_as_much(frame, money, row)}comes to "
            f"{money(row['benefit'])} {_span(row['months'])} ({money(row['benefit_low'])} to "
            f"{money(row['benefit_high'])}{sure})."
        )
    return text


def _spent(frame: pd.DataFrame, best: pd.Series, money: Money) -> str:
    """Return what is spent and for whom: one sum for all levers, or that of the lever told of."""
    each = "" if frame["cost"].nunique() > 1 else " each"
    if not each:
        return f"Of the {len(frame)} scenarios of this study, at {money(best['cost'])} for {best['group']}"
    return f"At {money(best['cost'])}{each}, for {best['group']} ({best['n_people']:,} people)"


def _for_as_much(frame: pd.DataFrame, money: Money, row: pd.Series) -> str:
    return "for the same money " if frame["cost"].nunique() == 1 else f"for {money(row['cost'])} "


def _span(months: float) -> str:
    return "a year" if months == YEAR else f"in {months:g} months"


def _a_year(frame: pd.DataFrame, best: pd.Series, money: Money) -> str:
    """Return what is left per year, by which levers are ranked, where they do not all last equally long."""
    apart = frame["months"].nunique() > 1 and best["months"] != YEAR
    return f", {money(best['net_year'])} for each year of it" if apart else ""


def _within(months: float) -> str:
    return "a year" if months == YEAR else f"{months:g} months"


def range_sentence(frame: pd.DataFrame, case: Case | None, money: Money) -> str:
    """Return median and ranges of one lever's net benefit, its chance to pay, and its payback."""
    if case is None:
        return "Not assessed: no lever of the employees' side has a way to money in this study."
    row = frame[frame["lever"] == case.lever].iloc[0]
    back = row["payback_months"]
    paid = (
        f"On the estimate {_within(row['months'])} of it never pays back"
        if not np.isfinite(back)
        else f"As its money arrives, it pays back after {row['payback']} months (95% interval)"
    )
    late = ", when the effect itself has ended" if np.isfinite(back) and back > row["months"] else ""
    return (
        f"**“{case.lever}”: the middle of all resamples leaves {money(row['net_median'])} after its cost of "
        f"{money(row['cost'])}.** Eight in ten lie between {money(row['net_low80'])} and {money(row['net_high80'])}, "
        f"95 in a hundred between {money(row['net_low'])} and {money(row['net_high'])}. {row['p_pays']:.0%} are above "
        f"zero. {paid}{late}."
    )


def versus_sentence(rollup: Rollup, frame: pd.DataFrame, case: Case | None) -> str:
    """Return whether a lever of the employees' side or that of the customers' brings more for the same money.

    Draw by draw; with what the benefit rests on, and once more through customers alone.
    """
    rows = frame[frame["lever"] == case.lever] if case is not None else frame.iloc[:0]
    if not len(rows) or not np.isfinite(chance := rows["p_beats"].iloc[0]):
        return "Not compared: no lever on the customers' side has a way to money in this study."
    others = frame[frame["side"] == "customers"].assign(rate=lambda f: f["benefit"] / f["cost"])
    rival = others.sort_values("rate", ascending=False, kind="stable").iloc[0]
    alone = rows["p_beats_customers"].iloc[0]
    counted = np.isfinite(rollup.replacement).all() and rollup.has(STAY + case.aspect, EXITS)
    scaled = "" if frame["cost"].nunique() == 1 else " per unit of money spent"
    basis = ", with what is saved on replacing leavers counted as assumed," if counted else ""
    if case.months != rival["months"]:  # a longer effect brings more; a rate a month would hide that it does
        basis += f" and {case.months:g} months of “{case.lever}” against {rival['months']:g} of “{rival['lever']}”,"
    text = (
        f"**At equal spend{basis} {_winner(chance, case.lever, rival['lever'])}**: “{case.lever}” brings more{scaled} "
        f"in {chance:.0%} of the resamples."
    )
    if np.isfinite(alone):
        text += (
            f" **Through customers alone, the only money that both sides have, "
            f"{_winner(alone, case.lever, rival['lever'])}**: “{case.lever}” is ahead in {alone:.0%}."
        )
    tried = int((frame["side"] == "employees").sum())
    if tried > 1:
        text += (
            " This is one pair of many that could be set side by side: the lever was picked after looking, as the "
            f"best of {tried}, and the best of several looks better than it is; how much waits fall for the same money "
            "is set."
        )
    return f"{text} Both run through the same draws: what is uncertain about a link that both use does not count twice."


def _winner(chance: float, lever: str, rival: str) -> str:
    low, high = EVEN
    if low < chance < high:
        return f"it is inconclusive whether “{lever}” or “{rival}” brings more"
    first, second = (lever, rival) if chance >= high else (rival, lever)
    return f"“{first}” brings more than “{second}”"


def _clock(rollup: Rollup, used: Sequence[Case]) -> str:
    """Return when the money of a day of effect arrives, and what later money counts."""
    after = delays(rollup)
    told = []
    if rollup.has(OVERALL, REVENUE):
        told.append(f"what customers spend more {after['revenue'][0]:g} months later")
    if rollup.has(OVERALL, KEPT):
        start, over = after["kept"]
        told.append(f"the revenue of those who stay from month {start:g} to {start + over:g}")
    if rollup.has(EXITS):
        told.append(f"what is saved on leavers {after['saved'][0]:g} months later")
    rate = max(case.discount for case in used)
    later = f"Money that comes later is discounted by {rate:.0%} a year." if rate else "Nothing is discounted."
    return f"Its money arrives with the chain's delay: {'; '.join(told)}. {later}"


def assumptions(rollup: Rollup, frame: pd.DataFrame, cases: Sequence[Case], money: Money) -> str:
    """Return what is assumed of the levers that were assessed, and not measured, as a list."""
    used = [case for case in cases if len(frame) and case.lever in set(frame["lever"])]
    if not used:
        return ""
    groups = {case.who.name: case.who for case in used}
    people = "people" if rollup.people == "employees" else rollup.people
    told = [f"{w.name} ({w.people:,} {people}, {w.of_contacts:.0%} of all contacts)" for w in groups.values()]
    months = " or ".join(f"{m:g}" for m in sorted({case.months for case in used}))
    costs = {case.cost for case in used}
    spent = money(min(costs)) if len(costs) == 1 else f"{money(min(costs))} to {money(max(costs))}"
    lines = [
        f"The levers move by what is written and no more, for {'; for '.join(told)}.",
        f"The cost, {spent} a lever, is spent once, at the start, and certain.",
        f"The effect sets in at once and lasts {months} months. {_clock(rollup, used)}",
        "Money grows in proportion to the points: half the rise, half the money.",
    ]
    if any(case.side == "customers" for case in used):
        lines.append(
            "Waits fall by the same share for everybody, and what shorter waits cost is set here, not measured."
        )
    if rollup.workforce is not None and np.isfinite(rollup.replacement).all():
        share = rollup.replacement / rollup.workforce.salary
        lines.append(f"Replacing a leaver costs {share.min():.0%} to {share.max():.0%} of a yearly salary.")
    return "**Assumed, not measured:**\n\n" + "\n".join(f"- {line}" for line in lines)
