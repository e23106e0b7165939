"""Step 07: what initiatives changed, and how that sits with what was intended, in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.initiatives import planted_changes
from exlink.data.wording import in_words, signed
from exlink.steps.action_loop.initiatives import OWN, Initiatives, reasons
from exlink.steps.action_loop.perception import KEPT, OPEN, OPPOSITE, PARTLY, SOME, UNSEEN

RARE = 0.05


def initiatives_sentence(found: Initiatives | str, min_group: int) -> str:
    """Say which initiatives moved what they were meant for, by how much, and what could not have been seen."""
    if isinstance(found, str):
        return ""
    own = found.effects[(found.effects["outcome"] == OWN) & (found.effects["n_people"] >= min_group)]
    if own.empty:
        return f"No initiative has {min_group} people who answered both before and after it: none can be assessed."
    aspects = found.listed.set_index("initiative_id")["aspect"]
    raised, lowered, others = (own[own["verdict"] == word] for word in ("higher", "lower", "inconclusive"))
    said = [
        f"{_named(part, aspects)} {word}" for part, word in ((raised, "improved it"), (lowered, "made it worse"))
        if len(part)
    ]  # fmt: skip
    head = f"Of {len(own)} initiatives that can be assessed, " + (
        "; ".join(said) if said else "none clearly changed what it was meant for"
    )
    if len(others):
        seen = _span(others["mde"])
        head += (
            f". Of {'the other ' if said else ''}{len(others)} it cannot be told: with so few teams a change would "
            f"have to be about {seen} points to be seen four times in five"
        )
    return f"{head}. Tested together (Benjamini–Hochberg).{_unassessed(found)}"


def _named(part: pd.DataFrame, aspects: pd.Series) -> str:
    return in_words([
        f"“{row.name}” ({aspects[row.initiative_id]} {signed(row.estimate)}, 95% interval {signed(row.conf_low)} to "
        f"{signed(row.conf_high)}; {row.n_people} people in {row.n_groups} teams beside {row.n_others} others)"
        for row in part.itertuples(index=False)
    ])  # fmt: skip


def _span(values: pd.Series) -> str:
    low, high = f"{values.min():.1f}", f"{values.max():.1f}"
    return low if low == high else f"{low} to {high}"


def _unassessed(found: Initiatives) -> str:
    return f" {left}." if (left := reasons(found.listed)) else ""


def lot_sentence(found: Initiatives | str, min_group: int) -> str:
    """Say how large a change teams chosen by lot would have shown, and what so few choices can tell at best."""
    if isinstance(found, str):
        return ""
    own = found.effects[(found.effects["outcome"] == OWN) & (found.effects["n_people"] >= min_group)]
    if own.empty:
        return ""
    rare = own[own["p_permuted"] < RARE]
    said = (
        f"Had as many teams been chosen by lot, fewer than {RARE:.0%} of all choices would show a change as large as "
        f"with {in_words([f'“{name}”' for name in rare['name']])}."
        if len(rare)
        else f"Of no initiative is the change so large that fewer than {RARE:.0%} of all choices of as many teams "
        "would show it."
    )
    least = own.loc[own["assignments"].idxmin()]
    return (
        f"{said} Changes are compared by how far chance moves teams of their size. This check needs no bell-shaped "
        "chance, and has limits of its own: with "
        f"{least['n_groups']} of {least['candidates']} teams there are {least['assignments']:,} "
        f"choices, and no share below 1 in {least['assignments']:,} can come out."
    )


def customers_sentence(data: StudyData, found: Initiatives | str, min_group: int) -> str:
    """Say whether customers' ratings of contacts with those teams moved."""
    if isinstance(found, str):
        return ""
    rated = found.effects[found.effects["outcome"].isin(data.cx_kpis) & (found.effects["n_people"] >= min_group)]
    if rated.empty:
        return ""
    clear = rated[rated["verdict"].isin(["higher", "lower"])]
    if len(clear):
        named = in_words([
            f"“{row.name}” ({row.outcome} {signed(row.estimate)}, {signed(row.conf_low)} to {signed(row.conf_high)})"
            for row in clear.itertuples(index=False)
        ])  # fmt: skip
        return (
            f"Customers' ratings clearly changed with {named}; 95% intervals, each score tested over all initiatives."
        )
    seen = rated.groupby("outcome")["mde"].median()
    told = in_words([f"{seen[kpi]:.1f} points of {kpi}" for kpi in data.cx_kpis if kpi in seen])
    return (
        "For no initiative is a change in customers' ratings clear. That is no proof that there was none: a change "
        f"would have to be about {told} to be seen four times in five."
    )


def trend_sentence(found: Initiatives | str, min_group: int) -> str:
    """Say whether adopters were on their way before they adopted."""
    if isinstance(found, str):
        return ""
    rows = found.trends[found.trends["initiative_id"].isin(_shown(found, min_group)) & found.trends["df"].notna()]
    if not _shown(found, min_group):
        return ""
    if rows.empty:
        return "No team was asked twice before its initiative began, so that an earlier trend cannot be ruled out."
    off = rows[rows["verdict"].isin(["higher", "lower"])]
    if len(off):
        return (
            f"The teams of {in_words([f'“{name}”' for name in off['name']])} were already moving away from the others "
            "before the start: what is seen afterwards may be more of the same."
        )
    widest = np.abs(rows[["conf_low", "conf_high"]].to_numpy()).max()
    return (
        "Before the start no initiative's teams were clearly moving away from the others. With so few teams this is a "
        f"weak test: the widest interval reaches trends of {widest:.1f} points a wave."
    )


def _shown(found: Initiatives, min_group: int) -> list[str]:
    return list(found.listed.loc[found.listed["people"] >= min_group, "initiative_id"])


def planted_sentence(data: StudyData, found: Initiatives | str, min_group: int) -> str:
    """Say, of simulated data, what was planted and how many intervals hold it."""
    planted = planted_changes(data)
    if planted is None or isinstance(found, str):
        return ""
    own = found.effects[(found.effects["outcome"] == OWN) & (found.effects["n_people"] >= min_group)]
    known = own.assign(planted=own["initiative_id"].map(planted)).dropna(subset=["planted", "conf_low"])
    if known.empty:
        return ""
    held = int(((known["conf_low"] <= known["planted"]) & (known["planted"] <= known["conf_high"])).sum())
    return (
        f"In these simulated data the intervals of {held} of {len(known)} initiatives hold what was planted. It was "
        "planted before answers are rounded to whole steps of a scale that ends, which takes a little of it away."
    )


def perception_sentence(table: pd.DataFrame, min_group: int) -> str:
    """Say which intentions were kept, in the eyes of those concerned."""
    if not len(table) or not (table["n_people"] >= min_group).any():
        return ""
    shown = table[table["n_people"] >= min_group]
    words = {
        KEPT: "perceived about as intended", PARTLY: "perceived, but less than intended",
        SOME: "perceived, with how much of what was intended open",
        UNSEEN: "perceived as no clear change, with what was intended ruled out", OPPOSITE: "perceived as the opposite",
        OPEN: "not told: tested together no change is clear, and what was intended is not ruled out",
    }  # fmt: skip
    parts = [
        f"{words[word]}: {in_words([f'“{name}”' for name in shown.loc[shown['verdict'] == word, 'name']])}"
        for word in words if (shown["verdict"] == word).any()
    ]  # fmt: skip
    return f"Of {len(shown)} intentions – {'; '.join(parts)}."
