"""By which columns rows are grouped before their products are summed: whatever makes the sums cheapest, told by a look.

The choice changes how long the sums take and the order of additions, never what is summed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from exlink.stats.lmm.engine.cells import split
from exlink.stats.lmm.engine.expressions import Column
from exlink.stats.lmm.engine.survey import key

WORTH_A_LOOK = 200_000  # rows below which any sums take no longer than looking
MANY = 60  # sums per group up to which groups of more columns cost more than they save (measured, DuckDB, 10 M rows)
LOOK = 20_000  # rows looked at: the first ones
ROWS_A_CELL = 10  # cells with fewer rows than this are nearly as many as the rows
CACHE = 15_000  # groups at which a sum takes twice as long, since tables outgrow the processor's cache (as measured)
SAME = 1.01  # a column that splits cells by less than this is known from the others


def choose_keys(
    columns: Sequence[Column], rows: nw.LazyFrame, n: int, first: Sequence[str], schema: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the columns that make a cell beside the first factor's, or none where plain sums are cheaper.

    Parameters
    ----------
    columns : design columns
    rows : complete rows
    n : int
        How many they are.
    first : columns of the first factor
    """
    if n < WORTH_A_LOOK or split(columns, ()).sums <= MANY:
        return ()
    names = sorted({c for column in columns for part in column.parts for c in part.columns} - set(first))
    level, seen = _look(rows, first, names, schema)
    few = [c for c in names if cells_in_all(level, [seen[c]]) * ROWS_A_CELL <= n]
    return _cheapest(columns, n, _bundles(few, level, seen), level, seen)


def cells_in_all(level: np.ndarray, keys: Sequence[np.ndarray]) -> float:
    """Return how many combinations there are likely to be in all rows, from those seen once and twice (Chao 1984)."""
    times = np.bincount(_together(level, keys))
    once, twice = int((times == 1).sum()), int((times == 2).sum())
    return int((times > 0).sum()) + once * max(once - 1, 0) / (2 * (twice + 1))


def _together(code: np.ndarray, keys: Sequence[np.ndarray]) -> np.ndarray:
    """Return the codes of combinations."""
    for other in keys:
        code = pd.factorize(code * (int(other.max()) + 1) + other)[0]
    return code


def _look(
    rows: nw.LazyFrame, first: Sequence[str], names: Sequence[str], schema: Mapping[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    kept = [key(c, schema).alias(f"x{i}") for i, c in enumerate([*first, *names])]
    table = rows.select(*kept).head(LOOK).collect(backend="pyarrow").to_native()
    codes = [pd.factorize(table[f"x{i}"].to_numpy())[0] for i in range(len(kept))]
    level = _together(codes[0], codes[1 : len(first)])
    return level, dict(zip(names, codes[len(first) :], strict=True))


def _bundles(few: Sequence[str], level: np.ndarray, seen: Mapping[str, np.ndarray]) -> list[tuple[str, ...]]:
    """Return each column with those that come with it for nothing: all scores of one survey, given one of them.

    Columns that make as many cells as one they come with bring nothing else than it does.
    """
    alone = {c: cells_in_all(level, [seen[c]]) for c in few}
    found, told = [], set()
    for column in few:
        if column in told:
            continue
        code = _together(level, [seen[column]])
        free = [c for c in few if c != column and cells_in_all(code, [seen[c]]) <= SAME * alone[column]]
        told |= {c for c in free if alone[column] <= SAME * alone[c]}
        found.append((column, *free))
    return found


def _cheapest(
    columns: Sequence[Column], n: int, bundles: Sequence[tuple[str, ...]], level: np.ndarray,
    seen: Mapping[str, np.ndarray],
) -> tuple[str, ...]:  # fmt: skip
    """Return keys, adding the bundle that saves most until none saves anything."""

    def cost(keys: tuple[str, ...], cells: float) -> float:
        if keys and cells * ROWS_A_CELL > n:
            return np.inf
        return split(columns, keys).sums * (1 + cells / CACHE) + len(keys)

    of = {bundle: _together(level, [seen[k] for k in bundle]) for bundle in bundles}
    keys, code = (), level
    least = cost(keys, cells_in_all(level, []))
    while True:
        wider = {b: tuple(dict.fromkeys([*keys, *b])) for b in bundles if b[0] not in keys}
        costs = {b: cost(more, cells_in_all(code, [of[b]])) for b, more in wider.items()}
        best = min(costs, key=costs.__getitem__, default=())
        if not costs or costs[best] >= least:
            return keys
        keys, code, least = wider[best], _together(code, [of[best]]), costs[best]
