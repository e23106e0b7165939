"""Step 06: are people the buffer of what goes wrong around them (M43)? From faults to strain to engagement and exits.

A fault is a contact that was escalated, reopened or handed on. Nobody is described by their own: what counts is how
often it happened to the others of the team in the quarter before, which the person did not choose. The number named
beforehand is the engagement that five more such faults in 100 contacts cost by way of strain, work off the systems
included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.system_faults import fault_columns, fault_strain_exit
from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap
from exlink.stats.mediation import DIRECT, INDIRECT, MIN_UNITS, TOTAL, Mediation, mediate
from exlink.stats.moments import row_moments, within_moments
from exlink.stats.tidy import draws_frame, t_quantile

STEP = 5.0  # faults in 100 contacts for which effects are told
TEN = 10.0  # points of strain for which its effect is told
REPS = 1000
TEAMS, SAME = "teams compared", "the same person over time"
PATHS = {TOTAL: "In all", INDIRECT: "By way of strain and detours", "strain": "… of strain",
         "hours": "… of work off the systems", DIRECT: "Not by way of these"}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Buffers:
    """Effects of faults around a person.

    engagement : DataFrame     label, comparison, path, estimate … (% of the scale per STEP faults), n, n_people,
                               n_teams
    exits : DataFrame or str   the same of leaving, in percentage points a quarter; or why not
    steps : DataFrame          label, estimate …, n_people: faults → strain, strain → engagement (in points of 100)
    rho : float                correlation of errors at which what runs through strain would be gone
    strain : list of str       what strain is made of
    faults : list of str       columns of what counts as a fault
    spread : float             standard deviation of faults around a person, in 100 contacts
    """

    engagement: pd.DataFrame
    exits: pd.DataFrame | str
    steps: pd.DataFrame
    rho: float
    strain: list[str]
    faults: list[str]
    spread: float


def assess_buffers(data: StudyData, *, seed: int) -> Buffers | str:
    """Return what faults around a person cost, and by which way, or why that cannot be assessed."""
    if data.unit == "team_id":
        return "not assessed: needs EX of employees; this study links at the level of teams"
    if not fault_columns(data):
        return data.missing("interactions.escalated", "interactions.reopened", "interactions.transfers")
    rows, parts = fault_strain_exit(data)
    if rows.empty:
        return "not assessed: needs `ease` or workload, and overall scores one quarter later, in `ex_responses`"
    ways = ["strain", *(["hours"] if "hours" in rows and rows["hours"].notna().any() else [])]
    rows = rows.dropna(subset=ways)
    followed = rows.dropna(subset=["engagement"])
    if followed["team_id"].nunique() < MIN_UNITS:
        return (
            f"not assessed: {followed['team_id'].nunique() or 'no'} teams have people who answered in two quarters "
            f"in a row; at least {MIN_UNITS} are needed"
        )
    try:
        between = _between(followed, "engagement", ways, seed)
        steps = _steps(followed, between, seed)
        found = [_table(between, followed, TEAMS)]
        if followed.groupby("employee_id").size().gt(1).sum() >= data.study.privacy.min_group:
            found.append(_table(_within(followed, ways, seed), followed, SAME))
    except EstimationError as error:
        return f"not assessed: {error}"
    rho = between.through.set_index("mediator").loc["strain", "rho"]
    return Buffers(
        pd.concat(found, ignore_index=True), _exits(rows, ways, data, seed), steps, float(rho), parts,
        fault_columns(data), float(followed["faults"].std()),
    )  # fmt: skip


def _between(rows: pd.DataFrame, y: str, ways: list[str], seed: int) -> Mediation:
    """Return effects among teams of the same role and quarter; teams are drawn whole."""
    rows, held = _held_equal(rows)
    return mediate(row_moments(rows, y, ["faults", *held, *ways], "team_id"), ways, reps=REPS, seed=seed)


def _within(rows: pd.DataFrame, ways: list[str], seed: int) -> Mediation:
    """Return effects within the same person, all quarters held equal; people of a team, who share faults, are one."""
    rows = _held_equal(rows)[0].assign(n_engagement=1, sum_engagement=rows["engagement"])
    moments = within_moments(rows, "engagement", ["faults", *ways], "employee_id", "at")
    teams, names = pd.factorize(rows.groupby("employee_id")["team_id"].last().loc[moments.units])
    return mediate(moments.merged(teams, len(names)), ways, reps=REPS, seed=seed)


def _held_equal(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return rows with faults in steps, and a column for each role and quarter but the first."""
    held = pd.get_dummies(rows[["role", "at"]].astype(str), drop_first=True, dtype=float)
    held = held.loc[:, held.nunique() > 1]
    return pd.concat([rows.assign(faults=rows["faults"] / STEP), held], axis=1), list(held.columns)


