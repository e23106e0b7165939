"""Ease is modelled twice on the page, as ordered answers and as numbers: on which aspects the two part, and why."""

from __future__ import annotations

import pandas as pd

from exlink.data.wording import in_words
from exlink.steps.mixed_effects.models import MIXED
from exlink.steps.mixed_effects.outcome_rows import EASE


def ease_apart(work: pd.DataFrame, effects: pd.DataFrame) -> dict[str, str]:
    """Return the aspects on which ordered answers and the mixed model part on ease within units, and how, in words.

    Parameters
    ----------
    work, effects : DataFrame
        Of `fit_work` and of `fit_all`. Compared is which aspects are clear, with their sign, after adjustment.
    """
    ordered = work[(work["column"] == EASE) & (work["effect"] == "within")].set_index("aspect")["verdict"]
    mixed = effects[(effects["outcome"] == EASE) & (effects["specification"] == MIXED)]
    mixed = mixed[mixed["effect"] == "within"].set_index("aspect")["verdict"].reindex(ordered.index).dropna()
    ordered = ordered.loc[mixed.index]
    return {
        aspect: f"‘{ordered[aspect]}’ as ordered answers, ‘{mixed[aspect]}’ in the mixed model"
        for aspect in ordered.index
        if ordered[aspect] != mixed[aspect] and {"higher", "lower"} & {ordered[aspect], mixed[aspect]}
    }


def ease_apart_sentence(work: pd.DataFrame, effects: pd.DataFrame) -> str:
    """Return where ordered answers and the mixed model come to different verdicts on ease within units; else ``""``."""
    apart = [f"{aspect} ({how})" for aspect, how in ease_apart(work, effects).items()]
    if not apart:
        return ""
    return (
        f"The ordered answers and the mixed model of what moves customers' answers, further up, part on "
        f"{in_words(apart)}: only the mixed model can tell customers from one another, and p values are adjusted for "
        "different numbers of tests. What only one of them shows is not relied on."
    )
