"""Step 03: planted against found, aspect by aspect, in simulated data; real data have no such table."""

from __future__ import annotations

import pandas as pd

from exlink.data.planted import WORDS

KINDS = tuple(WORDS)


def planted_and_found(within: pd.DataFrame, between: pd.DataFrame, outcome: str) -> pd.DataFrame | None:
    """Return what was planted for one outcome beside what was found, within and between; None for real data.

    Returns
    -------
    DataFrame: aspect, what (what the aspect was made to do), planted, estimate, conf_low, conf_high, held ('yes' when
    the interval holds the planted value), verdict (within), planted_between, between with between_low, between_high,
    held_between, n_units; aspects that act come first.
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
        held_between=_held(known, "planted_between", "between_low", "between_high"),
    ).sort_values(["place", "planted", "aspect"], ascending=[True, False, True], ignore_index=True)  # fmt: skip
    return known[["aspect", "what", "planted", "estimate", "conf_low", "conf_high", "held", "verdict",
                  "planted_between", "between", "between_low", "between_high", "held_between", "n_units"]]  # fmt: skip


def truth_sentence(found: pd.DataFrame | None, outcome: str) -> str:
    """Return how many planted values the intervals hold, and whether what does nothing was left alone."""
    if found is None:
        return "not assessed: real data, in which nothing is planted"
    acts = found["what"] == WORDS["within"]
    called = found["verdict"].isin(["higher", "lower"])
    return (
        f"Of {len(found)} aspects, the interval within the same people holds the planted slope on {outcome} for "
        f"**{int((found['held'] == 'yes').sum())}**. {int((called & acts).sum())} of the {int(acts.sum())} that act on "
        f"it are called clear, and {int((called & ~acts).sum())} of the {int((~acts).sum())} that do not."
    )


def _held(frame: pd.DataFrame, planted: str, low: str, high: str) -> pd.Series:
    inside = (frame[low] <= frame[planted]) & (frame[planted] <= frame[high])
    return inside.map({True: "yes", False: "no"})
