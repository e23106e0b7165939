"""How the study's own effects compare with published ones, in sentences (M38)."""

from __future__ import annotations

import pandas as pd

from exlink.data.published import HARTER, OTTO
from exlink.steps.business_rollup.published import LEAST_UNITS, OWN, TOPICS

SOURCES = (HARTER, OTTO)


def published_sentence(found: pd.DataFrame) -> str:
    """Return how the own correlation that is nearest in kind lies to the published one, topic by topic."""
    told = [_topic(found[found["topic"] == TOPICS[topic]]) for topic in ("customers", "leaving", "money")]
    told = [text for text in told if text]
    few = found.attrs.get("few", [])
    left_out = f"Not assessed, for fewer than {LEAST_UNITS} units to compare: {'; '.join(few)}." if few else ""
    if not told:
        nothing = "Nothing of this study can be laid beside the published correlations; they are shown for orientation."
        return f"{nothing} {left_out}".strip()
    lines = "\n".join(f"- {text}" for text in told)
    return f"{lines}\n\nWhose correlation it is differs from row to row, so they need not agree. {left_out}".strip()


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
        f"{other['level']} in {other['source']} ({other['n']}). This study's interval {verdict}.{_finer(own)}"
    )


def _finer(own: pd.DataFrame) -> str:
    """Return what the level below the one told of shows, persons below teams: the two need not agree."""
    if len(own) < 2:
        return ""
    finer, mine = own.iloc[-2], own.iloc[-1]
    zero, open_ = (row["conf_low"] <= 0 <= row["conf_high"] for row in (finer, mine))
    signs = "of the other sign" if finer["estimate"] * mine["estimate"] < 0 else "of the same sign"
    apart = "clear of zero" if open_ else signs  # an interval that holds zero has no sign to compare with
    return (
        f" {_among(finer['level'])} here it is {finer['estimate']:.2f} ({finer['conf_low']:.2f} to "
        f"{finer['conf_high']:.2f}, {finer['n']}), {'inconclusive' if zero else apart}: what holds between "
        f"{mine['level']} need not hold there."
    )


def _among(level: str) -> str:
    return f"Within {level}" if level.startswith("the same") else f"Between {level}"


def sources_sentence() -> str:
    """Return the full sources of the correlations."""
    return "Sources of the correlations: " + "; ".join(SOURCES) + "."


def scales_notes(scales: pd.DataFrame) -> list[str]:
    """Return source, n, level and status of every row of `other_scales`."""
    return [f"{r.what[0].upper()}{r.what[1:]}: {r.status}, {r.source}; {r.n} ({r.level})." for r in scales.itertuples()]
