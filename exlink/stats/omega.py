"""McDonald's omega: the share of a sum score's variance that one common factor accounts for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.cfa import fit_cfa
from exlink.stats.tidy import check_level, tidy_frame


def mcdonald_omega(items: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Return omega (total, one factor) with its delta-method interval.

    ``omega = (Σλ)² / ((Σλ)² + Σθ)`` with loadings λ and residual variances θ of the one-factor model by maximum
    likelihood (McDonald 1999). Unlike alpha it does not suppose that all items load alike; where they do, both agree.

    Parameters
    ----------
    items : array_like, shape (people, k)
        Items keyed in one direction, at least three; people with a missing item are left out.

    Returns
    -------
    DataFrame, 1 row: tidy columns (term ``omega``; ``n`` people) and ``n_items``, ``n_dropped``.

    Raises
    ------
    EstimationError
        Fewer than 3 items, too few people, items that do not vary, or a residual variance below zero: then no single
        factor stands behind the items.
    """
    check_level(level)
    values = pd.DataFrame(np.asarray(items, dtype=float))
    k = values.shape[1]
    if k < 3:
        raise EstimationError(f"omega: {k} items; one factor needs 3. With two, alpha says the same.")
    fit = fit_cfa(values, {"one": list(values.columns)}, level=level)
    if fit.improper or not fit.converged:
        raise EstimationError("omega: no single factor stands behind the items (a residual variance below zero).")
    common, own = fit.raw["loading"].sum(), fit.raw["residual"].sum()
    omega = common**2 / (common**2 + own)
    gradient = np.repeat([2 * common * own, -(common**2)], k) / (common**2 + own) ** 2
    error = float(np.sqrt(gradient @ fit.vcov @ gradient))
    n = int(fit.measures["n"])
    return tidy_frame("omega", omega, error, n, level=level, null=None).assign(n_items=k, n_dropped=len(values) - n)
