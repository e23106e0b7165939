"""Step 07: how far feedback comes, from being collected to a move of what it was about (M51)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.voice import voice_cells
from exlink.data.voice_stages import STAGES, hand_offs, stage_cells
from exlink.errors import EstimationError
from exlink.stats.count_trends import count_trends
from exlink.stats.multiplicity import judged
from exlink.stats.proportions import group_shares
from exlink.stats.waiting import share_by, waiting_curve
from exlink.steps.action_loop.gaps import against_others, with_words

NAMED = {
    "acknowledged": "acknowledged", "owned": "has an owner", "acted": "acted on", "told": "told back",
    "moved": "told back, and its theme fades",
}  # fmt: skip
HEADS = {"acknowledged": "Acknowledged, %", "acted": "Acted on, %"}  # by group: more would be told by few pieces
SOURCES = {"customer": "customers", "employee": "employees"}
CURVES = {"acknowledged": "acknowledged_on", "acted on": "acted_on"}
WEEKS = 26  # shown of a curve
AGES = {30: "up to 30 days", 90: "31 to 90 days", 180: "91 to 180 days", 365: "181 to 365 days"}
OLDER = "more than a year"


@dataclass(frozen=True, slots=True, eq=False)
class Funnel:
    """How far feedback came that is old enough.

    stages : DataFrame    stage, estimate, conf_low, conf_high (% of all that is due), n_people (pieces that are due),
                          n_in, n_out (pieces on either side)
    groups : DataFrame    what, label, n_people, and for stages of `HEADS` the % that came so far; n_in_<stage>,
                          n_out_<stage>; for the last of these stages gap, gap_low, gap_high (percentage points, against
                          all other feedback), gap_p, gap_adjusted, verdict and differs (both in words)
    trends : DataFrame or None    per theme its volume's trend a quarter (log), adjusted; None where nothing can be told
    fading : list of str  'source|theme' of those whose volume clearly falls
    cells : DataFrame     as `stage_cells`, with topic (theme of a source), batch (its quarter)
                          and moved
    kept : list of str    the stages the study keeps
    lacking : str         what it does not keep, as a line; or ''
    due, unseen : int     pieces old enough; of those acted on without having been acknowledged
    """

    stages: pd.DataFrame
    groups: pd.DataFrame
    trends: pd.DataFrame | None
    fading: list[str]
    cells: pd.DataFrame
    kept: list[str]
    lacking: str
    due: int
    unseen: int


def assess_funnel(data: StudyData, *, act_days: int) -> Funnel | str:
    """Return how far feedback came, or why it cannot be told."""
    if missing := data.missing("voc_feedback"):
        return missing
    kept = [name for name, column in STAGES.items() if data.has("voc_feedback", column)]
    if not kept:
        return data.missing(*(f"voc_feedback.{column}" for column in STAGES.values()))
    cells, few = stage_cells(data, act_days), data.study.privacy.min_group
    if cells["due"].sum() < few:
        return f"not assessed: fewer than {few} pieces of `voc_feedback` are older than {act_days} days"
    key = cells["source"] + "|" + cells["theme"]
    trends = _trends(data, act_days)
    fading = [] if trends is None else list(trends.loc[trends["verdict"] == "lower", "term"])
    cells = cells.assign(topic=key, batch=key + "|" + cells["quarter"], moved=cells["told"].where(key.isin(fading), 0))
    if "told" in kept and trends is not None:
        kept = [*kept, "moved"]
    lacking = data.missing(*(f"voc_feedback.{column}" for name, column in STAGES.items() if name not in kept))
    grouped = _groups(cells, [name for name in HEADS if name in kept])
    return Funnel(_stages(cells, kept), grouped, trends, fading, cells, kept, lacking, int(cells["due"].sum()),
                  int(cells["unseen"].sum()))  # fmt: skip


def _stages(cells: pd.DataFrame, kept: list[str]) -> pd.DataFrame:
    """Return the share of all due pieces that came to each stage; pieces of a theme and quarter are a cluster."""
    rows = [
        group_shares(cells.assign(stage=NAMED[name]), name, "due", ["stage"], cluster="batch").assign(
            n_in=cells[name].sum(), n_out=(cells["due"] - cells[name]).sum()
        )
        for name in kept
    ]
    table = pd.concat(rows, ignore_index=True)
    share = ["estimate", "conf_low", "conf_high"]
    table = table.assign(n_people=table["n"], **{c: 100 * table[c] for c in share})
    return table[["stage", *share, "n_people", "n_in", "n_out"]]


def _groups(cells: pd.DataFrame, kept: list[str]) -> pd.DataFrame:
    """Return the % by source, by whether the owner can act, and by theme, and how far each is from all others."""
    ways = {
        "Whose feedback": cells["source"].map(SOURCES), "Whose task": cells["kind"],
        "Theme": cells["theme"] + " (" + cells["source"].map(SOURCES) + ")",
    }  # fmt: skip
    parts = []
    for what, label in ways.items():
        sums = cells.groupby(label.rename("label"), sort=True)[["due", *kept]].sum()
        part = pd.DataFrame({"what": what, "n_people": sums["due"]})
        for name in kept:
            part[name] = 100 * sums[name] / sums["due"]
            part[f"n_in_{name}"], part[f"n_out_{name}"] = sums[name], sums["due"] - sums[name]
        part = part.sort_values("n_people", ascending=False, kind="stable").reset_index()
        if kept:
            one = "batch" if what == "Theme" else "topic"
            part = part.merge(against_others(cells, label, kept[-1], one), on="label", validate="one_to_one")
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    return with_words(table) if kept else table


def told_by_few(table: pd.DataFrame, min_group: int) -> pd.Series:
    """Return whether few pieces are on one side of any share of a row; none at all is not few."""
    sides = table[[c for c in table if str(c).startswith(("n_in", "n_out"))]]
    return ((sides > 0) & (sides < min_group)).any(axis=1)


def _trends(data: StudyData, act_days: int) -> pd.DataFrame | None:
    """Return the trend of every theme's volume over the quarters, one family of tests; None where none can be told."""
    cells = voice_cells(data, act_days)
    quarters = sorted(cells["quarter"].unique())
    volume = cells.assign(key=cells["source"] + "|" + cells["theme"]).pivot_table(
        index="key", columns="quarter", values="received", aggfunc="sum", fill_value=0)[quarters]  # fmt: skip
    long = volume.stack().rename("count").reset_index()
    try:
        return judged(
            count_trends(long.assign(at=long["quarter"].map(quarters.index)), "count", "key", "at", alike=True)
        )
    except EstimationError:
        return None  # too few quarters for any theme: the funnel ends with what was told back, and says so


