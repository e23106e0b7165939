"""Columns that vary and are no sum of others: told before a model is fitted, from sums the engine makes."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from exlink.stats.repeated import repeated_columns

OWN = 1e-9  # share of a column's sum of squares that must be its own, or it is left out; the model refuses below 1e-10
FLAT = 1e-9  # standard deviation below which a column is rounding noise around a constant


def independent_columns(rows: nw.LazyFrame, cells: pd.DataFrame, key: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the columns of ``names`` that vary and are no linear combination of the ones before them.

    Parameters
    ----------
    rows : LazyFrame
        One row per observation, with ``key`` and all columns.
    cells : DataFrame
        One row per combination of ``key`` in ``rows``; columns of ``names`` that are here are constant inside a cell.
    """
    inside = [n for n in names if n in cells]
    free = [n for n in names if n not in inside]
    sums = (
        rows.group_by(*key)
        .agg(nw.len().alias("n"), *(nw.col(c).sum().alias(c) for c in free))
        .sort(*key)
        .collect()
        .to_pandas()
    )
    if sums.empty:
        return []
    constant = sums[list(key)].merge(cells, on=list(key), how="left", validate="one_to_one")
    x = np.column_stack([np.ones(len(sums)), constant[inside].to_numpy(dtype=float)])
    counts, s = sums["n"].to_numpy(dtype=float), sums[free].to_numpy(dtype=float)
    gram = np.block([[x.T @ (x * counts[:, None]), x.T @ s], [s.T @ x, _products(rows, free)]])
    order = [0, *(1 + [*inside, *free].index(n) for n in names)]
    return kept_of(gram[np.ix_(order, order)], names)


def kept_of(gram: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return the columns that keep something of their own when the constant and the columns before are taken out.

    ``gram`` (1 + k, 1 + k) holds the cross-products of the constant and of the columns ``names`` (k,).
    """
    centred = gram[1:, 1:] - np.outer(gram[1:, 0], gram[0, 1:]) / gram[0, 0]
    own = np.diag(centred)
    varies = (own > OWN * np.diag(gram)[1:]) & (own > FLAT**2 * gram[0, 0])
    free = np.flatnonzero(varies)
    gone = {int(free[j]) for j, _ in repeated_columns(centred[np.ix_(free, free)], OWN)}
    return [names[j] for j in free if j not in gone]


def independent_of(frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return the same for rows in memory."""
    values = frame[list(names)].to_numpy(dtype=float)
    sums = values.sum(axis=0)
    gram = np.block([[np.array([[float(len(frame))]]), sums[None, :]], [sums[:, None], values.T @ values]])
    return kept_of(gram, names)


def _products(rows: nw.LazyFrame, names: Sequence[str]) -> np.ndarray:
    """Return the cross-products of columns over all rows, (k, k)."""
    out = np.zeros((len(names), len(names)))
    if not names:
        return out
    asked = {f"p{i}_{j}": nw.col(names[i]) * nw.col(names[j]) for i in range(len(names)) for j in range(i, len(names))}
    row = rows.select(*(value.sum().alias(name) for name, value in asked.items())).collect().to_pandas().iloc[0]
    for i in range(len(names)):
        for j in range(i, len(names)):
            out[i, j] = out[j, i] = float(row[f"p{i}_{j}"])
    return out
