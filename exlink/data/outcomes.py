"""What happens in contacts, compressed in the engine: solved, reopened, handled, handed on, escalated (M25).

EX is constant in a unit and wave, circumstances are few: what regressions of single contacts need of millions of them
is how many there were per unit, wave and circumstances, and what they sum to.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.warehouse import name_of

FLAGS = ("resolved_first_contact", "reopened", "escalated")
MOST_CELLS = 3_000_000  # cells at most; beyond it a fixed sample of as many contacts
MOST_LEVELS = 11  # values an answer may take to be treated as ordered levels
WEEKS = 12  # an escalation that is open longer is followed no further
DRAWS = 1_000_000
_LEFT = 'row_number() OVER (ORDER BY {unit}, wave) - 1 AS "left"'


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
    DataFrame: left, right (see `placed`), n, and for every outcome y that is filled ``n_y`` and ``sum_y``:
    flags of ``FLAGS``; log of handle_seconds (``log_handle``, with ``sumsq_``; zeros have none) and transfers (with
    ``sumsq_``). Of reopened and escalated, in simulated data, also ``n_y_solved`` and ``sum_y_solved``, among contacts
    solved at first contact. Of the ordered answer ``n_<KPI>_<k>`` for level k, n_ and sum_. ``attrs['share']`` is the
    share of the contacts drawn.
    levels : list of float; empty where there are fewer than three or more than eleven.
    """
    keys = cell_keys(data, circumstances)
    where, share = _drawn(data, keys)
    levels = _levels(data, ordered) if ordered else []
    parts = [*_flags(data), *_amounts(data)]
    if levels:
        y = f"{name_of(ordered)}::DOUBLE"
        parts += [f"count({y}) AS n_{ordered}", f"coalesce(sum({y}), 0) AS sum_{ordered}"]
        parts += [f"count(*) FILTER ({y} = {value!r}) AS n_{ordered}_{k}" for k, value in enumerate(levels, 1)]
    counted = "".join(f", {part}" for part in parts)
    sql = f"SELECT {', '.join(keys)}, count(*) AS n{counted} FROM linked{where} GROUP BY ALL"
    cells = data.query(placed(data, circumstances, sql))
    cells.attrs["share"] = share
    return cells, levels


def escalation_spells(data: StudyData, circumstances: Sequence[str]) -> pd.DataFrame:
    """Return how many escalated contacts were solved, or last seen open, in which week after they began.

    A week that ends after the last day of the data could not be seen through: escalations are open when it begins, and
    that is the last that is known of them.

    Returns
    -------
    DataFrame: left, right (see `placed`), period (weeks), ended, n.
    """
    keys = ", ".join(cell_keys(data, circumstances))
    sql = f"""
        WITH e AS (SELECT {keys}, started_at::DATE AS began, escalation_resolved_on::DATE AS solved
                   FROM linked WHERE escalated),
        t AS (SELECT least(DATE '{data.study.period.last}', greatest(max(began), max(solved))) AS last FROM e),
        w AS (SELECT * EXCLUDE (began, solved, last), date_diff('day', began, solved) // 7 AS week,
                     (date_diff('day', began, last) + 1) // 7 AS seen FROM e, t)
        SELECT * EXCLUDE (week, seen), CASE WHEN week < seen THEN week ELSE seen END AS period,
               coalesce(week < seen, FALSE) AS ended, count(*) AS n
        FROM w GROUP BY ALL"""
    return data.query(placed(data, circumstances, sql, "period", "ended"))


def combinations(data: StudyData, circumstances: Sequence[str]) -> pd.DataFrame:
    """Return the distinct combinations of circumstances of linked contacts; cells name them by their index."""
    if not _recorded(data, circumstances):
        return pd.DataFrame(index=range(1))
    return data.query(f'SELECT * FROM {_combinations(data, circumstances)} ORDER BY "right"').drop(columns="right")


def units_by_wave(data: StudyData) -> pd.DataFrame:
    """Return the exposures of units and waves, with ``left``, the number by which cells name them."""
    return data.query(f"SELECT {_LEFT.format(unit=data.unit)}, * FROM exposures ORDER BY 1")


def cell_keys(data: StudyData, circumstances: Sequence[str]) -> list[str]:
    """Return the columns that make a cell: unit, wave and the circumstances that are recorded, each once."""
    return list(dict.fromkeys([name_of(data.unit), name_of("wave"), *_recorded(data, circumstances)]))


def placed(data: StudyData, circumstances: Sequence[str], cells: str, *more: str) -> str:
    """Return the SQL of cells with numbers in place of names, which sort and match at a fraction of the cost.

    Parameters
    ----------
    cells : str
        SQL, one row per unit, wave and circumstances (and ``more``, keys that stay).

    Returns
    -------
    SQL: left (of unit and wave, see `units_by_wave`), right (of circumstances, see `combinations`), and what else
    ``cells`` says, in that order. Cells of units and waves without an exposure do not enter.
    """
    names = _recorded(data, circumstances)
    found, joined = '0 AS "right"', ""
    if names:
        same = " AND ".join(f"c.{name} IS NOT DISTINCT FROM k.{name}" for name in names)
        found, joined = 'k."right"', f"JOIN {_combinations(data, circumstances)} k ON {same}"
    return f"""
        SELECT u."left", {found}, c.* EXCLUDE ({", ".join(cell_keys(data, circumstances))})
        FROM ({cells}) c JOIN (SELECT {_LEFT.format(unit=data.unit)}, {data.unit}, wave FROM exposures) u
             ON c.{data.unit} = u.{data.unit} AND c.wave = u.wave {joined}
        ORDER BY {", ".join(['"left"', '"right"', *more])}"""


def _combinations(data: StudyData, circumstances: Sequence[str]) -> str:
    """Return the name of the table of combinations, written down when first asked for."""
    names = ", ".join(_recorded(data, circumstances))
    table = name_of(f"combinations of {names}")
    data.noted(table, f"""
        SELECT row_number() OVER (ORDER BY {names}) - 1 AS "right", *
        FROM (SELECT DISTINCT {names} FROM linked)""")  # fmt: skip
    return table


def _recorded(data: StudyData, circumstances: Sequence[str]) -> list[str]:
    return [name_of(c) for c in dict.fromkeys(circumstances) if data.has("interactions", c)]


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
    solved = data.truth is not None and data.has("interactions", "resolved_first_contact")
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
                f"coalesce(sum(({value}) * ({value})), 0) AS sumsq_{name}",
            ]  # fmt: skip
    return parts
