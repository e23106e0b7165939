"""Columns of a DataFrame as what they stand for: numbers as doubles, text as objects, whatever type they came in."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from formulaic.parser.types import Factor

from exlink.errors import EstimationError
from exlink.stats.lmm.checks import refuse_categories, refuse_kind
from exlink.stats.lmm.formula import Model, variables

NUMBERS = ("decimal", "integer", "floating", "mixed-integer-float")  # kinds of objects that are
WIDE = 8  # bytes of an integer that a product does not overflow
NEITHER = ("datetime", "date", "time", "period", "complex", "interval", "bytes")  # number nor text


def typed(model: Model, used: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of terms as numbers or text.

    Numbers are doubles, as in an engine: an int8 would overflow in a product, true + true would be true, and single
    precision would lose half the digits of a square. In ``C()`` they keep their type, which names their columns.

    Raises
    ------
    EstimationError
        A column that is neither, or both.
    """
    factors = [f for term in model.terms for f in term.factors]
    coded = {v for f in factors if f.expr.startswith("C(") for v in variables(f)}
    made = {}
    for name in sorted({v for f in factors for v in variables(f)}):
        column = used[name]
        kind = kind_of(column)
        if kind.startswith("mixed") and kind not in NUMBERS:
            raise EstimationError(
                f"{model.text}: {name} mixes numbers and text. Correct the data, or leave these rows out."
            )
        if kind.startswith(NEITHER):
            refuse_kind(model.text, name)
        if name in coded and (kind == "boolean" or (is_number(column) and pd.api.types.is_bool_dtype(column.dtype))):
            _refuse_two_uses(model.text, name, factors)
        if kind == "boolean" and name in coded:
            made[name] = column.astype(bool)
        elif name in coded and pd.api.types.is_integer_dtype(column.dtype) and column.dtype.itemsize < WIDE:
            made[name] = column.astype("int64")
        elif kind in NUMBERS or kind == "boolean" or (is_number(column) and name not in coded):
            made[name] = column.astype(float)
        elif kind == "string":
            made[name] = column.astype(object)
    return used.assign(**made) if made else used


def kind_of(column: pd.Series) -> str:
    """Return what a column holds: of objects and text the kind, ``string`` or ``mixed``, else the name of its type."""
    if column.dtype == object or str(column.dtype).startswith("dictionary"):  # of categories in Arrow's memory
        return pd.api.types.infer_dtype(column.astype(object))
    return "string" if pd.api.types.is_string_dtype(column.dtype) else str(column.dtype)


def refuse_odd_categories(model: Model, used: pd.DataFrame) -> None:
    """Refuse a term of one category, which has no column, and one of thousands before they take the memory."""
    for term in model.terms:
        for factor in term.factors:
            for name in variables(factor):
                if factor.expr.startswith("C(") or not is_number(used[name]):
                    refuse_categories(model.text, name, used[name].nunique(), model.groups)


def _refuse_two_uses(text: str, name: str, factors: Sequence[Factor]) -> None:
    """Raise EstimationError when booleans in C() are calculated with too: their names need them to stay booleans."""
    for factor in factors:
        if factor.eval_method.value == "python" and not factor.expr.startswith("C(") and name in variables(factor):
            raise EstimationError(
                f"{text}: {name} is true or false in C() and a number in '{factor.expr}'. Leave C() out, or make the "
                "numbers a column of their own."
            )


def is_number(column: pd.Series) -> bool:
    """Return whether a column holds numbers, or true and false, which count as 1 and 0."""
    if column.dtype == object:
        return kind_of(column) in (*NUMBERS, "boolean")
    if isinstance(column.dtype, pd.CategoricalDtype):  # which pandas calls boolean where its categories are
        return False
    return pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)
