"""Step 06: what had those who left been working round (M48)? Leavers against stayers at risk in the same quarter.

Every leaver is set beside those who were at risk in the same quarter, in the same role, at the same site, with about as
many years of service, and stayed; both are described by the quarter before. The number named beforehand is the load:
open escalations and work off the systems, each in standard deviations, averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.before_leaving import SAID, Measure, before_leaving
from exlink.data.dataset import StudyData
from exlink.stats.matched import matched_differences
from exlink.stats.multiplicity import judged

BANDS = (1.0, 3.0, 6.0)  # years of service at which a band of tenure begins
LOAD = ("unresolved", "off_system")
SATISFACTION = "ex_satisfaction"


@dataclass(frozen=True, slots=True, eq=False)
class Leavers:
    """Leavers against matched stayers.

    table : DataFrame     one row per measure: term, label, unit, kind, estimate … (in its unit), standard and its
                          bounds (in standard deviations of stayers alike), mean_cases, mean_controls, p_adjusted,
                          verdict, n_people (leavers), n_stayers
    load : Series         the same of the load, in its standard deviations
    in_team : Series      the load once more, against everybody in the same team
    loaded : list of str  words of what the load is made of
    matched : str         in what leavers and stayers agree, in words
    leavers : int         all who left of their own accord and could be compared at all
    planted : float       by how much satisfaction must differ as planted, in % of the scale; NaN for real data
    """

    table: pd.DataFrame
    load: pd.Series
    in_team: pd.Series
    loaded: list[str]
    matched: str
    leavers: int
    planted: float


def assess_leavers(data: StudyData) -> Leavers | str:
    """Return what set leavers apart in the quarter before, or why that cannot be assessed."""
    if data.unit == "team_id":
        return "not assessed: needs exits of employees; this study links at the level of teams"
    if missing := data.missing("employees.left_on"):
        return missing
    rows, measures = before_leaving(data)
    few = data.study.privacy.min_group
    loaded = [m for m in measures if m.column in LOAD and rows[m.column].std() > 0]
    if not loaded:
        return data.missing("interactions.escalated", "desktop_activity") or (
            "not assessed: no quarter begins after the first EX answers and has ended with the period, or nobody had "
            "anything to work round"
        )
    rows = rows[rows["let_go"].ne(1)].reset_index(drop=True)  # who was let go is neither
    rows["load"] = sum((rows[m.column] - rows[m.column].mean()) / rows[m.column].std() for m in loaded) / len(loaded)
    rows["band"] = np.searchsorted(BANDS, rows["tenure_years"].fillna(np.inf), side="right")
    keys, words = _agree(rows)
    rows["alike"], rows["teams"] = _together(rows, keys), _together(rows, ["team_id", "quarter"])
    rows["near"] = rows["team_id"].astype("string").fillna(rows["employee_id"].astype("string"))  # or one's own
    columns = [m.column for m in measures]
    found = matched_differences(rows, [*columns, "load"], "left", "alike", "employee_id", cluster="near")
    if found["n_case_units"].iloc[-1] < few:
        return (
            f"not assessed: fewer than {few} people left of their own accord while somebody alike stayed, too few to "
            "tell what they had in common, and few enough to be recognised"
        )
    team = matched_differences(rows, ["load"], "left", "teams", "employee_id", cluster="near").iloc[0]
    table = _in_words(found.iloc[:-1], measures, few)
    return Leavers(
        table, _in_sd(found.iloc[-1]), _in_sd(team), [m.label.lower() for m in loaded], words,
        int(rows["left"].sum()), _planted(data, found),
    )  # fmt: skip


def _agree(rows: pd.DataFrame) -> tuple[list[str], str]:
    """Return the columns in which leavers and their stayers agree, and the same in words."""
    known = {"role": "role", "site": "site", "band": "band of service"}
    keys = [
        k for k in known if k in rows and rows[k].notna().any() and (k != "band" or rows["tenure_years"].notna().any())
    ]
    words = [known[k] for k in keys]
    return [*keys, "quarter"], ", ".join([*words[:-1], f"{words[-1]} and quarter"] if words else ["quarter"])


def _together(rows: pd.DataFrame, keys: list[str]) -> pd.Series:
    return rows.groupby(keys, dropna=False, sort=True).ngroup()


def _in_sd(row: pd.Series) -> pd.Series:
    """Return a difference in standard deviations of stayers alike."""
    names = ["estimate", "std_error", "conf_low", "conf_high"]
    out = row.copy()
    out[names] = out[names].astype(float) / (row["sd"] if row["sd"] > 0 else np.nan)
    return out


def _in_words(found: pd.DataFrame, measures: list[Measure], few: int) -> pd.DataFrame:
    by_column = {m.column: m for m in measures}
    table = judged(found.rename(columns={"n_case_units": "n_people", "n_controls": "n_stayers"}))
    sd = table["sd"].where(table["sd"] > 0)
    table = table.assign(
        label=[by_column[t].label for t in table["term"]], unit=[by_column[t].unit for t in table["term"]],
        kind=[by_column[t].kind for t in table["term"]], standard=table["estimate"] / sd,
        standard_low=table["conf_low"] / sd, standard_high=table["conf_high"] / sd,
    )  # fmt: skip
    # largest differences first, within what was worked round and what was said; those that will be hidden at the end,
    # since between two shown ones they would be as good as told
    order = table.assign(small=table["n_people"] < few, last=table["kind"] == SAID, far=-table["standard"].abs())
    return table.loc[order.sort_values(["small", "last", "far"], kind="stable").index].reset_index(drop=True)


def _planted(data: StudyData, found: pd.DataFrame) -> float:
    """Return how far apart satisfaction must be, as planted: to first order the log odds a point times the variance."""
    slope = (data.truth or {}).get("attrition", {}).get("ex_satisfaction_per_point")
    row = found[found["term"] == SATISFACTION]
    if slope is None or row.empty:
        return float("nan")
    points = 4.0 / 100  # points of a scale from 1 to 5 in 1 % of it
    return float(slope) * points * float(row["sd"].iloc[0]) ** 2
