"""Which way it runs (M29, M30): EX on the contacts that follow, contacts on the EX that follows, within the same unit.

One index of EX, fixed before the data are seen (the mean of all aspects), against what customers said between two
answers. The verdict rests on the two slopes at lag 0, freed of the bias that few waves bring
(:mod:`exlink.stats.reciprocal`), and on the placebo; later waves and the second estimate beside them come from
:mod:`exlink.stats.cross_lag`, which assumes less and sees less sharply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.between_answers import between_answers
from exlink.data.dataset import StudyData
from exlink.data.ex_index import INDEX, ex_index
from exlink.data.panel import aspect_columns, column_label, smallest_slopes, within_reason
from exlink.errors import EstimationError, ParameterError
from exlink.stats.cross_lag import BACKWARD, FORWARD, LEAD, cross_lagged
from exlink.stats.direction import Direction, direction
from exlink.stats.multiplicity import judged
from exlink.stats.power import minimum_detectable
from exlink.stats.predetermined import predetermined_slopes
from exlink.stats.reciprocal import reciprocal
from exlink.stats.tidy import TIDY

CORRECTED, INSTRUMENTED, PLACEBO = "corrected", "instrumented", "placebo"
AHEAD, BACK = "EX → CX", "CX → EX"
STRONG = 10.0  # F of an instrument below which its estimate is not judged (Staiger & Stock 1997)
MOST_LAG = 8
NUMBERS = [*TIDY[1:], "n_units", "mde"]


@dataclass(frozen=True, slots=True, eq=False)
class DirectionFound:
    """What the study says of direction; ``reason`` says why nothing, and then the tables are empty.

    grid : way, direction, lag, tidy columns, n_units, mde, p_adjusted, verdict — the focus KPI over the lag grid
    kpis : direction, outcome, … — lag 0, every KPI ;  aspects : direction, aspect, … — lag 0, the focus KPI
    ahead, back, placebo : rows of ``grid`` on which the verdict rests (placebo None without a negative lag)
    smallest : effect of EX on CX that would matter, points per point ;  panel : what all of it was estimated on
    """

    reason: str
    verdict: Direction
    grid: pd.DataFrame
    kpis: pd.DataFrame
    aspects: pd.DataFrame
    ahead: pd.Series
    back: pd.Series
    placebo: pd.Series | None
    smallest: float
    panel: pd.DataFrame


def find_direction(data: StudyData, outcome: str, lags: Sequence[int], smallest_share: float) -> DirectionFound:
    """Return both directions over the pre-declared lag grid, by KPI and by aspect, and the verdict.

    Parameters
    ----------
    lags : waves between; negative ones are placebos (EX asked after the contacts). 0 must be among them.
    smallest_share : effect of EX on CX that would matter, as a share of the KPI's scale per point of the index.
    """
    lags = checked_lags(lags)
    smallest = smallest_slopes(data, smallest_share)[outcome]
    reason = within_reason(data)
    panel = _panel(data) if not reason else pd.DataFrame()
    grid = lag_grid(panel, data.unit, outcome, lags) if not reason else _empty(["way", "direction", "lag"])
    ahead, back, placebo = rests_on(grid)
    return DirectionFound(
        reason=reason,
        verdict=direction(ahead, back, placebo, smallest=smallest),
        grid=grid,
        kpis=_kpis(data, panel) if not reason else _empty(["direction", "outcome"]),
        aspects=_aspects(data, panel, outcome) if not reason else _empty(["direction", "aspect"]),
        ahead=ahead,
        back=back,
        placebo=placebo,
        smallest=smallest,
        panel=panel,
    )


def checked_lags(lags: Sequence[int]) -> list[int]:
    """Return the lag grid sorted, each lag once, or raise ParameterError."""
    whole = all(isinstance(k, int) and not isinstance(k, bool) and abs(k) <= MOST_LAG for k in lags)
    if not whole or 0 not in lags:
        raise ParameterError(
            f"lags: {list(lags)} is no grid of whole waves between −{MOST_LAG} and {MOST_LAG} that holds 0. "
            "Use for instance [-1, 0, 1, 2]."
        )
    return sorted(set(lags))


def _panel(data: StudyData) -> pd.DataFrame:
    """Return one row per unit and wave: order, index and aspects, and customers' answers before and after."""
    states = ex_index(data)[[data.unit, "wave", INDEX, *aspect_columns(data)]]
    cells = between_answers(data, data.cx_kpis)
    return cells.merge(states, on=[data.unit, "wave"], how="inner", validate="one_to_one")


def _of(panel: pd.DataFrame, kpi: str) -> pd.DataFrame:
    """Return the panel with the columns of one KPI under the names that the estimators know."""
    return panel.rename(columns={f"{c}_{kpi}": c for c in ("after", "before", "n_after", "n_before")})


