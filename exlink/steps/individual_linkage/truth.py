"""Step 03: planted against found, aspect by aspect, in simulated data; real data have no such table."""

from __future__ import annotations

import pandas as pd

from exlink.data.planted import WORDS, recovery

KINDS = tuple(WORDS)


def planted_and_found(within: pd.DataFrame, between: pd.DataFrame, outcome: str) -> pd.DataFrame | None:
    """Return what was planted for one outcome beside what was found, within and between; None for real data.

    Parameters
    ----------
    within : DataFrame
        `judged_together`: slopes of aspects one at a time, and of all in one model.

    Returns
    -------
    DataFrame: aspect, what (what the aspect was made to do), planted, estimate, conf_low, conf_high, held ('yes' when
    the interval holds the planted value), the same of the model with all aspects (planted_joint, joint, joint_low,
    joint_high, held_joint), verdict (of both), the same between (planted_between, between, between_low, between_high,
    held_between), n_units; aspects that act come first.
    """
    columns = {"estimate": "between", "conf_low": "between_low", "conf_high": "between_high",
               "planted": "planted_between"}  # fmt: skip
    other = between.rename(columns=columns)[["term", "outcome", *columns.values()]]
    both = within.merge(other, on=["term", "outcome"], how="left", validate="one_to_one")
    known = both[(both["outcome"] == outcome) & both["planted"].notna() & both["estimate"].notna()]
    if known.empty:
        return None
    place = known["planted_kind"].map({kind: k for k, kind in enumerate(KINDS)})
    known = known.assign(
        what=known["planted_kind"].map(WORDS), place=place,
        held=_held(known, "planted", "conf_low", "conf_high"),
        held_joint=_held(known, "planted_joint", "joint_low", "joint_high"),
        held_between=_held(known, "planted_between", "between_low", "between_high"),
    ).sort_values(["place", "planted", "aspect"], ascending=[True, False, True], ignore_index=True)  # fmt: skip
    return known[["aspect", "what", "planted", "estimate", "conf_low", "conf_high", "held", "planted_joint", "joint",
                  "joint_low", "joint_high", "held_joint", "verdict", "planted_between", "between", "between_low",
                  "between_high", "held_between", "n_units"]]  # fmt: skip


def truth_sentence(found: pd.DataFrame | None, outcome: str) -> str:
    """Return how many planted values the intervals hold, and whether what does nothing was left alone."""
    if found is None:
        return "not assessed: real data, in which nothing is planted"
    acts = found["what"] == WORDS["within"]
    called = found["verdict"].isin(["higher", "lower"])
    held = {column: int((found[column] == "yes").sum()) for column in ("held", "held_joint")}
    if not acts.any():
        return (
            f"Nothing acts on {outcome} in these simulated data. {int(called.sum())} of the {len(found)} aspects are "
            f"called clear; the interval within the same people holds the planted slope for **{held['held']}** taken "
            f"one at a time and for **{held['held_joint']}** with all in one model."
        )
    return (
        f"Of {len(found)} aspects, the interval within the same people holds the planted slope on {outcome} for "
        f"**{held['held']}** taken one at a time and for **{held['held_joint']}** with all in one model. "
        f"{int((called & acts).sum())} of the {int(acts.sum())} that act on it are called clear, and "
        f"{int((called & ~acts).sum())} of the {int((~acts).sum())} that do not."
    )


def recovered(within: pd.DataFrame, joint: pd.DataFrame) -> pd.DataFrame | None:
    """Return, over all KPIs and per kind of planted aspect, what was found; None for real data.

    Parameters
    ----------
    within, joint : DataFrame
        `judged_together`, and `slopes` of kind 'joint'.

    Returns
    -------
    DataFrame: planted (words), pairs, covered and clear (one aspect at a time), covered_joint and clear_joint (all in
    one model), clear_both, n_units.
    """
    alone = recovery(within.assign(clear=within["alone_verdict"].isin(["higher", "lower"])))
    beside, both = recovery(joint), recovery(within)
    if alone is None or beside is None or both is None:
        return None
    beside = beside[["planted", "covered", "clear"]]
    both = both[["planted", "clear"]].rename(columns={"clear": "clear_both"})
    return alone.merge(beside, on="planted", suffixes=("", "_joint")).merge(both, on="planted")


def _held(frame: pd.DataFrame, planted: str, low: str, high: str) -> pd.Series:
    inside = (frame[low] <= frame[planted]) & (frame[planted] <= frame[high])
    return inside.map({True: "yes", False: "no"})
