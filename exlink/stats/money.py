"""Sums of money as distributions: what it brings, what it costs, and how likely it pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import draws_frame


def pert(low: float, mode: float, high: float, *, size: int, seed: int, shape: float = 4.0) -> np.ndarray:
    """Return draws of a PERT distribution: a beta on low … high with the given mode (Clark 1962).

    Its mean is ``(low + shape·mode + high) / (shape + 2)``.

    Raises
    ------
    EstimationError
        Unless low ≤ mode ≤ high.
    """
    if not low <= mode <= high:
        raise EstimationError(f"pert: {low:g} ≤ {mode:g} ≤ {high:g} does not hold (low, mode, high).")
    if low == high:
        return np.full(size, float(low))
    a = 1 + shape * (mode - low) / (high - low)
    b = 1 + shape * (high - mode) / (high - low)
    return low + (high - low) * np.random.default_rng(seed).beta(a, b, size)


def uniform(low: float, high: float, *, size: int, seed: int) -> np.ndarray:
    """Return ``size`` values spread evenly from low to high, shuffled: uniform draws whose mean is exact.

    Drawn one by one, their mean would differ from the middle of the range by chance, and a headline with it. Spread
    evenly (stratified sampling: McKay, Beckman & Conover 1979) their quantiles are exact too; shuffled they stand in
    no order with what they are multiplied by.
    """
    if not low <= high:
        raise EstimationError(f"uniform: {low:g} is above {high:g}.")
    return np.random.default_rng(seed).permutation(np.linspace(low, high, size))


def replacement_cost(
    salaries_total: float,
    *,
    low: float = 0.5,
    high: float = 2.0,
    mode: float | None = None,
    size: int = 10_000,
    seed: int,
) -> np.ndarray:
    """Return draws of what it costs to replace leavers who together earn ``salaries_total`` a year.

    Parameters
    ----------
    low, high : float
        Share of a yearly salary; the quoted range is 0.5 – 2.0.
    mode : float, optional
        Most likely share (PERT); without one every share in the range is as likely (uniform).

    Returns
    -------
    ndarray, shape (size,), in the currency of the salaries. The share is uncertain as a whole, so it does
    not average out over leavers.
    """
    if not salaries_total >= 0 or low < 0:
        raise EstimationError("replacement cost: salaries and shares cannot be negative.")
    draw = {"size": size, "seed": seed}
    share = uniform(low, high, **draw) if mode is None else pert(low, mode, high, **draw)
    return salaries_total * share


def _finite(draws: Any, what: str) -> np.ndarray:
    draws = np.asarray(draws, dtype=float).ravel()
    draws = draws[np.isfinite(draws)]
    if len(draws) < 2:
        raise EstimationError(f"{what}: no draws to summarise.")
    return draws


def money_summary(
    draws: Any, *, term: str, estimate: float | None = None, n: int | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Return median (or ``estimate``), percentile interval and P(> 0) of draws of money.

    Returns
    -------
    DataFrame, 1 row: tidy columns and ``p_positive``; ``n`` is the number of draws when not given.
    """
    draws = _finite(draws, term)
    middle = float(np.median(draws)) if estimate is None else float(estimate)
    frame = draws_frame(term, middle, draws, len(draws) if n is None else n, level=level)
    return frame.assign(p_positive=float((draws > 0).mean()))


@dataclass(frozen=True, slots=True, eq=False)
class NetBenefit:
    """Distribution of benefit less cost.

    table : DataFrame, 1 row      tidy columns and p_positive
    roi : DataFrame, 1 row        net benefit over cost, tidy
    p_positive : float            P(net benefit > 0), which is P(ROI > 0)
    draws : ndarray, (reps,)      net benefit
    """

    table: pd.DataFrame
    roi: pd.DataFrame
    p_positive: float
    draws: np.ndarray


def net_benefit(benefit_draws: Any, cost: Any, *, term: str = "net benefit", level: float = 0.95) -> NetBenefit:
    """Return the distribution of ``benefit - cost`` and of the return on the cost.

    Parameters
    ----------
    benefit_draws : array_like, shape (reps,)
    cost : float or array_like, shape (reps,)
        Must be positive.
    """
    benefit, cost = np.broadcast_arrays(np.asarray(benefit_draws, dtype=float), np.asarray(cost, dtype=float))
    if not (cost > 0).all():
        raise EstimationError(f"{term}: the cost must be above zero.")
    net = benefit - cost
    table = money_summary(net, term=term, level=level)
    roi = money_summary(net / cost, term="roi", level=level)
    return NetBenefit(table, roi, float(table["p_positive"].iloc[0]), net)


