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

from exlink.stats.lmm.bases import bases_of
from exlink.stats.lmm.criterion import Solution
from exlink.stats.lmm.elimination import Factored, times
from exlink.stats.lmm.products import Products

SPENT = 1e-9  # share of a cluster's own information left below which a coefficient is known from it alone
MOST_DEDUCTED = 0.25  # share of a variance that the model may take away before data alone are no guide
MOST_LOST = 1e-3  # share of a variance that clusters may keep to themselves
CHUNK = 100_000  # pairs of levels worked on at a time


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

    def read(self, contrast: np.ndarray, model: float) -> tuple[float, bool]:
        """Return the degrees of freedom of a contrast (p,), and whether its error can be left to the data.

        It cannot where what comes from the model is a large deduction, since the difference of two large numbers, one
        of them noisy, may be anything; nor where a cluster alone knows a part of it, which no residual then tells.

        model : degrees of freedom of its model-based error
        """
        z = self.bread.T @ contrast
        within, added, square = self._moments(z)
        total, spread = float(z @ z), square + added**2 / model
        degrees = float((within + added) ** 2 / spread) if spread > 0 else np.nan  # known from one cluster alone
        return degrees, added > -MOST_DEDUCTED * total and within + added > (1 - MOST_LOST) * total

    def _moments(self, z: np.ndarray) -> tuple[float, float, float]:
        """Return expected variance from the clusters and from the model, and the sum of squares of the former."""
        own = (self.own @ z) @ z
        loads = np.swapaxes(self.known, 1, 2) @ z
        shared = loads.T @ loads
        square = (own**2).sum() - 2 * float(own @ (loads**2).sum(axis=1)) + (shared**2).sum()
        added = float(z @ self.between @ z) / self.variance
        return float(own.sum() - np.trace(shared)), added, float(square)


def robust(products: Products, at: Factored, found: Solution) -> Robust:
    """Return the covariance of fixed effects clustered by the first grouping factor."""
    p, variance = products.fixed, found.square / found.degrees
    bread = linalg.solve_triangular(found.root, np.eye(p))
    factors = [basis @ t for basis, t in zip(bases_of(products), at.factors, strict=True)]
    moved = [t @ v for t, v in zip(factors, found.loads, strict=True)]
    contrast = np.zeros(len(products.names))
    contrast[:p], contrast[-1] = -found.beta, 1.0
    mine = products.groupings[0].columns
    sums = _sums(products, moved, np.column_stack([contrast, np.eye(len(contrast))[:, [*range(p), *mine]]]))
    scores, information = sums[:, :, 0] @ bread, bread.T @ sums[:, :, 1 : p + 1] @ bread
    apart = not independent(products)
    expected, between = information, np.zeros((p, p))
    if apart:
        inside, between = _inside_and_between(products, factors, found, moved, sums[:, :, p + 1 :])
        expected, between = bread.T @ inside @ bread + information, variance * (bread.T @ between @ bread)
    repair = _repair((expected + np.swapaxes(expected, 1, 2)) / 2, information)
    influence = np.einsum("gpq,gq->gp", repair, scores)
    return Robust(
        vcov=bread @ (influence.T @ influence + between) @ bread.T,
        kind="CR2, crossed" if apart else "CR2", bread=bread, between=between,
        own=repair @ expected @ np.swapaxes(repair, 1, 2), known=repair @ information, variance=variance,
    )  # fmt: skip


def independent(products: Products) -> bool:
    """Return whether no level of another factor meets two clusters."""
    others = [pair.right for (a, _), pair in products.pairs.items() if a == 0]
    return all(np.bincount(right).max(initial=0) <= 1 for right in others)


