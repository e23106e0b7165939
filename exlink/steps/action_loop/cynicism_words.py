"""Step 07: why people stop answering, in sentences."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import signed
from exlink.stats.judgement import FAIL, PASS
from exlink.steps.action_loop.cynicism import (
    ACTION,
    BOTH,
    CYNICISM,
    FATIGUE,
    INCONCLUSIVE,
    LOAD,
    STEADY,
    STEP,
    Rivals,
)  # fmt: skip

LEADS = {
    CYNICISM: "**Cynicism rather than fatigue**: people answer less after quarters in which less was done.",
    FATIGUE: "**Survey fatigue**: people answer less in quarters in which they are asked more often.",
    BOTH: "**Both**: people answer less when less was done, and when they are asked more often.",
    INCONCLUSIVE: "**Cynicism or survey fatigue: inconclusive.**",
}


def rivals_sentence(found: Rivals | str) -> str:
    """Say what answering goes with, on how much, and what could have been seen."""
    if isinstance(found, str):
        return ""
    lead = LEADS[found.verdict]
    if found.verdict == INCONCLUSIVE and found.tired == PASS:
        lead = "**Not survey fatigue; whether it is cynicism is inconclusive.**"
    said = (
        f"{lead} {found.rate:.0f}% of {found.asked:,} surveys were answered; "
        f"{found.people:,} people in {found.groups:,} teams."
    )
    return f"{said} {_load(found)} {_action(found)}"


def _load(found: Rivals) -> str:
    if LOAD in found.why:
        return f"What the number of surveys does cannot be told: {found.why[LOAD]}."
    row = found.rows.set_index("term").loc[LOAD]
    lead = {
        FAIL: "Asking more often goes with fewer answers",
        PASS: "Asking more often does not cost answers to a degree that matters",
    }.get(found.tired, "Whether asking more often costs answers cannot be told")
    return f"{lead}: {_points(row)} for each survey more in a quarter."


def _action(found: Rivals) -> str:
    if ACTION in found.why:
        return f"What acting on feedback does cannot be told: {found.why[ACTION]}."
    rows = found.rows.set_index("term")
    row, quarters = rows.loc[ACTION], f"{found.quarters} quarters"
    said = (
        f"After quarters in which {STEP} percentage points more of employees' feedback was acted on, the share of "
        f"surveys answered differs by {_points(row)}; {quarters}"
    )
    clear = row["conf_low"] > 0 or row["conf_high"] < 0
    if not clear:
        return f"{said}, which could have shown {row['mde']:.0f} percentage points or more."
    if STEADY not in rows.index:
        return f"{said}; whether anything else that rose or fell steadily is behind it cannot be told."
    row = rows.loc[STEADY]
    apart = row["conf_low"] > 0 or row["conf_high"] < 0
    also = (
        f"It stays so when what rises or falls steadily is taken out ({_points(row)})."
        if apart
        else "Both moved steadily over the period, so anything else that did may be behind it: without that the "
        f"difference is {_points(row)}, and {row['mde']:.0f} or more could have been seen."
    )
    return f"{said}. {also}"


def _points(row: pd.Series) -> str:
    return (
        f"{signed(row['estimate'], 1)} percentage points (95% interval {signed(row['conf_low'], 1)} to "
        f"{signed(row['conf_high'], 1)})"
    )


def planted_rivals(data: StudyData, found: Rivals | str) -> str:
    """Say, of simulated data, what was planted and whether the intervals hold it; '' for real data."""
    planted = (data.truth or {}).get("response", {}).get("ex_response_logit")
    if isinstance(found, str) or not planted:
        return ""
    p = found.rate / 100
    true = {
        ACTION: planted["per_share_of_feedback_acted_on"] * p * (1 - p) * STEP,
        LOAD: planted["per_survey_asked"] * p * (1 - p) * 100,
    }
    rows = found.rows.set_index("term")
    held = {
        t: bool(rows.loc[t, "conf_low"] <= v <= rows.loc[t, "conf_high"]) for t, v in true.items() if t in rows.index
    }
    parts = [
        f"{signed(true[t], 1)} for {'the action' if t == ACTION else 'each survey'} "
        f"({'inside' if inside else 'outside'} the interval)"
        for t, inside in held.items()
    ]
    return f"Planted in these simulated data, in percentage points: {', '.join(parts)}." if parts else ""
