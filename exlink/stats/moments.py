"""Cross-products per unit: what a bootstrap over units needs, so that no draw reads a row again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from exlink.errors import EstimationError
from exlink.stats.absorb import absorb, group_sums, refuse_collinear, refuse_flat
from exlink.stats.cells import Cells, complete_cells, unit_means

MOST_NUMBERS = 40_000_000  # doubles kept for the nuisance blocks; beyond it time effects are held fixed
SMALL = 1e-10  # ridge, relative to the diagonal, for periods that a draw leaves empty


@dataclass(frozen=True, slots=True, eq=False)
class UnitMoments:
    """Weighted cross-products of [x…, y] per unit, and with the nuisance terms that are partialled out.

    units : ndarray, (units,)           labels
    names : list of str, (p,)           covariates; y is the last column of the blocks
    zz : ndarray, (units, (p+1)²)       cross-products of [x…, y]
    zd : ndarray, (units, (p+1)·d)      with the nuisance terms (time dummies, or intercept and controls)
    dd : ndarray, (units, d²)           of the nuisance terms
    n_rows : int
    """

    units: np.ndarray
    names: list[str]
    zz: np.ndarray
    zd: np.ndarray
    dd: np.ndarray
    n_rows: int

    def reduced(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Return cross-products of [x…, y] net of the nuisance terms, per draw: shape (B, p+1, p+1).

        Parameters
        ----------
        weights : ndarray, shape (B, units), optional
            How often each unit is drawn; None is every unit once (B = 1). A unit drawn twice counts as two
            units, each with its own effect, and the nuisance terms are estimated anew in every draw.
        """
        weights = np.ones((1, len(self.units))) if weights is None else np.atleast_2d(weights)
        if weights.shape[1] != len(self.units):
            raise EstimationError(f"bootstrap: {weights.shape[1]} weights for {len(self.units)} units.")
        k = len(self.names) + 1
        zz = (weights @ self.zz).reshape(-1, k, k)
        d = int(np.sqrt(self.dd.shape[1]))
        if d == 0:
            return zz
        zd = (weights @ self.zd).reshape(-1, k, d)
        dd = (weights @ self.dd).reshape(-1, d, d)
        ridge = SMALL * np.maximum(dd.diagonal(axis1=1, axis2=2).max(axis=1), np.finfo(float).tiny)
        dd = dd + ridge[:, None, None] * np.eye(d)
        return zz - zd @ np.linalg.solve(dd, zd.transpose(0, 2, 1))

    def merged(self, blocks: np.ndarray, n_blocks: int) -> UnitMoments:
        """Return the moments of blocks of units: ``blocks`` (units,) says which block a unit belongs to."""
        sums = (group_sums(part, blocks, n_blocks) for part in (self.zz, self.zd, self.dd))
        return UnitMoments(np.arange(n_blocks), self.names, *sums, self.n_rows)

    def slopes(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Return least-squares slopes of y on the covariates, per draw: shape (B, p).

        A draw in which x does not vary is NaN.
        """
        s = self.reduced(weights)
        p = len(self.names)
        gram, right = s[:, :p, :p], s[:, :p, p:]
        with np.errstate(divide="ignore", invalid="ignore"):
            if p == 1:
                return np.where(gram[:, 0] > 0, right[:, 0] / gram[:, 0], np.nan)
            scale = np.sqrt(gram.diagonal(axis1=1, axis2=2))
            scaled = gram / (scale[:, :, None] * scale[:, None, :])
        usable = np.isfinite(scaled).all(axis=(1, 2))
        usable[usable] = np.linalg.cond(scaled[usable]) < 1e10
        out = np.full((len(s), p), np.nan)
        out[usable] = np.linalg.solve(scaled[usable], (right[usable, :, 0] / scale[usable])[..., None])[..., 0]
        out[usable] /= scale[usable]
        return out

    def correlations(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the correlation of each covariate with y, net of the nuisance terms: shape (B, p)."""
        s = self.reduced(weights)
        p = len(self.names)
        variances = s.diagonal(axis1=1, axis2=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            out = s[:, :p, p] / np.sqrt(variances[:, :p] * variances[:, p:])
        return np.where(np.isfinite(out), np.clip(out, -1, 1), np.nan)


def within_moments(
    cells: pd.DataFrame, y: str, x: str | Sequence[str], unit: str, time: str | None = None
) -> UnitMoments:
    """Return moments of the within-unit regression of `within_slope` (unit and time effects).

    Raises
    ------
    EstimationError
        As `within_slope`: too few units, no variance within units, collinear covariates.

    Notes
    -----
    Memory grows with units × periods². Where that is too much (daily periods, very many units) the time
    effects are taken out once and held at their estimates in all draws.
    """
    data = complete_cells(cells, y, x, unit, time)
    values = np.column_stack([data.x, data.y])
    residuals, _ = absorb(values, data.unit, data.time, data.weights)
    where = f"within {unit}" + (f" and {time}" if time else "")
    refuse_flat(residuals, values, data.weights, [*data.names, y], where)
    refuse_collinear(residuals[:, :-1], data.weights, data.names)
    levels = len(data.units)
    n_times = int(data.time.max()) + 1 if data.time is not None else 0
    if n_times == 0 or levels * n_times**2 > MOST_NUMBERS:
        return _assemble(data, residuals, None)
    centred = values - np.average(values, axis=0, weights=data.weights)
    return _assemble(data, centred, n_times)


def _assemble(data: Cells, z: np.ndarray, n_times: int | None) -> UnitMoments:
    """Sum the cross-products of z (n, k) and of time dummies per unit, net of the unit mean."""
    levels, k = len(data.units), z.shape[1]
    weighted = z * data.weights[:, None]
    total = np.bincount(data.unit, weights=data.weights, minlength=levels)
    sums = group_sums(weighted, data.unit, levels)
    pairs = (weighted[:, :, None] * z[:, None, :]).reshape(len(z), k * k)
    outer = (sums[:, :, None] * sums[:, None, :]).reshape(levels, k * k)
    zz = group_sums(pairs, data.unit, levels) - outer / total[:, None]
    zd, dd = np.zeros((levels, 0)), np.zeros((levels, 0))
    # the first period is the reference: with unit effects its dummy is determined by the others
    if n_times and n_times > 1:
        d = n_times - 1
        later = data.time > 0
        place = data.unit[later] * d + data.time[later] - 1
        counts = np.bincount(place, weights=data.weights[later], minlength=levels * d).reshape(levels, d)
        joint = group_sums(weighted[later], place, levels * d).reshape(levels, d, k).transpose(0, 2, 1)
        zd = (joint - (sums / total[:, None])[:, :, None] * counts[:, None, :]).reshape(levels, k * d)
        dd = (-counts / total[:, None])[:, :, None] * counts[:, None, :]
        dd[:, np.arange(d), np.arange(d)] += counts
        dd = dd.reshape(levels, d * d)
    return UnitMoments(data.units, data.names, zz, zd, dd, int(data.weights.sum()))


def between_moments(
    cells: pd.DataFrame, y: str, x: str | Sequence[str], unit: str, *, weights: str = "rows"
) -> UnitMoments:
    """Return moments of the regression of unit means of y on unit means of x (as `between_slope`)."""
    data = complete_cells(cells, y, x, unit, within=False)
    means, weight = unit_means(data, weights)
    centred = means - np.average(means, axis=0, weights=weight)
    refuse_flat(centred, means, weight, [*data.names, y], f"between values of {unit}")
    refuse_collinear(centred[:, :-1], weight, data.names)
    ones = np.ones((len(centred), 1))
    rows = int(data.weights.sum())
    return _plain(data.units, data.names, centred, ones, weight, np.arange(len(centred)), rows)


def row_moments(frame: pd.DataFrame, y: str, x: str | Sequence[str], cluster: str) -> UnitMoments:
    """Return moments of plain least squares of rows with an intercept; units are the values of ``cluster``.

    Rows with a missing value are left out.

    Raises
    ------
    EstimationError
        Too few clusters, a constant column, collinear covariates.
    """
    cells = frame.assign(**{f"n_{y}": frame[y].notna().astype(int), f"sum_{y}": frame[y].fillna(0.0)})
    data = complete_cells(cells, y, x, cluster, within=False)
    values = np.column_stack([data.x, data.y])
    centred = values - np.average(values, axis=0, weights=data.weights)
    refuse_flat(centred, values, data.weights, [*data.names, y], "in these rows")
    refuse_collinear(centred[:, :-1], data.weights, data.names)
    ones = np.ones((len(centred), 1))
    return _plain(data.units, data.names, centred, ones, data.weights, data.unit, int(data.weights.sum()))


def _plain(
    units: np.ndarray, names: list[str], z: np.ndarray, d: np.ndarray, weights: np.ndarray, codes: np.ndarray, n: int
) -> UnitMoments:
    picker = sparse.csr_array((weights, (codes, np.arange(len(codes)))), shape=(len(units), len(codes)))

    def products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return picker @ (a[:, :, None] * b[:, None, :]).reshape(len(a), a.shape[1] * b.shape[1])

    return UnitMoments(units, names, products(z, z), products(z, d), products(d, d), n)
