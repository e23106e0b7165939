"""Step 07: how far groups of feedback differ from all the other (M51), and hand-overs by who can act (M59)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.voice_stages import CAN, CANNOT, NOBODY
from exlink.data.wording import signed
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.one_against_rest import one_against_rest
from exlink.stats.proportions import wilson_bounds
from exlink.stats.share_gap import gap_p_value, share_gap
from exlink.stats.waiting import waiting_curve

CLUSTERS = 3  # on either side, for an interval that says something
MORE, LESS, OPEN = "more", "less", "open"
BOUNDS = ("estimate", "conf_low", "conf_high")


def against_others(cells: pd.DataFrame, labels: pd.Series, stage: str, cluster: str) -> pd.DataFrame:
    """Return how the share that came to a stage differs between each group and all other feedback.

    ``cluster`` is what varies while the group stays what it is: quarters of a theme where groups are themes, whole
    themes where a group is made of themes, since these differ in more than their group. Where a cluster has pieces on
    both sides, which go together, the interval is too wide rather than too narrow.

    Returns
    -------
    DataFrame: label, gap, gap_low, gap_high (percentage points; missing for a group without others), gap_p.
    """
    found = one_against_rest(cells.assign(label=labels), stage, "due", "label", cluster)
    shares = {name: 100 * found[c] for name, c in zip(("gap", "gap_low", "gap_high"), BOUNDS, strict=True)}
    rows = found[["label"]].assign(**shares, gap_p=found["p_value"])
    sides = pd.DataFrame({"label": labels, "one": cells[cluster]})[cells["due"] > 0]
    few = [min(sides.loc[own, "one"].nunique(), sides.loc[~own, "one"].nunique()) < CLUSTERS
           for own in (sides["label"] == label for label in rows["label"])]  # fmt: skip
    untold = np.array(few) | rows["label"].eq(NOBODY)  # an owner is often written down only when a piece is taken up
    return rows.assign(**{c: rows[c].mask(untold) for c in ("gap", "gap_low", "gap_high", "gap_p")})


def hand_over_gaps(spells: Mapping[str, pd.DataFrame], days: int, min_group: int) -> pd.DataFrame:
    """Return by how much more is handed over within ``days`` where its owner can act than where not.

    Parameters
    ----------
    spells : mapping of DataFrames
        Hand-over → its spells, as of `waiting_curve` with columns days, ended, topic, pieces and kind. Whole topics are
        clusters: whether its owner can act belongs to a topic, and topics differ in more than that.

    Returns
    -------
    DataFrame: what, gap, gap_low, gap_high (percentage points), gap_p, can, cannot (% handed over by then), and as of
    `with_words`; hand-overs with few topics, or few pieces on either side of a share, are left out.
    """
    rows = []
    for what, part in spells.items():
        kinds = [part[part["kind"] == kind] for kind in (CAN, CANNOT)]
        if min(kind["topic"].nunique() for kind in kinds) < CLUSTERS:
            continue
        counts = [(int(k["pieces"].sum()), int(k.loc[k["ended"], "pieces"].sum())) for k in kinds]
        if any(n < min_group or 0 < over < min_group or 0 < n - over < min_group for n, over in counts):
            continue
        own, other = (_by(kind, days) for kind in kinds)
        rows.append({"what": what, **_named(share_gap(own, other)), "can": 100 * own["estimate"],
                     "cannot": 100 * other["estimate"]})  # fmt: skip
    return with_words(pd.DataFrame(rows)) if rows else pd.DataFrame()


def _by(spells: pd.DataFrame, days: int) -> dict[str, float]:
    """Return the share handed over within so many days (Kaplan–Meier), with its interval.

    Wilson's at the effective sample size of the clustered error, as of `group_shares`: a few topics at 0 or 1 leave
    log-log bounds without any limit. Where nothing was handed over, topics are the safest number.
    """
    curve, topics = waiting_curve(spells, "days", "ended", "topic", n="pieces"), spells["topic"].nunique()
    share, n = 0.0, float(topics)
    if (curve["time"] <= days).any():
        at = curve[curve["time"] <= days].iloc[-1]
        share = at["estimate"]
        if at["std_error"] > 0:
            n = min(share * (1 - share) / at["std_error"] ** 2, spells["pieces"].sum())
    low, high = wilson_bounds(share, n, df=topics - 1)
    return {"estimate": share, "conf_low": float(low), "conf_high": float(high)}


def with_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return gaps with p values adjusted for all of them (Benjamini–Hochberg), and ``differs``: gap and verdict."""
    adjusted = benjamini_hochberg(table["gap_p"])
    clear = adjusted < 0.05
    word = np.where(clear, np.where(table["gap"] > 0, MORE, LESS), OPEN)
    said = [
        "" if np.isnan(row.gap_p) else f"{signed(row.gap, 0)} ({_interval(row)}), {verdict}"
        for row, verdict in zip(table.itertuples(), word, strict=True)
    ]
    return table.assign(gap_adjusted=adjusted, verdict=word, differs=said)


def _interval(row: Any) -> str:
    return f"{signed(row.gap_low, 0)} to {signed(row.gap_high, 0)}"


def _named(gap: Mapping[str, float]) -> dict[str, float]:
    """Return a gap of shares in percentage points, with its p value."""
    values = dict(zip(("gap", "gap_low", "gap_high"), (100 * gap[c] for c in BOUNDS), strict=True))
    return {**values, "gap_p": gap_p_value(gap)}


def gaps_sentence(table: pd.DataFrame, stage: str) -> str:
    """Say how many groups of feedback come to a stage clearly more or less often than the others."""
    known = table[table["gap_p"].notna()] if len(table) else table
    if not len(known):
        return ""
    more, less = ((known["verdict"] == word).sum() for word in (MORE, LESS))
    return (
        f"Of {len(known)} groups, {more} {'was' if more == 1 else 'were'} {stage} clearly more often than all other "
        f"feedback, and {less} clearly less often; adjusted for so many (Benjamini–Hochberg)."
    )


def hand_over_gap_sentence(table: pd.DataFrame, days: int) -> str:
    """Say at which hand-overs it matters whether the owner can act."""
    if not len(table):
        return ""
    clear = table[table["verdict"] != OPEN]
    if clear.empty:
        return (
            f"Whether the owner can act makes no clear difference to what is handed over within {days} days at any of "
            f"{len(table)} hand-overs, which is no proof that it makes none."
        )
    parts = [
        f"from {row.what}, {row.can:.0f}% where so and {row.cannot:.0f}% where not ({signed(row.gap, 0)} percentage "
        f"points, 95% interval {_interval(row)})"
        for row in clear.itertuples()
    ]
    return (
        "Feedback goes on more readily or less where the owner can act. Within "
        f"{days} days is handed over {'; '.join(parts)}. Of {len(table)} "
        "hand-overs, tested together (Benjamini–Hochberg). Themes differ in more than their owner, so authority alone "
        "need not be the reason."
    )
