"""Means of units that sit in groups, each pulled to its group's level and that to the average of all.

``mean_i = mu + g + u_i + e_i`` with ``g ~ N(0, between)`` of the group, ``u ~ N(0, own)`` of the unit and
``e ~ N(0, noise / n_i)``; the variances are known. What is left are best linear unbiased predictions (Henderson 1975,
Biometrics 31): of ``mu + g`` for a group, of ``mu + g + u`` for a unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exlink.errors import EstimationError


@dataclass(frozen=True, slots=True, eq=False)
class Shrunken:
    """What is left of k means.

    centre : float              average of the groups
    mean, spread : ndarray, (k,)    prediction of every unit and its standard deviation, mu taken as known
    group_mean, group_spread : ndarray, (groups,)    the same of every group
    keep : ndarray, (k,)        share of a unit's distance from its group that is left
    group : ndarray, (k,)       codes of the groups, 0 … groups − 1
    """

    centre: float
    mean: np.ndarray
    spread: np.ndarray
    group_mean: np.ndarray
    group_spread: np.ndarray
    keep: np.ndarray
    group: np.ndarray

    def draws(self, size: int, *, seed: int) -> np.ndarray:
        """Return draws of what the units could be, (size, k); units of a group move together."""
        rng = np.random.default_rng(seed)
        level = self.group_spread * rng.standard_normal((size, len(self.group_mean)))
        through = (1 - self.keep) * self.group_spread[self.group]
        own = np.sqrt(np.maximum(self.spread**2 - through**2, 0.0))
        return self.mean + (1 - self.keep) * level[:, self.group] + own * rng.standard_normal((size, len(self.mean)))


def shrunken_means(means: Any, n: Any, group: Any, *, own: float, between: float, noise: float) -> Shrunken:
    """Return means pulled to the level of their group by as much as they are uncertain.

    Parameters
    ----------
    means, n : array_like, shape (k,)
        Mean of every unit, and the rows behind it.
    group : array_like of int, shape (k,)
        Codes of the groups, 0 … groups − 1, each with a unit; all zero where there are none.
    own, between, noise : float
        Variance between units of a group, between groups, and of a single row around its unit.

    Raises
    ------
    EstimationError
        No noise, or a unit without rows.
    """
    means, n, group = np.asarray(means, dtype=float), np.asarray(n, dtype=float), np.asarray(group)
    if not (noise > 0 and (n > 0).all() and min(own, between) >= 0):
        raise EstimationError(
            f"shrinkage: needs rows behind each of {len(n)} means, noise above zero and no negative variance "
            f"(noise {noise:g}, own {own:g}, between {between:g})."
        )
    apart = own + noise / n  # variance of a mean around its group
    weight = np.bincount(group, 1 / apart)
    seen = np.bincount(group, means / apart) / weight
    centre = float(np.average(seen, weights=1 / (between + 1 / weight)))
    kept = between / (between + 1 / weight)
    level, doubt = centre + kept * (seen - centre), np.sqrt(between * (1 - kept))
    keep = own / apart
    spread = np.sqrt(own * (1 - keep) + ((1 - keep) * doubt[group]) ** 2)
    return Shrunken(centre, level[group] + keep * (means - level[group]), spread, level, doubt, keep, group)
