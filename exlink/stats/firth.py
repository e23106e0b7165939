"""Logistic regression of rare events by penalised likelihood: finite and nearly unbiased with few events.

Firth (1993, Biometrika 80) adds half the log determinant of the information to the log likelihood (Jeffreys' prior),
which takes out the bias of order 1/n and keeps estimates finite where a covariate separates events from non-events.
Tests and intervals are those of the profile penalised likelihood (Heinze & Schemper 2002, Stat. Med. 21), since Wald's
are poor with few events. Predictions would be too near to one half; the intercept is set so that they add up to the
events (FLIC: Puhr et al. 2017, Stat. Med. 36).

Rows of one cluster may have more in common than the model knows. Where the clusters' sums of the penalised score say
that a coefficient is less certain by some factor (the sandwich's error over the model's), its profile is flattened by
the square of that factor; a factor below one is chance and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, optimize, special

from exlink.errors import EstimationError
from exlink.stats.absorb import encode, group_sums, refuse_collinear
from exlink.stats.logit import expit
from exlink.stats.tidy import check_level, need_columns, tidy_frame

MAX_STEPS = 100
HALVINGS = 30
FAR = 5.0  # the longest step, in standardised columns
TIGHT = 1e-10  # of the score per row, at which a search ends
ROUNDING = 1e-12  # of the likelihood: near the top a step climbs by less


@dataclass(frozen=True, slots=True, eq=False)
class FirthFit:
    """Penalised logit of an event.

    table : DataFrame, (p, 7)     tidy rows of the covariates, log odds; std_error from the penalised fit, interval and
                                  p value from the profile (not symmetric around the estimate)
    coef : Series, (p + 1,)       with the intercept, as estimated
    vcov : ndarray, (p + 1, p + 1)    inverse information at the estimate, with errors as in the table
    flic : float                  the intercept with which predictions add up to the events
    n_rows, n_events : int
    """

    table: pd.DataFrame
    coef: pd.Series
    vcov: np.ndarray
    flic: float
    n_rows: int
    n_events: int

    def log_odds(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the log odds of the rows of ``frame``, the intercept being FLIC's: (rows,)."""
        slopes = self.coef.iloc[1:]
        return self.flic + frame[list(slopes.index)].to_numpy(dtype=float) @ slopes.to_numpy()

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the probability of the event for the rows of ``frame``: (rows,)."""
        return expit(self.log_odds(frame))

    def draws(self, size: int, *, seed: int) -> np.ndarray:
        """Return coefficients, FLIC's intercept first, drawn from the normal that the information gives: (size, k)."""
        centre = self.coef.to_numpy().copy()
        centre[0] = self.flic
        return np.random.default_rng(seed).multivariate_normal(centre, self.vcov, size=size, method="eigh")


def fit_firth(
    frame: pd.DataFrame, event: str, x: Sequence[str], *, tested: Sequence[str] | None = None,
    cluster: str | None = None, level: float = 0.95,
) -> FirthFit:  # fmt: skip
    """Return the penalised logit of ``event`` (0 or 1) on numeric covariates.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period at risk; rows with a missing value are an error, drop and count them before.
    tested : sequence of str, optional
        Covariates whose profile interval and test are wanted, all when left out; the others keep Wald's interval.
    cluster : str, optional
        Rows that may have more in common than the covariates; intervals are never shorter for it.

    Raises
    ------
    EstimationError
        Missing values, an event that is not 0 or 1 or never (or always) happens, constant or collinear columns.
    """
    check_level(level)
    names, what = list(x), f"{event} on {len(list(x))} covariates"
    need_columns(frame, [event, *names, *([] if cluster is None else [cluster])], what)
    y, raw = frame[event].to_numpy(dtype=float), frame[names].to_numpy(dtype=float)
    if not (np.isfinite(y).all() and np.isfinite(raw).all()):
        raise EstimationError(f"{what}: missing values; drop and count these rows first.")
    if not np.isin(y, (0.0, 1.0)).all() or y.min() == y.max():
        raise EstimationError(f"{what}: {event} must be 0 or 1 and take both values.")
    if flat := [name for name, column in zip(names, raw.T, strict=True) if not np.ptp(column) > 0]:
        raise EstimationError(f"{what}: {flat[0]} does not vary.")
    refuse_collinear(np.column_stack([np.ones(len(y)), raw]), np.ones(len(y)), ["(Intercept)", *names])
    # the penalty does not depend on the units of the columns: standardised, all steps have one scale
    mean, scale = raw.mean(axis=0), raw.std(axis=0)
    design = np.column_stack([np.ones(len(y)), (raw - mean) / scale])
    start = np.zeros(design.shape[1])
    start[0] = special.logit(y.mean())
    coef = _climb(design, y, start, range(design.shape[1]), what)
    best, information = _penalised(design, y, coef), _information(design, expit(design @ coef))
    back = np.diag(np.concatenate([[1.0], 1 / scale]))
    back[0, 1:] = -mean / scale
    beta, vcov = back @ coef, back @ linalg.inv(information) @ back.T
    looser = np.ones(len(beta))
    if cluster is not None:
        looser = _looser(design, y, coef, encode(frame[cluster])[0], back)
        vcov = vcov * np.outer(looser, looser)
    error = np.sqrt(np.diag(vcov))
    table = tidy_frame(names, beta[1:], error[1:], len(y), level=level)
    for name in names if tested is None else tested:
        at = names.index(name) + 1
        low, high, p = _profile(design, y, coef, at, best, level, what, float(looser[at]))
        table.loc[at - 1, ["conf_low", "conf_high", "p_value"]] = [low / scale[at - 1], high / scale[at - 1], p]
    offset = raw @ beta[1:]
    flic = optimize.brentq(lambda a: expit(a + offset).sum() - y.sum(), beta[0] - 10, beta[0] + 10, xtol=1e-12)
    return FirthFit(table, pd.Series(beta, index=["(Intercept)", *names]), vcov, float(flic), len(y),
                    int(y.sum()))  # fmt: skip


