"""Adjustment of p values for families of tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.power import adjusted_verdict


def benjamini_hochberg(p_values: Any, *, family: Any = None) -> np.ndarray:
    """Return p values adjusted for the false discovery rate (Benjamini & Hochberg 1995).

    Parameters
    ----------
    p_values : array_like, shape (k,)
        NaN stays NaN and does not count as a test.
    family : array_like, shape (k,), optional
        Labels; the adjustment is made within each label. Without it all tests are one family.

    Returns
    -------
    ndarray, shape (k,)

    Raises
    ------
    EstimationError
        When a p value lies outside 0 … 1.
    """
    p = np.asarray(p_values, dtype=float)
    if ((p < 0) | (p > 1)).any():
        raise EstimationError("multiplicity: a p value lies outside 0–1.")
    adjusted = np.full(p.shape, np.nan)
    labels = np.zeros(len(p), dtype=int) if family is None else pd.factorize(np.asarray(family))[0]
    for label in np.unique(labels):
        where = np.flatnonzero((labels == label) & ~np.isnan(p))
        order = where[np.argsort(-p[where], kind="stable")]
        m = len(order)
        ranks = np.arange(m, 0, -1)
        adjusted[order] = np.minimum(np.minimum.accumulate(p[order] * m / ranks), 1.0)
    return adjusted


def judged(estimates: pd.DataFrame) -> pd.DataFrame:
    """Return tidy rows, one family of tests, with ``p_adjusted`` and the ``verdict`` that survives the adjustment."""
    adjusted = benjamini_hochberg(estimates["p_value"])
    bounds = zip(estimates["estimate"], estimates["conf_low"], estimates["conf_high"], adjusted, strict=True)
    return estimates.assign(p_adjusted=adjusted, verdict=[adjusted_verdict(*row) for row in bounds])
