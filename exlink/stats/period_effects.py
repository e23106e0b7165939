"""What moves an outcome from period to period, and what moves it from unit to unit in the same period.

Something that is the same for everybody in a period is known as often as there are periods, however many rows there
are. So two steps (Donald & Lang 2007, Review of Economics and Statistics 89): the effect of each period from the rows,
with what stays with a unit taken out, and then these few effects on what was so in each period, with Student's t.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import linalg, sparse

from exlink.errors import EstimationError
from exlink.stats.absorb import FLAT, absorb, clustered_slopes, demean, encode, group_sums
from exlink.stats.tidy import need_columns, t_quantile, tidy_frame

FEWEST_PERIODS = 5  # a line through four leaves two degrees of freedom: an interval of no use
POWER = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class PeriodEffects:
    """Effects of periods, with units taken out.

    effects : DataFrame    time (label), estimate (around their average, in units of the outcome), n (rows)
    slope : DataFrame      one tidy row: the slope on the covariate within units and periods, with n_clusters; empty
                           where the covariate does not vary there
    """

    effects: pd.DataFrame
    slope: pd.DataFrame


def period_effects(
    rows: pd.DataFrame, y: str, x: str, unit: str, time: str, cluster: str, *, level: float = 0.95
) -> PeriodEffects:
    """Return the effect of every period on ``y``, and the slope on ``x`` between units of the same period.

    ``y_it = unit_i + period_t + b x_it + e``, least squares; errors of ``b`` are clustered (CR1) with Student's t.

    Parameters
    ----------
    rows : DataFrame
        One row per unit and period; ``cluster`` holds every row of a unit.

    Raises
    ------
    EstimationError
        Periods share no units, so that nothing tells a period from the units in it, or there are fewer than two.
    """
    need_columns(rows, [y, x, unit, time, cluster], f"effects of periods on {y}")
    units, times = encode(rows[unit]), encode(rows[time])
    one = np.ones(len(rows))
    values = rows[[y, x]].to_numpy(dtype=float)
    inside, free = absorb(values, units[0], times[0], one) if len(rows) else (values, 0)
    periods = len(times[1])
    if periods < 2 or free < periods - 1:
        raise EstimationError(f"effects of periods: {periods} periods, and not all of them share a {unit} with others.")
    b, slope = 0.0, pd.DataFrame()
    spread = values[:, 1] - values[:, 1].mean()
    codes, clusters = encode(rows[cluster])
    if (inside[:, 1] ** 2).sum() > FLAT * max((spread**2).sum(), np.finfo(float).tiny) and len(clusters) > 1:
        coef, influence, _ = clustered_slopes(inside[:, [1]], inside[:, 0], one, codes, n_rows=len(rows), n_other=free)
        b, error = float(coef[0]), float(np.sqrt((influence**2).sum()))
        slope = tidy_frame(x, b, error, len(rows), df=len(clusters) - 1, level=level).assign(n_clusters=len(clusters))
    left = demean((values[:, 0] - b * values[:, 1])[:, None], units[0], one, len(units[1]))
    table = sparse.csr_array((one, (units[0], times[0])), shape=(len(units[1]), periods))
    of_unit = sparse.diags_array(1 / np.bincount(units[0]))
    system = np.diag(np.bincount(times[0]).astype(float)) - (table.T @ of_unit @ table).toarray()
    effects = linalg.lstsq(system, group_sums(left, times[0], periods)[:, 0], cond=1e-10)[0]
    counts = np.bincount(times[0], minlength=periods)
    return PeriodEffects(pd.DataFrame({"time": times[1], "estimate": effects - effects.mean(), "n": counts}), slope)


def slope_of_changes(y: np.ndarray, x: np.ndarray, name: str, *, level: float = 0.95) -> pd.DataFrame:
    """Return the slope of changes from period to period on the changes of something else.

    Changes of a level that wanders are independent; those of a level that is drawn anew each period follow each other
    with the opposite sign (a moving average, correlation −½), on both sides, and least squares then takes its error
    too small. The larger of the two errors stands, so that either is allowed for.

    Parameters
    ----------
    y, x : ndarray, (changes,)
        In the order of time, without gaps; at least three, and ``x`` varies.

    Returns
    -------
    DataFrame, one tidy row (n: changes) with Student's t on changes − 2.
    """
    n = len(x)
    design = np.column_stack([np.ones(n), np.asarray(x, dtype=float)])
    inverse = linalg.inv(design.T @ design)
    coef = inverse @ design.T @ y
    rest = float(((y - design @ coef) ** 2).sum())
    keeps, errors = np.eye(n) - design @ inverse @ design.T, []
    for after in (0.0, -0.5):
        shape = np.eye(n) + after * (np.eye(n, k=1) + np.eye(n, k=-1))
        around = inverse @ design.T @ shape @ design @ inverse
        errors.append(float(np.sqrt(rest / np.trace(keeps @ shape) * around[1, 1])))
    return tidy_frame(name, float(coef[1]), max(errors), n, df=n - 2, level=level)


def slope_over_periods(
    effects: pd.DataFrame, z: np.ndarray, name: str, *, trend: bool = False, level: float = 0.95
) -> pd.DataFrame:
    """Return the slope of period effects on something that is the same for everybody in a period.

    Parameters
    ----------
    effects : DataFrame
        As of `PeriodEffects`, in the order of time.
    z : ndarray, (periods,)
    trend : bool
        Whether what rises or falls steadily over the periods is taken out of both.

    Returns
    -------
    DataFrame, one tidy row (n: periods) with Student's t on the periods left over, df, and mde: the slope that would
    have been found four times in five.

    Raises
    ------
    EstimationError
        Fewer than `FEWEST_PERIODS`, or ``z`` does not vary (apart from its trend).
    """
    periods = len(effects)
    if periods < FEWEST_PERIODS:
        raise EstimationError(f"{name}: {periods} periods; at least {FEWEST_PERIODS} are needed.")
    others = np.column_stack([np.ones(periods), *([np.arange(periods)] if trend else [])])
    both = np.column_stack([effects["estimate"], np.asarray(z, dtype=float)])
    y, x = (both - others @ linalg.lstsq(others, both)[0]).T
    spread, df = float(x @ x), periods - others.shape[1] - 1
    if not spread > FLAT * max(float((both[:, 1] - both[:, 1].mean()) @ (both[:, 1] - both[:, 1].mean())), FLAT):
        raise EstimationError(f"{name}: does not vary from period to period{' apart from its trend' * trend}.")
    slope = float(x @ y) / spread
    error = float(np.sqrt(((y - slope * x) ** 2).sum() / df / spread))
    seen = float(t_quantile(0.5 + level / 2, df) + t_quantile(POWER, df)) * error
    return tidy_frame(name, slope, error, periods, df=df, level=level).assign(df=df, mde=seen)
