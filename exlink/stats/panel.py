"""Two-way fixed effects by linearmodels, for panels with one row per unit and period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import absorb, encode, refuse_collinear, refuse_flat
from exlink.stats.tidy import need_columns, tidy_frame


@dataclass(frozen=True, slots=True, eq=False)
class PanelFit:
    """Fixed-effects fit.

    table : DataFrame, (p, 8)     tidy columns and n_units
    vcov : DataFrame, (p, p)      clustered by unit
    n_rows, n_units, dropped_rows : int
    rsquared_within : float
    """

    table: pd.DataFrame
    vcov: pd.DataFrame
    n_rows: int
    n_units: int
    dropped_rows: int
    rsquared_within: float


def panel_two_way(
    frame: pd.DataFrame,
    y: str,
    x: str | Sequence[str],
    unit: str,
    time: str,
    *,
    weights: str | None = None,
    time_effects: bool = True,
    group_debias: bool = False,
    level: float = 0.95,
) -> PanelFit:
    """Return slopes of y on x with unit (and time) effects, clustered by unit, from linearmodels' PanelOLS.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period; rows with missing values are dropped and counted.
    weights : str, optional
        Column of row counts.
    group_debias : bool
        Multiply the covariance by ``G/(G-1)``: matters with few units, and `within_slope` always does.

    Raises
    ------
    EstimationError
        Repeated unit × period rows, too few units, or no variance once the effects are out.

    Notes
    -----
    The effects are not counted as parameters in the clustered covariance: the unit effects are nested in the
    clusters, and counting them would inflate the errors (Cameron & Miller 2015, section II.C).
    """
    from linearmodels.panel import PanelOLS

    names = [x] if isinstance(x, str) else list(x)
    what = f"{y} on {listed(names)}"
    columns = [y, *names, unit, time, *([weights] if weights else [])]
    need_columns(frame, columns, what)
    used = frame[columns].dropna()
    repeated = int(used.duplicated([unit, time]).sum())
    if repeated:
        raise EstimationError(
            f"{what}: {repeated:,} of {len(used):,} rows repeat a {unit} × {time}. Average them first, "
            "or use within_slope on cells."
        )
    codes, units = encode(used[unit])
    if len(units) < 3:
        raise EstimationError(f"{what}: {len(units)} values of {unit} with complete rows; at least 3 are needed.")
    periods = encode(used[time])[0]
    weight = np.ones(len(used)) if weights is None else used[weights].to_numpy(dtype=float)
    values = used[[*names, y]].to_numpy(dtype=float)
    residuals, _ = absorb(values, codes, periods if time_effects else None, weight)
    refuse_flat(residuals, values, weight, [*names, y], f"within {unit}")
    refuse_collinear(residuals[:, :-1], weight, names)
    # linearmodels wants numeric periods; codes keep their order
    index = pd.MultiIndex.from_arrays([codes, periods], names=["unit", "time"])
    panel = pd.DataFrame(values, index=index, columns=[*names, y])
    model = PanelOLS(
        panel[y], panel[names], entity_effects=True, time_effects=time_effects,
        weights=None if weights is None else pd.Series(weight, index=index),
    )  # fmt: skip
    fit = model.fit(
        cov_type="clustered", cluster_entity=True, group_debias=group_debias, auto_df=False, count_effects=False
    )
    table = tidy_frame(
        names, fit.params.to_numpy(), fit.std_errors.to_numpy(), len(used), df=len(units) - 1, level=level
    )
    return PanelFit(
        table=table.assign(n_units=len(units)),
        vcov=pd.DataFrame(fit.cov.to_numpy(), index=names, columns=names),
        n_rows=len(used),
        n_units=len(units),
        dropped_rows=len(frame) - len(used),
        rsquared_within=float(fit.rsquared_within),
    )
