"""From standardised design columns back to the units of the data, and the other way for a given theta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from exlink.errors import EstimationError
from exlink.stats.lmm.bases import bases_of
from exlink.stats.lmm.products import Grouping, Products


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """How standardised columns relate to raw ones.

    fixed : ndarray, (p, p)            A with beta_raw = spread · A beta + centre · ones
    ones : ndarray, (p,)               1 for each effect whose columns sum to the constant, where there is one
    random : tuple of ndarray (q, q)   B per factor with b_raw = spread · B b, b in the basis of ``bases``
    spread, centre : float             of the response
    log_scale : float                  sum of the logs of the fixed columns' scales
    weight : float                     precision weight that counts as 1; 1 without weights
    """

    fixed: np.ndarray
    ones: np.ndarray
    random: tuple[np.ndarray, ...]
    spread: float
    centre: float
    log_scale: float
    weight: float

    def beta(self, standardised: np.ndarray) -> np.ndarray:
        """Return fixed effects in raw units."""
        return self.spread * (self.fixed @ standardised) + self.centre * self.ones

    def vcov(self, standardised: np.ndarray) -> np.ndarray:
        """Return a covariance matrix of fixed effects in raw units."""
        return self.spread**2 * self.fixed @ standardised @ self.fixed.T

    def constant(self, degrees: float, log_weights: float, *, reml: bool) -> float:
        """Return what standardising took from the criterion."""
        return 2 * degrees * np.log(self.spread) + (2 * self.log_scale if reml else 0.0) - log_weights

    def sigma(self, variance: float) -> float:
        """Return the residual standard deviation of a row of weight 1, from that of a row of mean weight."""
        return float(self.spread * np.sqrt(self.weight * variance))

    def factor(self, f: int, standardised: np.ndarray) -> np.ndarray:
        """Return the relative covariance factor of raw columns, lower triangular with a diagonal ≥ 0."""
        return triangular(self.random[f] @ standardised) / np.sqrt(self.weight)

    def standardised(self, f: int, raw: np.ndarray) -> np.ndarray:
        """Return the factor of standardised columns that ``raw`` stands for."""
        return triangular(np.linalg.solve(self.random[f], raw)) * np.sqrt(self.weight)


def units_of(products: Products) -> Units:
    """Return the units of ``products``."""
    p = products.fixed
    shift, scale = products.shift, products.scale
    ones = np.isin(np.arange(p), products.constant).astype(float)
    fixed = np.diag(1 / scale[:p]) - np.outer(ones, shift[:p] / scale[:p])
    return Units(
        fixed=fixed, ones=ones, random=tuple(
            _random_units(products, g) @ w for g, w in zip(products.groupings, bases_of(products), strict=True)
        ),
        spread=float(scale[-1]), centre=float(shift[-1]), log_scale=float(np.log(scale[:p]).sum()),
        weight=products.per,
    )  # fmt: skip


def at_mean_weight(products: Products) -> Products:
    """Return the same rows with precision weights that are 1 on average.

    Weights say how rows compare, so their unit must decide nothing: not whether a variance counts as zero, nor where
    the search for it begins. ``Units`` brings it back into what is reported.
    """
    mean = products.weight / products.n_rows
    if mean == 1.0:
        return products
    return replace(
        products, first=products.first / mean, sums=products.sums / mean, weight=products.n_rows,
        pairs={key: replace(pair, products=pair.products / mean) for key, pair in products.pairs.items()},
        triples={key: replace(triple, products=triple.products / mean) for key, triple in products.triples.items()},
        log_weights=products.log_weights - products.n_rows * float(np.log(mean)), per=products.per * mean,
    )  # fmt: skip


def triangular(square: np.ndarray) -> np.ndarray:
    """Return the lower triangular L with a diagonal ≥ 0 and L L' = S S'; exact for singular S too."""
    lower = np.linalg.qr(square.T, mode="r").T
    signs = np.where(np.diag(lower) < 0, -1.0, 1.0)
    return lower * signs


def theta_of(factors: Sequence[np.ndarray], groupings: Sequence[Grouping]) -> np.ndarray:
    """Return theta: free entries column by column as in lme4, factor by factor as asked for (lme4: largest first)."""
    return np.concatenate([t.T[g.free.T] for t, g in zip(factors, groupings, strict=True)])


def factors_of(theta: Sequence[float], groupings: Sequence[Grouping], text: str) -> list[np.ndarray]:
    """Return the relative covariance factors of a theta in the order of ``theta_of``."""
    try:
        values = np.asarray(theta, dtype=float)
    except (TypeError, ValueError) as error:
        raise EstimationError(f"{text}: theta is not a sequence of numbers.") from error
    if not np.isfinite(values).all():
        raise EstimationError(f"{text}: theta holds values that are not finite.")
    wanted = sum(int(g.free.sum()) for g in groupings)
    if values.shape != (wanted,):
        raise EstimationError(f"{text}: theta has {values.size} entries; the model has {wanted}.")
    out, at = [], 0
    for g in groupings:
        t = np.zeros((g.effects, g.effects))
        count = int(g.free.sum())
        t.T[g.free.T] = values[at : at + count]
        out.append(t)
        at += count
    return out


def _random_units(products: Products, grouping: Grouping) -> np.ndarray:
    """Return B: raw column k is scale_k · standardised column + shift_k · constant, so effects go the other way."""
    columns = grouping.columns
    raw = np.diag(products.scale[columns])
    at = 0
    for size in grouping.parts:
        for k in range(at, at + size):
            own = np.arange(at, at + size)[grouping.constant[at : at + size]]
            raw[own, k] += products.scale[columns[own]] * products.shift[columns[k]]
        at += size
    return np.linalg.inv(raw)
