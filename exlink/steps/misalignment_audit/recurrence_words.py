"""Step 06: problems that come back with nothing done about them, as a verdict and in sentences."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import in_words
from exlink.stats.tidy import t_quantile
from exlink.steps.misalignment_audit.check import BEHIND, Check, judged_share, not_assessable, share_numbers, told_share
from exlink.steps.misalignment_audit.recurrence import Recurrence

NAME = "The same problems come back"
LONG = 4  # quarters in a row, a year, that nothing was done
POWER = 0.8  # with which a change would have been found


def recurrence_check(found: Recurrence | str, *, harmless: float, matters: float, min_group: int) -> Check:
    """Return the verdict on the share of feedback that repeats what was left as it was; bounds are shares, 0 to 1.

    Somebody who speaks up once a quarter has said again what was left as it was within a year with a chance of two in
    three where it is a quarter of the feedback (1 − 0.75⁴), and of one in three where it is a tenth.
    """
    if isinstance(found, str):
        return not_assessable(BEHIND, NAME, found)
    share, themes = found.share, found.themes
    amount, interval, band = told_share(share, min_group)
    verdict, qualified = judged_share(share, harmless=harmless, matters=matters)
    lead = f"of the feedback repeats what hardly anything was done about one quarter before{qualified}"
    said = (
        f"{amount} {lead} ({interval}; up to {harmless:.0%} counts as harmless, from {matters:.0%} on it "
        f"matters); {int(share['n']):,} pieces of feedback, {len(themes)} themes."
    )
    long = themes["longest"] >= LONG
    if long.any():
        still = int((long & themes["still"]).sum())
        said += (
            f" {_themes(int(long.sum()))} left as {'it was' if long.sum() == 1 else 'they were'} for a year or longer, "
            f"up to {themes['longest'].max()} quarters in a row; "
            f"{still or 'none'} still {'is' if still < 2 else 'are'}."
        )
    numbers = share_numbers(share, min_group, harmless=harmless, matters=matters, longest=themes["longest"].max())
    brief = f"{amount} of the feedback repeats what hardly anything was done about a quarter before ({band})."
    return Check(BEHIND, NAME, verdict, said, themes, numbers, brief)


def trust_sentence(table: pd.DataFrame | str) -> str:
    """Say whether trust changes with repeats, and what these few quarters could have shown."""
    if isinstance(table, str):
        return table[0].upper() + table[1:] + "."
    clear = table[table["verdict"].isin(["higher", "lower"])]
    could = float(((t_quantile(0.975, table["n"] - 2) + t_quantile(POWER, table["n"] - 2)) * table["std_error"]).max())
    rest = (
        f"The {int(table['n'].min())} changes from quarter to quarter could only have shown one of about {could:.0f} "
        "points of 100 per ten points more of repeats, and what is not clear is not absent."
    )
    if clear.empty:
        alone = table.loc[(table["conf_low"] > 0) | (table["conf_high"] < 0), "label"]
        luck = f" {in_words(list(alone))} stands out alone, but not among {len(table)} measures." if len(alone) else ""
        return f"Whether trust changes with repeats cannot be told (inconclusive).{luck} {rest}"
    said = in_words([f"{row.label} is clearly {row.verdict}" for row in clear.itertuples()])
    return f"In quarters after more repeats, {said}. {rest}"


def planted_sentence(data: StudyData, found: Recurrence | str) -> str:
    """Say, of simulated data, whether the themes that were planted to come back are those found on top."""
    planted = set((data.truth or {}).get("themes", {}).get("recurring", []))
    if isinstance(found, str) or not planted:
        return ""
    top = found.themes[found.themes["longest"] > 0].head(len(planted))
    return (
        f"In these simulated data {_themes(len(planted), verb='comes back', verbs='come back')} with nothing done; "
        f"{len(planted & set(top['theme']))} of them are among the {len(planted)} with the longest runs."
    )


def _themes(n: int, verb: str = "was", verbs: str = "were") -> str:
    return f"{n} theme {verb}" if n == 1 else f"{n} themes {verbs}"
