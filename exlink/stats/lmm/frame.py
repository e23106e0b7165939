"""Rows in memory → cross-products: formulaic makes the columns, numpy the sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError
from formulaic.parser.types import Term

from exlink.errors import EstimationError
from exlink.stats.absorb import encode, group_sums
from exlink.stats.lmm.checks import (
    refuse_infinite,
    refuse_infinite_key,
    refuse_key,
    refuse_no_number,
    refuse_no_rows,
    refuse_text_response,
    refuse_vast,
    refuse_weights,
)
from exlink.stats.lmm.formula import FUNCTIONS, INTERCEPT, Model, check_columns
from exlink.stats.lmm.labels import joined, whole_keys
from exlink.stats.lmm.layout import Layout, Side, lay_out, side_of, term_columns
from exlink.stats.lmm.products import Grouping, Pair, Products, Triple
from exlink.stats.lmm.typed import NUMBERS, is_number, kind_of, refuse_odd_categories, typed

LARGEST = 1e150  # what can be squared and summed


def from_frame(model: Model, frame: pd.DataFrame) -> Products:
    """Return the cross-products of a model on a DataFrame, one row per observation.

    Raises
    ------
    EstimationError
        Unknown columns, no complete row, values that are infinite, weights that are not positive.
    """
    check_columns(model, frame.columns, frame.index.names)
    if not all(isinstance(c, str) for c in frame.columns):
        frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    complete = frame[list(model.variables)].notna().all(axis=1)
    used = _without_unused_categories(frame.loc[complete, list(model.variables)])
    if not len(used):
        refuse_no_rows(model.text, len(frame))
    refuse_text_response(model, lambda name: is_number(used[name]))
    used = typed(model, used)
    refuse_odd_categories(model, used)
    layout, values = _columns(model, used)
    weights = _weights(model, used)
    names = tuple(slot.name for slot in layout.slots)
    bad = dict(zip(names, (~np.isfinite(values)).sum(axis=0), strict=True))
    refuse_infinite(model.text, bad, len(used))
    if np.abs(values).max(initial=0.0) > LARGEST:
        refuse_vast(model.text)
    shift, scale = standardise(layout, values)
    values = (values - shift) / scale
    codes, groupings = [], []
    for factor in layout.factors:
        code, levels = _encode(used, factor.keys, model.text)
        codes.append(code)
        groupings.append(factor.grouping(levels))
    return Products(
        names=names, fixed=layout.fixed, constant=layout.constant, shift=shift, scale=scale, groupings=tuple(groupings),
        first=_gram(values, weights, codes[0], groupings[0].size),
        pairs={
            (a, b): _pair(values, weights, codes, groupings, a, b)
            for a in range(len(groupings)) for b in range(a + 1, len(groupings))
        },
        triples={
            (a, b): _triple(values, weights, codes, groupings, a, b)
            for a in range(1, len(groupings)) for b in range(a + 1, len(groupings))
        },
        sums=weights @ values, weight=float(weights.sum()),
        n_rows=float(weights.sum()) if model.frequencies else float(len(used)),
        n_seen=len(frame), n_incomplete=int(len(frame) - len(used)),
        log_weights=float(np.log(weights).sum()) if model.weights else 0.0,
        uneven=bool(model.weights) and bool(np.ptp(weights) > 0),
    )  # fmt: skip


def standardise(layout: Layout, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shift and scale of each design column, (K,): means where a shift is harmless, standard deviations."""
    mean = values.mean(axis=0)
    shift = np.where([slot.centred for slot in layout.slots], mean, 0.0)
    size = np.sqrt(((values - shift) ** 2).mean(axis=0))
    scale = np.where(size > 0, size, 1.0)
    scale = np.where([slot.name == INTERCEPT for slot in layout.slots], 1.0, scale)
    return shift, scale


def _columns(model: Model, used: pd.DataFrame) -> tuple[Layout, np.ndarray]:
    response, fixed = _matrix(model.response, used, model.text), _matrix(model.fixed, used, model.text)
    random = {id(part): _matrix(part.terms, used, model.text) for part in model.random}
    if len(response[0].names) != 1:
        raise EstimationError(f"{model.text}: the response is not a number but {len(response[0].names)} categories.")
    layout = lay_out(model, response[0].names[0], fixed[0], lambda part: random[id(part)][0])
    known = {
        name: column
        for side, matrix in (*random.values(), fixed, response)
        for name, column in zip(side.names, matrix.T, strict=True)
    }
    return layout, np.column_stack([known[slot.name] for slot in layout.slots])


