"""Factors of a formula as Narwhals expressions: what an engine can compute without showing a row."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
from formulaic.parser.types import Factor

from exlink.errors import EstimationError
from exlink.stats.lmm.checks import refuse_kind
from exlink.stats.lmm.formula import QUOTED, Model

NUMBER, CATEGORY, OTHER = "number", "category", "other"
COMPILED = (
    "Inside an engine a formula takes columns, numbers, + - * / **, I(), log, log10, log2, log1p, exp, sqrt, abs, text "
    "columns and C(column); a pandas DataFrame takes all of formulaic"
)


def _where(defined: nw.Expr, value: nw.Expr) -> nw.Expr:
    """Return ``value`` where it is defined, else NaN: engines differ in what they make of log(0) and 1 / 0."""
    return nw.when(defined).then(value).otherwise(nw.lit(float("nan")))


def _log(value: nw.Expr, base: float | None = None) -> nw.Expr:
    return _where(value > 0, value.log() if base is None else value.log(base))


FUNCTIONS: dict[str, Callable[[nw.Expr], nw.Expr]] = {
    "I": lambda x: x,
    "log": _log,
    "log10": lambda x: _log(x, 10),
    "log2": lambda x: _log(x, 2),
    "log1p": lambda x: _log(x + 1),
    "exp": lambda x: x.exp(),
    "sqrt": lambda x: _where(x >= 0, x.sqrt()),
    "abs": lambda x: x.abs(),
}
OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: _where(b != 0, a / b),
    ast.Pow: lambda a, b: a**b,
}


@dataclass(frozen=True, slots=True)
class Part:
    """What a design column is a product of: a numeric factor, or a contrast of one categorical column.

    text : str                  the factor as the formula has it, columns by themselves in backticks
    columns : frozenset of str  columns of the data it reads
    weights : tuple of (level, weight) or None   the contrast, None for numbers; levels left out weigh 0
    """

    text: str
    columns: frozenset[str]
    weights: tuple[tuple[Any, float], ...] | None = None

    def expression(self) -> nw.Expr:
        """Return the part as a double, NaN where it is undefined."""
        if self.weights is None:
            return numeric(self.text)
        (column,) = self.columns
        value = nw.lit(0.0)
        for level, weight in self.weights:
            value = nw.when(nw.col(column) == nw.lit(level)).then(nw.lit(weight)).otherwise(value)
        return value


@dataclass(frozen=True, slots=True)
class Column:
    """One design column: the product of its parts and of a number.

    name : str
    parts : tuple of Part   empty for the intercept
    times : float
    """

    name: str
    parts: tuple[Part, ...]
    times: float = 1.0

    def expression(self) -> nw.Expr:
        """Return the column as a double."""
        return product(self.parts) * self.times if self.parts else nw.lit(self.times)


def product(parts: tuple[Part, ...]) -> nw.Expr:
    """Return the product of one or more parts."""
    value = parts[0].expression()
    for part in parts[1:]:
        value = value * part.expression()
    return value


def kinds(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return whether each column is a number (true and false count as 1 and 0), a category or neither."""
    found = {}
    for name, dtype in schema.items():
        if dtype.is_numeric() or dtype == nw.Boolean:
            found[name] = NUMBER
        elif dtype in (nw.String, nw.Categorical, nw.Enum):
            found[name] = CATEGORY
        else:
            found[name] = OTHER
    return found


def categorical_column(factor: Factor, kind: Mapping[str, str], text: str) -> str | None:
    """Return the column whose categories a factor stands for, None when the factor is a number.

    Raises
    ------
    EstimationError
        The factor is neither, or nothing an engine can compute.
    """
    expr = factor.expr
    if factor.eval_method.value == "lookup":
        if kind[expr] == OTHER:
            refuse_kind(text, expr)
        return expr if kind[expr] == CATEGORY else None
    tree, quoted = parse(expr)
    if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id == "C"):
        for name in sorted({n for n in names(tree, quoted) if n in kind}):
            if kind[name] != NUMBER:
                raise EstimationError(
                    f"{text}: '{expr}' needs numbers, but {name} is {_article(kind[name])}. Write C({name})."
                )
        check_numeric(tree, expr, text)
        return None
    if not tree.args or not isinstance(tree.args[0], ast.Name):
        raise EstimationError(f"{text}: '{expr}' is not C() of one column. {COMPILED}.")
    column = quoted.get(tree.args[0].id, tree.args[0].id)
    if kind[column] == OTHER:
        refuse_kind(text, column)
    return column


