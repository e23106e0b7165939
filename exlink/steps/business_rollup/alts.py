"""What a figure of the roll-up shows in words, with its numbers, for those who listen to the page."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

MOST = 6  # rows that are read out; the table or figure has the others


def rows_alt(frame: pd.DataFrame, label: str, spec: str = ".2f") -> str:
    """Return the first rows of a figure with their intervals; of one without an interval its estimate alone."""
    told = [
        f"{getattr(row, label)} {row.estimate:{spec}}"
        + (f" ({row.conf_low:{spec}} to {row.conf_high:{spec}})" if pd.notna(row.conf_low) else "")
        for row in frame.head(MOST).itertuples()
        if pd.notna(row.estimate)
    ]
    more = f"; and {len(frame) - MOST} more" if len(frame) > MOST else ""
    return f"{'; '.join(told)}{more}." if told else "Nothing to show."


def spread_alt(bins: pd.DataFrame, references: Mapping[str, float]) -> str:
    """Return the ends of a histogram, its highest bar, the share left of zero, and its marks."""
    if not len(bins):
        return "Nothing to show."
    top, all_ = bins.loc[bins["count"].idxmax()], bins["count"].sum()
    below = bins.loc[bins["right"] <= 0, "count"].sum() / all_
    marks = "; ".join(f"{name} at {at:,.0f}" for name, at in references.items() if at)
    return (
        f"From {bins['left'].min():,.0f} to {bins['right'].max():,.0f}, most often {top['left']:,.0f} to "
        f"{top['right']:,.0f}; {below:.0%} below zero{f'; {marks}' if marks else ''}."
    )


def hinges_alt(hinges: pd.DataFrame) -> str:
    """Return how far the total moves with each link, widest first."""
    told = "; ".join(f"{row.link} {row.low:,.0f} to {row.high:,.0f}" for row in hinges.itertuples())
    return f"Around {hinges['base'].iloc[0]:,.0f}: {told}." if told else "Nothing to show."


def teams_alt(frame: pd.DataFrame, gap: str) -> str:
    """Return how many of the teams shown lie apart from the whole company, and between what; no team is named."""
    seen = frame.dropna(subset=[gap, f"{gap}_low", f"{gap}_high"]) if gap in frame else frame.iloc[:0]
    if not len(seen):
        return "No team can be shown."
    above, below = int((seen[f"{gap}_low"] > 0).sum()), int((seen[f"{gap}_high"] < 0).sum())
    return (
        f"{len(seen)} teams from {seen[gap].min():+.2f} to {seen[gap].max():+.2f}; {above} clear above the whole "
        f"company, {below} clear below."
    )
