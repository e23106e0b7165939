"""Rows in an engine → cross-products: two scans and one for each pair of factors; no row leaves the engine.

Sums of doubles depend on the order of their terms, and an engine with several threads has no fixed order: two runs may
differ in the last bits (relative 1e-15 of a sum). Shifts and scales are rounded so that nothing else differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from exlink.stats.lmm.cells import cell_sums, expand, products_by, split
from exlink.stats.lmm.design import design, read_factors
from exlink.stats.lmm.expressions import Column, complete
from exlink.stats.lmm.formula import Model, check_columns
from exlink.stats.lmm.layout import Layout, free_entries
from exlink.stats.lmm.lazy import opened
from exlink.stats.lmm.products import Grouping, Pair, Products
from exlink.stats.lmm.survey import Standard, check_finite, key, standards, survey


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What is summed: complete rows, and the design columns with their shifts and scales."""

    model: Model
    rows: nw.LazyFrame
    schema: Mapping[str, Any]
    layout: Layout
    columns: list[Column]
    standard: list[Standard]

    @property
    def weight(self) -> str | None:
        """Return the column that multiplies products."""
        return self.model.weights or self.model.frequencies


def from_engine(model: Model, data: Any) -> Products:
    """Return the cross-products of a model on rows that stay in their engine.

    Parameters
    ----------
    data : path of Parquet files, DuckDB relation, Polars or Spark frame, Narwhals LazyFrame

    Raises
    ------
    EstimationError
        Unknown columns, no complete row, infinite values, weights that are not positive, terms no engine computes.
    """
    with opened(data) as frame:
        return _compress(model, frame)


def _compress(model: Model, frame: nw.LazyFrame) -> Products:
    schema = frame.collect_schema()
    check_columns(model, schema)
    factors = read_factors(model, schema)
    found = survey(model, factors, frame, schema)
    layout, columns = design(model, factors, schema, found.levels)
    rows = frame if found.rows == found.seen else frame.filter(complete(model, schema))
    check_finite(model, columns, found, rows)
    standard = standards(columns, [slot.centred for slot in layout.slots], found, rows)
    task = Task(model, rows, schema, layout, columns, standard)
    first, levels = _first(task, found)
    pairs, levels = _pairs(task, levels)
    groupings = tuple(
        Grouping(
            name, pd.Index(found_levels.to_numpy(zero_copy_only=False), name=name), places, free_entries(parts), parts
        )
        for (name, _, places, parts), found_levels in zip(layout.factors, levels, strict=True)
    )
    return Products(
        names=tuple(slot.name for slot in layout.slots), fixed=layout.fixed,
        shift=np.array([s.shift for s in standard]), scale=np.array([s.scale for s in standard]),
        groupings=groupings, first=first, pairs=pairs,
        n_rows=found.weight if model.frequencies else float(found.rows), n_seen=found.seen,
        n_incomplete=found.seen - found.rows, log_weights=found.log_weight,
    )  # fmt: skip


def _first(task: Task, found: Any) -> tuple[np.ndarray, pa.Array]:
    made = split(task.columns, ())
    varying = standards([Column("", parts) for parts in made.varying], [True] * len(made.varying), found, task.rows)
    keys = task.layout.factors[0][1]
    table = cell_sums(task.rows, made, varying, keys, task.weight, task.schema)
    label = _labels(table, [f"f{i}" for i in range(len(keys))])
    levels = _sorted_levels(label)
    first = expand(table, made, task.columns, task.standard, varying, _codes(label, levels), len(levels))
    return first, levels


def _pairs(task: Task, first: pa.Array) -> tuple[dict[tuple[int, int], Pair], list[pa.Array]]:
    """Return the sums of each pair of factors, and the levels of all factors."""
    levels = [first]
    pairs = {}
    for a, b in itertools.combinations(range(len(task.layout.factors)), 2):
        table, labels = _pair_sums(task, a, b)
        if a == 0:
            levels.append(_sorted_levels(labels[1]))
        pairs[a, b] = _pair(task, table, [_codes(labels[0], levels[a]), _codes(labels[1], levels[b])], a, b)
    return pairs, levels


def _pair_sums(task: Task, a: int, b: int) -> tuple[pa.Table, list[pa.Array]]:
    keys = [task.layout.factors[f][1] for f in (a, b)]
    both = list(dict.fromkeys([*keys[0], *keys[1]]))
    kept = {f"f{i}": key(c, task.schema) for i, c in enumerate(both)}
    names = list(kept)
    wanted = {_product(task, i, j) for i in _left(task, a) for j in task.layout.factors[b][2]}
    for i in sorted({i for pair in wanted for i in pair if i}):
        own = task.standard[i - 1]
        kept[f"u{i}"] = (task.columns[i - 1].expression() - own.shift) / own.scale
    table = products_by(task.rows, kept, names, sorted(wanted), task.weight)
    return table, [_labels(table, [f"f{both.index(c)}" for c in of]) for of in keys]


def _pair(task: Task, table: pa.Table, codes: Sequence[np.ndarray], a: int, b: int) -> Pair:
    order = np.lexsort((codes[1], codes[0]))
    left, right = codes[0][order], codes[1][order]
    starts = np.flatnonzero(np.r_[True, (left[1:] != left[:-1]) | (right[1:] != right[:-1])])
    rows, columns = _left(task, a), task.layout.factors[b][2]
    products = np.empty((len(starts), len(rows), len(columns)))
    for x, i in enumerate(rows):
        for y, j in enumerate(columns):
            r, t = _product(task, i, j)
            sums = table[f"s{r}_{t}"].to_numpy()[order]
            # keys that only differ before they were written as text share a label
            products[:, x, y] = sums if len(starts) == len(order) else np.add.reduceat(sums, starts)
    return Pair(left[starts], right[starts], products)


def _left(task: Task, a: int) -> Sequence[int]:
    return range(len(task.columns)) if a == 0 else task.layout.factors[a][2]


def _product(task: Task, i: int, j: int) -> tuple[int, int]:
    """Return the name of the product of two columns: 0 is the constant 1, k the (k - 1)th design column."""
    r, t = (0 if not task.columns[k].parts and task.columns[k].times == 1 else int(k) + 1 for k in (i, j))
    return max(r, t), min(r, t)


def _labels(table: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return the labels of levels: the key itself, or several keys as ``batch:cask``."""
    arrays = [table[name].combine_chunks() for name in names]
    if len(arrays) == 1:
        return arrays[0]
    texts = []
    for array in arrays:
        coded = array.dictionary_encode()
        written = pd.Series(coded.dictionary.to_numpy(zero_copy_only=False)).astype(str)
        texts.append(pa.array(written.tolist(), pa.string()).take(coded.indices))
    return pc.binary_join_element_wise(*texts, ":")


def _sorted_levels(label: pa.Array) -> pa.Array:
    found = pc.unique(label)
    return found.take(pc.sort_indices(found))


def _codes(label: pa.Array, levels: pa.Array) -> np.ndarray:
    return pc.index_in(label, value_set=levels).to_numpy(zero_copy_only=False).astype(np.int64)
