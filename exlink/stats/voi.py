"""What it is worth to know more before deciding: the expected value of perfect information, in all and in part.

A decision has D options; ``benefit`` (S, D) holds joint draws of what each brings. Chosen on what is known now, the
best brings ``max_d E B_d``. Whoever knew everything would choose draw by draw: EVPI = ``E max_d B_d − max_d E B_d``.
Whoever knew one parameter θ only would choose on ``E(B_d | θ)``: EVPPI. The conditional expectations are found by
regressing the draws on θ (Strong, Oakley & Brennan 2014, Med. Decis. Making 34:311), here on natural cubic splines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from exlink.errors import EstimationError

KNOTS = (
    0.025,
    0.1833,
    0.3417,
    0.5,
    0.6583,
    0.8167,
    0.975,
)  # quantiles of θ (Harrell 2015, table 2.3): the curve is straight beyond them
COEFFICIENT_DRAWS = 200  # of the regression, for its error
MIN_DRAWS = 50
ROUNDING = 1e-9  # standard deviations of the benefit below which a gain is a difference of rounded sums


@dataclass(frozen=True, slots=True)
class Information:
    """The expected value of knowing one thing before deciding.

    value : float        in the unit of the benefit, between 0 and EVPI
    std_error : float    Monte Carlo error of ``value``: what other draws of the same size would change
    """

    value: float
    std_error: float


def normal_loss(mean: Any, sd: Any) -> np.ndarray:
    """Return EVPI of "do it or not" for a normal net benefit: ``sd · (φ(u) − u Φ(−u))``, u = |mean| / sd.

    The unit normal loss integral (Raiffa & Schlaifer 1961, section 5.3). Zero where ``sd`` is.
    """
    mean, sd = np.abs(np.asarray(mean, dtype=float)), np.asarray(sd, dtype=float)
    u = np.divide(mean, sd, out=np.full(np.broadcast(mean, sd).shape, np.inf), where=sd > 0)
    tail = special.ndtr(-u)
    density = np.exp(-0.5 * u**2) / np.sqrt(2 * np.pi)
    return np.where(np.isinf(u), 0.0, sd * (density - np.where(np.isinf(u), 0.0, u) * tail))


def evpi(benefit: Any) -> Information:
    """Return the expected value of perfect information, an upper bound on that of any study.

    Parameters
    ----------
    benefit : array_like, shape (S, D)
        Joint draws of what each option brings; doing nothing is an option of its own (zeros).
    """
    draws = _checked(benefit)
    now = draws[:, draws.mean(axis=0).argmax()]
    gain = draws.max(axis=1) - now
    return Information(float(gain.mean()), float(gain.std(ddof=1) / np.sqrt(len(gain))))


def evppi(benefit: Any, parameter: Any, *, seed: int) -> Information:
    """Return the expected value of knowing one parameter exactly before choosing.

    Parameters
    ----------
    benefit : array_like, shape (S, D)
    parameter : array_like, shape (S,)
        The draws of the parameter that belong to those of the benefit. One that does not vary is worth nothing.

    Returns
    -------
    Information, its error from draws of the regression's coefficients (Strong, Oakley & Brennan 2014, appendix). A
    maximum of fitted values errs upwards: with 1,000 draws of a net benefit around zero, where that is worst, a
    parameter that does not matter gets about 2 % of a standard deviation of the net benefit. Values within two errors
    of zero say nothing.

    Raises
    ------
    EstimationError
        Fewer than 50 draws, draws that are not finite, or as many of both are not given.
    """
    draws = _checked(benefit)
    theta = np.asarray(parameter, dtype=float)
    if theta.shape != (len(draws),) or not np.isfinite(theta).all():
        raise EstimationError(f"value of information: needs one finite value of the parameter per {len(draws)} draws.")
    if not np.ptp(theta) > 1e-12 * max(np.abs(theta).max(), 1e-300):
        return Information(0.0, 0.0)
    basis = _natural_spline(theta)
    q = np.linalg.qr(basis)[0]
    centred = draws - draws.mean(axis=0)
    seen = q.T @ centred
    fitted = q @ seen + draws.mean(axis=0)
    left = centred - q @ seen
    spread = left.T @ left / (len(draws) - basis.shape[1])
    # in the orthonormal basis the coefficients' errors are independent, with the residuals' covariance across options
    values, vectors = np.linalg.eigh(spread)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((COEFFICIENT_DRAWS, basis.shape[1], draws.shape[1])) @ root.T
    again = np.array([_gain(fitted + q @ one) for one in noise])
    found = _gain(fitted)
    found = 0.0 if found < ROUNDING * draws.std() else found
    return Information(float(min(found, evpi(draws).value)), float(again.std(ddof=1)))


def narrowing(whole: Any, narrowed: Any, *, level: float = 0.95) -> float:
    """Return by what share the percentile interval of draws gets shorter; below zero where it gets longer."""
    tails = [(1 - level) / 2, (1 + level) / 2]
    before, after = (np.subtract(*np.quantile(_finite(d), tails[::-1])) for d in (whole, narrowed))
    return float(1 - after / before) if before > 0 else 0.0


def halved(draws: Any) -> np.ndarray:
    """Return draws pulled halfway to their mean: the same parameter, measured with half the standard error."""
    draws = np.asarray(draws, dtype=float)
    return (draws + draws.mean()) / 2


def _gain(expected: np.ndarray) -> float:
    """Return what choosing on ``expected`` (S, D) brings beyond the one option that is best on average."""
    return float(expected.max(axis=1).mean() - expected.mean(axis=0).max())


def _natural_spline(theta: np.ndarray) -> np.ndarray:
    """Return 1, θ and Harrell's restricted cubic terms, (S, up to 7); straight beyond the outer knots."""
    scaled = (theta - theta.mean()) / theta.std()
    knots = np.unique(np.quantile(scaled, KNOTS))
    columns = [np.ones_like(scaled), scaled]
    if len(knots) >= 3:
        last, before = knots[-1], knots[-2]
        cube = [np.maximum(scaled - k, 0.0) ** 3 for k in knots]
        columns += [
            cube[j] - cube[-2] * (last - knots[j]) / (last - before) + cube[-1] * (before - knots[j]) / (last - before)
            for j in range(len(knots) - 2)
        ]
    return np.column_stack(columns)


def _checked(benefit: Any) -> np.ndarray:
    draws = np.asarray(benefit, dtype=float)
    if draws.ndim != 2 or len(draws) < MIN_DRAWS or not np.isfinite(draws).all():
        raise EstimationError(
            f"value of information: needs finite draws, at least {MIN_DRAWS}, by options; got shape {draws.shape}."
        )
    return draws


def _finite(draws: Any) -> Sequence[float]:
    draws = np.asarray(draws, dtype=float)
    return draws[np.isfinite(draws)]
