"""How far the share of each group is from that of all the others, groups that have none or all of it included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.proportions import wilson_bounds
from exlink.stats.share_gap import gap_p_value, share_gap
from exlink.stats.tidy import check_level, need_columns


def one_against_rest(
    cells: pd.DataFrame, successes: str, n: str, group: str, cluster: str, *, level: float = 0.95
) -> pd.DataFrame:
    """Return each group's share less the share of all other groups.

    Both shares have the Wilson interval at the effective sample size of their clustered error, as of `group_shares`,
    and the interval of the difference follows from these (`share_gap`). A share of none or all shows nothing of how
    alike rows of a cluster are: it is worth its rows by the other side's design effect, never less than its clusters.
    Where clusters have rows on both sides that go together, the interval is too wide rather than too narrow.

    Parameters
    ----------
    cells : DataFrame
        Compressed rows: ``successes`` among ``n``, with their ``group`` and ``cluster``.

    Returns
    -------
    DataFrame: group, estimate, conf_low, conf_high (of shares, −1 to 1), p_value, n (rows of the group), n_clusters.
    Missing where a group has no rows, no others, or too few clusters on a side.
    """
    check_level(level)
    need_columns(cells, [successes, n, group, cluster], "one against the rest")
    codes, labels = encode(cells[group])
    clusters, names = encode(cells[cluster])
    if (cells[successes] > cells[n]).any():
        raise EstimationError(f"one against the rest: more of {successes} than of {n} in a cell.")
    shape, at = (len(names), len(labels)), clusters * len(labels) + codes
    s, m = (np.bincount(at, weights=cells[c], minlength=len(names) * len(labels)).reshape(shape)
            for c in (successes, n))  # fmt: skip
    own, rest = _side(s, m), _side(s.sum(axis=1)[:, None] - s, m.sum(axis=1)[:, None] - m)
    rows = []
    for k, label in enumerate(labels):
        mine, others = ({c: v[k] for c, v in side.items()} for side in (own, rest))
        row = {"estimate": np.nan, "conf_low": np.nan, "conf_high": np.nan}
        if mine["rows"] > 0 and others["rows"] > 0:
            row = share_gap(_interval(mine, others, level), _interval(others, mine, level))
        p = gap_p_value(row, level)
        rows.append({group: label, **row, "p_value": p, "n": int(mine["rows"]), "n_clusters": int(mine["clusters"])})
    return pd.DataFrame(rows)


def _side(s: np.ndarray, m: np.ndarray) -> dict[str, np.ndarray]:
    """Return shares with their clustered errors from successes and rows by cluster and group, (clusters, groups)."""
    rows, clusters = m.sum(axis=0), (m > 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = s.sum(axis=0) / rows
        error = np.sqrt(clusters / (clusters - 1.0) * ((s - share * m) ** 2).sum(axis=0)) / rows
    return {"share": share, "error": error, "rows": rows, "clusters": clusters}


def _interval(side: dict[str, float], other: dict[str, float], level: float) -> dict[str, float]:
    """Return a share with its Wilson interval at the number of independent rows that it is worth."""
    p, q, clusters = side["share"], other["share"], side["clusters"]
    spread = p * (1 - p)
    if spread > 0 and side["error"] > 0:
        worth, df = min(spread / side["error"] ** 2, side["rows"]), clusters - 1
    elif q * (1 - q) > 0 and other["error"] > 0:
        design = max(other["rows"] * other["error"] ** 2 / (q * (1 - q)), 1.0)
        worth, df = max(side["rows"] / design, clusters), other["clusters"] - 1
    else:
        worth, df = clusters, clusters - 1
    low, high = wilson_bounds(p, worth, level=level, df=df)
    return {"estimate": float(p), "conf_low": float(low), "conf_high": float(high)}
