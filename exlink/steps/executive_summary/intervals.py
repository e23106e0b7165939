"""How the page writes an interval, and what it says beside one that is not clear."""

from __future__ import annotations

import pandas as pd

from exlink.steps.executive_summary.evidence import NOTHING, Evidence, points

IF_CAUSES = "if these links are causes"
LOSS, SMALL = " A loss, clear of zero.", " Too small to matter."


def money_range(e: Evidence, low: float, high: float) -> str:
    """Return an interval of money."""
    return f"{e.money(low)} to {e.money(high)}"


def points_range(row: pd.Series) -> str:
    """Return an interval of points."""
    return f"{points(row['conf_low'])} to {points(row['conf_high'])}"


def unclear(row: pd.Series, tried: int, lower: str = LOSS, small: str = SMALL) -> str:
    """Return what the verdict on a row says beside its interval; ``tried`` is how many aspects were looked at.

    An interval speaks of its own row only, a verdict allows for all that were tried: the two may differ.
    """
    alone = row["conf_low"] > 0 or row["conf_high"] < 0
    open_ = f" Inconclusive: clear by itself, not after allowing for {tried} aspects that were tried." if alone else \
        " Inconclusive: zero is not ruled out."  # fmt: skip
    return {"inconclusive": open_, "lower": lower, NOTHING: small}.get(row["verdict"], "")
