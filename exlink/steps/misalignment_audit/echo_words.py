"""Step 06: the sign of feedback without change as a verdict, and in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.wording import share_in_words
from exlink.stats.interrupted import MIN_AROUND, MIN_OTHERS
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH, judge
from exlink.steps.misalignment_audit.check import SIGNS, Check, not_assessable, share_numbers, told_share
from exlink.steps.misalignment_audit.echo import Echo, told_by_few
from exlink.steps.misalignment_audit.echo_after import After

NAME = "Feedback leads to no change"


def echo_check(found: Echo | str, *, harmless: float, matters: float, act_days: int, min_group: int) -> Check:
    """Return the verdict of the sign, on the share of feedback that nothing was done about.

    Parameters
    ----------
    harmless, matters : shares, 0 to 1, up to which it is harmless and from which on it matters.
    act_days : days within which something was to be done.
    """
    if isinstance(found, str):
        return not_assessable(SIGNS, NAME, found)
    rows = found.shares.set_index("what")
    left = rows.loc["no action"]
    verdict = judge(left["estimate"], left["conf_low"], left["conf_high"], harmless=harmless, matters=matters)
    share, interval, band = told_share(left, min_group)
    lead = {
        FAIL: f"Nothing was done within {act_days} days about {share} of the feedback",
        WATCH: f"Nothing may have been done about too much of the feedback: {share} within {act_days} days",
        PASS: f"Most feedback is acted on; nothing was done within {act_days} days about {share} of it",
        OPEN: f"How much feedback is acted on cannot be told closely enough; nothing was done about {share} of it",
    }[verdict]
    said = (
        f"{lead} ({interval}; up to {harmless:.0%} counts as "
        f"harmless, from {matters:.0%} on it matters); {found.due:,} pieces of feedback old enough, in "
        f"{len(found.themes)} themes."
    )
    never = found.themes[(found.themes["n_acted"] == 0) & (found.themes["n_people"] >= min_group)]
    if len(never):
        themes = "1 theme that is" if len(never) == 1 else f"{len(never)} themes that are"
        said += f" Nothing at all was done about {themes} {never['n_people'].sum() / found.due:.0%} of it."
    numbers = share_numbers(left, min_group, harmless=harmless, matters=matters)
    brief = f"Nothing was done within {act_days} days about {share} of what customers and employees said ({band})."
    return Check(SIGNS, NAME, verdict, said, found.themes, numbers, brief)


def told_sentence(found: Echo | str, min_group: int) -> str:
    """Say how much of what was acted on was told back."""
    if isinstance(found, str):
        return ""
    rows = found.shares[found.shares["what"].str.startswith("told back")]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    share, _, band = told_share(row, min_group)
    told = round(row["estimate"] * row["n"])
    circle = share_in_words(told, found.due - told, min_group)
    return (
        f"Of what was acted on, {share} was told back to those who had said it ({band}): of all feedback, {circle} "
        "came full circle."
    )


def trend_sentence(found: Echo | str, min_group: int) -> str:
    """Say whether themes fade that were acted on, against themes that were not, and what came after an action."""
    if isinstance(found, str):
        return ""
    parts = []
    if found.apart is not None:
        low, mid, high = (100 * np.expm1(found.apart[c]) for c in ("conf_low", "estimate", "conf_high"))
        clear = "which is clear" if high < 0 or low > 0 else "which chance can explain"
        parts.append(
            f"The volume of a theme that is always acted on changes by {mid:+.0f}% a quarter against one that never is "
            f"({low:+.0f} to {high:+.0f}; {int(found.apart['n'])} themes, {found.quarters} quarters), {clear}. Themes "
            "differ in more than this."
        )
    return " ".join([*parts, after_sentence(found.after, min_group)])


def after_sentence(after: After, min_group: int) -> str:
    """Say how much feedback was followed by a change against its own time before, and how large that is on average."""
    if after.themes is None:
        why = "nothing was ever done about any theme"
        if after.compared < MIN_OTHERS:
            why = f"it takes {MIN_OTHERS} themes never acted on to compare with; there are {after.compared}"
        elif after.acted:
            why = (
                f"none of the {after.acted} themes that were acted on has {MIN_AROUND} quarters before its first "
                "action and as many after it"
            )
        return f"How much feedback was followed by a change cannot be told from a trend: {why}."
    fell = int((after.themes["verdict"] == "lower").sum())
    share = share_in_words(after.fell, after.pieces - after.fell, min_group)
    said = (
        f"{share[0].upper()}{share[1:]} of the feedback is on themes of which clearly less came in after the first "
        f"action than their own trend and themes never acted on would have it: {fell} of {len(after.themes)} that can "
        f"be judged (Benjamini–Hochberg), of {after.acted} ever acted on."
    )
    if after.average is not None:
        low, mid, high = (100 * np.expm1(after.average[c]) for c in ("conf_low", "estimate", "conf_high"))
        clear = "clear beyond chance" if high < 0 or low > 0 else "which chance can explain"
        said += f" On average the step is {mid:+.0f}% ({low:+.0f} to {high:+.0f}), {clear}; {len(after.themes)} themes."
    return (
        f"{said} A theme is often acted on when it is at its largest, so part of a fall can be its way back to what is "
        "usual."
    )


def consequence_sentence(table: pd.DataFrame | str, straight: pd.DataFrame | None, min_group: int) -> str:
    """Say how answering went on: no cause is claimed, rivals are for step 07."""
    if isinstance(table, str):
        return table[0].upper() + table[1:] + "."
    rate = table[(table["what"] == "answered when asked") & ~told_by_few(table, min_group)]  # those that are shown
    if len(rate) < 2:
        return "Fewer than two quarters hold both answers and feedback of the quarter before."
    said = (
        f"From {rate['quarter'].iloc[0]} to {rate['quarter'].iloc[-1]} between {rate['estimate'].min():.0f}% and "
        f"{rate['estimate'].max():.0f}% of employees answered when asked; {len(rate)} quarters are too few to tell "
        "what moves that, so it is compared by team and against the load of surveys in step 07."
    )
    if straight is not None and len(straight) == 2:
        first, last = (_share(row, min_group) for _, row in straight.iterrows())
        said += f" Sheets filled in alike from top to bottom: {last} in the last half of the waves, {first} before."
    return said


def _share(row: pd.Series, min_group: int) -> str:
    inside = round(row["estimate"] * row["n"])
    return share_in_words(inside, int(row["n"]) - inside, min_group)
