"""Step 06: do customers' ratings rise where employees' engagement falls (M40)? Trends of teams, pooled in part.

Engagement is followed within the same people, so that those who leave, or stop answering, make no trend; every trend
runs over all waves, so that a first one that was good by chance makes none either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.answers import ex_kpi_scales
from exlink.data.choices import chosen_kpi
from exlink.data.dataset import StudyData
from exlink.data.two_trends import ENGAGEMENT, engagement_cells, rating_cells
from exlink.errors import EstimationError
from exlink.stats.both_ways import BothWays, both_ways, onset
from exlink.stats.group_slopes import group_slopes
from exlink.stats.grouped import grouped_slope
from exlink.stats.within_between import within_slope

MIN_WAVES = 4  # with fewer, a trend is a difference of two or three points


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """Trends of the two sides.

    teams : DataFrame        group, rise … (customers' ratings), fall … (engagement), in % of the scale a year,
                             p_opposite, p_matters, n_people, diverging (bool)
    both : BothWays
    company : DataFrame      label, estimate, conf_low, conf_high, n_people: the same trends for everybody
    small : int              teams with too few people or waves
    months : tuple or None   how long diverging teams have done so: months, at least, at most
    kpi : str                the customers' KPI
    waves, people : int
    """

    teams: pd.DataFrame
    both: BothWays
    company: pd.DataFrame
    small: int
    months: tuple[float, float, float] | None
    kpi: str
    waves: int
    people: int


def assess_drift(data: StudyData, *, kpi: str, sure: float, harmless: float, matters: float) -> Drift | str:
    """Return the trends of teams, or why they cannot be assessed.

    Parameters
    ----------
    kpi : the customers' KPI; empty for satisfaction where it was asked.
    sure : probability from which on a team is taken to diverge.
    harmless, matters : % of a scale a year up to which a trend is none, and from which on it matters.
    """
    if data.unit == "team_id":
        return "not assessed: needs EX of employees, so that the same people are followed; this study links by team"
    if not ex_kpi_scales(data):
        return "not assessed: needs overall scores (`kpi`) in `ex_responses`"
    kpi = chosen_kpi("kpi", kpi, data.cx_kpis)
    said, rated, few = engagement_cells(data), rating_cells(data, kpi), data.study.privacy.min_group
    waves = min(said["wave"].nunique(), rated["wave"].nunique())
    if waves < MIN_WAVES:
        return f"not assessed: a trend needs at least {MIN_WAVES} waves on both sides; this study has {waves}"
    teams = set(said["team_id"].dropna()) | set(rated["team_id"].dropna())
    own, theirs = (_long(cells) for cells in (said, rated))
    try:
        falling = group_slopes(own, ENGAGEMENT, "years", "employee_id", "team_id", min_units=few)
        rising = group_slopes(theirs, kpi, "years", "employee_id", "team_id", min_units=few)
        both = both_ways(rising, falling, harmless=harmless, matters=matters)
    except EstimationError:
        return f"not assessed: fewer than two teams have {few} people followed over {MIN_WAVES} waves on both sides"
    found = both.table.rename(columns={"n_units": "n_people"})
    far = (found["rise"] >= matters) & (found["fall"] <= -matters)
    found = found.assign(diverging=far & (found["p_opposite"] >= sure))
    inside = found.loc[found["diverging"], "group"]
    return Drift(
        found, both, _company(said, rated, kpi), len(teams) - len(found),
        _lasted(own, theirs, kpi, inside) if len(inside) else None, kpi, waves, int(own["employee_id"].nunique()),
    )  # fmt: skip


def _long(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of teams that were seen in enough waves."""
    waves = cells.groupby("team_id")["wave"].transform("nunique")
    return cells[waves >= MIN_WAVES].reset_index(drop=True)


def _company(said: pd.DataFrame, rated: pd.DataFrame, kpi: str) -> pd.DataFrame:
    """Return the trends of everybody together: engagement of the same people, of all who answered, and the ratings."""
    rows = []
    for label, cells, y, same in (
        ("Engagement, the same people", said, ENGAGEMENT, True),
        ("Engagement, all who answered", said, ENGAGEMENT, False),
        (f"Customers' {kpi}, the same people", rated, kpi, True),
        (f"Customers' {kpi}, all contacts", rated, kpi, False),
    ):
        if same:
            row = within_slope(cells, y, "years", "employee_id").table
        else:
            row = grouped_slope(cells.assign(everybody=0), y, "years", "everybody", "employee_id")
        rows.append(row.assign(label=label).rename(columns={"n_units": "n_people"}))
    columns = ["label", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "n_people"]
    return pd.concat(rows, ignore_index=True)[columns]


def _lasted(said: pd.DataFrame, rated: pd.DataFrame, kpi: str, teams: pd.Series) -> tuple[float, float, float]:
    """Return for how many months the diverging teams have diverged, until the last wave."""
    inside = [cells[cells["team_id"].isin(set(teams))] for cells in (said, rated)]
    inside = [c.assign(who=c["employee_id"] + "|" + c["team_id"]) for c in inside]
    last = max(float(c["years"].max()) for c in inside)
    at, low, high = onset([(inside[0], ENGAGEMENT), (inside[1], kpi)], "who", "years", "wave")
    return tuple(float(np.round(12 * (last - when))) for when in (at, high, low))


def shown_teams(found: Drift | str) -> pd.DataFrame:
    """Return the teams without their names: team (a number in order of engagement's trend), rise, fall, diverging."""
    if isinstance(found, str):
        return pd.DataFrame(columns=["team", "rise", "fall", "p_opposite", "diverging", "n_people"])
    rows = found.teams.sort_values("fall", kind="stable", ignore_index=True)
    rows = rows[
        ["rise", "rise_low", "rise_high", "fall", "fall_low", "fall_high", "p_opposite", "diverging", "n_people"]
    ]
    return rows.assign(team=[f"team {at + 1}" for at in range(len(rows))])
