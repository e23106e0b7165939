"""A remainder of one factor in whose levels the eliminated ones are nested: its part of the equations is blocks, too.

Each eliminated level then belongs to one level of the other factor, so no two of these meet, and what elimination
leaves of them is a small matrix per level where crossed factors leave one dense matrix of all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """Eliminated levels J with q effects, inside the levels M of the other factor with r effects.

    parent : ndarray of int, (J,)    the level that each lies in
    cross : ndarray, (J, q, r)       Z_first' Z_rest
    square : ndarray, (M, r, r)      Z_rest' Z_rest
    """

    parent: np.ndarray
    cross: np.ndarray
    square: np.ndarray

    def summed(self, blocks: np.ndarray) -> np.ndarray:
        """Return sums of blocks (J, r, r) over what each level holds, (M, r, r)."""
        inside = sparse.csr_matrix(
            (np.ones(len(self.parent)), (self.parent, np.arange(len(self.parent)))),
            shape=(len(self.square), len(self.parent)),
        )
        return (inside @ blocks.reshape(len(blocks), -1)).reshape(self.square.shape)


def nested(cross: sparse.csr_matrix, square: np.ndarray, effects: int) -> Nested | None:
    """Return the nesting that cross-products (J q, M r) show; None when an eliminated level meets several levels.

    square : ndarray, (M, r, r)
    effects : q
    """
    r = square.shape[1]
    if (np.diff(cross.indptr) != r).any():
        return None
    cross.sort_indices()
    met = cross.indices.reshape(-1, effects, r) // r
    parent = met[:, 0, 0]
    if (met != parent[:, None, None]).any():
        return None
    return Nested(parent, cross.data.reshape(met.shape), square)
