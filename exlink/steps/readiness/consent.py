"""Whose answers may be linked: given under a person's own name, or not, and whether the two kinds differ (M11)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_kpi_scales, headline_kpi
from exlink.data.asked import ex_asked, quarter_of
from exlink.data.dataset import StudyData
from exlink.data.touchpoints import units_on_either_side
from exlink.data.wording import signed
from exlink.stats.intervals import difference, group_means
from exlink.stats.power import minimum_detectable, verdict
from exlink.stats.proportions import group_shares

MODES = ("identified", "not identified", "difference")
_COLUMNS = ["mode", "estimate", "conf_low", "conf_high", "n", "n_units"]


def identified(data: StudyData) -> pd.DataFrame | None:
    """Return the share of people who answered under their own name per quarter; None where it is not recorded."""
    if not data.has("ex_responses", "identified"):
        return None
    cells = data.query(
        f"SELECT {data.unit}, {quarter_of('responded_on')} AS quarter, 1 AS people, "
        "min(coalesce(identified, true)::INTEGER) AS identified FROM ex_responses GROUP BY ALL ORDER BY ALL"
    )
    shares = group_shares(cells, "identified", "people", "quarter")
    both = group_shares(cells, "identified", "people", cluster=data.unit).assign(quarter="all")
    frame = pd.concat([shares.assign(n_clusters=shares["n"]), both], ignore_index=True)
    frame = frame.rename(columns={"n_clusters": "n_units"})
    who = pd.concat([cells, cells.assign(quarter="all")], ignore_index=True).assign(answered=lambda f: f["identified"])
    frame = frame.join(units_on_either_side(who, ["quarter"], data.unit), on="quarter")
    return frame[["quarter", "estimate", "conf_low", "conf_high", "n", "n_units", "n_yes", "n_no"]]


def mode_shift(data: StudyData) -> pd.DataFrame:
    """Return the headline EX score of identified and of other answers, and their difference.

    Returns
    -------
    DataFrame, 3 rows: mode, tidy mean (of persons' answers, clustered by person), n_units; empty where only one
    mode exists or no EX KPI was asked.
    """
    kpi = headline_kpi(list(ex_kpi_scales(data)))
    cells = data.query(
        f"SELECT {data.unit}, coalesce(identified, true) AS identified, count(*) AS n_score, sum(score) AS sum_score, "
        f"sum(score * score) AS sumsq_score FROM ex_responses WHERE kpi = '{kpi or 'driver'}' "
        "GROUP BY ALL ORDER BY ALL"
    )
    if cells["identified"].nunique() < 2:
        return pd.DataFrame(columns=_COLUMNS)
    sides = [group_means(cells[cells["identified"] == own], "score", cluster=data.unit) for own in (True, False)]
    return _beside(sides)


def mode_response(data: StudyData) -> pd.DataFrame:
    """Return how often people of either mode answer, and the difference: not identified less identified.

    The mode of people is known from their answers only, and who never answers has none. So the first answer tells
    the mode, and only quarters in which people were asked after it count.

    Returns
    -------
    DataFrame, 3 rows: mode, tidy share of person-quarters (clustered by person), n_units; empty without invitations,
    or where one mode was never asked again.
    """
    asked = ex_asked(data)
    if asked is None:
        return pd.DataFrame(columns=_COLUMNS)
    first = data.query(
        f"SELECT {data.unit}, min(responded_on) AS first_on, arg_min(coalesce(identified, true), responded_on) AS own "
        f"FROM ex_responses GROUP BY 1 ORDER BY 1"
    )
    asked = asked[asked["surveyed"]].merge(first, on=data.unit)
    asked = asked[asked["invited_on"] > asked["first_on"]]
    if asked["own"].nunique() < 2:
        return pd.DataFrame(columns=_COLUMNS)
    people = asked.groupby([data.unit, "quarter", "own"], sort=True)["answered"].max().astype(int).reset_index()
    people["asked"] = 1
    sides = [
        group_shares(people[people["own"] == own], "answered", "asked", cluster=data.unit) for own in (True, False)
    ]
    return _beside(sides)


def response_sentence(shift: pd.DataFrame, min_group: int) -> str:
    """Say whether people who answer without their name answer less often."""
    if shift.empty:
        return ""
    own, other, gap = (shift[shift["mode"] == mode].iloc[0] for mode in MODES)
    if gap.n_units < min_group:
        return f"Fewer than {min_group} people of one mode were asked again, too few to compare how often they answer."
    low, high = 100 * gap.conf_low, 100 * gap.conf_high
    band = f"{signed(100 * gap.estimate, 0)} percentage points ({signed(low, 0)} to {signed(high, 0)})"
    seen = f" This data could have detected about {100 * minimum_detectable(gap.std_error):.0f}."
    words = {
        "lower": f"**Who answers without a name answers less often**: {band}.",
        "higher": f"**Who answers without a name answers more often**: {band}.",
        "inconclusive": f"Whether they also answer less often is inconclusive: {band}.{seen}",
    }
    return (
        f"{words[verdict(gap.estimate, gap.conf_low, gap.conf_high)]} Asked again after their first answer, people "
        f"who give their name answered in {own.estimate:.0%} of the quarters, the others in {other.estimate:.0%}."
    )


def _beside(sides: list[pd.DataFrame]) -> pd.DataFrame:
    """Return both modes and their difference, second less first, with the people behind each."""
    units = [int(side["n_clusters"].iloc[0]) for side in sides]
    frame = pd.concat([*sides, difference(*reversed(sides))], ignore_index=True)
    frame = frame.assign(mode=list(MODES), n_units=[*units, min(units)])
    return frame[[*_COLUMNS, "std_error"]]


def identified_sentence(share: pd.DataFrame, shift: pd.DataFrame, min_group: int) -> str:
    """Say how many people answered under their own name, and whether the others answered differently."""
    rate = share[share["quarter"] == "all"].iloc[0]
    said = f"**{rate.estimate:.1%} of all answered surveys were given under the respondent's own name.**"
    if 0 < rate.n_no < min_group:  # the share would count them
        said = (
            f"**Nearly all surveys were answered under the respondent's own name**; fewer than {min_group} people "
            "answered otherwise."
        )
    elif 0 < rate.n_yes < min_group:
        said = f"**Fewer than {min_group} people answered under their own name.**"
    if shift.empty:
        return f"{said} There is no second mode to compare with."
    gap = shift[shift["mode"] == "difference"].iloc[0]
    if gap.n_units < min_group:  # then neither the share: it would count them
        return (
            f"**Nearly all surveys were answered under the respondent's own name**; fewer than {min_group} people "
            "answered otherwise, too few to be compared."
        )
    word = "lower" if gap.conf_high < 0 else "higher" if gap.conf_low > 0 else None
    if word is None:
        return (
            f"{said} Whether the others answer differently is inconclusive: {gap.estimate:+.2f} points "
            f"({gap.conf_low:+.2f} to {gap.conf_high:+.2f})."
        )
    return (
        f"{said} The others score {word} by {abs(gap.estimate):.2f} points "
        f"({gap.conf_low:+.2f} to {gap.conf_high:+.2f})."
    )


def ledger_sentence(data: StudyData) -> str:
    """Say what becomes of answers that were not given under the respondent's own name."""
    unit = data.unit
    used = data.query(
        f"SELECT count(*) AS n FROM exposures e WHERE EXISTS (FROM ex_responses r WHERE r.{unit} = e.{unit} "
        "AND r.responded_on = e.responded_on AND NOT coalesce(r.identified, true)) ORDER BY n"
    )["n"].iloc[0]
    if not used:
        return "None of the answers given without a name is linked to interactions."
    return (
        "Answers marked as not identified carry a key all the same and **are part of the linked panel**. Whether "
        "their authors agreed to that has to be settled before anything is published."
    )
