"""The columns in which random effects are estimated: those of each part, made independent and equally large.

Columns that move together (a year and its square) let T change in directions that the criterion hardly feels. The span
of a part's columns is all that its covariance matrix knows, so any basis of it gives the same model: in an orthonormal
one directions are as different as the data make them, whatever the columns' units and origins.
"""

from __future__ import annotations

import numpy as np

from exlink.stats.lmm.products import Grouping, Products


def bases_of(products: Products) -> tuple[np.ndarray, ...]:
    """Return W per factor, (q, q): ``Z W`` has, part by part, columns z with ``Σ w z z' / Σ w = I`` over the rows."""
    return tuple(_basis(products, grouping) for grouping in products.groupings)


def _basis(products: Products, grouping: Grouping) -> np.ndarray:
    out = np.zeros((grouping.effects, grouping.effects))
    at = 0
    for size in grouping.parts:
        own = slice(at, at + size)
        columns = grouping.columns[own]
        total = products.first[:, columns[:, None], columns].sum(axis=0)
        lower = np.linalg.cholesky(total / products.weight)
        out[own, own] = np.linalg.inv(lower).T
        at += size
    return out
