"""What chance does to weighted sums of rows, group by group, when groups are of different sizes.

Chance has two parts: one of every row, which averages out in large groups, and one that all rows of a group in a period
share, which does not. A group's sum of weights times y has the variance σ²·a + τ²·b, with a the sum of squared weights
and b that of the squared sums of weights per period (Ferman & Pinto 2019, Rev. Econ. Stat. 101). Where large groups
adopt beside small ones, a alone would call their change certain that is not; where small ones do, b alone would.

σ² is learnt within groups and periods, from units; τ² from the groups' sums, by the Q profile of random-effects
meta-analysis (Viechtbauer 2007, Stat. Med. 26): all τ² under which their weighted squares are as large as chance makes
them in `COVER` of all cases. The error is the largest over the bounds of that range, its scale learnt from the groups
again, so that groups of one size need neither part and give Donald & Lang's (2007) t test. Where one row stands for a
whole group and period the parts cannot be told apart, and the error is the larger of those by a or b alone.
"""

from __future__ import annotations

import numpy as np

from exlink.stats.absorb import group_sums
from exlink.stats.adoption_rows import AdoptionRows

MIN_DF = 0.5  # below it the fit has used up every group
MIN_WITHIN = 20  # rows to spare within groups and periods: fewer do not tell what chance does to a row
FLAT = 1e-12  # share below which a sum of squares counts as none
COVER = 0.8  # of the range of plausible τ²
HALVINGS = 40


