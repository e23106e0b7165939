"""Step 06: is feedback given to people who cannot act on it (M44)? Themes by whether their owner can act.

Who owns a piece of feedback is often recorded only once somebody took it up, so that single pieces with an owner are
acted on more often than those without. A theme is therefore classed as a whole, and all of its pieces count.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.voice import voice_authority
from exlink.stats.proportions import group_shares
from exlink.stats.share_gap import share_gap
from exlink.steps.misalignment_audit.echo import Echo

CAN, CANNOT, UNKNOWN = "owner can act", "owner cannot act", "not recorded"
MIN_THEMES = 3  # a share that varies between themes needs some
MIN_SIDE = 2  # themes of either kind, for the two to be compared


@dataclass(frozen=True, slots=True, eq=False)
class Authority:
    """Who may act on feedback.

    share : Series        estimate, conf_low, conf_high, n: of the feedback whose owner is known, that on themes whose
                          owner cannot act, in proportion to the pieces of a theme; theme × quarter is a cluster
    themes : DataFrame    those of the echo with ``authority`` ('owner can act', 'owner cannot act', 'not recorded')
    rates : DataFrame     authority, estimate, conf_low, conf_high (share acted on), n_people (pieces), n_themes,
                          n_acted, n_left
    gap : dict or None    share acted on where the owner can act, less where not: estimate, conf_low, conf_high
    unknown : float       share of all pieces on themes of which nothing is recorded
    """

    share: pd.Series
    themes: pd.DataFrame
    rates: pd.DataFrame
    gap: dict[str, float] | None
    unknown: float


def assess_authority(data: StudyData, found: Echo | str) -> Authority | str:
    """Return how much feedback its owner cannot act on, or why that cannot be assessed."""
    if isinstance(found, str):
        return found
    if missing := data.missing("voc_feedback.owner_can_act"):
        return missing
    themes = found.themes.merge(voice_authority(data), on=["source", "theme"], how="left", validate="one_to_one")
    known = themes[themes["known"] > 0]
    few = data.study.privacy.min_group
    if len(known) < MIN_THEMES or known["known"].sum() < few:
        return (
            f"not assessed: whether the owner can act is recorded for {len(known)} themes; it takes {MIN_THEMES}, and "
            f"{few} pieces of feedback"
        )
    share = _share(found.cells, known)
    kind = (themes["cannot"] > themes["known"] / 2).map({True: CANNOT, False: CAN}).where(themes["known"] > 0, UNKNOWN)
    themes = themes.assign(authority=kind)
    rates, gap = _rates(themes)
    unknown = float(themes.loc[kind == UNKNOWN, "received"].sum() / themes["received"].sum())
    return Authority(share, themes, rates, gap, unknown)


def _share(cells: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """Return the share of feedback on themes whose owner cannot act.

    The register holds all themes there are, so they are no sample; what another quarter would change is how much comes
    in on each. Pieces of a theme in a quarter are therefore a cluster, as they are for what was acted on.
    """
    rows = cells.merge(known[["source", "theme", "known", "cannot"]], on=["source", "theme"], validate="many_to_one")
    rows = rows.assign(all=0, part=rows["received"] * rows["cannot"] / rows["known"])
    return group_shares(rows, "part", "received", ["all"], cluster="batch").iloc[0]


def _rates(themes: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float] | None]:
    """Return the share acted on by whether the owner can act, and the difference, with themes as clusters."""
    classed = themes[themes["authority"] != UNKNOWN]
    classed = classed.assign(key=classed["source"] + "|" + classed["theme"])
    rows = group_shares(classed, "n_acted", "n_people", ["authority"], cluster="key")
    rows = rows[["authority", "estimate", "conf_low", "conf_high", "n_clusters"]].rename(
        columns={"n_clusters": "n_themes"}
    )
    rows = rows.merge(
        classed.groupby("authority")[["n_people", "n_acted", "n_left"]].sum().reset_index(), on="authority"
    )
    if len(rows) < 2 or (rows["n_themes"] < MIN_SIDE).any():
        return rows, None
    by = rows.set_index("authority")
    return rows, share_gap(by.loc[CAN], by.loc[CANNOT])
