"""Rows in memory → cross-products: formulaic makes the columns, numpy the sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError
from formulaic.parser.types import Term
from scipy import sparse

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
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
from exlink.stats.lmm.formula import FUNCTIONS, INTERCEPT, Model, check_columns, variables
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
    used = _without_unused_categories(model, frame.loc[_complete(frame, model.variables), list(model.variables)])
    if not len(used):
        refuse_no_rows(model.text, len(frame))
    refuse_text_response(model, lambda name: is_number(used[name]))
    used = typed(model, used)
    refuse_odd_categories(model, used)
    layout, columns = _columns(model, used)
    weights = _weights(model, used)
    shift, scale = _standardise(model, layout, columns)
    if weights is not None:
        columns *= np.sqrt(weights)  # every product of two columns is then weighted once
    values = np.ascontiguousarray(columns.T)  # sums take rows, wherever they stand
    del columns
    codes, groupings = [], []
    for factor in layout.factors:
        code, levels = _encode(used, factor.keys, model.text)
        codes.append(code)
        groupings.append(factor.grouping(levels))
    weight = float(len(used)) if weights is None else float(weights.sum())
    return Products(
        names=tuple(slot.name for slot in layout.slots), fixed=layout.fixed, constant=layout.constant, shift=shift,
        scale=scale, groupings=tuple(groupings), first=_gram(values, codes[0], groupings[0].size),
        pairs={
            (a, b): _pair(values, codes, groupings, a, b)
            for a in range(len(groupings)) for b in range(a + 1, len(groupings))
        },
        triples={
            (a, b): _triple(values, codes, groupings, a, b)
            for a in range(1, len(groupings)) for b in range(a + 1, len(groupings))
        },
        sums=values.sum(axis=0) if weights is None else np.sqrt(weights) @ values, weight=weight,
        n_rows=weight if model.frequencies else float(len(used)),
        n_seen=len(frame), n_incomplete=int(len(frame) - len(used)),
        log_weights=float(np.log(weights).sum()) if model.weights else 0.0,
        uneven=bool(model.weights) and bool(np.ptp(weights) > 0),
    )  # fmt: skip


def _complete(frame: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Return which rows lack none of the columns, (n,)."""
    complete = np.ones(len(frame), dtype=bool)
    for name in names:
        complete &= frame[name].notna().to_numpy()
    return complete


