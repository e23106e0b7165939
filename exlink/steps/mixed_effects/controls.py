"""Circumstances of a contact as columns of a model: expressions, computed inside the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw

FEW = 30  # a control with at most this many values is taken as categories
UNKNOWN, OTHER = "unknown", "other"


@dataclass(frozen=True, slots=True)
class Control:
    """One control.

    name : str               column of interactions
    columns : tuple of Expr  what enters the model, each under its name, as doubles
    names : tuple of str     these names, ``c_<name>…``
    """

    name: str
    columns: tuple[nw.Expr, ...]
    names: tuple[str, ...]


def read_controls(rows: nw.LazyFrame, wanted: Sequence[str]) -> tuple[list[Control], list[str]]:
    """Return controls as columns, and the names of those that are not there or nowhere filled.

    Numbers are centred, missing ones set to the mean and told by a column of their own. Text, flags and numbers with
    two values become one 0/1 column per value but the first; missing is a value, and beyond thirty values all
    but the commonest are one.
    """
    schema = rows.collect_schema()
    there = [name for name in wanted if name in schema]
    facts = _facts(rows, there, schema)
    found = []
    for name in there:
        if facts[name]["known"] == 0:
            continue
        numeric = schema[name].is_numeric() and facts[name]["values"] > 2
        found.append(_number(name, schema[name], facts[name]) if numeric else _categories(rows, name, schema[name]))
    filled = {control.name for control in found}
    return found, [name for name in wanted if name not in filled]


def _facts(rows: nw.LazyFrame, names: Sequence[str], schema: Any) -> dict[str, dict[str, Any]]:
    """Return per control: rows, known rows, number of values (at most 3 are counted), and the mean of numbers."""
    asked = [nw.len().alias("rows")]
    for name in names:
        value = _known(name, schema[name])
        asked.append(value.count().alias(f"known_{name}"))
        if schema[name].is_numeric():
            asked += [value.n_unique().alias(f"values_{name}"), value.mean().alias(f"mean_{name}")]
    row = rows.select(*asked).collect().to_pandas().iloc[0]
    facts = {}
    for name in names:
        known = int(row[f"known_{name}"])
        gaps = known < int(row["rows"])
        # n_unique counts a missing value as one more
        values = int(row[f"values_{name}"]) - gaps if schema[name].is_numeric() else 0
        facts[name] = {"known": known, "gaps": gaps, "values": values, "mean": row.get(f"mean_{name}")}
    return facts


def _known(name: str, dtype: Any) -> nw.Expr:
    """Return the column with NaN as missing as NULL."""
    return nw.when(~nw.col(name).is_nan()).then(nw.col(name)) if dtype.is_float() else nw.col(name)


def _number(name: str, dtype: Any, facts: dict[str, Any]) -> Control:
    value = _known(name, dtype).cast(nw.Float64)
    columns = [(value - float(facts["mean"])).fill_null(0.0).alias(f"c_{name}")]
    if facts["gaps"]:
        columns.append(value.is_null().cast(nw.Float64).alias(f"c_{name}_unknown"))
    return Control(name, tuple(columns), tuple([f"c_{name}", f"c_{name}_unknown"][: len(columns)]))


def _categories(rows: nw.LazyFrame, name: str, dtype: Any) -> Control:
    text = _known(name, dtype).cast(nw.String).fill_null(UNKNOWN)
    counts = rows.select(text.alias("level")).group_by("level").agg(nw.len().alias("n")).collect().to_pandas()
    if len(counts) > FEW:
        common = counts.sort_values(["n", "level"], ascending=[False, True])["level"].head(FEW - 1).tolist()
        text = nw.when(text.is_in(common)).then(text).otherwise(nw.lit(OTHER))
        levels = sorted({*common, OTHER})
    else:
        levels = sorted(counts["level"])
    names = [f"c_{name}_{k}" for k in range(1, len(levels))]
    columns = [
        (text == nw.lit(level)).cast(nw.Float64).alias(made) for level, made in zip(levels[1:], names, strict=True)
    ]
    return Control(name, tuple(columns), tuple(names))
