"""Customers' answers by the state a unit's EX was in some weeks before, now and some weeks after.

The engine reads interactions once and sums them per unit and day; what follows costs as much as there are units and
weeks. Time is cut into spans in which neither the calendar week nor any of the lagged states changes, so a week is
seven days from the day of an answer and no contact is put into the wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData

WEEK = 7
_SPREAD = 1_000_000  # days; keeps the answers of one unit apart from the next one's in a single sorted key


def lagged_cells(
    data: StudyData, answers: pd.DataFrame, kpis: Sequence[str], weeks_before: int, weeks_after: int
) -> tuple[pd.DataFrame, list[str]]:
    """Return customers' answers per unit, calendar week and lagged states, and the names of the states.

    Parameters
    ----------
    answers : DataFrame
        unit, responded_on, valid_to (as :meth:`StudyData.exposures` has them) and ``state``; one row per answer. A
        state holds from the day of the answer to the next one, or to ``valid_to`` if that comes first.
    kpis : what customers were asked; one pass over the contacts counts them all.
    weeks_before, weeks_after : the states go from ``weeks_before`` weeks ahead of a contact to ``weeks_after`` back.

    Returns
    -------
    cells : unit, week (days since 1970 of its Monday), the states, and per KPI n_<kpi>, sum_<kpi>, sumsq_<kpi>; only
        contacts with some answer for which every state is known.
    names : ``state +4`` … ``state 0`` … ``state -10`` (weeks relative to the contact).
    """
    lags = np.arange(-weeks_before, weeks_after + 1)
    names = [f"state {-lag:+d}" if lag else "state 0" for lag in lags]
    spans = _spans(answers.dropna(subset=["state"]), data.unit, lags, names)
    relation = data.lazily(spans[[data.unit, "span", "from_day", "to_day"]]).to_native()
    daily = ", ".join(f"count({k}) AS n_{k}, sum({k}) AS s_{k}, sum({k} * {k}) AS q_{k}" for k in kpis)
    weekly = ", ".join(
        f"sum(n_{k})::BIGINT AS n_{k}, sum(s_{k})::DOUBLE AS sum_{k}, sum(q_{k})::DOUBLE AS sumsq_{k}" for k in kpis
    )
    sums = relation.query(
        "spans",
        f"""
        WITH daily AS (
            SELECT {data.unit}, started_at::DATE AS on_date, {daily}
            FROM interactions WHERE coalesce({", ".join(kpis)}) IS NOT NULL GROUP BY ALL),
        dated AS (SELECT *, date_diff('day', DATE '1970-01-01', on_date) AS on_day FROM daily)
        SELECT span, {weekly}
        FROM dated d ASOF JOIN spans s
          ON d.{data.unit} = s.{data.unit} AND d.on_day >= s.from_day
        WHERE d.on_day < s.to_day GROUP BY span ORDER BY span""",
    ).df()
    cells = spans.merge(sums, on="span", how="inner", validate="one_to_one")
    return cells.drop(columns=["span", "from_day", "to_day"]), names


def _spans(answers: pd.DataFrame, unit: str, lags: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return the stretches of time in which a unit's lagged states and the week stay the same, states known."""
    answers = answers.sort_values([unit, "responded_on"], ignore_index=True)
    since, until = _day(answers["responded_on"]), _day(answers["valid_to"])
    following = since.groupby(answers[unit]).shift(-1)
    until = until.where(following.isna() | (until < following), following).astype(np.int64)
    codes, units = pd.factorize(answers[unit])
    shifts = WEEK * lags
    cuts = pd.concat(
        [pd.DataFrame({"code": codes, "from_day": day + shift}) for day in (since, until) for shift in shifts]
        + [_mondays(codes, since, until, shifts)]
    )
    cuts = cuts.drop_duplicates().sort_values(["code", "from_day"], ignore_index=True)
    cuts["to_day"] = cuts.groupby("code")["from_day"].shift(-1)
    cuts = cuts.dropna().astype(np.int64)
    key = codes * _SPREAD + since.to_numpy()
    own, scores, held_until = cuts["code"].to_numpy(), answers["state"].to_numpy(dtype=float), until.to_numpy()
    states = {}
    for name, shift in zip(names, shifts, strict=True):
        day = cuts["from_day"].to_numpy() - shift
        at = np.searchsorted(key, own * _SPREAD + day, side="right") - 1
        holds = (at >= 0) & (codes[at] == own) & (day < held_until[at])
        states[name] = np.where(holds, scores[at], np.nan)
    week = cuts["from_day"] - (cuts["from_day"] + 3) % WEEK  # day 0 was a Thursday
    spans = pd.DataFrame({unit: units[own], "week": week, **states}).join(cuts[["from_day", "to_day"]])
    spans = spans.dropna(ignore_index=True)
    return spans.assign(span=np.arange(len(spans)))


def _mondays(codes: np.ndarray, since: pd.Series, until: pd.Series, shifts: np.ndarray) -> pd.DataFrame:
    """Return every Monday of a unit's time, from its first answer to the end of its last."""
    ends = (
        pd.DataFrame({"code": codes, "first": since, "last": until})
        .groupby("code")
        .agg({"first": "min", "last": "max"})
    )
    first = ends["first"].to_numpy() + shifts.min()
    first = first - (first + 3) % WEEK
    weeks = (ends["last"].to_numpy() + shifts.max() - first) // WEEK + 1
    starts = np.repeat(first, weeks) + WEEK * (np.arange(weeks.sum()) - np.repeat(np.cumsum(weeks) - weeks, weeks))
    return pd.DataFrame({"code": np.repeat(ends.index.to_numpy(), weeks), "from_day": starts})


def _day(moments: pd.Series) -> pd.Series:
    """Return days since 1970."""
    return pd.Series(moments.to_numpy().astype("datetime64[D]").astype(np.int64), index=moments.index)
