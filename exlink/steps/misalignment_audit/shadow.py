"""Step 06: is work done beside the systems (M41)? Hours, wages, applications, teams, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.answers import ex_kpi_scales
from exlink.data.dataset import StudyData
from exlink.data.off_system import headcount, off_system_applications, off_system_days, off_system_waves
from exlink.data.panel import column_label, panel_cells
from exlink.errors import EstimationError
from exlink.stats.intervals import ratio_mean
from exlink.stats.multiplicity import judged
from exlink.stats.pooling import Pooled, partial_pool
from exlink.stats.tidy import tidy_frame
from exlink.stats.within_between import within_slope

MIN_TEAMS = 4  # fewer cannot tell how teams usually differ
COPIED = "copied by hand between managed applications"


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    """Work off the systems.

    share : Series          share of the desktop's minutes: tidy
    amounts : DataFrame     what, unit, estimate, conf_low, conf_high, n_people: minutes, hours and wages
    applications : DataFrame    application, minutes (a person and day), conf_low, conf_high, hours (of everybody in a
                            year), money, money_low, money_high, n_people (who use it)
    teams : DataFrame       times the average team: ratio, conf_low, conf_high (partially pooled), n_people; or empty
    pooled : Pooled or None
    few_teams : str         why teams cannot be compared, ''
    left_out : int          teams with too few people
    people, days : int
    """

    share: pd.Series
    amounts: pd.DataFrame
    applications: pd.DataFrame
    teams: pd.DataFrame
    pooled: Pooled | None
    few_teams: str
    left_out: int
    people: int
    days: int


def assess_shadow(data: StudyData, *, hours_a_year: float, days_a_year: float) -> Shadow | str:
    """Return work off the systems, or why it cannot be assessed.

    Parameters
    ----------
    hours_a_year, days_a_year : what a yearly salary pays for.
    """
    if data.unit == "team_id":
        return "not assessed: needs `desktop_activity` of employees; this study links at the level of teams"
    columns = ("desktop_activity.managed", "desktop_activity.minutes")
    if missing := data.missing("desktop_activity") or data.missing(*columns):
        return missing
    seen = off_system_days(data)
    people, few = int(seen["employee_id"].nunique()), data.study.privacy.min_group
    if people < few:
        return f"not assessed: `desktop_activity` holds fewer than {few} employees"
    share = _tidy(ratio_mean(seen, "off", "minutes", (), "employee_id")).iloc[0]
    teams, pooled, why, left_out = _teams(seen, few)
    return Shadow(
        share, _amounts(data, seen, hours_a_year, days_a_year), _applications(data, seen, hours_a_year, days_a_year),
        teams, pooled, why, left_out, people, int(seen["days"].sum()),
    )  # fmt: skip


def _tidy(means: pd.DataFrame) -> pd.DataFrame:
    rows = tidy_frame("mean", means["estimate"], means["std_error"], means["n"], df=means["n_clusters"] - 1, null=None)
    return rows.assign(n_people=means["n_clusters"].to_numpy())


def _a_day(seen: pd.DataFrame, total: str) -> pd.Series:
    return _tidy(ratio_mean(seen, total, "days", (), "employee_id")).iloc[0]


def _amounts(data: StudyData, seen: pd.DataFrame, hours_a_year: float, days_a_year: float) -> pd.DataFrame:
    """Return minutes a day, hours a year of everybody, and the wages they are worth where enough people have one."""
    heads, few = headcount(data), data.study.privacy.min_group
    rows = []
    for total, what in (("off", "off the systems"), ("copying", COPIED)):
        if not seen[total].sum() > 0:
            continue
        day = _a_day(seen, total)
        rows += [("minutes a person and day", what, day, 1.0), ("hours of everybody a year", what, day,
                                                                heads * days_a_year / 60)]  # fmt: skip
        paid = seen[seen["salary"].notna()]
        if paid["employee_id"].nunique() >= few:
            priced = paid.assign(worth=paid[total] / 60 * paid["salary"] / hours_a_year)
            rows.append((f"{data.study.currency} of wages a year", what, _a_day(priced, "worth"), heads * days_a_year))
    return pd.DataFrame([
        {"what": what, "unit": unit, "n_people": int(row["n_people"]),
         **{name: factor * row[name] for name in ("estimate", "conf_low", "conf_high")}}
        for unit, what, row, factor in rows
    ])  # fmt: skip


def _applications(data: StudyData, seen: pd.DataFrame, hours_a_year: float, days_a_year: float) -> pd.DataFrame:
    """Return every application that is not managed, the one with the most time first."""
    own = seen.groupby("employee_id", sort=True).agg(days=("days", "sum"), salary=("salary", "first")).reset_index()
    heads, few, out = headcount(data), data.study.privacy.min_group, []
    for name, minutes in off_system_applications(data).groupby("application", sort=True):
        rows = own.merge(minutes, on="employee_id", how="left").fillna({"off": 0.0})
        day = _a_day(rows, "off")
        paid = rows[rows["salary"].notna()]
        worth = dict.fromkeys(("estimate", "conf_low", "conf_high"), np.nan)
        if (paid["off"] > 0).sum() >= few:  # who does not use it adds nothing, so the sum would be that of a few
            worth = _a_day(paid.assign(worth=paid["off"] / 60 * paid["salary"] / hours_a_year), "worth")
        everybody = heads * days_a_year
        out.append({"application": name, "minutes": day["estimate"], "conf_low": day["conf_low"],
                    "conf_high": day["conf_high"], "hours": everybody / 60 * day["estimate"],
                    "money": everybody * worth["estimate"], "money_low": everybody * worth["conf_low"],
                    "money_high": everybody * worth["conf_high"], "n_people": len(minutes)})  # fmt: skip
    if not out:
        return pd.DataFrame()
    # the one with few users last: between two shown ones its time would be as good as told
    table = pd.DataFrame(out).assign(small=lambda rows: rows["n_people"] < few)
    table = table.sort_values(["small", "minutes"], ascending=[True, False], kind="stable", ignore_index=True)
    return table.drop(columns="small")


def _teams(seen: pd.DataFrame, few: int) -> tuple[pd.DataFrame, Pooled | None, str, int]:
    """Return teams' minutes as multiples of the average team's, each pulled to it by as much as it is uncertain."""
    known = seen[seen["team_id"].notna()]
    means = ratio_mean(known, "off", "days", ["team_id"], "employee_id")
    enough = means[(means["n_clusters"] >= few) & (means["estimate"] > 0) & (means["std_error"] > 0)]
    left_out = len(means) - len(enough)
    if len(enough) < MIN_TEAMS:
        return pd.DataFrame(), None, f"not assessed: fewer than {MIN_TEAMS} teams with {few} people", left_out
    means = enough.reset_index(drop=True)
    error = means["std_error"] / means["estimate"]  # of the logarithm
    pooled = partial_pool(np.log(means["estimate"]), error**2, [str(t) for t in means["team_id"]], n=means["n"])
    centre = float(pooled.table["shrunken"].median())
    times = np.exp(pooled.table[["shrunken", "shrunken_low", "shrunken_high"]] - centre)
    times.columns = ["ratio", "conf_low", "conf_high"]
    times = times.assign(n_people=means["n_clusters"].to_numpy(), team_id=means["team_id"].to_numpy())
    return times.sort_values("ratio", kind="stable", ignore_index=True), pooled, "", left_out


def shown_teams(found: Shadow | str) -> pd.DataFrame:
    """Return the teams without their names: team (a number in order of the ratio), ratio, conf_low, conf_high."""
    if isinstance(found, str) or found.teams.empty:
        return pd.DataFrame(columns=["team", "ratio", "conf_low", "conf_high", "n_people"])
    rows = found.teams.drop(columns="team_id")
    return rows.assign(team=[f"team {at + 1}" for at in range(len(rows))])


def goes_with(data: StudyData) -> pd.DataFrame | str:
    """Return what moves with an hour a day more off the systems, within the same person.

    Returns
    -------
    DataFrame: label, side, estimate … in per cent of the scale per hour a day, p_adjusted (over all rows), verdict,
    n_people; or why it is not assessed.
    """
    if data.unit == "team_id" or data.missing("desktop_activity"):
        return data.missing("desktop_activity") or "not assessed: needs `desktop_activity` of employees"
    hours, said = off_system_waves(data), data.exposures()
    rows, why = [], ""
    wanted = [(c, "employees") for c in ("ex_ease", "ex_satisfaction") if c in said]
    cells = panel_cells(data)
    wanted += [(y, "customers") for y in data.cx_kpis if y != "recommend"]
    for name, side in wanted:
        if side == "employees":
            frame = said.assign(**{f"n_{name}": said[name].notna().astype(int), f"sum_{name}": said[name].fillna(0.0)})
            low, high = ex_kpi_scales(data)[name.removeprefix("ex_")]
            label = column_label(data, name)
        else:
            frame, (low, high), label = cells, data.study.scales[name], name
        try:
            slope = within_slope(frame.merge(hours, on=["employee_id", "wave"]), name, "hours", "employee_id", "wave")
        except EstimationError as error:
            why = f"not assessed: {error}"
            continue
        share = 100 / (high - low)
        rows.append(slope.table.assign(label=f"{side}: {label}", side=side, **{
            c: slope.table[c] * share for c in ("estimate", "std_error", "conf_low", "conf_high")}))  # fmt: skip
    if not rows:
        return why or "not assessed: no overall score of either side beside `desktop_activity`"
    return judged(pd.concat(rows, ignore_index=True)).rename(columns={"n_units": "n_people"})
