"""Step 06: burning out and leaving as a verdict, and in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.wording import at_least, in_words
from exlink.data.work_states import ENGAGED, OUT, SILENT, STATES, STRAINED
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH, judge
from exlink.stats.power import minimum_detectable, p_in_words
from exlink.steps.misalignment_audit.check import BEHIND, Check, not_assessable
from exlink.steps.misalignment_audit.states import BEFORE, TIME, Wearing

NAME = "Burning out and leaving"
HUNDRED = 100.0


def states_check(found: Wearing | str, *, matters: float, min_group: int) -> Check:
    """Return the verdict on the odds of leaving of those who are strained or checked out.

    ``matters`` is times the odds of the engaged, from which on it would matter; above 1.
    """
    if isinstance(found, str):
        return not_assessable(BEHIND, NAME, found)
    odds = found.odds
    verdict = judge(odds["estimate"], odds["conf_low"], odds["conf_high"], harmless=1.0, matters=matters)
    lead = {
        FAIL: "People leave after they have become strained or checked out",
        WATCH: "People may leave more readily once they are strained or checked out, which is not certain",
        PASS: "People leave a little more readily once they are strained or checked out"
              if odds["conf_low"] > 1 else
              "Being strained or checked out does not go before leaving, as far as would matter",
        OPEN: "Whether being strained or checked out goes before leaving cannot be told from so few exits",
    }[verdict]  # fmt: skip
    seen = float(np.exp(minimum_detectable(odds["log_error"])))
    said = (
        f"{lead}: their odds of leaving of their own accord within a quarter are {odds['estimate']:.1f} times those of "
        f"the engaged (95% interval {odds['conf_low']:.1f} to {odds['conf_high']:.1f}; from {matters:g} on it matters)"
    )
    if verdict in (OPEN, WATCH):
        said += f". About {seen:.1f} times would have been seen in four studies of five"
    said += f"; {at_least(found.exits_n, min_group)} exits, {found.people} people, {found.quarters} quarters."
    if verdict in (FAIL, WATCH):
        said += " In healthy companies, too, the dissatisfied leave sooner: no area rests on this verdict."
    numbers = {"estimate": odds["estimate"], "conf_low": odds["conf_low"], "conf_high": odds["conf_high"],
               "harmless": 1.0, "matters": matters, "detectable": seen}  # fmt: skip
    brief = (
        f"The odds of leaving within a quarter of those strained or checked out are {odds['estimate']:.1f} times those "
        f"of the engaged ({odds['conf_low']:.1f} to {odds['conf_high']:.1f})."
    )
    return Check(BEHIND, NAME, verdict, said, found.exits, {k: float(v) for k, v in numbers.items()}, brief)


def definition_sentence(*, engaged_from: float, easy_from: float, out_below: float) -> str:
    """Say when somebody counts as what."""
    return (
        f"*Checked out*: satisfaction with work below {out_below:g}% of the scale. *Strained*: else below "
        f"{engaged_from:g}%, or ease of work below {easy_from:g}%. *Engaged*: neither. *Silent*: asked, and nothing "
        "said under one's own name for a quarter."
    )


def moves_sentence(found: Wearing | str, shown: pd.DataFrame) -> str:
    """Say how many stay as they are, and how people come down and back; ``shown`` are the moves that may be shown."""
    if isinstance(found, str):
        return ""
    cells = shown.dropna(subset=["estimate"]).set_index(["now", "then"])
    parts = []
    for now, then, words in (
        (ENGAGED, ENGAGED, "of the engaged are so a quarter later"),
        (STRAINED, OUT, "of the strained are checked out"),
        (STRAINED, ENGAGED, "of the strained are engaged again"),
        (OUT, OUT, "of the checked out still are"),
        (SILENT, SILENT, "of the silent stay silent"),
    ):
        if (now, then) in cells.index:
            row = cells.loc[(now, then)]
            parts.append(f"{row['estimate']:.0f}% ({row['conf_low']:.0f}% to {row['conf_high']:.0f}%) {words}")
    if not parts:
        return ""
    return f"Of those still there a quarter later, {in_words(parts)}; {found.moves:,} moves."


def trust_sentence(found: Wearing | str, min_group: int) -> str:
    """Say whether the matrix may be multiplied: whether the state now is all that matters, at all times."""
    if isinstance(found, str) or found.tests.empty:
        return ""
    tests = found.tests.set_index("what")
    said = []
    if BEFORE in tests.index:
        p = tests.loc[BEFORE, "p_adjusted"]
        if p < 0.05:
            said.append(
                f"The state before still matters when the present one is known (p {p_in_words(p)}), so the figure may "
                "not be multiplied into a forecast: people return to a level of their own, and a state told from a few "
                "answers is in part luck"
            )
        else:
            said.append(f"That the state before matters besides the present one is not clear (p {p_in_words(p)})")
    if TIME in tests.index:
        p = tests.loc[TIME, "p_adjusted"]
        same = "differ between quarters" if p < 0.05 else "do not clearly differ between quarters"
        said.append(f"The rates {same} (p {p_in_words(p)})")
    out = ". ".join(said) + "."
    back = found.back.set_index("before")
    if {ENGAGED, OUT} <= set(back.index) and (back[["n_people", "n_others"]] >= min_group).all(axis=None):
        was, low = back.loc[ENGAGED], back.loc[OUT]
        out += (
            f" Of the strained, {was['estimate']:.0%} are engaged a quarter later if they were so before, and "
            f"{low['estimate']:.0%} if they had been checked out."
        )
    return out


def now_sentence(found: Wearing | str, min_group: int) -> str:
    """Say how people are spread over the states, unless few are in one of them."""
    if isinstance(found, str) or (found.now < min_group).any():
        return ""
    return (
        "When the last quarter began, "
        + in_words([f"{found.now[s] / found.now.sum():.0%} were {s}" for s in STATES])
        + "."
    )


def planted_sentence(found: Wearing | str) -> str:
    """Say, of simulated data, by how much the odds of leaving differ as planted."""
    if isinstance(found, str) or not np.isfinite(found.planted):
        return ""
    inside = found.odds["conf_low"] <= found.planted <= found.odds["conf_high"]
    return (
        "In these simulated data the odds of leaving rise as satisfaction falls; at the distance between the two "
        f"groups that makes {found.planted:.1f} times, and the interval {'holds' if inside else 'misses'} it."
    )


def shown_moves(found: Wearing | str) -> pd.DataFrame:
    """Return the rates in per cent, in the order of the states, ready to be released."""
    columns = ["now", "then", "estimate", "conf_low", "conf_high", "n_units", "n_others"]
    if isinstance(found, str):
        return pd.DataFrame(columns=columns)
    rows = found.rates.rename(columns={"state": "now"})
    place = {state: at for at, state in enumerate(STATES)}
    rows = rows.sort_values(["now", "then"], key=lambda c: c.map(place), ignore_index=True)
    for name in ("estimate", "conf_low", "conf_high"):
        rows[name] = HUNDRED * rows[name]
    return rows[columns]


def shown_exits(found: Wearing | str) -> pd.DataFrame:
    """Return the shares that leave in per cent, ready to be released."""
    columns = ["state", "estimate", "conf_low", "conf_high", "n_people", "n_stayed"]
    if isinstance(found, str):
        return pd.DataFrame(columns=columns)
    rows = found.exits.copy()
    for name in ("estimate", "conf_low", "conf_high"):
        rows[name] = HUNDRED * rows[name]
    return rows[columns]
