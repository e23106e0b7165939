"""What the links say in sentences: what customers keep, what it shows in money, who leaves, what leaves with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from exlink.data.which_way import which_way
from exlink.steps.business_rollup.chain import Rollup
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, STAY, Part
from exlink.steps.business_rollup.spending import OUTCOMES


def comes_first(direction: Mapping[str, Any]) -> str:
    """Return what step 04's verdict on direction means for money through customers; its facts, empty without them."""
    way = which_way(direction)
    if way.against:
        return (
            f"**No amount through customers below is a gain to count on**: by the test of step 04, {way.against}. A "
            "link that is clear of zero shows what goes along with what, and in which order it was asked."
        )
    found = f"{way.found[0].upper()}{way.found[1:]}"
    return f"{found} (step 04)." if way.shown else f"{found} (step 04): amounts through customers presume that it does."


def joint(rollup: Rollup) -> str:
    """Return what one resample holds together; '' where no link of the chain was drawn."""
    if rollup.draws is None:
        return ""
    contact = any(rollup.has(a) for a in rollup.labels)
    ours = {"to the contact": contact, "to satisfaction with work": any(rollup.has(STAY + a) for a in rollup.labels),
            "to leaving": rollup.has(EXITS)}  # fmt: skip
    theirs = {"to the overall opinion": rollup.has(OVERALL), "to revenue": rollup.has(REVENUE),
              "to staying": rollup.has(KEPT)}  # fmt: skip
    if not any((*ours.values(), *theirs.values())):
        return ""  # what was drawn, waiting times, is there for comparison
    whole = [f"whole {rollup.people}"] * any(ours.values()) + ["whole customers"] * any(theirs.values())
    text = f"One resample draws {' and '.join(whole)}, and every link sees the same ones:"
    drawn = [f"{who} in the links {_and(named)}" for who, links in ((rollup.people, ours), ("customers", theirs))
             if (named := [name for name, there in links.items() if there])]  # fmt: skip
    text += f" {'; '.join(drawn)}."
    if not contact:
        return text
    wider = rollup.parts["contact"].crossed - 1
    told = f"up to {wider:.1%} larger, and its draws are spread by as much" if wider >= 0.001 else "no larger"
    return (
        f"{text} The link to the contact has both sides in it and is drawn by {rollup.people}; that customers met "
        f"several of them makes its error {told}."
    )


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def keeps(summaries: pd.DataFrame | str) -> str:
    """Return which summary of the contacts explains overall CX best, and how much of the contacts is known at all.

    '' where nothing could be estimated: the sentence on the link itself has said why.
    """
    if isinstance(summaries, str):
        return ""
    rows = summaries.set_index("summary")
    mean, others = rows.iloc[0], rows.iloc[1:]
    better, worse = others[others["gain_low"] > 0], others[others["gain_high"] < 0]
    if len(better):
        best = better["gain"].idxmax()
        head = f"**The {best} says more about the overall opinion than the mean does**: {_gain(better.loc[best])}."
    elif len(worse) == len(others):
        head = f"**The mean says more than any single moment**; {_closest(others)}."
    elif len(worse):
        rest = [name for name in others.index if name not in worse.index]
        head = (
            f"**Nothing says more than the mean.** {_closest(worse)[0].upper()}{_closest(worse)[1:]}; "
            f"inconclusive for {' and '.join(rest)}."
        )
    else:
        head = f"**Whether the peak, the end or the mean counts is inconclusive here**; {_closest(others)}."
    return (
        f"{head} All four on the same {mean['n']:,} pairs of {mean['n_people']:,} customers, of which "
        f"{mean['n_several']:,} have more than one scored contact. Only {mean['answered']:.0%} of the contacts in "
        "these periods have a score. If silent ones count as much, a point more in *all* contacts moves the overall "
        f"opinion by up to {1 / mean['answered']:.1f} times the slope, and the money below would be on the low side."
    )


def _gain(row: pd.Series) -> str:
    gain, low, high = (100 * row[c] for c in ("gain", "gain_low", "gain_high"))
    return f"{gain:+.1f} points of explained share ({low:+.1f} to {high:+.1f})"


def _closest(rows: pd.DataFrame) -> str:
    name = rows["gain"].idxmax()
    return f"the {name} stands at {_gain(rows.loc[name])} against the mean"


