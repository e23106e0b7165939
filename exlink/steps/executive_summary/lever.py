"""The lever that the page speaks of: the aspect of the study's own best plan, else of the best of equal plans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence
from exlink.steps.executive_summary.plans import decisive_plan

SURE, LIKELY, TOSS_UP = 0.90, 0.60, 0.40  # chance that it pays, and what a board should make of it
MOSTLY = 0.80  # share of an amount from which on the rest is "little"


@dataclass(frozen=True)
class Lever:
    """The lever the decision is about: through which stream it is clear, its amounts there, its scenario."""

    stream: str
    row: pd.Series
    plan: pd.Series

    @property
    def aspect(self) -> str:
        """The aspect, by its name in the tables."""
        return str(self.row["aspect"])

    @property
    def label(self) -> str:
        """The aspect as the study calls it."""
        return str(self.row["label"])


def find_lever(e: Evidence) -> Lever | None:
    """Return the one lever the page speaks of, or None: the decisive plan's, or the best of those with a clear gain."""
    own = decisive_plan(e)
    if own is not None:
        row = e.way(str(own["aspect"]), "total") if own["side"] == "employees" else None
        return None if row is None else Lever("total", row, own)
    gains = e.gains
    for stream in ("total", "customers"):
        rows = gains[gains["stream"] == stream] if len(gains) else gains
        plans = e.plans[e.plans["aspect"].isin(rows["aspect"])] if len(rows) else rows
        if not len(plans):
            continue
        rows = rows[rows["aspect"].isin(plans["aspect"])]
        # all in all the best plan is the dearest; through customers alone, the dearest row is
        aspect = (plans if stream == "total" else rows)["aspect"].iloc[0]
        plan = plans[plans["aspect"] == aspect].iloc[0]
        return Lever(stream, rows[rows["aspect"] == aspect].iloc[0], plan)
    return None


def share_of_leavers(e: Evidence, aspect: str) -> float:
    """Return the share of an aspect's money that comes from fewer people leaving."""
    saved, total = e.way(aspect, "saved"), e.way(aspect, "total")
    if saved is None or total is None or not total["estimate"] > 0:
        return 0.0
    return float(np.clip(saved["estimate"] / total["estimate"], 0, 1))


def where_from(e: Evidence, aspect: str) -> str:
    """Say through whom an aspect's money comes."""
    share = share_of_leavers(e, aspect)
    if share > MOSTLY:
        return "Nearly all of it comes from fewer people leaving, the weaker evidence of the two ways."
    if share < 1 - MOSTLY:
        return "Nearly all of it comes through customers, little from fewer people leaving."
    return f"{share:.0%} of it comes from fewer people leaving, the rest through customers."
