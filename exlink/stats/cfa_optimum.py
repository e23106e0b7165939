"""The covariance that a factor model implies in each group, and the parameters that bring it closest to the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

STEPS = 100  # twenty are usual; more means that the factors are not identified
GRADIENT = 1e-9  # per person; lavaan's parity needs 1e-6 or better


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the parameters of all groups stand in one vector."""

    at: np.ndarray  # (items,) number of each item's factor
    factors: int
    groups: int

    @property
    def size(self) -> int:
        """Return the number of parameters of all groups."""
        own = len(self.at) + self.factors * (self.factors - 1) // 2
        return len(self.at) + self.groups * own + (self.groups - 1) * self.factors

    def pairs(self, group: int) -> list[tuple[int, int]]:
        """Return the free entries of a group's factor covariance; the first group has factors of variance one."""
        upper = [(a, b) for a in range(self.factors) for b in range(a + 1, self.factors)]
        return upper + ([(a, a) for a in range(self.factors)] if group else [])

    def slices(self, group: int) -> tuple[slice, slice]:
        """Return where a group's factor covariances and its residual variances stand."""
        start = len(self.at)
        for g in range(group):
            start += len(self.pairs(g)) + len(self.at)
        middle = start + len(self.pairs(group))
        return slice(start, middle), slice(middle, middle + len(self.at))


def implied_covariance(layout: Layout, theta: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the implied covariance of a group, (p, p), and its derivatives, (q, p, p)."""
    p, at = len(layout.at), layout.at
    weights = np.zeros((p, layout.factors))
    weights[np.arange(p), at] = theta[:p]
    between, own = layout.slices(group)
    phi = np.eye(layout.factors)
    for value, (a, b) in zip(theta[between], layout.pairs(group), strict=True):
        phi[a, b] = phi[b, a] = value
    slopes = np.zeros((layout.size, p, p))
    towards = phi @ weights.T
    for i in range(p):
        slopes[i, i] += towards[at[i]]
        slopes[i, :, i] += towards[at[i]]
        slopes[own.start + i, i, i] = 1.0
    for k, (a, b) in enumerate(layout.pairs(group)):
        outer = np.outer(weights[:, a], weights[:, b])
        slopes[between.start + k] = outer if a == b else outer + outer.T
    return weights @ towards + np.diag(theta[own]), slopes


def discrepancy(sigma: np.ndarray, sample: np.ndarray) -> float:
    """Return ``log|Σ| + tr(SΣ⁻¹) − log|S| − p``, infinite where Σ is no covariance."""
    if np.linalg.eigvalsh(sigma)[0] <= 1e-10:
        return np.inf
    inverse = np.linalg.inv(sigma)
    return float(np.linalg.slogdet(sigma)[1] + (sample * inverse).sum() - np.linalg.slogdet(sample)[1] - len(sample))


def optimum(layout: Layout, samples: list[np.ndarray], counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return parameters, expected information and whether the gradient vanished: Fisher scoring with halved steps."""

    def value(theta: np.ndarray) -> float:
        return (
            sum(n * discrepancy(implied_covariance(layout, theta, g)[0], samples[g]) for g, n in enumerate(counts)) / 2
        )

    theta = _start(layout, samples)
    now, total = value(theta), counts.sum()
    for _ in range(STEPS):
        gradient, information = np.zeros(layout.size), np.zeros((layout.size, layout.size))
        for g, n in enumerate(counts):
            sigma, slopes = implied_covariance(layout, theta, g)
            inverse = np.linalg.inv(sigma)
            moved = inverse @ slopes  # (q, p, p)
            gradient += n / 2 * np.einsum("qij,ji->q", moved, inverse @ (sigma - samples[g]))
            information += n / 2 * np.einsum("qij,rji->qr", moved, moved)
        if np.abs(gradient).max() < GRADIENT * total:
            return theta, information, True
        step = linalg.lstsq(information, gradient, cond=1e-12)[0]
        size = 1.0
        while size > 1e-10 and not (after := value(theta - size * step)) < now:
            size /= 2
        if size <= 1e-10:  # no way down is left; near the optimum that is rounding
            return theta, information, bool(np.abs(gradient).max() < 1e-5 * total)
        theta, now = theta - size * step, after
    return theta, information, False


def _start(layout: Layout, samples: list[np.ndarray]) -> np.ndarray:
    """Return loadings of .7 in the sign of the first component of each factor's items, the rest to match."""
    theta = np.zeros(layout.size)
    pooled = np.mean(samples, axis=0)
    for f in range(layout.factors):
        own = np.flatnonzero(layout.at == f)
        leading = np.linalg.eigh(pooled[np.ix_(own, own)])[1][:, -1]
        theta[own] = 0.7 * np.where(leading * np.sign(leading.sum() or 1) < 0, -1.0, 1.0)
    for g in range(layout.groups):
        between, residuals = layout.slices(g)
        theta[between] = [1.0 if a == b else 0.0 for a, b in layout.pairs(g)]
        theta[residuals] = 0.5
    return theta
