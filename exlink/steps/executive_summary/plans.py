"""The plans that a study declares for itself: what each brings beyond its cost, and how likely it pays."""

from __future__ import annotations

import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence


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
        f"{e.money(row['net_high'])}); it pays with a chance {_chance(row['p_pays'])}.{unsure}"
    )


def _closed(e: Evidence, row: pd.Series) -> str:
    """Return why no gain of a plan is stated; one on customers' side does not rest on employees' experience."""
    if row["side"] != "customers":
        return e.closed("total")
    return "a link on the way to money runs the other way than expected" if e.against("customers") else ""


def _chance(share: float) -> str:
    """Return a share of draws in words: no number of draws shows a chance of nothing, or certainty."""
    return "below 1%" if share < 0.01 else "above 99%" if share > 0.99 else f"of {share:.0%}"
