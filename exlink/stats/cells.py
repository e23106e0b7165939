"""Compressed cells: groups of rows with the same covariates.

A cell holds ``n_<y>`` rows with outcome sum ``sum_<y>`` and sum of squares ``sumsq_<y>``. For least squares that is
all there is to know about the rows, because no covariate varies inside a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import encode, group_sums
from exlink.stats.tidy import need_columns

MIN_UNITS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Complete cells as arrays: x (n, p), y (n,) cell means, weights (n,) rows, unit and time codes (n,)."""

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    inside: float
    unit: np.ndarray
    time: np.ndarray | None
    units: np.ndarray
    names: list[str]
    dropped: int
    what: str


def complete_cells(
    cells: pd.DataFrame,
    y: str,
    x: str | Sequence[str],
    unit: str,
    time: str | None = None,
    *,
    within: bool = True,
    min_units: int = MIN_UNITS,
) -> Cells:
    """Return the cells in which outcome, covariates, unit and time are all known.

    With ``within`` units seen in one state only (one period, one value of x) are left out too: they say
    nothing about change, and counting them as clusters would flatter the errors.

    Raises
    ------
    EstimationError
        When a column is missing or fewer than ``min_units`` units are left.
    """
    names = [x] if isinstance(x, str) else list(x)
    what = f"{y} on {listed(names)}"
    n, total = f"n_{y}", f"sum_{y}"
    need_columns(cells, [n, total, unit, *names, *([time] if time else [])], what)
    keep = (cells[n].fillna(0) > 0) & cells[unit].notna() & cells[names].notna().all(axis=1)
    if time:
        keep &= cells[time].notna()
    used = cells[keep]
    codes, units = encode(used[unit])
    if within and len(used):
        moves = _moving(codes, used[[*names, *([time] if time else [])]], len(units))
        used, codes = used[moves[codes]], (np.cumsum(moves) - 1)[codes[moves[codes]]]
        units = units[moves]
    if len(units) < max(min_units, 2):
        seen = cells[unit].nunique()
        kind = "seen more than once in complete cells" if within else "with complete cells"
        raise EstimationError(
            f"{what}: {len(units)} of {seen} values of {unit} {kind}; at least {max(min_units, 2)} are needed."
        )
    weights = used[n].to_numpy(dtype=float)
    means = used[total].to_numpy(dtype=float) / weights
    sumsq = f"sumsq_{y}"
    inside = float((used[sumsq] - weights * means**2).sum()) if sumsq in used else np.nan
    values = used[names].to_numpy(dtype=float)
    if not (np.isfinite(values).all() and np.isfinite(means).all()):
        raise EstimationError(f"{what}: infinite values in the data.")
    return Cells(
        x=values, y=means, weights=weights, inside=inside, unit=codes,
        time=encode(used[time])[0] if time else None, units=units, names=names,
        dropped=int(len(cells) - len(used)), what=what,
    )  # fmt: skip


def _moving(codes: np.ndarray, state: pd.DataFrame, n_units: int) -> np.ndarray:
    """Return whether a unit shows more than one state: shape (units,)."""
    first = np.empty(n_units, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    moved = np.zeros(len(codes), dtype=bool)
    for column in state.columns:
        values = state[column].to_numpy()
        moved |= values != values[first[codes]]
    return np.bincount(codes, weights=moved, minlength=n_units) > 0


def same_cells(cells: pd.DataFrame, names: Sequence[str]) -> list[list[str]]:
    """Return the names of columns grouped by the cells in which they are known, in their order."""
    need_columns(cells, names, "cells")
    groups: dict[bytes, list[str]] = {}
    for name in names:
        groups.setdefault(cells[name].notna().to_numpy().tobytes(), []).append(name)
    return list(groups.values())


def unit_means(data: Cells, weights: str = "rows") -> tuple[np.ndarray, np.ndarray]:
    """Return unit means of [x…, y], shape (units, p + 1), weighted by rows, and the weight of each unit."""
    if weights not in ("rows", "units"):
        raise EstimationError(f"weights: '{weights}' is neither 'rows' nor 'units'.")
    levels = len(data.units)
    totals = np.bincount(data.unit, weights=data.weights, minlength=levels)
    values = np.column_stack([data.x, data.y])
    means = group_sums(values * data.weights[:, None], data.unit, levels) / totals[:, None]
    return means, totals if weights == "rows" else np.ones(levels)
