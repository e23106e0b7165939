"""What a mixed model is asked for: fixed part by formula, random parts by grouping factor, read and checked as text."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from formulaic import Formula
from formulaic.errors import FormulaicError
from formulaic.parser.types import Factor, Term
from formulaic.transforms import TRANSFORMS

from exlink.errors import EstimationError, did_you_mean, listed

INTERCEPT = "(Intercept)"
RANDOM_EXAMPLE = 'random={"employee_id": "1"}'
QUOTED = re.compile(r"`([^`]*)`")
BAR = re.compile(r"\(((?:[^()|]|\([^()|]*\))*)(\|{1,2})\s*([\w.:/ ]+)\)")  # (1 + log(x) | g), effects with calls
FUNCTIONS = {"sqrt": np.sqrt, "abs": np.abs, "log1p": np.log1p}  # what formulaic knows as np.sqrt only


@dataclass(frozen=True, slots=True)
class RandomPart:
    """Random effects of one grouping factor that vary together.

    group : str            name of the factor, ``batch:cask`` for combinations of columns
    keys : tuple of str    the columns whose combination is the level
    terms : list of Term   right-hand side, formulaic terms
    """

    group: str
    keys: tuple[str, ...]
    terms: tuple[Term, ...]

    @property
    def has_intercept(self) -> bool:
        """Return whether the part holds a random intercept."""
        return any(str(t) == "1" for t in self.terms)


@dataclass(frozen=True, slots=True)
class Model:
    """A mixed model as it was asked for, before any data.

    text : str                     the formula, for messages
    response : tuple of Term       one term
    fixed : tuple of Term
    random : tuple of RandomPart   in the order given; parts of the same group are independent of each other
    weights, frequencies : str or None   columns
    variables : tuple of str       all columns that are needed, sorted
    """

    text: str
    response: tuple[Term, ...]
    fixed: tuple[Term, ...]
    random: tuple[RandomPart, ...]
    weights: str | None
    frequencies: str | None
    variables: tuple[str, ...]

    @property
    def terms(self) -> list[Term]:
        """Return the terms of the response, the fixed part and all random parts."""
        return [*self.response, *self.fixed, *(t for part in self.random for t in part.terms)]

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the columns of which each level has a random intercept."""
        return tuple(p.keys[0] for p in self.random if len(p.keys) == 1 and p.has_intercept)


def read_model(
    formula: str,
    random: Mapping[str, str | Sequence[str]] | None,
    weights: str | None = None,
    frequencies: str | None = None,
) -> Model:
    """Return a mixed model from its formula and its random parts.

    Parameters
    ----------
    formula : str
        ``"csat ~ tools + C(channel) + log(wait)"``, as formulaic reads it.
    random : mapping
        Grouping factor → right-hand side of its random effects, ``{"employee_id": "1 + tools"}``; a list of
        right-hand sides are independent terms (lme4's ``||``). ``"site/team"`` is ``site`` and ``site:team``.
    weights, frequencies : str, optional
        Columns.

    Raises
    ------
    EstimationError
        A formula that cannot be read, a response that no linear model is for, no random part.
    """
    if not isinstance(formula, str):
        raise EstimationError(f"formula is {type(formula).__name__}, not a text such as 'csat ~ tools'.")
    for name, column in (("weights", weights), ("frequencies", frequencies)):
        if column is not None and not isinstance(column, str):
            raise EstimationError(f"{formula}: {name} is {type(column).__name__}, not the name of a column.")
        if column is not None and not column.strip():
            raise EstimationError(f"{formula}: {name} is an empty text. Give the name of a column, or leave it out.")
    _refuse_bars(formula)
    parsed = _parsed(formula, formula)
    left, right = getattr(parsed, "lhs", None), getattr(parsed, "rhs", parsed)
    if left is None:
        raise EstimationError(f"{formula}: the formula has no response. Write it as 'outcome ~ term + term'.")
    _refuse_not_linear(formula, left)
    parts = _random_parts(formula, random)
    _refuse_unknown(formula, [f for t in (*left, *right, *(t for p in parts for t in p.terms)) for f in t.factors])
    _refuse_response_as_term(formula, left, [*right, *(t for p in parts for t in p.terms)])
    if weights and frequencies:
        raise EstimationError(
            f"{formula}: both weights ({weights}) and frequencies ({frequencies}) are given. Use frequencies when a "
            "row stands for several identical rows, weights when it is the mean of several."
        )
    named = [v for t in (*left, *right, *(t for p in parts for t in p.terms)) for f in t.factors for v in variables(f)]
    keys = [k for p in parts for k in p.keys]
    extra = [c for c in (weights, frequencies) if c]
    return Model(
        text=formula, response=tuple(left), fixed=tuple(right), random=parts, weights=weights,
        frequencies=frequencies, variables=tuple(sorted({*named, *keys, *extra})),
    )  # fmt: skip


