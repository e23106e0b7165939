"""Rows in an engine → cross-products: two scans and one for each pair of factors.

Sums leave the engine, rows do not; only where many sums are due, ``plan`` looks at covariates of the first 20,000 rows.
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
import pyarrow as pa
import pyarrow.compute as pc

from exlink.stats.lmm.checks import refuse_infinite_key, refuse_key, refuse_text_response
from exlink.stats.lmm.engine.cells import Split, cell_sums, column_sums, expand, products_by, split
from exlink.stats.lmm.engine.design import design, read_factors
from exlink.stats.lmm.engine.expressions import NUMBER, Column, complete, kinds
from exlink.stats.lmm.engine.opened import opened
from exlink.stats.lmm.engine.plan import choose_keys
from exlink.stats.lmm.engine.steady import check_steady, refuse_unsteady
from exlink.stats.lmm.engine.survey import Standard, Survey, check_finite, key, standards, survey
from exlink.stats.lmm.formula import Model, check_columns
from exlink.stats.lmm.labels import are_whole, joined
from exlink.stats.lmm.layout import Layout
from exlink.stats.lmm.products import Pair, Products, Triple

CHUNK = 4_000  # pairs of levels written at a time
PREFIXES = "fgh"  # of the keys of the factors that meet


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


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """What an engine has added up: sums by cells of the first factor, and by pairs of levels of two factors."""

    found: Survey
    task: Task
    made: Split
    varying: list[Standard]
    cells: pa.Table
    pairs: dict[tuple[int, int], pa.Table]
    triples: dict[tuple[int, int], pa.Table]


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
        scanned = _scan(model, frame)
    return _assemble(scanned)  # an engine of our own has given its memory back by now


def _scan(model: Model, frame: nw.LazyFrame) -> Scanned:
    schema = frame.collect_schema()
    check_columns(model, schema)
    refuse_text_response(model, lambda name: kinds(schema)[name] == NUMBER)
    for name in {k for part in model.random for k in part.keys}:
        if schema[name].is_nested():
            refuse_key(model.text, name)
    factors = read_factors(model, schema)
    found = survey(model, factors, frame, schema)
    layout, columns = design(model, factors, schema, found.levels)
    rows = frame if found.rows == found.seen else frame.filter(complete(model, schema))
    check_finite(model, columns, found, rows)
    standard = standards(columns, [slot.centred for slot in layout.slots], found, rows)
    task = Task(model, rows, schema, layout, columns, standard)
    first, factors = layout.factors[0].keys, range(len(layout.factors))
    made = split(columns, choose_keys(columns, rows, found.rows, first, schema))
    varying = standards([Column("", parts) for parts in made.varying], [True] * len(made.varying), found, rows)
    return Scanned(
        found=found, task=task, made=made, varying=varying,
        cells=cell_sums(rows, made, varying, first, task.weight, schema),
        pairs={(a, b): _sums_where(task, (a, b)) for a, b in itertools.combinations(factors, 2)},
        triples={(a, b): _sums_where(task, (0, a, b)) for a, b in itertools.combinations(factors[1:], 2)},
    )  # fmt: skip


def _assemble(scanned: Scanned) -> Products:
    task, found = scanned.task, scanned.found
    text, weight = task.model.text, float(scanned.cells["s0_0"].to_numpy().sum())
    label = _labels(scanned.cells, task.layout.factors[0].keys, text)
    levels = [_sorted_levels(label)]
    summed = scanned.cells, scanned.made, task.columns, task.standard, scanned.varying
    first = expand(*summed, _codes(label, levels[0], text), len(levels[0]))
    pairs = {}
    for a, b in sorted(scanned.pairs):
        table = scanned.pairs.pop((a, b))
        labels = _labels_of(task, table, (a, b))
        if a == 0:
            levels.append(_sorted_levels(labels[1]))
        codes = [_codes(n, levels[f], text) for n, f in zip(labels, (a, b), strict=True)]
        codes, products = _ordered(task, table, codes, a, b)
        pairs[a, b] = Pair(*codes, products)
    triples = {}
    for a, b in sorted(scanned.triples):
        table = scanned.triples.pop((a, b))
        labels = _labels_of(task, table, (0, a, b))
        codes = [_codes(n, levels[f], text) for n, f in zip(labels, (0, a, b), strict=True)]
        codes, products = _ordered(task, table, codes, a, b)
        triples[a, b] = Triple(*codes, products)
    groupings = tuple(
        factor.grouping(labels.to_numpy(zero_copy_only=False))
        for factor, labels in zip(task.layout.factors, levels, strict=True)
    )
    products = Products(
        names=tuple(slot.name for slot in task.layout.slots), fixed=task.layout.fixed,
        constant=task.layout.constant, sums=column_sums(*summed), weight=found.weight,
        shift=np.array([s.shift for s in task.standard]), scale=np.array([s.scale for s in task.standard]),
        groupings=groupings, first=first, pairs=pairs, triples=triples,
        n_rows=found.weight if task.model.frequencies else float(found.rows), n_seen=found.seen,
        n_incomplete=found.seen - found.rows, log_weights=found.log_weight, uneven=found.uneven,
    )  # fmt: skip
    check_steady(text, products, found, task.columns, weight)
    return products


def _sums_where(task: Task, factors: Sequence[int]) -> pa.Table:
    """Return sums where levels of factors meet: ``f<i>``, ``g<i>``, ``h<i>`` their keys, ``s<r>_<t>`` the sums.

    What is multiplied are the columns of the last two.
    """
    kept = {
        f"{prefix}{i}": key(c, task.schema)
        for f, prefix in zip(factors, PREFIXES, strict=False) for i, c in enumerate(task.layout.factors[f].keys)
    }  # fmt: skip
    names, (a, b) = list(kept), factors[-2:]
    wanted = {_product(task, i, j) for i in _left(task, a) for j in task.layout.factors[b].columns}
    for i in sorted({i for pair in wanted for i in pair if i}):
        own = task.standard[i - 1]
        kept[f"u{i}"] = (task.columns[i - 1].expression() - own.shift) / own.scale
    return products_by(task.rows, kept, names, sorted(wanted), task.weight)


def _ordered(
    task: Task, table: pa.Table, codes: Sequence[np.ndarray], a: int, b: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return codes sorted and the products of the columns of a and b, (P, q_a, q_b)."""
    rows, columns = _left(task, a), task.layout.factors[b].columns
    order = _order(codes)
    names = ["s{}_{}".format(*_product(task, i, j)) for i in rows for j in columns]
    summed = [table[name].to_numpy() for name in names]
    products = np.empty((len(order), len(names)))
    for start in range(0, len(order), CHUNK):  # in parts that stay in the processor's cache
        for place, values in enumerate(summed):
            products[start : start + CHUNK, place] = values[start : start + CHUNK]
    products = products[order].reshape(len(order), len(rows), len(columns))
    return [code[order] for code in codes], products


