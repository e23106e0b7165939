"""Pairs of the remainder's levels that meet in a level of the eliminated factor, where all effects are intercepts.

The Schur complement sums, over the eliminated levels, products of counts at pairs of other levels. Which pairs meet
never changes between evaluations: noted down once, the sum is one pass over them instead of a sparse product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Every pair of the m levels met by an eliminated level, once per such level.

    row, column : ndarray of int, (U,)   the pair, row ≥ column
    level : ndarray of int, (U,)         the eliminated level in which they meet
    product : ndarray, (U,)              product of the two cross-products with it
    size : int                           m
    """

    row: np.ndarray
    column: np.ndarray
    level: np.ndarray
    product: np.ndarray
    size: int

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return the lower triangle of ``C' diag(weights) C``, (m, m) in column order, C being the cross-products."""
        sums = np.bincount(self._place(), weights=self.product * weights[self.level], minlength=self.size**2)
        return sums.reshape(self.size, self.size, order="F")

    def beside(self, lower: np.ndarray) -> np.ndarray:
        """Return the terms, (U,), of ``trace(C'C S)`` of a symmetric S given its lower triangle in column order."""
        found = self.product * lower.ravel(order="F")[self._place()]
        found[self.row != self.column] *= 2
        return found

    def _place(self) -> np.ndarray:
        return self.row + self.column.astype(np.int64) * self.size


def meetings(cross: sparse.csr_matrix) -> Pairs | None:
    """Return the pairs of cross-products (J, m); None when they are more than half of the (m, m) they go to."""
    m = cross.shape[1]
    met = np.diff(cross.indptr).astype(np.int64)
    if (met * (met + 1)).sum() > m**2:
        return None
    found: list[tuple[np.ndarray, ...]] = []
    for k in np.unique(met[met > 0]):
        level = np.flatnonzero(met == k).astype(np.int32)
        at = cross.indptr[level][:, None] + np.arange(k)
        columns, values = cross.indices[at].astype(np.int32), cross.data[at]
        i, j = np.tril_indices(k)
        a, b = columns[:, i], columns[:, j]
        each = (np.maximum(a, b), np.minimum(a, b), np.repeat(level, len(i)), values[:, i] * values[:, j])
        found.append(tuple(part.ravel() for part in each))
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)), m)