def arrival(lasts: float, delay: float, over: float = 0.0, *, months: int) -> np.ndarray:
    """Return which share of the money of an effect arrives in each month after it set in.

    The effect is the same on every day it lasts; what a day of it brings begins to arrive ``delay`` months later and is
    paid evenly over the ``over`` months that follow (at once where 0).

    Parameters
    ----------
    lasts, delay, over : float, in months

    Returns
    -------
    ndarray, shape (months,): shares, 1 together where ``months`` reach to the last payment.

    Raises
    ------
    EstimationError
        Unless the effect lasts, and neither delay nor the time of payment is negative.
    """
    if not (lasts > 0 and delay >= 0 and over >= 0):
        raise EstimationError("arrival: an effect must last above 0 months; its delay cannot be negative.")
    since = np.arange(months + 1) - delay
    # what has arrived is the integral, over the days of the effect, of the part of each that is paid by then
    return np.diff(_paid(since, over) - _paid(since - lasts, over)) / lasts


def _paid(since: np.ndarray, over: float) -> np.ndarray:
    """Return the integral up to ``since`` of min(t / over, 1): of max(t, 0) where all is paid at once."""
    t = np.maximum(since, 0.0)
    return t if over == 0 else np.where(t < over, t**2 / (2 * over), t - over / 2)


def discounted(cash: Any, rate: float) -> np.ndarray:
    """Return money by month, (…, months), at its worth on the first day: paid in the middle of each month.

    Parameters
    ----------
    rate : float
        A year, compounded: 0.05 makes a hundred that come in a year worth 95.2 today.
    """
    if not rate >= 0:
        raise EstimationError(f"discount rate: {rate:g} is below zero.")
    cash = np.asarray(cash, dtype=float)
    return cash / (1 + rate) ** ((np.arange(cash.shape[-1]) + 0.5) / 12)


def per_year(months: float, rate: float = 0.0) -> float:
    """Return by what an amount for ``months`` is multiplied to stand beside that of one year: 1 for twelve months.

    The equivalent annual value of projects of unequal lives (Brealey, Myers & Allen, Principles of Corporate Finance,
    “equivalent annual annuity”): the steady amount that is worth as much over the months, scaled so that a year's
    amount is itself. Without discounting it is 12 / months.

    Parameters
    ----------
    rate : float
        A year, compounded, as in `discounted`.

    Raises
    ------
    EstimationError
        Unless months are above zero and the rate is not below it.
    """
    if not (months > 0 and rate >= 0):
        raise EstimationError("per year: months must be above zero, and a discount rate not below it.")
    growth = np.log1p(rate)
    return 12 / months if growth == 0 else float(np.expm1(-growth) / np.expm1(-growth * (months / 12)))


def months_until(cash: Any, cost: float) -> np.ndarray:
    """Return the month by whose end the money of (…, months) has covered the cost for the first time; inf if never."""
    there = np.cumsum(np.asarray(cash, dtype=float), axis=-1) >= cost * (1 - 1e-12)
    return np.where(there.any(axis=-1), there.argmax(axis=-1) + 1.0, np.inf)


def payback_months(cash: Any, cost: float, *, level: float = 0.95) -> pd.DataFrame:
    """Return months until the cost has come back, as median and percentile interval.

    Draws in which it never does count as infinite, so an interval may end at infinity.

    Parameters
    ----------
    cash : array_like, shape (reps, months)
        Draws of the money that arrives in each month.

    Returns
    -------
    DataFrame, 1 row: tidy columns and ``p_ever`` (share of draws that pay back at all).
    """
    cash = np.asarray(cash, dtype=float)
    if cash.ndim != 2 or len(cash) < 2 or not np.isfinite(cash).all() or not cost > 0:
        raise EstimationError("payback: needs finite draws of money by month and a cost above zero.")
    months = months_until(cash, cost)
    # quantiles by rank: interpolating towards infinity would give NaN
    middle, low, high = np.quantile(months, [0.5, (1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return pd.DataFrame(
        {
            "term": ["payback months"], "estimate": [middle], "std_error": [np.nan], "conf_low": [low],
            "conf_high": [high], "p_value": [np.nan], "n": [len(months)], "p_ever": [float(np.isfinite(months).mean())],
        }
    )  # fmt: skip
