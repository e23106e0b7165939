"""How the study's own effects compare with published ones, in sentences (M38)."""

from __future__ import annotations

import pandas as pd

from exlink.data.published import HARTER, OTTO
from exlink.steps.business_rollup.published import OWN, TOPICS

SOURCES = (HARTER, OTTO)


def published_sentence(found: pd.DataFrame) -> str:
    """Return how the own correlation that is nearest in kind lies to the published one, topic by topic."""
    told = [_topic(found[found["topic"] == TOPICS[topic]]) for topic in ("customers", "leaving", "money")]
    told = [text for text in told if text]
    if not told:
        return "Nothing of this study can be laid beside the published correlations; they are shown for orientation."
    lines = "\n".join(f"- {text}" for text in told)
    return f"{lines}\n\nWhose correlation it is differs from row to row, so they need not agree."


def _topic(rows: pd.DataFrame) -> str:
    own, theirs = rows[rows["status"] == OWN], rows[rows["status"] != OWN]
    if not len(own) or not len(theirs):
        return ""
    mine, other = own.iloc[-1], theirs.iloc[0]  # the coarsest own level comes last: teams before business units
    inside = mine["conf_low"] <= other["estimate"] <= mine["conf_high"]
    zero = mine["conf_low"] <= 0 <= mine["conf_high"]
    signs = "of the same sign" if mine["estimate"] * other["estimate"] > 0 else "of opposite signs"
    verdict = (
        "holds the published value, and zero too: inconclusive" if inside and zero
        else "holds the published value" if inside
        else "leaves out the published value but holds zero: whether they go together here is inconclusive" if zero
        else f"leaves out the published value; both are {signs}"
    )  # fmt: skip
    return (
        f"**{mine['what'][0].upper()}{mine['what'][1:]}**: {mine['estimate']:.2f} between {mine['level']} here "
        f"({mine['conf_low']:.2f} to {mine['conf_high']:.2f}, {mine['n']}), {other['estimate']:.2f} between "
        f"{other['level']} in {other['source']} ({other['n']}). This study's interval {verdict}."
    )


def sources_sentence() -> str:
    """Return the full sources of the correlations."""
    return "Sources of the correlations: " + "; ".join(SOURCES) + "."