def variables(factor: Factor) -> list[str]:
    """Return the columns a factor of a formula reads."""
    expr = factor.expr
    if factor.eval_method.value == "literal":
        return []
    if factor.eval_method.value == "lookup":
        return [expr]
    quoted = QUOTED.findall(expr)
    tree = ast.parse(QUOTED.sub("0", expr), mode="eval")
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    modules = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called | modules]
    return [*quoted, *names]


def check_columns(model: Model, columns: Iterable[str], index: Collection[object] = ()) -> None:
    """Raise EstimationError with the nearest match when the data lacks a column of the model.

    index : names of a DataFrame's index, which are no columns
    """
    present = list(map(str, columns))
    missing = [v for v in model.variables if v not in present]
    for column in present:
        if set(re.split(r"[:/]", column)) & set(missing):
            raise EstimationError(
                f"{model.text}: in random, ':' and '/' combine columns, so '{column}' cannot be a group by that name. "
                "Rename the column."
            )
    if missing:
        hint = " It is the index: use reset_index()." if missing[0] in index else did_you_mean(missing[0], present)
        what = "column" if len(missing) == 1 else "columns"
        verb = "is" if len(missing) == 1 else "are"
        raise EstimationError(f"{model.text}: {what} {listed(missing)} {verb} not in the data.{hint}")
    twice = [v for v in model.variables if present.count(v) > 1]
    if twice:
        raise EstimationError(f"{model.text}: {listed(twice)} occurs twice among the columns of the data. Rename one.")


def _parsed(text: str, formula: str) -> Formula:
    try:
        return Formula(text)
    except (FormulaicError, SyntaxError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise EstimationError(f"{formula}: '{text}' cannot be read as a formula ({reason}).") from error


def _refuse_bars(formula: str) -> None:
    bars = BAR.findall(formula)
    if bars:
        wanted = ", ".join(f'"{group.strip()}": {_effects(effects, bar)}' for effects, bar, group in bars)
        raise EstimationError(f"{formula}: write random parts beside the formula, as random={{{wanted}}}.")
    if QUOTED.sub("", formula).split("~")[-1].strip() == ".":
        raise EstimationError(f"{formula}: '.' has no meaning here; name the terms.")
    if "|" in QUOTED.sub("", formula):
        raise EstimationError(f"{formula}: '|' has no meaning here; random parts go to {RANDOM_EXAMPLE}.")
    if formula.count("~") > 1:
        raise EstimationError(f"{formula}: a formula has one '~', between the response and its terms.")


def _effects(effects: str, bar: str) -> str:
    """Return lme4's random effects as they are written here: a list where ``||`` keeps them independent."""
    terms = [t.strip() for t in effects.split("+")]
    slopes = [f"0 + {t}" for t in terms if t not in ("0", "1")]
    if bar == "|" or not slopes:
        return f'"{effects.strip()}"'
    parts = slopes if "0" in terms else ["1", *slopes]
    quoted = ", ".join(f'"{p}"' for p in parts)
    return f"[{quoted}]"


def _refuse_not_linear(formula: str, left: Iterable[Term]) -> None:
    """Refuse counts out of a total and several responses: a linear model is for one measured outcome."""
    terms = list(left)
    side = formula.split("~")[0].strip()
    counts = any(f.expr.replace(" ", "").startswith("cbind(") for t in terms for f in t.factors)
    if counts or (len(terms) > 1 and "/" in side):
        raise EstimationError(
            f"{formula}: not linear: '{side}' is a number of cases out of a total, for which a linear mixed model has "
            "the wrong variance. Use a logit (exlink.stats.hazard.fit_logit), or a measured outcome."
        )
    if len(terms) != 1 or str(terms[0]) == "1":
        raise EstimationError(
            f"{formula}: '{side}' is not one response. Write sums and ratios as I(a + b) or {{a / b}}."
        )


def _refuse_unknown(formula: str, factors: Iterable[Factor]) -> None:
    """Refuse functions that no formula knows, and True for the constant."""
    known = {*TRANSFORMS, *FUNCTIONS, *dir(builtins)}
    for factor in factors:
        if factor.expr in ("True", "False", "None"):
            raise EstimationError(f"{formula}: {factor.expr} is no column. The constant is written 1, none is 0.")
        if factor.eval_method.value != "python":
            continue
        for call in ast.walk(ast.parse(QUOTED.sub("0", factor.expr), mode="eval")):
            match call:
                case ast.Call(func=ast.Name(id=name)) if name not in known:
                    near = did_you_mean(name, {*TRANSFORMS, *FUNCTIONS})
                    raise EstimationError(f"{formula}: {name}() is unknown.{near}")
                case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=name)) if not hasattr(np, name):
                    raise EstimationError(f"{formula}: np.{name}() is unknown.{did_you_mean(name, dir(np))}")