def _order(codes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the order by first code, then by second: one sort of one number, much faster than one for each."""
    combined = codes[0].astype(np.int64)
    for code in codes[1:]:
        combined = combined * (int(code.max()) + 1) + code
    return np.argsort(combined, kind="stable")


def _left(task: Task, a: int) -> Sequence[int]:
    return range(len(task.columns)) if a == 0 else task.layout.factors[a].columns


def _product(task: Task, i: int, j: int) -> tuple[int, int]:
    """Return the name of the product of two columns: 0 is the constant 1, k the (k - 1)th design column."""
    r, t = (0 if not task.columns[k].parts and task.columns[k].times == 1 else int(k) + 1 for k in (i, j))
    return max(r, t), min(r, t)


def _labels_of(task: Task, table: pa.Table, factors: Sequence[int]) -> list[pa.Array]:
    keys = [task.layout.factors[f].keys for f in factors]
    return [_labels(table, own, task.model.text, prefix) for own, prefix in zip(keys, PREFIXES, strict=False)]


def _labels(table: pa.Table, keys: Sequence[str], text: str, prefix: str = "f") -> pa.Array:
    """Return the labels of levels: the key itself, or several keys as ``batch:cask``."""
    arrays = [_whole(table[f"{prefix}{i}"].combine_chunks(), key, text) for i, key in enumerate(keys)]
    if len(arrays) == 1:
        return arrays[0]
    coded = [array.dictionary_encode() for array in arrays]
    return pa.array(
        joined([(c.indices.to_numpy(), c.dictionary.to_numpy(zero_copy_only=False)) for c in coded]), pa.string()
    )


def _whole(keys: pa.Array, name: str, text: str) -> pa.Array:
    """Return keys, whole numbers that came as doubles as integers (see ``labels``)."""
    if not pa.types.is_floating(keys.type):
        return keys
    ends = pc.min_max(keys)
    if not np.isfinite([ends["min"].as_py(), ends["max"].as_py()]).all():
        refuse_infinite_key(text, name)
    parts = not pc.all(pc.equal(pc.floor(keys), keys)).as_py()
    return keys.cast(pa.int64()) if are_whole(ends["min"].as_py(), ends["max"].as_py(), parts) else keys


def _sorted_levels(label: pa.Array) -> pa.Array:
    found = pc.unique(label)
    return found.take(pc.sort_indices(found))


def _codes(label: pa.Array, levels: pa.Array, text: str) -> np.ndarray:
    places = pc.index_in(label, value_set=levels)
    if places.null_count:  # a level that an earlier scan has not seen
        refuse_unsteady(text)
    return places.to_numpy(zero_copy_only=False).astype(np.int64)
