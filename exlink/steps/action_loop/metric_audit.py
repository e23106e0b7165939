"""Step 07: which metrics say something of a person or a team, and are made a target of by whom (M60).

A target makes sense for whom the result comes back: if good and bad quarters of the same person alternate by chance,
nothing that the person does is measured. This is not all of control: what everybody does equally well never shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.initiatives import initiative_rows, whole_of
from exlink.data.team_kpis import ENGAGEMENT, ContactKpi, all_measures, by_team_quarter, said_of_work, unit_quarters
from exlink.errors import EstimationError
from exlink.stats.retest import retest

KEEP, TEAM, DROP, OPEN = "a person's measure", "team trend only", "company figure, no target", "inconclusive"
FEWEST_ROWS = 5  # contacts or answers of a person in a quarter; fewer are no result
FEWEST_TEAMS = 5
FEWEST_COLLEAGUES = 4  # people of a team in a quarter from whose level a person is told apart; two mirror each other
ENGAGED = ("engagement", "esat", "enps")
BOUNDS = ("estimate", "conf_low", "conf_high")


@dataclass(frozen=True, slots=True, eq=False)
class MetricAudit:
    """What can be said of every metric.

    rows : DataFrame    metric, person, person_low, person_high, team, team_low, team_high (% of the differences that
                        comes back in another quarter, none below 0; NaN where it cannot be told), claimed ('yes', 'no',
                        or '' without claims), advice (`KEEP`, `TEAM`, `DROP`, `OPEN`), results (median contacts or
                        answers of a person in a quarter), n_people (of whom it is known); none of fewer people than
                        may be spoken of, nor what comes back of fewer
    added : int or None    metrics that initiatives added, where that is recorded
    people, teams, quarters : int
    """

    rows: pd.DataFrame
    added: int | None
    people: int
    teams: int
    quarters: int


def audit_metrics(data: StudyData, *, target_repeats: float, trend_repeats: float) -> MetricAudit | str:
    """Return what every metric says of persons and teams, or why it cannot be told.

    Parameters
    ----------
    target_repeats : % of the differences between people that must come back for sure before one is a target
    trend_repeats : % of the differences between teams that must come back for sure before a team is shown its own
    """
    cells, said, few = unit_quarters(data), said_of_work(data), data.study.privacy.min_group
    people, teams, quarters = (cells[c].nunique() for c in (data.unit, "team_id", "quarter"))
    if quarters < 2 or teams < FEWEST_TEAMS or people < few:
        return (
            f"not assessed: whether results come back needs two quarters, {FEWEST_TEAMS} teams and {few} people; this "
            f"study has {quarters}, {teams} and {people}"
        )
    claims = set(data.frame("claims", ["metric"])["metric"].str.casefold()) if data.has("claims") else None
    rows = [_row(data, cells, kpi, claims) for kpi in all_measures(data)]
    if len(said):
        found = _retest(by_team_quarter(said).rename(columns={"mean": "value"}), "team_id")
        rows.append({"metric": ENGAGEMENT, **_named("person", None), **_named("team", found), "results": np.nan,
                     "claimed": _claimed(claims, ENGAGED), "n_people": said[data.unit].nunique()})  # fmt: skip
    table = pd.DataFrame(rows)
    table = table[table[["person", "team"]].notna().any(axis=1) & (table["n_people"] >= few)]
    if table.empty:
        return f"not assessed: no metric is known for the same people or teams in two quarters, and of {few} people"
    persons = (table["metric"] != ENGAGEMENT) & (data.unit != "team_id")
    table["advice"] = [
        _advice(row, target_repeats, trend_repeats, asked)
        for (_, row), asked in zip(table.iterrows(), persons, strict=True)
    ]
    order = table["advice"].map([KEEP, TEAM, OPEN, DROP].index)
    table = table.assign(order=order).sort_values(["order", "metric"], ignore_index=True).drop(columns="order")
    added = None
    if data.has("initiatives", "metrics_added"):
        added = int(whole_of(initiative_rows(data))["metrics_added"].sum())
    return MetricAudit(table, added, people, teams, quarters)


def _row(data: StudyData, cells: pd.DataFrame, kpi: ContactKpi, claims: set[str] | None) -> dict:
    """Return what comes back of one measure of contacts, of persons against their whole team and of teams."""
    n, total, key = f"n_{kpi.column}", f"sum_{kpi.column}", ["team_id", "quarter"]
    teams = cells.groupby(key, sort=True).agg(
        n=(n, "sum"), sum=(total, "sum"), people=(data.unit, "nunique")
    ).reset_index()  # fmt: skip
    teams = teams.assign(value=(teams["sum"] / teams["n"]).where(teams["n"] >= FEWEST_ROWS))
    enough, own = cells[cells[n] >= FEWEST_ROWS], None
    if data.unit != "team_id":
        beside = enough.merge(teams.loc[teams["people"] >= FEWEST_COLLEAGUES, [*key, "value"]], on=key)
        own = _retest(beside.assign(value=beside[total] / beside[n] - beside["value"]), data.unit)
        own = own if own is not None and own["n_units"] >= data.study.privacy.min_group else None
    return {"metric": kpi.words, **_named("person", own), "results": enough[n].median(),
            **_named("team", _retest(teams, "team_id")),
            "claimed": _claimed(claims, (kpi.column, *kpi.called)),
            "n_people": cells.loc[cells[n] > 0, data.unit].nunique()}  # fmt: skip


def _retest(rows: pd.DataFrame, unit: str) -> pd.Series | None:
    """Return the retest reliability, None where it cannot be told."""
    try:
        found = retest(rows, "value", unit, "quarter").iloc[0]
    except EstimationError:
        return None
    return found if unit != "team_id" or found["n_units"] >= FEWEST_TEAMS else None


def _named(whose: str, found: pd.Series | None) -> dict[str, float]:
    names = (whose, f"{whose}_low", f"{whose}_high")
    values = [np.nan] * 3 if found is None else [100 * max(float(found[c]), 0.0) for c in BOUNDS]
    return dict(zip(names, values, strict=True))


def _claimed(claims: set[str] | None, words: tuple[str, ...]) -> str:
    if claims is None:
        return ""
    return "yes" if any(word in claim for claim in claims for word in words) else "no"


def _advice(row: pd.Series, target: float, trend: float, persons: bool) -> str:
    """Return for whom a metric is fit, by the rule that was set before: the whole interval must clear the mark.

    That it is fit for nobody needs the whole interval below both marks; ``persons``: whether persons are asked about.
    """
    if row["person_low"] >= target:
        return KEEP
    if row["team_low"] >= trend:
        return TEAM
    return DROP if row["team_high"] < trend and (row["person_high"] < target or not persons) else OPEN


def audit_sentence(found: MetricAudit | str, *, target_repeats: float) -> str:
    """Say how many metrics say something of a person, how many of a team, and how many of neither."""
    if isinstance(found, str):
        return ""
    rows = found.rows
    count = rows["advice"].value_counts().reindex([KEEP, TEAM, DROP, OPEN], fill_value=0)
    fit = {0: "none is", 1: "1 is"}.get(count[KEEP], f"{count[KEEP]} are")
    said = (
        f"Of {len(rows)} metrics, {fit} fit to measure a person: at least {target_repeats:.0f}% of the differences "
        f"between people of a team come back in another quarter, the 95% interval included. {count[TEAM]} tell teams "
        f"apart, {count[DROP]} clearly do neither, and {count[OPEN]} cannot be told. {found.people:,} people, "
        f"{found.teams} teams, {found.quarters} quarters; every metric is judged by itself."
    )
    if found.added is not None:
        said += f" Initiatives added {found.added} metrics."
    return said + " Which metrics a team or a person gets to see is not on record, so that cannot be assessed."
