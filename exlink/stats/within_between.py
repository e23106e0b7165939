"""Slopes within units and between units, kept apart, from compressed cells.

A *cell* is a group of rows with the same covariates: ``n_<y>`` rows with outcome sum ``sum_<y>`` and sum of
squares ``sumsq_<y>``. Least squares on cell means weighted by ``n_<y>`` gives the coefficients, and the
cluster-robust errors, of least squares on the rows: nothing is lost by compressing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import absorb, clustered_slopes, encode, group_sums, refuse_collinear, refuse_flat
from exlink.stats.tidy import need_columns, tidy_frame

MIN_UNITS = 3


@dataclass(frozen=True, slots=True, eq=False)
class SlopeFit:
    """Slopes with cluster-robust errors.

    table : DataFrame, (p, 8)      tidy columns and n_units
    vcov : DataFrame, (p, p)       CR1 covariance by unit
    sigma : float                  residual standard deviation of the rows; NaN without sums of squares
    n_rows, n_units, n_cells, dropped_cells : int
    units : ndarray, (units,)      labels of the rows of ``influence``
    influence : ndarray, (units, p)    ``influence.T @ influence`` is ``vcov``
    sd_x : Series, (p,)            standard deviation of x once the effects are out
    """

    table: pd.DataFrame
    vcov: pd.DataFrame
    sigma: float
    n_rows: int
    n_units: int
    n_cells: int
    dropped_cells: int
    units: np.ndarray
    influence: np.ndarray
    sd_x: pd.Series

    def estimate(self, term: str | None = None) -> float:
        """Return the slope of ``term`` (the first one when not named)."""
        rows = self.table if term is None else self.table[self.table["term"] == term]
        return float(rows["estimate"].iloc[0])


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

    With ``within`` units seen in a single cell are left out too: they say nothing about change, and
    counting them as clusters would flatter the errors.

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
        often = np.bincount(codes, minlength=len(units)) > 1
        used, codes = used[often[codes]], (np.cumsum(often) - 1)[codes[often[codes]]]
        units = units[often]
    if len(units) < max(min_units, 2):
        seen = cells[unit].nunique()
        kind = "with at least two complete cells" if within else "with complete cells"
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


def split(frame: pd.DataFrame, x: str | Sequence[str], unit: str, *, weights: str | None = None) -> pd.DataFrame:
    """Return ``frame`` with ``<x>_between`` (unit mean) and ``<x>_within`` (deviation from it).

    Parameters
    ----------
    x : str or sequence of str
        Covariates; missing values stay missing and do not enter the mean.
    weights : str, optional
        Column of row counts; the unit mean is then weighted by it.

    Returns
    -------
    DataFrame, a copy with two more columns per covariate; ``x = x_between + x_within``.
    """
    names = [x] if isinstance(x, str) else list(x)
    need_columns(frame, [*names, unit, *([weights] if weights else [])], "split")
    weight = pd.Series(1.0, index=frame.index) if weights is None else frame[weights].astype(float)
    out = frame.copy()
    for name in names:
        known = weight.where(frame[name].notna(), 0.0)
        sums = (frame[name].fillna(0) * known).groupby(frame[unit]).transform("sum")
        out[f"{name}_between"] = sums / known.groupby(frame[unit]).transform("sum").replace(0, np.nan)
        out[f"{name}_within"] = frame[name] - out[f"{name}_between"]
    return out


def within_slope(
    cells: pd.DataFrame,
    y: str,
    x: str | Sequence[str],
    unit: str,
    time: str | None = None,
    *,
    level: float = 0.95,
    min_units: int = MIN_UNITS,
) -> SlopeFit:
    """Return slopes of ``y`` on ``x`` within units, with unit (and time) effects.

    Parameters
    ----------
    cells : DataFrame
        One row per cell: ``n_<y>``, ``sum_<y>`` (and ``sumsq_<y>`` for sigma), ``x``, ``unit``, ``time``.
    x : str or sequence of str
        Several covariates are estimated jointly.
    time : str, optional
        Period; its effects are taken out beside the unit's.

    Returns
    -------
    SlopeFit, slopes in units of y per unit of x; CR1 errors by unit, t with units − 1 degrees of freedom.

    Raises
    ------
    EstimationError
        Too few units, x without variance within units, collinear columns, constant outcome.

    Notes
    -----
    Equal to least squares on the rows with unit and time dummies, because x is constant inside a cell.
    The CR1 factor counts slopes, intercept and time effects, but not the unit effects nested in clusters
    (Cameron & Miller 2015, section II.C).
    """
    data = complete_cells(cells, y, x, unit, time, min_units=min_units)
    residuals, free = _absorbed(data, unit, time)
    return _fit(data, residuals[:, :-1], residuals[:, -1], free + 1, level)


def between_slope(
    cells: pd.DataFrame,
    y: str,
    x: str | Sequence[str],
    unit: str,
    *,
    weights: str = "rows",
    level: float = 0.95,
    min_units: int = MIN_UNITS,
) -> SlopeFit:
    """Return slopes of unit means of ``y`` on unit means of ``x``.

    Parameters
    ----------
    weights : {'rows', 'units'}
        'rows' weighs a unit by its rows (the between coefficient of a Mundlak regression on rows);
        'units' counts every unit once.

    Returns
    -------
    SlopeFit with heteroskedasticity-robust (HC1) errors, t with units − p − 1 degrees of freedom.
    """
    data = complete_cells(cells, y, x, unit, within=False, min_units=min_units)
    means, weight = unit_means(data, weights)
    centred = means - np.average(means, axis=0, weights=weight)
    units = Cells(
        x=means[:, :-1], y=means[:, -1], weights=weight, inside=np.nan, unit=np.arange(len(data.units)),
        time=None, units=data.units, names=data.names, dropped=data.dropped, what=data.what,
    )  # fmt: skip
    if len(data.units) <= len(data.names) + 1:
        raise EstimationError(f"{data.what}: {len(data.units)} units cannot carry {len(data.names)} slopes.")
    refuse_flat(centred, means, weight, [*data.names, y], f"between values of {unit}")
    fit = _fit(units, centred[:, :-1], centred[:, -1], 1, level, n_rows=len(units.units), own_df=True)
    table = fit.table.assign(n=int(data.weights.sum()))
    return replace(fit, table=table, n_rows=int(data.weights.sum()), n_cells=len(data.y), sigma=np.nan)


def unit_means(data: Cells, weights: str = "rows") -> tuple[np.ndarray, np.ndarray]:
    """Return unit means of [x…, y], shape (units, p + 1), weighted by rows, and the weight of each unit."""
    if weights not in ("rows", "units"):
        raise EstimationError(f"weights: '{weights}' is neither 'rows' nor 'units'.")
    levels = len(data.units)
    totals = np.bincount(data.unit, weights=data.weights, minlength=levels)
    values = np.column_stack([data.x, data.y])
    means = group_sums(values * data.weights[:, None], data.unit, levels) / totals[:, None]
    return means, totals if weights == "rows" else np.ones(levels)


def within_between(
    cells: pd.DataFrame,
    y: str,
    x: str | Sequence[str],
    unit: str,
    time: str | None = None,
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return within slopes, between slopes and their difference (the contextual effect of Mundlak 1978).

    The error of the difference uses both fits' influences unit by unit, so their covariance is in it.

    Returns
    -------
    DataFrame: effect ('within', 'between', 'between − within'), tidy columns, n_units.
    """
    within = within_slope(cells, y, x, unit, time, level=level)
    between = between_slope(cells, y, x, unit, level=level)
    first = pd.DataFrame(within.influence, index=within.units)
    second = pd.DataFrame(between.influence, index=between.units)
    # a unit seen once has no within influence
    gap = second.sub(first.reindex(second.index).fillna(0.0)).to_numpy()
    contextual = tidy_frame(
        list(within.table["term"]),
        between.table["estimate"].to_numpy() - within.table["estimate"].to_numpy(),
        np.sqrt((gap**2).sum(axis=0)),
        between.n_rows,
        df=min(within.n_units, between.n_units) - 1,
        level=level,
    ).assign(n_units=between.n_units)
    parts = {"within": within.table, "between": between.table, "between − within": contextual}
    rows = [table.assign(effect=effect) for effect, table in parts.items()]
    out = pd.concat(rows, ignore_index=True)
    return out[["effect", *[c for c in out.columns if c != "effect"]]]


