"""Step 07: what each initiative changed, for the aspect it was meant for, for effort, and for customers (M53)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.initiatives import (
    before_and_after,
    initiative_list,
    initiative_rows,
    planted_changes,
    rated_by_wave,
    said_by_wave,
    team_times,
)
from exlink.data.wording import in_words
from exlink.errors import EstimationError
from exlink.stats.adoption import adoption_effect, adoption_profile
from exlink.stats.multiplicity import judged
from exlink.stats.power import minimum_detectable
from exlink.stats.tidy import tidy_frame

OWN = "its aspect"  # the outcome that an initiative was meant for
EASE, WORKLOAD = "ex_ease", "ex_workload"
NEW = "too early: no wave of answers lies after its start"
OLD = "began before the first wave of answers: what was before is not known"
ALONE = "too few: nobody in its teams answered before and after, or fewer than three teams are left to compare with"


@dataclass(frozen=True, slots=True, eq=False)
class Initiatives:
    """What every initiative changed.

    listed : DataFrame    as `initiative_list`, with people (in its teams, who answered before and after) and why (it is
                          not assessed; or '')
    effects : DataFrame   tidy rows by initiative and outcome (`OWN`, an ``ex_`` column, a CX KPI): initiative_id, name,
                          kind, outcome, n_people, n_groups, n_others, df, p_permuted, candidates, assignments,
                          p_adjusted, verdict (one family of tests per outcome), mde
    parts : dict          by (initiative_id, outcome): every team's part in the error
    members : dict        by initiative_id: the units of its teams that answered before and after; never to be shown
    profile : DataFrame   since, estimate, conf_low, conf_high, n_people, n_initiatives: of the average initiative, in
                          the direction that was intended
    trends : DataFrame    per initiative, tidy: how its teams moved away from the others per wave before its start
    """

    listed: pd.DataFrame
    effects: pd.DataFrame
    parts: dict[tuple[str, str], pd.Series]
    members: dict[str, frozenset]
    profile: pd.DataFrame
    trends: pd.DataFrame


def assess_initiatives(data: StudyData) -> Initiatives | str:
    """Return what every initiative changed, or why none can be assessed."""
    if missing := data.missing("initiatives"):
        return missing
    rows = initiative_rows(data)
    listed = initiative_list(rows)
    said, rated = said_by_wave(data), rated_by_wave(data)
    sides = {"ex": (said, team_times(said)), "cx": (rated, team_times(rated))}
    effects, parts, members, profiles, trends, why, behind = [], {}, {}, [], [], [], []
    for row in listed.itertuples():
        own = rows[rows["initiative_id"] == row.initiative_id].groupby("team_id")["started_on"].min()
        others = rows[rows["initiative_id"] != row.initiative_id]
        about = {"initiative_id": row.initiative_id, "name": row.name, "kind": row.kind}
        if row.column not in said:
            why.append(f"employees were not asked about {row.aspect}")
            continue
        aims = before_and_after(*sides["ex"], own, others[others["column"] == row.column], strict=True)
        frames = {key: before_and_after(*side, own, others, strict=False) for key, side in sides.items()}
        if not (aims["since"] >= 0).any():
            why.append(NEW)
            continue
        asked = sides["ex"][1]
        if not (asked["closes"] <= asked["team_id"].map(own)).any():
            why.append(OLD)
            continue
        try:
            profile, trend = adoption_profile(aims, row.column, "unit", "team_id", "at", "since")
        except EstimationError:
            why.append(ALONE)
            continue
        why.append("")
        sides_of = aims[aims["since"].notna()].groupby("unit")["since"].agg(["min", "max"])
        members[row.initiative_id] = frozenset(sides_of.index[(sides_of["min"] < 0) & (sides_of["max"] >= 0)])
        behind.append(aims.loc[aims["since"].notna(), ["unit", "since"]])
        profiles.append(profile.assign(**about, sign=np.sign(row.intended_change) or 1.0))
        trends.append(trend.assign(**about))
        for outcome, frame in _outcomes(data, row.column, aims, frames):
            column = row.column if outcome == OWN else outcome
            weight = f"n_{column}" if column in data.cx_kpis else None
            try:
                found = adoption_effect(frame, column, "unit", "team_id", "at", "since", weight=weight)
            except EstimationError:
                continue  # no ratings, or no teams to compare with: the table shows a dash
            told = {"outcome": outcome, "p_permuted": found.p_permuted, "candidates": found.candidates,
                    "assignments": found.assignments}  # fmt: skip
            effects.append(found.effect.assign(**about, **told))
            parts[row.initiative_id, outcome] = found.parts
    people = pd.concat(behind).groupby("since")["unit"].nunique() if behind else pd.Series(dtype=int)
    return _found(listed.assign(why=why), effects, parts, members, profiles, trends, people)


def _outcomes(
    data: StudyData, column: str, aims: pd.DataFrame, frames: dict[str, pd.DataFrame]
) -> list[tuple[str, pd.DataFrame]]:
    """Return what is looked at, with the rows that tell of it: the aspect, effort, workload, every CX KPI."""
    chosen = [(OWN, aims)]
    if WORKLOAD in aims and column != WORKLOAD:
        chosen.append((WORKLOAD, frames["ex"]))
    if EASE in aims:
        chosen.append((EASE, frames["ex"]))
    return chosen + [(kpi, frames["cx"]) for kpi in data.cx_kpis]


def _found(
    listed: pd.DataFrame,
    effects: list[pd.DataFrame],
    parts: dict[tuple[str, str], pd.Series],
    members: dict[str, frozenset],
    profiles: list[pd.DataFrame],
    trends: list[pd.DataFrame],
    behind: pd.Series,
) -> Initiatives | str:
    """Return all that was found, verdicts adjusted within each outcome; or one line when no initiative is assessed."""
    if not effects:
        return f"not assessed: {reasons(listed)}"
    table = pd.concat(effects, ignore_index=True).rename(columns={"n_units": "n_people"})
    table = pd.concat([judged(part) for _, part in table.groupby("outcome", sort=True)]).sort_index()
    table["mde"] = minimum_detectable(table["std_error"].to_numpy())
    own = table[table["outcome"] == OWN].set_index("initiative_id")["n_people"]
    return Initiatives(
        listed.assign(people=listed["initiative_id"].map(own).fillna(0).astype(int)), table, parts, members,
        _average(pd.concat(profiles, ignore_index=True), behind), judged(pd.concat(trends, ignore_index=True)),
    )  # fmt: skip


def reasons(listed: pd.DataFrame) -> str:
    """Return why initiatives are not assessed: every reason once, with the names it holds for, or that it is all."""
    left = listed[listed["why"] != ""]
    if left["why"].nunique() == 1 and 1 < len(left) == len(listed):
        return f"{left['why'].iloc[0]} (all {len(left)} initiatives)"
    told = left.groupby("why", sort=False)["name"].apply(list)
    return "; ".join(f"{in_words([f'“{name}”' for name in names])}: {why}" for why, names in told.items())


def _average(profiles: pd.DataFrame, behind: pd.Series) -> pd.DataFrame:
    """Return the average initiative's profile, each in its intended direction; errors as if they were independent.

    ``behind`` counts the people by ``since``, each once, in however many initiatives they are.
    """
    rows = []
    for since, part in profiles.groupby("since", sort=True):
        error = np.sqrt((part["std_error"] ** 2).sum()) / len(part)
        estimate = (part["sign"] * part["estimate"]).mean()
        row = tidy_frame("since", estimate, error, int(part["n"].sum()), df=part["df"].min())
        people = min(int(part["n_units"].sum()), int(behind[since]))
        rows.append(row.assign(since=since, n_people=people, n_initiatives=len(part)))
    return pd.concat(rows, ignore_index=True)


def own_effects(data: StudyData, found: Initiatives | str) -> pd.DataFrame:
    """Return per initiative what it did to its own aspect: name, estimate, conf_low, conf_high, n_people, planted."""
    if isinstance(found, str):
        return pd.DataFrame()
    own = found.effects[found.effects["outcome"] == OWN]
    planted = planted_changes(data)
    known = np.nan if planted is None else own["initiative_id"].map(planted)
    table = own.assign(planted=known)[["name", "estimate", "conf_low", "conf_high", "n_people", "planted"]]
    return table.reset_index(drop=True)


def by_initiative(data: StudyData, found: Initiatives | str) -> pd.DataFrame:
    """Return per initiative what it cost and what customers noticed.

    Returns
    -------
    DataFrame: name, kind, teams, n_people (the fewest behind any number of the row), by_lot (share of all choices of as
    many teams with a change as large), per CX KPI its change with ``<kpi>_low`` and ``<kpi>_high``, cost, and
    cost_per_tenth: of 0.1 points of the aspect, where it clearly moved as intended; empty where nothing was assessed.
    """
    if isinstance(found, str):
        return pd.DataFrame()
    table = found.listed[found.listed["why"] == ""].set_index("initiative_id")
    rows = table[["name", "kind", "teams", "cost"]].assign(n_people=table["people"])
    for kpi in data.cx_kpis:
        part = found.effects[found.effects["outcome"] == kpi].set_index("initiative_id")
        bounds = part.rename(columns={"estimate": kpi, "conf_low": f"{kpi}_low", "conf_high": f"{kpi}_high"})
        rows = rows.join(bounds[[kpi, f"{kpi}_low", f"{kpi}_high"]])
        rows["n_people"] = rows["n_people"].where(~(part["n_people"].reindex(rows.index) < rows["n_people"]),
                                                  part["n_people"].reindex(rows.index)).astype(int)  # fmt: skip
    own = found.effects[found.effects["outcome"] == OWN].set_index("initiative_id")
    rows["by_lot"] = own["p_permuted"]
    toward = own["estimate"] * np.sign(table["intended_change"])
    moved = own["verdict"].isin(["higher", "lower"]) & (toward > 0)
    rows["cost_per_tenth"] = (rows["cost"] / (10 * toward)).where(moved)
    return rows.reset_index(drop=True)


def people_behind(found: Initiatives, ids: list[str]) -> int:
    """Return how many people are behind several initiatives together, each counted once."""
    together = len(frozenset().union(*(found.members[i] for i in ids)))
    return min(together, int(found.listed.loc[found.listed["initiative_id"].isin(ids), "people"].sum()))
