"""The EX–interaction relation, written once in Narwhals so that every engine runs the same expressions.

``link`` joins by validity intervals, not by ASOF: the timeline of each unit covers all time without
overlap, so every interaction meets exactly one stretch of it and linking can neither create nor lose one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import narwhals.stable.v2 as nw

from exlink.data.study import Study
from exlink.data.warehouse import quoted
from exlink.errors import LinkageError


def link(
    interactions: nw.LazyFrame,
    cx_responses: nw.LazyFrame,
    timeline: nw.LazyFrame,
    unit: str,
    cx_invitations: nw.LazyFrame | None = None,
) -> nw.LazyFrame:
    """Return every interaction with the EX in force when it started and the customer's answer, if any.

    Parameters
    ----------
    interactions, cx_responses : validated tables.
    timeline : stretches ``unit``, from_ts, to_ts, wave, … that tile all time per unit.
    cx_invitations : validated table, where the study keeps one; joined here once, because every question about
        response would join it again.

    Returns
    -------
    LazyFrame: one row per interaction; ``wave`` is NULL where no EX was in force, the scores are NULL and
    ``has_cx`` is false where the customer did not answer, ``invited_at`` (only with ``cx_invitations``) is NULL where
    the customer was not asked.
    """
    in_stretch = interactions.join(timeline, on=unit, how="inner").filter(
        (nw.col("started_at") >= nw.col("from_ts")) & (nw.col("started_at") < nw.col("to_ts"))
    )
    answered = cx_responses.with_columns(nw.lit(True).alias("answered"))
    if cx_invitations is not None:
        in_stretch = in_stretch.join(cx_invitations, on="interaction_id", how="left")
    return (
        in_stretch.join(answered, on="interaction_id", how="left")
        .with_columns(
            nw.col("answered").fill_null(False).alias("has_cx"),
            ((nw.col("started_at") - nw.col("responded_on")).dt.total_minutes() // 1440).alias("days_since_ex"),
        )
        .drop("from_ts", "to_ts", "answered")
    )


def compress(linked: nw.LazyFrame, by: Sequence[str], outcomes: Sequence[str]) -> nw.LazyFrame:
    """Return the sufficient statistics of each outcome per cell.

    EX is constant within unit × wave, so counts, sums and sums of squares per cell carry all that a linear
    model on the rows can use.

    Returns
    -------
    LazyFrame: ``by``, n (rows) and per outcome y: n_y (answers), sum_y, sumsq_y.
    """
    parts = [nw.len().alias("n")]
    for y in outcomes:
        value = nw.col(y).cast(nw.Float64)
        parts += [
            nw.col(y).count().alias(f"n_{y}"),
            value.sum().alias(f"sum_{y}"),
            (value * value).sum().alias(f"sumsq_{y}"),
        ]
    return linked.group_by(*by).agg(*parts)


def coarser(cells: nw.LazyFrame, by: Sequence[str]) -> nw.LazyFrame:
    """Return what :func:`compress` gives per cell of ``by``, from its cells by these and other columns."""
    of_all = [c for c in cells.collect_schema().names() if c.startswith(("n_", "sum_", "sumsq_"))]
    totals = [nw.col(c).sum().cast(nw.Int64 if c.startswith("n") else nw.Float64).alias(c) for c in ("n", *of_all)]
    return cells.group_by(*by).agg(*totals)


def refuse_no_overlap(con: duckdb.DuckDBPyConnection, linked: Path, unit: str, study: Study) -> None:
    """Raise LinkageError when no interaction with a customer's answer has an EX before it."""
    source = f"read_parquet({quoted(str(linked))})"
    total, in_force, answered, both = con.execute(
        f"SELECT count(*), count(wave), count_if(has_cx), count_if(has_cx AND wave IS NOT NULL) FROM {source}"
    ).fetchall()[0]
    if both:
        return
    if not answered:
        raise LinkageError(
            f"cx_responses: none of the {total:,} interactions has a customer's answer. "
            "Check that both tables use the same interaction_id."
        )
    units, shared = con.execute(
        f"SELECT count(*), count_if({unit} IN (SELECT {unit} FROM exposed)) FROM (SELECT DISTINCT {unit} FROM {source})"
    ).fetchall()[0]
    if not shared:
        raise LinkageError(
            f"ex_responses and interactions do not overlap: 0 of {units:,} values of "
            f"interactions.{unit} occur in ex_responses. Check that both use the same ids."
        )
    ex = con.execute("SELECT min(responded_on), max(responded_on) FROM ex_responses").fetchall()[0]
    cx = con.execute(f"SELECT min(started_at)::DATE, max(started_at)::DATE FROM {source}").fetchall()[0]
    raise LinkageError(
        f"ex_responses and interactions do not overlap in time: EX answers run from {ex[0]} to {ex[1]}, "
        f"interactions from {cx[0]} to {cx[1]}, and {in_force:,} of {total:,} interactions fall into the "
        f"{study.linkage.window_days} days (lag {study.linkage.lag_days}) after an EX answer. "
        "Check dates, or widen linkage.window_days."
    )
