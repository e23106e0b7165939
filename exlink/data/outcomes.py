"""What happens in contacts, compressed in the engine: solved, reopened, handled, handed on, escalated (M25).

EX is constant in a unit and wave, circumstances are few: what regressions of single contacts need of millions of them
is how many there were per unit, wave and circumstances, and what they sum to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.warehouse import name_of

FLAGS = ("resolved_first_contact", "reopened", "escalated")
MOST_CELLS = 3_000_000  # cells at most; beyond it a fixed sample of as many contacts
MOST_LEVELS = 11  # values an answer may take to be treated as ordered levels
WEEKS = 12  # an escalation that is open longer is followed no further
DRAWS = 1_000_000


def outcome_cells(data: StudyData, circumstances: Sequence[str], ordered: str = "") -> tuple[pd.DataFrame, list[float]]:
    """Return linked contacts per unit, wave and circumstances, and the levels of the answer ``ordered``.

    Parameters
    ----------
    circumstances : sequence of str
        Columns of interactions.
    ordered : str, optional
        A KPI of customers whose answers are counted by level.

    Returns
    -------
    DataFrame: unit, wave, ``circumstances``, n, and for every outcome y that is filled ``n_y`` and ``sum_y``: flags of
    ``FLAGS``; log of handle_seconds (``log_handle``, with ``sumsq_``; zeros have none) and transfers (with ``sumsq_``).
    Of reopened and escalated also ``n_y_solved`` and ``sum_y_solved``, among contacts solved at first contact. Of the
    ordered answer ``n_<KPI>_<k>`` for level k, n_ and sum_. ``attrs['share']`` is the share of the contacts drawn.
    levels : list of float; empty where there are fewer than three or more than eleven.
    """
    there = [c for c in circumstances if data.has("interactions", c)]
    keys = [data.unit, "wave", *map(name_of, there)]
    where, share = _drawn(data, keys)
    levels = _levels(data, ordered) if ordered else []
    parts = [*_flags(data), *_amounts(data)]
    if levels:
        y = f"{name_of(ordered)}::DOUBLE"
        parts += [f"count({y}) AS n_{ordered}", f"coalesce(sum({y}), 0) AS sum_{ordered}"]
        parts += [f"count(*) FILTER ({y} = {value!r}) AS n_{ordered}_{k}" for k, value in enumerate(levels, 1)]
    cells = data.query(f"""
        SELECT {", ".join(keys)}, count(*) AS n{"".join(f", {part}" for part in parts)}
        FROM linked{where} GROUP BY ALL ORDER BY ALL""")
    cells.attrs["share"] = share
    return cells, levels


def escalation_spells(data: StudyData, circumstances: Sequence[str]) -> pd.DataFrame:
    """Return how many escalated contacts were solved, or last seen open, in which week after they began.

    A week that ends after the last day of the data could not be seen through: escalations are open when it begins, and
    that is the last that is known of them.

    Returns
    -------
    DataFrame: unit, wave, ``circumstances``, period (weeks), ended, n.
    """
    there = [name_of(c) for c in circumstances if data.has("interactions", c)]
    keys = ", ".join([data.unit, "wave", *there])
    return data.query(f"""
        WITH e AS (SELECT {keys}, started_at::DATE AS began, escalation_resolved_on::DATE AS solved
                   FROM linked WHERE escalated),
        t AS (SELECT least(DATE '{data.study.period.last}', greatest(max(began), max(solved))) AS last FROM e),
        w AS (SELECT * EXCLUDE (began, solved, last), date_diff('day', began, solved) // 7 AS week,
                     (date_diff('day', began, last) + 1) // 7 AS seen FROM e, t)
        SELECT * EXCLUDE (week, seen), CASE WHEN week < seen THEN week ELSE seen END AS period,
               coalesce(week < seen, FALSE) AS ended, count(*) AS n
        FROM w GROUP BY ALL ORDER BY ALL""")


def _drawn(data: StudyData, keys: Sequence[str]) -> tuple[str, float]:
    """Return the condition that draws a fixed sample of contacts where there are too many cells, and its share."""
    row = data.query(
        f"SELECT count(*) AS n, approx_count_distinct(hash({', '.join(keys)})) AS cells FROM linked ORDER BY n"
    ).iloc[0]
    if row["cells"] <= MOST_CELLS:
        return "", 1.0
    share = MOST_CELLS / float(row["n"])
    return f" WHERE hash(interaction_id) % {DRAWS} < {int(share * DRAWS)}", share


def _levels(data: StudyData, kpi: str) -> list[float]:
    """Return the answers a KPI was given, in order; none where they are too few or too many to be levels."""
    values = data.query(
        f"SELECT DISTINCT {name_of(kpi)}::DOUBLE AS level FROM linked WHERE {name_of(kpi)} IS NOT NULL ORDER BY level"
    )["level"].tolist()
    return values if 3 <= len(values) <= MOST_LEVELS else []


def _flags(data: StudyData) -> list[str]:
    parts = []
    solved = data.has("interactions", "resolved_first_contact")
    for flag in FLAGS:
        if not data.has("interactions", flag):
            continue
        parts += [f"count({flag}) AS n_{flag}", f"count(*) FILTER ({flag}) AS sum_{flag}"]
        if solved and flag != "resolved_first_contact":
            parts += [
                f"count({flag}) FILTER (resolved_first_contact) AS n_{flag}_solved",
                f"count(*) FILTER ({flag} AND resolved_first_contact) AS sum_{flag}_solved",
            ]
    return parts


def _amounts(data: StudyData) -> list[str]:
    parts = []
    for column, name, value in (
        ("handle_seconds", "log_handle", "CASE WHEN handle_seconds > 0 THEN ln(handle_seconds) END"),
        ("transfers", "transfers", "transfers::DOUBLE"),
    ):
        if data.has("interactions", column):
            parts += [
                f"count({value}) AS n_{name}", f"coalesce(sum({value}), 0) AS sum_{name}",
                f"coalesce(sum(({value}) ^ 2), 0) AS sumsq_{name}",
            ]  # fmt: skip
    return parts


def combinations(cells: pd.DataFrame, circumstances: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the distinct combinations of circumstances, and which of them each cell is of."""
    there = [c for c in circumstances if c in cells]
    if not there:
        return pd.DataFrame(index=range(1)), np.zeros(len(cells), dtype=np.int64)
    codes = cells.groupby(there, dropna=False, sort=True).ngroup().to_numpy()
    first = np.unique(codes, return_index=True)[1]
    return cells[there].iloc[first].reset_index(drop=True), codes
