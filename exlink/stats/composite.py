"""Is a whole only the sum of its parts? A score that is computed from others cannot be explained by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import need_columns

SUM = 0.98  # R² from which a whole counts as a sum: ratings of their own leave more than a fiftieth unexplained
NEARLY = 0.90  # R² from which a whole says so little of its own that what it hangs on reads as arithmetic
REPRODUCED = 0.80  # share of rows in which the rounded mean of the parts is the whole
FITTED = 0.90  # the same of the fitted sum, which follows a rating of its own closer than a mean does
BEYOND_CHANCE = 0.70  # of what always guessing the commonest value gets wrong, the share that the mean gets right
GRID = 200  # a whole with more different values than this is taken as not rounded


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """What the parts leave of a whole.

    rsquared : float      of the whole on all parts
    weights : Series      slopes of the whole on the parts, all in one model
    reproduced : float    share of rows in which the mean of the parts, rounded as the whole is, gives the whole
    middle : str          'mean', or 'median' where that gives it more often
    fitted : float        share of rows in which their weighted sum does, with the weights above
    commonest : float     share of rows with the commonest value of the whole: what guessing reproduces
    n : int               complete rows
    """

    rsquared: float
    weights: pd.Series
    reproduced: float
    middle: str
    fitted: float
    commonest: float
    n: int

    @property
    def is_mean(self) -> bool:
        """Return whether the whole is the mean (or median) of the parts, or its rounding."""
        return self._proven(self.reproduced, REPRODUCED)

    @property
    def is_sum(self) -> bool:
        """Return whether the whole is a weighted sum of the parts, or its rounding."""
        return bool(self.rsquared >= SUM) or self._proven(self.fitted, FITTED)

    @property
    def found(self) -> bool:
        """Return whether explaining the whole by its parts would be a tautology."""
        return self.is_mean or self.is_sum

    @property
    def nearly(self) -> bool:
        """Return whether the whole is not made of the parts but says hardly anything else."""
        return bool(self.rsquared >= NEARLY) and not self.found

    def reason(self, whole: str, parts: str) -> str:
        """Return in one clause how the whole comes from its parts, or ``""``."""
        if self.is_mean:
            return f"{whole} is the {self.middle} of {parts} in {self.reproduced:.0%} of {self.n:,} answers"
        if self.rsquared >= SUM:
            return f"{whole} is a weighted sum of {parts} (R² {self.rsquared:.3f} over {self.n:,} answers)"
        if self.is_sum:
            return f"{whole} is a weighted sum of {parts}, rounded, in {self.fitted:.0%} of {self.n:,} answers"
        if self.nearly:
            return f"{whole} is nearly made of {parts} (R² {self.rsquared:.3f} over {self.n:,} answers)"
        return ""

    def _proven(self, share: float, least: float) -> bool:
        beyond = share - self.commonest >= BEYOND_CHANCE * (1 - self.commonest)
        return bool(share >= least and beyond and self.commonest < 1)


def composite(frame: pd.DataFrame, whole: str, parts: Sequence[str]) -> Composite:
    """Return what the columns ``parts`` leave of the column ``whole``.

    The mean of the parts is compared as it is and, since scales may differ, brought to the whole's scale by a straight
    line; the better of the two counts, or the median where that is better still. Each of them, and the fitted sum,
    counts as reproduced within half a step of the whole's own grid.

    Raises
    ------
    EstimationError
        Fewer than 2 parts, too few complete rows, or a whole that does not vary.
    """
    names = list(parts)
    need_columns(frame, [whole, *names], f"composite {whole}")
    rows = frame[[whole, *names]].dropna().to_numpy(dtype=float)
    if len(names) < 2 or len(rows) <= len(names) + 1:
        raise EstimationError(
            f"composite {whole}: {len(rows)} complete rows and {len(names)} parts. It takes 2 parts and more rows."
        )
    y, x = rows[:, 0], rows[:, 1:]
    spread = y - y.mean()
    if not spread @ spread > 0:
        raise EstimationError(f"composite {whole}: it does not vary ({len(rows):,} complete rows).")
    centred = x - x.mean(axis=0)
    slopes = np.linalg.lstsq(centred, spread, rcond=None)[0]
    left = spread - centred @ slopes
    values, counts = np.unique(y, return_counts=True)
    mean = x.mean(axis=1)
    by_mean = max(_reproduced(y, guess, values) for guess in (mean, _on_scale(mean, y)))
    by_median = _reproduced(y, np.median(x, axis=1), values)
    return Composite(
        rsquared=float(1 - left @ left / (spread @ spread)), weights=pd.Series(slopes, index=names),
        reproduced=max(by_mean, by_median), middle="median" if by_median > by_mean else "mean",
        fitted=_reproduced(y, y - left, values), commonest=float(counts.max() / len(y)), n=len(y),
    )  # fmt: skip


def _on_scale(mean: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the straight line of y on the mean."""
    spread = mean - mean.mean()
    slope = spread @ (y - y.mean()) / max(spread @ spread, np.finfo(float).tiny)
    return y.mean() + slope * spread


def _reproduced(y: np.ndarray, guess: np.ndarray, values: np.ndarray) -> float:
    step = float(np.diff(values).min()) if len(values) <= GRID else 0.0
    apart, close = guess - y, 1e-9 * float(np.ptp(y))
    inside = np.abs(apart) <= max(step / 2 - close, close)
    # a guess halfway between two values is rounded up or down, all of them alike: it must not count for either
    up, down = (np.abs(sign * apart - step / 2) <= close for sign in (1, -1))
    return float(max((inside | half).mean() for half in (up, down)))
