"""Means with intervals, from rows or from compressed sums, with or without clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import TIDY, need_columns, tidy_frame


def mean_interval(values: Any, *, cluster: Any = None, term: str = "mean", level: float = 0.95) -> pd.DataFrame:
    """Return the mean of ``values`` with its interval.

    Parameters
    ----------
    values : array_like, shape (n,)
        Missing values are left out.
    cluster : array_like, shape (n,), optional
        Labels of clusters; the interval then allows rows of a cluster to be alike.

    Returns
    -------
    DataFrame, 1 row: tidy columns and ``n_clusters``.

    Raises
    ------
    EstimationError
        When no value is left.
    """
    frame = pd.DataFrame({"value": np.asarray(values, dtype=float)})
    frame["cluster"] = np.arange(len(frame)) if cluster is None else np.asarray(cluster)
    frame = frame.dropna()
    if frame.empty:
        raise EstimationError(f"{term}: no value to average.")
    cells = frame.assign(n_value=1, sum_value=frame["value"], sumsq_value=frame["value"] ** 2)
    result = group_means(cells, "value", cluster=None if cluster is None else "cluster", level=level)
    return result.assign(term=term)


def mean_from_sums(
    n: Any, total: Any, sumsq: Any, *, term: str | Sequence[str] | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Return means from counts, sums and sums of squares of independent rows.

    Parameters
    ----------
    n, total, sumsq : array_like, shape (k,)
        Rows, sum of values and sum of squared values per group.

    Returns
    -------
    DataFrame, shape (k, 7), tidy. Groups with one row keep their estimate and have no interval.
    """
    n = np.atleast_1d(np.asarray(n, dtype=float))
    total = np.atleast_1d(np.asarray(total, dtype=float))
    sumsq = np.atleast_1d(np.asarray(sumsq, dtype=float))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / n
        # rounding can push the difference a hair below zero when all values are equal
        variance = np.maximum(sumsq - n * mean**2, 0) / np.where(n > 1, n - 1, np.nan)
        std_error = np.sqrt(variance / n)
    names = [str(i) for i in range(len(n))] if term is None else term
    return tidy_frame(names, mean, std_error, n.astype(int), df=n - 1, level=level)


def ratio_mean(cells: pd.DataFrame, total: str, n: str, by: Sequence[str], cluster: str) -> pd.DataFrame:
    """Return group means with the linearised variance of a ratio of cluster totals.

    With cluster totals ``s_g`` and sizes ``m_g``, the mean is ``Σs/Σm`` and its variance is
    ``G/(G-1) Σ(s_g - mean·m_g)² / (Σm)²`` (Cochran 1977, eq. 6.13; Woodruff 1971).

    Returns
    -------
    DataFrame: by…, estimate, std_error, n, n_clusters
    """
    # a constant column keeps the code the same for "no groups": one group of all
    keys = list(by) or ["_all"]
    frame = cells if by else cells.assign(_all=0)
    cluster_sums = frame.groupby([*keys, cluster], observed=True, sort=True)[[n, total]].sum()
    cluster_sums = cluster_sums[cluster_sums[n] > 0].reset_index()
    groups = cluster_sums.groupby(keys, observed=True, sort=True)
    out = groups[[n, total]].sum()
    out["n_clusters"] = groups.size()
    out["estimate"] = out[total] / out[n]
    merged = cluster_sums.join(out["estimate"], on=keys)
    merged["squared"] = (merged[total] - merged["estimate"] * merged[n]) ** 2
    squares = merged.groupby(keys, observed=True, sort=True)["squared"].sum()
    g = out["n_clusters"].where(out["n_clusters"] > 1).astype(float)
    out["std_error"] = np.sqrt(g / (g - 1) * squares) / out[n]
    out = out.rename(columns={n: "n"}).reset_index()
    return out[[*by, "estimate", "std_error", "n", "n_clusters"]]


def group_means(
    cells: pd.DataFrame,
    y: str,
    by: Sequence[str] | str = (),
    *,
    cluster: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the mean of ``y`` per group from compressed cells.

    Parameters
    ----------
    cells : DataFrame
        One row per cell with ``n_<y>``, ``sum_<y>``, ``sumsq_<y>``, the ``by`` columns and ``cluster``.
    y : str
        Outcome name.
    by : sequence of str
        Grouping columns; empty for one overall mean.
    cluster : str, optional
        Column of clusters (independent units). Without it rows count as independent.

    Returns
    -------
    DataFrame: by…, tidy columns, ``n_clusters`` (rows when there is no cluster), sorted by ``by``.
    A group with one cluster keeps its estimate and has no interval.

    Raises
    ------
    EstimationError
        When a column is missing or no cell holds an answer.
    """
    by = [by] if isinstance(by, str) else list(by)
    n, total, sumsq = f"n_{y}", f"sum_{y}", f"sumsq_{y}"
    need_columns(cells, [*by, n, total, *([cluster] if cluster else [sumsq])], f"mean of {y}")
    used = cells[cells[n] > 0]
    if used.empty:
        raise EstimationError(f"mean of {y}: none of {len(cells)} cells holds an answer.")
    if cluster:
        out = ratio_mean(used, total, n, by, cluster)
        df = out["n_clusters"] - 1
        tidy = tidy_frame(y, out["estimate"], out["std_error"], out["n"], df=df, level=level)
        clusters = out["n_clusters"]
    else:
        keys = by or ["_all"]
        frame = used if by else used.assign(_all=0)
        out = frame.groupby(keys, observed=True, sort=True)[[n, total, sumsq]].sum().reset_index()
        tidy = mean_from_sums(out[n], out[total], out[sumsq], term=[y] * len(out), level=level)
        clusters = out[n]
    result = pd.concat([out[by].reset_index(drop=True), tidy[TIDY]], axis=1)
    return result.assign(n=result["n"].astype(int), n_clusters=clusters.to_numpy().astype(int))


def difference(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    by: Sequence[str] | str = (),
    term: str = "difference",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return ``first - second`` for two tidy frames of independent estimates.

    Both frames are joined on ``by`` (row against row when empty); the standard error is the root of the
    summed squares, the interval normal.

    Returns
    -------
    DataFrame: by…, tidy columns; ``n`` is the smaller of the two.
    """
    by = [by] if isinstance(by, str) else list(by)
    left, right = first[[*by, *TIDY]], second[[*by, *TIDY]]
    if by:
        joined = left.merge(right, on=by, suffixes=("_1", "_2")).sort_values(by, ignore_index=True)
    else:
        if len(first) != len(second):
            raise EstimationError(
                f"difference: {len(first)} against {len(second)} estimates. Name the columns to join on: by=…"
            )
        joined = pd.concat(
            [left.add_suffix("_1").reset_index(drop=True), right.add_suffix("_2").reset_index(drop=True)],
            axis=1,
        )
    tidy = tidy_frame(
        term,
        joined["estimate_1"] - joined["estimate_2"],
        np.hypot(joined["std_error_1"], joined["std_error_2"]),
        joined[["n_1", "n_2"]].min(axis=1),
        level=level,
    )
    return pd.concat([joined[by], tidy], axis=1)
