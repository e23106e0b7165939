"""The slope within units, group by group: one model, so that slopes of groups that share units can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode, group_sums
from exlink.stats.cells import MIN_UNITS
from exlink.stats.tidy import need_columns, tidy_frame
from exlink.stats.within_between import within_slope


@dataclass(frozen=True, slots=True, eq=False)
class GroupSlopes:
    """Slopes of k groups.

    table : DataFrame     tidy rows (term = group) with n_units, in order of the groups
    vcov : ndarray, (k, k)    clustered by unit, also where a unit is in several groups
    df : int                  units less groups: what the covariance rests on
    left_out : dict       group → units, of groups with too few
    """

    table: pd.DataFrame
    vcov: np.ndarray
    df: int
    left_out: dict[str, int]


def group_slopes(
    cells: pd.DataFrame,
    y: str,
    x: str,
    unit: str,
    group: str,
    time: str | None = None,
    *,
    beside: Sequence[str] = (),
    min_units: int = MIN_UNITS,
) -> GroupSlopes:
    """Return the slope of ``y`` on ``x`` within units in every group, time effects in common.

    A unit is compared with itself inside one group only: what a change of group brings with it is no slope.

    Parameters
    ----------
    cells : DataFrame
        As in `within_slope`; ``group`` may change over a unit's cells, and cells without it are left out.
    beside : sequence of str
        Covariates that are held equal, each with one slope in common: a slope of every one per group would leave
        small groups little to tell ``x`` by.
    min_units : int
        Units that a group needs with ``x`` moving inside it.

    Raises
    ------
    EstimationError
        Fewer than 2 groups with enough units, or what `within_slope` raises.
    """
    n, what = f"n_{y}", f"{y} on {x} by {group}"
    needed = [n, f"sum_{y}", x, *beside, unit, group, *([time] if time else [])]
    need_columns(cells, needed, what)
    known = cells.loc[(cells[n] > 0) & cells[[x, *beside, unit, group]].notna().all(axis=1), needed]
    (units, _), (groups, labels) = encode(known[unit]), encode(known[group])
    counts = np.bincount(_moving_groups(units * len(labels) + groups, known[x].to_numpy(dtype=float)) % len(labels),
                         minlength=len(labels))  # fmt: skip
    enough = np.flatnonzero(counts >= min_units)
    if len(enough) < 2:
        raise EstimationError(
            f"{what}: {len(enough)} of {len(counts)} groups have at least {min_units} values of {unit} with {x} "
            "moving; two are needed to compare."
        )
    inside = np.isin(groups, enough)
    used, of = known[inside], np.searchsorted(enough, groups[inside])
    names, k = [f"slope {j}" for j in range(len(enough))], len(enough)
    columns = {name: np.where(of == j, used[x], 0.0) for j, name in enumerate(names)}
    kept = [n, f"sum_{y}", *beside, *([time] if time else [])]
    frame = used[kept].assign(**columns, _who=units[inside] * k + of)
    fit = within_slope(frame, y, [*names, *beside], "_who", time)
    people, distinct = encode(fit.units // k)
    influence = group_sums(fit.influence[:, :k], people, len(distinct))
    # the factor G / (G - 1) of the fit counts a unit once per group; here it is one cluster
    pairs, g = len(fit.units), len(distinct)
    vcov = influence.T @ influence * ((g / (g - 1)) / (pairs / (pairs - 1)))
    rows = np.bincount(of, weights=used[n], minlength=k).astype(int)
    table = tidy_frame([str(v) for v in labels[enough]], fit.table["estimate"].iloc[:k], np.sqrt(np.diag(vcov)), rows,
                       df=counts[enough] - 1)  # fmt: skip
    few = {str(label): int(count) for label, count in zip(labels, counts, strict=True) if count < min_units}
    return GroupSlopes(table.assign(n_units=counts[enough]), vcov, g - k, few)


def _moving_groups(pairs: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the codes of unit and group inside which ``x`` takes more than one value."""
    order = np.lexsort((x, pairs))
    ordered, values = pairs[order], x[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[begins[1:], len(ordered)] - 1
    return ordered[begins[values[begins] < values[ends]]]
