"""The plans that a study declares for itself: what each brings beyond its cost, and how likely it pays."""

from __future__ import annotations

import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence


def decisive_plan(e: Evidence) -> pd.Series | None:
    """Return the plan of the study's own that the decision is about, or None where it declares none that may be stated.

    Of those whose benefit is clear of zero among all that were tried, else of all, the one that leaves most for each
    year it lasts: by its sum the longer plan would come first for its length alone. None also where money through
    customers does not rest on employees' experience: then that is the decision.
    """
    rows = e.table("study_scenarios")
    if e.level != "money" or e.against("total") or e.order.against or not len(rows):
        return None
    best = rows.sort_values(["clear", "net_year"], ascending=False, kind="stable")
    return best.iloc[0]


def plans_tried(e: Evidence) -> int:
    """Return how many plans the study declares, whether shown or not."""
    return len(e.tables.get("study_scenarios", pd.DataFrame()))


def own_plans(e: Evidence) -> str:
    """Return one line per plan of the study's own, as Markdown; ``""`` where it declares none."""
    told = e.tables.get("study_scenarios", pd.DataFrame())
    if not len(told):
        return ""
    shown = e.table("study_scenarios")
    lines = [f"- {_line(e, row)}" for _, row in shown.iterrows()]
    if hidden := len(told) - len(shown):
        lines.append(f"- {hidden} more for {'a group' if hidden == 1 else 'groups'} of too few people to be shown.")
    return "\n".join(["**The plans of this study itself**, what they bring less what they cost:", "", *lines])


def _line(e: Evidence, row: pd.Series) -> str:
    whom = "" if str(row["group"]) in str(row["lever"]) else f" for {row['group']},"
    what = f"“{row['lever']}”,{whom} at {e.money(row['cost'])}"
    if why := _closed(e, row):
        return f"{what}: not stated, because {why}."
    unsure = "" if row["clear"] else " That it brings anything at all is inconclusive."
    return (
        f"{what}: {e.money(row['net'])} net in {row['months']:.0f} months ({e.money(row['net_low'])} to "
        f"{e.money(row['net_high'])}); it pays with a chance {chance_in_words(row['p_pays'])}.{unsure}"
    )


def _closed(e: Evidence, row: pd.Series) -> str:
    """Return why no gain of a plan is stated; one on customers' side does not rest on employees' experience."""
    if row["side"] != "customers":
        return e.closed("total")
    return "a link on the way to money runs the other way than expected" if e.against("customers") else ""


def chance_in_words(share: float) -> str:
    """Return a share of draws in words: no number of draws shows a chance of nothing, or certainty."""
    return "below 1%" if share < 0.01 else "above 99%" if share > 0.99 else f"of {share:.0%}"
