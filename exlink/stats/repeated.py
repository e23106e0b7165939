"""Columns that repeat others: told from their cross-products, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import solve_triangular

PART = 1e-6  # weight of a column of length 1 from which another is said to be made of it


def repeated_columns(gram: np.ndarray, own: float) -> Iterator[tuple[int, list[int]]]:
    """Yield each column that is a combination of those kept before it, with the columns it is made of.

    Parameters
    ----------
    gram : ndarray, (k, k)
        Cross-products of the columns.
    own : float
        Share of its sum of squares that a column must have of its own to be kept.
    """
    lengths = np.maximum(np.sqrt(np.maximum(np.diag(gram), 0.0)), 1e-300)
    scaled = gram / np.outer(lengths, lengths)
    root = np.zeros_like(scaled)  # lower Cholesky factor of the columns kept
    kept: list[int] = []
    for j in range(len(scaled)):
        n = len(kept)
        known = solve_triangular(root[:n, :n], scaled[kept, j], lower=True) if n else np.zeros(0)
        left = float(scaled[j, j] - known @ known)
        if left < own:
            weights = solve_triangular(root[:n, :n], known, lower=True, trans="T") if n else known
            yield j, [k for k, weight in zip(kept, weights, strict=True) if abs(weight) > PART]
            continue
        root[n, :n], root[n, n] = known, np.sqrt(left)
        kept.append(j)
