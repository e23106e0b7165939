"""What customers said before and after each answer of a unit, so that neither side can hold what the other acted on.

*After* an answer: from the day it begins to act until the unit's next answer, for the study's window at most.
*Before* an answer: since the one before it began to act, for the window at most. Contacts of the very day of an answer
count as after it, and those between an answer and the day it begins to act count nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from exlink.data.dataset import StudyData

SIDES = ("after", "before")


def between_answers(data: StudyData, kpis: Sequence[str]) -> pd.DataFrame:
    """Return customers' answers before and after each EX answer, counted in one pass over the contacts.

    Returns
    -------
    DataFrame: unit, wave, ``order`` (of the wave in time, 0, 1, …), and per KPI ``after_<kpi>``, ``before_<kpi>``
    (means, native scale; missing where nobody answered), ``n_after_<kpi>``, ``n_before_<kpi>``.
    """
    answers = data.exposures()[[data.unit, "wave", "responded_on"]]
    spans = answer_spans(answers, data.unit, data.study.linkage.lag_days, data.study.linkage.window_days)
    sums = _sums_by_stretch(data, stretches_of(spans, data.unit), kpis)
    out = answers.assign(order=_order(answers))
    for side in SIDES:
        part = sums.groupby(side).sum().reindex(out.index)
        for kpi in kpis:
            n = part[f"n_{kpi}"].fillna(0).astype("int64")
            out[f"{side}_{kpi}"] = part[f"s_{kpi}"] / n.where(n > 0)
            out[f"n_{side}_{kpi}"] = n
    return out.drop(columns="responded_on")


def _sums_by_stretch(data: StudyData, stretches: pd.DataFrame, kpis: Sequence[str]) -> pd.DataFrame:
    """Return the stretches in which customers answered, with the count ``n_`` and the sum ``s_`` of every KPI."""
    daily = ", ".join(f"count({k}) AS n_{k}, sum({k}) AS s_{k}" for k in kpis)
    added = ", ".join(f"sum(n_{k})::BIGINT AS n_{k}, sum(s_{k}) AS s_{k}" for k in kpis)
    # units go by their numbers, which the engine groups and sorts faster than ids
    return (
        data.lazily(stretches.assign(number=pd.factorize(stretches[data.unit])[0]))
        .to_native()
        .query(
            "stretches",
            f"""
        WITH daily AS MATERIALIZED (
            SELECT number, date_diff('day', DATE '1970-01-01', started_at::DATE) AS day, {daily}
            FROM interactions JOIN (SELECT DISTINCT {data.unit}, number FROM stretches) USING ({data.unit})
            WHERE coalesce({", ".join(kpis)}) IS NOT NULL GROUP BY ALL)
        SELECT {", ".join(SIDES)}, {added}
        FROM daily d ASOF JOIN stretches s ON d.number = s.number AND d.day >= s.day
        GROUP BY ALL ORDER BY ALL""",
        )
        .df()
    )


def answer_spans(answers: pd.DataFrame, unit: str, lag_days: int, window_days: int) -> pd.DataFrame:
    """Return, per answer and side, the days that count: unit, row (of ``answers``), side, from_day, to_day (exclusive).

    Days since 1970; spans of one side and unit do not overlap, and empty ones are left out.
    """
    day = pd.Series(answers["responded_on"].to_numpy().astype("datetime64[D]").astype("int64"), index=answers.index)
    by_unit = day.groupby(answers[unit])
    following, preceding = by_unit.shift(-1), by_unit.shift(1)
    acts = day + lag_days
    after = pd.DataFrame({"from_day": acts, "to_day": (acts + window_days).clip(upper=following.fillna(float("inf")))})
    since = (day - window_days).clip(lower=(preceding + lag_days).fillna(-float("inf")))
    before = pd.DataFrame({"from_day": since, "to_day": day})
    spans = pd.concat(
        [side.assign(side=name, row=answers.index, **{unit: answers[unit]})
         for name, side in zip(SIDES, (after, before), strict=True)],
        ignore_index=True,
    )  # fmt: skip
    spans = spans[spans["from_day"] < spans["to_day"]].astype({"from_day": "int64", "to_day": "int64"})
    return spans[[unit, "row", "side", "from_day", "to_day"]].reset_index(drop=True)


def stretches_of(spans: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return the time of each unit cut where a span begins or ends: unit, day (the first), after, before.

    ``after`` and ``before`` are the rows of the answers whose spans the stretch lies in, -1 where it lies in none. A
    contact lies in one stretch, so one pass tells both sides.
    """
    begins = spans.rename(columns={"from_day": "day"})
    ends = spans.rename(columns={"to_day": "day"}).assign(row=-1)
    cuts = pd.concat([ends, begins])[[unit, "side", "day", "row"]]
    cuts = cuts.drop_duplicates([unit, "side", "day"], keep="last")  # where one ends and the next begins
    wide = cuts.pivot(index=[unit, "day"], columns="side", values="row").sort_index()
    wide = wide.reindex(columns=list(SIDES)).groupby(level=unit).ffill()
    return wide.fillna(-1).astype("int64").rename_axis(columns=None).reset_index()


def _order(answers: pd.DataFrame) -> pd.Series:
    """Return the place of each row's wave in time, by the median day of its answers."""
    middle = answers.groupby("wave")["responded_on"].median().reset_index().sort_values(["responded_on", "wave"])
    return answers["wave"].map({wave: k for k, wave in enumerate(middle["wave"])})
