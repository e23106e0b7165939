"""Step 07: KPIs that pull against each other within teams, quarter by quarter (M58)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.team_kpis import (
    ENGAGEMENT,
    by_team_quarter,
    said_of_work,
    team_measures,
    team_people,
    team_quarters,
)
from exlink.errors import EstimationError
from exlink.stats.multiplicity import judged
from exlink.stats.period_effects import slope_over_periods
from exlink.stats.split_correlation import FEWEST_PERIODS, FEWEST_UNITS, split_correlations

AGAINST, TOGETHER, OPEN = "pull against each other", "move together", "inconclusive"
WORDS = {"lower": AGAINST, "higher": TOGETHER}
BETTER, WORSE, UNCLEAR = "better", "worse", "open"
SHOWN_PAIRS = 10  # pairs that lean most against each other


@dataclass(frozen=True, slots=True, eq=False)
class Conflicts:
    """How KPIs move together within teams, each so turned that more of it is better.

    pairs : DataFrame    label, first, second, estimate, conf_low, conf_high, p_adjusted, mde, verdict (`AGAINST`,
                         `TOGETHER`, `OPEN`), company (which way each moved in the company), n, n_units (teams),
                         n_people (behind the KPI of the two that fewer people are behind, in the quarters used); those
                         that lean most against each other first, none of fewer people than may be spoken of
    directions : dict    KPI → 'better', 'worse', 'open' (no clear change), or '' where too few quarters tell
    teams, quarters, small : int    small: quarters of teams left out because too few people are behind them
    """

    pairs: pd.DataFrame
    directions: dict[str, str]
    teams: int
    quarters: int
    small: int


def assess_conflicts(data: StudyData) -> Conflicts | str:
    """Return how the study's KPIs move together within teams, or why that cannot be told."""
    measures, few = team_measures(data), data.study.privacy.min_group
    people, key = team_people(data), ["team_id", "quarter"]
    size = people.groupby(key)["quarter"].transform("size")
    kept = people[(size >= few) | (data.unit == "team_id")]
    teams, quarters = (kept[c].nunique() for c in key)
    if teams < FEWEST_UNITS or quarters < FEWEST_PERIODS:
        size = "" if data.unit == "team_id" else f" of {few} people"
        return (
            f"not assessed: whether KPIs pull against each other needs {FEWEST_UNITS} teams{size} over "
            f"{FEWEST_PERIODS} quarters; this study has {teams} over {quarters}"
        )
    said = said_of_work(data)
    cells = team_quarters(data).merge(kept[key].drop_duplicates(), on=key)
    halves = _halves(cells, by_team_quarter(said), {k.goal: k.good for k in measures})
    names = list(halves[0].columns)
    if len(names) < 2:
        return "not assessed: needs two KPIs, such as `interactions.handle_seconds` or `cx_responses.satisfaction`"
    where = halves[0].index
    found = split_correlations(halves, where.get_level_values(0), where.get_level_values(1))
    if len(found):
        found = found.assign(n_people=_behind(found, halves, kept, said, data.unit))
        found = found[found["n_people"] >= few].reset_index(drop=True)
    if found.empty:
        return f"not assessed: no two KPIs are known of {few} people and for the same quarters of enough teams"
    directions = _directions(halves)
    small = people[key].drop_duplicates().shape[0] - kept[key].drop_duplicates().shape[0]
    return Conflicts(_pairs(found, directions), directions, teams, quarters, small)


def _behind(
    found: pd.DataFrame, halves: tuple[pd.DataFrame, pd.DataFrame], kept: pd.DataFrame, said: pd.DataFrame, unit: str
) -> list[int]:
    """Return per pair how many people are behind the KPI of which fewer are, in the quarters that both are known."""
    index = halves[0].index
    known = {name: (np.isfinite(halves[0][name]) & np.isfinite(halves[1][name])).to_numpy() for name in halves[0]}
    who = {name: (said if name == ENGAGEMENT else kept[kept[name]])[[unit, *index.names]] for name in known}
    who = {name: rows.loc[:, ~rows.columns.duplicated()] for name, rows in who.items()}
    at = {name: index.get_indexer(pd.MultiIndex.from_frame(rows[index.names])) for name, rows in who.items()}

    def people(name: str, cells: np.ndarray) -> int:
        inside = (at[name] >= 0) & cells[at[name]]
        return int(who[name].loc[inside, unit].nunique())

    pairs = zip(found["first"], found["second"], strict=True)
    return [min(people(name, known[a] & known[b]) for name in (a, b)) for a, b in pairs]