def _steps(rows: pd.DataFrame, found: Mediation, seed: int) -> pd.DataFrame:
    """Return the two steps of the way through strain: what faults do to it, and what it does to engagement."""
    coded, held = _held_equal(rows)
    moments = row_moments(coded, "strain", ["faults", *held], "team_id")
    draws = bootstrap(lambda w: moments.slopes(w)[:, 0], len(moments.units), reps=REPS, seed=seed)
    first = draws_frame("faults", moments.slopes()[:, 0], draws, moments.n_rows)
    second = found.through.loc[found.through["mediator"] == "strain"].copy()
    bounds = ["estimate", "std_error", "conf_low", "conf_high"]
    second[bounds] = TEN * second[bounds]
    both = pd.concat([first, second], ignore_index=True)
    labels = [
        f"Strain, per {STEP:.0f} faults more around a person",
        f"Engagement later, per {TEN:.0f} points of strain",
    ]
    return _for_few(both, len(moments.units)).assign(label=labels, n_people=rows["employee_id"].nunique())[
        ["label", "estimate", "conf_low", "conf_high", "n", "n_people"]
    ]


def _table(found: Mediation, rows: pd.DataFrame, comparison: str) -> pd.DataFrame:
    """Return the paths of faults in words, their intervals for few teams."""
    table = found.paths[found.paths["term"] == "faults"]
    table = table[table["path"].isin(PATHS)].assign(
        label=table["path"].map(PATHS), comparison=comparison, n_people=rows["employee_id"].nunique(),
        n_teams=rows["team_id"].nunique(),
    )  # fmt: skip
    table = _for_few(table, rows["team_id"].nunique())
    order = {path: at for at, path in enumerate(PATHS)}
    table = table.sort_values("path", key=lambda c: c.map(order), kind="stable", ignore_index=True)
    one_way = len(found.through) == 1  # then the sum of the ways is that way
    return table[~((table["path"] == "strain") & one_way)].reset_index(drop=True)


def for_few(teams: int) -> float:
    """Return by how much Student's interval of a mean over so many teams is longer than that of very many."""
    return float(np.sqrt(teams / (teams - 1)) * t_quantile(0.975, teams - 1) / t_quantile(0.975, np.inf))


def _for_few(table: pd.DataFrame, teams: int) -> pd.DataFrame:
    """Return bootstrap intervals as wide as Student's with as many teams, since percentiles take many for granted."""
    ends = {c: table["estimate"] + for_few(teams) * (table[c] - table["estimate"]) for c in ("conf_low", "conf_high")}
    return table.assign(**ends)


def _exits(rows: pd.DataFrame, ways: list[str], data: StudyData, seed: int) -> pd.DataFrame | str:
    """Return the same paths to leaving in the quarter after: an additive hazard, a quarter at risk a row."""
    if missing := data.missing("employees.left_on"):
        return missing
    few, rows = data.study.privacy.min_group, rows.dropna(subset=["left"])
    if (rows["left"] > 0).sum() < few:
        return f"not assessed: fewer than {few} of those who had answered the quarter before left of their own accord"
    try:
        return _table(_between(rows, "left", ways, seed), rows, TEAMS)
    except EstimationError as error:
        return f"not assessed: {error}"