def timing(table: pd.DataFrame | str) -> str:
    """Return whether contacts of the period before count, and whether contacts still to come seem to."""
    if isinstance(table, str):
        return _line(table)
    rows = table.set_index("periods")
    if -1 not in rows.index:
        return "The placebo is not assessed: too few customers rated us between two contacts with a score."
    placebo = rows.loc[-1]
    numbers = f"{placebo['estimate']:+.2f} points per point ({placebo['conf_low']:+.2f} to {placebo['conf_high']:+.2f})"
    people = f"{placebo['n_people']:,} customers"
    if placebo["verdict"] in ("higher", "lower"):
        return (
            f"**Contacts still to come go along with the rating too**: {numbers}, {people}. They "
            "cannot have caused it, so part of the link is something else that moves both."
        )
    text = f"**Contacts still to come show nothing clear of zero**, as a placebo should: {numbers}, {people}"
    if 1 not in rows.index:
        return f"{text}."
    chain = rows.at[1, "estimate"]
    apart = (
        "leaves out"
        if not placebo["conf_low"] <= chain <= placebo["conf_high"]
        else "still holds, so it decides little,"
    )
    return f"{text}. The interval {apart} the {chain:+.2f} of contacts in the period before."


def margin(part: Part) -> str:
    """Return how margin moves beside revenue: whether the average margin that the chain counts with is too low.

    '' where nothing could be estimated: the sentence on revenue has said why.
    """
    if not len(part.table):
        return ""
    rows = part.table[part.table["outcome"] == OUTCOMES["margin"]]
    if not len(rows):
        return _line(part.note)
    row = rows.iloc[0]
    revenue = part.table[part.table["outcome"] == OUTCOMES["revenue"]].iloc[0]
    inside = row["conf_low"] <= revenue["estimate"] <= row["conf_high"]
    return (
        f"**Margin moves {row['estimate']:+.1f}% per point** ({row['conf_low']:+.1f}% to {row['conf_high']:+.1f}%; "
        f"{row['n_people']:,} customers), revenue {revenue['estimate']:+.1f}%. The chain counts revenue at the average "
        f"margin, which says the same of both: "
        + ("that lies inside the interval." if inside else "that lies outside the interval, so its money is off.")
        + (f" {_line(part.note)}" if part.note else "")
    )


def ways(part: Part) -> str:
    """Return what satisfaction with work goes with in each way of leaving, by both readings."""
    if not len(part.table):
        return _line(part.note)
    parts = []
    for way, rows in part.table.groupby("way", sort=False):
        by_quarter, by_day = rows.iloc[0], rows.iloc[1]
        unclear = " Inconclusive." if by_quarter["verdict"] == "inconclusive" else ""
        parts.append(
            f"**Leaving {way}: {by_quarter['estimate']:+.0f}% odds per point of satisfaction with work** "
            f"({by_quarter['conf_low']:+.0f}% to {by_quarter['conf_high']:+.0f}%; {by_quarter['n_events']:,.0f} exits, "
            f"{by_quarter['per_100']:.1f} in 100 person-quarters); day by day {by_day['estimate']:+.0f}%.{unclear}"
        )
    return " ".join([*parts, *([_line(part.note)] if part.note else [])])


def knowledge(part: Part) -> str:
    """Return what experience left, and whether a beginner's first year shows with customers."""
    if not len(part.table):
        return _line(part.note)
    rows = part.table.set_index("item")
    years = rows["estimate"].to_numpy()
    text = (
        f"**{years[0]:,.0f} years of experience left in twelve months**, {years[1]:.1f} a head; who is here has "
        f"{years[2]:.1f}."
    )
    for item, row in rows.iloc[3:].iterrows():
        if item.startswith("customers'"):
            numbers = f"{row['estimate']:+.2f} points ({row['conf_low']:+.2f} to {row['conf_high']:+.2f})"
            unclear = row["verdict"] == "inconclusive"
            text += (
                f" In a beginner's first year customers' scores differ by {numbers} from the same person's later ones"
                + (f"; inconclusive, {row['mde']:.2f} would have been told from nothing." if unclear else ".")
            )
    return f"{text} {_line(part.note)}" if part.note else text


def _line(note: str) -> str:
    """Return a note as a sentence."""
    return f"{note[0].upper()}{note[1:].rstrip('.')}." if note else ""
