"""A ratio of two estimates, and where a line crosses zero: intervals that know when the data set no bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exlink.errors import EstimationError
from exlink.stats.tidy import check_level, t_quantile


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio with its interval; the bounds are missing where the data set none, because the denominator may be zero.

    estimate, conf_low, conf_high : float
    """

    estimate: float
    conf_low: float
    conf_high: float

    @property
    def bounded(self) -> bool:
        """Return whether the interval has two ends."""
        return bool(np.isfinite(self.conf_low) and np.isfinite(self.conf_high))


def ratio(
    numerator: float, denominator: float, covariance: np.ndarray, *, df: float = np.inf, level: float = 0.95
) -> Ratio:
    """Return a ratio of two estimates with Fieller's interval (Fieller 1954, J. R. Stat. Soc. B 16, 175–185).

    The interval holds every r for which ``numerator − r · denominator`` cannot be told from zero. Where the denominator
    itself cannot, that is no interval: its bounds are missing then.

    Parameters
    ----------
    covariance : ndarray, (2, 2)
        Of numerator and denominator.

    Raises
    ------
    EstimationError
        A covariance that is not one of two estimates.
    """
    v = np.asarray(covariance, dtype=float)
    if v.shape != (2, 2) or not (np.isfinite(v).all() and (np.diag(v) >= 0).all()):
        raise EstimationError("ratio: the covariance is not that of two estimates.")
    k = float(t_quantile(0.5 + check_level(level) / 2, df)) ** 2
    a = denominator**2 - k * v[1, 1]
    b = -2 * (numerator * denominator - k * v[0, 1])
    c = numerator**2 - k * v[0, 0]
    if not a > 0:
        return Ratio(float(numerator / denominator) if denominator else np.nan, np.nan, np.nan)
    half = np.sqrt(max(b**2 - 4 * a * c, 0.0))
    return Ratio(float(numerator / denominator), float((-b - half) / (2 * a)), float((-b + half) / (2 * a)))


def crossing(
    intercept: float, slope: float, covariance: np.ndarray, *, df: float = np.inf, level: float = 0.95
) -> Ratio:
    """Return where ``intercept + slope · x`` is zero, with Fieller's interval; ``covariance`` is theirs, (2, 2)."""
    v = np.asarray(covariance, dtype=float)
    turned = v * np.array([[1.0, -1.0], [-1.0, 1.0]]) if v.shape == (2, 2) else v
    return ratio(-intercept, slope, turned, df=df, level=level)
