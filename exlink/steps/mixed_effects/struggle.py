"""Struggling at everyday work, and what people say of work one wave later (M24): within persons, lagged.

What people say now depends on what they said before, and hard work may follow from having had enough. Taking out
person means would then be biased by about one over the number of waves (Nickell 1981). Rows are compared with later
rows of the same person instead, instrumented by what was known before: ``stats/predetermined``.
"""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.effort import effort_reason
from exlink.data.struggle import BEFORE, EASE, everyday_touchpoint
from exlink.data.struggle_signs import EFFORT
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.multiplicity import judged
from exlink.stats.power import minimum_detectable
from exlink.stats.predetermined import predetermined_slopes

STEP = {EASE: 1.0, EFFORT: 10.0}  # points of ease; minutes a day
SAID = {"satisfaction": "engagement (overall satisfaction)", "experience": "experience (mean of the aspects)"}
COLUMNS = ["measure", "then", "outcome", "term", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n",
           "n_units", "p_adjusted", "verdict", "mde", "planted"]  # fmt: skip


def struggle_effects(data: StudyData, panel: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return what struggling goes with one wave later, and a line on each measure that is not assessed.

    ``panel`` as `struggle_panel` returns it.

    Returns
    -------
    DataFrame, one row per measure ('ease', 'effort') and outcome ('satisfaction', 'experience'): then (words), tidy
    columns per point of ease or ten minutes of effort a day, given the outcome one wave before, within units with wave
    effects and errors clustered by unit; n_units, p_adjusted (Benjamini–Hochberg over all rows), verdict, mde, planted.
    lines : list of str
    """
    lines, parts = [], []
    if "satisfaction" not in panel:
        lines.append("not assessed: needs answers of employees with `ex_responses.kpi` = satisfaction")
    for measure in (EASE, EFFORT):
        if measure + BEFORE not in panel:
            lines.append(
                effort_reason(data) if measure == EFFORT
                else "not assessed: needs answers of employees with `ex_responses.kpi` = ease"
            )  # fmt: skip
            continue
        frame = panel.assign(**{measure + BEFORE: panel[measure + BEFORE] / STEP[measure]})
        for outcome in (o for o in SAID if o in panel and panel[o].notna().any()):
            x = [measure + BEFORE, outcome + BEFORE]
            try:
                table = predetermined_slopes(frame, outcome, x, data.unit, "turn").table.iloc[:1]
            except EstimationError as error:
                lines.append(f"not assessed: what follows one wave later: {in_pairs(error, data)}")
                continue
            parts.append(table.assign(measure=measure, outcome=outcome, then=SAID[outcome]))
    if not parts:
        return pd.DataFrame(columns=COLUMNS), list(dict.fromkeys(lines))
    found = judged(pd.concat(parts, ignore_index=True))
    found["mde"] = minimum_detectable(found["std_error"].to_numpy(dtype=float))
    return found.assign(planted=_planted(data, found))[COLUMNS], list(dict.fromkeys(lines))


def struggle_words(found: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """Return the table with its rows in words: one wave before, and one wave later."""
    before = {EASE: f"a point more ease of “{everyday_touchpoint(data)}”", EFFORT: "ten minutes a day more of effort"}
    return found.assign(before=found["measure"].map(before))


def struggle_sentence(found: pd.DataFrame, people: str) -> str:
    """Return whether hard everyday work is followed by lower engagement among the same people."""
    part = found[found["outcome"] == "satisfaction"]
    if part.empty:
        return ""
    said = []
    for row in part.itertuples():
        what = (
            "everyday work was a point easier" if row.measure == EASE else "desktop effort was ten minutes a day more"
        )
        bounds = f"{signed(row.conf_low)} to {signed(row.conf_high)}"
        if row.verdict in ("higher", "lower"):
            low, high = sorted((abs(row.conf_low), abs(row.conf_high)))
            said.append(
                f"**When {what} one wave before, the same {people} are {abs(row.estimate):.2f} points ({low:.2f} to "
                f"{high:.2f}) {'more' if row.verdict == 'higher' else 'less'} satisfied with work.**"
            )
        else:
            said.append(
                f"Whether engagement differs when {what} one wave before is inconclusive: {signed(row.estimate)} "
                f"points ({bounds}); {row.mde:.2f} would have been found in four of five tries."
            )
    clear = found[(found["outcome"] == "experience") & found["verdict"].isin(["higher", "lower"])]
    chain = (
        f" The aspects themselves move too after a change of {in_words(list(clear['measure']))}."
        if len(clear)
        else " That the aspects themselves move in between cannot be told."
    )
    return " ".join(said) + chain


def _planted(data: StudyData, found: pd.DataFrame) -> list[float]:
    """Return what was planted: of ease on overall satisfaction; nothing else of this kind is known."""
    engagement = (data.truth or {}).get("engagement", {})
    value = engagement.get("ease_of_wave_before", float("nan"))
    return [
        value if (r.measure, r.outcome) == (EASE, "satisfaction") else float("nan") for r in found.itertuples()
    ]  # fmt: skip


def in_pairs(error: EstimationError, data: StudyData) -> str:
    """Return why nothing could be estimated, in pairs of waves and people."""
    reason = str(error).split(": ", 1)[-1].rstrip(".")
    return reason.replace(f"values of {data.unit}", data.people).replace("rows", "pairs of waves")


def struggle_notes(found: pd.DataFrame, people: str) -> list[str]:
    """Return the numbers behind the table, and in simulated data what was planted."""
    notes = [
        f"Verdicts adjusted for {len(found)} tests (Benjamini–Hochberg). Up to {int(found['n'].max()):,} pairs of "
        f"waves of {int(found['n_units'].max()):,} {people} with a later wave to compare with."
    ]
    known = found.dropna(subset=["planted"])
    if len(known):
        row = known.iloc[0]
        inside = "inside" if row["conf_low"] <= row["planted"] <= row["conf_high"] else "outside"
        notes.append(
            f"Planted in these simulated data: {row['planted']:.2f} of ease on engagement, {inside} the interval."
        )
    return notes
