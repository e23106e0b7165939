"""Cluster-robust covariance of the fixed effects, from the same cross-products as the fit.

With A = V⁻¹X and M = (X'V⁻¹X)⁻¹, cluster g of the first factor has the score s_g = A_g'(y − Xβ)_g, and the covariance
is the sum of its influences M s_g (Liang & Zeger 1986), with two corrections that make it unbiased when V is right:

- CR2 (Bell & McCaffrey 2002): residuals are smaller than errors. Under the model a score has the covariance
  B_g − G_g M G_g' instead of B_g, with B_g = A_g'V_gg A_g and G_g = A_g'X_g; it is multiplied by the matrix that brings
  it back. All are p × p, so no row is needed.
- Crossed factors: rows of different clusters are related through the levels they share. Errors within clusters are
  taken from the data, and what shared levels add between clusters from the model: A'Z Psi Z'A over all rows less its
  part within clusters. It is zero where the other factors are nested in the first.

Degrees of freedom after Satterthwaite, as Bell & McCaffrey: the first two moments of the estimate under the model, with
clusters taken as independent but for β, and the part from the model as uncertain as the model's own errors are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from exlink.stats.lmm.bases import bases_of
from exlink.stats.lmm.criterion import Solution
from exlink.stats.lmm.elimination import Factored, times
from exlink.stats.lmm.products import Products

NEAR = 0.1  # size of a matrix up to which its power series is taken
ROUNDING = 1e-17  # of a series: terms that change no digit
SPENT = 1e-9  # share of a cluster's own information left below which a coefficient is known from it alone
OPEN = 100.0  # times that, or a share of it: least pivots in between leave open what is above
MOST_DEDUCTED = 0.25  # share of a variance that the model may take away before data alone are no guide
MOST_LOST = 1e-3  # share of a variance that clusters may keep to themselves
CHUNK = 100_000  # pairs of levels worked on at a time
BLOCK = 50  # clusters whose matrices are worked on at a time, so that they stay near the processor


@dataclass(frozen=True, slots=True, eq=False)
class Robust:
    """Cluster-robust covariance in standardised columns, M = B B'.

    vcov : ndarray, (p, p)
    kind : str                      'CR2', or 'CR2, crossed' where a part comes from the model
    bread : ndarray, (p, p)         B
    between : ndarray, (p, p)       part from the model, in units of the response squared
    own : ndarray, (G, p, p)        B'φ_g (B_g) φ_g'B: expected squared influence, in units of the residual variance
    known : ndarray, (G, p, p)      B'φ_g G_g B: what β takes from it
    variance : float                residual variance
    """

    vcov: np.ndarray
    kind: str
    bread: np.ndarray
    between: np.ndarray
    own: np.ndarray
    known: np.ndarray
    variance: float

    def read(self, contrasts: np.ndarray, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the degrees of freedom of contrasts (c, p), and whether the error of each can be left to the data.

        It cannot where what comes from the model is a large deduction, since the difference of two large numbers, one
        of them noisy, may be anything; nor where a cluster alone knows a part of it, which no residual then tells.

        model : ndarray, (c,)   degrees of freedom of their model-based errors
        """
        z = self.bread.T @ contrasts.T
        within, added, square = self._moments(z)
        total, spread = (z**2).sum(axis=0), square + added**2 / model
        told = spread > 0  # else known from one cluster alone
        degrees = np.divide((within + added) ** 2, spread, out=np.full(len(spread), np.nan), where=told)
        return degrees, (added > -MOST_DEDUCTED * total) & (within + added > (1 - MOST_LOST) * total)

    def _moments(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return expected variance from the clusters and from the model, and the sum of squares of the former, (c,)."""
        (p, c), within, square = z.shape, 0.0, 0.0
        shared = np.zeros((c, p, p))
        for part in _chunks(len(self.own), BLOCK):
            own = np.einsum("gpc,pc->cg", self.own[part] @ z, z)
            loads = np.ascontiguousarray(np.moveaxis(np.swapaxes(self.known[part], 1, 2) @ z, 2, 0))  # (c, g, p)
            lengths = np.einsum("cgp,cgp->cg", loads, loads)
            shared += np.swapaxes(loads, 1, 2) @ loads
            within += (own - lengths).sum(axis=1)
            square += (own**2 - 2 * own * lengths).sum(axis=1)
        added = (z * (self.between @ z)).sum(axis=0) / self.variance
        return within, added, square + (shared**2).sum(axis=(1, 2))


def robust(products: Products, at: Factored, found: Solution) -> Robust:
    """Return the covariance of fixed effects clustered by the first grouping factor."""
    p, size, variance = products.fixed, len(products.first), found.square / found.degrees
    bread = linalg.solve_triangular(found.root, np.eye(p))
    factors = [basis @ t for basis, t in zip(bases_of(products), at.factors, strict=True)]
    moved = [t @ v for t, v in zip(factors, found.loads, strict=True)]
    contrast = np.zeros(len(products.names))
    contrast[:p], contrast[-1] = -found.beta, 1.0
    sums = _sums(products, moved)
    apart = not independent(products)
    shared = _shared(products, factors, moved) if apart else None
    influence, own, known = np.empty((size, p)), np.empty((size, p, p)), np.empty((size, p, p))
    for part in _chunks(size, BLOCK) if p else ():
        information = bread.T @ sums[part, :, :p] @ bread
        expected = information if shared is None else information + bread.T @ shared[part] @ bread
        scores = sums[part] @ contrast @ bread
        influence[part], own[part], known[part] = _mended(expected, information, scores)
    between = -variance * (bread.T @ shared.sum(axis=0) @ bread) if apart else np.zeros((p, p))
    return Robust(
        vcov=bread @ (influence.T @ influence + between) @ bread.T,
        kind="CR2, crossed" if apart else "CR2", bread=bread, between=between, own=own, known=known, variance=variance,
    )  # fmt: skip


def independent(products: Products) -> bool:
    """Return whether no level of another factor meets two clusters."""
    others = [pair.right for (a, _), pair in products.pairs.items() if a == 0]
    return all(np.bincount(right).max(initial=0) <= 1 for right in others)


def _mended(
    expected: np.ndarray, information: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return φ s (G, p), φ E φ' and φ G (G, p, p) with ``φ (E − G G') φ' = E`` per cluster.

    E (G, p, p) is what is expected of the scores s (G, p), and G G' what β takes of it. With E = R R'
    and K = R⁺G, φ = R (I − K K')^{-1/2} R⁺, whichever root R is taken; with G = E this is (I − E)^{-1/2}.
    """
    expected = (expected + np.swapaxes(expected, 1, 2)) / 2
    roots, solved = _rooted(expected, np.concatenate([information, scores[:, :, None]], axis=2))
    taken = solved[:, :, :-1]
    mended = roots @ _inverse_roots(taken @ np.swapaxes(taken, 1, 2))
    both = mended @ solved
    return both[:, :, -1], mended @ np.swapaxes(mended, 1, 2), both[:, :, :-1]


def _rooted(squares: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return R (G, p, r) and ``R⁺ C`` (G, r, c) of ``R R'`` (G, p, p) and C (G, p, c), which lies in its range.

    Clusters of a lower rank have zeros in the last columns of R and rows of R⁺C.
    """
    found = [_root(square, sides) for square, sides in zip(squares, right, strict=True)]
    most = max((root.shape[1] for root, _ in found), default=0)
    roots, solved = np.zeros((*squares.shape[:2], most)), np.zeros((len(right), most, right.shape[2]))
    for g, (root, own) in enumerate(found):
        roots[g, :, : root.shape[1]], solved[g, : len(own)] = root, own
    return roots, solved


def _root(square: np.ndarray, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return R (p, r) and ``R⁺ C`` (r, c) of one matrix ``R R'``, by Cholesky's method where its pivots tell the rank.

    Axes, which take ten times as long, say what is below ``SPENT`` where the least pivot is about that.
    """
    largest = square.diagonal().max()
    lower, pivots, rank, _ = lapack.dpstrf(square.T, tol=SPENT / OPEN * largest, lower=1)
    if rank and lower[rank - 1, rank - 1] ** 2 > SPENT * OPEN * largest:
        order, root = pivots - 1, np.empty((len(square), rank))
        root[order] = lower[:, :rank] * np.tri(len(square), rank)
        return root, lapack.dtrtrs(lower[:rank, :rank], sides[order[:rank]], lower=1)[0]
    sizes, axes = np.linalg.eigh(square)
    kept = sizes > SPENT * max(sizes[-1], 1e-300)
    axes, spread = axes[:, kept], np.sqrt(sizes[kept])
    return axes * spread, axes.T @ sides / spread[:, None]


def _inverse_roots(taken: np.ndarray) -> np.ndarray:
    """Return ``(I − M)^{-1/2}`` of symmetric M (G, r, r), zero in directions of which next to nothing is left.

    Where M is small its power series, which is many times as fast as axes.
    """
    sizes = np.linalg.norm(taken, axis=(1, 2))  # no eigenvalue is larger
    far = sizes > NEAR
    out = np.empty_like(taken)
    left, axes = np.linalg.eigh(np.eye(taken.shape[1]) - taken[far])
    powers = np.where(left > SPENT, np.maximum(left, SPENT) ** -0.5, 0.0)
    out[far] = (axes * powers[:, None, :]) @ np.swapaxes(axes, 1, 2)
    out[~far] = _series(taken[~far], sizes[~far].max(initial=0.0))
    return out


def _series(small: np.ndarray, size: float) -> np.ndarray:
    """Return ``(I − M)^{-1/2} = Σ (2k choose k) (M / 4)^k`` of M (G, r, r) with eigenvalues of at most ``size``."""
    terms = int(np.ceil(np.log(ROUNDING) / np.log(size))) if size > 0 else 1
    weights = np.cumprod([1.0, *((2 * k - 1) / (2 * k) for k in range(1, terms + 1))])
    out = weights[-1] * small
    diagonal = np.einsum("gii->gi", out)
    diagonal += weights[-2]
    for weight in weights[-3::-1]:
        out = small @ out
        diagonal = np.einsum("gii->gi", out)
        diagonal += weight
    return out


def _sums(products: Products, moved: list[np.ndarray]) -> np.ndarray:
    """Return ``A_g' W_g`` per cluster for the design columns W, (G, p, K).

    A = V⁻¹X = X − Σ Z_f moved_f, with ``moved`` (J, q, p) per factor.
    """
    p, mine = products.fixed, products.groupings[0].columns
    out = products.first[:, :p] - times(np.swapaxes(moved[0], 1, 2), products.first[:, mine])
    for (a, b), pair in products.pairs.items():
        for cluster, start, stop in _runs(pair.left) if not a else ():
            met = np.swapaxes(pair.products[start:stop], 1, 2)  # (r, q, K), of the levels of b that it meets
            taken = moved[b].take(pair.right[start:stop], axis=0)  # (r, q, p)
            out[cluster] -= taken.reshape(-1, p).T @ met.reshape(-1, met.shape[2])
    return out


def _shared(products: Products, factors: list[np.ndarray], moved: list[np.ndarray]) -> np.ndarray:
    """Return ``A_g'V_gg A_g − A_g'X_g`` per cluster, (G, p, p): what it is through levels that others meet too.

    With V_gg = I + Σ Z_f Psi_f Z_f' and A_g = X_g − Σ Z_f moved_f it is Σ A_g'Z_f (Psi_f Z_f'A_g − moved_f): what rows
    elsewhere add, and nothing for the clusters' own effects, as moved_f is Psi_f Z_f'A of all rows. Its sum over all
    clusters is minus the part between them, since A'VA = A'X.
    """
    p = products.fixed
    out = np.zeros((len(products.first), p, p))
    for b in range(1, len(moved)):
        psi = factors[b] @ factors[b].T
        for cluster, reach, taken in _reaches(products, moved, b):
            elsewhere = times(psi, reach) - taken
            out[cluster] += reach.reshape(-1, p).T @ elsewhere.reshape(-1, p)
    return out


def _reaches(products: Products, moved: list[np.ndarray], b: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield per cluster ``Z_b'A_g`` of the levels of b that it meets, and their ``moved``, (r, q, p) both."""
    p, pair = products.fixed, products.pairs[0, b]
    mine, theirs = products.groupings[0].columns, products.groupings[b].columns
    third = _of_thirds(products, moved, b)
    for cluster, start, stop in _runs(pair.left):
        met, taken = np.swapaxes(pair.products[start:stop], 1, 2), moved[b].take(pair.right[start:stop], axis=0)
        reach = met[:, :, :p] - times(met[:, :, mine], moved[0][cluster])
        reach -= times(met[:, :, theirs], taken)
        yield cluster, reach if third is None else reach - third[start:stop], taken


def _of_thirds(products: Products, moved: list[np.ndarray], b: int) -> np.ndarray | None:
    """Return what factors other than the first and b take from X where a cluster meets a level of b, (P, q, p)."""
    pair = products.pairs[0, b]
    out = None
    for (left, right), triple in products.triples.items():
        if b not in (left, right):
            continue
        here, there, h = (triple.left, triple.right, right) if b == left else (triple.right, triple.left, left)
        sums = triple.products if b == left else np.swapaxes(triple.products, 1, 2)
        if out is None:
            out = np.zeros((len(pair.left), products.groupings[b].effects, products.fixed))
        size = products.groupings[b].size
        place = np.searchsorted(pair.left * size + pair.right, triple.cluster * size + here)
        for part in _chunks(len(place), CHUNK):
            np.add.at(out, place[part], times(sums[part], moved[h][there[part]]))
    return out


def _runs(left: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield each cluster with where its pairs begin and end, which are sorted by cluster."""
    starts = np.append(np.flatnonzero(np.diff(left, prepend=-1)), len(left)).tolist()
    for start, stop in pairwise(starts):
        yield int(left[start]), start, stop


def _chunks(size: int, length: int) -> list[slice]:
    return [slice(start, start + length) for start in range(0, size, length)]
