"""The mixed-model equations of compressed rows, ordered for elimination: index arithmetic and nothing else.

One factor is eliminated first, level by level, because its part of the equations is block-diagonal: the one with the
most random effects. The others, however many, form the dense remainder (Schur complement) of size m. Crossed, nested
and partly crossed factors are all the same to this ordering (Bates et al. 2015, J. Stat. Softw. 67(1), section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy import sparse

from exlink.errors import EstimationError
from exlink.stats.lmm.bases import bases_of
from exlink.stats.lmm.nested import Nested, nested
from exlink.stats.lmm.pairs import Pairs, meetings
from exlink.stats.lmm.products import Products

MOST_DENSE = 12_000  # random effects outside the eliminated factor: dense matrices of 1.2 GB, of which a fit needs six


@dataclass(frozen=True, slots=True, eq=False)
class Remainder:
    """The factors that are not eliminated.

    order : tuple of int           positions of the factors in ``Products.groupings``
    slices : tuple of slice        where each factor's effects are among the m, level by level
    square : csr matrix, (m, m)    Z'Z among them
    cross : csr matrix, (J q, m)   Z_first' Z_rest, rows are effects of the eliminated factor, level by level
    data : ndarray, (m, p + 1)     Z'[X y]
    nested : Nested or None        which of its levels each eliminated one lies in, where it is nested in one factor
    pairs : Pairs or None          which of the m meet, where all effects are intercepts and few meet; not if nested
    """

    order: tuple[int, ...]
    slices: tuple[slice, ...]
    square: sparse.csr_matrix
    cross: sparse.csr_matrix
    data: np.ndarray
    nested: Nested | None
    pairs: Pairs | None


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """Cross-products in the order in which they are eliminated.

    first : int                    position of the eliminated factor in ``Products.groupings``
    square : ndarray, (J, q, q)    its Z'Z per level
    data : ndarray, (J, q, p + 1)  its Z'[X y]
    rest : Remainder or None       the other factors; None when there is only one
    total : ndarray, (p + 1, p + 1)  [X y]'[X y]
    n_rows : float
    effects : tuple of int         number of effects q per factor, in the order asked for
    """

    first: int
    square: np.ndarray
    data: np.ndarray
    rest: Remainder | None
    total: np.ndarray
    n_rows: float
    effects: tuple[int, ...]

    @property
    def n_fixed(self) -> int:
        """Return the number of fixed effects p."""
        return len(self.total) - 1

    def keeping(self, columns: Sequence[int]) -> System:
        """Return the equations of the same rows with some of the columns of [X y], the response last."""
        kept = np.asarray(columns)
        rest = None if self.rest is None else replace(self.rest, data=np.ascontiguousarray(self.rest.data[:, kept]))
        return replace(
            self, data=np.ascontiguousarray(self.data[:, :, kept]), rest=rest, total=self.total[np.ix_(kept, kept)]
        )


def arrange(products: Products, text: str = "") -> System:
    """Return the equations of ``products`` with the largest factor in front.

    Raises
    ------
    EstimationError
        When the other factors have more effects together than fit in a dense matrix.
    """
    groupings = products.groupings
    sizes = [g.size * g.effects for g in groupings]
    first = int(np.argmax(sizes))
    left = [f for f in range(len(groupings)) if f != first]
    m = sum(sizes[f] for f in left)
    if m > MOST_DENSE:
        each = " and ".join(f"{groupings[f].name} ({sizes[f]:,})" for f in left)
        raise EstimationError(
            f"{text}: {each} have {m:,} random effects beside {groupings[first].name}; at most {MOST_DENSE:,} can be "
            "solved together. Leave a random slope out, or group into fewer levels."
        )
    keep = [*range(products.fixed), len(products.names) - 1]
    bases = bases_of(products)
    square, data = _own(products, first, bases[first])
    return System(
        first=first, square=square, data=np.ascontiguousarray(data[:, :, keep]),
        rest=_rest(products, first, left, keep, bases) if left else None,
        total=products.total[np.ix_(keep, keep)], n_rows=products.n_rows,
        effects=tuple(g.effects for g in groupings),
    )  # fmt: skip


def block_diagonal(blocks: np.ndarray) -> sparse.bsr_matrix:
    """Return blocks (J, q, q) as one sparse matrix (J q, J q)."""
    levels, q, _ = blocks.shape
    return sparse.bsr_matrix((blocks, np.arange(levels), np.arange(levels + 1)), shape=(levels * q, levels * q))


def _own(products: Products, f: int, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Z'Z (J, q, q) and Z'[X Z y] (J, q, K) of one factor, Z in its basis."""
    grouping = products.groupings[f]
    if f == 0:
        data = products.first[:, grouping.columns, :]
    else:
        pair, size = products.pairs[0, f], len(products.names)
        ones, met = np.ones(len(pair.right)), np.arange(len(pair.right))
        sums = sparse.csr_matrix((ones, (pair.right, met)), shape=(grouping.size, len(met)))
        data = sums @ pair.products.reshape(len(met), -1)
        data = np.swapaxes(data.reshape(grouping.size, size, grouping.effects), 1, 2)
    data = basis.T @ data
    return data[:, :, grouping.columns] @ basis, data


def _rest(products: Products, first: int, left: list[int], keep: list[int], bases: tuple[np.ndarray, ...]) -> Remainder:
    sizes = [products.groupings[f].size * products.groupings[f].effects for f in left]
    ends = np.cumsum([0, *sizes])
    own = [_own(products, f, bases[f]) for f in left]
    blocks = [[None] * len(left) for _ in left]
    for i, f in enumerate(left):
        blocks[i][i] = block_diagonal(own[i][0])
        for j in range(i + 1, len(left)):
            blocks[i][j] = _between(products, f, left[j], bases)
            blocks[j][i] = blocks[i][j].T
    cross = sparse.csr_matrix(sparse.hstack([_between(products, first, f, bases) for f in left]))
    intercepts = all(g.effects == 1 for g in products.groupings)
    inside = nested(cross, own[0][0], products.groupings[first].effects) if len(left) == 1 else None
    return Remainder(
        order=tuple(left),
        slices=tuple(slice(int(a), int(b)) for a, b in pairwise(ends)),
        square=sparse.csr_matrix(sparse.block_array(blocks)),
        cross=cross,
        data=np.ascontiguousarray(np.vstack([data[:, :, keep].reshape(-1, len(keep)) for _, data in own])),
        nested=inside,
        pairs=meetings(cross) if intercepts and inside is None else None,
    )


def _between(products: Products, a: int, b: int, bases: tuple[np.ndarray, ...]) -> sparse.csr_matrix:
    """Return Z_a' Z_b, (J_a q_a, J_b q_b), in their bases."""
    if a > b:
        return sparse.csr_matrix(_between(products, b, a, bases).T)
    pair, left, right = products.pairs[a, b], products.groupings[a], products.groupings[b]
    values = pair.products[:, left.columns, :] if a == 0 else pair.products
    values = bases[a].T @ values @ bases[b]
    qa, qb = left.effects, right.effects
    rows = (pair.left[:, None, None] * qa + np.arange(qa)[:, None]) + np.zeros((1, 1, qb), dtype=np.int64)
    columns = (pair.right[:, None, None] * qb + np.arange(qb)) + np.zeros((1, qa, 1), dtype=np.int64)
    shape = (left.size * qa, right.size * qb)
    return sparse.csr_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=shape)
