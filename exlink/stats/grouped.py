"""A slope inside groups, with errors by clusters that cut across the groups.

`within_between` takes out the effects of the very units it clusters by. Here the two are different things: answers
of one wave are compared with each other, and a person has answers in many waves.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import absorb, clustered_slopes, encode, refuse_flat
from exlink.stats.power import minimum_detectable
from exlink.stats.tidy import need_columns, tidy_frame

MIN_CLUSTERS = 3


def grouped_slope(
    cells: pd.DataFrame, y: str, x: str, group: str, cluster: str, *, level: float = 0.95
) -> pd.DataFrame:
    """Return the slope of ``y`` on ``x`` with the effects of ``group`` taken out and errors by ``cluster``.

    Parameters
    ----------
    cells : DataFrame
        One row per cell of rows alike in ``x``, ``group`` and ``cluster``: ``n_<y>``, ``sum_<y>`` and these columns.

    Returns
    -------
    DataFrame, 1 row: tidy columns (term = ``x``), ``n_units`` (clusters), ``n_groups`` (groups in which ``x``
    varies), ``mde``. Least squares on the rows with a dummy per group; CR1 errors that count the dummies as
    parameters, because groups are not nested in clusters; t with clusters − 1 degrees of freedom.

    Raises
    ------
    EstimationError
        Fewer than 3 clusters, or no group in which ``x`` or ``y`` varies.
    """
    n, total = f"n_{y}", f"sum_{y}"
    what = f"{y} on {x} within {group}"
    need_columns(cells, [n, total, x, group, cluster], what)
    used = cells[(cells[n] > 0) & cells[[x, group, cluster]].notna().all(axis=1)]
    # groups in which x stands still say nothing; their people must not count as clusters
    used = used[used.groupby(group)[x].transform("nunique") > 1]
    codes, units = encode(used[cluster])
    if len(units) < MIN_CLUSTERS:
        raise EstimationError(
            f"{what}: {len(units)} values of {cluster} in groups where {x} varies; at least {MIN_CLUSTERS} are needed."
        )
    inside, groups = encode(used[group])
    weights = used[n].to_numpy(dtype=float)
    values = np.column_stack([used[x].to_numpy(dtype=float), used[total].to_numpy(dtype=float) / weights])
    left, _ = absorb(values, inside, None, weights)
    refuse_flat(left, values, weights, [x, y], f"within {group}")
    coef, influence, _ = clustered_slopes(
        left[:, :1], left[:, 1], weights, codes, n_rows=weights.sum(), n_other=len(groups), n_units=len(units)
    )
    std_error = float(np.sqrt((influence**2).sum()))
    frame = tidy_frame(x, coef, std_error, int(weights.sum()), df=len(units) - 1, level=level)
    return frame.assign(n_units=len(units), n_groups=len(groups), mde=minimum_detectable(std_error))