def _halves(cells: pd.DataFrame, said: pd.DataFrame, good: dict[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the KPIs of either half of the contacts, more being better; employees' own words in both."""
    key = ["team_id", "quarter"]
    engaged = said.set_index(key)["mean"]
    parts = [cells[cells["half"] == half].set_index(key)[list(good)] * list(good.values()) for half in (0, 1)]
    both = parts[0].index.intersection(parts[1].index).sort_values()
    halves = [part.loc[both].assign(**{ENGAGEMENT: engaged.reindex(both)}) for part in parts]
    used = [name for name in halves[0] if halves[0][name].notna().any()]
    return halves[0][used], halves[1][used]


def _directions(halves: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, str]:
    """Return which way every KPI moved in the company as a whole: the average of teams, quarter by quarter."""
    by_quarter = ((halves[0] + halves[1]) / 2).groupby(level=1, sort=True).mean()
    out = {}
    for name in by_quarter:
        series = by_quarter[name].dropna()
        try:
            row = slope_over_periods(series.to_frame("estimate"), np.arange(len(series)), name).iloc[0]
        except EstimationError:
            out[name] = ""
            continue
        out[name] = BETTER if row["conf_low"] > 0 else WORSE if row["conf_high"] < 0 else UNCLEAR
    return out


def _pairs(found: pd.DataFrame, directions: dict[str, str]) -> pd.DataFrame:
    table = judged(found)
    table = table.assign(
        verdict=table["verdict"].map(WORDS).fillna(OPEN),
        label=table["first"] + " and " + table["second"],
        company=[_company(directions[a], directions[b]) for a, b in zip(table["first"], table["second"], strict=True)],
    )  # fmt: skip
    return table.sort_values(["estimate", "label"], ignore_index=True)


def _company(first: str, second: str) -> str:
    """Return which way two KPIs moved in the company, in words."""
    if not (first and second):
        return ""
    return (first if first == UNCLEAR else f"both {first}") if first == second else f"{first}; {second}"


def conflicts_sentence(found: Conflicts | str) -> str:
    """Say whether KPIs pull against each other, in how many teams and quarters, and what could have been seen."""
    if isinstance(found, str):
        return ""
    pairs, n = found.pairs, len(found.pairs)
    against, together = (pairs[pairs["verdict"] == word] for word in (AGAINST, TOGETHER))
    base = f"{found.teams} teams over {found.quarters} quarters, {n} pairs, adjusted for so many (Benjamini–Hochberg)"
    if len(against):
        worst = against.iloc[0]
        lead = (
            f"**KPIs pull against each other in {len(against)} of {n} pairs**; most of all {worst['label']}: where a "
            f"team gains on one it loses on the other (correlation {_r(worst)})"
        )
    else:
        lead = (
            "**No two KPIs clearly pull against each other within teams**, which is no proof that none do: a "
            f"correlation of −{pairs['mde'].median():.2f} would have been found four times in five for the middle "
            "pair, had it been the only one"
        )
    said = f"{lead}; {base}."
    if len(together):
        said += f" {len(together)} {'pair moves' if len(together) == 1 else 'pairs move'} together."
    if found.small:
        said += " Quarters in which a team had too few people are left out."
    return said


def planted_conflict(data: StudyData, found: Conflicts | str) -> str:
    """Say, of simulated data, in how many teams a pair was made to part, and where it stands; '' for real data."""
    planted = (data.truth or {}).get("diverging_teams", {}).get("teams", [])
    if isinstance(found, str) or not planted:
        return ""
    pairs = found.pairs
    at = np.flatnonzero(pairs["second"].eq(ENGAGEMENT) & pairs["first"].str.startswith("customers"))
    if not len(at):
        return ""
    return (
        f"In these simulated data engagement falls while customers' ratings rise in {len(planted)} of {found.teams} "
        f"teams: over all teams this pair stands at place {at[0] + 1} of "
        f"{len(pairs)} ({pairs['verdict'].iloc[at[0]]})."
    )


def _r(row: pd.Series) -> str:
    return f"{row['estimate']:.2f}, 95% interval {row['conf_low']:.2f} to {row['conf_high']:.2f}".replace("-", "−")
