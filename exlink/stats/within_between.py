"""Slopes within units and between units, kept apart, from compressed cells.

Least squares on cell means weighted by their rows gives the coefficients, and the cluster-robust errors, of
least squares on the rows: nothing is lost by compressing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import absorb, clustered_slopes, refuse_collinear, refuse_flat
from exlink.stats.cells import MIN_UNITS, Cells, complete_cells, unit_means
from exlink.stats.tidy import need_columns, tidy_frame


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


def within_slopes(
    cells: pd.DataFrame, y: str, xs: Sequence[str], unit: str, time: str | None = None, *, level: float = 0.95
) -> list[SlopeFit]:
    """Return one `within_slope` per covariate, each on its own, with the effects taken out of all at once.

    The covariates must be known in the same cells: `slope_matrix` sorts them so.
    """
    data = complete_cells(cells, y, xs, unit, time)
    residuals, free = _absorbed(data, unit, time)
    singles = [
        replace(data, x=data.x[:, [j]], names=[name], what=f"{y} on {name}") for j, name in enumerate(data.names)
    ]
    return [_fit(one, residuals[:, [j]], residuals[:, -1], free + 1, level) for j, one in enumerate(singles)]


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
