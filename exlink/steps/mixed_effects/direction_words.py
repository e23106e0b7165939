"""Step 04, direction, in sentences: the verdict and why, what could have been missed, and the labels of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.ex_index import INDEX
from exlink.data.panel import aspect_columns
from exlink.data.wording import in_words, signed
from exlink.stats.direction import (
    AGAINST,
    BACKWARD_ONLY,
    BOTH,
    CONTRADICTED,
    FORWARD_ONLY,
    INCONCLUSIVE,
    RULED_OUT,
    SHOWN,
    SMALL,
)
from exlink.stats.power import p_in_words
from exlink.stats.predetermined import MIN_UNITS
from exlink.steps.mixed_effects.direction import AHEAD, CORRECTED, INSTRUMENTED, PLACEBO, DirectionFound
from exlink.steps.mixed_effects.direction_truth import planted_direction

VERDICTS = {
    FORWARD_ONLY: "EX→CX supported",
    BACKWARD_ONLY: "CX→EX supported",
    BOTH: "both",
    CONTRADICTED: "contradicted",
    INCONCLUSIVE: "inconclusive",
}
NOT_ASSESSED = "not assessed"
HEADLINES = {
    FORWARD_ONLY: "Experience comes first and customers' answers follow (supported), unless something else moved both "
    "in the same wave; that customers move experience is not shown.",
    BACKWARD_ONLY: "Customers move experience; that experience moves customers is not shown.",
    BOTH: "It runs both ways (supported): experience moves customers, unless something else moved both in the same "
    "wave, and customers move experience.",
    CONTRADICTED: "That better experience raises customers' answers by as much as would matter is contradicted here.",
    INCONCLUSIVE: "Which way it runs is inconclusive.",
}
WAYS = {CORRECTED: "corrected", INSTRUMENTED: "by instruments", PLACEBO: "placebo"}
UNSEEN = (
    "This speaks against a cause of both that lasts into the next wave; one that comes and goes within a wave it "
    "cannot exclude."
)
COUNT = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def direction_lines(data: StudyData, found: DirectionFound, outcome: str) -> list[str]:
    """Return the verdict, what each direction says, what it may have missed, and the placebo; or why nothing."""
    if found.reason:
        return [found.reason]
    parts = [_ahead(data, found, outcome), _back(data, found, outcome), _placebo(found)]
    return [HEADLINES[found.verdict.verdict], *(part for part in parts if part)]


def direction_sentence(lines: Sequence[str]) -> str:
    """Return the lines as a page shows them: the verdict, and what it rests on."""
    if len(lines) == 1:
        return lines[0]
    return "\n".join([f"**{lines[0]}**", "", *(f"- {line}" for line in lines[1:])])


def figure_reason(found: DirectionFound) -> str:
    """Return the line in place of the figure where no lag of the grid could be estimated, else ``""``.

    Where the study as a whole says why nothing is assessed, the lines of the verdict have said it.
    """
    if found.reason or found.grid["estimate"].notna().any():
        return ""
    return "not assessed: no lag could be estimated, in either direction"


def _ahead(data: StudyData, found: DirectionFound, outcome: str) -> str:
    row, who = found.ahead, data.people
    if np.isnan(row["estimate"]):
        known = _repeated(data, found, outcome)
        short = (
            f"; this study has {known:,}."
            if known < MIN_UNITS
            else f". This study has {known:,}, but with so few people and waves what was said of EX before "
            "tells too little of what is said later."
        )
        return (
            f"EX → CX: no estimate. It takes at least {MIN_UNITS} {who} with EX in two waves or more and customers' "
            f"answers before and after each, and a change of EX{short}"
        )
    said = (
        f"EX → CX: a point better than usual in all aspects of the same {who} goes with {signed(row['estimate'])} "
        f"points of {outcome} in the contacts that follow ({_known(row, who)})"
    )
    if found.verdict.forward in (RULED_OUT, SMALL):
        there = " It is there, but small." if found.verdict.forward == SMALL else ""
        limit = f"less than the {found.smallest:.2f} points that would matter, wherever in it the truth is"
        return f"{said}: {limit}.{there}"
    if found.verdict.forward == AGAINST:
        return f"{said}: it runs against what one would expect, the better the experience the lower the answers."
    if found.verdict.forward == SHOWN:
        return f"{said}."
    return f"{said}: inconclusive. {_seen(row)}"


def _back(data: StudyData, found: DirectionFound, outcome: str) -> str:
    row = found.back
    if np.isnan(row["estimate"]):
        return (
            f"CX → EX: no estimate. It takes at least {MIN_UNITS} {data.people} with EX in three waves in a row and "
            "customers' answers between them."
        )
    said = (
        f"CX → EX: a point more of {outcome} than usual goes with {signed(row['estimate'])} points of EX at the next "
        f"answer ({_known(row, data.people)})"
    )
    if found.verdict.backward == SHOWN:
        return f"{said}; averages of few answers measure what {data.people} met roughly, so the true one is larger."
    if found.verdict.backward == AGAINST:
        return f"{said}: it runs against what one would expect, EX falls after contacts that went well."
    return f"{said}: not shown, which does not say that it is absent. {_seen(row)}"


def _placebo(found: DirectionFound) -> str:
    row = found.placebo
    if row is None or np.isnan(row["estimate"]):
        return ""
    p = p_in_words(row["p_value"])
    p = f"p {p.replace('<', '< ')}" if p.startswith("<") else f"p = {p}"
    if not found.verdict.placebo_failed:
        chance = "" if row["p_value"] >= 0.05 else "; one study in twenty comes to this by chance"
        return f"Placebo: EX asked after the contacts does not clearly go with them ({p}){chance}. {UNSEEN}"
    if found.verdict.backward == SHOWN:
        return f"Placebo: EX asked after the contacts goes with them ({p}): contacts that move EX do that."
    return (
        f"Placebo: EX asked after the contacts goes with them as well ({p}), although it cannot have acted on them: "
        "something else may move both, or contacts move EX."
    )


def _repeated(data: StudyData, found: DirectionFound, outcome: str) -> int:
    """Return how many units have two rows from which EX on what follows can be estimated."""
    rows = found.panel.dropna(subset=[INDEX, f"after_{outcome}", f"before_{outcome}"])
    return int((rows[data.unit].value_counts() > 1).sum())


def _known(row: pd.Series, people: str) -> str:
    return (
        f"95 % interval {signed(row['conf_low'])} to {signed(row['conf_high'])}; {int(row['n']):,} waves of "
        f"{int(row['n_units']):,} {people}"
    )


def _seen(row: pd.Series) -> str:
    return f"An effect of {row['mde']:.2f} would have been found in four of five tries."


def grid_sentence(data: StudyData, found: DirectionFound, lags: Sequence[int]) -> str:
    """Return how the two estimates agree, and what was declared beforehand."""
    if found.grid.empty:
        return ""
    waves = in_words([signed(k, 0) for k in sorted(lags)])
    columns = aspect_columns(data)
    index = f"the mean of all {len(columns)} aspects" if columns else "the overall score, since no aspects were asked"
    used = "" if found.ahead["way"] == CORRECTED else (
        " The correction has no solution with so few waves, so the verdict rests on the estimate by instruments."
    )  # fmt: skip
    return (
        f"Fixed before looking: EX is {index}, the lags are {waves} waves, and the verdict rests on the two estimates "
        f"at lag 0 and on the placebo; the p values of the grid are adjusted (Benjamini–Hochberg).{used}"
    )


def labelled(found: pd.DataFrame) -> pd.DataFrame:
    """Return the grid with ``label`` (what follows what) and ``way`` in words."""
    labels = [_label(r.direction, int(r.lag), r.way) for r in found.itertuples()]
    shown = found.assign(label=labels, way=found["way"].map(WAYS), against=found["lag"] < 0, side=found["direction"])
    return shown.sort_values(
        ["side", "against", "lag"], ascending=[False, True, True], kind="stable", ignore_index=True
    )


def _label(side: str, lag: int, way: str) -> str:
    if way == PLACEBO:
        return "placebo: EX asked after the contacts" + (f", {COUNT[-lag - 1]} waves on" if lag < -1 else "")
    first, then = ("EX → contacts", "that follow") if side == AHEAD else ("contacts → EX", "asked next")
    if lag == 0:
        return f"{first} {then}"
    return f"{first} {COUNT[lag]} wave{'s' * (lag > 1)} later"


def direction_words(shown: pd.DataFrame) -> str:
    """Return the figure in words, for those who listen to the page."""
    rows = [
        f"{r.label} ({r.way}) {signed(r.estimate)} from {signed(r.conf_low)} to {signed(r.conf_high)}"
        for r in shown.dropna(subset=["estimate"]).itertuples()
    ]
    return f"{'; '.join(rows)}." if rows else "No lag could be estimated."


def with_said(table: pd.DataFrame) -> pd.DataFrame:
    """Return estimates with ``said``, the verdict and its adjusted p value in one cell."""
    p = table["p_adjusted"].map(p_in_words)
    said = [
        v if np.isnan(q) else f"{v} (p {w[0]} {w[1:]})" if w.startswith("<") else f"{v} (p = {w})"
        for v, q, w in zip(table["verdict"], table["p_adjusted"], p, strict=True)
    ]
    return table.assign(said=said)


def direction_notes(table: pd.DataFrame, people: str) -> list[str]:
    """Return what has to be known to read a table of both directions."""
    units = table["n_units"].replace(0, np.nan).dropna()
    seen = table["mde"].dropna()
    notes = []
    if len(units):
        low, high = int(units.min()), int(units.max())
        notes.append(f"{low:,}{f' to {high:,}' * (high > low)} {people}; p values adjusted over the whole table.")
    if len(seen):
        notes.append(f"One test alone would find {seen.min():.2f} to {seen.max():.2f} in four of five tries.")
    return notes


def truth_sentence(data: StudyData, found: DirectionFound) -> str:
    """Return whether the verdict is right, in simulated data; empty for real ones."""
    acts = planted_direction(data)
    if acts is None or found.reason:
        return ""
    there = {(True, False): "experience moves customers and customers do not move experience",
             (False, True): "customers move experience and experience does not move customers",
             (True, True): "each moves the other", (False, False): "neither moves the other"}[acts]  # fmt: skip
    right = {(True, False): [FORWARD_ONLY], (False, True): [BACKWARD_ONLY], (True, True): [BOTH],
             (False, False): [CONTRADICTED]}[acts]  # fmt: skip
    verdict = found.verdict.verdict
    judged = "right" if verdict in right else "cautious" if verdict == INCONCLUSIVE else "wrong"
    return f"In these simulated data {there}. The verdict, *{VERDICTS[verdict]}*, is **{judged}**."


def direction_facts(found: DirectionFound, lines: Sequence[str], outcome: str, lags: Sequence[int]) -> dict[str, Any]:
    """Return the verdict as facts that later steps read: words, and the estimates it rests on."""
    keep = ["way", "estimate", "conf_low", "conf_high", "p_value", "n", "n_units", "mde"]
    rows = {"ex_to_cx": found.ahead, "cx_to_ex": found.back, "placebo": found.placebo}
    return {
        "verdict": NOT_ASSESSED if found.reason else VERDICTS[found.verdict.verdict],
        "sentence": " ".join(lines),
        "outcome": outcome,
        "lags": list(lags),
        "smallest_effect": found.smallest,
        "estimates": {
            name: {c: row[c] if c != "n_units" else int(row[c]) for c in keep}
            for name, row in rows.items() if row is not None and not np.isnan(row["estimate"])
        },
    }  # fmt: skip