def _absorbed(data: Cells, unit: str, time: str | None) -> tuple[np.ndarray, int]:
    values = np.column_stack([data.x, data.y])
    residuals, free = absorb(values, data.unit, data.time, data.weights)
    outcome = data.what.split(" on ")[0]
    where = f"within {unit}" + (f" and {time}" if time else "")
    refuse_flat(residuals, values, data.weights, [*data.names, outcome], where)
    return residuals, free


def _fit(
    data: Cells,
    x: np.ndarray,
    y: np.ndarray,
    n_other: int,
    level: float,
    *,
    n_rows: float | None = None,
    own_df: bool = False,
) -> SlopeFit:
    refuse_collinear(x, data.weights, data.names)
    rows = float(data.weights.sum()) if n_rows is None else n_rows
    coef, influence, residuals = clustered_slopes(
        x, y, data.weights, data.unit, n_rows=rows, n_other=n_other, n_units=len(data.units)
    )
    vcov = influence.T @ influence
    n_units = len(data.units)
    df = n_units - len(coef) - 1 if own_df else n_units - 1
    table = tidy_frame(data.names, coef, np.sqrt(np.diag(vcov)), int(rows), df=df, level=level)
    left = data.inside + float((data.weights * residuals**2).sum())
    free = rows - n_units - (n_other - 1) - len(coef)
    return SlopeFit(
        table=table.assign(n_units=n_units),
        vcov=pd.DataFrame(vcov, index=data.names, columns=data.names),
        sigma=float(np.sqrt(left / free)) if free > 0 else np.nan,
        n_rows=int(rows),
        n_units=n_units,
        n_cells=len(data.y),
        dropped_cells=data.dropped,
        units=data.units,
        influence=influence,
        sd_x=pd.Series(np.sqrt(np.average(x**2, axis=0, weights=data.weights)), index=data.names),
    )