def _standardise(model: Model, layout: Layout, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shift and scale the design columns (K, n) in place; return shifts and scales, (K,).

    The shift is the mean where it is harmless, the scale the standard deviation.

    Raises
    ------
    EstimationError
        Values that are infinite, undefined or too large to be squared.
    """
    low, high = columns.min(axis=1), columns.max(axis=1)
    if not max(-low.min(), high.max()) <= LARGEST:
        bad = (~np.isfinite(columns)).sum(axis=1)
        refuse_infinite(model.text, {slot.name: n for slot, n in zip(layout.slots, bad, strict=True)}, columns.shape[1])
        refuse_vast(model.text)
    shift, scale = np.zeros(len(columns)), np.ones(len(columns))
    for k, (slot, column) in enumerate(zip(layout.slots, columns, strict=True)):
        if slot.centred:
            # a constant leaves nothing, which its mean with a rounding error would not
            shift[k] = low[k] if low[k] == high[k] else column.mean()
            column -= shift[k]
        size = np.sqrt(column @ column / len(column))
        if size > 0 and slot.name != INTERCEPT:
            scale[k] = size
            column /= size
    return shift, scale


def _columns(model: Model, used: pd.DataFrame) -> tuple[Layout, np.ndarray]:
    """Return the layout and the design columns, (K, n): each is one piece of memory."""
    response, fixed = _matrix(model.response, used, model.text), _matrix(model.fixed, used, model.text)
    random = {id(part): _matrix(part.terms, used, model.text) for part in model.random}
    if len(response[0].names) != 1:
        raise EstimationError(f"{model.text}: the response is not a number but {len(response[0].names)} categories.")
    layout = lay_out(model, response[0].names[0], fixed[0], lambda part: random[id(part)][0])
    known = {
        name: column
        for side, columns in (*random.values(), fixed, response)
        for name, column in zip(side.names, columns, strict=True)
    }
    return layout, np.array([known[slot.name] for slot in layout.slots])


def _matrix(terms: Sequence[Term], used: pd.DataFrame, text: str) -> tuple[Side, list[np.ndarray]]:
    """Return the columns of a right-hand side and the values of each, (n,)."""
    plain = [_plain(term, used) for term in terms]
    if all(plain):
        return side_of(([name], [column]) for name, column in plain), [column for _, column in plain]
    try:
        # what log makes of zero, and exp of a thousand, is counted and refused below
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            matrix = Formula(list(terms)).get_model_matrix(used, context=FUNCTIONS, na_action="ignore", output="numpy")
        columns = list(np.asarray(matrix, dtype=float).T)
    except (FormulaicError, TypeError, ValueError) as error:
        raise EstimationError(f"{text}: {_reason(error)}.") from error
    return side_of(_blocks(columns, term_columns(matrix.model_spec, text))), columns


def _plain(term: Term, used: pd.DataFrame) -> tuple[str, np.ndarray] | None:
    """Return name and values of the constant, or of a column of numbers as it is; None where formulaic is needed."""
    factor = term.factors[0]
    kind = factor.eval_method.value if len(term.factors) == 1 else ""
    if kind == "literal" and factor.expr == "1":
        return INTERCEPT, np.ones(len(used))
    if kind == "lookup" and factor.expr != INTERCEPT and used[factor.expr].dtype == float:
        return factor.expr, used[factor.expr].to_numpy()
    return None


def _blocks(columns: Sequence[np.ndarray], terms: Sequence[list[str]]) -> Iterator[tuple[list[str], list[np.ndarray]]]:
    """Yield names and values of the columns of each term."""
    at = 0
    for names in terms:
        yield names, list(columns[at : at + len(names)])
        at += len(names)


def _reason(error: Exception) -> str:
    """Return formulaic's first line without what Python said inside it."""
    lines = str(error).strip().splitlines()
    first = lines[0].partition(" [")[0].rstrip(".") if lines else type(error).__name__
    return f"{first}. Write categories as C(column), powers as x**2, sums and ratios as I(a / b)"


def _without_unused_categories(model: Model, used: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the categories of terms that occur in them; others would have columns of zeros."""
    named = {v for term in model.terms for factor in term.factors for v in variables(factor)}
    categories = named & {*used.select_dtypes("category").columns}
    return used.assign(**{c: used[c].cat.remove_unused_categories() for c in categories})


def _weights(model: Model, used: pd.DataFrame) -> np.ndarray | None:
    """Return weights or frequencies, (n,); None where all rows count alike."""
    name = model.weights or model.frequencies
    if name is None:
        return None
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
    coded = [_coded(used[key]) for key in keys]
    place, met = coded[0]
    if len(coded) > 1:
        place, met = _combined(coded)
    rank, levels = encode(met)
    return rank[place], levels


def _coded(column: pd.Series) -> tuple[np.ndarray, pd.Series]:
    """Return codes (n,) and the keys they stand for; what has categories need not be looked through again."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        code = column.cat.codes.to_numpy(np.int64)
        occurs = np.bincount(code, minlength=len(column.cat.categories)) > 0
        return (np.cumsum(occurs) - 1)[code], pd.Series(column.cat.categories[occurs].astype(object))
    code, keys = pd.factorize(whole_keys(column))
    return code, pd.Series(keys)


def _combined(coded: Sequence[tuple[np.ndarray, pd.Series]]) -> tuple[np.ndarray, pd.Series]:
    """Return codes of the combinations that occur (n,), and their labels."""
    place, met = coded[0][0], [np.arange(len(coded[0][1]))]
    for code, keys in coded[1:]:
        combined, place = np.unique(place * len(keys) + code, return_inverse=True)
        first, last = np.divmod(combined, len(keys))
        met = [*(codes[first] for codes in met), last]
    return place, joined([(codes, keys) for codes, (_, keys) in zip(met, coded, strict=True)])


def _gram(values: np.ndarray, code: np.ndarray, levels: int) -> np.ndarray:
    """Return cross-products of all columns per level: (levels, K, K)."""
    order, ends = np.argsort(code, kind="stable"), np.cumsum(np.bincount(code, minlength=levels))
    out = np.empty((levels, values.shape[1], values.shape[1]))
    for level, own in enumerate(np.split(order, ends[:-1])):
        rows = values[own]
        np.matmul(rows.T, rows, out=out[level])
    return out


def _pair(values: np.ndarray, codes: list[np.ndarray], groupings: list[Grouping], a: int, b: int) -> Pair:
    size = groupings[b].size
    left = values if a == 0 else values[:, groupings[a].columns]
    met, products = _sums(codes[a] * size + codes[b], left, values[:, groupings[b].columns])
    return Pair(met // size, met % size, products)


def _triple(values: np.ndarray, codes: list[np.ndarray], groupings: list[Grouping], a: int, b: int) -> Triple:
    sizes = groupings[a].size, groupings[b].size
    key = (codes[0] * sizes[0] + codes[a]) * sizes[1] + codes[b]
    met, products = _sums(key, values[:, groupings[a].columns], values[:, groupings[b].columns])
    both, last = np.divmod(met, sizes[1])
    return Triple(both // sizes[0], both % sizes[0], last, products)


def _sums(key: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the keys there are, sorted, and for each the sum of left · right' over its rows: (P,), (P, a, b).

    Where most keys have one row, a sparse product with the rows in order of their keys costs as much as copying them.
    """
    order = np.argsort(key, kind="stable")
    start = np.flatnonzero(np.diff(key[order], prepend=-1))
    shape, ends = (len(start), len(key)), np.append(start, len(key))
    sums = [sparse.csr_array((column[order], order, ends), shape=shape) @ left for column in right.T]
    return key[order[start]], np.stack(sums, axis=2) if len(sums) > 1 else sums[0][:, :, None]
