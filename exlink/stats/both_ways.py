"""Groups in which one thing rises while another falls: from slopes of both, each pulled to the average group's.

A slope is estimated over all periods, so no first or last period that was high or low by chance makes a trend of its
own; and it is pulled to the other groups' by as much as it is uncertain, so that the most extreme of many is not taken
at its word (regression to the mean).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.group_slopes import GroupSlopes
from exlink.stats.pooling import Pooled, partial_pool
from exlink.stats.tidy import need_columns, t_quantile, t_tail


@dataclass(frozen=True, slots=True, eq=False)
class BothWays:
    """Two slopes per group.

    table : DataFrame    group, rise, rise_low, rise_high (of what should not rise alone), fall, fall_low, fall_high (of
                         the other), p_opposite (that both exceed what is harmless, in opposite directions), p_matters
                         (that both exceed what matters), n_units (the fewer of both)
    rising, falling : Pooled    of all groups with either slope
    """

    table: pd.DataFrame
    rising: Pooled
    falling: Pooled


def both_ways(
    rising: GroupSlopes, falling: GroupSlopes, *, harmless: float = 0.0, matters: float = 0.0, level: float = 0.95
) -> BothWays:
    """Return per group the probability that ``rising`` truly rises and ``falling`` truly falls.

    Parameters
    ----------
    harmless, matters : float
        Slopes, in the unit of the estimates and the same for both, up to which nothing has changed, and from which on
        a change matters.

    Each is pooled over groups on its own (`stats/pooling`). The errors of the two come from different respondents and
    count as independent, so that the probability of both is the product. A model of both at once would also learn how
    true slopes of a group go together. Where they run against each other the product is too small: cautious. Where they
    move together it is too large in the middle, not where a verdict of divergence falls: of groups with 0.95 or more,
    99 % or more truly move both ways at correlations of the true slopes of −0.7, 0 and 0.7 (150 studies of 20 groups
    each); of those with 0.8 or more 97 %, 93 % and 74 %. So 0.95 may be acted on, less is to be watched.

    Raises
    ------
    EstimationError
        No group has both slopes.
    """
    pools = [partial_pool(s.table["estimate"], s.vcov, list(s.table["term"]), n=s.table["n"], df=s.df, level=level)
             for s in (rising, falling)]  # fmt: skip
    up, down = (
        pd.DataFrame({
            name: pool.table["shrunken"].to_numpy(), f"{name}_low": pool.table["shrunken_low"].to_numpy(),
            f"{name}_high": pool.table["shrunken_high"].to_numpy(),
            f"p_{name}": _beyond(pool, slopes.df, way, harmless, level),
            f"q_{name}": _beyond(pool, slopes.df, way, matters, level),
            f"n_{name}": slopes.table["n_units"].to_numpy(),
        }, index=slopes.table["term"])
        for name, way, pool, slopes in (("rise", 1, pools[0], rising), ("fall", -1, pools[1], falling))
    )  # fmt: skip
    both = up.join(down, how="inner")
    if both.empty:
        raise EstimationError("both ways: no group has a slope of both.")
    table = both.assign(p_opposite=both["p_rise"] * both["p_fall"], p_matters=both["q_rise"] * both["q_fall"],
                        n_units=both[["n_rise", "n_fall"]].min(axis=1))  # fmt: skip
    table = (
        table.drop(columns=[f"{c}_{name}" for c in "pqn" for name in ("rise", "fall")])
        .rename_axis("group")
        .reset_index()
    )
    return BothWays(table, *pools)


def _beyond(pool: Pooled, df: float, way: int, bound: float, level: float) -> np.ndarray:
    """Return the probability that each pooled slope lies above ``bound``, with ``way`` −1 below −``bound``: (k,)."""
    rows = pool.table
    doubt = (rows["shrunken_high"] - rows["shrunken"]).to_numpy() / t_quantile(0.5 + level / 2, df)
    value = (way * rows["shrunken"].to_numpy() - bound) / doubt
    tail = t_tail(np.abs(value), df)
    return np.where(value > 0, 1 - tail, tail)


def onset(
    series: Sequence[tuple[pd.DataFrame, str]], unit: str, time: str, period: str, *, level: float = 0.95
) -> tuple[float, float, float]:
    """Return since when several series have moved: the time after which a straight line fits them best, and its range.

    Until the onset nothing changes, from then on each series has a slope of its own, and units keep their level.

    Parameters
    ----------
    series : pairs of cells and the name of their outcome (``n_<y>``, ``sum_<y>``)
    unit, time, period : columns of unit, of time as a number, and of the period by which onsets are tried.

    Returns
    -------
    onset, earliest, latest : all onsets whose profile likelihood is within the chi-square limit of the best.
    """
    starts = np.unique(np.concatenate([_starts(frame, time, period) for frame, _ in series]).round(3))
    found = []
    for at in starts[:-1]:
        found.append(sum(_fit(frame, y, unit, np.maximum(frame[time].to_numpy() - at, 0.0)) for frame, y in series))
    fits = np.array(found)
    near = starts[:-1][fits >= fits.max() - special.chdtri(1, 1 - level) / 2]
    return float(starts[int(fits.argmax())]), float(near.min()), float(near.max())


def _starts(frame: pd.DataFrame, time: str, period: str) -> np.ndarray:
    need_columns(frame, [time, period], "onset")
    return frame.groupby(period)[time].min().to_numpy()


def _fit(frame: pd.DataFrame, y: str, unit: str, x: Any) -> float:
    """Return the log likelihood of cell means on ``x`` within units, its constant left out."""
    n, codes = frame[f"n_{y}"].to_numpy(dtype=float), encode(frame[unit])[0]
    mean = frame[f"sum_{y}"].to_numpy(dtype=float) / n
    size = np.bincount(codes, n)
    own = [v - (np.bincount(codes, n * v) / size)[codes] for v in (mean, np.asarray(x, dtype=float))]
    square = n @ own[1] ** 2
    left = n @ own[0] ** 2 - ((n @ (own[0] * own[1])) ** 2 / square if square > 0 else 0.0)
    return -0.5 * len(frame) * np.log(left)
