"""The difference of two independent shares from their own intervals: right at the edges, where an error would be 0."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

from exlink.errors import EstimationError


def share_gap(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Return ``first − second`` with the interval that follows from those of the two shares.

    With Wilson intervals this is method 10 of Newcombe (1998, Statistics in Medicine 17, 873–890); with intervals that
    allow for clusters it is the method of variance estimates recovery (Zou & Donner 2008).

    Parameters
    ----------
    first, second : mappings with estimate, conf_low, conf_high, of shares (0 to 1) of different units.

    Returns
    -------
    dict: estimate, conf_low, conf_high, all shares; missing bounds where one of the shares has none.

    Raises
    ------
    EstimationError
        A share outside its own interval, or outside 0 to 1.
    """
    (p, low, high), (q, below, above) = (
        [float(row[c]) for c in ("estimate", "conf_low", "conf_high")] for row in (first, second)
    )
    for share, bottom, top in ((p, low, high), (q, below, above)):
        if not 0 <= share <= 1 or share < bottom or share > top:
            raise EstimationError(f"share gap: {share:g} is no share inside its interval {bottom:g} to {top:g}.")
    return {
        "estimate": p - q,
        "conf_low": p - q - float(np.hypot(p - low, above - q)),
        "conf_high": p - q + float(np.hypot(high - p, q - below)),
    }


def gap_p_value(gap: Mapping[str, float], level: float = 0.95) -> float:
    """Return the two-sided p value that goes with the interval of a `share_gap`: below 1 − level where 0 is left out.

    The interval is not symmetric, so the distance to zero is counted in half-widths of the side that looks there.
    """
    toward = gap["estimate"] - gap["conf_low"] if gap["estimate"] > 0 else gap["conf_high"] - gap["estimate"]
    if np.isnan(toward):
        return float("nan")
    if gap["estimate"] == 0:
        return 1.0
    quantile = special.ndtri(0.5 + level / 2)
    return float(2 * special.ndtr(-abs(gap["estimate"]) / toward * quantile)) if toward > 0 else 0.0
