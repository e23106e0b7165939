"""Step 03: may people be ranked on customers' answers? (M21, M22) — reliability of means, and what is left of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.stats.reliability import contacts_needed, reliability_of_mean
from exlink.stats.shrinkage import shrunken_means

BINS = 10  # at most; fewer where a bar would hold fewer people than may be shown
TAILS = (0.03, 0.97)  # quantiles of the means at which the first and the last bar begin to collect the rest
DRAWS = 1000
NOTHING = 1e-6  # share of variance that counts as none: a million answers would be too few to see it


def answers_per_unit(data: StudyData) -> pd.DataFrame:
    """Return, per CX KPI and unit with answers, how many there are in the study and in the last quarter with any."""
    start = _quarter_start(data)
    picks = ", ".join(
        f"count({y}) AS n_{y}, count_if({y} IS NOT NULL AND started_at >= TIMESTAMP '{start}') AS last_{y}, "
        f"coalesce(sum(CASE WHEN started_at >= TIMESTAMP '{start}' THEN {y} END), 0) AS sum_{y}"
        for y in data.cx_kpis
    )
    return data.query(f"SELECT {data.unit}, {picks} FROM interactions WHERE has_cx GROUP BY ALL ORDER BY 1")


def _quarter_start(data: StudyData) -> Any:
    """Return the first day of the last quarter with a customer's answer."""
    return data.query(
        "SELECT date_trunc('quarter', max(started_at)) AS start FROM interactions WHERE has_cx ORDER BY 1"
    )["start"].iloc[0]


