"""Expected scores from the data-generating probabilities: no draw, no estimate.

A score is a rounded, clipped normal, so its expectation at a latent value m is
``low + sum over cuts of Phi((m - cut) / sd)``.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from exlink.data.simulate.design import ASPECT_NAMES, KPIS, SCALES, Contact, Operations

PLAN, OPS = Contact(), Operations()
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(11)
WEIGHTS = WEIGHTS / WEIGHTS.sum()
STEP = 1e-3
SD = np.hypot(PLAN.mood, PLAN.noise)


def cuts(kpi: str) -> np.ndarray:
    """Return the latent values at which the score rises by one."""
    low, high = SCALES[kpi]
    return np.arange(low + 0.5, high)


def expected(m: np.ndarray, kpi: str, sd: float) -> np.ndarray:
    """Return the expected score at latent means ``m``."""
    return SCALES[kpi][0] + ndtr((np.asarray(m)[..., None] - cuts(kpi)) / sd).sum(-1)


def expected_square(m: np.ndarray, kpi: str, sd: float) -> np.ndarray:
    """Return the expected squared score at latent means ``m``."""
    c = cuts(kpi)
    return SCALES[kpi][0] ** 2 + (ndtr((np.asarray(m)[..., None] - c) / sd) * 2 * c).sum(-1)


def contact_score(index: np.ndarray, p_resolved: np.ndarray, *, answering: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return each contact's expected scores (row, kpi) and its chance to be answered.

    ``answering=False``: over everybody who was served. ``answering=True``: over those who answer, given
    that the chance to answer depends on the satisfaction score.
    """
    top = np.zeros((len(index), len(KPIS)))
    bottom = np.zeros(len(index))
    rates = np.array(PLAN.answered)
    for happened, chance in ((1.0, p_resolved), (0.0, 1 - p_resolved)):
        m = index + np.outer(happened - p_resolved, PLAN.resolved)
        if not answering:
            top += chance[:, None] * np.stack([expected(m[:, k], y, SD[k]) for k, y in enumerate(KPIS)], axis=1)
            continue
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            shifted = m + node * np.array(PLAN.mood)
            steps = ndtr((shifted[:, 2, None] - cuts("satisfaction")) / PLAN.noise[2])
            answers = rates[0] + steps @ np.diff(rates)
            share = chance * weight
            bottom += share * answers
            for k in (0, 1):
                top[:, k] += share * answers * expected(shifted[:, k], KPIS[k], PLAN.noise[k])
            ends = np.concatenate([np.ones((len(m), 1)), steps, np.zeros((len(m), 1))], axis=1)
            top[:, 2] += share * ((ends[:, :-1] - ends[:, 1:]) @ (rates * np.arange(1, 6)))
    return (top / bottom[:, None], bottom) if answering else (top, np.ones(len(index)))


def slopes(index: np.ndarray, p_resolved: np.ndarray, latent: np.ndarray, *, answering: bool) -> np.ndarray:
    """Return the mean change of the expected score per point of each aspect, (aspect, kpi).

    latent : (row, aspect, kpi)  what a point does to the latent scores of each contact
    """
    out = np.zeros(latent.shape[1:])
    logit = np.log(p_resolved / (1 - p_resolved))
    for a, name in enumerate(ASPECT_NAMES):
        moves = OPS.resolved.get(name, 0.0)
        if not latent[:, a].any() and not moves:
            continue
        ends = []
        for sign in (1, -1):
            p = 1 / (1 + np.exp(-(logit + sign * STEP * moves)))
            ends.append(contact_score(index + sign * STEP * latent[:, a], p, answering=answering))
        change = (ends[0][0] - ends[1][0]) / (2 * STEP)
        weight = (ends[0][1] + ends[1][1]) / 2
        out[a] = (change * weight[:, None]).sum(0) / weight.sum()
    return out


def share_explained(index: np.ndarray, effect: np.ndarray, k: int, size: int = 60) -> float:
    """Return the variance of the expected observed score that one latent effect makes, all else averaged out.

    index : (row,)  latent scores ;  effect : (row,)  the part of each that is this effect
    """
    levels = np.quantile(effect, (np.arange(size) + 0.5) / size)
    rest = index - effect
    rest = rest[:: max(1, len(rest) // 3_000)]
    means = np.array([expected(rest + level, KPIS[k], SD[k]).mean() for level in levels])
    return float(means.var())
