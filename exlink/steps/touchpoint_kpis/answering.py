"""Whether employees answer freely: items left out and sheets answered alike throughout, by team (M12)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.answering import FEWEST_ITEMS, ex_sheets
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.wording import signed
from exlink.errors import EstimationError
from exlink.stats.intervals import group_means
from exlink.stats.multiplicity import judged
from exlink.stats.power import minimum_detectable
from exlink.stats.proportions import group_shares
from exlink.stats.within_between import between_slope

STRAIGHT, MISSING = "sheets answered alike throughout", "items left out"
FEWEST_TEAMS = 10
SLOPES = ["measure", "estimate", "conf_low", "conf_high", "std_error", "p_adjusted", "n", "n_units", "verdict"]
COLUMNS = ["measure", "team", "estimate", "conf_low", "conf_high", "n", "n_units", "n_yes", "n_no"]


@dataclass(frozen=True, slots=True, eq=False)
class Answering:
    """How employees filled in their sheets; only ``reason`` is filled where it cannot be had.

    reason : str
    sheets : DataFrame      one row per employee and day of answering
    """

    reason: str
    sheets: pd.DataFrame | None = None


def answering(data: StudyData) -> Answering:
    """Return every sheet of aspects' items, or why there is none."""
    if data.unit == "team_id":
        return Answering("not assessed: needs EX answers of single employees; this study holds those of teams")
    sheets = ex_sheets(data)
    if sheets.empty:
        return Answering("not assessed: needs driver items in `ex_responses`")
    return Answering("", sheets)


def by_team(found: Answering) -> pd.DataFrame:
    """Return, per team and over all, the share of items left out and of sheets answered alike, in per cent.

    Returns
    -------
    DataFrame, COLUMNS: measure, team (``all`` first), estimate with interval (employees are the clusters), n (sheets),
    n_units (employees), n_yes, n_no (employees with, and without, any such sheet; items left out are a mean over
    items, which has no sides: everybody counts on both).
    """
    sheets = found.sheets
    if sheets is None:
        return pd.DataFrame(columns=COLUMNS)
    parts = []
    for measure in (MISSING, STRAIGHT):
        used = sheets if measure == MISSING else sheets[sheets["judged"]]
        if used.empty:
            continue
        cells = _cells(used, measure)
        for by in ((), ("team_id",)):
            frame = _shares(cells, measure, list(by)).join(_sides(cells, measure, list(by)))
            sizes = cells.groupby(list(by) or (lambda _: 0), sort=True)["sheets"].sum().to_numpy()
            frame = frame.assign(n=sizes, measure=measure)
            parts.append(frame.rename(columns={"team_id": "team"}) if by else frame.assign(team="all"))
    return pd.concat(parts, ignore_index=True).rename(columns={"n_clusters": "n_units"})[COLUMNS]


def overall_sentence(table: pd.DataFrame, min_group: int) -> str:
    """Say how many items are left out and how many sheets are alike throughout, over all teams."""
    said = []
    for row in table[(table["team"] == "all") & (table["n_units"] >= min_group)].itertuples():
        few = 0 < row.n_yes < min_group or 0 < row.n_no < min_group
        share = "a few" if few else f"{row.estimate:.1f} %"
        band = "" if few else f" ({row.conf_low:.1f} to {row.conf_high:.1f} %)"
        said.append(f"**{share} of {row.measure.replace('sheets', 'all sheets')}**{band}")
        behind = f"{row.n:,} sheets of {row.n_units:,} employees"
    return f"{' and '.join(said)}; {behind}." if said else ""


