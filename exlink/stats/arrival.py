"""When a response sets in: in one step or little by little, told from its profile over the lags.

A profile of cumulative responses is held against shapes: nothing before one lag, a straight rise, one level from
another lag on. A step is the rise of a single lag. Shapes are compared by their distance from the profile, measured in
the profile's own covariance (minimum distance), each at the height that suits it best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

# 95 % quantile of the likelihood ratio of a break date (Hansen 2000, Econometrica 68, table 1)
BREAK_CRITICAL = 7.35


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a response sets in and when it is complete, if it stays.

    start, full : int    the lags in which it sets in and is complete: the single step that fits best, or the best rise
        where no step fits
    low, high : int      the first and last lag in the 95 % set of those in which it sets in: of steps, or of rises
        where no step fits
    longest : int        lags over which the longest rise runs that fits nearly as well as the best shape; 1 for none
    """

    start: int
    full: int
    low: int
    high: int
    longest: int

    @property
    def gradual(self) -> bool:
        """Whether no single step fits nearly as well as a rise."""
        return self.start < self.full


def rises(periods: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return every rise over ``periods`` lags, and the places in which it starts and is complete.

    Returns
    -------
    shapes : ndarray, (periods, R)    0 before the start, 1 from the last place on, a straight line between
    start, full : int ndarray, (R,)   R = periods (periods + 1) / 2; steps have start = full
    """
    start, full = np.triu_indices(periods)
    at = np.arange(periods)[:, None]
    return np.clip((at - start + 1) / (full - start + 1), 0.0, 1.0), start, full


def arrival(estimate: np.ndarray, vcov: np.ndarray, lags: np.ndarray, units: int) -> Arrival:
    """Return when a response sets in, from its cumulative profile.

    A shape belongs to a 95 % set when its distance exceeds the least by no more than the quantile Hansen (2000) derived
    for break dates, which is conservative where the response is large. The response counts as gradual when no step is
    in the set of all rises.

    The covariance is itself an estimate from ``units`` clusters, so distances are scaled as Hotelling's T² is.

    Parameters
    ----------
    estimate, vcov, lags : shapes (K,), (K, K), (K,)
        Lags are consecutive.
    units : int
        More than K.
    """
    shapes, start, full = rises(len(lags))
    weighted = linalg.solve(_scaled(vcov, units), np.column_stack([shapes, estimate]), assume_a="pos")
    gain = (shapes.T @ weighted[:, -1]) ** 2 / np.einsum("kr,kr->r", shapes, weighted[:, :-1])
    near = gain >= gain.max() - BREAK_CRITICAL
    of_kind = start == full
    if gradual := not near[of_kind].any():
        of_kind = np.ones(len(start), dtype=bool)
    of_kind = np.flatnonzero(of_kind)
    best = of_kind[np.argmax(gain[of_kind])]
    # a set of steps is made among steps: that a rise fits better still says nothing about which of them is right
    inside = near if gradual else of_kind[gain[of_kind] >= gain[best] - BREAK_CRITICAL]
    onset = lags[start[inside]]
    return Arrival(
        start=int(lags[start[best]]), full=int(lags[full[best]]), low=int(onset.min()), high=int(onset.max()),
        longest=int((full - start + 1)[near].max()),
    )  # fmt: skip


def missed(vcov: np.ndarray, units: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return how large a response could be that a joint test of all these lags would miss; NaN without lags.

    A response that sets in at one of the lags and stays, at whichever of them it is hardest to see, and that the test
    finds with the given power: noncentral χ² with as many degrees of freedom as lags.

    Parameters
    ----------
    vcov : ndarray, shape (L, L)
        Covariance of the cumulative responses tested together.
    units : int
        Clusters behind it, more than L.
    """
    k = len(vcov)
    if not k:
        return np.nan
    steps = np.tril(np.ones((k, k)))  # column c: nothing before place c, one from it on
    seen = np.einsum("kc,kc->c", steps, linalg.solve(_scaled(vcov, units), steps, assume_a="pos"))
    needed = special.chndtrinc(special.chdtri(k, alpha), k, 1 - power)
    return float(np.sqrt(needed / seen.min()))


def _scaled(vcov: np.ndarray, units: int) -> np.ndarray:
    return vcov * (units - 1) / (units - len(vcov))
