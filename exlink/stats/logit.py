"""The numbers of a logit on weighted rows: maximum-likelihood coefficients and average marginal effects."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from exlink.errors import EstimationError

MAX_STEPS = 50


def newton(design: np.ndarray, events: np.ndarray, n: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return maximum-likelihood coefficients (k,) and fitted probabilities (rows,), by Newton's method.

    Parameters
    ----------
    design : ndarray, (rows, k), the first column an intercept; events : ndarray, (rows,); n : ndarray, (rows,)
        Rows (or trials) behind each line.
    what : str
        Names the model in errors.

    Raises
    ------
    EstimationError
        When a covariate separates events from non-events, so that no finite estimate exists.
    """
    # standardised columns: seconds and flags then share one scale, and the stopping rule means the same
    mean, scale = design.mean(axis=0), design.std(axis=0)
    mean[0], scale[0] = 0.0, 1.0
    z = (design - mean) / scale
    coef = np.zeros(z.shape[1])
    share = events.sum() / n.sum()
    coef[0] = np.log(share / (1 - share))
    for _ in range(MAX_STEPS):
        p = expit(z @ coef)
        weight = n * p * (1 - p)
        gram = z.T @ (z * weight[:, None])
        if np.abs(coef[1:]).max(initial=0) > 15 or np.linalg.cond(gram) > 1e13:
            break
        step = linalg.solve(gram, z.T @ (events - n * p), assume_a="pos")
        coef = coef + np.clip(step, -4, 4)
        if np.abs(step).max() < 1e-10:
            slopes = coef / scale
            slopes[0] = coef[0] - (coef[1:] * mean[1:] / scale[1:]).sum()
            return slopes, expit(design @ slopes)
    raise EstimationError(
        f"{what}: a covariate (nearly) separates events from non-events, so its odds ratio has no finite "
        "estimate. Use fewer or coarser covariates."
    )


def marginal_effects(design: np.ndarray, coef: np.ndarray, n: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return average marginal effects in percentage points (p,) and their gradients (p, k).

    Covariates are the columns of the design from ``first`` on.

    Two-valued 0/1 covariates: the mean change when the flag goes from 0 to 1; others: the mean slope.
    """
    weight = n / n.sum()
    eta = design @ coef
    p = expit(eta)
    effects, gradients = [], []
    for j in range(first, design.shape[1]):
        column = design[:, j]
        if ((column == 0) | (column == 1)).all():
            on, off = eta + coef[j] * (1 - column), eta - coef[j] * column
            p_on, p_off = expit(on), expit(off)
            d_on, d_off = design.copy(), design.copy()
            d_on[:, j], d_off[:, j] = 1, 0
            effects.append(weight @ (p_on - p_off))
            gradients.append((weight * p_on * (1 - p_on)) @ d_on - (weight * p_off * (1 - p_off)) @ d_off)
        else:
            slope = p * (1 - p)
            effects.append(coef[j] * (weight @ slope))
            gradient = coef[j] * ((weight * slope * (1 - 2 * p)) @ design)
            gradient[j] += weight @ slope
            gradients.append(gradient)
    return 100 * np.array(effects), 100 * np.array(gradients)


def expit(eta: np.ndarray) -> np.ndarray:
    """Return probabilities of log odds, without overflow."""
    return 1 / (1 + np.exp(-np.clip(eta, -500, 500)))
