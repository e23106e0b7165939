"""EX, CX and money by team, site and role: pulled to the level above, and adding up to the company (M37)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import leaving
from exlink.data.staff_levels import LEVELS, NOT_RECORDED, staff_levels
from exlink.data.wages import mean_of_enough
from exlink.errors import EstimationError
from exlink.stats.benchmark import benchmarked
from exlink.stats.nested import nested_variances
from exlink.stats.pooling import partial_pool
from exlink.steps.business_rollup.chain import Rollup
from exlink.steps.business_rollup.worth import streams

ALL = "whole company"  # the label of totals; no study calls a team so
COMPANY = "company"
Z = 1.96  # of a 95 % interval
FEWEST = 2  # units of a level that can be told apart
ENDS = ("", "_low", "_high")  # of a column: the estimate and its bounds
SHOWN = ["contacts", "share_contacts", "share_people", "customers", "saved",
         *(f"{name}{end}" for name in ("money", "ex", "ex_gap", "cx", "cx_gap") for end in ENDS)]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Levels:
    """A study's people rolled up.

    lattice : DataFrame, one row per combination of role, site and team and every total of them (`ALL`): role, site,
        team, unit (its name at its own level), n_people, n_met (people with customers' answers), contacts, n
        (customers' answers), share_contacts, share_people, customers, saved, money (a year per ``points``, bounded);
        and where a row is a team, a site, a role or the company: ex (pulled), ex_mean (as answered), ex_low, ex_high,
        ex_gap (to the company, bounded), and the same for cx
    parent : what teams are pulled to: 'role', 'site' or 'company'
    here : people employed, whether they answered or not
    """

    lattice: pd.DataFrame
    aspect: str
    label: str
    kpi: str
    points: float
    parent: str
    here: int


def rows_of(found: Levels | str, *names: str) -> list[int]:
    """Return the rows of the lattice that are the company, its roles, sites or teams; none for a single unit.

    Teams that are all of a role or of a site are left out: that row, which has a name, would name them.
    """
    if isinstance(found, str):
        return []
    rows = [found.lattice.index[_at(found.lattice, name)] for name in names]
    named = whole_units(found.lattice)
    rows = [own[~found.lattice.loc[own, "team"].isin(named)] for own in rows]
    return [i for name, own in zip(names, rows, strict=True) if name == COMPANY or len(own) >= FEWEST for i in own]


def whole_units(lattice: pd.DataFrame) -> set[str]:
    """Return the teams that are all of a role, or all of a site."""
    out: set[str] = set()
    size = lattice.set_index(list(LEVELS))["n_people"]
    of_team = lattice[_at(lattice, "team")].set_index("team")["n_people"]
    for level, other in (("role", "site"), ("site", "role")):
        both = lattice[(lattice[level] != ALL) & (lattice["team"] != ALL) & (lattice[other] == ALL)]
        for row in both.itertuples():
            key = {"role": ALL, "site": ALL, "team": ALL, level: getattr(row, level)}
            if row.n_people == of_team[row.team] == size[tuple(key[name] for name in LEVELS)]:
                out.add(row.team)
    return out


def _at(lattice: pd.DataFrame, level: str) -> np.ndarray:
    """Return which rows are units of a level: totals in all other respects."""
    return np.logical_and.reduce([(lattice[name] != ALL) == (name == level) for name in LEVELS])


def levels(data: StudyData, rollup: Rollup, aspect: str, points: float) -> Levels | str:
    """Return EX, CX and money of one aspect at every level, or why they cannot be told.

    A unit's mean is pulled to the mean of what it belongs to by as much as it is uncertain (`partial_pool`): sites and
    roles to the company, teams to their role, else their site, else the company, whichever every team lies in wholly.
    Pulled means are then brought back in line with the direct mean of the level above (`benchmarked`), weighted by
    people (EX) or by customers' answers (CX): what is shown adds up. Money is the company's, by share of contacts
    (through customers) and of people (replacement saved): links are not estimated unit by unit, they would be noise.
    """
    if data.unit != "employee_id" or not data.has("employees"):
        return "not assessed: how many people are behind a team is known only where EX is given by person"
    aspect = aspect or next(iter(rollup.labels), "")
    if not aspect:
        return "not assessed: no aspect of work was asked"
    staff = staff_levels(data, aspect, rollup.kpi)
    if len(staff) < (least := data.study.privacy.min_group):
        return f"not assessed: fewer than {least} people of the last day answered in the last twelve months"
    lattice = _with_money(_lattice(staff), rollup, aspect, points)
    parent = next((name for name in ("role", "site") if _nested(staff, name)), COMPANY)
    for name, cells in (("ex", _of_people(staff)), ("cx", _of_answers(staff))):
        lattice = _with_means(lattice, name, cells, parent)
    return Levels(lattice, aspect, rollup.labels[aspect], rollup.kpi, points, parent, staff.attrs["here"])


def _nested(staff: pd.DataFrame, name: str) -> bool:
    """Return whether every team lies wholly in one unit of a level that has several."""
    return staff[name].nunique() >= FEWEST and int(staff.groupby("team")[name].nunique().max()) == 1


def _lattice(staff: pd.DataFrame) -> pd.DataFrame:
    """Return counts of every combination of role, site and team that occurs, and of all their totals."""
    staff = staff.assign(met=(staff["n"] > 0).astype(int))
    parts = []
    for kept in product((True, False), repeat=len(LEVELS)):
        keys = {name: staff[name] if keep else ALL for name, keep in zip(LEVELS, kept, strict=True)}
        sums = staff.assign(n_people=1, **keys).groupby(list(LEVELS), sort=True)
        parts.append(sums[["n_people", "met", "contacts", "n"]].sum().reset_index())
    out = pd.concat(parts, ignore_index=True).rename(columns={"met": "n_met"})
    names = [next((label for label in labels if label != ALL), COMPANY) for labels in out[list(LEVELS)].to_numpy()]
    return out.assign(unit=names)


def _with_money(lattice: pd.DataFrame, rollup: Rollup, aspect: str, points: float) -> pd.DataFrame:
    """Return the lattice with its shares, and the company's money in these shares."""
    whole = lattice[_at(lattice, COMPANY)].iloc[0]
    contacts = lattice["contacts"] / max(whole["contacts"], 1)
    people = lattice["n_people"] / whole["n_people"]
    out = lattice.assign(share_contacts=contacts, share_people=people)
    found = streams(rollup, aspect, points) if rollup.draws is not None else {}
    ways = {"customers": contacts, "saved": people}
    for name, share in ways.items():
        out[name] = share * found[name][0] if name in found else np.nan
    there = [name for name in ways if name in found]
    if not there:
        return out.assign(money=np.nan, money_low=np.nan, money_high=np.nan)
    draws = sum(np.outer(ways[name], found[name][1]) for name in there)
    low, high = np.nanquantile(draws, [0.025, 0.975], axis=1)
    return out.assign(money=sum(out[name] for name in there), money_low=low, money_high=high)


def _of_people(staff: pd.DataFrame) -> pd.DataFrame:
    """Return everybody's answer as a mean of itself: weight 1, and the variance of an answer around its team."""
    within = staff["ex"] - staff.groupby("team")["ex"].transform("mean")
    free = len(staff) - staff["team"].nunique()
    variance = float((within**2).sum() / free) if free > 0 else float(staff["ex"].var())
    return staff[list(LEVELS)].assign(weight=1.0, total=staff["ex"], noise=variance)


def _of_answers(staff: pd.DataFrame) -> pd.DataFrame:
    """Return everybody's customers' answers: their number and sum, and the variance of that sum.

    Somebody's customers are alike in that they met the same person: people differ, and their answers around them.
    """
    met = staff[staff["n"] > 0]
    if not len(met):
        return staff.head(0)[list(LEVELS)].assign(weight=0.0, total=0.0, noise=0.0)
    try:
        people, answers = nested_variances(met["n"], met["sum"], met["sumsq"], met["team"])
    except EstimationError:  # one answer each, or one person a team: what differs cannot be told apart
        means = met["sum"] / met["n"]
        people, answers = 0.0, float(np.average((means - means.mean()) ** 2, weights=met["n"]))
    noise = people * met["n"] ** 2 + answers * met["n"]
    return met[list(LEVELS)].assign(weight=met["n"].astype(float), total=met["sum"], noise=noise)


def _with_means(lattice: pd.DataFrame, name: str, cells: pd.DataFrame, parent: str) -> pd.DataFrame:
    """Return the lattice with direct and pulled means of one measure at the company, site, role and team."""
    columns = [name, f"{name}_mean", f"{name}_low", f"{name}_high"]
    out = lattice.assign(**dict.fromkeys([*columns, *(f"{name}_gap{end}" for end in ENDS)], np.nan))
    if not cells["weight"].sum() > 0:
        return out
    company = _direct(cells.assign(**{COMPANY: ALL}), COMPANY)
    company = company.assign(value=company["mean"], spread=np.sqrt(company["variance"]))
    pulled = {level: _pulled(_direct(cells, level), company, ALL) for level in ("site", "role")}
    above = company if parent == COMPANY else pulled[parent]
    belongs = ALL if parent == COMPANY else cells.drop_duplicates("team").set_index("team")[parent]
    pulled["team"] = _pulled(_direct(cells, "team"), above, belongs)
    pulled[COMPANY] = company.set_axis([COMPANY])
    for level, found in pulled.items():
        rows = out.index[_at(out, level) & out["unit"].isin(found.index).to_numpy()]
        there = found.loc[out.loc[rows, "unit"]]
        half = Z * there["spread"]
        bounds = (there["value"], there["mean"], there["value"] - half, there["value"] + half)
        out.loc[rows, columns] = np.column_stack(bounds)
    centre = float(company["mean"].iloc[0])
    return out.assign(**{f"{name}_gap{end}": out[f"{name}{end}"] - centre for end in ENDS})


def _direct(cells: pd.DataFrame, level: str) -> pd.DataFrame:
    """Return weight, mean and variance of the mean of every unit of a level."""
    sums = cells.groupby(level, sort=True)[["weight", "total", "noise"]].sum()
    mean, variance = sums["total"] / sums["weight"], sums["noise"] / sums["weight"] ** 2
    return pd.DataFrame({"weight": sums["weight"], "mean": mean, "variance": variance})


def _pulled(units: pd.DataFrame, above: pd.DataFrame, belongs: pd.Series | str) -> pd.DataFrame:
    """Return units pulled to what they belong to, and in line with it: ``value`` and ``spread`` beside direct means.

    ``above`` has mean, value and spread of the level above; ``belongs`` names what each unit belongs to. A unit's
    distance from its parent's mean is pooled over all units: how far units of one parent differ is told by all of them.
    """
    if len(units) < FEWEST or not (units["variance"] > 0).all():
        return units.assign(value=units["mean"], spread=np.sqrt(units["variance"]))
    parent = units.index.to_series().map(belongs) if isinstance(belongs, pd.Series) else pd.Series(belongs, units.index)
    over = above.loc[parent].set_axis(units.index)
    found = partial_pool(units["mean"] - over["mean"], units["variance"], list(units.index)).table.set_index(
        units.index
    )
    doubt = (found["shrunken_high"] - found["shrunken_low"]) / (2 * Z)
    out = units.assign(value=over["value"] + found["shrunken"], spread=np.hypot(doubt, found["pull"] * over["spread"]))
    for name, own in out.groupby(parent, sort=True):
        whole = float(above.at[name, "value"])
        out.loc[own.index, "value"] = benchmarked(own["value"], own["spread"] ** 2, own["weight"], whole)
    return out


def reconciled(found: Levels) -> pd.DataFrame:
    """Return per level what its units make together, beside the company: they must agree to the last digit.

    Returns
    -------
    DataFrame: level, units, n_people, share_contacts, customers, saved, money (sums); ex, cx (means weighted by people
    and by customers' answers).
    """
    rows = []
    for level in (COMPANY, *LEVELS):
        own = found.lattice[_at(found.lattice, level)]
        sums = own[["n_people", "share_contacts", "customers", "saved", "money"]].sum(min_count=1).to_dict()
        means = {name: _weighted(own[name], own[weight]) for name, weight in (("ex", "n_people"), ("cx", "n"))}
        rows.append({"level": level, "units": len(own), **sums, **means})
    return pd.DataFrame(rows)


def _weighted(values: pd.Series, weight: pd.Series) -> float:
    there = weight > 0
    return float(np.average(values[there], weights=weight[there])) if there.any() else np.nan


def leavers(data: StudyData, rollup: Rollup) -> pd.DataFrame | str:
    """Return the year's voluntary exits and what replacing them costs, by role and by site; or why it cannot be told.

    By team is not told: hardly any team loses as many people in a year as may be spoken of.

    Returns
    -------
    DataFrame: level ('role' | 'site'), unit (`ALL` for the whole), n_left (also what a row is released by), exits (the
    same, to be shown), cost and cost_low, cost_high (in currency; NaN where salaries of fewer than the minimum group
    of leavers are recorded, and for all units of a level where that is so for one of them, or its wages would follow
    from the others). Units of a level add up to its whole. How many stayed is not in it: less those of `levels` it
    would tell how many of a role or a site did not answer, which may be a handful.
    """
    if rollup.workforce is None or not data.has("employees", "left_on"):
        return data.missing("employees.left_on") or "not assessed: who leaves is known of persons only"
    people, last = leaving(data), pd.Timestamp(data.study.period.last)
    left = people["voluntary"] & (people["left_on"] > last - pd.DateOffset(years=1)) & (people["left_on"] <= last)
    if left.sum() < (least := data.study.privacy.min_group):
        return f"not assessed: fewer than {least} people left of their own accord in the last twelve months"
    people = people.assign(left=left, counts=left | people["left_on"].isna())
    people["site"] = people["site"].fillna(NOT_RECORDED) if "site" in people else NOT_RECORDED
    people["salary"] = people["annual_salary"] if data.has("employees", "annual_salary") else np.nan
    shares = rollup.replacement / rollup.workforce.salary
    low, middle, high = np.quantile(shares, [0.025, 0.5, 0.975]) if np.isfinite(shares).all() else [np.nan] * 3
    rows = []
    for level in ("role", "site"):
        for unit, own in [*people.groupby(level, sort=True), (ALL, people)]:
            paid = own.loc[own["left"], "salary"]
            told = mean_of_enough(paid, least if len(paid) >= least else 1)  # fewer leavers are hidden with their row
            total = told * len(paid) if len(paid) else 0.0
            rows.append({
                "level": level, "unit": unit, "n_left": int(own["left"].sum()), "n_counted": int(own["counts"].sum()),
                "cost": total * middle, "cost_low": total * low, "cost_high": total * high,
            })  # fmt: skip
    out = pd.DataFrame(rows)
    blind = out["level"].map((out["cost"].isna() & (out["n_left"] >= least)).groupby(out["level"]).any())
    out.loc[blind & (out["unit"] != ALL), ["cost", "cost_low", "cost_high"]] = np.nan
    several = out.groupby("level")["unit"].transform("size") > FEWEST
    out = out[several & (out.pop("n_counted") > 0)].reset_index(drop=True)
    return out.assign(exits=out["n_left"])


def near_headcounts(data: StudyData, found: Levels | str, roles: Sequence[str]) -> list[bool]:
    """Return which rows of the lattice to hide: roles whose head count is told elsewhere and nearly all answered.

    A head count less the people who answered is how many did not; below the minimum group that speaks of a few.
    """
    if isinstance(found, str):
        return []
    gone = "WHERE left_on IS NULL" if data.has("employees", "left_on") else ""
    here = data.query(f"SELECT role, count(*) AS n FROM employees {gone} GROUP BY role ORDER BY role").set_index("role")
    silent = found.lattice["role"].map(here["n"]) - found.lattice["n_people"]
    told = _at(found.lattice, "role") & found.lattice["role"].isin(roles)
    return (told & silent.between(1, data.study.privacy.min_group - 1)).tolist()
