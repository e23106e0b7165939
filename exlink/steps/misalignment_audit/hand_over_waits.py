"""Step 06: does feedback wait to be taken up (M49, organisational alignment)? Days from received to acknowledged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.voice_stages import hand_offs
from exlink.stats.judgement import judge
from exlink.stats.waiting import time_until, waiting_curve
from exlink.steps.misalignment_audit.check import AREAS, Check, not_assessable

NAME = "Feedback waits to be taken up"
NEVER = 1e6  # days: what has not come by then never did


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """Median days until feedback is acknowledged: estimate, conf_low, conf_high (infinite: not reached); pieces."""

    days: pd.Series
    pieces: int


def assess_waits(data: StudyData) -> Waits | str:
    """Return how long feedback waits until somebody takes it up, or why it cannot be told."""
    if missing := data.missing("voc_feedback") or data.missing("voc_feedback.acknowledged_on"):
        return missing
    spells, few = hand_offs(data, "received_on", "acknowledged_on"), data.study.privacy.min_group
    spells = spells[spells["days"] >= 0]
    if spells["pieces"].sum() < few:
        return f"not assessed: `voc_feedback` holds fewer than {few} pieces of feedback"
    spells = spells.assign(batch=spells["source"] + "|" + spells["theme"] + "|" + spells["quarter"])
    days = time_until(waiting_curve(spells, "days", "ended", "batch", n="pieces"))
    return Waits(days, int(spells["pieces"].sum()))


def waits_check(found: Waits | str, *, harmless: float, matters: float) -> Check:
    """Return the verdict on the median wait; bounds in days."""
    if isinstance(found, str):
        return not_assessable(AREAS, NAME, found)
    at = [float(min(found.days[name], NEVER)) for name in ("estimate", "conf_low", "conf_high")]
    verdict = judge(*at, harmless=harmless, matters=matters)
    if at[0] >= NEVER:
        lead = "More than half of the feedback was never taken up"
    else:
        high = "longer than observed" if at[2] >= NEVER else f"{at[2]:.0f} days"
        band = f" ({at[1]:.0f} to {high})" if np.isfinite(at[1]) and np.isfinite(at[2]) else ""
        lead = f"Half of the feedback waits {at[0]:.0f} days or longer until somebody takes it up{band}"
    said = (
        f"{lead}; {found.pieces:,} pieces of feedback. Up to {harmless:g} days count as harmless, from {matters:g} on "
        "it matters."
    )
    numbers = {"estimate": at[0], "conf_low": at[1], "conf_high": at[2], "harmless": harmless, "matters": matters}
    return Check(AREAS, NAME, verdict, said, numbers={k: float(v) for k, v in numbers.items()}, brief=f"{lead}.")
