"""Initiatives, and what was said before and after them: employees by wave, and contacts by the time a wave acts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.asked import team_then
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug

FACTS = ("cost", "metrics_added", "frictions_removed")
FEW_KINDS = "other"  # the kinds behind which there are few people, together


def initiative_rows(data: StudyData) -> pd.DataFrame:
    """Return one row per initiative and team.

    Returns
    -------
    DataFrame: initiative_id, team_id, name (with its id where two share it), kind and aspect (in words), column
    (``ex_<aspect>``), started_on, intended_change, and cost, metrics_added, frictions_removed: missing where not kept.
    An initiative, or a kind, of whose teams fewer people ever were than the minimum group has no name of its own.
    """
    rows = data.frame("initiatives")
    for fact in FACTS:
        if fact not in rows:
            rows[fact] = np.nan
    column = "ex_" + rows["aspect"].map(slug)
    words = rows["aspect"].map(lambda a: data.label(slug(a)))
    shared = rows.groupby("name")["initiative_id"].transform("nunique") > 1
    rows["name"] = rows["name"].where(~shared, rows["name"] + " · " + rows["initiative_id"])
    rows = rows.assign(column=column, aspect=words, kind=rows["kind"].str.replace("_", " "),
                       started_on=pd.to_datetime(rows["started_on"]))  # fmt: skip
    kept = ["initiative_id", "team_id", "name", "kind", "column", "aspect", "started_on", "intended_change", *FACTS]
    return _unnamed(data, rows[kept].sort_values(["initiative_id", "team_id"], ignore_index=True))


def _unnamed(data: StudyData, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without names and kinds behind which there are few people: these are somebody's own words."""
    if data.unit == "team_id":
        return rows
    few, behind = data.study.privacy.min_group, rows.merge(_members(data), on="team_id")
    people, kinds = (behind.groupby(key)["employee_id"].nunique() for key in ("initiative_id", "kind"))
    small = rows["initiative_id"].map(people).fillna(0) < few
    number = pd.Series(pd.factorize(rows["initiative_id"].where(small), sort=True)[0] + 1, rows.index).astype(str)
    return rows.assign(
        name=rows["name"].where(~small, "with few people " + number),
        kind=rows["kind"].where(rows["kind"].map(kinds).fillna(0) >= few, FEW_KINDS),
    )


def _members(data: StudyData) -> pd.DataFrame:
    """Return who ever was in which team: employee_id, team_id."""
    tables = [name for name in ("employees", "assignments") if data.has(name, "team_id")]
    parts = [f"SELECT employee_id, team_id FROM {name} WHERE team_id IS NOT NULL" for name in tables]
    return data.query(f"{' UNION '.join(parts)} ORDER BY ALL")


