"""What was planted on outcomes of contacts in simulated data, and what their models found."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import column_label
from exlink.data.planted import planted_operations
from exlink.stats.quasi import LOGIT, fit_quasi
from exlink.steps.mixed_effects.outcome_rows import given_solved
from exlink.steps.mixed_effects.outcomes import OUTCOMES, WorkFits


def work_found(data: StudyData, work: WorkFits) -> pd.DataFrame | None:
    """Return planted and found coefficients, of outcomes on which something was planted.

    Where the planted coefficient holds another outcome equal, so does the fit that is compared.

    Returns
    -------
    DataFrame or None: outcome, aspect, term, planted (0 where nothing is planted), estimate, conf_low, conf_high (of
    the logit, the log or the log mean), covered, n_units.
    """
    planted = planted_operations(data)
    if planted is None or work.rows is None or not work.fits:
        return None
    parts = []
    for outcome in OUTCOMES:
        of = planted[planted["column"] == outcome.column]
        if of.empty or outcome.column not in work.fits:
            continue
        fit = work.fits[outcome.column]
        if (of["given"] != "").any():
            fit = fit_quasi(given_solved(work.rows, outcome.column), "sum", "n", LOGIT)
        table = fit.table[fit.table["term"].isin(work.rows.within)]
        table = table.assign(outcome=outcome.name, term=table["term"].str.removesuffix("_within"))
        parts.append(table.merge(of[["term", "planted"]], on="term", how="left"))
    if not parts:
        return None
    found = pd.concat(parts, ignore_index=True).fillna({"planted": 0.0})
    found["aspect"] = [column_label(data, t) for t in found["term"]]
    return found.assign(covered=found["planted"].between(found["conf_low"], found["conf_high"]))


def nothing_planted(found: pd.DataFrame) -> str:
    """Return how many intervals of pairs on which nothing was planted hold zero."""
    null = found[found["planted"] == 0]
    held = int(null["covered"].sum())
    return f"Of {len(null)} pairs on which nothing is planted, {held} have an interval that holds zero."
