"""Struggle and effort, within persons: what the desktop shows before an answer, and after it (M24's first link).

Two questions of the same pairs of waves. Do weeks with more struggle end in an answer that calls everyday work harder?
And is an answer that calls it harder followed by more struggle? Each holds its own value of the wave before equal, and
compares rows with later rows of the same person (``stats/predetermined``), since either may react to the other.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.struggle import BEFORE, EASE, everyday_touchpoint
from exlink.data.struggle_signs import EFFORT, OFF, SWITCHES, UNRESOLVED, signs_reasons
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.multiplicity import judged
from exlink.stats.power import minimum_detectable
from exlink.stats.predetermined import predetermined_slopes
from exlink.steps.mixed_effects.struggle import in_pairs

STEP = {EFFORT: 10.0, OFF: 10.0, SWITCHES: 10.0, UNRESOLVED: 1.0}
SIGN = {
    EFFORT: "desktop effort",
    OFF: "time off the systems",
    SWITCHES: "switches between applications",
    UNRESOLVED: "escalations left open",
}
UNIT = {EFFORT: "minutes a day", OFF: "minutes a day", SWITCHES: "a day", UNRESOLVED: "of a hundred contacts"}
MORE = {
    EFFORT: "ten minutes a day more of effort",
    OFF: "ten minutes a day more off the systems",
    SWITCHES: "ten switches a day more",
    UNRESOLVED: "one more of a hundred contacts escalated and left open",
}
CLEAR = "clear"
FELT, SHOWN = "felt", "shown"  # struggle → ease said at the end of these weeks; ease said → struggle in the weeks after
COLUMNS = ["way", "sign", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "n_units", "p_adjusted",
           "verdict", "mde"]  # fmt: skip


def struggle_links(data: StudyData, panel: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return how struggle that can be seen and hard work that is said go together, in both orders of time.

    ``panel`` as `struggle_panel` returns it.

    Returns
    -------
    DataFrame, one row per way and sign ('effort', 'off', 'switches', 'unresolved'): way 'felt' is points of everyday
    ease per `STEP` of the sign in the weeks before the answer, 'shown' is the sign in the weeks after it per point of
    ease; tidy columns within units, with wave effects and errors clustered by unit; n_units, p_adjusted
    (Benjamini–Hochberg over all rows), verdict, mde. Empty where nothing is assessed.
    lines : list of str, what is not assessed
    """
    lines = signs_reasons(data)
    if EASE not in panel:
        needed = "not assessed: needs answers of employees with `ex_responses.kpi` = ease"
        return pd.DataFrame(columns=COLUMNS), [needed, *lines]
    parts = []
    for sign in (s for s in STEP if s in panel):
        scaled = panel.assign(**{sign + BEFORE: panel[sign + BEFORE] / STEP[sign]})
        asked = {FELT: (scaled, EASE, sign + BEFORE), SHOWN: (panel, sign, EASE)}
        for way, (frame, y, x) in asked.items():
            try:
                table = predetermined_slopes(frame, y, [x, y + BEFORE], data.unit, "turn").table.iloc[:1]
            except EstimationError as error:
                lines.append(f"not assessed: {SIGN[sign]} and everyday ease: {in_pairs(error, data)}")
                break
            parts.append(table.assign(way=way, sign=sign))
    if not parts:
        return pd.DataFrame(columns=COLUMNS), lines
    found = judged(pd.concat(parts, ignore_index=True))
    found["mde"] = minimum_detectable(found["std_error"].to_numpy(dtype=float))
    return found[COLUMNS].sort_values("way", kind="stable", ignore_index=True), lines


