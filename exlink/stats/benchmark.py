"""Estimates of parts brought in line with the whole they make up."""

from __future__ import annotations

from typing import Any

import numpy as np

from exlink.errors import EstimationError


def benchmarked(estimate: Any, variance: Any, weight: Any, total: float) -> np.ndarray:
    """Return estimates of parts whose weighted mean is ``total``, moved most where least is known.

    ``t_i + w_i v_i / Σ w_j² v_j · (total − Σ w_j t_j)``, w adding up to 1: of all estimates that agree with the total
    the ones nearest to ``estimate``, distances counted in variances (Battese, Harter & Fuller 1988, JASA 83:28, eq.
    3.14; Wang, Fuller & Qu 2008, Survey Methodology 34:29). Shrunken means need it: they are pulled to an average that
    is not the plain one, and would not add up again.

    Parameters
    ----------
    estimate, variance, weight : array_like, shape (k,)
        Weights are shares or counts; parts of equal certainty (all variances 0) are moved as if all were 1.
    total : float
        What the whole is, in the unit of the estimates.

    Raises
    ------
    EstimationError
        No part has weight, or a weight or variance is negative.
    """
    estimate, variance, weight = (np.asarray(a, dtype=float) for a in (estimate, variance, weight))
    if not (weight.sum() > 0 and (weight >= 0).all() and (variance >= 0).all()):
        raise EstimationError(f"benchmark: needs weights and variances of {len(weight)} parts, none below zero.")
    weight = weight / weight.sum()
    variance = variance if (weight * variance).any() else np.ones_like(variance)
    return estimate + weight * variance / (weight**2 @ variance) * (total - weight @ estimate)
