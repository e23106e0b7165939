"""Intraclass correlations of several groups, each pulled to their average by as much as chance could move it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.pooling import partial_pool
from exlink.stats.reliability import icc_from_sums
from exlink.stats.tidy import need_columns

ROUNDS = 5  # of average and errors in turn; the average no longer moves by a thousandth after three
LARGEST = 0.99  # an ICC of one would have no error at all


@dataclass(frozen=True, slots=True, eq=False)
class PooledIcc:
    """ICC(1) per group.

    table : DataFrame     tidy rows, one per group (F interval; std_error as if its ICC were the average), with
        shrunken, shrunken_low, shrunken_high, pull
    average : DataFrame   1 tidy row: the average of the groups
    tau : float           standard deviation of the ICCs between groups, beyond chance
    tau_low, tau_high : float    its interval
    p_value : float       Cochran's Q, tested against groups whose ICCs are equal
    """

    table: pd.DataFrame
    average: pd.DataFrame
    tau: float
    tau_low: float
    tau_high: float
    p_value: float


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

    Notes
    -----
    How sure an ICC is depends on the ICC itself. Were each group's error taken at its own estimate, groups that came
    out low by chance would weigh most and the average would be too low, so all errors are taken at the average.

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
    sizes = list(zip(icc["n_groups"].astype(int), icc["n"].astype(int), strict=True))
    free = icc["n_groups"] - 1
    common = float((icc["estimate"] * free).sum() / free.sum())
    for _ in range(ROUNDS):
        at = min(max(common, 0.0), LARGEST)
        variance = np.square([icc_error(at, units, rows) for units, rows in sizes])
        pooled = partial_pool(icc["estimate"], variance, list(found), n=icc["n"].astype(int), level=level)
        common = float(pooled.average["estimate"].iloc[0])
    table = pooled.table.assign(conf_low=icc["conf_low"].to_numpy(), conf_high=icc["conf_high"].to_numpy())
    return PooledIcc(table, pooled.average, pooled.tau, pooled.tau_low, pooled.tau_high, pooled.p_value)
