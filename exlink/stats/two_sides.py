"""The difference between two averages of which the same units hold both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import need_columns, tidy_frame


def two_sides(
    cells: pd.DataFrame, first: str, second: str, by: Sequence[str] | str, *, cluster: str, level: float = 0.95
) -> pd.DataFrame:
    """Return the mean of ``first`` less the mean of ``second`` per group, clusters being on both sides.

    Both are ratios of cluster totals. A cluster that is high on both sides adds little to the error of the difference,
    one that is on one side only adds all of its own: the error comes from ``(s₁ − m₁n₁)/N₁ − (s₂ − m₂n₂)/N₂`` per
    cluster (linearisation, Woodruff 1971), times G / (G − 1).

    Parameters
    ----------
    cells : DataFrame
        ``n_<first>``, ``sum_<first>``, ``n_<second>``, ``sum_<second>``, ``by`` and ``cluster``; a cell may be empty
        on one side.
    by : sequence of str

    Returns
    -------
    DataFrame: by…, tidy columns (the difference), ``first`` and ``second`` (the two means), n_first, n_second (rows),
    n_clusters. ``n`` is the smaller of the two; a group with one side only has no difference.
    """
    by = [by] if isinstance(by, str) else list(by)
    columns = [f"n_{first}", f"sum_{first}", f"n_{second}", f"sum_{second}"]
    what = f"{first} against {second}"
    need_columns(cells, [*by, cluster, *columns], what)
    used = cells[(cells[columns[0]] > 0) | (cells[columns[2]] > 0)]
    if used.empty:
        raise EstimationError(f"{what}: none of {len(cells)} cells holds a row.")
    totals = used.groupby([*by, cluster], observed=True, sort=True)[columns].sum().reset_index()
    groups = totals.groupby(by, observed=True, sort=True)
    sums = groups[columns].sum().astype(float)
    n1, s1, n2, s2 = (sums[c] for c in columns)
    out = pd.DataFrame({first: s1 / n1.where(n1 > 0), second: s2 / n2.where(n2 > 0)})
    joined = totals.join(sums.add_suffix("_all"), on=by).join(out, on=by)
    influence = (joined[columns[1]] - joined[first] * joined[columns[0]]) / joined[f"{columns[0]}_all"]
    influence -= (joined[columns[3]] - joined[second] * joined[columns[2]]) / joined[f"{columns[2]}_all"]
    squares = (influence**2).groupby([joined[c] for c in by], observed=True, sort=True).sum(min_count=1)
    g = groups.size().astype(float)
    std_error = np.sqrt(g.where(g > 1) / (g - 1).where(g > 1) * squares)
    tidy = tidy_frame(
        f"{first} - {second}",
        out[first] - out[second],
        std_error,
        np.minimum(n1, n2).astype(int),
        df=g - 1,
        level=level,
    )
    found = pd.concat([out.reset_index(), tidy], axis=1)
    return found.assign(
        n_first=n1.to_numpy().astype(int), n_second=n2.to_numpy().astype(int), n_clusters=g.to_numpy().astype(int)
    )