def reliability(data: StudyData, found: pd.DataFrame, *, needed: float) -> pd.DataFrame:
    """Return how far the mean of a unit's customers' answers can be trusted, per CX KPI.

    Signal is what stays with the unit apart from its team, whose differences are left out: it is the reliability of
    differences between people of the same team. Noise is everything a contact brings with it: customer, reason, chance.

    Returns
    -------
    DataFrame: outcome, icc, icc_low, icc_high, answers_quarter, answers_study (medians), reliability_quarter (with
    bounds ``_low`` ``_high``; missing only where a share of zero has none), reliability_study, needed_70, needed_80,
    quarters_80, verdict, n_units.
    """
    counts = answers_per_unit(data)
    rows = []
    for y, part in found.groupby("outcome", sort=False):
        by = part.set_index("term")
        signal = by.loc[data.unit]
        left = 1.0 - (by["estimate"].get("team_id", 0.0) if data.unit != "team_id" else 0.0)
        icc, low, high = (float(min(max(signal[c] / left, 0.0), 1.0)) for c in ("estimate", "conf_low", "conf_high"))
        if np.isnan(signal["conf_low"]) or icc < NOTHING:
            icc = 0.0  # what cannot be told from zero carries no ranking; its digits would give astronomic numbers
        quarter = float(counts.loc[counts[f"last_{y}"] > 0, f"last_{y}"].median())
        study = float(counts.loc[counts[f"n_{y}"] > 0, f"n_{y}"].median())
        names = ("reliability_quarter", "reliability_quarter_low", "reliability_quarter_high")
        at = dict(zip(names, reliability_of_mean(np.array([icc, low, high]), quarter).tolist(), strict=True))
        rows.append({
            "outcome": y, "icc": icc, "icc_low": low, "icc_high": high, "answers_quarter": quarter,
            "answers_study": study, **at, "reliability_study": float(reliability_of_mean(icc, study)),
            "needed_70": float(contacts_needed(icc, 0.7)), "needed_80": float(contacts_needed(icc, 0.8)),
            "quarters_80": float(np.ceil(contacts_needed(icc, 0.8) / quarter)),
            # the interval, not its middle, has to clear what is needed: a ranking cannot be taken back
            "verdict": "do not rank" if not at["reliability_quarter_low"] >= needed else "ranking tolerable",
            "n_units": int(signal["n_units"]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def ranking_verdict(trust: pd.DataFrame | str, outcome: str, people: str, *, needed: float) -> tuple[str, str]:
    """Return the verdict on ranking as a sentence, and the reason; both empty where it cannot be assessed."""
    if isinstance(trust, str):
        return "", ""
    row = trust.set_index("outcome").loc[outcome]
    where = f"Half of the {people} get {row['answers_quarter']:.0f} answers a quarter or fewer. At that number the"
    known = np.isfinite(row["reliability_quarter_low"])
    interval = (
        f"95 % interval {row['reliability_quarter_low']:.2f} to {row['reliability_quarter_high']:.2f}; 1 is perfect"
        if known
        else f"1 is perfect; without an interval, since differences between {people} cannot be told from zero"
    )
    trusted = f"reliability of their mean {outcome} is {row['reliability_quarter']:.2f} ({interval})"
    if row["verdict"] == "do not rank":
        many = (
            "no number of answers would help"
            if np.isnan(row["needed_80"])
            else f"about {row['needed_80']:,.0f} answers, {row['quarters_80']:.0f} quarters, would be needed for 0.80"
        )
        if row["reliability_quarter"] >= needed:
            return (f"Do not rank {people} on customers' {outcome}.",
                    f"{where} {trusted}. The estimate reaches {needed:.2f}, its interval does not: it is not sure that "
                    "the order would come back.")  # fmt: skip
        chance = "mostly rank chance" if row["reliability_quarter"] < 0.5 else "rank chance to a good part"
        return (f"Do not rank {people} on customers' {outcome}.",
                f"{where} {trusted}, below {needed:.2f}: {many}. A league table would {chance}.")  # fmt: skip
    return (f"The order of {people} on customers' {outcome} would be mostly repeatable.",
            f"{where} {trusted}. Even so, publish distributions, not names.")  # fmt: skip


def spread_sentence(facts: dict[str, Any], people: str) -> str:
    """Return how much of the differences between means is left, and how little a rank is known."""
    if not facts:
        return ""
    apart = facts["apart_share"]
    told = "Too few" if np.isnan(apart) else f"{apart:.0%}"
    pulled = "the level of its team, and that to the average of all" if facts["in_teams"] else "the average of all"
    return (
        f"Means of the last quarter spread by {facts['sd_raw']:.2f} points as answered, by {facts['sd_shrunken']:.2f} "
        f"once chance is taken out: each is pulled to {pulled}. The middle one of {facts['n_units']:,} {people} could "
        f"hold any place in a range of {facts['rank_width']:.0%} of all ranks. {told} can be told from the average at "
        "all."
    )


def last_quarter(
    data: StudyData, found: pd.DataFrame, outcome: str, *, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the last quarter's means as answered and as shrunken, binned, and how little ranks are known (M22).

    A mean is shrunken to the level of the unit's team, and that to the average: what a team has in common is no noise
    of its people, and no difference between them either.

    Returns
    -------
    frame : kind ('as answered', 'shrunken'), left, right, n_units — a histogram; no row is a person.
    facts : n_units, sd_raw, sd_shrunken, centre, in_teams (whether there are teams to be pulled to), rank_width (median
        width of the 95 % rank interval as a share of all ranks), apart_share (share of units whose interval leaves out
        the average; NaN for a few units only).
    """
    counts = answers_per_unit(data)
    used = counts[counts[f"last_{outcome}"] > 0]
    n, raw = used[f"last_{outcome}"].to_numpy(float), (used[f"sum_{outcome}"] / used[f"last_{outcome}"]).to_numpy(float)
    by = found[found["outcome"] == outcome].set_index("term")["variance"]
    team = 0.0 if data.unit == "team_id" else float(by.get("team_id", 0.0))
    left = shrunken_means(
        raw, n, teams_of(data, used[data.unit]) if team > 0 else np.zeros(len(n), dtype=int), own=float(by[data.unit]),
        between=team, noise=float(by.drop([data.unit, "team_id"], errors="ignore").sum()),
    )  # fmt: skip
    ranks = left.draws(DRAWS, seed=seed).argsort(axis=1).argsort(axis=1)
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0)
    apart = np.abs(left.mean - left.centre) > 1.96 * left.spread
    enough = apart.sum() == 0 or apart.sum() >= data.study.privacy.min_group
    facts = {
        "n_units": len(n), "sd_raw": float(raw.std()), "sd_shrunken": float(left.mean.std()), "centre": left.centre,
        "in_teams": team > 0, "rank_width": float(np.median((high - low + 1) / len(n))),
        "apart_share": float(apart.mean()) if enough else float("nan"),
    }  # fmt: skip
    low, high = np.quantile(raw, TAILS)
    bars = min(BINS, max(1, len(n) // data.study.privacy.min_group))
    edges = np.linspace(low, high, bars + 1) if high > low else np.array([left.centre - 0.5, left.centre + 0.5])
    parts = [
        pd.DataFrame({"kind": kind, "left": edges[:-1], "right": edges[1:],
                      "n_units": np.histogram(values.clip(edges[0], edges[-1]), edges)[0]})
        for kind, values in (("as answered", raw), ("shrunken", left.mean))
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True), facts


def teams_of(data: StudyData, units: pd.Series) -> np.ndarray:
    """Return the code of each unit's team in the last quarter: of most of its linked answers; without one, its own."""
    rows = data.query(
        f"SELECT {data.unit} AS who, team_id, count(*) AS answers FROM linked WHERE has_cx AND started_at >= "
        f"TIMESTAMP '{_quarter_start(data)}' AND team_id IS NOT NULL GROUP BY ALL ORDER BY 1, 3 DESC, 2"
    )
    team = units.map(rows.drop_duplicates("who").set_index("who")["team_id"])
    # a name of a unit never passes for a name of a team
    return pd.factorize(pd.Series(list(zip(team.isna(), team.fillna(units), strict=True))))[0]
