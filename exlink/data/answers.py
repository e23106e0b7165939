"""Answers of both sides, compressed in the engine to what means, shares and net scores need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from exlink.data.asked import quarter_of
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.kpis import share_columns
from exlink.data.warehouse import name_of

KPI_CONCEPTS = ("ease", "recommend", "satisfaction")
EVERYWHERE = "all"  # label of rows that speak of all touchpoints


def ex_kpi_scales(data: StudyData) -> dict[str, tuple[float, float]]:
    """Return each EX KPI that was asked, with the scale most of its answers are on."""
    return _scales(data, "kpi", "kpi <> 'driver'")


def ex_aspect_scales(data: StudyData) -> dict[str, tuple[float, float]]:
    """Return each EX aspect, by its column of the exposures (``ex_tools``), with the scale most answers are on."""
    return {f"ex_{slug(aspect)}": scale for aspect, scale in _scales(data, "aspect", "kpi = 'driver'").items()}


def cx_kpi_scales(data: StudyData) -> dict[str, tuple[float, float]]:
    """Return each CX KPI that customers answered, with the scale the study declares for it."""
    return {k: tuple(map(float, data.study.scales[k])) for k in data.cx_kpis}


def percent_of_scale(value: pd.Series, scale: tuple[float, float]) -> pd.Series:
    """Return scores as 0 (worst answer) to 100 (best answer): the one scale on which both sides can be laid."""
    return (value - scale[0]) / (scale[1] - scale[0]) * 100


def ex_answer_cells(data: StudyData, by: Sequence[str] = ("touchpoint",)) -> pd.DataFrame:
    """Return the answers to EX KPI items per unit, KPI and ``by``: columns of ``ex_responses``, or ``quarter``.

    Only answers on the KPI's commonest scale are counted; a row that stands for several answers
    (``weight``, team grain) counts once, because its spread inside is not known.

    Returns
    -------
    DataFrame: unit, kpi, by…, n_score, sum_score, sumsq_score, top2, promoters, detractors; the last two are
    0 where the scale is not 0–10.
    """
    scales = ex_kpi_scales(data)
    if not scales:
        return pd.DataFrame(
            columns=[data.unit, "kpi", *by, "n_score", "sum_score", "sumsq_score", "top2", "promoters", "detractors"]
        )
    keys = ", ".join(key_columns(by))
    return data.query(f"""
        SELECT {data.unit}, kpi, {keys}, count(*) AS n_score, sum(score) AS sum_score,
               sum(score * score) AS sumsq_score, count_if(score > scale_max - 2) AS top2,
               count_if(scale_min = 0 AND scale_max = 10 AND score >= 9) AS promoters,
               count_if(scale_min = 0 AND scale_max = 10 AND score <= 6) AS detractors
        FROM ex_responses WHERE {on_commonest_scale(scales)} GROUP BY ALL ORDER BY ALL""")


def key_columns(by: Sequence[str]) -> list[str]:
    """Return the SQL of columns of ``ex_responses`` to group by; ``quarter`` stands for that of the answer."""
    return [f"{quarter_of('responded_on')} AS quarter" if c == "quarter" else name_of(c) for c in by]


def on_commonest_scale(scales: Mapping[str, tuple[float, float]]) -> str:
    """Return the SQL condition of answers on the scale most answers to their KPI are on."""
    return " OR ".join(f"(kpi = '{k}' AND scale_min = {lo} AND scale_max = {hi})" for k, (lo, hi) in scales.items())


def cx_answer_cells(data: StudyData, by: Sequence[str] = ("touchpoint",), period: str = "quarter") -> pd.DataFrame:
    """Return customers' answers per unit and ``by``, over all contacts, linked or not, in one pass.

    ``by`` names columns of ``interactions``; ``when`` among them stands for the quarter (``period="quarter"``)
    or month of the contact.

    Returns
    -------
    DataFrame: unit, by…, contacts, per KPI k that customers answered n_k, sum_k, sumsq_k, top2_k, promoters_k,
    detractors_k, and per filled column c of the KPIs that are shares of contacts n_c, hits_c.
    """
    # periods are named after counting: the engine groups their first days faster than texts
    since = f"date_trunc('{period}', started_at) AS since"
    named = {"quarter": quarter_of("since"), "month": "strftime(since, '%Y-%m')"}[period]
    keys = ", ".join(since if c == "when" else name_of(c) for c in by)
    shown = ", ".join(f'{named} AS "when"' if c == "when" else name_of(c) for c in by)
    parts = ["count(*) AS contacts"]
    for k, (low, high) in cx_kpi_scales(data).items():
        net = "true" if (low, high) == (0, 10) else "false"
        parts += [
            f"count({k}) AS n_{k}",
            f"coalesce(sum({k}), 0) AS sum_{k}",
            f"coalesce(sum({k} * {k}), 0) AS sumsq_{k}",
            f"count_if({k} > {high} - 2) AS top2_{k}",
            f"count_if({net} AND {k} >= 9) AS promoters_{k}",
            f"count_if({net} AND {k} <= 6) AS detractors_{k}",
        ]
    for column in share_columns():
        if data.has("interactions", column):
            parts += [f"count({column}) AS n_{column}", f"count_if({column}) AS hits_{column}"]
    counted = f"SELECT {data.unit}, {keys}, {', '.join(parts)} FROM interactions GROUP BY ALL"
    rest = f"* EXCLUDE ({', '.join([data.unit, *('since' if c == 'when' else name_of(c) for c in by)])})"
    return data.query_once(f"SELECT {data.unit}, {shown}, {rest} FROM ({counted}) ORDER BY ALL")


def headline_kpi(names: Sequence[str]) -> str | None:
    """Return the KPI that stands for its side: satisfaction where it was asked."""
    return next((k for k in ("satisfaction", "recommend", "ease") if k in names), None)


def _scales(data: StudyData, measure: str, which: str) -> dict[str, tuple[float, float]]:
    rows = data.query(f"""
        SELECT {measure} AS measure, arg_max([scale_min, scale_max], n) AS scale FROM (
            SELECT {measure}, scale_min, scale_max, count(*) AS n FROM ex_responses WHERE {which}
            GROUP BY ALL ORDER BY n, scale_min, scale_max)
        GROUP BY measure ORDER BY measure""")
    return {r.measure: (float(r.scale[0]), float(r.scale[1])) for r in rows.itertuples()}
