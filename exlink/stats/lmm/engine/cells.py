"""Sums over rows, made in an engine, by cells in which some design columns are constant.

Within a cell – a level of the first factor and values of a few columns – a design column is ``c · u``: ``c`` is the
same in all rows, ``u`` is not. Only products of the few different ``u`` are summed over rows; ``c`` enters afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from exlink.stats.lmm.engine.expressions import Column, Part, product
from exlink.stats.lmm.engine.survey import Standard, key


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A model's design columns split by what is constant in a cell.

    keys : tuple of str                  columns of the data that make a cell beside the first factor
    varying : tuple of tuple of Part     the different products that vary within cells; column 0 of the sums is 1
    place : ndarray of int, (K,)         which of these a design column holds: 0 none, r the (r - 1)th
    constant : tuple of tuple of Part    per design column, its parts that are constant in a cell
    """

    keys: tuple[str, ...]
    varying: tuple[tuple[Part, ...], ...]
    place: np.ndarray
    constant: tuple[tuple[Part, ...], ...]

    @property
    def sums(self) -> int:
        """Return how many sums a cell needs."""
        size = len(self.varying) + 1
        return size * (size + 1) // 2


def split(columns: Sequence[Column], keys: Sequence[str]) -> Split:
    """Return design columns split for cells made of ``keys``."""
    varying: dict[tuple[Part, ...], int] = {}
    place, constant = [], []
    for column in columns:
        moving = tuple(p for p in column.parts if not p.columns <= set(keys))
        place.append(varying.setdefault(moving, len(varying) + 1) if moving else 0)
        constant.append(tuple(p for p in column.parts if p.columns <= set(keys)))
    return Split(tuple(keys), tuple(varying), np.array(place), tuple(constant))


def cell_sums(
    rows: nw.LazyFrame, made: Split, standard: Sequence[Standard], first: Sequence[str], weight: str | None,
    schema: Mapping[str, Any],
) -> pa.Table:  # fmt: skip
    """Return sums per cell: ``f<i>`` keys of the first factor, ``k<i>`` keys of the cell, ``s<r>_<t>`` the sums.

    Parameters
    ----------
    standard : sequence of Standard
        Of the varying products.
    """
    kept = {f"f{i}": key(c, schema) for i, c in enumerate(first)}
    kept |= {f"k{i}": key(c, schema) for i, c in enumerate(made.keys)}
    names = list(kept)
    for r, (parts, own) in enumerate(zip(made.varying, standard, strict=True), start=1):
        kept[f"u{r}"] = (product(parts) - own.shift) / own.scale
    return products_by(rows, kept, names, [(r, t) for r in range(len(made.varying) + 1) for t in range(r + 1)], weight)


def products_by(
    rows: nw.LazyFrame, kept: dict[str, nw.Expr], names: Sequence[str], wanted: Sequence[tuple[int, int]],
    weight: str | None,
) -> pa.Table:  # fmt: skip
    """Return weighted sums of products ``s<r>_<t>`` of columns ``u<r>`` per combination of ``names``; ``u0`` is 1."""
    if weight:
        kept = kept | {"w": nw.col(weight).cast(nw.Float64)}
    narrow = rows.select(*[expr.alias(alias) for alias, expr in kept.items()])
    sums = []
    for r, t in wanted:
        factors = [nw.col(f"u{i}") for i in (r, t) if i] + ([nw.col("w")] if weight else [])
        value = factors[0] if factors else None
        for factor in factors[1:]:
            value = value * factor
        sums.append((nw.len() if value is None else value.sum()).alias(f"s{r}_{t}"))
    return narrow.group_by(*names).agg(*sums).collect(backend="pyarrow").to_native()


def expand(
    table: pa.Table, made: Split, columns: Sequence[Column], standard: Sequence[Standard],
    varying: Sequence[Standard], code: np.ndarray, levels: int,
) -> np.ndarray:  # fmt: skip
    """Return cross-products of standardised design columns per level of the first factor, (levels, K, K).

    A standardised column is ``a + b·ũ`` in a cell, with ũ the standardised varying product.

    Parameters
    ----------
    table : result of ``cell_sums``
    standard, varying : shifts and scales of the design columns and of the varying products
    code : ndarray of int, (cells,)
        Level of each cell.
    """
    a, b = _coefficients(table, made, columns, standard, varying)
    summed = {name: table[name].to_numpy().astype(float, copy=False) for name in table.column_names if name[0] == "s"}
    # what a column is of: coefficients and the sums they belong to, nothing that is zero in all cells
    parts = [
        [(value, r) for value, r in ((a[i], 0), (b[i], int(made.place[i]))) if np.any(value)]
        for i in range(len(columns))
    ]
    size = len(columns)
    out = np.empty((levels, size, size))
    for i in range(size):
        for j in range(i, size):
            value = sum(
                left * right * summed[f"s{max(r, t)}_{min(r, t)}"] for left, r in parts[i] for right, t in parts[j]
            )
            value = np.broadcast_to(value, len(code))
            out[:, i, j] = out[:, j, i] = np.bincount(code, weights=value, minlength=levels)
    return out


def column_sums(
    table: pa.Table, made: Split, columns: Sequence[Column], standard: Sequence[Standard], varying: Sequence[Standard]
) -> np.ndarray:
    """Return the sums of standardised design columns over all rows, (K,); parameters as for ``expand``."""
    a, b = _coefficients(table, made, columns, standard, varying)
    return np.array([
        np.sum(left * table["s0_0"].to_numpy() + right * table[f"s{place}_0"].to_numpy())
        for left, right, place in zip(a, b, made.place, strict=True)
    ])  # fmt: skip


def _coefficients(
    table: pa.Table, made: Split, columns: Sequence[Column], standard: Sequence[Standard], varying: Sequence[Standard]
) -> tuple[list[Any], list[Any]]:
    """Return a and b of each column: numbers, or arrays with one value per cell."""
    keys = table.select([f"k{i}" for i in range(len(made.keys))]).rename_columns(list(made.keys))
    frame = nw.from_native(keys, eager_only=True)
    a, b = [], []
    for k, column in enumerate(columns):
        c: Any = column.times
        if made.constant[k]:
            c = c * frame.select(product(made.constant[k]).alias("c"))["c"].to_numpy()
        own = standard[k]
        if made.place[k]:
            moving = varying[made.place[k] - 1]
            a.append((c * moving.shift - own.shift) / own.scale)
            b.append(c * moving.scale / own.scale)
        else:
            a.append((c - own.shift) / own.scale)
            b.append(0.0)
    return a, b