class Spread:
    """What chance does to weighted sums of rows: residuals, what the fit took out of them, and chance within groups."""

    def __init__(self, panel: AdoptionRows) -> None:
        self.panel, self.times = panel, panel.time.max() + 1
        self.cell = panel.group * self.times + panel.time
        self.dummies = np.zeros((len(panel.y), self.times))
        self.dummies[np.arange(len(panel.y)), panel.time] = 1.0
        values = self._demeaned(np.column_stack([self.dummies, panel.since >= 0, panel.y]))
        self.design, self.dummies = values[:, :-1], values[:, : self.times]
        weighted = self.design * panel.weight[:, None]
        self.inverse = np.linalg.pinv(self.design.T @ weighted, rcond=1e-10)
        self.residual = values[:, -1] - self.design @ (self.inverse @ (weighted.T @ values[:, -1]))
        self.in_cells = group_sums(weighted, self.cell, len(panel.groups) * self.times)
        self._within(values[:, -1])

    def _demeaned(self, values: np.ndarray) -> np.ndarray:
        panel, units = self.panel, self.panel.unit.max() + 1
        total = np.bincount(panel.unit, panel.weight, units)
        return values - (group_sums(values * panel.weight[:, None], panel.unit, units) / total[:, None])[panel.unit]

    def _within(self, y: np.ndarray) -> None:
        """Fit every group's own periods, so that what is left of y is the rows' own."""
        panel, count, times = self.panel, len(self.panel.groups), self.times
        weighted = self.dummies * panel.weight[:, None]
        sums = group_sums(weighted, self.cell, count * times).reshape(count, times, times)
        self.own_inverse = np.linalg.pinv(sums, rcond=1e-10, hermitian=True)
        met = group_sums((weighted * y[:, None]), panel.group, count)
        coef = np.einsum("gij,gj->gi", self.own_inverse, met)
        self.own = y - (self.dummies * coef[panel.group]).sum(axis=1)
        used = len(np.unique(panel.unit)) + len(np.unique(self.cell)) - len(np.unique(panel.group))
        self.spare = len(y) - used

    def told(self, v: np.ndarray) -> tuple[float, float, float, np.ndarray, tuple[float, float]]:
        """Return ``v @ y``, its error, the error's degrees of freedom, every group's part in it, and (σ², τ²)."""
        parts = np.bincount(self.panel.group, v * self.residual, len(self.panel.groups))
        shapes, left = self._shapes(v)
        found = [(*_error(parts, shapes @ mix, left @ mix), tuple(mix)) for mix in self._mixes(v, parts, shapes, left)]
        error, df, mix = max(found, key=lambda one: np.nan_to_num(one[0], nan=-1.0))
        return float(v @ self.panel.y), error, df, parts, mix

    def _shapes(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a and b per group, (groups, 2), and what the fit leaves of both in the residuals' sums."""
        panel, count = self.panel, len(self.panel.groups)
        used = group_sums(self.design * v[:, None], panel.group, count)
        back = used @ self.inverse
        sums = np.bincount(self.cell, v, count * self.times).reshape(count, self.times)
        shapes = np.column_stack([np.bincount(panel.group, v**2 / panel.weight, count), (sums**2).sum(axis=1)])
        cells = self.in_cells.reshape(count, self.times, -1)
        crossed = np.einsum("gt,gti,gi->g", sums, cells, back)
        spread = np.einsum("gi,ij,gj->g", back, self.in_cells.T @ self.in_cells, back)
        return shapes, shapes - np.column_stack([np.einsum("gi,gi->g", back, used), 2 * crossed - spread])

    def _mixes(self, v: np.ndarray, parts: np.ndarray, shapes: np.ndarray, left: np.ndarray) -> list[np.ndarray]:
        """Return what σ² and τ² may be: one pair for either bound, or either part alone."""
        noise = self._noise(v)
        there, df = shapes[:, 0] > FLAT * shapes[:, 0].max(), 0.0
        if there.any():
            df = float((left[there, 0] / shapes[there, 0]).sum())
        if not noise > 0 or df <= MIN_DF:
            return [np.array([1.0, 0.0]), np.array([0.0, 1.0])]
        from scipy.stats import chi2

        bounds = chi2.ppf([(1 - COVER) / 2, (1 + COVER) / 2], df)
        return [np.array([noise, _shared(parts[there] ** 2, noise * shapes[there, 0], shapes[there, 1], bound)])
                for bound in bounds]  # fmt: skip

    def _noise(self, v: np.ndarray) -> float:
        """Return the variance of a row of weight 1 as units' sums tell it; NaN where little is left within groups."""
        panel, units = self.panel, self.panel.unit.max() + 1
        if self.spare < MIN_WITHIN:
            return np.nan
        group = np.zeros(units, dtype=int)
        group[panel.unit] = panel.group
        sums = np.bincount(panel.unit, v * self.own, units)
        used = group_sums(self.dummies * v[:, None], panel.unit, units)
        # a period at a time: a matrix per unit would not fit where units are many
        back = [(used * self.own_inverse[group, :, at]).sum(axis=1) for at in range(self.times)]
        taken = float(sum(used[:, at] @ column for at, column in enumerate(back)))
        alone = float((v**2 / panel.weight).sum())
        return float(sums @ sums / (alone - taken)) if alone - taken > FLAT * alone else np.nan


def _error(parts: np.ndarray, shape: np.ndarray, left: np.ndarray) -> tuple[float, float]:
    """Return the error of the parts' sum, each alike up to its ``shape``, and its degrees of freedom."""
    there = shape > FLAT * shape.max()
    df = float((left[there] / shape[there]).sum())
    if not df > MIN_DF:  # nothing left to learn chance from
        return np.nan, df
    return float(np.sqrt((parts[there] ** 2 / shape[there]).sum() / df * shape.sum())), df


def _shared(squares: np.ndarray, alone: np.ndarray, slope: np.ndarray, bound: float) -> float:
    """Return the τ² ≥ 0 for which Σ squares / (alone + τ² · slope) is ``bound``; 0 where it never is as large."""

    def beyond(tau: float) -> bool:
        return float((squares / (alone + tau * slope)).sum()) > bound

    low, high = 0.0, float(alone.sum() / max(slope.sum(), FLAT))
    if not beyond(low):
        return 0.0
    for _ in range(HALVINGS):
        if not beyond(high):
            break
        low, high = high, 4 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) else (low, middle)
    return high
