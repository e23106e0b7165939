"""Log outcome on a lagged covariate within units: what a point more goes with, in percent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.moments import UnitMoments, within_moments
from exlink.stats.tidy import need_columns
from exlink.stats.within_between import SlopeFit, within_slope


@dataclass(frozen=True, slots=True, eq=False)
class ElasticityFit:
    """Fixed-effects regression of a log outcome.

    table : DataFrame, 1 row      tidy and n_units: log points per unit of x (per log unit with log_x)
    percent : DataFrame, 1 row    the same as a percent change, ``100·(exp(b) - 1)``; with log_x: percent per 1 %
    fit : SlopeFit
    n_rows, n_units : int
    dropped : dict                reason → rows left out
    """

    table: pd.DataFrame
    percent: pd.DataFrame
    fit: SlopeFit
    n_rows: int
    n_units: int
    dropped: dict[str, int]
    _moments: Callable[[], UnitMoments] = field(repr=False)

    def moments(self) -> UnitMoments:
        """Return the moments of the regression, for bootstraps of a chain."""
        return self._moments()


def elasticity(
    frame: pd.DataFrame,
    outcome: str,
    x: str,
    unit: str,
    time: str,
    *,
    lag: int = 1,
    log_x: bool = False,
    time_effects: bool = True,
    level: float = 0.95,
) -> ElasticityFit:
    """Return the slope of ``log(outcome)`` on ``x`` of ``lag`` periods before, with unit (and time) effects.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period, at most.
    time : str
        Period labels that sort in time order. The lag counts the periods that occur in the frame.
    lag : int
        0 or more.
    log_x : bool
        Use the logarithm of x: the slope is then an elasticity proper.

    Raises
    ------
    EstimationError
        Repeated unit × period rows, a negative lag, no positive outcome, or what `within_slope` refuses.
    """
    what = f"log {outcome} on {x}"
    need_columns(frame, [outcome, x, unit, time], what)
    if lag < 0 or int(lag) != lag:
        raise EstimationError(f"{what}: lag {lag} must be a whole number of periods, 0 or more.")
    used = frame[[outcome, x, unit, time]].dropna(subset=[unit, time])
    period = encode(used[time])[0]
    codes, units = encode(used[unit])
    if len(units) == 0:
        raise EstimationError(f"{what}: no rows.")
    periods = int(period.max()) + 1
    key = codes.astype(np.int64) * (periods + lag) + period
    order = np.argsort(key, kind="stable")
    repeated = int((np.diff(key[order]) == 0).sum())
    if repeated:
        raise EstimationError(f"{what}: {repeated:,} rows repeat a {unit} × {time}. Add them up first.")
    earlier = _lagged(used[x].to_numpy(dtype=float), key, order, lag)
    y = used[outcome].to_numpy(dtype=float)
    no_y, no_x = np.isnan(y), np.isnan(earlier)
    flat_y = ~no_y & (y <= 0)
    flat_x = ~no_x & (earlier <= 0) if log_x else np.zeros(len(y), dtype=bool)
    keep = ~(no_y | no_x | flat_y | flat_x)
    dropped = {
        f"no {outcome}": int(no_y.sum()),
        f"{outcome} not above zero": int(flat_y.sum()),
        f"no {x} {lag} period(s) before": int((no_x & ~no_y & ~flat_y).sum()),
    }
    if log_x:
        dropped[f"{x} not above zero"] = int((flat_x & ~no_y & ~flat_y).sum())
    if not keep.any():
        raise EstimationError(f"{what}: none of {len(used):,} rows has a positive outcome and an earlier {x}.")
    log_y = np.log(y[keep])
    # centred, so that sums of squares keep their digits
    log_y = log_y - log_y.mean()
    cells = pd.DataFrame(
        {
            unit: codes[keep],
            time: period[keep],
            x: np.log(earlier[keep]) if log_x else earlier[keep],
            "n_y": 1.0,
            "sum_y": log_y,
            "sumsq_y": log_y**2,
        }
    )
    clock = time if time_effects else None
    fit = within_slope(cells, "y", x, unit, clock, level=level)

    def moments() -> UnitMoments:
        found = within_moments(cells, "y", x, unit, clock)
        return replace(found, units=units[found.units])

    return ElasticityFit(
        table=fit.table,
        percent=_percent(fit.table, log_x),
        fit=replace(fit, units=units[fit.units]),
        n_rows=fit.n_rows,
        n_units=fit.n_units,
        dropped=dropped,
        _moments=moments,
    )


def _lagged(x: np.ndarray, key: np.ndarray, order: np.ndarray, lag: int) -> np.ndarray:
    """Return x of the row whose key is ``lag`` lower, NaN where there is none; keys are unit × period."""
    ordered = key[order]
    at = np.searchsorted(ordered, key - lag)
    at = np.minimum(at, len(key) - 1)
    found = ordered[at] == key - lag
    return np.where(found, x[order[at]], np.nan)


def _percent(table: pd.DataFrame, log_x: bool) -> pd.DataFrame:
    """Return the table in percent; errors by the delta method, bounds transformed as they are."""

    def change(b: pd.Series) -> pd.Series:
        return 100 * np.expm1(b * np.log(1.01)) if log_x else 100 * np.expm1(b)

    step = np.log(1.01) if log_x else 1.0
    slope = 100 * step * np.exp(table["estimate"] * step)
    return table.assign(
        estimate=change(table["estimate"]),
        std_error=slope * table["std_error"],
        conf_low=change(table["conf_low"]),
        conf_high=change(table["conf_high"]),
    )
