"""Slopes of the same two measures in several groups, from sums per cluster, and how sure their order is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.bootstrap import bootstrap
from exlink.stats.importance import ranks_of
from exlink.stats.tidy import draws_frame, need_columns

SUMS = ("n", "sum_x", "sum_y", "sumsq_x", "sum_xy")


def slope_ranks(
    sums: pd.DataFrame, group: str, cluster: str, *, reps: int = 1000, seed: int, level: float = 0.95
) -> pd.DataFrame:
    """Return the least-squares slope of y on x in every group, with rank intervals over whole clusters.

    Parameters
    ----------
    sums : DataFrame, one row per group and cluster: ``SUMS``; x and y best centred near their means.
    cluster : what is drawn again; one draw serves all groups, so that ranks are compared within it.

    Returns
    -------
    DataFrame, one row per group: group, estimate, std_error, conf_low, conf_high, p_value, n, n_clusters, rank (1 for
    the largest), rank_low, rank_high (whole places, holding at least ``level`` of the draws).

    Raises
    ------
    EstimationError
        Fewer than 2 groups, fewer than 3 clusters, or a group in which x does not vary.
    """
    need_columns(sums, [group, cluster, *SUMS], "slopes by group")
    groups, names = encode(sums[group])
    clusters, units = encode(sums[cluster])
    if len(names) < 2:
        raise EstimationError(f"slopes by group: {len(names)} group; at least 2 are needed for an order.")
    table = np.zeros((len(units), len(names), len(SUMS)))
    np.add.at(table, (clusters, groups), sums[list(SUMS)].to_numpy(dtype=float))
    flat = table.reshape(len(units), -1)

    def statistic(weights: np.ndarray) -> np.ndarray:
        n, x, y, xx, xy = np.moveaxis((weights @ flat).reshape(len(weights), len(names), len(SUMS)), 2, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            spread = xx - x**2 / n
            return np.where(spread > 1e-9 * np.maximum(xx, 1), (xy - x * y / n) / spread, np.nan)

    point = statistic(np.ones((1, len(units))))[0]
    if np.isnan(point).any():
        raise EstimationError(f"slopes by group: x does not vary in {names[np.isnan(point)][0]}.")
    draws = bootstrap(statistic, len(units), reps=reps, seed=seed)
    counts = table[:, :, 0]
    frame = draws_frame([str(name) for name in names], point, draws, counts.sum(axis=0).astype(int), level=level)
    ranks = ranks_of(draws[np.isfinite(draws).all(axis=1)])
    tails = (1 - level) / 2, (1 + level) / 2
    return frame.rename(columns={"term": group}).assign(
        n_clusters=(counts > 0).sum(axis=0),
        rank=ranks_of(point[None])[0],
        rank_low=np.quantile(ranks, tails[0], axis=0, method="lower"),
        rank_high=np.quantile(ranks, tails[1], axis=0, method="higher"),
    )
