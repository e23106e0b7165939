"""Step 06: feedback without authority as a verdict, and in sentences."""

from __future__ import annotations

from exlink.data.dataset import StudyData
from exlink.data.wording import share_in_words
from exlink.steps.misalignment_audit.authority import CAN, CANNOT, Authority
from exlink.steps.misalignment_audit.check import BEHIND, Check, judged_share, not_assessable, share_numbers, told_share
from exlink.steps.misalignment_audit.echo import told_by_few

NAME = "Feedback goes to those who cannot act"


def authority_check(found: Authority | str, *, harmless: float, matters: float, min_group: int) -> Check:
    """Return the verdict on the share of feedback whose owner cannot act; bounds are shares, 0 to 1.

    Somebody who speaks up once a quarter has met such an owner within a year with a chance of two in three where it is
    a quarter of the feedback (1 − 0.75⁴), which is then what people expect; of one in three where it is a tenth.
    """
    if isinstance(found, str):
        return not_assessable(BEHIND, NAME, found)
    share, themes = found.share, found.themes
    amount, interval, band = told_share(share, min_group)
    verdict, qualified = judged_share(share, harmless=harmless, matters=matters)
    lead = f"is on themes whose owner cannot act on it{qualified}"
    said = (
        f"{amount} of the feedback {lead} ({interval}; up to {harmless:.0%} counts as harmless, from "
        f"{matters:.0%} on it matters); {int(share['n']):,} pieces of feedback, {(themes['known'] > 0).sum()} themes."
    )
    if found.unknown > 0:
        silent = found.unknown * themes["received"].sum()
        part = share_in_words(round(silent), round(themes["received"].sum() - silent), min_group)
        said += f" Of themes with {part} of the feedback it is not recorded whether the owner can act."
    numbers = share_numbers(share, min_group, harmless=harmless, matters=matters)
    brief = f"{amount} of the feedback is on themes whose owner cannot act on it ({band})."
    return Check(BEHIND, NAME, verdict, said, found.themes, numbers, brief)


def rates_sentence(found: Authority | str, act_days: int, min_group: int) -> str:
    """Say how much is acted on where the owner can act, and where not."""
    if isinstance(found, str):
        return ""
    if found.gap is None:
        return "Too few themes have an owner of either kind for the two to be compared."
    rows, gap = found.rates.set_index("authority"), found.gap
    clear = "clear beyond chance" if gap["conf_low"] > 0 or gap["conf_high"] < 0 else "which chance can explain"
    if told_by_few(found.themes, min_group).any():  # a theme that is not shown must not follow from a total
        more = "more" if gap["estimate"] > 0 else "less"
        return f"Feedback is acted on {more} often where the owner can act than where not, {clear}."
    can, cannot = (
        share_in_words(*rows.loc[who, ["n_acted", "n_left"]].astype(int), min_group) for who in (CAN, CANNOT)
    )
    return (
        f"Within {act_days} days {can} of the feedback is acted on where the owner can act and {cannot} where not: "
        f"{100 * gap['estimate']:+.0f} points ({100 * gap['conf_low']:+.0f} to {100 * gap['conf_high']:+.0f}), "
        f"{clear}. Themes differ in more than their owner, so authority alone need not be the reason."
    )


def planted_sentence(data: StudyData, found: Authority | str) -> str:
    """Say, of simulated data, whether the themes are found whose owner was planted as unable to act."""
    planted = set((data.truth or {}).get("themes", {}).get("owner_cannot_act", []))
    if isinstance(found, str) or not planted:
        return ""
    seen = set(found.themes.loc[found.themes["authority"] == CANNOT, "theme"])
    return (
        f"In these simulated data the owners of {len(planted)} themes cannot act; {len(planted & seen)} of them are "
        f"found, and {len(seen - planted)} others."
    )