def numeric(text: str) -> nw.Expr:
    """Return a numeric factor as an expression; ``check_numeric`` has said that there is one."""
    tree, quoted = parse(text)
    value = _compiled(tree, quoted)
    return value if isinstance(value, nw.Expr) else nw.lit(float(value))


def parse(text: str) -> tuple[ast.expr, dict[str, str]]:
    """Return the syntax tree of a factor and what its backticked names stand for."""
    quoted: dict[str, str] = {}

    def hold(match: Any) -> str:
        key = f"_quoted_{len(quoted)}"
        quoted[key] = match.group(1)
        return key

    return ast.parse(QUOTED.sub(hold, text), mode="eval").body, quoted


def names(tree: ast.AST, quoted: Mapping[str, str]) -> list[str]:
    """Return all names in a tree, columns and functions alike."""
    return [quoted.get(n.id, n.id) for n in ast.walk(tree) if isinstance(n, ast.Name)]


def check_numeric(tree: ast.expr, factor: str, text: str) -> None:
    """Raise EstimationError naming the piece of ``factor`` that no engine expression stands for."""
    children: list[ast.expr]
    match tree:
        case ast.Name():
            children = []
        case ast.Constant(value=bool() | int() | float()):
            children = []
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            children = [inner]
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            children = [left, right]
        case ast.Call(args=[inner], keywords=[]) if function_name(tree) in FUNCTIONS:
            children = [inner]
        case _:
            piece = ast.unparse(tree)
            inside = f" in '{factor}'" if piece != factor else ""
            raise EstimationError(f"{text}: '{piece}'{inside} cannot be computed inside an engine. {COMPILED}.")
    for child in children:
        check_numeric(child, factor, text)


def function_name(call: ast.Call) -> str:
    """Return the name of a called function, ``log`` for both ``log(x)`` and ``np.log(x)``."""
    match call.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id="np"), attr=name):
            return name
    return ""


def complete(model: Model, schema: Mapping[str, Any]) -> nw.Expr:
    """Return whether a row has all columns of the model; a NaN is as missing as a null."""
    conditions = []
    for name in model.variables:
        conditions.append(~nw.col(name).is_null())
        if schema[name].is_float():
            conditions.append(~nw.col(name).is_nan())
    return nw.all_horizontal(*conditions, ignore_nulls=True)


def _compiled(tree: ast.expr, quoted: Mapping[str, str]) -> Any:
    match tree:
        case ast.Name(id=name):
            return nw.col(quoted.get(name, name)).cast(nw.Float64)
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=operator, operand=inner):
            value = _compiled(inner, quoted)
            return value if isinstance(operator, ast.UAdd) else 0.0 - value
        case ast.BinOp(left=left, op=operator, right=right):
            a, b = _compiled(left, quoted), _compiled(right, quoted)
            if not isinstance(a, nw.Expr) and not isinstance(b, nw.Expr):
                a = nw.lit(float(a))
            if isinstance(operator, ast.Div) and not isinstance(b, nw.Expr):
                b = nw.lit(float(b))
            return OPERATORS[type(operator)](a, b)
    assert isinstance(tree, ast.Call)
    inner = _compiled(tree.args[0], quoted)
    return FUNCTIONS[function_name(tree)](inner if isinstance(inner, nw.Expr) else nw.lit(float(inner)))


def _article(kind: str) -> str:
    return "text" if kind == CATEGORY else "neither a number nor text"
