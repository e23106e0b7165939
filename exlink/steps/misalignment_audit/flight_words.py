"""Step 06: the sign of the flight risk as a verdict, and in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.stats.calibration import GAIN, RATIO, SLOPE
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH, judge
from exlink.stats.power import minimum_detectable
from exlink.steps.misalignment_audit.check import SIGNS, Check, not_assessable
from exlink.steps.misalignment_audit.flight import SIGN, Flight

NAME = "Top performers become the flight risk"


def flight_check(found: Flight | str, matters: float) -> Check:
    """Return the verdict of the sign.

    Parameters
    ----------
    matters : float
        Times the odds of leaving per open escalation in 100 contacts, from which on it would matter; above 1.

    Returns
    -------
    Check. It fails where the odds of top performers clearly rise with open escalations, passes where a rise that
    matters is excluded and work off the systems adds none that is clear, and is watched where such a rise is estimated
    but not clear, or work off the systems clearly adds one.
    """
    if isinstance(found, str):
        return not_assessable(SIGNS, NAME, found)
    rows = found.table.set_index("term")
    row = rows.loc[SIGN]
    verdict = judge(row["estimate"], row["conf_low"], row["conf_high"], harmless=1.0, matters=matters)
    beside = rows.loc["off_system_top"] if "off_system_top" in rows.index else None
    worn = beside is not None and beside["estimate"] > 1 and beside["p_adjusted"] < 0.05
    if worn and verdict in (PASS, OPEN):
        verdict = WATCH
    seen = float(np.exp(minimum_detectable(row["std_error"])))
    numbers = {"estimate": row["estimate"], "conf_low": row["conf_low"], "conf_high": row["conf_high"],
               "harmless": 1.0, "matters": matters, "detectable": seen}  # fmt: skip
    lead = _lead(verdict, judge(row["estimate"], row["conf_low"], row["conf_high"], harmless=1.0, matters=matters),
                 row["conf_low"] > 1)  # fmt: skip
    said = (
        f"{lead}: {row['estimate']:.2f} times per escalation in 100 contacts that is still open "
        f"(95% interval {row['conf_low']:.2f} to {row['conf_high']:.2f}; from {matters:g} on it would matter)"
    )
    if verdict in (OPEN, WATCH):
        said += f". About {seen:.2f} times would have been seen in four studies of five"
    said += (
        f"; {found.top_exits} exits among {found.top_people} top performers, {len(found.rows):,} person-quarters of "
        f"{found.people} people in all."
    )
    if worn:
        said += f" Each hour a day off the systems goes with {beside['estimate']:.1f} times the odds."
    times = f"{row['estimate']:.1f} times the odds of leaving ({row['conf_low']:.1f} to {row['conf_high']:.1f})"
    brief = f"For top performers each case left open in 100 contacts goes with {times} in the next quarter."
    return Check(SIGNS, NAME, verdict, said, found.table, {k: float(v) for k, v in numbers.items()}, brief)


def _lead(verdict: str, of_cases: str, rises: bool) -> str:
    """Return what is found, in words; ``of_cases`` is the verdict on open escalations alone."""
    if of_cases == PASS:
        cases = (
            "Top performers leave a little more readily over escalations left open" if rises
            else "Top performers do not leave over escalations left open, as far as would matter"
        )  # fmt: skip
    else:
        cases = {
            FAIL: "The odds that a top performer leaves in the next quarter rise with escalations left open",
            WATCH: "Top performers may leave over escalations left open, which is not certain",
            OPEN: "Whether top performers leave over escalations left open cannot be told from so few exits",
        }[of_cases]
    if verdict == of_cases:
        return cases
    return f"Top performers leave more readily the longer they work off the systems. {cases}"


def others_sentence(found: Flight | str) -> str:
    """Say how others react to the same, and whether satisfaction with work accounts for it."""
    if isinstance(found, str):
        return ""
    rows = found.table.set_index("term")
    parts = [
        _beside(rows, "unresolved_other", "For others, each open escalation in 100 contacts goes with"),
        _beside(rows, "off_system_top", "Each hour a day off the systems goes, for top performers, with"),
    ]
    if found.settled is not None:
        row = found.settled.set_index("term").loc[SIGN]
        low, mid, high = np.exp(row[["conf_low", "estimate", "conf_high"]].to_numpy(dtype=float))
        parts.append(
            f"At equal satisfaction with work it is {mid:.2f} times for top performers ({low:.2f} to {high:.2f}), "
            "among those who answered the survey before: satisfaction may itself be worn down by open cases, "
            "so this is no better estimate, but another."
        )
    parts.append(f"{found.missing}." if found.missing else "")
    return " ".join(part for part in parts if part)


def _beside(rows: pd.DataFrame, term: str, lead: str) -> str:
    if term not in rows.index:
        return ""
    row = rows.loc[term]
    return f"{lead} {row['estimate']:.2f} times the odds ({row['conf_low']:.2f} to {row['conf_high']:.2f})."


def calibration_sentence(table: pd.DataFrame | str) -> str:
    """Say whether later quarters were as predicted."""
    if isinstance(table, str):
        return table[0].upper() + table[1:] + "."
    rows = table.set_index("term")
    gain, ratio, slope = (rows.loc[t] for t in (GAIN, RATIO, SLOPE))
    better = "better" if gain["conf_low"] > 0 else "worse" if gain["conf_high"] < 0 else "not clearly better"
    spread = (
        "too far apart" if slope["conf_high"] < 1 else "not far enough apart" if slope["conf_low"] > 1
        else "no farther apart than they should be, as far as can be told"
    )  # fmt: skip
    return (
        f"Fitted to {rows['quarters'].iloc[0]} quarters, the model predicts the rest {better} than one rate for "
        f"everybody (Brier score {gain['estimate']:+.1f}%, {gain['conf_low']:+.1f} to {gain['conf_high']:+.1f}). "
        f"{ratio['estimate']:.2f} exits came for each one predicted ({ratio['conf_low']:.2f} to "
        f"{ratio['conf_high']:.2f}), and predictions were {spread} (slope {slope['estimate']:.2f}, "
        f"{slope['conf_low']:.2f} to {slope['conf_high']:.2f}; 1 is right)."
    )


def groups_sentence(teams: pd.DataFrame, bands: pd.DataFrame, min_group: int) -> str:
    """Say how far groups differ in predicted risk; of released tables, so that nothing hidden is spoken of."""
    shown, known = teams[teams["n_people"] >= min_group], bands[bands["n_people"] >= min_group]
    parts = []
    if len(shown) > 1:
        low, high = shown["estimate"].min(), shown["estimate"].max()
        parts.append(
            f"Of {len(shown)} teams with at least {min_group} people the predicted share that leaves within a quarter "
            f"runs from {low:.1f}% to {high:.1f}%."
        )
    if len(known) > 1:
        ends = known.sort_values("estimate", kind="stable")
        parts.append(f"By years of service it is highest with {ends['group'].iloc[-1]} and lowest with "
                     f"{ends['group'].iloc[0]}.")  # fmt: skip
    return " ".join(parts) or f"No two groups have at least {min_group} people."
