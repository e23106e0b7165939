"""Intraclass correlations of several groups, each pulled to their average by as much as chance could move it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.pooling import partial_pool
from exlink.stats.reliability import icc_from_sums
from exlink.stats.tidy import need_columns


@dataclass(frozen=True, slots=True, eq=False)
class PooledIcc:
    """ICC(1) per group.

    table : DataFrame     tidy rows, one per group (F interval), with shrunken, shrunken_low, shrunken_high, pull
    average : DataFrame   1 tidy row: the average of the groups
    tau : float           standard deviation of the ICCs between groups, beyond chance
    """

    table: pd.DataFrame
    average: pd.DataFrame
    tau: float


def icc_error(icc: float, units: int, rows: int) -> float:
    """Return the standard error of ICC(1) from a one-way analysis of variance.

    ``(1 − ρ)(1 + (k − 1)ρ)/k · √(2/(g − 1) + 2/(N − g))`` with k = N/g: the delta method on the variance of log F
    (Fisher 1925; Donner 1986, Int. Stat. Rev. 54, in the balanced case).
    """
    k = rows / units
    return (1 - icc) * (1 + (k - 1) * icc) / k * float(np.sqrt(2 / (units - 1) + 2 / (rows - units)))


def pooled_icc(cells: pd.DataFrame, y: str, group: str, unit: str, *, level: float = 0.95) -> PooledIcc:
    """Return ICC(1) of ``y`` by unit in every group, as measured and partially pooled.

    Parameters
    ----------
    cells : DataFrame
        One row per unit (and more, which are summed): ``n_<y>``, ``sum_<y>``, ``sumsq_<y>``, ``group``, ``unit``.

    Returns
    -------
    PooledIcc. Groups in which no unit has two rows, or nothing varies, are left out.

    Raises
    ------
    EstimationError
        Fewer than two groups are left.
    """
    columns = [f"n_{y}", f"sum_{y}", f"sumsq_{y}"]
    need_columns(cells, [*columns, group, unit], f"icc of {y}")
    sums = cells.groupby([group, unit], observed=True, sort=True)[columns].sum().reset_index()
    found = {}
    for name, part in sums.groupby(group, observed=True, sort=True):
        rows, units = float(part[columns[0]].sum()), int((part[columns[0]] > 0).sum())
        spread = float((part[columns[2]]).sum() - part[columns[1]].sum() ** 2 / max(rows, 1))
        if units > 1 and rows > units and spread > 0:
            found[str(name)] = icc_from_sums(*(part[c] for c in columns), level=level).iloc[0]
    if len(found) < 2:
        raise EstimationError(f"icc of {y}: {len(found)} of {sums[group].nunique()} groups can be measured; needs 2.")
    icc = pd.DataFrame(found.values(), index=list(found))
    error = [icc_error(r.estimate, int(r.n_groups), int(r.n)) for r in icc.itertuples()]
    pooled = partial_pool(icc["estimate"], np.square(error), list(found), n=icc["n"].astype(int), level=level)
    table = pooled.table.assign(conf_low=icc["conf_low"].to_numpy(), conf_high=icc["conf_high"].to_numpy())
    return PooledIcc(table, pooled.average, pooled.tau)