def links_table(found: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """Return the table with its rows in words: the order of time, and what comes first → what follows."""
    touchpoint = everyday_touchpoint(data)
    order = {FELT: "Seen first, said later", SHOWN: "Said first, seen later"}
    harder_work = f"a point less ease of “{touchpoint}”"
    pairs = [
        f"{MORE[r.sign]} → points of ease" if r.way == FELT else f"{harder_work} → {SIGN[r.sign]}, {UNIT[r.sign]}"
        for r in found.itertuples()
    ]
    turned = found.assign(order=found["way"].map(order), pair=pairs)
    harder = turned["way"] == SHOWN  # told per point *less* ease: signs turn, and bounds change places
    low, high = turned["conf_low"].copy(), turned["conf_high"].copy()
    turned["estimate"] = turned["estimate"].where(~harder, -turned["estimate"])
    turned["conf_low"], turned["conf_high"] = low.where(~harder, -high), high.where(~harder, -low)
    swap = {"higher": "lower", "lower": "higher"}
    turned["verdict"] = [swap.get(v, v) if h else v for v, h in zip(turned["verdict"], harder, strict=True)]
    return turned


def links_sentence(found: pd.DataFrame, data: StudyData) -> str:
    """Return which comes first, struggle that can be seen or work that is called hard; '' where not assessed."""
    if found.empty:
        return ""
    told = links_table(found, data)
    after, before = (told[told["way"] == way] for way in (SHOWN, FELT))
    return f"{_after(after, data.people)} {_before(before, data.people)}"


def _after(rows: pd.DataFrame, people: str) -> str:
    clear = rows[rows["verdict"].isin(("higher", "lower"))]
    if clear.empty:
        return (
            "Whether people who call everyday work harder than usual then struggle more, as far as it can be seen, is "
            "inconclusive."
        )
    parts = [f"{_amount(r)} ({signed(r.conf_low, 1)} to {signed(r.conf_high, 1)})" for r in clear.itertuples()]
    return (
        f"**When everyday work was called a point harder than usual, the same {people} then show {in_words(parts)}.**"
    )


def _amount(row: tuple) -> str:
    much = f"{abs(row.estimate):.1f} {'more' if row.verdict == 'higher' else 'less'}"
    return {EFFORT: f"{much} minutes a day of effort in all", OFF: f"{much} minutes a day off the systems",
            SWITCHES: f"{much} switches a day",
            UNRESOLVED: f"{much} of a hundred contacts escalated and left open"}[row.sign]  # fmt: skip


def _before(rows: pd.DataFrame, people: str) -> str:
    clear = rows[rows["verdict"].isin(("higher", "lower"))]
    if clear.empty:
        least = "; ".join(f"{r.mde:.2f} per {MORE[r.sign]}" for r in rows.itertuples())
        return (
            "The other way round, whether weeks of more struggle end in work that is called harder, is inconclusive: "
            f"points of ease that would have been found in four of five tries: {least}."
        )
    parts = [
        f"after {MORE[r.sign]}, everyday work is called {abs(r.estimate):.2f} points "
        f"{'easier' if r.verdict == 'higher' else 'harder'} ({signed(r.conf_low)} to {signed(r.conf_high)})"
        for r in clear.itertuples()
    ]
    return f"**Among the same {people}, {'; '.join(parts)}.**"


def chain_sentence(found: pd.DataFrame, effects: pd.DataFrame) -> str:
    """Return how far the way from hard work over effort to engagement is shown; ``effects`` as `struggle_effects`.

    Effort is the same measure in both links: two links over different measures would be no way.
    """
    second = effects[(effects["measure"] == EFFORT) & (effects["outcome"] == "satisfaction")]
    if found.empty or second.empty:
        return ""
    first = found[(found["way"] == SHOWN) & (found["sign"] == EFFORT)]
    standing = [_standing(first), _standing(second)]
    if standing == [CLEAR, CLEAR]:
        return "Both links of the way from hard work over effort to engagement are clear."
    row = second.iloc[0]
    return (
        f"The way from hard work over effort to engagement is therefore not shown as a whole: that hard work goes over "
        f"into effort is {standing[0]}{_minutes(first)}, that effort is followed by lower engagement is {standing[1]} "
        f"({signed(row['estimate'])} points per ten minutes a day, {signed(row['conf_low'])} to "
        f"{signed(row['conf_high'])}). A chain holds no more than its weaker link."
    )


def _standing(link: pd.DataFrame) -> str:
    """Return how far a link stands that is expected to go down: less ease, more effort; more effort, less engaged."""
    if link.empty:
        return "not assessed"
    return {"lower": CLEAR, "inconclusive": "inconclusive"}.get(link["verdict"].iloc[0], "not as expected")


def _minutes(link: pd.DataFrame) -> str:
    """Return in brackets by how many minutes of effort a point of harder work is followed, '' where not assessed."""
    if link.empty:
        return ""
    estimate, low, high = (-float(link[c].iloc[0]) for c in ("estimate", "conf_high", "conf_low"))
    return f" ({signed(estimate, 1)} minutes a day per point, {signed(low, 1)} to {signed(high, 1)})"


def links_notes(found: pd.DataFrame, data: StudyData) -> list[str]:
    """Return how many tests, pairs of waves and people are behind the table, and in simulated data what was planted."""
    notes = [
        f"Verdicts adjusted for {len(found)} tests (Benjamini–Hochberg). Up to {int(found['n'].max()):,} waves of "
        f"{int(found['n_units'].max()):,} {data.people} with a later wave to compare with. “Left open”: not solved "
        "when the next answer came."
    ]
    if found["sign"].eq(EFFORT).any():
        notes.append(
            "Effort: minutes off the systems and, as far as they are recorded, two seconds for a switch and four for a "
            "copy and paste; the rows on time off the systems and on switches are parts of it."
        )
    per_point = (data.truth or {}).get("off_system", {}).get("log_minutes", {}).get("tools")
    if per_point:
        notes.append(
            f"Planted in these simulated data: a point poorer tools, one cause of hard work, lengthen the time off the "
            f"systems in the weeks after the answer by {np.expm1(-per_point):.0%}."
        )
    return notes
