"""Every covariate against every outcome: one table, one adjustment for multiplicity, shared work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.cells import same_cells
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import minimum_detectable
from exlink.stats.tidy import TIDY
from exlink.stats.within_between import SlopeFit, between_slope, within_slope, within_slopes


def slope_matrix(
    cells: pd.DataFrame,
    ys: Sequence[str],
    xs: Sequence[str],
    unit: str,
    time: str | None = None,
    *,
    joint: bool = False,
    kind: str = "within",
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the slope of every outcome on every covariate, adjusted as one family.

    Parameters
    ----------
    cells : DataFrame
        As in `within_slope`, with ``n_<y>``, ``sum_<y>`` for every y.
    joint : bool
        False: each covariate on its own complete cells. True: all covariates in one model per outcome.
    kind : {'within', 'between'}

    Returns
    -------
    DataFrame, one row per covariate and outcome, in the order given: ``outcome``, tidy columns,
    ``p_adjusted`` (Benjamini–Hochberg over the whole matrix), ``n_units``, ``n_cells``, ``sd_within``
    (of x, once effects are out; between units for kind='between'), ``mde`` (of one test at 5 %: ``p_adjusted`` needs
    more than that) and ``note``: empty, or why a slope could not be estimated.
    """
    if kind not in ("within", "between"):
        raise EstimationError(f"kind: '{kind}' is neither 'within' nor 'between'.")
    rows = []
    for y in ys:
        found = _joint(cells, y, list(xs), unit, time, kind, level) if joint else {}
        for names in [] if joint else same_cells(cells, xs):
            found.update(_each(cells, y, names, unit, time, kind, level))
        rows += [found[x] for x in xs]
    out = pd.DataFrame(rows)
    out["p_adjusted"] = benjamini_hochberg(out["p_value"])
    out["mde"] = minimum_detectable(out["std_error"].to_numpy())
    extras = ["p_adjusted", "n_units", "n_cells", "sd_within", "mde", "note"]
    return out[["outcome", *TIDY, *extras]]


def _each(
    cells: pd.DataFrame, y: str, xs: list[str], unit: str, time: str | None, kind: str, level: float
) -> dict[str, dict]:
    """Return a row per covariate, each in a model of its own."""
    try:
        if kind == "within":
            fits = within_slopes(cells, y, xs, unit, time, level=level)
        else:
            fits = [between_slope(cells, y, x, unit, level=level) for x in xs]
    except EstimationError as error:
        # one covariate that cannot be estimated must not cost the others: its reason travels with its row
        if len(xs) == 1:
            return {xs[0]: _empty(y, xs[0], error)}
        return {x: row for one in xs for x, row in _each(cells, y, [one], unit, time, kind, level).items()}
    return {x: row for fit in fits for x, row in _rows(y, fit).items()}


def _joint(
    cells: pd.DataFrame, y: str, xs: list[str], unit: str, time: str | None, kind: str, level: float
) -> dict[str, dict]:
    """Return a row per covariate, all in one model."""
    try:
        if kind == "within":
            return _rows(y, within_slope(cells, y, xs, unit, time, level=level))
        return _rows(y, between_slope(cells, y, xs, unit, level=level))
    except EstimationError as error:
        return {x: _empty(y, x, error) for x in xs}


def _rows(y: str, fit: SlopeFit) -> dict[str, dict]:
    return {
        row["term"]: {**row, "outcome": y, "n_cells": fit.n_cells, "sd_within": fit.sd_x[row["term"]], "note": ""}
        for row in fit.table.to_dict("records")
    }


def _empty(y: str, x: str, error: EstimationError) -> dict:
    counts = {"n": 0, "n_units": 0, "n_cells": 0, "sd_within": np.nan}
    return {"outcome": y, "term": x, **dict.fromkeys(TIDY[1:-1], np.nan), **counts, "note": str(error)}
