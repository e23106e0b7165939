"""Customers' effort as ordered answers (M25): cumulative odds beside a straight line, and whether one slope does."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import column_label
from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.ordinal import nominal_effects
from exlink.stats.quasi import IDENTITY, fit_quasi
from exlink.stats.tidy import TIDY
from exlink.steps.mixed_effects.outcome_rows import EASE, WorkRows, level_columns
from exlink.steps.mixed_effects.outcomes import WorkFits


def effort_models(data: StudyData, work: WorkFits) -> pd.DataFrame | str:
    """Return what a point of each aspect goes with in customers' answers to ease, in two models.

    Returns
    -------
    DataFrame, one row per aspect: aspect, top, top_low, top_high (percentage points of the two highest answers),
    bottom… (of the two lowest), linear… (points of the scale, least squares), steps_p (whether the slope is the same at
    every step of the scale, adjusted for the number of aspects), same (no step differs after adjustment), n, n_units.
    Where a step was taken too rarely to be judged alone, steps_p is NaN. A string says why nothing is assessed.
    """
    rows = work.rows
    if missing := data.missing("cx_responses.ease"):
        return missing
    if rows is None or work.effort is None:
        return "not assessed: answers to ease cannot carry a model of ordered answers"
    fit = work.effort
    linear = fit_quasi(rows.cells, f"sum_{EASE}", f"n_{EASE}", IDENTITY).table
    steps = _steps(rows)
    out = pd.DataFrame({"term": [t for t in rows.within if t in set(fit.table["term"])]})
    for name, table, times in (("top", fit.top, 100.0), ("bottom", fit.bottom, 100.0), ("linear", linear, 1.0)):
        part = table.set_index("term").loc[out["term"], TIDY[1:]]
        for column, suffix in (("estimate", ""), ("conf_low", "_low"), ("conf_high", "_high")):
            out[name + suffix] = times * part[column].to_numpy()
    steps = steps.assign(steps_p=benjamini_hochberg(steps["p_value"].astype(float)))
    out = out.merge(steps[["term", "steps_p"]], on="term", how="left")
    out["aspect"] = [column_label(data, t.removesuffix("_within")) for t in out["term"]]
    first = fit.table.iloc[0]
    return out.assign(same=~(out["steps_p"] < 0.05), n=int(first["n"]), n_units=int(first["n_units"]))


def _steps(rows: WorkRows) -> pd.DataFrame:
    """Return whether slopes differ between the steps of the scale; no row where a step carries no model of its own."""
    try:
        return nominal_effects(rows.cells, level_columns(rows), rows.within)
    except EstimationError:
        return pd.DataFrame({"term": pd.Series(dtype=str), "p_value": pd.Series(dtype=float)})
