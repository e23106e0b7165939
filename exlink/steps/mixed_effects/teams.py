"""Teams as a third factor beside employees and customers: what belongs to a team and not to those in it (M23)."""

from __future__ import annotations

from collections.abc import Callable

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import MIN_UNITS
from exlink.data.planted import planted_variances
from exlink.errors import EstimationError
from exlink.stats.lmm import LmmFit, begin_lmm
from exlink.stats.lmm.variance_intervals import variance_intervals
from exlink.steps.mixed_effects.models import Fits, formula_of
from exlink.steps.mixed_effects.rows import CUSTOMER, TEAM, Design
from exlink.steps.mixed_effects.slopes import MANY
from exlink.steps.mixed_effects.variances import CONTACT, PLANTED

NONE = 1e-6  # share of the variance: a bound below it is zero, found by a search
COLUMNS = ["outcome", "component", "variance", "share", "share_low", "share_high", "method", "accounted", "n",
           "n_units", "n_teams", "message", "planted"]  # fmt: skip


def team_reason(data: StudyData, given: Design) -> str:
    """Return why teams cannot have effects of their own beside those of their people, or ``""``."""
    if data.unit != "employee_id":
        return "not assessed: this study links teams, so teams are the units themselves"
    members = given.rows.group_by(TEAM).agg(nw.col(given.unit).n_unique().alias("people")).collect().to_pandas()
    teams = int((members["people"] > 1).sum())
    if teams >= MIN_UNITS:
        return ""
    return (
        f"not assessed: teams' own share needs at least {MIN_UNITS} teams with two or more {data.people} whose "
        f"contacts were answered; this study has {teams}"
    )


def with_team(data: StudyData, given: Design, outcome: str, fits: Fits, *, reml: bool) -> Callable[[], LmmFit | str]:
    """Read the rows and return what fits one outcome with EX and with teams, at the time of the contact, beside people.

    It may be called in another thread. With very many units customers have no effect of their own. A string says why
    there is no model.
    """
    reason = team_reason(data, given)
    if reason or outcome not in fits.mixed:
        return lambda: reason or f"not assessed: no model of {outcome}"
    plain = fits.mixed[outcome]
    formula, random = formula_of(outcome, plain.terms), {**given.random, TEAM: "1"}
    if plain.n_units > MANY:
        random.pop(CUSTOMER, None)
    try:
        search = begin_lmm(formula, given.source, random, reml=reml, weights=given.weights)
    except EstimationError as error:
        told = f"not assessed: {given.worded(error)}"
        return lambda: told
    return lambda: _searched(search, given)


def _searched(search: Callable[[], LmmFit], given: Design) -> LmmFit | str:
    try:
        return search()
    except EstimationError as error:
        return f"not assessed: {given.worded(error)}"


def team_variances(data: StudyData, given: Design, outcome: str, fit: LmmFit | str) -> pd.DataFrame:
    """Return where the variance of answers sits once teams are told from their people, without EX in the model.

    Returns
    -------
    DataFrame: outcome, component ('employee within the team', 'team', 'customer', 'single contact'), variance, share
    with its 95 % interval and the method of that, accounted (share of the component that goes once EX is in; missing
    where it cannot be told from zero), n (answers), n_units (employees), n_teams, message (in words, empty where the
    fit has nothing to say), planted (share, in simulated data). No row without a fit.
    """
    if isinstance(fit, str):
        return pd.DataFrame(columns=COLUMNS)
    ex = [t for t in [*given.within, *given.between] if t in fit.fixef.index]
    before = fit.without(*ex, clustered=False) if ex else fit
    found, after = (
        variance_intervals(before, shares_only=True).set_index("group"),
        fit.varcorr.set_index("group")["value"],
    )
    about = {"outcome": outcome, "n": fit.nobs, "n_units": int(fit.ngroups[given.unit]),
             "n_teams": int(fit.ngroups[TEAM]), "message": given.worded(before.message)}  # fmt: skip
    names = {given.unit: f"{data.people.rstrip('s')} within the team", TEAM: "team", CUSTOMER: "customer",
             "Residual": CONTACT}  # fmt: skip
    rows = []
    for group, component in names.items():
        if group in found.index:
            part = found.loc[group]
            gone = 1 - float(after[group]) / part["variance"] if part["share_low"] > NONE else np.nan
            rows.append({**about, "component": component, "accounted": gone,
                         **part[["variance", "share", "share_low", "share_high", "method"]]})  # fmt: skip
    out = pd.DataFrame(rows, columns=COLUMNS)
    return out.assign(planted=_planted(data, out, names[given.unit]))


def team_sentence(parts: pd.DataFrame, fit: LmmFit | str, people: str) -> str:
    """Return what of the differences belongs to teams and what to the people in them, and a singular fit in words."""
    if isinstance(fit, str):
        return fit
    by = parts.set_index("component")
    own, team = by.iloc[0], by.loc["team"]
    if team["message"]:
        warned = f" The fit warns: {team['message']}."
        if "found to be zero" in team["message"]:
            warned += f" That part was left at zero; what differs is then put down to the {people} themselves."
    else:
        warned = ""
    told = (
        f"**{_share(team)} of the variance of {team['outcome']} belongs to {team['n_teams']:,} teams**, whoever of "
        f"their {people} serves"
        if team["share_low"] > NONE
        else f"**That teams differ beyond the {people} in them cannot be told from chance**: {_share(team)} of the "
        f"variance of {team['outcome']} lies between {team['n_teams']:,} teams"
    )
    alone = "" if "customer" in by.index else " Customers have no level of their own here."
    return f"{told}, and {_share(own)} to the {people} inside a team.{alone}{warned}"


def _share(part: pd.Series) -> str:
    return f"{part['share']:.1%} ({part['share_low']:.1%} to {part['share_high']:.1%})"


def _planted(data: StudyData, parts: pd.DataFrame, who: str) -> pd.Series:
    """Return the planted share of each component, missing where none is."""
    truth = planted_variances(data)
    if truth is None:
        return pd.Series(np.nan, index=parts.index)
    known = {who: "employee", "team": "team", "customer": "customer", CONTACT: PLANTED[CONTACT][0]}
    chosen = truth.set_index(["outcome", "component"])["observed_share"]
    keys = zip(parts["outcome"], parts["component"].map(known), strict=True)
    return pd.Series([chosen.get(key, np.nan) for key in keys], index=parts.index, dtype=float)
