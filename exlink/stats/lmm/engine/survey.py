"""The first look at rows in an engine: how many are complete, which categories there are, where values lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from exlink.stats.lmm.checks import (
    refuse_categories,
    refuse_infinite,
    refuse_no_number,
    refuse_no_rows,
    refuse_vast,
    refuse_weights,
)
from exlink.stats.lmm.engine.design import Factors, ordered
from exlink.stats.lmm.engine.expressions import NUMBER, Column, Part, complete, kinds, product
from exlink.stats.lmm.formula import INTERCEPT, Model

NARROW = 1e-6  # (spread / mean)² below which sums of squares have lost too many digits to tell the spread
STEPS = 1024  # a shift is a multiple of this part of the scale


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What one scan says of all rows, by combination of categories.

    seen, rows : int                                rows read, complete rows
    weight, log_weight : float                      sums of weights (or frequencies) and of their logs
    uneven : bool                                   whether precision weights differ
    levels : dict of column → list                  categories among complete rows, in their order
    categories : dict of column → ndarray, (C,)     category of each combination
    counts : ndarray, (C,)                          complete rows
    sums, squares : dict of product → ndarray, (C,) of each numeric product and of its square
    weights : ndarray, (C,)                         sums of weights; rows without any
    weighted : dict of product → ndarray, (C,)      sums of weight · product
    """

    seen: int
    rows: int
    weight: float
    log_weight: float
    uneven: bool
    levels: dict[str, list[Any]]
    categories: dict[str, np.ndarray]
    counts: np.ndarray
    sums: dict[tuple[Part, ...], np.ndarray]
    squares: dict[tuple[Part, ...], np.ndarray]
    weights: np.ndarray
    weighted: dict[tuple[Part, ...], np.ndarray]


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, mean square and variance of a column over complete rows."""

    mean: float
    square: float
    variance: float


@dataclass(frozen=True, slots=True)
class Standard:
    """Where a column lies and how far it reaches: ``(raw - shift) / scale`` is of the size of 1."""

    shift: float
    scale: float


def survey(model: Model, factors: Factors, frame: nw.LazyFrame, schema: Mapping[str, Any]) -> Survey:
    """Return the survey of a model's rows; one scan.

    Raises
    ------
    EstimationError
        No complete row; weights that are not positive, frequencies that are not whole.
    """
    table = _scan(model, factors, frame, schema)
    whole = table["complete"].to_numpy().astype(bool)
    used = table.filter(pa.array(whole))
    seen, counts = int(table["n"].to_numpy().sum()), used["n"].to_numpy()
    if not counts.sum():
        refuse_no_rows(model.text, seen)
    for i, column in enumerate(factors.columns):
        refuse_categories(model.text, column, len(used[f"c{i}"].unique()), model.groups)
    categories = {c: used[f"c{i}"].to_numpy() for i, c in enumerate(factors.columns)}
    name = model.weights or model.frequencies
    prefix = "x" if name else "s"
    found = Survey(
        seen=seen, rows=int(counts.sum()),
        weight=float(used["w"].to_numpy().sum()) if name else float(counts.sum()),
        log_weight=float(used["w_log"].to_numpy().sum()) if model.weights else 0.0,
        uneven=bool(model.weights) and _differ(used),
        levels={c: in_order(set(values.tolist()), schema[c]) for c, values in categories.items()},
        categories=categories, counts=counts,
        sums={p: used[f"s{i}"].to_numpy() for i, p in enumerate(factors.products)},
        squares={p: used[f"q{i}"].to_numpy() for i, p in enumerate(factors.products)},
        weights=used["w"].to_numpy() if name else counts,
        weighted={p: used[f"{prefix}{i}"].to_numpy() for i, p in enumerate(factors.products)},
    )  # fmt: skip
    if name:
        refuse_weights(model.text, name, int(used["w_bad"].to_numpy().sum()), found.rows, "positive numbers")
    if model.frequencies:
        refuse_weights(model.text, name, int(used["w_part"].to_numpy().sum()), found.rows, "whole numbers")
    return found


def check_finite(model: Model, columns: Sequence[Column], found: Survey, rows: nw.LazyFrame) -> None:
    """Raise EstimationError counting infinite and undefined values; rows are read again only if there are any."""
    known = all(np.isfinite(found.sums[p]).all() and np.isfinite(found.squares[p]).all() for p in found.sums)
    if known:
        return
    made = [c for c in columns if c.parts]
    bad = [(~c.expression().is_finite()).cast(nw.Int64).sum().alias(f"b{i}") for i, c in enumerate(made)]
    counted = rows.select(*bad)
    row = counted.collect(backend="pyarrow").to_native().to_pylist()[0]
    refuse_infinite(model.text, {c.name: row[f"b{i}"] for i, c in enumerate(made)}, found.rows)
    refuse_vast(model.text)


def standards(columns: Sequence[Column], centred: Sequence[bool], found: Survey, rows: nw.LazyFrame) -> list[Standard]:
    """Return shift and scale of columns, rounded so that the order in which an engine adds does not show.

    Sums of squares tell the spread of most columns; those that hardly vary beside their mean are read once more.
    """
    moments = [_moments(c, found) for c in columns]
    narrow = [
        i for i, m in enumerate(moments)
        if centred[i] and columns[i].parts and not m.variance > NARROW * m.mean**2
    ]  # fmt: skip
    if narrow:
        closer = _closer([columns[i] for i in narrow], [moments[i].mean for i in narrow], rows)
        moments = [closer[narrow.index(i)] if i in narrow else m for i, m in enumerate(moments)]
    return [
        Standard(0.0, 1.0) if column.name == INTERCEPT else _standard(m, shifted)
        for column, m, shifted in zip(columns, moments, centred, strict=True)
    ]


def _scan(model: Model, factors: Factors, frame: nw.LazyFrame, schema: Mapping[str, Any]) -> pa.Table:
    kept: dict[str, nw.Expr] = {"complete": complete(model, schema)}
    for i, column in enumerate(factors.columns):
        kept[f"c{i}"] = key(column, schema)
    for i, parts in enumerate(factors.products):
        kept[f"v{i}"] = product(parts)
    name = model.weights or model.frequencies
    if name:
        if kinds({name: schema[name]})[name] != NUMBER:
            refuse_no_number(model.text, name)
        kept["w"] = nw.col(name).cast(nw.Float64)
    narrow = frame.select(*[expr.alias(alias) for alias, expr in kept.items()])
    sums = [nw.len().alias("n")]
    for i in range(len(factors.products)):
        value = nw.col(f"v{i}")
        sums += [value.sum().alias(f"s{i}"), (value * value).sum().alias(f"q{i}")]
        if name:
            sums.append((value * nw.col("w")).sum().alias(f"x{i}"))
    if name:
        sums += _weight_sums(nw.col("w"))
    keys = [k for k in kept if k == "complete" or k.startswith("c")]
    return narrow.group_by(*keys).agg(*sums).collect(backend="pyarrow").to_native()


def in_order(found: Collection[Any], dtype: Any) -> list[Any]:
    """Return categories in the order of their type where it has one, else in order of the values."""
    if isinstance(dtype, nw.Enum):
        return [category for category in dtype.categories if category in found]
    return sorted(found)


def _differ(table: pa.Table) -> bool:
    return bool(table["w_low"].to_numpy().min() < table["w_high"].to_numpy().max())


def _weight_sums(weight: nw.Expr) -> list[nw.Expr]:
    good = (weight > 0) & weight.is_finite()
    return [
        nw.when(good).then(weight).sum().alias("w"),
        weight.min().alias("w_low"),
        weight.max().alias("w_high"),
        nw.when(good).then(weight.log()).sum().alias("w_log"),
        nw.when(~good).then(nw.lit(1)).sum().alias("w_bad"),
        nw.when(weight != weight.round()).then(nw.lit(1)).sum().alias("w_part"),
    ]


def key(column: str, schema: Mapping[str, Any]) -> nw.Expr:
    """Return a column as a key of groups: text for all kinds of categories."""
    return nw.col(column).cast(nw.String) if schema[column] in (nw.Categorical, nw.Enum) else nw.col(column)


def raw_sum(column: Column, found: Survey) -> float:
    """Return the weighted sum of a design column over complete rows."""
    times, numbers = _split(column, found)
    return float(times @ (found.weighted[numbers] if numbers else found.weights))


def _split(column: Column, found: Survey) -> tuple[np.ndarray, tuple[Part, ...]]:
    """Return what a column multiplies in each combination of categories, (C,), and the product that it multiplies."""
    times = np.full(len(found.counts), column.times)
    for part in column.parts:
        if part.weights is not None:
            (name,) = part.columns
            of = dict(part.weights)
            times = times * np.array([of.get(level, 0.0) for level in found.categories[name].tolist()])
    return times, ordered([p for p in column.parts if p.weights is None])


def _moments(column: Column, found: Survey) -> Moments:
    weight, numbers = _split(column, found)
    mean = float(weight @ (found.sums[numbers] if numbers else found.counts)) / found.rows
    square = float(weight**2 @ (found.squares[numbers] if numbers else found.counts)) / found.rows
    return Moments(mean, square, square - mean**2)


def _closer(columns: Sequence[Column], means: Sequence[float], rows: nw.LazyFrame) -> list[Moments]:
    """Return moments from deviations instead of from squares; one scan."""
    asked = []
    for i, (column, mean) in enumerate(zip(columns, means, strict=True)):
        value, gap = column.expression(), column.expression() - mean
        asked += [
            value.min().alias(f"low{i}"), value.max().alias(f"high{i}"),
            gap.mean().alias(f"gap{i}"), (gap * gap).mean().alias(f"square{i}"),
        ]  # fmt: skip
    row = rows.select(*asked).collect(backend="pyarrow").to_native().to_pylist()[0]
    found = []
    for i, mean in enumerate(means):
        low, gap = row[f"low{i}"], row[f"gap{i}"]
        constant = low == row[f"high{i}"]
        exact = low if constant else mean + gap
        found.append(Moments(exact, exact**2, 0.0 if constant else row[f"square{i}"] - gap**2))
    return found


def _standard(moments: Moments, shifted: bool) -> Standard:
    size = moments.variance if shifted else moments.square
    scale = 2.0 ** round(np.log2(size) / 2) if size > 0 else 1.0
    if not shifted:
        return Standard(0.0, scale)
    if not moments.variance > 0:
        return Standard(moments.mean, scale)  # unrounded, so that a constant leaves nothing
    step = scale / STEPS
    return Standard(round(moments.mean / step) * step, scale)
