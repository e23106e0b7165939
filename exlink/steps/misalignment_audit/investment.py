"""Step 06: do initiatives measure more than they ease (M49, investment strategy)? Metrics added, frictions removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.initiatives import initiative_list, initiative_rows
from exlink.stats.judgement import OPEN
from exlink.stats.proportions import group_shares
from exlink.steps.misalignment_audit.check import AREAS, Check, judged_share, not_assessable

NAME = "Initiatives measure more than they ease"
MIN_INITIATIVES = 3  # a share that varies between initiatives needs some


@dataclass(frozen=True, slots=True, eq=False)
class Investment:
    """What the company spends on changing work.

    share : Series       estimate, conf_low, conf_high, n: metrics added among metrics added and frictions removed;
                         initiatives are clusters
    initiatives, teams : int
    added, removed : int    metrics, frictions
    spent, measuring : float    cost of all initiatives, and of those that add more metrics than they remove frictions;
                         NaN where costs are not recorded
    """

    share: pd.Series
    initiatives: int
    teams: int
    added: int
    removed: int
    spent: float
    measuring: float


def assess_investment(data: StudyData) -> Investment | str:
    """Return how initiatives measure and ease, or why that cannot be assessed."""
    needs = ("initiatives.metrics_added", "initiatives.frictions_removed")
    if missing := data.missing("initiatives") or data.missing(*needs):
        return missing
    rows = initiative_list(initiative_rows(data))
    names = {"metrics_added": "added", "frictions_removed": "removed", "cost": "spent"}
    rows = rows.rename(columns=names).fillna({"added": 0.0, "removed": 0.0})
    if len(rows) < MIN_INITIATIVES:
        return f"not assessed: `initiatives` holds {len(rows)}, too few to tell how the company invests"
    rows["changes"] = rows["added"] + rows["removed"]
    if not rows["changes"].sum() > 0:
        return "not assessed: no initiative adds a metric or removes a friction"
    share = group_shares(rows.assign(all=0), "added", "changes", ["all"], cluster="initiative_id").iloc[0]
    known = rows["spent"].notna().any()
    more = rows["added"] > rows["removed"]
    teams = int(data.query("SELECT count(DISTINCT team_id) AS n FROM initiatives ORDER BY n")["n"].iloc[0])
    return Investment(
        share, len(rows), teams, int(rows["added"].sum()), int(rows["removed"].sum()),
        float(rows["spent"].sum()) if known else float("nan"),
        float(rows.loc[more, "spent"].sum()) if known else float("nan"),
    )  # fmt: skip


def investment_check(found: Investment | str, *, harmless: float, matters: float) -> Check:
    """Return the verdict on the share of metrics added among all that initiatives change; bounds are shares, 0 to 1."""
    if isinstance(found, str):
        return not_assessable(AREAS, NAME, found)
    share = found.share
    verdict, _ = judged_share(share, harmless=harmless, matters=matters)
    band = f"{share['conf_low']:.0%} to {share['conf_high']:.0%}"
    said = (
        f"{found.initiatives} initiatives add {found.added} metrics and remove {found.removed} frictions: "
        f"{share['estimate']:.0%} of what they change is more to measure (95% interval {band}; up to {harmless:.0%} "
        f"counts as harmless, from {matters:.0%} on it matters)."
    )
    width = share["conf_high"] - share["conf_low"]
    if verdict == OPEN and np.isfinite(width) and matters > harmless:
        takes = int(np.ceil(found.initiatives * (width / (matters - harmless)) ** 2))
        said += f" Initiatives as different as these would tell it from about {max(takes, found.initiatives + 1)} on."
    numbers = {"estimate": share["estimate"], "conf_low": share["conf_low"], "conf_high": share["conf_high"],
               "harmless": harmless, "matters": matters}  # fmt: skip
    brief = (
        f"{found.added} metrics added and {found.removed} frictions removed by {found.initiatives} initiatives: "
        f"{share['estimate']:.0%} of the changes measure ({band})."
    )
    return Check(AREAS, NAME, verdict, said, numbers={k: float(v) for k, v in numbers.items()}, brief=brief)
