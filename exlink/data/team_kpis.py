"""What is measured of teams: every KPI by team and quarter, from two random halves of the contacts (M58)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.answers import ex_kpi_scales, percent_of_scale
from exlink.data.asked import quarter_of, team_then
from exlink.data.dataset import StudyData
from exlink.data.warehouse import name_of

MIX = ("touchpoint", "channel", "reason", "complexity")  # what kind of contact it is, which no team chooses


@dataclass(frozen=True, slots=True)
class ContactKpi:
    """A measure of contacts: its column of ``interactions``, what is wanted, and whether that is more (1) or less (−1).

    ``goal`` is the good direction in words, so that two of them pull against each other when one falls as the other
    rises; ``called`` are the words under which others speak of it.
    """

    column: str
    words: str
    goal: str
    good: int
    called: tuple[str, ...] = ()


OPERATIONS = (
    ContactKpi("handle_seconds", "handle time", "short handle time", -1, ("aht", "handle_time")),
    ContactKpi("transfers", "transfers", "few transfers", -1),
    ContactKpi(
        "resolved_first_contact", "solved at first contact", "solved at first contact", 1, ("fcr", "first_contact")
    ),
    ContactKpi("reopened", "reopened cases", "not reopened", -1),
    ContactKpi("escalated", "escalations", "not escalated", -1),
    ContactKpi("script_adherence", "script kept", "script kept", 1, ("adherence",)),
)
WAIT = ContactKpi("wait_seconds", "waiting time", "short wait", -1, ("wait", "service_level"))
RATINGS = (
    ContactKpi("satisfaction", "customers' satisfaction", "customers' satisfaction", 1, ("csat",)),
    ContactKpi("recommend", "customers' recommendation", "customers' recommendation", 1, ("nps",)),
    ContactKpi("ease", "customers' ease", "customers' ease", 1, ("ces",)),
)
RATING, ENGAGEMENT = RATINGS[0].goal, "employees' engagement"


def team_measures(data: StudyData) -> tuple[ContactKpi, ...]:
    """Return the measures of contacts that a team has a hand in: operations, and the first rating customers give."""
    return (*_there(data, OPERATIONS), *_ratings(data)[:1])


def all_measures(data: StudyData) -> tuple[ContactKpi, ...]:
    """Return every measure of contacts that the study holds, the time customers waited among them."""
    return (*_there(data, (*OPERATIONS, WAIT)), *_ratings(data))


def _there(data: StudyData, measures: tuple[ContactKpi, ...]) -> tuple[ContactKpi, ...]:
    return tuple(k for k in measures if data.has("interactions", k.column))


def _ratings(data: StudyData) -> tuple[ContactKpi, ...]:
    return tuple(k for k in RATINGS if k.column in data.cx_kpis)


def team_quarters(data: StudyData) -> pd.DataFrame:
    """Return one row per team, quarter and half of its contacts: means less what such contacts usually show.

    Contacts are halved by a hash of their ids. Each is set against the average of all contacts of its kind (`MIX`).

    Returns
    -------
    DataFrame: team_id, quarter, half (0, 1), and per measure of `team_measures` (by its goal) the mean deviation, as
    measured.
    """
    measures = team_measures(data)
    half = "(hash(interaction_id) % 2)::INTEGER AS half"
    rows = _deviations(data, measures, {"team_id": "team_id", "half": half})
    means = {k.goal: rows[f"sum_{k.column}"] / rows[f"n_{k.column}"].where(lambda n: n > 0) for k in measures}
    return rows[["team_id", "quarter", "half"]].assign(**means).sort_values(["team_id", "quarter", "half"])


def team_people(data: StudyData) -> pd.DataFrame:
    """Return who is behind a team's quarter: unit, team_id, quarter, and per measure's goal whether it is known of one.

    One row per unit with contacts in the team then (the team itself, where the study links teams).
    """
    measures = team_measures(data)
    known = "".join(f", count({name_of(k.column)}) > 0 AS known_{j}" for j, k in enumerate(measures))
    keys = ", ".join(dict.fromkeys((data.unit, "team_id")))
    rows = data.query(f"""
        SELECT {keys}, {quarter_of("started_at")} AS quarter{known}
        FROM interactions WHERE team_id IS NOT NULL GROUP BY {keys}, quarter ORDER BY ALL""")
    return rows.rename(columns={f"known_{j}": k.goal for j, k in enumerate(measures)})


def unit_quarters(data: StudyData) -> pd.DataFrame:
    """Return one row per unit, team and quarter: how far its contacts lie from others of their kind.

    Returns
    -------
    DataFrame: unit, team_id, quarter, and per measure of `all_measures` ``n_<column>`` and ``sum_<column>`` (of
    deviations from the average of all contacts of the same kind, `MIX`).
    """
    return _deviations(data, all_measures(data), dict.fromkeys(dict.fromkeys((data.unit, "team_id")), ""))


def _deviations(data: StudyData, measures: tuple[ContactKpi, ...], keys: dict[str, str]) -> pd.DataFrame:
    """Return counts and sums of deviations from contacts of the same kind, by ``keys`` (name → SQL) and quarter."""
    mix = [c for c in MIX if data.has("interactions", c)]
    kinds = ", ".join(
        f"round({c}) AS mix_{c}" if c == "complexity" else f"coalesce({name_of(c)}::VARCHAR, '') AS mix_{c}"
        for c in mix
    )
    by, names = ", ".join(f"mix_{c}" for c in mix), ", ".join(keys)
    value = "".join(f", {name_of(k.column)}::DOUBLE AS v{j}" for j, k in enumerate(measures))
    sums = "".join(f", count(v{j}) AS n{j}, sum(v{j}) AS s{j}" for j in range(len(measures)))
    usual = "".join(f", sum(s{j}) OVER m / nullif(sum(n{j}) OVER m, 0) AS u{j}" for j in range(len(measures)))
    out = "".join(
        f", sum(n{j})::BIGINT AS n_{k.column}, coalesce(sum(s{j} - n{j} * u{j}), 0) AS sum_{k.column}"
        for j, k in enumerate(measures)
    )
    return data.query(f"""
        WITH i AS (
            SELECT {", ".join(sql or name for name, sql in keys.items())}, date_trunc('quarter', started_at) AS since,
                   {kinds}{value}
            FROM interactions WHERE team_id IS NOT NULL),
        cell AS (SELECT {names}, since, {by}{sums} FROM i GROUP BY ALL),
        held AS (SELECT *{usual} FROM cell WINDOW m AS (PARTITION BY {by}))
        SELECT {names}, {quarter_of("since")} AS quarter{out} FROM held GROUP BY {names}, since ORDER BY ALL""")


def said_of_work(data: StudyData) -> pd.DataFrame:
    """Return employees' overall scores: unit, team_id (then), quarter, score (% of the scales).

    Empty where no overall score is asked.
    """
    team = "i.team_id" if data.unit == "team_id" else team_then(data, "i.responded_on")
    rows = data.query(
        f"SELECT i.*, {quarter_of('i.responded_on')} AS quarter, {team} AS team_now FROM exposures i "
        f"ORDER BY {data.unit}, valid_from"
    )
    parts = [
        percent_of_scale(rows[f"ex_{kpi}"], scale) for kpi, scale in ex_kpi_scales(data).items() if f"ex_{kpi}" in rows
    ]
    score = pd.concat(parts, axis=1).mean(axis=1, skipna=False) if parts else float("nan")
    frame = {data.unit: rows[data.unit], "team_id": rows["team_now"], "quarter": rows["quarter"]}
    return pd.DataFrame(frame).assign(score=score).dropna().reset_index(drop=True)


def by_team_quarter(said: pd.DataFrame) -> pd.DataFrame:
    """Return overall scores of `said_of_work` by team and quarter: team_id, quarter, n_said (people), mean."""
    out = said.groupby(["team_id", "quarter"], sort=True)["score"].agg(["size", "mean"])
    return out.rename(columns={"size": "n_said"}).reset_index()
