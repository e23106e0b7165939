"""Step 06: do the same problems come back, quarter after quarter (M45)? Repeats of what was left as it was.

A quarter of a theme was left as it was when hardly any of its feedback was acted on in time; feedback that comes in on
the theme in the quarter after it is a repeat. Quarters with few pieces are not judged: nothing done about two pieces
says little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.answers import ex_aspect_scales, ex_kpi_scales
from exlink.data.dataset import StudyData
from exlink.data.voice import answer_rates
from exlink.stats.multiplicity import judged
from exlink.stats.period_effects import slope_of_changes
from exlink.stats.proportions import group_shares
from exlink.stats.runs import longest_runs, repeats
from exlink.steps.misalignment_audit.echo import HARDLY, Echo

MIN_THEMES = 3  # a share that varies between themes needs some
MIN_CHANGES = 5  # from a quarter to the next, for a slope with three degrees of freedom
TRUST = {"ex_psychological_safety": "Psychological safety", "ex_satisfaction": "Satisfaction with work"}


@dataclass(frozen=True, slots=True, eq=False)
class Recurrence:
    """How often themes come back.

    share : Series      estimate, conf_low, conf_high, n: repeats among the feedback of quarters whose quarter before is
                        judged; theme × quarter is a cluster
    themes : DataFrame  those of the echo that are judged, with longest (quarters in a row left as they were), known
                        (quarters judged), still (whether it goes on)
    cells : DataFrame   key, quarter, base, again
    """

    share: pd.Series
    themes: pd.DataFrame
    cells: pd.DataFrame


def assess_recurrence(data: StudyData, found: Echo | str) -> Recurrence | str:
    """Return how much feedback repeats what was left as it was, or why that cannot be assessed."""
    if isinstance(found, str):
        return found
    few = data.study.privacy.min_group
    cells = found.cells.assign(key=found.cells["source"] + "|" + found.cells["theme"])
    cells["at"] = pd.PeriodIndex(cells["quarter"], freq="Q").astype("int64")
    cells["open"] = (cells["acted"] / cells["due"] <= HARDLY).astype("boolean").where(cells["due"] >= few)
    rows = repeats(cells, "key", "at", "received", "open")
    if rows["key"].nunique() < MIN_THEMES:
        return (
            f"not assessed: fewer than {MIN_THEMES} themes have {few} pieces of feedback old enough in a quarter, and "
            "any in the quarter after it"
        )
    # the register holds all themes there are: what another quarter would change is how much comes in on each
    share = group_shares(rows.assign(all=0), "again", "base", ["all"], cluster="batch").iloc[0]
    themes = found.themes.assign(key=found.themes["source"] + "|" + found.themes["theme"])
    themes = themes.merge(longest_runs(cells, "key", "at", "open"), on="key", validate="one_to_one")
    themes = themes.sort_values(["longest", "received"], ascending=False, kind="stable", ignore_index=True)
    return Recurrence(share, themes, rows[["key", "quarter", "at", "base", "again"]])


def trust_slopes(data: StudyData, found: Recurrence | str) -> pd.DataFrame | str:
    """Return how trust changes from quarter to quarter with the share of repeats in the quarter before.

    Changes are set beside changes, so that two lines that merely both rise make no slope. Quarters are compared, not
    persons: all employees live in the same quarter.

    Returns
    -------
    DataFrame: label, estimate … (points of 100 per ten points more of repeats), p_adjusted, verdict, n (changes),
    n_people (the fewest behind a quarter); or why it is not assessed.
    """
    if isinstance(found, str):
        return found
    sums = found.cells.groupby("at")[["again", "base"]].sum()
    repeated = 100 * sums["again"] / sums["base"]
    if repeated.nunique() < 2:
        return "not assessed: the share of repeats is the same in every quarter, so nothing can be compared with it"
    rows = []
    for label, level in _trust(data).items():
        both = pd.DataFrame({"y": level["mean"], "x": repeated.set_axis(repeated.index + 1)}).dropna().sort_index()
        step = both.diff()[np.diff(both.index, prepend=both.index[0] if len(both) else 0) == 1]
        if len(step) < MIN_CHANGES or not step["x"].std() > 0:
            continue
        row = slope_of_changes(step["y"].to_numpy(), step["x"].to_numpy() / 10, "repeats")
        rows.append(row.assign(label=label, n_people=int(level.loc[both.index, "people"].min())))
    if not rows:
        return (
            f"not assessed: needs {MIN_CHANGES + 1} quarters in a row with feedback and, one quarter later, "
            "`ex_invitations`, or psychological safety or satisfaction in `ex_responses`"
        )
    return judged(pd.concat(rows, ignore_index=True))


def _trust(data: StudyData) -> dict[str, pd.DataFrame]:
    """Return what speaks of trust, by quarter: mean (0 to 100) and people, for whatever the study asked."""
    found = {}
    rates = answer_rates(data)
    if rates is not None:
        sums = rates.groupby("quarter").agg(
            a=("sum_answered", "sum"), n=("n_answered", "sum"), people=(data.unit, "nunique"))  # fmt: skip
        found["Answered when asked"] = sums.assign(mean=100 * sums["a"] / sums["n"])[["mean", "people"]]
    said = data.exposures()
    scales = ex_aspect_scales(data) | {f"ex_{k}": scale for k, scale in ex_kpi_scales(data).items()}
    when = pd.PeriodIndex(pd.to_datetime(said["responded_on"]), freq="Q").astype(str)
    for column, label in TRUST.items():
        if column in said and column in scales:
            low, high = scales[column]
            place = 100 * (said[column] - low) / (high - low)
            found[label] = place.groupby(when).agg(mean="mean", people="count")
    for level in found.values():
        level.index = pd.PeriodIndex(level.index, freq="Q").astype("int64")
    return found
