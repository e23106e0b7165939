"""Every covariate against every outcome: one table, one adjustment for multiplicity, shared work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import minimum_detectable
from exlink.stats.tidy import TIDY
from exlink.stats.within_between import SlopeFit, between_slope, within_slope


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
    (of x, once effects are out; between units for kind='between'), ``mde`` and ``note``: empty, or why a
    slope could not be estimated.
    """
    if kind not in ("within", "between"):
        raise EstimationError(f"kind: '{kind}' is neither 'within' nor 'between'.")
    rows = [
        row
        for y in ys
        for part in ([list(xs)] if joint else [[x] for x in xs])
        for row in _rows(cells, y, part, unit, time, kind, level)
    ]
    out = pd.DataFrame(rows)
    out["p_adjusted"] = benjamini_hochberg(out["p_value"])
    out["mde"] = minimum_detectable(out["std_error"].to_numpy())
    extras = ["p_adjusted", "n_units", "n_cells", "sd_within", "mde", "note"]
    return out[["outcome", *TIDY, *extras]]


def _rows(
    cells: pd.DataFrame, y: str, xs: list[str], unit: str, time: str | None, kind: str, level: float
) -> list[dict]:
    try:
        fit: SlopeFit = (
            within_slope(cells, y, xs, unit, time, level=level)
            if kind == "within"
            else between_slope(cells, y, xs, unit, level=level)
        )
    except EstimationError as error:
        # one aspect that cannot be estimated must not cost the others; the reason travels with the row
        empty = dict.fromkeys(TIDY[1:-1], np.nan)
        counts = {"n": 0, "n_units": 0, "n_cells": 0, "sd_within": np.nan}
        return [{"outcome": y, "term": x, **empty, **counts, "note": str(error)} for x in xs]
    return [
        {**row, "outcome": y, "n_cells": fit.n_cells, "sd_within": fit.sd_x[row["term"]], "note": ""}
        for row in fit.table.to_dict("records")
    ]
