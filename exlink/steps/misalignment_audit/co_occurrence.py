"""Step 06: do symptoms come together in the same teams, and does one site stand out (M47)? Factors against chance.

Symptoms that share a cause are high in the same teams. Teams of the same role are compared, since roles differ in what
can go wrong. Two questions are asked: whether more of what differs between teams lies on one line than chance would put
there, and whether the teams of one site stand out in several symptoms at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.symptoms import team_symptoms
from exlink.errors import EstimationError
from exlink.stats.parallel import Parallel, parallel_analysis
from exlink.stats.standing_out import standing_out

SURE = 0.05  # below which a site stands out, all sites and symptoms judged together
DID_OR_NOT = ("Exits", "Surveys left unanswered")  # symptoms that a person has or has not, so that few on a side matter


@dataclass(frozen=True, slots=True, eq=False)
class CoOccurrence:
    """Symptoms over teams.

    teams : Parallel
    loadings : DataFrame       label (symptom), estimate … (correlation with the common line), n_people
    sites : DataFrame or str   site, symptom, estimate (standard deviations of teams from those of other sites) …,
                               p_adjusted, clear, n_people (behind the symptom at the site), n_with, n_without (those
                               of them who have it or not), few (not to be told, since one of these is small or would
                               follow from this one; never clear), n_units; or why not
    symptoms : list of str
    small : int                teams with too few people
    people : int
    """

    teams: Parallel
    loadings: pd.DataFrame
    sites: pd.DataFrame | str
    symptoms: list[str]
    small: int
    people: int


def assess_co_occurrence(data: StudyData, *, seed: int) -> CoOccurrence | str:
    """Return whether symptoms come together in teams and at sites, or why that cannot be assessed."""
    if data.unit == "team_id":
        return "not assessed: needs EX of employees, so that teams are known by their people; this study links by team"
    rows, few = team_symptoms(data), data.study.privacy.min_group
    people = rows.groupby("team_id")["employee_id"].nunique()
    kept = people.index[people >= few]
    sums = rows[rows["team_id"].isin(kept)].groupby(["team_id", "symptom"])[["n", "sum"]].sum()
    levels = (sums["sum"] / sums["n"]).unstack("symptom").reindex(kept)
    # a symptom that not all of these teams have data on would compare other teams than the rest
    levels = levels.loc[:, levels.notna().all() & (levels.nunique() > 1)]
    where = _where(data, rows).loc[levels.index]
    try:
        teams = parallel_analysis(levels, where["role"], seed=seed)
    except EstimationError:
        return (
            f"not assessed: {levels.shape[1]} symptoms are known of {len(levels)} teams of at least {few} people in "
            f"{where['role'].nunique()} roles; too few to tell what goes together"
        )
    inside = rows[rows["team_id"].isin(kept)]
    behind = inside.groupby("symptom")["employee_id"].nunique()
    loadings = teams.loadings.rename(columns={"term": "label"})
    loadings = loadings.assign(n_people=loadings["label"].map(behind).astype(int))
    loadings = loadings.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)
    return CoOccurrence(
        teams, loadings, _sites(levels, where, inside, data, seed), list(levels.columns), int((people < few).sum()),
        int(inside["employee_id"].nunique()),
    )  # fmt: skip


def _where(data: StudyData, rows: pd.DataFrame) -> pd.DataFrame:
    """Return role and site of most of each team's people."""
    known = [c for c in ("role", "site") if data.has("employees", c)]
    people = rows[["team_id", "employee_id"]].drop_duplicates()
    people = people.merge(data.frame("employees", ["employee_id", *known]), on="employee_id", how="left")
    people = people.assign(**{c: "" for c in ("role", "site") if c not in known}).fillna({"role": "", "site": ""})
    return people.groupby("team_id")[["role", "site"]].agg(lambda labels: labels.mode().iloc[0])


def _sites(
    levels: pd.DataFrame, where: pd.DataFrame, rows: pd.DataFrame, data: StudyData, seed: int
) -> pd.DataFrame | str:
    """Return how each site's teams differ from teams of the same role elsewhere."""
    if missing := data.missing("employees.site"):
        return missing
    try:
        table = standing_out(levels, where["site"], where["role"], seed=seed)
    except EstimationError:
        return "not assessed: too few teams of the same role at different sites"
    table = table.rename(columns={"group": "site", "measure": "symptom"})
    counts = _people(rows.assign(site=rows["team_id"].map(where["site"])))
    table = table.merge(counts, on=["site", "symptom"], how="left", validate="one_to_one")
    fewest = table[list(counts.columns[2:])].min(axis=1)
    few = fewest.groupby(table["symptom"]).transform(_not_told, few=data.study.privacy.min_group).astype(bool)
    return table.assign(clear=(table["p_adjusted"] < SURE) & ~few, few=few)


def _not_told(fewest: pd.Series, few: int) -> np.ndarray:
    """Return which sites are not told of in a symptom, from the fewest people on a side at each.

    What sites differ by adds up to about zero, so that one cell alone would follow from the others: hidden are none,
    or at least two with ``few`` people between them.
    """
    sizes = fewest.sort_values(kind="stable")
    n = int((sizes < few).sum())
    if n:
        n = max(n, 2, int((sizes.cumsum() < few).sum()) + 1)
    return fewest.index.isin(sizes.index[:n])


def _people(rows: pd.DataFrame) -> pd.DataFrame:
    """Return per site and symptom how many people are behind it, and how many of them have it or not."""
    own = rows.groupby(["site", "symptom", "employee_id"], as_index=False)["sum"].sum()
    has = own["sum"].gt(0)
    sided = own["symptom"].isin(DID_OR_NOT)  # of contacts, days and answers there are so many that all count on both
    own = own.assign(n_people=1, n_with=(has | ~sided).astype(int), n_without=(~has | ~sided).astype(int))
    return own.groupby(["site", "symptom"], as_index=False)[["n_people", "n_with", "n_without"]].sum()


def shown_sites(found: CoOccurrence | str) -> pd.DataFrame:
    """Return sites by symptom, those in which sites differ most first, ready to be released."""
    columns = [
        "site",
        "symptom",
        "estimate",
        "conf_low",
        "conf_high",
        "clear",
        "n_people",
        "n_with",
        "n_without",
        "few",
    ]
    if isinstance(found, str) or isinstance(found.sites, str):
        return pd.DataFrame(columns=columns)
    rows = found.sites.assign(far=found.sites["estimate"].abs())
    rows["far"] = (
        -rows["far"].mask(rows["few"], 0.0).groupby(rows["symptom"]).transform("max")
    )  # a hidden one has no say
    return rows.sort_values(["far", "symptom", "site"], ignore_index=True)[columns]


def shown_loadings(found: CoOccurrence | str) -> pd.DataFrame:
    """Return how closely each symptom follows the common line, where there is one, ready to be released."""
    columns = ["label", "estimate", "conf_low", "conf_high", "n_people"]
    if isinstance(found, str) or not found.teams.factors:
        return pd.DataFrame(columns=columns)
    return found.loadings[columns]
