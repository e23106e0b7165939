"""Design columns for an engine, with the names and codings formulaic gives them: it is asked on a handful of rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
from formulaic import Formula, ModelMatrix
from formulaic.errors import FormulaicError
from formulaic.parser.types import Factor, Term

from exlink.errors import EstimationError
from exlink.stats.lmm.engine.expressions import COMPILED, Column, Part, categorical_column, kinds
from exlink.stats.lmm.formula import FUNCTIONS, Model, variables
from exlink.stats.lmm.layout import Layout, Side, lay_out, side_of, term_columns

FREE_ROWS = 40  # rows of the specimen beyond those that show each level once
SEED = 20


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """The factors of a model, told apart before any row is read.

    numeric : dict of str → Part           by the factor's text in the formula
    categorical : dict of str → str        text → column of the data
    columns : tuple of str                 categorical columns of the data, sorted
    products : tuple of tuple of Part      numeric products whose moments are needed, each once
    """

    numeric: dict[str, Part]
    categorical: dict[str, str]
    columns: tuple[str, ...]
    products: tuple[tuple[Part, ...], ...]


def read_factors(model: Model, schema: Mapping[str, Any]) -> Factors:
    """Return the factors of a model; raise EstimationError for what no engine can compute."""
    kind = kinds(schema)
    numeric: dict[str, Part] = {}
    categorical: dict[str, str] = {}
    needed: dict[tuple[Part, ...], None] = {}
    for term in model.terms:
        held = []
        for factor in term.factors:
            if factor.eval_method.value == "literal":
                continue
            column = categorical_column(factor, kind, model.text)
            if column is not None:
                categorical[factor.expr] = column
                continue
            numeric[factor.expr] = Part(_text(factor), frozenset(variables(factor)))
            held.append(numeric[factor.expr])
        # a product of two may later be split into one that is constant in a cell and one that is not
        for size in range(1, len(held) + 1):
            needed.update(dict.fromkeys(ordered(c) for c in itertools.combinations(held, size)))
    return Factors(numeric, categorical, tuple(sorted(set(categorical.values()))), tuple(needed))


def ordered(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return parts in an order of their own, so that a product has one name."""
    return tuple(sorted(parts, key=lambda p: p.text))


def design(
    model: Model, factors: Factors, schema: Mapping[str, Any], levels: Mapping[str, list[Any]]
) -> tuple[Layout, list[Column]]:
    """Return the layout of a model and its design columns, one per slot.

    Parameters
    ----------
    schema : mapping of column → Narwhals type
    levels : mapping of categorical column → its levels among complete rows, in their order

    Raises
    ------
    EstimationError
        A factor that formulaic refuses, or whose columns an engine would compute differently.
    """
    rows = specimen(model, factors, schema, levels)
    _, response = _columns(model.response, factors, rows, model.text)
    if len(response) != 1:
        raise EstimationError(f"{model.text}: the response is not a number but {len(response)} categories.")
    side, fixed = _columns(model.fixed, factors, rows, model.text)
    random = {id(part): _columns(part.terms, factors, rows, model.text) for part in model.random}
    layout = lay_out(model, response[0].name, side, lambda part: random[id(part)][0])
    known = {c.name: c for columns in (*(made for _, made in random.values()), fixed, response) for c in columns}
    return layout, [known[slot.name] for slot in layout.slots]