def initiative_list(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per initiative.

    Returns
    -------
    DataFrame: initiative_id, name, kind, column, aspect, first (its first day), teams (how many), intended_change (mean
    over teams), and its cost, metrics_added and frictions_removed, as :func:`whole_of` counts them.
    """
    grouped = rows.groupby("initiative_id", sort=True)
    first = grouped[["name", "kind", "column", "aspect"]].first()
    return first.assign(
        first=grouped["started_on"].min(), teams=grouped["team_id"].nunique(),
        intended_change=grouped["intended_change"].mean(), **whole_of(rows),
    ).reset_index()  # fmt: skip


def whole_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what a whole initiative cost, added and removed: initiative_id (index), `FACTS`.

    An initiative has a row per team. An amount that is the same in all of them is the initiative's own, repeated;
    amounts that differ are those of its teams, and add up. Missing is what no row states.
    """
    facts = list(FACTS)
    grouped = rows.astype(dict.fromkeys(facts, float)).groupby("initiative_id", sort=True)[facts]
    least, most = grouped.min(), grouped.max()
    return most.where(least == most, grouped.sum(min_count=1))


def planted_changes(data: StudyData) -> pd.Series | None:
    """Return by initiative_id what was planted, in points of the aspect before it is answered; None for real data."""
    planted = (data.truth or {}).get("initiatives")
    if not planted:
        return None
    return pd.Series({row["initiative_id"]: float(row["true_latent_change"]) for row in planted})


def waves_of(data: StudyData) -> pd.DataFrame:
    """Return the waves in their order: wave, at (0, 1, …), acts_from (its middle answer and the study's lag)."""
    said = data.exposures()
    middle = pd.to_datetime(said["responded_on"]).groupby(said["wave"]).median().sort_values(kind="stable")
    acts = middle + pd.Timedelta(days=data.study.linkage.lag_days)
    return pd.DataFrame({"wave": middle.index, "at": range(len(middle)), "acts_from": acts.to_numpy()})


def said_by_wave(data: StudyData) -> pd.DataFrame:
    """Return what was said per unit and wave.

    Returns
    -------
    DataFrame: unit, team_id (when it answered), at, said_on, until (the same day), and every ``ex_`` column of the
    exposures.
    """
    team = "team_id" if data.unit == "team_id" else team_then(data, "i.responded_on")
    rows = data.query(f"SELECT i.*, {team} AS team_now FROM exposures i ORDER BY {data.unit}, valid_from")
    rows = rows.merge(waves_of(data)[["wave", "at"]], on="wave", validate="many_to_one")
    said = pd.to_datetime(rows["responded_on"])
    about = {"unit": rows[data.unit], "team_id": rows["team_now"], "at": rows["at"], "said_on": said, "until": said}
    scores = rows[[c for c in rows.columns if c.startswith("ex_")]]
    return pd.concat([pd.DataFrame(about), scores], axis=1).sort_values(["unit", "at"], ignore_index=True)


def rated_by_wave(data: StudyData) -> pd.DataFrame:
    """Return customers' ratings per unit, team and the time in which a wave acts.

    That is from the wave's middle answer and the lag to the next one's, for the last as long as the linkage's window.

    Returns
    -------
    DataFrame: unit, team_id (at the contact), at, said_on and until (first and last day of that time), and per KPI
    ``n_<kpi>`` and ``<kpi>`` (the mean rating).
    """
    waves = waves_of(data)
    ends = [
        *waves["acts_from"].iloc[1:],
        waves["acts_from"].iloc[-1] + pd.Timedelta(days=data.study.linkage.window_days),
    ]
    spans = waves.assign(ends=ends)
    steps = " ".join(f"WHEN started_at < TIMESTAMP '{row.ends}' THEN {row.at}" for row in spans.itertuples())
    kpis = data.cx_kpis
    sums = ", ".join(f"count({k}) AS n_{k}, avg({k}) AS {k}" for k in kpis)
    team = "" if data.unit == "team_id" else "team_id, "
    rows = data.query(f"""
        SELECT {data.unit}, {team}CASE {steps} END AS at, {sums} FROM interactions
        WHERE has_cx AND team_id IS NOT NULL AND started_at >= TIMESTAMP '{waves["acts_from"].iloc[0]}'
          AND started_at < TIMESTAMP '{ends[-1]}' GROUP BY ALL ORDER BY ALL""")
    rows = rows.astype({f"n_{k}": "int64" for k in kpis}).assign(unit=rows[data.unit])
    spans = spans.rename(columns={"acts_from": "said_on", "ends": "until"})[["at", "said_on", "until"]]
    rows = rows.merge(spans, on="at", validate="many_to_one")
    columns = ["unit", "team_id", "at", "said_on", "until", *(c for k in kpis for c in (f"n_{k}", k))]
    return rows[columns].sort_values(["unit", "team_id", "at"], ignore_index=True)


def team_times(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per team and wave of :func:`said_by_wave` or :func:`rated_by_wave`: team_id, at, opens, closes."""
    grouped = rows.groupby(["team_id", "at"], sort=True)
    return grouped.agg(opens=("said_on", "min"), closes=("until", "max")).reset_index()


def before_and_after(
    rows: pd.DataFrame, times: pd.DataFrame, own: pd.Series, other: pd.DataFrame, *, strict: bool
) -> pd.DataFrame:
    """Return the rows that tell what an initiative did, with ``since``.

    Parameters
    ----------
    rows, times : DataFrame
        As :func:`said_by_wave` or :func:`rated_by_wave` give them, and their :func:`team_times`.
    own : Series
        By team of the initiative, its first day there.
    other : DataFrame
        team_id, started_on of other initiatives that may move the same outcome.
    strict : bool
        Whether teams are compared with only until another one reaches them: for an aspect, where the others had the
        same aim. Else all teams are, at all times: what the others did there is taken to cancel out on average. Keeping
        only teams that nothing has reached leaves, in most companies, a few odd ones.

    Returns
    -------
    DataFrame: the rows with ``since``: waves from the team's first one after the start (0) or from the last one before
    it (−1), missing for the other teams. Of the initiative's teams, waves that lie on both sides of a start are left
    out, and all that another initiative separates from this one's start.
    """
    start = times["team_id"].map(own) if len(own) else pd.Series(pd.NaT, times.index)
    begun = {team: days.to_numpy() for team, days in other.groupby("team_id")["started_on"]}
    first, last, mine = (_begun(begun, times["team_id"], days) for days in (times["opens"], times["closes"], start))
    early, late = times["closes"] <= start, times["opens"] > start
    own_rows = (early | late) & (first == mine) & (last == mine)
    kept = own_rows | (start.isna() & ((last == 0) | (not strict)))
    at, team = times["at"].where(kept), times["team_id"]
    zero = at.where(late).groupby(team).transform("min")
    minus = at.where(early).groupby(team).transform("max")
    since = (at - zero).where(late, at - minus - 1).where(start.notna())
    key = pd.MultiIndex.from_frame(times[["team_id", "at"]])
    place = key.get_indexer(pd.MultiIndex.from_frame(rows[["team_id", "at"]]))
    return rows.assign(since=since.to_numpy()[place])[kept.to_numpy()[place]]


def _begun(begun: dict[str, np.ndarray], teams: pd.Series, days: pd.Series) -> np.ndarray:
    """Return how many other initiatives had begun in each team before each day; 0 where there is no day."""
    counts = np.zeros(len(teams), dtype=int)
    for team, starts in begun.items():
        here = (teams == team).to_numpy()
        counts[here] = (starts[None, :] < days[here].to_numpy()[:, None]).sum(axis=1)
    return counts
