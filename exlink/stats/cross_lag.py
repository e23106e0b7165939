"""Two series measured in turn on the same units, a state and what follows it: each on the other, lag by lag.

Each direction is a local projection (Jordà 2005, American Economic Review 95, 161–182) within units: what comes ``lag``
periods later on what came before, given the other series' last value, with unit and time effects. The regressors react
to earlier errors by the very question that is asked, so the slopes are those of :mod:`exlink.stats.predetermined`.

Against time runs the placebo: the state measured *after* the outcome must not predict it, given the state before
(Wooldridge 2010, *Econometric Analysis of Cross Section and Panel Data*, section 10.7.1). If nothing acts backward, its
regressors react to nothing and least squares within units is right for it, and sharper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.power import minimum_detectable
from exlink.stats.predetermined import predetermined_slopes
from exlink.stats.tidy import TIDY, need_columns
from exlink.stats.within_between import within_slope

FORWARD, BACKWARD, LEAD = "forward", "backward", "lead"
COLUMNS = [*TIDY, "n_units", "strength"]


def cross_lagged(panel: pd.DataFrame, state: str, unit: str, time: str, *, lags: Sequence[int]) -> pd.DataFrame:
    """Return the slopes of both directions at every lag, and of the placebo at negative lags.

    Parameters
    ----------
    panel : DataFrame
        One row per unit and time: ``state``, ``after`` (mean outcome after it was measured), ``before`` (mean outcome
        before it was measured, after the state before), ``n_after``, ``n_before`` (how many outcomes each mean has).
    time : str
        Whole numbers, one apart from period to period.
    lags : sequence of int
        0: what comes next; k: k periods later; −k: the state measured k-th after the outcome (placebo).

    Returns
    -------
    DataFrame, one row per direction and lag: direction, lag, tidy columns (n: rows), n_units, ``strength`` (of the
    instrument, F; NaN for the placebo), ``mde``, ``note`` (empty, or why there is no estimate). ``forward``: points of
    the outcome per point of the state, given ``before``; ``backward``: points of the state per point of ``before``,
    given the last state; ``lead``: points of ``before`` per point of the later state, given the last one.

    Notes
    -----
    A mean of few outcomes measures what acted on the state with error, which draws ``backward`` towards zero; it cannot
    make one where there is none. Rows count by the outcomes behind their means.
    """
    need_columns(panel, [state, "after", "before", "n_after", "n_before", unit, time], "cross lag")
    rows = []
    for direction, lag in [(LEAD, k) for k in lags if k < 0] + [(d, k) for d in (FORWARD, BACKWARD)
                                                               for k in lags if k >= 0]:  # fmt: skip
        try:
            found = _ESTIMATES[direction](panel, state, unit, time, lag) | {"note": ""}
        except EstimationError as error:  # one lag that data cannot carry must not cost the others
            found = dict.fromkeys(COLUMNS, np.nan) | {"n": 0, "n_units": 0, "note": str(error)}
        rows.append({"direction": direction, "lag": lag} | found)
    out = pd.DataFrame(rows, columns=["direction", "lag", *COLUMNS, "note"])
    return out.assign(term=state, mde=minimum_detectable(out["std_error"].to_numpy(dtype=float)))


def _forward(panel: pd.DataFrame, state: str, unit: str, time: str, lag: int) -> dict:
    frame = _beside(panel, unit, time, {"outcome": ("after", lag), "weight": ("n_after", lag)})
    fit = predetermined_slopes(frame[frame["weight"] > 0], "outcome", [state, "before"], unit, time, weights="weight")
    return fit.table.iloc[0].to_dict()


def _backward(panel: pd.DataFrame, state: str, unit: str, time: str, lag: int) -> dict:
    frame = _beside(panel, unit, time, {"later": (state, lag), "last": (state, -1)})
    frame = frame[frame["n_before"] > 0]
    fit = predetermined_slopes(frame, "later", ["before", "last"], unit, time, weights="n_before")
    return fit.table.iloc[0].to_dict()


def _lead(panel: pd.DataFrame, state: str, unit: str, time: str, lag: int) -> dict:
    frame = _beside(panel, unit, time, {"next": (state, -lag - 1), "last": (state, -1)})
    cells = frame.assign(n_y=frame["n_before"], sum_y=frame["before"] * frame["n_before"])
    fit = within_slope(cells, "y", ["next", "last"], unit, time)
    return fit.table.iloc[0].to_dict() | {"n": fit.n_cells, "strength": np.nan}


_ESTIMATES = {FORWARD: _forward, BACKWARD: _backward, LEAD: _lead}


def _beside(panel: pd.DataFrame, unit: str, time: str, wanted: dict[str, tuple[str, int]]) -> pd.DataFrame:
    """Return the panel with columns of the same unit some periods later (negative: earlier)."""
    out = panel
    for name, (column, ahead) in wanted.items():
        other = panel[[unit, time, column]].assign(**{time: panel[time] - ahead}).rename(columns={column: name})
        out = out.merge(other, on=[unit, time], how="left", validate="one_to_one")
    return out
