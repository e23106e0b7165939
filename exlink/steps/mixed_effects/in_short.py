"""Step 04 in three lines, for those who read no further: which way it runs, what moves customers, how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.wording import in_words
from exlink.steps.mixed_effects.models import FIXED, MIXED, strongest


def in_short(
    effects: pd.DataFrame, parts: pd.DataFrame, direction: Sequence[str], outcome: str, people: str, no_within: str
) -> str:
    """Return the answer of the page in at most three lines.

    Parameters
    ----------
    effects, parts : DataFrame
        Of `fit_all` and of `variances`; ``parts`` without rows where single answers are not known.
    direction : lines of `direction_lines`, the verdict first.
    no_within : why nothing within the same people can be told, or ``""``; then nothing is said of it.
    """
    if no_within:
        return no_within
    lines = [f"**Which way.** {direction[0]}", f"**What moves customers.** {_moves(effects, outcome, people)}"]
    sure = " ".join(part for part in (_alike(effects, outcome), _between(parts, outcome, people)) if part)
    return "\n".join(f"- {line}" for line in [*lines, *([f"**How sure.** {sure}"] if sure else [])])


def _moves(effects: pd.DataFrame, outcome: str, people: str) -> str:
    up, down = (strongest(effects, outcome, verdict) for verdict in ("higher", "lower"))
    if up.empty and down.empty:
        return f"No aspect clearly moves {outcome} within the same {people}; that is no proof that none does."
    said = [
        f"{word} by {in_words([_size(row) for row in rows.itertuples()])}"
        for word, rows in (("rises", up), ("falls", down)) if len(rows)
    ]  # fmt: skip
    return (
        f"With a point more than usual for the same {people}, {outcome} {' and '.join(said)} (all aspects in one "
        "model, 95 % intervals)."
    )


def _size(row: Any) -> str:  # a row of itertuples, which has no type of its own
    low, high = sorted((abs(row.conf_low), abs(row.conf_high)))
    return f"{abs(row.estimate):.2f} points with {row.aspect} ({low:.2f} to {high:.2f})"


def _alike(effects: pd.DataFrame, outcome: str) -> str:
    """Return on how many aspects the two ways to compare the same people come to the same verdict."""
    part = effects[(effects["outcome"] == outcome) & (effects["effect"] == "within")]
    verdicts = part.pivot(index="aspect", columns="specification", values="verdict")
    if not {MIXED, FIXED} <= set(verdicts.columns):
        return ""
    both = verdicts[[MIXED, FIXED]].dropna()
    same = int((both[MIXED] == both[FIXED]).sum())
    return f"Two ways of estimating come to the same verdict on {same} of {len(both)} aspects." if len(both) else ""


def _between(parts: pd.DataFrame, outcome: str, people: str) -> str:
    by = parts[parts["outcome"] == outcome]
    if by.empty:
        return ""
    who = by.iloc[0]
    known = np.isfinite(who["share_low"]) and np.isfinite(who["share_high"])
    interval = f" (95 % interval {who['share_low']:.1%} to {who['share_high']:.1%})" if known else ""
    return f"Of how answers differ, {who['share']:.1%}{interval} goes with which of the {people} served."