def lag_grid(panel: pd.DataFrame, unit: str, outcome: str, lags: list[int]) -> pd.DataFrame:
    """Return both directions over the lag grid, from rows of unit and wave (``DirectionFound.panel``)."""
    names = {FORWARD: AHEAD, BACKWARD: BACK, LEAD: AHEAD}
    found = cross_lagged(_of(panel, outcome), INDEX, unit, "order", lags=lags)
    ways = np.where(found["direction"] == LEAD, PLACEBO, INSTRUMENTED)
    found.loc[found["strength"] < STRONG, [*TIDY[1:-1], "mde"]] = np.nan
    rows = found.assign(way=ways, direction=found["direction"].map(names))
    both = _both(_of(panel, outcome), INDEX, unit).assign(lag=0, way=CORRECTED)
    rows = pd.concat([both, rows], ignore_index=True)[["way", "direction", "lag", "term", *NUMBERS]]
    return judged(rows.astype({"n": int, "n_units": int}))


def _both(panel: pd.DataFrame, state: str, unit: str) -> pd.DataFrame:
    """Return both slopes at lag 0 as rows; missing where the correction has no solution."""
    try:
        table = reciprocal(panel, state, unit, "order").table.set_index("term").loc[["forward", "backward"]]
        rows = table.reset_index(drop=True)
    except EstimationError:  # told as an estimate that is missing: the instrumented one stands beside it
        rows = pd.DataFrame(np.nan, index=range(2), columns=[*TIDY[1:], "n_units"]).assign(n=0, n_units=0)
    return rows.assign(direction=[AHEAD, BACK], term=state, mde=minimum_detectable(rows["std_error"].to_numpy(float)))


def rests_on(grid: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series | None]:
    """Return the rows of the grid on which a verdict rests: EX on CX, CX on EX, and the nearest placebo if any."""
    placebos = grid[grid["way"] == PLACEBO].sort_values("lag", ascending=False)
    nearest = placebos.iloc[0] if len(placebos) else None
    return _resting(grid, AHEAD), _resting(grid, BACK), nearest


def _resting(grid: pd.DataFrame, side: str) -> pd.Series:
    """Return the row of lag 0 that the verdict rests on: the corrected one, else the instrumented one."""
    rows = grid[(grid["direction"] == side) & (grid["lag"] == 0) & (grid["way"] != PLACEBO)]
    known = rows.dropna(subset=["estimate"])
    if len(known) or len(rows):
        return (known if len(known) else rows).iloc[0]
    return pd.Series({"way": CORRECTED, **dict.fromkeys(NUMBERS, np.nan), "n": 0, "n_units": 0})


def _kpis(data: StudyData, panel: pd.DataFrame) -> pd.DataFrame:
    rows = [_both(_of(panel, kpi), INDEX, data.unit).assign(outcome=kpi) for kpi in data.cx_kpis]
    table = pd.concat(rows, ignore_index=True)[["direction", "outcome", *NUMBERS]]
    return judged(table.astype({"n": int, "n_units": int}))


def _aspects(data: StudyData, panel: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return every aspect: on CX jointly with the others, and CX on it, one family of tests."""
    columns, cells = aspect_columns(data), _of(panel, outcome)
    if len(columns) < 2:  # the index is the aspect
        return _empty(["direction", "aspect"])
    rows = [_jointly(cells, columns, data.unit)]
    rows += [_both(cells, column, data.unit).iloc[[1]] for column in columns]
    table = pd.concat(rows, ignore_index=True)
    table.insert(0, "aspect", [column_label(data, c) for c in table["term"]])
    return judged(table[["direction", "aspect", *NUMBERS]].astype({"n": int, "n_units": int}))


def _jointly(cells: pd.DataFrame, columns: list[str], unit: str) -> pd.DataFrame:
    """Return all aspects' slopes on CX in one model, instrumented: one at a time each would speak for the others."""
    try:
        table = (
            predetermined_slopes(
                cells[cells["n_after"] > 0], "after", [*columns, "before"], unit, "order", weights="n_after"
            )
            .table.iloc[: len(columns)]
            .copy()
        )
        table.loc[table["strength"] < STRONG, TIDY[1:-1]] = np.nan
    except EstimationError:  # told as estimates that are missing
        table = pd.DataFrame(np.nan, index=range(len(columns)), columns=[*TIDY[1:], "n_units"])
        table = table.assign(term=columns, n=0, n_units=0)
    return table.assign(direction=AHEAD, mde=minimum_detectable(table["std_error"].to_numpy(float)))


def _empty(labels: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=[*labels, *NUMBERS, "p_adjusted", "verdict"]).astype(
        dict.fromkeys(NUMBERS, float) | {"n": int, "n_units": int}
    )