def _repair(expected: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Return φ_g with ``φ (E − G G') φ' = E`` per cluster, (G, p, p): E expected, G G' what β takes.

    φ = R (I − R⁺ G G' R⁺')^{-1/2} R⁺ with E = R R'; with G = E this is (I − E)^{-1/2}.
    """
    sizes, axes = np.linalg.eigh(expected)
    floor = SPENT * np.maximum(sizes[:, -1:], 1e-300)
    seen = np.sqrt(np.maximum(sizes, floor))
    root = axes * seen[:, None, :]
    back = np.where(sizes > floor, 1 / seen, 0.0)[:, :, None] * np.swapaxes(axes, 1, 2)
    taken = back @ information
    left, turned = np.linalg.eigh(np.eye(expected.shape[1]) - taken @ np.swapaxes(taken, 1, 2))
    powers = np.where(left > SPENT, np.maximum(left, SPENT) ** -0.5, 0.0)
    return root @ (turned * powers[:, None, :]) @ np.swapaxes(turned, 1, 2) @ back


def _sums(products: Products, moved: list[np.ndarray], columns: np.ndarray) -> np.ndarray:
    """Return ``A_g' W_g C`` per cluster, (G, p, c), for combinations C (K, c) of the design columns W.

    A = V⁻¹X = X − Σ Z_f moved_f, with ``moved`` (J, q, p) per factor.
    """
    p, own = products.fixed, products.first @ columns
    out = own[:, :p] - np.swapaxes(moved[0], 1, 2) @ own[:, products.groupings[0].columns]
    for (a, b), pair in products.pairs.items():
        for cluster, start, stop in _runs(pair.left) if not a else ():
            met = np.swapaxes(pair.products[start:stop], 1, 2)  # (r, q, K), of the levels of b that it meets
            taken = moved[b][pair.right[start:stop]]  # (r, q, p)
            out[cluster] -= taken.reshape(-1, p).T @ met.reshape(-1, met.shape[2]) @ columns
    return out


def _inside_and_between(
    products: Products, factors: list[np.ndarray], found: Solution, moved: list[np.ndarray], reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ``A_g'V_gg A_g − G_g`` per cluster, (G, p, p), and ``Σ_f A'Z_f Psi_f Z_f'A`` between clusters, (p, p).

    ``reach`` is A_g'Z_g for the effects of the clusters themselves, (G, p, q). A_g'A_g = G_g − Σ A_g'Z_f moved_f, and
    V_gg = I + Σ Z_f Psi_f Z_f' on the rows of the cluster.
    """
    p = products.fixed
    spread = reach @ factors[0]
    inside, between = spread @ np.swapaxes(spread, 1, 2) - reach @ moved[0], np.zeros((p, p))
    for b in range(1, len(moved)):
        loads = found.loads[b].reshape(-1, p)
        between += loads.T @ loads
        for cluster, reached, right in _reaches(products, moved, b):
            spread = np.swapaxes(reached @ factors[b], 1, 2).reshape(-1, p)
            own = spread.T @ spread
            between -= own
            taken = moved[b][right].reshape(-1, p)
            inside[cluster] += own - np.swapaxes(reached, 1, 2).reshape(-1, p).T @ taken
    return inside, between


def _reaches(products: Products, moved: list[np.ndarray], b: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield per cluster ``A_g' Z_b`` of the levels of b that it meets, (r, p, q), and which they are, (r,)."""
    p, pair = products.fixed, products.pairs[0, b]
    mine, theirs = products.groupings[0].columns, products.groupings[b].columns
    third = _of_thirds(products, moved, b)
    for cluster, start, stop in _runs(pair.left):
        right = pair.right[start:stop]
        met = pair.products[start:stop]
        reach = met[:, :p] - times(moved[0][cluster].T, met[:, mine])
        reach = reach - times(np.swapaxes(moved[b][right], 1, 2), met[:, theirs])
        yield cluster, reach if third is None else reach - third[start:stop], right


def _of_thirds(products: Products, moved: list[np.ndarray], b: int) -> np.ndarray | None:
    """Return what factors other than the first and b take from X where a cluster meets a level of b, (P, p, q)."""
    pair = products.pairs[0, b]
    out = None
    for (left, right), triple in products.triples.items():
        if b not in (left, right):
            continue
        here, there, h = (triple.left, triple.right, right) if b == left else (triple.right, triple.left, left)
        sums = triple.products if b == left else np.swapaxes(triple.products, 1, 2)
        if out is None:
            out = np.zeros((len(pair.left), products.fixed, products.groupings[b].effects))
        size = products.groupings[b].size
        place = np.searchsorted(pair.left * size + pair.right, triple.cluster * size + here)
        for part in _chunks(len(place)):
            met = np.swapaxes(moved[h][there[part]], 1, 2) @ np.swapaxes(sums[part], 1, 2)
            np.add.at(out, place[part], met)
    return out


def _runs(left: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield each cluster with where its pairs begin and end, which are sorted by cluster."""
    starts = np.append(np.flatnonzero(np.diff(left, prepend=-1)), len(left)).tolist()
    for start, stop in pairwise(starts):
        yield int(left[start]), start, stop


def _chunks(size: int) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, size, CHUNK)]
