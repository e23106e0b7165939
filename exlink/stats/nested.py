"""How far units of the same group differ, and their rows, from counts and sums per unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from exlink.errors import EstimationError
from exlink.stats.absorb import encode


def nested_variances(n: Any, total: Any, sumsq: Any, group: Any) -> tuple[float, float]:
    """Return the variance between units of a group, and of rows within a unit.

    ``y = group + u + e``: the nested analysis of variance for unequal numbers (Searle, Casella & McCulloch 1992,
    section 5.7). Differences between groups are left out of both, whatever they are. An estimate below zero counts as
    zero.

    Parameters
    ----------
    n, total, sumsq : array_like, shape (units,)
        Rows, their sum and sum of squares; units without rows are left out.
    group : array_like, shape (units,)

    Raises
    ------
    EstimationError
        No group has two units, or no unit two rows.
    """
    n, total, sumsq = (np.asarray(a, dtype=float) for a in (n, total, sumsq))
    kept = n > 0
    n, total, sumsq = n[kept], total[kept], sumsq[kept]
    codes, labels = encode(np.asarray(group)[kept])
    size, units, rows = len(labels), len(n), n.sum()
    if units <= size or rows <= units:
        raise EstimationError(
            f"nested variances: {rows:.0f} rows of {units} units in {size} groups; needs a group with two units and a "
            "unit with two rows."
        )
    of_group = np.bincount(codes, n, size)
    mean = total / n
    around = mean - (np.bincount(codes, total, size) / of_group)[codes]
    between = float((n * around**2).sum()) / (units - size)
    within = max(float((sumsq - total * mean).sum()), 0.0) / (rows - units)
    typical = (rows - float((np.bincount(codes, n**2, size) / of_group).sum())) / (units - size)
    return max(0.0, (between - within) / typical), within
