"""Step 06: do contacts go through (M49, operational workflows)? Escalations left open, and places where work fails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.workflow import kinds_of_trouble, workflow_cells
from exlink.stats.intervals import ratio_mean
from exlink.stats.judgement import FAIL, judge
from exlink.stats.pooling import partial_pool
from exlink.stats.proportions import group_shares
from exlink.stats.tidy import t_quantile
from exlink.steps.misalignment_audit.check import AREAS, Check, judged_share, not_assessable

OPEN_NAME, PLACE_NAME = "Escalations stay open", "Contacts fail more at one place"
PLACES = {"site": (3, "site"), "team_id": (4, "team")}  # how many can tell what is usual, and what they are called


@dataclass(frozen=True, slots=True, eq=False)
class Workflow:
    """How contacts go through.

    late : Series or str     escalations not solved in time among those old enough: tidy, clustered by who served; or
                             why not
    places : DataFrame or str    sites, or teams: ratio to the usual one, conf_low, conf_high (pooled in part),
                             n_people; the highest last; or why not
    kind : str               'site' or 'team'
    again : Series           contacts handed on, reopened or escalated, as a share: tidy
    kinds : list of str      which of these are recorded
    touchpoint : Series or None    the touchpoint with the largest such share: touchpoint, estimate, conf_low, conf_high
    hours : tuple            handling hours a year in such contacts: estimate, conf_low, conf_high; NaN where unrecorded
    contacts, people : int
    """

    late: pd.Series | str
    places: pd.DataFrame | str
    kind: str
    again: pd.Series
    kinds: list[str]
    touchpoint: pd.Series | None
    hours: tuple[float, float, float]
    contacts: int
    people: int


def assess_workflow(data: StudyData, *, solve_days: int) -> Workflow | str:
    """Return how contacts go through, or why it cannot be assessed; ``solve_days``: to solve an escalation within."""
    kinds = kinds_of_trouble(data)
    if not kinds:
        return data.missing("interactions.transfers", "interactions.reopened", "interactions.escalated")
    cells, few = workflow_cells(data, solve_days), data.study.privacy.min_group
    unit, people = data.unit, int(cells[data.unit].nunique())
    if people < few:
        return f"not assessed: fewer than {few} people served contacts"
    again = group_shares(cells.assign(all=0), "again", "contacts", ["all"], cluster=unit).iloc[0]
    places, kind = _places(cells, unit, few)
    return Workflow(
        _late(data, cells, unit, few), places, kind, again, kinds, _worst(cells, unit, few),
        _hours(cells, unit), int(cells["contacts"].sum()), people,
    )  # fmt: skip


def _hours(cells: pd.DataFrame, unit: str) -> tuple[float, float, float]:
    """Return the hours of handling in contacts that did not go through, in a year of as many contacts."""
    rows = cells.dropna(subset=["hours"])
    if not rows["hours"].sum() > 0:
        return (np.nan, np.nan, np.nan)
    mean = ratio_mean(rows, "hours", "contacts", (), unit).iloc[0]
    half = float(t_quantile(0.975, mean["n_clusters"] - 1)) * mean["std_error"]
    a_year = rows["contacts"].sum() / float(cells.attrs["years"])
    return tuple(float(a_year * (mean["estimate"] + side * half)) for side in (0, -1, 1))


def _late(data: StudyData, cells: pd.DataFrame, unit: str, few: int) -> pd.Series | str:
    if missing := data.missing("interactions.escalated", "interactions.escalation_resolved_on"):
        return missing
    if cells.loc[cells["due"] > 0, unit].nunique() < few:
        return f"not assessed: fewer than {few} people had escalations that are old enough"
    return group_shares(cells.assign(all=0), "late", "due", ["all"], cluster=unit).iloc[0]


def _places(cells: pd.DataFrame, unit: str, few: int) -> tuple[pd.DataFrame | str, str]:
    """Return escalations per contact at every site, or team, as multiples of the usual one's.

    Errors are by team at sites, because people of a team share more than their site.
    """
    if not cells["escalated"].sum() > 0:
        return "not assessed: needs escalations in `interactions.escalated`", ""
    for column, (least, kind) in PLACES.items():
        if column == unit or cells[column].isna().all():
            continue
        known, cluster = cells[cells[column].notna()], "team_id" if column == "site" else unit
        rows = group_shares(known, "escalated", "contacts", [column], cluster=cluster)
        rows = rows.assign(n_people=known.groupby(column)[unit].nunique().reindex(rows[column]).to_numpy())
        rows = rows[(rows["n_people"] >= few) & (rows["estimate"] > 0) & (rows["std_error"] > 0)]
        if len(rows) < least:
            continue
        error = rows["std_error"] / rows["estimate"]  # of the logarithm
        pooled = partial_pool(np.log(rows["estimate"]), error**2, list(rows[column].astype(str))).table
        times = np.exp(pooled[["shrunken", "shrunken_low", "shrunken_high"]] - float(pooled["shrunken"].median()))
        times.columns = ["ratio", "conf_low", "conf_high"]
        times = times.assign(n_people=rows["n_people"].to_numpy())
        return times.sort_values("ratio", kind="stable", ignore_index=True), kind
    return f"not assessed: needs 3 sites, or 4 teams, with {few} people and escalations each", ""


def _worst(cells: pd.DataFrame, unit: str, few: int) -> pd.Series | None:
    """Return the touchpoint at which most contacts do not go through, of those that speak of no few people."""
    rows = group_shares(cells, "again", "contacts", ["touchpoint"], cluster=unit)
    sums = cells.groupby("touchpoint")[["again", "contacts"]].sum().reindex(rows["touchpoint"])
    rest = (sums["contacts"] - sums["again"]).to_numpy()
    rows = rows[(rows["n_clusters"] >= few) & (sums["again"].to_numpy() >= few) & (rest >= few)]
    return None if len(rows) < 2 else rows.loc[rows["estimate"].idxmax()]


def open_check(found: Workflow | str, *, harmless: float, matters: float, solve_days: int) -> Check:
    """Return the verdict on the share of escalations left open; bounds are shares, 0 to 1."""
    late = found if isinstance(found, str) else found.late
    if isinstance(late, str):
        return not_assessable(AREAS, OPEN_NAME, late)
    verdict, _ = judged_share(late, harmless=harmless, matters=matters)
    lead = f"{late['estimate']:.0%} of the escalations are not solved within {solve_days} days"
    band = f"{late['conf_low']:.0%} to {late['conf_high']:.0%}"
    said = (
        f"{lead} (95% interval {band}; up to {harmless:.0%} counts as harmless, "
        f"from {matters:.0%} on it matters); {int(late['n']):,} escalations, {int(late['n_clusters'])} people served."
    )
    numbers = {"estimate": late["estimate"], "conf_low": late["conf_low"], "conf_high": late["conf_high"],
               "harmless": harmless, "matters": matters}  # fmt: skip
    return Check(AREAS, OPEN_NAME, verdict, said, numbers={k: float(v) for k, v in numbers.items()},
                 brief=f"{lead} ({band}).")  # fmt: skip


def place_check(found: Workflow | str, *, harmless: float, matters: float) -> Check:
    """Return the verdict on the place with the most escalations; bounds are times the usual one's.

    What one place has in excess of others is not the nature of the work, which is the same everywhere.
    """
    places = found if isinstance(found, str) else found.places
    if isinstance(places, str):
        return not_assessable(AREAS, PLACE_NAME, places)
    verdicts = [judge(*row, harmless=harmless, matters=matters) for row in
                places[["ratio", "conf_low", "conf_high"]].to_numpy()]  # fmt: skip
    verdict = FAIL if FAIL in verdicts else verdicts[-1]
    top, above = places.iloc[-1], int((places["conf_low"] > harmless).sum())
    lead = f"The {found.kind} with the most escalations has {top['ratio']:.2f} times as many per contact as is usual"
    band = f"{top['conf_low']:.2f} to {top['conf_high']:.2f}"
    said = (
        f"{lead} (95% interval {band}, pulled to the average by as much as it is uncertain; up to "
        f"{harmless:g} counts as harmless, from {matters:g} on it "
        f"matters); {above or 'none'} of {len(places)} {found.kind}s {'is' if above < 2 else 'are'} clearly above "
        f"{harmless:g} times."
    )
    numbers = {"estimate": top["ratio"], "conf_low": top["conf_low"], "conf_high": top["conf_high"],
               "harmless": harmless, "matters": matters, "above": above}  # fmt: skip
    return Check(AREAS, PLACE_NAME, verdict, said, places, {k: float(v) for k, v in numbers.items()},
                 f"{lead} ({band}).")  # fmt: skip


def shown_places(found: Workflow | str) -> pd.DataFrame:
    """Return the places without their names: place (a number in order of the ratio), ratio, bounds, n_people."""
    if isinstance(found, str) or isinstance(found.places, str):
        return pd.DataFrame(columns=["place", "ratio", "conf_low", "conf_high", "n_people"])
    return found.places.assign(place=[f"{found.kind} {at + 1}" for at in range(len(found.places))])


def workflow_sentence(checks: list[Check]) -> str:
    """Return the verdicts on contacts, those that could be made."""
    return "\n\n".join(check.said for check in checks if check.name in (OPEN_NAME, PLACE_NAME) and check.said)


def workflow_lacking(checks: list[Check]) -> list[str]:
    """Return why the verdicts on contacts that could not be made were not, each reason once."""
    lines = [check.lacking for check in checks if check.name in (OPEN_NAME, PLACE_NAME) and check.lacking]
    return list(dict.fromkeys(lines))
