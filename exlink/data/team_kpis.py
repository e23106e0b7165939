"""What is measured of teams: every KPI by team and quarter, from two random halves of the contacts (M58)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.answers import ex_kpi_scales, percent_of_scale
from exlink.data.asked import quarter_of, team_then
from exlink.data.dataset import StudyData
from exlink.data.warehouse import name_of

MIX = ("touchpoint", "reason", "complexity")  # what kind of contact it is, which no team chooses


@dataclass(frozen=True, slots=True)
class TeamKpi:
    """A measure of contacts: its column of ``interactions``, what is wanted, and whether that is more (1) or less (−1).

    ``goal`` is the good direction in words, so that two of them pull against each other when one falls as the other
    rises.
    """

    column: str
    goal: str
    good: int


CONTACT_KPIS = (
    TeamKpi("handle_seconds", "short handle time", -1),
    TeamKpi("transfers", "few transfers", -1),
    TeamKpi("resolved_first_contact", "solved at first contact", 1),
    TeamKpi("reopened", "not reopened", -1),
    TeamKpi("escalated", "not escalated", -1),
    TeamKpi("script_adherence", "script kept", 1),
)
RATING, ENGAGEMENT = "customers' satisfaction", "employees' engagement"
RATINGS = ("satisfaction", "recommend", "ease")  # the first that customers are asked


def team_measures(data: StudyData) -> tuple[TeamKpi, ...]:
    """Return the measures of contacts that the study holds, customers' rating the last."""
    there = tuple(k for k in CONTACT_KPIS if data.has("interactions", k.column))
    rating = next((y for y in RATINGS if y in data.cx_kpis), None)
    goal = RATING if rating == "satisfaction" else f"customers' {rating} rating"
    return (*there, TeamKpi(rating, goal, 1)) if rating else there


def team_quarters(data: StudyData) -> pd.DataFrame:
    """Return one row per team, quarter and half of its contacts: means less what such contacts usually show.

    Contacts are halved by a hash of their ids. Each is set against the average of all contacts of its kind (`MIX`).

    Returns
    -------
    DataFrame: team_id, quarter, half (0, 1), n_units (people with contacts in the team then; 1 of a team), and per
    measure of `team_measures` (by its goal) the mean deviation, as measured.
    """
    measures = team_measures(data)
    mix = [c for c in MIX if data.has("interactions", c)]
    kinds = (
        ", ".join(
            f"round({c}) AS mix_{c}" if c == "complexity" else f"coalesce({name_of(c)}::VARCHAR, '') AS mix_{c}"
            for c in mix
        )
        or "1 AS mix_all"
    )
    by = ", ".join(f"mix_{c}" for c in mix) or "mix_all"
    value = ", ".join(f"{name_of(k.column)}::DOUBLE AS v{j}" for j, k in enumerate(measures))
    sums = ", ".join(f"count(v{j}) AS n{j}, sum(v{j}) AS s{j}" for j in range(len(measures)))
    usual = ", ".join(f"sum(s{j}) OVER m / nullif(sum(n{j}) OVER m, 0) AS u{j}" for j in range(len(measures)))
    means = ", ".join(f'sum(s{j} - n{j} * u{j}) / nullif(sum(n{j}), 0) AS "{k.goal}"' for j, k in enumerate(measures))
    rows = data.query(f"""
        WITH i AS (
            SELECT team_id, date_trunc('quarter', started_at) AS since, (hash(interaction_id) % 2)::INTEGER AS half,
                   {kinds}, {value}
            FROM interactions WHERE team_id IS NOT NULL),
        cell AS (SELECT team_id, since, half, {by}, {sums} FROM i GROUP BY ALL),
        held AS (SELECT *, {usual} FROM cell WINDOW m AS (PARTITION BY {by}))
        SELECT team_id, {quarter_of("since")} AS quarter, half, {means} FROM held GROUP BY team_id, since, half
        ORDER BY ALL""")
    people = data.query(f"""
        SELECT team_id, {quarter_of("started_at")} AS quarter, count(DISTINCT {data.unit}) AS n_units
        FROM interactions WHERE team_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2""")
    return rows.merge(people, on=["team_id", "quarter"], validate="many_to_one")


def team_engagement(data: StudyData) -> pd.DataFrame:
    """Return employees' overall scores by team and quarter: team_id, quarter, n_said (people), mean (% of the scales).

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
    if not parts:
        return pd.DataFrame(columns=["team_id", "quarter", "n_said", "mean"])
    score = pd.concat(parts, axis=1).mean(axis=1, skipna=False)
    frame = pd.DataFrame({"team_id": rows["team_now"], "quarter": rows["quarter"], "score": score})
    out = frame.dropna().groupby(["team_id", "quarter"], sort=True)["score"].agg(["size", "mean"])
    return out.rename(columns={"size": "n_said"}).reset_index()
