"""Correlations within units and between units, never mixed, with cluster-bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap
from exlink.stats.cells import same_cells
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
    return _correlations(_Request("between", y, unit, None, weights, reps, seed, level), cells, names, strict=True)


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

    Within: of unit × time means weighted by their rows, unit (and time) effects taken out of both sides, as in the
    repeated-measures correlation of Bland & Altman (1995); without ``time`` every cell is one occasion. A correlation
    of means is larger than one of single answers would be: it says how units' occasions move together. Between: of
    unit means, weighted likewise.

    Returns
    -------
    DataFrame: ``kind`` ('within' or 'between'), ``outcome``, tidy columns, ``n_units``, ``note`` (empty, or
    why a correlation could not be computed).
    """
    parts = []
    for kind in ("within", "between"):
        for y in ys:
            request = _Request(kind, y, unit, time, "rows", reps, seed, level)
            parts.append(_correlations(request, cells, list(xs), strict=False).assign(kind=kind, outcome=y))
    out = pd.concat(parts, ignore_index=True)
    return out[["kind", "outcome", *TIDY, "n_units", "note"]]


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked of every pair."""

    kind: str
    y: str
    unit: str
    time: str | None
    weights: str
    reps: int
    seed: int
    level: float

    def moments(self, cells: pd.DataFrame, names: list[str]) -> UnitMoments:
        if self.kind == "between":
            return between_moments(cells, self.y, names, self.unit, weights=self.weights)
        used = collapse(cells, self.y, names, [self.unit, self.time]) if self.time else cells
        return within_moments(used, self.y, names, self.unit, self.time)


def _correlations(request: _Request, cells: pd.DataFrame, names: list[str], *, strict: bool) -> pd.DataFrame:
    """Return one row per covariate, in the order asked; covariates known in the same cells share their work."""
    parts = [_shared(request, cells, group, strict) for group in same_cells(cells, names)]
    found = pd.concat(parts).set_index("term", drop=False).loc[names].reset_index(drop=True)
    return found.drop(columns="note") if strict else found


def _shared(request: _Request, cells: pd.DataFrame, names: list[str], strict: bool) -> pd.DataFrame:
    try:
        moments = request.moments(cells, names)
    except EstimationError as error:
        if len(names) > 1:
            # a pair on its own may do where all together cannot (one flat covariate, two that are collinear)
            return pd.concat([_shared(request, cells, [name], strict) for name in names])
        if strict:
            raise
        # the reason takes the place of the number, and the other pairs go on
        empty = dict.fromkeys(TIDY[1:-1], np.nan)
        return pd.DataFrame([{"term": names[0], **empty, "n": 0, "n_units": 0, "note": str(error)}])
    draws = bootstrap(moments.correlations, len(moments.units), reps=request.reps, seed=request.seed)
    frame = draws_frame(names, moments.correlations()[0], draws, moments.n_rows, level=request.level)
    return frame.assign(n_units=len(moments.units), note="")
