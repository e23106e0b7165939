"""Who was asked and who answered, on both sides; and whose answers were given under their own name."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_kpi_scales, headline_kpi
from exlink.data.asked import ex_asked, quarter_of
from exlink.data.dataset import StudyData
from exlink.data.touchpoints import units_on_either_side
from exlink.data.wording import share_in_words
from exlink.errors import EstimationError
from exlink.stats.intervals import difference, group_means
from exlink.stats.proportions import group_shares

EX, CX = "employees answering EX surveys", "customers answering after a contact"
MOST_TEAMS = 24  # a figure of more rows is not read


def by_quarter(data: StudyData, contacts: pd.DataFrame) -> pd.DataFrame:
    """Return the response rates of both sides per quarter; ``contacts`` is what ``cx_asked`` returned.

    The EX rate counts people: invited to any survey of that quarter, and answered any of these. The CX rate
    counts invited contacts; its interval allows contacts of one unit to be alike.

    Returns
    -------
    DataFrame: side, quarter, tidy share, n_units, and on either side of the share people (EX) or contacts (CX):
    n_yes, n_no. The EX side is absent where no invitations are kept.
    """
    sides = [group_shares(contacts, "answered", "invited", "quarter", cluster=data.unit).assign(side=CX)]
    people = _people_asked(data, ["quarter"])
    if people is not None:
        ex = group_shares(people, "answered", "asked", "quarter")
        sides.insert(0, ex.assign(side=EX, n_clusters=ex["n"]))
    frame = pd.concat(sides, ignore_index=True).rename(columns={"n_clusters": "n_units"})
    frame["n_yes"] = (frame["estimate"] * frame["n"]).round().astype(int)
    frame["n_no"] = frame["n"].astype(int) - frame["n_yes"]
    return frame[["side", "quarter", "estimate", "conf_low", "conf_high", "n", "n_units", "n_yes", "n_no"]]


def by_team(data: StudyData) -> pd.DataFrame | None:
    """Return the EX response rate per team over all quarters, in order of names; None without invitations.

    Returns
    -------
    DataFrame: team, tidy share of person-quarters with an interval clustered by person, n_units, n_yes and n_no
    (people who answered in some quarter; who did not in some).
    """
    people = _people_asked(data, ["team_id", "quarter"])
    if people is None:
        return None
    shares = group_shares(people, "answered", "asked", "team_id", cluster=data.unit)
    shares = shares.join(units_on_either_side(people, ["team_id"], data.unit), on="team_id")
    shares = shares.rename(columns={"team_id": "team", "n_clusters": "n_units"})
    shares = shares.sort_values("team", ignore_index=True)
    return shares[["team", "estimate", "conf_low", "conf_high", "n", "n_units", "n_yes", "n_no"]]


def lowest_first(released: pd.DataFrame) -> list[int]:
    """Return the rows of a released :func:`by_team` to draw: at most ``MOST_TEAMS``, the lowest rates first.

    Hidden teams come last, in order of names: a place among the others would tell their rate.
    """
    return released.sort_values(["estimate", "team"], na_position="last").index[:MOST_TEAMS].tolist()


def overall_rate(frame: pd.DataFrame, side: str, min_group: int) -> float:
    """Return a side's response rate over all quarters, NaN where it is not known.

    In whole per cent, so that nobody can be counted from it; with fewer than ``min_group`` on one side of it, the
    bound that this leaves.
    """
    rows = frame[frame["side"] == side]
    yes, no = int(rows["n_yes"].sum()), int(rows["n_no"].sum())
    if not yes + no:
        return float("nan")
    few = min_group - 1
    yes = max(yes + no - few, 0) if 0 < no < min_group else min(few, yes + no) if 0 < yes < min_group else yes
    return round(yes / float(rows["n"].sum()), 2)


def overall_rate_in_words(frame: pd.DataFrame, side: str, min_group: int) -> str:
    """Return the same in words: ``81%``, or ``at least 91%`` where few did not answer."""
    rows = frame[frame["side"] == side]
    if rows.empty:
        return "an unknown share"
    return share_in_words(int(rows["n_yes"].sum()), int(rows["n_no"].sum()), min_group)


def coverage_sentence(data: StudyData, frame: pd.DataFrame, min_group: int) -> str:
    """Say the two response rates and how the EX rate moved between quarters that may be shown."""
    of = "invited contacts" if data.has("cx_invitations") else "contacts"
    said = [f"**Customers answered after {overall_rate_in_words(frame, CX, min_group)} of {of}"]
    ex = frame[frame["side"] == EX]
    if len(ex):
        rate = overall_rate_in_words(frame, EX, min_group)
        said.append(f"; {data.people} answered in {rate} of the quarters in which they were asked")
    said.append("**.")
    few = pd.concat([ex["n_yes"].between(1, min_group - 1), ex["n_no"].between(1, min_group - 1)], axis=1).any(axis=1)
    if len(ex) > 1 and not few.any():
        low, high = ex.loc[ex["estimate"].idxmin()], ex.loc[ex["estimate"].idxmax()]
        said.append(
            f" The EX rate ran between {low.estimate:.0%} ({low.quarter}) and {high.estimate:.0%} ({high.quarter})."
        )
    return "".join(said)


def team_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say between which rates the teams lie, from the table as released; hidden teams stay out of it."""
    shown = frame[frame["n_units"] >= min_group]
    if shown.empty:
        return f"No team has {min_group} people or more on both sides of its rate, so none is shown."
    low, high, mean = shown["estimate"].min(), shown["estimate"].max(), shown["estimate"].mean()
    apart = int((shown["conf_high"] < mean).sum())
    below = f"{apart or 'none'} of {len(shown)} {'lie' if apart > 1 else 'lies'}"
    return (
        f"**Team rates run from {low:.0%} to {high:.0%}**; {below} below the average of those shown ({mean:.0%}) "
        "with the whole interval."
    )


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
        return pd.DataFrame(columns=["mode", "estimate", "conf_low", "conf_high", "n", "n_units"])
    sides = [group_means(cells[cells["identified"] == own], "score", cluster=data.unit) for own in (True, False)]
    units = [side["n_clusters"].iloc[0] for side in sides]
    frame = pd.concat([*sides, difference(*reversed(sides))], ignore_index=True)
    frame = frame.assign(mode=["identified", "not identified", "difference"], n_units=[*units, min(units)])
    return frame[["mode", "estimate", "conf_low", "conf_high", "n", "n_units"]]


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


def _people_asked(data: StudyData, by: list[str]) -> pd.DataFrame | None:
    """Return one row per unit and ``by``: asked = 1, answered 0 or 1; touchpoints nobody surveys do not count."""
    asked = ex_asked(data)
    if asked is None:
        return None
    asked = asked[asked["surveyed"]]
    if asked.empty:
        raise EstimationError("ex_invitations: no invitation is to a touchpoint that any answer is about.")
    keys = list(dict.fromkeys([data.unit, *by]))
    people = asked.groupby(keys, sort=True)["answered"].max().reset_index()
    return people.assign(asked=1, answered=people["answered"].astype(int))