def _refuse_response_as_term(formula: str, left: Iterable[Term], terms: Iterable[Term]) -> None:
    outcome = {f.expr for t in left for f in t.factors}
    again = [f.expr for t in terms for f in t.factors if f.expr in outcome]
    if again:
        raise EstimationError(f"{formula}: {again[0]} is the response and a term that explains it. Leave the term out.")


def _random_parts(formula: str, random: Mapping[str, str | Sequence[str]] | None) -> tuple[RandomPart, ...]:
    if random is not None and not isinstance(random, Mapping):
        raise EstimationError(f"{formula}: random is {type(random).__name__}, not a mapping such as {RANDOM_EXAMPLE}.")
    if not random:
        raise EstimationError(
            f"{formula}: the model has no random part. Say which rows belong together, for example {RANDOM_EXAMPLE}; "
            "without groups, use least squares."
        )
    parts: list[RandomPart] = []
    for group, wanted in random.items():
        if (
            not isinstance(group, str)
            or not all(map(str.strip, re.split("[:/]", group)))
            or (isinstance(wanted, (list, tuple)) and not wanted)
        ):
            raise EstimationError(f"{formula}: random names {group!r}: {wanted!r}; write it as {RANDOM_EXAMPLE}.")
        for text in wanted if isinstance(wanted, (list, tuple)) else [wanted]:
            for keys in _nested(group):
                terms = _right_side(text, formula, group)
                parts.append(RandomPart(":".join(keys), keys, terms))
    return tuple(parts)


def _right_side(text: str, formula: str, group: str) -> tuple[Term, ...]:
    if not isinstance(text, str):
        raise EstimationError(f"{formula}: random effects of {group} are {text!r}, not a text such as '1 + tools'.")
    if not text.strip():
        raise EstimationError(f"{formula}: random effects of {group} are empty. Write at least '1'.")
    parsed = _parsed(text.strip().removeprefix("~"), formula)
    if "|" in text or not isinstance(parsed, Iterable) or hasattr(parsed, "lhs"):
        raise EstimationError(
            f"{formula}: random effects of {group} are '{text}'; write a right-hand side, '1 + tools'."
        )
    terms = tuple(parsed)
    if not terms:
        raise EstimationError(f"{formula}: random effects of {group} are empty ('{text}'). Write at least '1'.")
    return terms


def _nested(group: str) -> list[tuple[str, ...]]:
    """Return the keys that ``site/team`` (both levels) or ``site:team`` (one) stands for."""
    steps = [tuple(k.strip() for k in step.split(":")) for step in group.split("/")]
    return [tuple(k for step in steps[: i + 1] for k in step) for i in range(len(steps))]