def rows_of(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the rows of one measure of a released table; none where all that is shown is the total."""
    own = table[(table["measure"] == measure) & table["n_units"].notna()]
    return own if (own["team"] != "all").any() else own.iloc[:0]


def hidden_sentence(table: pd.DataFrame, min_group: int) -> str:
    """Say of how many teams a released table hides the share of sheets answered alike, and why; '' for none."""
    teams = table[(table["measure"] == STRAIGHT) & (table["team"] != "all")]
    hidden = int(teams["n_units"].isna().sum())
    if not hidden:
        return ""
    which = "no team" if hidden == len(teams) else f"{len(teams) - hidden} of {len(teams)} teams"
    return (
        f"How many sheets were answered alike is shown for {which}: where fewer than {min_group} people of a team "
        "answered so, or nobody, that would point at who did."
    )


def planted_sentence(data: StudyData, found: Answering, min_group: int) -> str:
    """Say what was planted in simulated data, and what was found there; '' for real data."""
    planted = (data.truth or {}).get("unsafe_teams")
    if not planted or found.reason:
        return ""
    judged = found.sheets[found.sheets["judged"]]
    judged = judged.assign(inside=judged["team_id"].isin(planted["teams"]))
    cells = _cells(judged, STRAIGHT, "inside")
    table = _shares(cells, STRAIGHT, ["inside"]).join(_sides(cells, STRAIGHT, ["inside"])).set_index("inside")
    if len(table) < 2 or (table[["n_yes", "n_no"]].replace(0, min_group) < min_group).any(axis=None):
        return ""
    inside, elsewhere = (  # nobody at all is not said of single people either
        f"{row.estimate:.1f} % ({row.conf_low:.1f} to {row.conf_high:.1f})"
        if row.n_yes
        else f"at most {row.conf_high:.1f} %"
        for row in table.sort_index(ascending=False).itertuples()
    )
    return (
        f"Planted in this simulated study: {planted['straightlined_share']:.0%} of the sheets in "
        f"{len(planted['teams'])} teams that feel unsafe, none elsewhere; found there {inside}, elsewhere {elsewhere}."
    )


def safety_slopes(data: StudyData, found: Answering, aspect: str) -> pd.DataFrame:
    """Return how teams' shares go with their mean psychological safety.

    Each team counts by its sheets; errors are robust, over teams. A team's safety is the mean of its other sheets: one
    answered alike throughout says of safety what it says of everything.

    Returns
    -------
    DataFrame, SLOPES: measure, estimate (per cent points per point of safety), conf_low, conf_high, std_error,
    p_adjusted (Benjamini–Hochberg over the rows), n (sheets), n_units (teams), verdict; empty where there are fewer
    than ``FEWEST_TEAMS`` teams.
    """
    column = f"ex_{slug(aspect)}"
    exposures = data.exposures()[["employee_id", "wave", column]]
    sheets = found.sheets.merge(exposures, on=["employee_id", "wave"], how="left").dropna(subset=["team_id"])
    safety = sheets[~sheets["straight"].astype(bool)].groupby("team_id")[column].mean().rename("safety")
    rows = []
    for measure in (MISSING, STRAIGHT):
        used = sheets if measure == MISSING else sheets[sheets["judged"]]
        cells = _cells(used, measure)
        cells["sum_share"] = 100 * cells["hits"] / cells["asked"] * cells["sheets"]
        cells = (
            cells.rename(columns={"sheets": "n_share"}).groupby("team_id", sort=True)[["n_share", "sum_share"]].sum()
        )
        teams = cells.join(safety).dropna().reset_index()
        if len(teams) < FEWEST_TEAMS or not teams["sum_share"].any():
            continue
        try:
            slope = between_slope(teams, "share", "safety", "team_id").table.iloc[0]
        except EstimationError:  # all teams have the same safety, or the same share: nothing to lay beside
            continue
        rows.append({"measure": measure, **slope[["estimate", "conf_low", "conf_high", "std_error", "p_value"]],
                     "n": int(slope["n"]), "n_units": len(teams)})  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=SLOPES)
    return judged(pd.DataFrame(rows))[SLOPES]


def safety_sentence(data: StudyData, found: Answering, aspect: str) -> str:
    """Say whether teams that feel less safe answer less freely, what could have been seen, or what is missing."""
    if found.reason:
        return ""
    if slug(aspect) not in data.aspects:
        return f"not assessed: needs items of aspect `{slug(aspect)}` in `ex_responses` (parameter `safety`)"
    frame = safety_slopes(data, found, aspect)
    if frame.empty:
        return f"not assessed: needs {FEWEST_TEAMS} teams in which somebody leaves items out or answers alike"
    said = []
    for row in frame.itertuples():
        band = f"{signed(row.estimate, 1)} ({signed(row.conf_low, 1)} to {signed(row.conf_high, 1)}) points"
        if row.verdict == "inconclusive":
            seen = minimum_detectable(row.std_error)
            said.append(f"{row.measure}: inconclusive, {band}; {row.n_units} teams could have shown {seen:.1f}")
        else:
            word = "fewer" if row.estimate < 0 else "more"
            said.append(f"{row.measure}: {word} in teams that feel safer, {band} per point of safety")
    return (
        f"**Safety and answering, team by team**: {'; '.join(said)}. Safety is that of a team's sheets not answered "
        "alike; both verdicts are adjusted for each other (Benjamini–Hochberg). Teams differ in more than safety."
    )


def items_needed() -> int:
    """Return how many items a sheet needs before it can count as answered alike."""
    return FEWEST_ITEMS


def _cells(sheets: pd.DataFrame, measure: str, group: str = "team_id") -> pd.DataFrame:
    """Return, per employee and group, sheets, how much was asked and how much of it was left out or alike."""
    if measure == MISSING:
        frame = sheets.assign(hits=sheets["asked"] - sheets["answered"])
    else:
        frame = sheets.assign(hits=sheets["straight"].astype(int), asked=1)
    return frame.groupby(["employee_id", group], sort=True).agg(
        sheets=("hits", "size"), hits=("hits", "sum"), asked=("asked", "sum")
    ).reset_index()  # fmt: skip


def _shares(cells: pd.DataFrame, measure: str, by: list[str]) -> pd.DataFrame:
    """Return shares in per cent with intervals over employees: Wilson for sheets, t for the mean of items left out."""
    percent = ["estimate", "conf_low", "conf_high"]
    if measure == STRAIGHT:
        frame = group_shares(cells, "hits", "asked", by, cluster="employee_id")
    else:
        sums = cells.assign(n_share=cells["asked"], sum_share=cells["hits"].astype(float))
        frame = group_means(sums, "share", by, cluster="employee_id")
        frame["conf_low"] = frame["conf_low"].clip(lower=0)
    frame[percent] = frame[percent] * 100
    return frame[[*by, *percent, "n_clusters"]]


def _sides(cells: pd.DataFrame, measure: str, by: list[str]) -> pd.DataFrame:
    hits = cells.groupby([*by, "employee_id"], sort=True)["hits"].sum()
    ever = hits.gt(0).rename("ever").reset_index()
    groups = ever.groupby(by or (lambda _: 0), sort=True)["ever"]
    yes, size = groups.sum().astype(int), groups.size().astype(int)
    sides = {"n_yes": size, "n_no": size} if measure == MISSING else {"n_yes": yes, "n_no": size - yes}
    return pd.DataFrame(sides).reset_index(drop=True)
