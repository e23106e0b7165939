"""Step 07: frictions removed against metrics added, by kind of initiative, and what both did to effort (M53)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import in_words, signed
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.tidy import tidy_frame
from exlink.steps.action_loop.initiatives import EASE, OWN, WORKLOAD, Initiatives, people_behind
from exlink.steps.action_loop.levers import covariance

ALL = "all initiatives"
EFFORT = {EASE: "work is easy", WORKLOAD: "workload"}


def friction_removed(data: StudyData, found: Initiatives | str) -> pd.DataFrame | str:
    """Return what initiatives took off people and put on them, by kind, and how effort moved.

    Returns
    -------
    DataFrame: kind (the last row is all), initiatives, n_people (the fewest behind any number of the row), removed,
    added, ratio (in words), and for every column of `EFFORT` that was asked the initiatives' average change, weighed by
    precision, with ``<column>_low``, ``<column>_high`` and ``<column>_clear`` (after adjustment for so many kinds and
    columns). A kind of which too few people answered about a column has no change of it, and no part in that of all.
    Or one line where the study does not keep what was removed and added.
    """
    if isinstance(found, str):
        return found
    if missing := data.missing("initiatives.metrics_added", "initiatives.frictions_removed"):
        return missing
    listed = found.listed[found.listed["why"] == ""]
    groups = [(str(kind), part) for kind, part in listed.groupby("kind", sort=True)]
    felt = {column: [_felt(found, list(part["initiative_id"]), column, data.study.privacy.min_group)
                     for _, part in groups] for column in EFFORT}  # fmt: skip
    rows = [_row(found, *group, {c: felt[c][k] for c in EFFORT}) for k, group in enumerate(groups)]
    rows.append(_row(found, ALL, listed, {c: pd.concat(felt[c], ignore_index=True) for c in EFFORT}))
    table = pd.DataFrame(rows)
    asked = [column for column in EFFORT if column in table]
    if not asked:
        return table
    kinds = (table["kind"] != ALL).to_numpy()
    adjusted = benjamini_hochberg(table.loc[kinds, [f"{c}_p" for c in asked]].to_numpy().ravel())
    for column, p in zip(asked, adjusted.reshape(-1, len(asked)).T, strict=True):
        table.loc[kinds, f"{column}_clear"] = p < 0.05
    return table


def _felt(found: Initiatives, ids: list[str], column: str, few: int) -> pd.DataFrame:
    """Return what initiatives of one kind did to a column; no rows where fewer than ``few`` people are behind them."""
    own = found.listed.set_index("initiative_id")["column"]
    rows = found.effects[found.effects["initiative_id"].isin(ids) & found.effects["std_error"].gt(0)]
    meant = (rows["outcome"] == OWN) & (rows["initiative_id"].map(own) == column)  # it was meant for this very column
    rows = rows[(rows["outcome"] == column) | meant].reset_index(drop=True)
    return rows if _people(found, rows) >= few else rows[:0]


def _people(found: Initiatives, rows: pd.DataFrame) -> int:
    """Return how many people are behind effects, each counted once and no more than answered about the column."""
    return min(people_behind(found, list(rows["initiative_id"])), int(rows["n_people"].sum())) if len(rows) else 0


def _row(found: Initiatives, kind: str, part: pd.DataFrame, felt: dict[str, pd.DataFrame]) -> dict[str, object]:
    removed, added = (int(part[c].fillna(0).sum()) for c in ("frictions_removed", "metrics_added"))
    people = [people_behind(found, list(part["initiative_id"])),
              *(_people(found, rows) for rows in felt.values() if len(rows))]  # fmt: skip
    row = {"kind": kind, "initiatives": len(part), "n_people": min(people), "removed": removed, "added": added,
           "ratio": ratio_in_words(removed, added)}  # fmt: skip
    for column, rows in felt.items():
        if len(rows):
            names = (column, f"{column}_low", f"{column}_high", f"{column}_p")
            row |= dict(zip(names, _average(found, rows), strict=True))
    return row


def _average(found: Initiatives, rows: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return the mean of effects, weighed by precision: estimate, bounds, p."""
    parts = [found.parts[i, o] for i, o in zip(rows["initiative_id"], rows["outcome"], strict=True)]
    weights = 1 / rows["std_error"].to_numpy() ** 2
    weights = weights / weights.sum()
    error = np.sqrt(weights @ covariance(rows, parts) @ weights)
    mean = tidy_frame("mean", weights @ rows["estimate"], error, len(rows), df=rows["df"].min()).iloc[0]
    return mean["estimate"], mean["conf_low"], mean["conf_high"], mean["p_value"]


def ratio_in_words(removed: int, added: int) -> str:
    """Return a ratio as it is read: ``9 : 0``, ``2.0 : 1``, ``1 : 7.0``."""
    if not removed or not added or removed == added:
        return f"{removed} : {added}" if removed != added else ("1 : 1" if added else "none")
    return f"{removed / added:.1f} : 1" if removed > added else f"1 : {added / removed:.1f}"


def friction_sentence(table: pd.DataFrame | str, min_group: int) -> str:
    """Say whether more was taken off people than put on them, and where effort moved clearly."""
    if isinstance(table, str):
        return ""
    whole = table[table["kind"] == ALL].iloc[0]
    if whole["n_people"] < min_group:
        return ""
    said = (
        f"All initiatives that can be assessed removed {whole['removed']} frictions and added {whole['added']} metrics "
        f"(removed to added: {whole['ratio']})."
    )
    kinds = table[(table["kind"] != ALL) & (table["n_people"] >= min_group)]
    more = kinds.loc[kinds["added"] > kinds["removed"], "kind"]
    if len(more):
        said += f" More was added than removed by: {in_words(list(more))}."
    clear = [
        f"“{row['kind']}” moved “{name}” by {signed(row[c])} points (95% interval {signed(row[f'{c}_low'])} to "
        f"{signed(row[f'{c}_high'])})"
        for _, row in kinds.iterrows() for c, name in EFFORT.items() if c in table and bool(row[f"{c}_clear"])
    ]  # fmt: skip
    tested = sum(int(kinds[c].notna().sum()) for c in EFFORT if c in table)
    if not tested:
        return said
    told = f"{in_words(clear)}, and nothing else did so clearly" if clear else "no kind clearly moved ease or workload"
    return f"{said} Of what was felt, {told} ({tested} looked at together, Benjamini–Hochberg)."
