"""Step 07: how far feedback comes, in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import share_in_words
from exlink.stats.count_trends import MIN_PERIODS
from exlink.steps.action_loop.funnel import HEADS, Funnel
from exlink.steps.action_loop.gaps import gaps_sentence

FULL_CIRCLE = {"told": "told back", "acted": "acted on", "acknowledged": "acknowledged", "owned": "given an owner"}


def funnel_sentence(found: Funnel | str, *, act_days: int, min_group: int) -> str:
    """Say how much feedback comes full circle, and at which hand-over most of it is lost."""
    if isinstance(found, str):
        return ""
    rows = found.stages.assign(name=found.kept)
    last = rows[rows["name"].isin(FULL_CIRCLE)].iloc[-1]
    told_by_few = any(0 < last[side] < min_group for side in ("n_in", "n_out"))  # an interval would give the share away
    said = (
        f"Of {found.due:,} pieces of feedback that are at least {act_days} days old, "
        f"{_share(last['n_in'], found.due, min_group)} were {FULL_CIRCLE[last['name']]}"
        + ("." if told_by_few else f" (95% interval {last['conf_low']:.0f}% to {last['conf_high']:.0f}%).")
    )
    if len(rows) > 1:
        came = np.array([found.due, *rows["n_in"]], dtype=float)
        lost = int(np.argmax(came[:-1] - came[1:]))
        before = "being collected" if lost == 0 else f"“{rows['stage'].iloc[lost - 1]}”"
        said += f" The largest loss is between {before} and “{rows['stage'].iloc[lost]}”."
    if "moved" in found.kept:
        said += f" {_moved(found, min_group)}"
    elif found.trends is None:
        quarters = found.cells["quarter"].nunique()
        said += (
            f" Whether what it was about gets rarer cannot be told from feedback of {quarters} "
            f"quarter{'s' * (quarters != 1)}; at least {MIN_PERIODS} are needed."
        )
    if found.unseen >= min_group:
        said += f" {found.unseen:,} pieces were acted on without an acknowledgement on record."
    return said + (f" {found.lacking[0].upper() + found.lacking[1:]}." if found.lacking else "")


def groups_sentence(found: Funnel | str) -> str:
    """Say how many groups of feedback differ clearly from all the other, at the last stage told by group."""
    if isinstance(found, str) or "verdict" not in found.groups:
        return ""
    stage = [name for name in HEADS if name in found.kept][-1]
    return gaps_sentence(found.groups, FULL_CIRCLE[stage])


def _moved(found: Funnel, min_group: int) -> str:
    """Say in how many themes the volume falls, and what of the feedback ends in one of them."""
    moved = found.stages.iloc[-1]
    fade = f"{len(found.fading)} of {len(found.trends)} themes come up clearly less often, quarter by quarter"
    if not found.fading:
        return (
            f"No theme of {len(found.trends)} clearly comes up less often (adjusted for so many themes, "
            "Benjamini–Hochberg): that any was settled cannot be told."
        )
    return (
        f"{fade} (adjusted for so many themes, Benjamini–Hochberg); "
        f"{_share(moved['n_in'], found.due, min_group)} of the feedback was told back and belongs to one of them."
    )


def planted_sentence(data: StudyData, found: Funnel | str) -> str:
    """Say, of simulated data, whether the themes that fade are those planted to, and the ignored ones stay ignored."""
    planted = (data.truth or {}).get("themes", {})
    if isinstance(found, str) or "fixed" not in planted or found.trends is None:
        return ""
    fading = {key.partition("|")[2] for key in found.fading}
    acted = found.cells.groupby("theme")["acted"].sum()
    never, faded, ignored = set(acted.index[acted == 0]), set(planted["fixed"]), set(planted["recurring"])
    parts = [
        f"{_themes(len(made))} {'was' if len(made) == 1 else 'were'} {how}, and {len(seen & made)} of them found so, "
        f"beside {len(seen - made)} of the others"
        if made
        else f"none was {how}, and {len(seen)} found so"
        for made, seen, how in ((faded, fading, "made to fade"), (ignored, never, "never to be acted on"))
    ]
    return f"In these simulated data {'; '.join(parts)}."


def _themes(n: int) -> str:
    return f"{n} theme{'' if n == 1 else 's'}"


def backlog_sentence(table: pd.DataFrame, min_group: int) -> str:
    """Say how much feedback is open, and how much of it is old."""
    if not len(table) or not table["n_people"].sum():
        return ""
    total = int(table["n_people"].sum())
    old = int(table["n_people"].iloc[2:].sum())
    return (
        f"Nothing has been done so far about {total:,} pieces of feedback; "
        f"{_share(old, total, min_group)} of them have waited for more than 90 days."
    )


def _share(inside: float, total: int, min_group: int) -> str:
    return share_in_words(int(inside), int(total - inside), min_group)
