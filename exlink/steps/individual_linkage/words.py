"""Step 03 in sentences: what the linked panel, its correlations and its slopes say, numbers included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.data.unanswered import tens_sentence as tens_sentence
from exlink.data.wording import in_words, signed
from exlink.steps.individual_linkage.associations import NOTHING, UNCLEAR_BETWEEN

MOST_NAMED = 10  # clear pairs that a sentence can name
HALF_A_POINT = 0.5  # up to here, points are told as one customer in so many


def linked_sentence(facts: dict[str, Any], losses: pd.DataFrame) -> str:
    """Return what the linked panel is made of, in a few sentences."""
    several, no_moves = facts["n_waves"] > 1, facts["no_moves"]
    waves = f"{facts['n_waves']} EX waves" if several else "1 EX wave"
    each = (
        f"Half of the {facts['unit']} have {facts['waves_per_unit']:.0f} waves or more; the usual wave is followed by "
        f"{facts['answers_per_unit_wave']:.0f} answers."
        if several
        else f"Half of the {facts['unit']} have {facts['answers_per_unit_wave']:.0f} answers or more."
    )
    return (
        f"**{facts['answered']:,} customer answers of {facts['n_units']:,} {facts['unit']} over {waves} are linked**, "
        f"{losses['share'].iloc[-1]:.0%} of all interactions. {each} "
        f"{direction_sentence(facts)}"
        + (f" Moves between teams are {no_moves}; everybody counts where `employees` has them." if no_moves else "")
    )


def direction_sentence(facts: dict[str, Any]) -> str:
    """Return whether the order in time allows a reading from EX to CX."""
    if facts["ex_before_cx"]:
        return (
            f"Every linked contact follows the EX it is linked to: {facts['first_day_after_ex']:.0f} to "
            f"{facts['last_day_after_ex']:.0f} days later, half within {facts['median_days_after_ex']:.0f} days."
        )
    if facts["median_days_after_ex"] >= 1:
        return (
            f"{facts['not_after_share']:.1%} of the linked answers belong to contacts of the very day of the EX "
            "answer, or before it: which came first is not known, and direction is not assessed. With "
            "`linkage.lag_days: 1` they would be left out."
        )
    return (
        "EX and CX were measured at the same time, so these associations cannot tell which moves which: "
        "direction is not assessed."
    )


def correlations_sentence(pairs: pd.DataFrame, kind: str, people: str) -> str:
    """Return the strongest pair of one kind, and how many pairs have an interval clear of zero."""
    part = pairs[(pairs["kind"] == kind) & pairs["estimate"].notna()]
    if part.empty:
        return f"not assessed: no correlation {kind} {people} can be computed"
    top = part.loc[part["estimate"].abs().idxmax()]
    clear = int(((part["conf_low"] > 0) | (part["conf_high"] < 0)).sum())
    same = "the same " if kind == "within" else ""
    return (
        f"{kind.capitalize()} {same}{people}, the strongest pair is **{top['aspect']} and customers' {top['outcome']}: "
        f"{signed(top['estimate'])}** (95 % interval {signed(top['conf_low'])} to {signed(top['conf_high'])}; "
        f"{top['n_units']:,} {people}). The intervals of {clear} of {len(part)} pairs leave out zero; "
        f"they are not adjusted for looking at so many. {behind(part, people)}"
    )


def touchpoints_sentence(found: pd.DataFrame, outcome: str, hidden: pd.Series) -> str:
    """Return at which touchpoints an aspect shows clearly, and how wide intervals are where they are widest.

    Parameters
    ----------
    found : DataFrame
        `touchpoint_correlations`.
    hidden : Series of bool
        Rows of ``found`` that may not be shown.
    """
    part = found[(found["outcome"] == outcome) & ~hidden & found["estimate"].notna()]
    if part.empty:
        return f"not assessed: no touchpoint has enough answers on {outcome}"
    clear = part[part["clear"].astype(bool)]
    first = _clear_pairs(clear, len(part), outcome)
    reach = ((part["conf_high"] - part["conf_low"]) / 2).groupby(part["touchpoint"], sort=False).median()
    if reach.nunique() < 2:
        return first
    chance = "" if reach.idxmax() in set(clear["touchpoint"]) else ": dark cells there may be chance"
    return (
        f"{first} An interval reaches about {reach.min():.2f} to either side at {reach.idxmin()}, and "
        f"{reach.max():.2f} at {reach.idxmax()}{chance}."
    )


def _clear_pairs(clear: pd.DataFrame, tried: int, outcome: str) -> str:
    """Return which pairs of aspect and touchpoint are clear: by name where they are few, else how many."""
    rest = "" if len(clear) == tried else " No other pair is clear, which is not the same as nothing there."
    if clear.empty:
        return (
            f"**No aspect's correlation with {outcome} is clear at any touchpoint** after adjustment for many tests, "
            "which is not the same as nothing there."
        )
    if len(clear) > MOST_NAMED:
        top = clear.loc[clear["estimate"].abs().idxmax()]
        return (
            f"**{len(clear)} of {tried} pairs of aspect and touchpoint are clear** after adjustment for many tests; "
            f"the strongest is {top['aspect']} at {top['touchpoint']}, {signed(top['estimate'])} "
            f"({signed(top['conf_low'])} to {signed(top['conf_high'])}).{rest}"
        )
    where = [
        f"{name} ({in_words([f'{r.aspect} {signed(r.estimate)}' for r in rows.itertuples()])})"
        for name, rows in clear.groupby("touchpoint", sort=False)
    ]
    return f"**Clear, after adjustment for many tests: {'; '.join(where)}.**{rest}"


def behind(pairs: pd.DataFrame, people: str, by: str = "outcome") -> str:
    """Return how many answers and people stand behind the cells of a figure, column by column; ``""`` if none."""
    known = pairs[pairs["estimate"].notna()]
    if known.empty:
        return ""
    said = [
        f"{name} {_span(rows['n'])} answers of {_span(rows['n_units'])} {people}"
        for name, rows in known.groupby(by, sort=False, observed=True)
    ]
    return f"Behind each cell: {'; '.join(said)}."


def _span(counts: pd.Series) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def slopes_sentence(within: pd.DataFrame, outcome: str, people: str) -> str:
    """Return what the slopes of one outcome say, alone and in one model, with what was too small to be seen.

    Parameters
    ----------
    within : DataFrame
        `judged_together`.
    """
    up, down = (strongest(within, outcome, verdict) for verdict in ("higher", "lower"))
    part = within[within["outcome"] == outcome]
    seen = (
        f"The typical slope this data could have detected is {detectable(within, outcome):.2f} points if it were the "
        "only one tried; after adjustment for many tests it must be larger."
    )
    tests = f"Tried: {len(part)} aspects for {outcome}, {int(within['p_adjusted'].notna().sum())} slopes in all."
    rest = " ".join(filter(None, [_borrowed_words(part), tests, seen]))
    if up.empty and down.empty:
        return f"**No aspect clearly moves with customers' {outcome} within the same {people}.** {rest}"
    said = [_when_better(rows, outcome, people) for rows in (up, down) if len(rows)]
    against = f" Against what one would expect: {in_words(list(down['aspect']))}." if len(down) else ""
    return f"{' '.join(said)}{against} {rest}"


def borrowed(within: pd.DataFrame) -> pd.DataFrame:
    """Return the slopes that are clear alone, and not as soon as all aspects stand in one model."""
    return within[within["alone_verdict"].isin(["higher", "lower"]) & ~within["clear"]]


def matters_sentence(within: pd.DataFrame, smallest_share: float) -> str:
    """Return what was set as the smallest slope that matters, in points and in customers."""
    rows = within.drop_duplicates("outcome")
    small = in_words([f"{r.smallest:.3g} points of {r.outcome}" for r in rows.itertuples()])
    said = f"A slope matters here from {smallest_share:.2%} of a KPI's scale per point of the aspect: {small}."
    first = rows.iloc[0]
    if first["smallest"] > HALF_A_POINT:
        return said
    return (
        f"{said} For {first['outcome']} that is as if one customer in {1 / first['smallest']:.0f} answered a point "
        "higher."
    )


def _borrowed_words(within: pd.DataFrame) -> str:
    rows = borrowed(within)
    if rows.empty:
        return ""
    names = in_words([f"{r.aspect} on {r.outcome}" for r in rows.itertuples()])
    return f"Clear alone and not beside the other aspects, from which it may borrow, and so inconclusive: {names}."


def _when_better(rows: pd.DataFrame, outcome: str, people: str) -> str:
    """Return what goes with a point more of the first of ``rows``, and the names and slopes of the others."""
    first = rows.iloc[0]
    others = [f"{row.aspect} ({signed(row.estimate)}{_beside(row.joint)})" for row in rows.iloc[1:].itertuples()]
    more = f" Then {', '.join(others)}." if others else ""
    joint = (
        f"; {signed(first['joint'])} ({signed(first['joint_low'])} to {signed(first['joint_high'])}) beside all other "
        "aspects"
        if np.isfinite(first["joint"])
        else "; the aspects cannot be taken together"
    )
    return (
        f"**When {first['aspect']} is a point better than usual, customers' {outcome} is "
        f"{abs(first['estimate']):.2f} points {first['verdict']}** (95 % interval {signed(first['conf_low'])} to "
        f"{signed(first['conf_high'])}{joint}; {first['n']:,} answers, {first['n_units']:,} {people}).{more}"
    )


def _beside(joint: float) -> str:
    return f", beside the others {signed(joint)}" if np.isfinite(joint) else ""


def slopes_notes(within: pd.DataFrame, smallest_share: float) -> list[str]:
    """Return what the verdicts on slopes rest on."""
    seen = ", ".join(f"{y} {detectable(within, y):.2f}" for y in dict.fromkeys(within["outcome"]))
    small = ", ".join(f"{r.outcome} {r.smallest:.3g}" for r in within.drop_duplicates("outcome").itertuples())
    return [
        f"Slopes this study would have found in four of five tries, in points, before adjustment for many tests: "
        f"{seen}.",
        f"No meaningful association: the whole interval is closer to zero than {smallest_share:.2%} of the KPI's scale "
        f"({small}).",
        "The verdict is what the slope alone and the one beside all other aspects agree on, each adjusted for many "
        "tests, and inconclusive where they do not; where aspects cannot be taken together, it is that of the slope "
        "alone.",
        *filter(None, [_borrowed_words(within)]),
    ]


def clear_words(within: pd.DataFrame) -> str:
    """Return the clear slopes in words, for those who listen to the page."""
    up = within[within["clear"]]
    if up.empty:
        return "None is clear of zero both alone and beside the other aspects."
    said = "; ".join(f"{r.aspect} on {r.outcome} {signed(r.estimate)}{_beside(r.joint)}" for r in up.itertuples())
    return f"Clear both alone and beside the other aspects: {said}."


def readings_sentence(both: pd.DataFrame, outcome: str, people: str) -> str:
    """Return which aspects show only between, which within."""
    part = both[both["outcome"] == outcome]
    groups = {reading: list(rows["aspect"]) for reading, rows in part.groupby("reading", sort=True)}
    said = []
    if inside := groups.get("moves with customers' answers"):
        said.append(f"Within the same {people}, customers' {outcome} moves with **{in_words(inside)}**.")
    if against := groups.get("moves against customers' answers"):
        said.append(
            f"Within the same {people}, customers' {outcome} moves *against* **{in_words(against)}**: it is lower "
            "when the aspect is better than usual."
        )
    for reading, goes, customers in (
        ("only between", "go with", "happier"), ("only between, against", "go against", "less happy"),
    ):  # fmt: skip
        if only := groups.get(reading):
            said.append(
                f"Only between {people} does it {goes} **{in_words(only)}**: those who rate it higher have {customers} "
                "customers, but when it changes for somebody, nothing that matters changes for the customers."
            )
    if unclear := groups.get(UNCLEAR_BETWEEN):
        said.append(f"Within, nothing that matters moves with {in_words(unclear)}; between, that is inconclusive.")
    if nothing := groups.get(NOTHING):
        said.append(f"Neither within nor between does anything that matters go with {in_words(nothing)}.")
    if left := [a for r, names in groups.items() if r.endswith("unclear within") or r == "inconclusive" for a in names]:
        said.append(f"Inconclusive within: {in_words(left)}.")
    return " ".join(said) or f"What goes with {outcome} is not assessed."


def strongest(within: pd.DataFrame, outcome: str, verdict: str = "higher") -> pd.DataFrame:
    """Return the slopes of one outcome that are clearly 'higher' or 'lower' than zero, the farthest from it first."""
    chosen = within[(within["outcome"] == outcome) & (within["verdict"] == verdict)]
    up = verdict != "higher"
    return chosen.sort_values(["estimate", "aspect"], ascending=[up, True], kind="stable", ignore_index=True)


def detectable(within: pd.DataFrame, outcome: str) -> float:
    """Return the slope that the typical aspect's error would have detected with 80 % power; NaN if none."""
    values = within.loc[within["outcome"] == outcome, "mde"].to_numpy(dtype=float)
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
