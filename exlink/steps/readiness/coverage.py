"""Who was asked and who answered, on both sides: by quarter, by team, by touchpoint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from exlink.data.asked import ex_asked
from exlink.data.dataset import StudyData
from exlink.data.touchpoints import units_on_either_side
from exlink.data.wording import share_in_words
from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.proportions import group_shares
from exlink.stats.tidy import t_tail

EX, CX = "employees answering EX surveys", "customers answering after a contact"
MOST_TEAMS = 24  # a figure of more rows is not read
_COLUMNS = ["side", "estimate", "std_error", "conf_low", "conf_high", "n", "n_units", "n_yes", "n_no"]


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


def by_team(data: StudyData, contacts: pd.DataFrame) -> pd.DataFrame:
    """Return the response rates of both sides per team over all quarters, in order of names.

    Returns
    -------
    DataFrame: side, team, tidy share (EX: of person-quarters; CX: of invited contacts) with an interval clustered
    by person, n_units, on either side of the share people (EX) or contacts (CX) as n_yes and n_no, and, against the
    rate of all teams of that side, p_adjusted (Benjamini–Hochberg over the side's teams) and below. Empty at team
    grain, where a team is one unit; the EX side is absent without invitations.
    """
    if data.unit == "team_id":
        return pd.DataFrame(columns=[*_COLUMNS[:1], "team", *_COLUMNS[1:], "p_adjusted", "below"])
    people = _people_asked(data, ["team_id", "quarter"])
    frame = _both_sides(data, contacts, people, "team_id").rename(columns={"team_id": "team"})
    return pd.concat([_against_all(part) for _, part in frame.groupby("side", sort=False)], ignore_index=True)


def by_touchpoint(data: StudyData, contacts: pd.DataFrame) -> pd.DataFrame:
    """Return the response rates of both sides per touchpoint over all quarters; what nobody surveys is left out.

    Returns
    -------
    DataFrame: side, touchpoint, tidy share (EX: of invitations; CX: of invited contacts) with an interval clustered
    by unit, n_units, n_yes and n_no as in :func:`by_team`.
    """
    asked = _people_asked(data, ["touchpoint", "quarter"])
    return _both_sides(data, contacts, asked, "touchpoint")


def at_hidden(frame: pd.DataFrame, hidden: Mapping[str, list[str]]) -> pd.Series:
    """Return the rows of :func:`by_touchpoint` whose touchpoint is hidden on all pages, by side."""
    side = frame["side"].map({EX: "employees", CX: "customers"})
    return pd.Series([t in hidden[s] for s, t in zip(side, frame["touchpoint"], strict=True)], dtype=bool)


def touchpoint_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say where customers and employees answer least and most; what few people are behind stays out of it."""
    said = []
    for side, part in frame[_may_be_said(frame, min_group)].groupby("side", sort=False):
        if len(part) < 2:
            continue
        low, high = part.loc[part["estimate"].idxmin()], part.loc[part["estimate"].idxmax()]
        who, about = ("Customers", "after") if side == CX else ("Employees", "about")
        apart = low.conf_high < high.conf_low
        said.append(
            f"**{who} answer least {about} {low.touchpoint} ({low.estimate:.0%}) and most {about} {high.touchpoint} "
            f"({high.estimate:.0%})**; the intervals of the two {'do not overlap' if apart else 'overlap'}."
        )
    return " ".join(said)


def lowest_first(released: pd.DataFrame, side: str = EX) -> list[int]:
    """Return a side's rows of a released :func:`by_team` to draw: at most ``MOST_TEAMS``, the lowest rates first.

    Hidden teams come last, in order of names: a place among the others would tell their rate.
    """
    own = released[released["side"] == side]
    return own.sort_values(["estimate", "team"], na_position="last").index[:MOST_TEAMS].tolist()


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


def team_sentence(frame: pd.DataFrame, side: str, min_group: int) -> str:
    """Say between which rates the teams of a side lie, and which share is clearly below; small ones stay out of it."""
    shown = frame[(frame["side"] == side) & _may_be_said(frame, min_group)]
    if shown.empty:
        return f"No team has {min_group} people or more on both sides of its rate, so none is shown."
    low, high, below = shown["estimate"].min(), shown["estimate"].max(), int(shown["below"].sum())
    return (
        f"**Team rates run from {low:.0%} to {high:.0%}**; {below or 'none'} of {len(shown)} "
        f"{'lie' if below > 1 else 'lies'} clearly below the rate of all teams (adjusted for the number of teams)."
    )


def _may_be_said(frame: pd.DataFrame, min_group: int) -> pd.Series:
    """Return which rows of a table, released or not, enough people stand behind on both sides of the rate."""
    enough = frame["n_units"] >= min_group
    if "n_yes" in frame:
        for side in ("n_yes", "n_no"):
            enough &= ~frame[side].between(1, min_group - 1)
    return enough


def _both_sides(data: StudyData, contacts: pd.DataFrame, people: pd.DataFrame | None, by: str) -> pd.DataFrame:
    """Return the rates of both sides per ``by``, EX first; ``people`` holds who was asked, None where unknown."""
    cx = group_shares(contacts, "answered", "invited", by, cluster=data.unit).assign(side=CX)
    cx["n_yes"] = (cx["estimate"] * cx["n"]).round().astype(int)
    cx["n_no"] = cx["n"] - cx["n_yes"]
    sides = [cx]
    if people is not None:
        ex = group_shares(people, "answered", "asked", by, cluster=data.unit).assign(side=EX)
        sides.insert(0, ex.join(units_on_either_side(people, [by], data.unit), on=by))
    frame = pd.concat(sides, ignore_index=True).rename(columns={"n_clusters": "n_units"})
    return frame[["side", by, *_COLUMNS[1:]]]


def _against_all(part: pd.DataFrame) -> pd.DataFrame:
    """Return a side's teams, each tested against the rate of all of them."""
    mean = float(np.average(part["estimate"], weights=part["n"]))
    p_value = 2 * t_tail(((part["estimate"] - mean) / part["std_error"]).abs(), part["n_units"] - 1)
    adjusted = benjamini_hochberg(np.where(part["std_error"] > 0, p_value, np.nan))
    return part.assign(p_adjusted=adjusted, below=(adjusted < 0.05) & (part["estimate"] < mean))


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
