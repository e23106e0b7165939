"""Correlations within units and between units, never mixed, with cluster-bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap
from exlink.stats.moments import UnitMoments, between_moments, within_moments
from exlink.stats.tidy import TIDY, draws_frame, need_columns


def collapse(cells: pd.DataFrame, y: str, x: Sequence[str], by: Sequence[str]) -> pd.DataFrame:
    """Return cells added up to ``by``: sums of the outcome's columns, means of x weighted by rows."""
    n, total = f"n_{y}", f"sum_{y}"
    need_columns(cells, [*by, *x, n, total], f"correlation with {y}")
    used = cells[(cells[n] > 0) & cells[list(x)].notna().all(axis=1)]
    products = used[list(x)].multiply(used[n].astype(float), axis=0)
    sums = pd.concat([used[[*by, n, total]], products], axis=1)
    sums = sums.groupby(list(by), observed=True, sort=True).sum().reset_index()
    sums[list(x)] = sums[list(x)].divide(sums[n].astype(float), axis=0)
    return sums


def within_correlation(
    cells: pd.DataFrame,
    y: str,
    x: str | Sequence[str],
    unit: str,
    time: str | None = None,
    *,
    reps: int = 1000,
    seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return within-unit correlations of unit × time means, with percentile intervals over units.

    Means are weighted by their rows, and unit (and time) effects are taken out of both sides, as in the
    repeated-measures correlation of Bland & Altman (1995). Without ``time`` every cell is one occasion.

    Returns
    -------
    DataFrame, one row per x: tidy columns, ``n_units``. A correlation of means is larger than one of single
    answers would be; it says how units' occasions move together.
    """
    names = [x] if isinstance(x, str) else list(x)
    rows = []
    for name in names:
        used = collapse(cells, y, [name], [unit, time]) if time else cells
        rows.append(_row(within_moments(used, y, name, unit, time), reps, seed, level))
    return pd.concat(rows, ignore_index=True)


def between_correlation(
    cells: pd.DataFrame,
    y: str,
    x: str | Sequence[str],
    unit: str,
    *,
    weights: str = "rows",
    reps: int = 1000,
    seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return correlations of unit means, with percentile intervals over units.

    Parameters
    ----------
    weights : {'rows', 'units'}
        'units' gives the plain Pearson correlation of one point per unit.

    Returns
    -------
    DataFrame, one row per x: tidy columns, ``n_units``.
    """
    names = [x] if isinstance(x, str) else list(x)
    moments = [between_moments(cells, y, name, unit, weights=weights) for name in names]
    return pd.concat([_row(m, reps, seed, level) for m in moments], ignore_index=True)


def correlation_matrix(
    cells: pd.DataFrame,
    ys: Sequence[str],
    xs: Sequence[str],
    unit: str,
    time: str | None = None,
    *,
    reps: int = 1000,
    seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the within and the between correlation of every outcome with every covariate.

    Returns
    -------
    DataFrame: ``kind`` ('within' or 'between'), ``outcome``, tidy columns, ``n_units``, ``note`` (empty, or
    why a correlation could not be computed).
    """
    parts = []
    for kind in ("within", "between"):
        for y in ys:
            for x in xs:
                try:
                    if kind == "within":
                        row = within_correlation(cells, y, x, unit, time, reps=reps, seed=seed, level=level)
                    else:
                        row = between_correlation(cells, y, x, unit, reps=reps, seed=seed, level=level)
                    row = row.assign(note="")
                except EstimationError as error:
                    # the reason takes the place of the number, and the other pairs go on
                    empty = dict.fromkeys(TIDY[1:-1], np.nan)
                    row = pd.DataFrame([{"term": x, **empty, "n": 0, "n_units": 0, "note": str(error)}])
                parts.append(row.assign(kind=kind, outcome=y))
    out = pd.concat(parts, ignore_index=True)
    return out[["kind", "outcome", *TIDY, "n_units", "note"]]


def _row(moments: UnitMoments, reps: int, seed: int, level: float) -> pd.DataFrame:
    draws = bootstrap(moments.correlations, len(moments.units), reps=reps, seed=seed)
    estimate = moments.correlations()[0]
    frame = draws_frame(moments.names, estimate, draws, moments.n_rows, level=level)
    return frame.assign(n_units=len(moments.units))