def _looser(design: np.ndarray, y: np.ndarray, coef: np.ndarray, codes: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Return by how much the errors of clusters are larger than the model's, coefficient by coefficient; at least 1."""
    groups = codes.max(initial=-1) + 1
    if groups < 2:
        return np.ones(len(coef))
    p = expit(design @ coef)
    inverse = linalg.inv(_information(design, p))
    lever = p * (1 - p) * ((design @ inverse) * design).sum(axis=1)
    sums = group_sums(design * (y - p + lever * (0.5 - p))[:, None], codes, groups) @ inverse @ back.T
    wide = groups / (groups - 1) * (sums**2).sum(axis=0)
    return np.sqrt(np.maximum(wide / np.diag(back @ inverse @ back.T), 1.0))


def _information(design: np.ndarray, p: np.ndarray) -> np.ndarray:
    return design.T @ (design * (p * (1 - p))[:, None])


def _penalised(design: np.ndarray, y: np.ndarray, coef: np.ndarray) -> float:
    """Return log likelihood + ½ log |information|."""
    eta = design @ coef
    return float(y @ eta - np.logaddexp(0, eta).sum() + 0.5 * np.linalg.slogdet(_information(design, expit(eta)))[1])


def _climb(design: np.ndarray, y: np.ndarray, start: np.ndarray, free: Sequence[int], what: str) -> np.ndarray:
    """Return the coefficients that maximise the penalised likelihood over ``free``; the others stay where they start.

    Newton's steps, halved until they climb.
    """
    coef, free = start.copy(), list(free)
    height = _penalised(design, y, coef)
    for _ in range(MAX_STEPS):
        score, bend = _derivatives(design, y, coef)
        score, bend = score[free], bend[np.ix_(free, free)]
        if np.abs(score).max(initial=0) < TIGHT * len(y):
            return coef
        step = linalg.solve(bend, score, assume_a="pos")
        step *= min(1.0, FAR / max(np.abs(step).max(), 1e-12))
        for _ in range(HALVINGS):
            tried = coef.copy()
            tried[free] += step
            if (reached := _penalised(design, y, tried)) >= height - ROUNDING * (1 + abs(height)):
                break
            step = step / 2
        coef, height = tried, reached
    raise EstimationError(f"{what}: the search for the penalised estimate did not settle in {MAX_STEPS} steps.")


def _derivatives(design: np.ndarray, y: np.ndarray, coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the modified score (k,), and minus the second derivative (k, k), of the penalised likelihood.

    With weights w = p(1 − p), leverages h = w·q and q = x'I⁻¹x, the score is ``X'(y − p + h(½ − p))``, and the second
    derivative ``−I + ½ X'diag(q w″)X − ½ tr(I⁻¹ Iⱼ I⁻¹ Iₖ)``. Where the latter is not negative definite, far from the
    top, minus the information takes its place.
    """
    p = expit(design @ coef)
    weight = p * (1 - p)
    information = _information(design, p)
    inverse = linalg.inv(information)
    turned = design @ inverse
    q = (turned * design).sum(axis=1)
    score = design.T @ (y - p + weight * q * (0.5 - p))
    slope = weight * (1 - 2 * p)
    single = np.stack([design.T @ (turned * (slope * column)[:, None]) for column in design.T])  # Iⱼ I⁻¹
    bend = information - 0.5 * design.T @ (design * (q * weight * (1 - 6 * weight))[:, None])
    bend += 0.5 * np.einsum("jab,kba->jk", single, single)
    return score, bend if np.linalg.eigvalsh(bend)[0] > 0 else information


def _profile(
    design: np.ndarray, y: np.ndarray, coef: np.ndarray, at: int, best: float, level: float, what: str, looser: float
) -> tuple[float, float, float]:
    """Return both ends of the profile interval of one coefficient, and the p value of its being zero.

    ``looser`` is the factor by which the coefficient is less certain than the likelihood says.
    """
    others = [j for j in range(design.shape[1]) if j != at]
    around = {"coef": coef}

    def fall(value: float) -> float:
        start = around["coef"].copy()
        start[at] = value
        around["coef"] = _climb(design, y, start, others, what)
        return 2 * (best - _penalised(design, y, around["coef"])) / looser**2

    p_value = float(special.chdtrc(1, max(fall(0.0), 0.0)))
    limit = float(special.chdtri(1, 1 - level))
    ends = []
    for way in (-1.0, 1.0):
        around["coef"], near, reach = coef, coef[at], 0.25
        while fall(coef[at] + way * reach) < limit:
            near, reach = coef[at] + way * reach, 2 * reach
            if reach > 1e4:
                raise EstimationError(f"{what}: the profile of a coefficient has no end.")
        far = coef[at] + way * reach
        ends.append(optimize.brentq(lambda v: fall(v) - limit, near, far, xtol=1e-6, rtol=1e-7))
    return ends[0], ends[1], p_value
