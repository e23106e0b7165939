"""Shares of groups and how far each is from the rest, from sums over clusters: no cluster need be in memory.

With s successes among m rows of a cluster, a share and its cluster-robust error need only the sums over clusters of s,
m and of their squares and products, which an engine makes in one pass; a comparison with the rest needs them with the
cluster's own totals ts and tm besides.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.proportions import wilson_bounds
from exlink.stats.tidy import need_columns, tidy_frame

OWN = ("s", "m", "ss", "sm", "mm", "clusters")
CROSSED = ("s_ts", "s_tm", "m_ts", "m_tm")
TOTALS = ("ts_ts", "ts_tm", "tm_tm", "ts", "tm", "t_clusters")


def cluster_shares(moments: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return the share of each row of ``moments``, with its cluster-robust interval.

    Parameters
    ----------
    moments : DataFrame
        Per group, summed over clusters: s, m, ss (s²), sm, mm (m²), and ``clusters`` with m > 0.

    Returns
    -------
    DataFrame, tidy columns and ``n_clusters``, on the index of ``moments``: as `group_shares` gives them from the
    clusters themselves (linearised error of a ratio, Wilson interval at the effective sample size). A group without
    rows is empty.
    """
    need_columns(moments, OWN, "cluster shares")
    s, m, ss, sm, mm, g = (moments[c].to_numpy(dtype=float) for c in OWN)
    if (s > m).any():
        raise EstimationError(f"cluster shares: {int((s > m).sum())} of {len(s)} groups have more successes than rows.")
    with np.errstate(divide="ignore", invalid="ignore"):
        share = s / m
        squares = np.maximum(ss - 2 * share * sm + share**2 * mm, 0.0)
        std_error = np.sqrt(np.where(g > 1, g / (g - 1), np.nan) * squares) / m
        effective = share * (1 - share) / std_error**2
    # without any variation the design effect is unknown: count clusters, the safest number
    effective = np.where(np.isfinite(effective), np.minimum(effective, m), g)
    low, high = wilson_bounds(share, effective, level=level, df=g - 1)
    frame = tidy_frame([str(i) for i in moments.index], share, std_error, m.astype(int), level=level, null=None)
    frame = frame.assign(conf_low=low, conf_high=high, n_clusters=g.astype(int))
    return frame.set_index(moments.index)


def against_rest(moments: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return each group's share less the share of all other groups, with clusters that may be in both.

    Parameters
    ----------
    moments : DataFrame
        As for `cluster_shares`, and per group s_ts, s_tm, m_ts, m_tm (products with the totals of the cluster, over
        clusters of the group); over all clusters ts_ts, ts_tm, tm_tm, ts, tm, t_clusters, the same in each row.

    Returns
    -------
    DataFrame, tidy columns and ``p_adjusted`` (Benjamini–Hochberg over the rows), on the index of ``moments``.
    """
    need_columns(moments, [*OWN, *CROSSED, *TOTALS], "shares against the rest")
    get = {c: moments[c].to_numpy(dtype=float) for c in (*OWN, *CROSSED, *TOTALS)}
    own_m, rest_m = get["m"], get["tm"] - get["m"]
    with np.errstate(divide="ignore", invalid="ignore"):
        own, rest = get["s"] / own_m, (get["ts"] - get["s"]) / rest_m
        # influence of a cluster: (s − own·m)/own_m − ((ts − s) − rest·(tm − m))/rest_m, linear in (s, m, ts, tm)
        weights = np.stack(
            [1 / own_m + 1 / rest_m, -own / own_m - rest / rest_m, -1 / rest_m, rest / rest_m], axis=1
        )  # fmt: skip
    products = np.stack(
        [[get["ss"], get["sm"], get["s_ts"], get["s_tm"]],
         [get["sm"], get["mm"], get["m_ts"], get["m_tm"]],
         [get["s_ts"], get["m_ts"], get["ts_ts"], get["ts_tm"]],
         [get["s_tm"], get["m_tm"], get["ts_tm"], get["tm_tm"]]]
    )  # fmt: skip
    g = get["t_clusters"]
    variance = np.einsum("ki,ijk,kj->k", weights, products, weights) * np.where(g > 1, g / (g - 1), np.nan)
    std_error = np.sqrt(np.maximum(variance, 0.0))
    names = [str(i) for i in moments.index]
    frame = tidy_frame(names, own - rest, std_error, own_m.astype(int), df=g - 1, level=level)
    return frame.assign(p_adjusted=benjamini_hochberg(frame["p_value"])).set_index(moments.index)
