"""What a study of this size could have seen, and what its answer is in words."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from exlink.errors import EstimationError

VERDICTS = ("higher", "lower", "no meaningful association", "inconclusive")


def minimum_detectable(std_error: Any, *, power: float = 0.8, alpha: float = 0.05) -> Any:
    """Return the effect a two-sided test would detect with the given power: ``(z₁₋α/₂ + z_power) · SE``.

    With the defaults the factor is 2.80 (Gelman & Hill 2007, section 20.3). The SE may come from any
    design, a clustered one included.
    """
    if not (0 < power < 1 and 0 < alpha < 1):
        raise EstimationError(f"power: power {power} and alpha {alpha} must lie between 0 and 1.")
    factor = stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(power)
    return factor * (float(std_error) if np.isscalar(std_error) else np.asarray(std_error, dtype=float))


def verdict(estimate: float, conf_low: float, conf_high: float, smallest_effect: float = 0.0) -> str:
    """Return what an interval says, in one of four phrases.

    'no meaningful association' needs the whole interval inside ±``smallest_effect`` (equivalence);
    'higher'/'lower' needs it on one side of zero; everything else, a missing interval included, is
    'inconclusive'.
    """
    if not np.all(np.isfinite([estimate, conf_low, conf_high])):
        return "inconclusive"
    if not conf_low <= conf_high:
        raise EstimationError(f"verdict: the interval runs from {conf_low:g} down to {conf_high:g}.")
    if smallest_effect > 0 and -smallest_effect < conf_low and conf_high < smallest_effect:
        return "no meaningful association"
    if conf_low > 0:
        return "higher"
    if conf_high < 0:
        return "lower"
    return "inconclusive"


def adjusted_verdict(
    estimate: float, conf_low: float, conf_high: float, p_adjusted: float, smallest_effect: float = 0.0
) -> str:
    """Return the verdict on one of many estimates.

    'higher' and 'lower' must survive the adjustment at 5 %, else they are 'inconclusive'; a missing estimate is
    'not assessed'.
    """
    if np.isnan(estimate):
        return "not assessed"
    word = verdict(estimate, conf_low, conf_high, smallest_effect)
    return "inconclusive" if word in ("higher", "lower") and not p_adjusted < 0.05 else word


def p_in_words(p_value: float) -> str:
    """Return a p value as a table shows it: three decimals, never 0.000."""
    return "–" if np.isnan(p_value) else "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def verdict_sentence(
    estimate: float,
    conf_low: float,
    conf_high: float,
    *,
    what: str,
    smallest_effect: float = 0.0,
    mde: float = np.nan,
    unit: str = "points",
    digits: int = 2,
    level: float = 0.95,
) -> str:
    """Return the verdict as a sentence with its interval and, where inconclusive, what could have been seen."""
    word = verdict(estimate, conf_low, conf_high, smallest_effect)
    if not np.all(np.isfinite([estimate, conf_low, conf_high])):
        return f"{what}: inconclusive, the data gives no interval."
    band = (
        f"{estimate:+.{digits}f} {unit} ({100 * level:g} % interval {conf_low:+.{digits}f} to {conf_high:+.{digits}f})"
    )
    if word == "inconclusive":
        seen = f" This data could have detected about {mde:.{digits}f} {unit}." if np.isfinite(mde) else ""
        return f"{what}: inconclusive, {band}.{seen}"
    if word == "no meaningful association":
        return f"{what}: no meaningful association, {band}; anything below {smallest_effect:.{digits}f} counts as none."
    return f"{what}: {word}, {band}."
