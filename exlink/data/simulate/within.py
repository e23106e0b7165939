"""What varies within persons and waves."""

from __future__ import annotations

import numpy as np

ROUNDS = 60


def two_way(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return values less their weighted means by person and by wave.

    values : (i, w, variable) ;  weight : (i, w)  0 where a cell is empty
    """
    x, w = values.copy(), weight[..., None]
    for _ in range(ROUNDS):
        x -= (x * w).sum(1, keepdims=True) / np.maximum(w.sum(1, keepdims=True), 1e-12)
        x -= (x * w).sum(0, keepdims=True) / np.maximum(w.sum(0, keepdims=True), 1e-12)
    return x