def curves(data: StudyData, found: Funnel | str, min_group: int) -> pd.DataFrame:
    """Return, week by week after receipt, the share that was acknowledged and acted on; what is open is censored.

    Returns
    -------
    DataFrame: week, what, estimate, conf_low, conf_high (in %), n_people (pieces received); empty without dates.
    """
    if isinstance(found, str):
        return pd.DataFrame()
    parts = []
    for what, column in CURVES.items():
        if not data.has("voc_feedback", column):
            continue
        spells = hand_offs(data, "received_on", column)
        spells = spells.assign(batch=spells["source"] + "|" + spells["theme"] + "|" + spells["quarter"])
        curve = waiting_curve(spells, "days", "ended", "batch", n="pieces")
        observed = spells.loc[spells["pieces"] > 0, "days"].to_numpy()
        weeks = np.arange(0, min(WEEKS, observed.max() // 7) + 1, 2)
        left = np.array([spells.loc[spells["days"] >= 7 * week, "pieces"].sum() for week in weeks])
        at = share_by(curve, 7 * weeks).assign(week=weeks, what=what, n_people=spells["pieces"].sum())
        parts.append(at[left >= min_group])
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True)
    share = ["estimate", "conf_low", "conf_high"]
    return table.assign(**{c: 100 * table[c] for c in share})[["week", "what", *share, "n_people"]]


def backlog(data: StudyData, found: Funnel | str) -> pd.DataFrame:
    """Return how long pieces have waited on which nothing was done by the period's end.

    Returns
    -------
    DataFrame: age, n_people (pieces); every age, the youngest first; empty without the date of acting.
    """
    if isinstance(found, str) or "acted" not in found.kept:
        return pd.DataFrame()
    spells = hand_offs(data, "received_on", "acted_on")
    waiting = spells[~spells["ended"]]
    place = np.searchsorted(list(AGES), waiting["days"].to_numpy(), side="left")
    counts = np.bincount(place, weights=waiting["pieces"], minlength=len(AGES) + 1).astype(int)
    return pd.DataFrame({"age": [*AGES.values(), OLDER], "n_people": counts})
