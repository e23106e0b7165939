"""Step 07: how long feedback waits at every hand-over between departments (M59)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.voice_stages import hand_offs
from exlink.stats.waiting import time_until, waiting_curve
from exlink.steps.action_loop.gaps import hand_over_gap_sentence, hand_over_gaps

HAND_OVERS = {
    "received to acknowledged": ("received_on", "acknowledged_on"),
    "acknowledged to acted on": ("acknowledged_on", "acted_on"),
    "acted on to told back": ("acted_on", "told_back_on"),
}
ALL = "all feedback"


@dataclass(frozen=True, slots=True, eq=False)
class HandOvers:
    """How long each hand-over takes.

    times : DataFrame    what (hand-over), label (all feedback, or a kind of owner), days (the median), conf_low,
                         conf_high (infinite: longer than observed), n_people (pieces that came to the hand-over),
                         n_in, n_out (for which it ended, or not)
    spells : dict        hand-over → its spells, for comparisons
    early : int          pieces passed on before they had come: their days are not in it
    lacking : str        which dates the study does not keep, as a line; or ''
    """

    times: pd.DataFrame
    spells: dict[str, pd.DataFrame]
    early: int
    lacking: str


def assess_hand_overs(data: StudyData) -> HandOvers | str:
    """Return how long feedback waits at every hand-over, or why it cannot be told."""
    if missing := data.missing("voc_feedback"):
        return missing
    dates = list(dict.fromkeys(column for pair in HAND_OVERS.values() for column in pair))
    lacking = data.missing(*(f"voc_feedback.{column}" for column in dates))
    rows, handed, early = [], {}, 0
    for what, (start, end) in HAND_OVERS.items():
        if not (data.has("voc_feedback", start) and data.has("voc_feedback", end)):
            continue
        spells = hand_offs(data, start, end)
        early += int(spells.loc[spells["days"] < 0, "pieces"].sum())
        spells = spells[spells["days"] >= 0]
        topic = spells["source"] + "|" + spells["theme"]
        spells = spells.assign(topic=topic, batch=topic + "|" + spells["quarter"])
        handed[what] = spells
        kinds = [(ALL, spells), *spells.groupby("kind", sort=True)]
        rows += [{"what": what, "label": kind, **_median(part)} for kind, part in kinds if len(part)]
    if not rows:
        return lacking or "not assessed: no feedback in `voc_feedback` was handed over"
    return HandOvers(pd.DataFrame(rows), handed, early, lacking)


def _median(spells: pd.DataFrame) -> dict[str, float]:
    """Return the median days until the hand-over, those still waiting censored, and the pieces behind it."""
    until = time_until(waiting_curve(spells, "days", "ended", "batch", n="pieces"))
    over = spells["ended"].to_numpy(dtype=bool)
    return {
        "days": until["estimate"], "conf_low": until["conf_low"], "conf_high": until["conf_high"],
        "n_people": int(spells["pieces"].sum()), "n_in": int(spells.loc[over, "pieces"].sum()),
        "n_out": int(spells.loc[~over, "pieces"].sum()),
    }  # fmt: skip


def authority_sentence(found: HandOvers | str, *, days: int, min_group: int) -> str:
    """Say at which hand-overs it matters whether the owner can act; '' where that is not known."""
    return "" if isinstance(found, str) else hand_over_gap_sentence(hand_over_gaps(found.spells, days, min_group), days)


def in_days(times: pd.DataFrame) -> pd.DataFrame:
    """Return the medians in words beside their share: what, label, median, n_people, n_in, n_out, share (%)."""
    words = [_words(row) for _, row in times.iterrows()]
    share = 100 * times["n_in"] / times["n_people"]
    return times[["what", "label", "n_people", "n_in", "n_out"]].assign(median=words, share=share)


def _words(row: pd.Series) -> str:
    """Return a median with its interval: ``34 (31 to 38)``, ``not reached``."""
    if np.isinf(row["days"]):
        return "not reached by half of it"
    if np.isnan(row["conf_low"]) or np.isnan(row["conf_high"]):
        return f"{row['days']:.0f} (too few for an interval)"
    high = "longer than observed" if np.isinf(row["conf_high"]) else f"{row['conf_high']:.0f}"
    return f"{row['days']:.0f} ({row['conf_low']:.0f} to {high})"


def hand_over_sentence(found: HandOvers | str, min_group: int) -> str:
    """Say at which hand-over feedback waits longest, over all kinds of owners."""
    if isinstance(found, str):
        return ""
    whole = found.times[found.times["label"].eq(ALL) & found.times["n_people"].ge(min_group)]
    if whole.empty:
        return f"Fewer than {min_group} pieces of feedback came to any hand-over."
    slowest = whole.loc[whole["days"].idxmax()]
    n = int(slowest["n_people"])
    took = (
        f"more than half of {n:,} pieces have not been handed over so far"
        if np.isinf(slowest["days"])
        else f"the median of {n:,} pieces takes {_words(slowest)} days (95% interval)"
    )
    said = f"Feedback waits longest from {slowest['what']}: {took}."
    if found.early >= min_group:
        said += f" {found.early:,} pieces were passed on before they had come, by the register; they are left out."
    return said + (f" {found.lacking[0].upper() + found.lacking[1:]}." if found.lacking else "")