def specimen(
    model: Model, factors: Factors, schema: Mapping[str, Any], levels: Mapping[str, list[Any]]
) -> pd.DataFrame:
    """Return a few made-up rows in which every level occurs, numbers as doubles as in memory."""
    rng = np.random.default_rng(SEED)
    rows = FREE_ROWS + max([len(found) for found in levels.values()], default=0)
    made: dict[str, Any] = {}
    for name in sorted({c for part in factors.numeric.values() for c in part.columns} | set(levels)):
        if name in levels:
            place = np.concatenate([np.arange(len(levels[name])), rng.integers(len(levels[name]), size=rows)])[:rows]
            found = [levels[name][i] for i in place]
            ordered_type = isinstance(schema[name], nw.Enum)
            made[name] = pd.Categorical(found, categories=levels[name]) if ordered_type else pd.Series(found)
        elif schema[name] == nw.Boolean:
            made[name] = rng.integers(2, size=rows).astype(float)
        elif schema[name].is_integer():
            made[name] = rng.integers(1, 9, size=rows).astype(float)
        else:
            made[name] = rng.uniform(0.2, 4.0, size=rows)
    return pd.DataFrame(made, index=range(rows))


def _columns(
    terms: Sequence[Term], factors: Factors, rows: pd.DataFrame, text: str
) -> tuple[Side, list[Column]]:  # fmt: skip
    """Return the columns formulaic makes of ``terms``, as products, after checking them on the specimen."""
    if not terms:
        return Side(), []
    matrix = _materialise(terms, rows, text)
    spec = matrix.model_spec
    found, blocks = [], []
    for structure, names in zip(spec.structure, term_columns(spec, text), strict=True):
        made = []
        for scoped in structure.scoped_terms:
            choices = [_parts(f.factor.expr, f.reduced, factors, spec) for f in scoped.factors]
            for choice in itertools.product(*reversed(choices)):
                made.append((tuple(p for p in reversed(choice) if p), float(scoped.scale)))
        values = np.asarray(matrix, dtype=float)[:, len(found) : len(found) + len(names)]
        found += [Column(name, parts, times) for name, (parts, times) in zip(names, made, strict=True)]
        # the specimen shows every category, but not every number
        told = all(part.weights is not None for parts, _ in made for part in parts)
        blocks.append((names, list(values.T) if told else None))
    _refuse_differences(found, matrix, rows, text)
    return side_of(blocks), found


def _parts(expr: str, reduced: bool, factors: Factors, spec: Any) -> list[Part | None]:
    """Return one part per column of a factor; None stands for the number 1."""
    if expr in factors.numeric:
        return [factors.numeric[expr]]
    if expr not in factors.categorical:
        return [None]
    column = factors.categorical[expr]
    coding = spec.encoder_state[expr][1]["contrasts"].get_coding_matrix(reduced_rank=reduced)
    return [
        Part(expr, frozenset([column]), tuple((lv, float(w)) for lv, w in weights.items() if w))
        for _, weights in pd.DataFrame(coding).items()
    ]


def _materialise(terms: Sequence[Term], rows: pd.DataFrame, text: str) -> ModelMatrix:
    try:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return Formula(list(terms)).get_model_matrix(rows, context=FUNCTIONS, na_action="ignore", output="numpy")
    except (FormulaicError, TypeError, ValueError) as error:
        lines = str(error).strip().splitlines()
        raise EstimationError(f"{text}: {lines[0].rstrip('.') if lines else type(error).__name__}.") from error


def _refuse_differences(columns: Sequence[Column], matrix: ModelMatrix, rows: pd.DataFrame, text: str) -> None:
    """Raise EstimationError when a compiled column is not formulaic's (true + true is 1 to numpy, 2 to an engine)."""
    frame = nw.from_native(pa.Table.from_pandas(rows, preserve_index=False), eager_only=True)
    for column, other in zip(columns, np.asarray(matrix, dtype=float).T, strict=True):
        if not column.parts:
            continue
        own = frame.select(column.expression().alias("value"))["value"].to_numpy().astype(float)
        if not np.allclose(np.where(np.isfinite(own), own, np.nan), np.where(np.isfinite(other), other, np.nan),
                           rtol=1e-9, atol=0, equal_nan=True):  # fmt: skip
            raise EstimationError(f"{text}: '{column.name}' cannot be computed inside an engine. {COMPILED}.")


def _text(factor: Factor) -> str:
    return f"`{factor.expr}`" if factor.eval_method.value == "lookup" else factor.expr