def _matrix(terms: Sequence[Term], used: pd.DataFrame, text: str) -> tuple[Side, np.ndarray]:
    """Return the columns of a right-hand side and their values, (rows, columns)."""
    if not terms:
        return Side(), np.empty((len(used), 0))
    try:
        # what log makes of zero, and exp of a thousand, is counted and refused below
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            matrix = Formula(list(terms)).get_model_matrix(used, context=FUNCTIONS, na_action="ignore", output="numpy")
        values = np.asarray(matrix, dtype=float)
    except (FormulaicError, TypeError, ValueError) as error:
        raise EstimationError(f"{text}: {_reason(error)}.") from error
    return side_of(_blocks(values, term_columns(matrix.model_spec, text))), values


def _blocks(values: np.ndarray, terms: Sequence[list[str]]) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield names and values of the columns of each term."""
    at = 0
    for names in terms:
        yield names, values[:, at : at + len(names)]
        at += len(names)


def _reason(error: Exception) -> str:
    """Return formulaic's first line without what Python said inside it."""
    lines = str(error).strip().splitlines()
    first = lines[0].partition(" [")[0].rstrip(".") if lines else type(error).__name__
    return f"{first}. Write categories as C(column), powers as x**2, sums and ratios as I(a / b)"


def _without_unused_categories(used: pd.DataFrame) -> pd.DataFrame:
    categories = used.select_dtypes("category").columns
    return used.assign(**{c: used[c].cat.remove_unused_categories() for c in categories})


def _weights(model: Model, used: pd.DataFrame) -> np.ndarray:
    name = model.weights or model.frequencies
    if name is None:
        return np.ones(len(used))
    if not pd.api.types.is_numeric_dtype(used[name]) and kind_of(used[name]) not in NUMBERS:
        refuse_no_number(model.text, name)
    values = used[name].to_numpy(dtype=float)
    good = np.isfinite(values) & (values > 0)
    refuse_weights(model.text, name, int((~good).sum()), len(used), "positive numbers")
    if model.frequencies:
        refuse_weights(model.text, name, int((values != np.round(values)).sum()), len(used), "whole numbers")
    return values


def _encode(used: pd.DataFrame, keys: tuple[str, ...], text: str) -> tuple[np.ndarray, np.ndarray]:
    for key in keys:
        kind = kind_of(used[key])
        if kind.startswith("mixed") and kind not in NUMBERS:
            if used[key].map(pd.api.types.is_list_like).any():
                refuse_key(text, key)
            raise EstimationError(f"{text}: {key} mixes kinds of values, so its levels have no order. Make it text.")
        if pd.api.types.is_float_dtype(used[key].dtype) and np.isinf(used[key].to_numpy(dtype=float)).any():
            refuse_infinite_key(text, key)
    if len(keys) == 1:
        column = used[keys[0]]
        return encode(whole_keys(column.astype(object) if column.dtype == "category" else column))
    return encode(joined([pd.factorize(whole_keys(used[k])) for k in keys]))


def _gram(values: np.ndarray, weights: np.ndarray, code: np.ndarray, levels: int) -> np.ndarray:
    """Return weighted cross-products of all columns per level: (levels, K, K)."""
    k = values.shape[1]
    out = np.empty((levels, k, k))
    for i in range(k):
        weighted = weights * values[:, i]
        for j in range(i, k):
            out[:, i, j] = out[:, j, i] = np.bincount(code, weights=weighted * values[:, j], minlength=levels)
    return out


def _pair(
    values: np.ndarray, weights: np.ndarray, codes: list[np.ndarray], groupings: list[Grouping], a: int, b: int
) -> Pair:
    key = codes[a].astype(np.int64) * groupings[b].size + codes[b]
    met, place = np.unique(key, return_inverse=True)
    left = values if a == 0 else values[:, groupings[a].columns]
    right = values[:, groupings[b].columns] * weights[:, None]
    products = [group_sums(left * column[:, None], place, len(met)) for column in right.T]
    return Pair(met // groupings[b].size, met % groupings[b].size, np.stack(products, axis=2))


def _triple(
    values: np.ndarray, weights: np.ndarray, codes: list[np.ndarray], groupings: list[Grouping], a: int, b: int
) -> Triple:
    sizes = groupings[a].size, groupings[b].size
    key = (codes[0].astype(np.int64) * sizes[0] + codes[a]) * sizes[1] + codes[b]
    met, place = np.unique(key, return_inverse=True)
    right = values[:, groupings[b].columns] * weights[:, None]
    sums = [group_sums(values[:, groupings[a].columns] * column[:, None], place, len(met)) for column in right.T]
    both, last = np.divmod(met, sizes[1])
    return Triple(both // sizes[0], both % sizes[0], last, np.stack(sums, axis=2))
