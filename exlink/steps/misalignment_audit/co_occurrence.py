"""Step 06: do symptoms come together in the same teams, and does one site stand out (M47)? Factors against chance.

Symptoms that share a cause are high in the same teams. Teams of the same role are compared, since roles differ in what
can go wrong. Two questions are asked: whether more of what differs between teams lies on one line than chance would put
there, and whether the teams of one site stand out in several symptoms at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.symptoms import team_symptoms
from exlink.errors import EstimationError
from exlink.stats.parallel import Parallel, parallel_analysis
from exlink.stats.standing_out import standing_out

SURE = 0.05  # below which a site stands out, all sites and symptoms judged together


@dataclass(frozen=True, slots=True, eq=False)
class CoOccurrence:
    """Symptoms over teams.

    teams : Parallel
    loadings : DataFrame       label (symptom), estimate … (correlation with the common line), n_people
    sites : DataFrame or str   site, symptom, estimate (standard deviations of teams from those of other sites) …,
                               p_adjusted, clear, n_people, n_units; or why not
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
    everybody = int(rows.loc[rows["team_id"].isin(kept), "employee_id"].nunique())
    loadings = teams.loadings.rename(columns={"term": "label"}).assign(n_people=everybody)
    loadings = loadings.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)
    return CoOccurrence(
        teams, loadings, _sites(levels, where, rows, data, seed), list(levels.columns), int((people < few).sum()),
        everybody,
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
    inside = rows[rows["team_id"].isin(levels.index)]
    counts = inside.assign(site=inside["team_id"].map(where["site"])).groupby("site")["employee_id"].nunique()
    table = table.rename(columns={"group": "site", "measure": "symptom"})
    return table.assign(clear=table["p_adjusted"] < SURE, n_people=table["site"].map(counts).astype(int))


def shown_sites(found: CoOccurrence | str) -> pd.DataFrame:
    """Return sites by symptom, those in which sites differ most first, ready to be released."""
    columns = ["site", "symptom", "estimate", "conf_low", "conf_high", "clear", "n_people"]
    if isinstance(found, str) or isinstance(found.sites, str):
        return pd.DataFrame(columns=columns)
    rows = found.sites.assign(far=found.sites["estimate"].abs())
    rows["far"] = -rows.groupby("symptom")["far"].transform("max")
    return rows.sort_values(["far", "symptom", "site"], ignore_index=True)[columns]


def shown_loadings(found: CoOccurrence | str) -> pd.DataFrame:
    """Return how closely each symptom follows the common line, where there is one, ready to be released."""
    columns = ["label", "estimate", "conf_low", "conf_high", "n_people"]
    if isinstance(found, str) or not found.teams.factors:
        return pd.DataFrame(columns=columns)
    return found.loadings[columns]
