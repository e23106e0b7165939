"""Cluster-robust covariance of the fixed effects, from the same cross-products as the fit.

With A = V⁻¹X and M = (X'V⁻¹X)⁻¹, cluster g of the first factor has the score s_g = A_g'(y − Xβ)_g, and the covariance
is the sum of its influences M s_g (Liang & Zeger 1986).

- Clusters that share no level of another factor (one factor, or the others nested in the first): CR2. Each score is
  corrected by (I − G_g M)^{-1/2}, G_g = X_g'V_g⁻¹X_g: the bias reduction of Bell & McCaffrey (2002) in whitened rows,
  where p × p matrices are all it needs; unbiased when V is right. Degrees of freedom after Satterthwaite as there.
- Crossed factors: rows of different clusters are related through the levels they share. Errors within clusters are
  taken from the data, times G/(G − 1) (CR1), and what levels of the other factors add between clusters from the model:
  A'Z Psi Z'A over all rows less its part within clusters. When the model is right this too is unbiased.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from exlink.stats.lmm.criterion import Factored, Solution
from exlink.stats.lmm.products import Pair, Products

SPENT = 1e-9  # share of a cluster's own information left below which a coefficient is known from it alone
CHUNK = 200_000  # pairs of levels worked on at a time


@dataclass(frozen=True, slots=True, eq=False)
class Robust:
    """Cluster-robust covariance in standardised columns.

    vcov : ndarray, (p, p)
    kind : str                           'CR2' or 'CR1'
    clusters : int
    bread : ndarray, (p, p)              B with M = B B'
    roots, shares : ndarray, (G, p, p)   (I − C_g)^{-1/2} and C_g = B'G_g B; None under CR1
    """

    vcov: np.ndarray
    kind: str
    clusters: int
    bread: np.ndarray
    roots: np.ndarray | None
    shares: np.ndarray | None

    def degrees(self, contrast: np.ndarray) -> float:
        """Return Satterthwaite's degrees of freedom of a contrast (p,); clusters − 1 under CR1."""
        if self.roots is None:
            return float(self.clusters - 1)
        given = np.einsum("gpq,q->gp", self.roots, self.bread.T @ contrast)
        loads = np.einsum("gpq,gq->gp", self.shares, given)
        own, shared = (given * loads).sum(axis=1), loads.T @ loads
        trace = own.sum() - np.trace(shared)
        square = (own**2).sum() - 2 * float(own @ (loads**2).sum(axis=1)) + (shared**2).sum()
        return float(trace**2 / square) if square > 0 else float(self.clusters - 1)


def robust(products: Products, at: Factored, found: Solution) -> Robust:
    """Return the covariance of fixed effects clustered by the first grouping factor."""
    clusters, p = products.groupings[0].size, products.fixed
    bread = linalg.solve_triangular(found.root, np.eye(p))
    moved = [t @ v for t, v in zip(at.factors, found.loads, strict=True)]
    contrast = np.zeros(len(products.names))
    contrast[:p], contrast[-1] = -found.beta, 1.0
    scores = _sums(products, moved, contrast[:, None])[:, :, 0] @ bread
    if not _independent(products):
        spread = scores.T @ scores * clusters / (clusters - 1)
        spread = spread + bread.T @ _between(products, at, found, moved) @ bread * found.square / found.degrees
        return Robust(bread @ spread @ bread.T, "CR1", clusters, bread, None, None)
    shares = bread.T @ _sums(products, moved, np.eye(len(products.names))[:, :p]) @ bread
    shares = (shares + np.swapaxes(shares, 1, 2)) / 2
    sizes, axes = np.linalg.eigh(np.eye(p) - shares)
    powers = np.where(sizes > SPENT, np.maximum(sizes, SPENT) ** -0.5, 0.0)
    roots = (axes * powers[:, None, :]) @ np.swapaxes(axes, 1, 2)
    spread = bread @ np.einsum("gpq,gq->pg", roots, scores)
    return Robust(spread @ spread.T, "CR2", clusters, bread, roots, shares)


def _independent(products: Products) -> bool:
    """Return whether no level of another factor meets two clusters."""
    others = [pair.right for (a, _), pair in products.pairs.items() if a == 0]
    return all(len(np.unique(right)) == len(right) for right in others)


def _sums(products: Products, moved: list[np.ndarray], columns: np.ndarray) -> np.ndarray:
    """Return ``A_g' W_g C`` per cluster, (G, p, c), for combinations C (K, c) of the design columns W.

    A = V⁻¹X = X − Σ Z_f moved_f, with ``moved`` (J, q, p) per factor.
    """
    p, own = products.fixed, products.first @ columns
    out = own[:, :p] - np.swapaxes(moved[0], 1, 2) @ own[:, products.groupings[0].columns]
    for (a, b), pair in products.pairs.items():
        for part in _chunks(pair) if not a else ():
            met = np.swapaxes(pair.products[part], 1, 2) @ columns
            met = np.swapaxes(moved[b][pair.right[part]], 1, 2) @ met
            np.subtract.at(out, pair.left[part], met)
    return out


def _between(products: Products, at: Factored, found: Solution, moved: list[np.ndarray]) -> np.ndarray:
    """Return ``Σ_f A'Z_f Psi_f Z_f'A`` over pairs of rows in different clusters, (p, p).

    Within a cluster ``Z_f'A`` needs the rows in which a level of f meets the cluster. What a third factor takes from X
    there is known for all rows of the level together, and taken to be alike in all its clusters.
    """
    p = products.fixed
    out = np.zeros((p, p))
    for (a, b), pair in products.pairs.items():
        if a:
            continue
        loads = found.loads[b].reshape(-1, p)
        out += loads.T @ loads
        mine, theirs = products.groupings[0].columns, products.groupings[b].columns
        taken = moved[b] + _of_others(products, moved, b)
        for part in _chunks(pair):
            met = pair.products[part]
            reach = met[:, :p] - np.swapaxes(moved[0][pair.left[part]], 1, 2) @ met[:, mine]
            reach = reach - np.swapaxes(taken[pair.right[part]], 1, 2) @ met[:, theirs]
            flat = np.swapaxes(reach @ at.factors[b], 1, 2).reshape(-1, p)
            out -= flat.T @ flat
    return out


def _of_others(products: Products, moved: list[np.ndarray], b: int) -> np.ndarray:
    """Return what factors other than the first and b take from X, as effects of the levels of b: (J, q, p)."""
    grouping = products.groupings[b]
    own = np.zeros((grouping.size, grouping.effects, grouping.effects))
    pair = products.pairs[0, b]
    np.add.at(own, pair.right, pair.products[:, grouping.columns])
    met = np.zeros_like(moved[b])
    for h in range(1, len(moved)):
        if h == b:
            continue
        between = products.pairs[min(b, h), max(b, h)]
        here, there = (between.left, between.right) if b < h else (between.right, between.left)
        sums = between.products if b < h else np.swapaxes(between.products, 1, 2)
        np.add.at(met, here, sums @ moved[h][there])
    return np.linalg.pinv(own, hermitian=True) @ met


def _chunks(pair: Pair) -> list[slice]:
    return [slice(start, start + CHUNK) for start in range(0, len(pair.left), CHUNK)]
