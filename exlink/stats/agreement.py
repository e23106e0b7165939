"""Whether the members of a group answer alike: agreement against answers given at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import need_columns


def rwg(frame: pd.DataFrame, items: str | Sequence[str], group: str, options: int) -> pd.DataFrame:
    """Return rwg (one item) or rwg(j) (several) of each group, against a uniform null (James, Demaree & Wolf 1984).

    With ``q`` the mean item variance over the variance of answers at random, ``(A² − 1)/12`` for A options,
    ``rwg(j) = J(1 − q)/(J(1 − q) + q)``. A group that varies more than chance agrees 0, as in R's multilevel.

    Parameters
    ----------
    frame : DataFrame, one row per member; members with a missing item are left out.
    items : columns of items on one scale with ``options`` answers.

    Returns
    -------
    DataFrame, one row per group, sorted: group, estimate, n (members), n_items. Groups with fewer than two members
    have no estimate.

    Raises
    ------
    EstimationError
        Fewer than 2 answer options, or answers further apart than the options allow.
    """
    names = [items] if isinstance(items, str) else list(items)
    need_columns(frame, [*names, group], "rwg")
    if options < 2:
        raise EstimationError(f"rwg: a scale of {options} options; at least 2 are needed for anybody to disagree.")
    used = frame.dropna(subset=[*names, group])
    values = used[names].to_numpy(dtype=float)
    if len(values) and np.ptp(values) > options - 1:
        raise EstimationError(f"rwg: answers lie {np.ptp(values):g} apart, and {options} options allow {options - 1}.")
    grouped = used.groupby(group, sort=True)[names]
    ratio = grouped.var(ddof=1).mean(axis=1) / ((options**2 - 1) / 12)
    return pd.DataFrame(
        {
            group: ratio.index,
            "estimate": _stepped_up(1 - ratio.to_numpy(), len(names)),
            "n": grouped.size().to_numpy(),
            "n_items": len(names),
        }
    )


def _stepped_up(agreement: Any, items: int) -> np.ndarray:
    """Return Spearman and Brown's formula for ``items`` parallel items; nothing below zero."""
    kept = np.maximum(agreement, 0.0)
    return np.where(np.isnan(agreement), np.nan, items * kept / (items * kept + 1 - kept))
