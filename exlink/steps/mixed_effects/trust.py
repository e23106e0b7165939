"""Whether the fits can be trusted: what a reader of models asks first, one column per KPI."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.steps.mixed_effects.models import Fits, Fitted
from exlink.steps.mixed_effects.rows import CUSTOMER


def checks(fits: Fits) -> pd.DataFrame:
    """Return what a reader of models asks first, per outcome.

    Returns
    -------
    DataFrame: outcome, n, n_units, customers (how many; missing where they have no effect of their own), icc (the
    unit's), icc_customer, r2_marginal, r2_conditional, loglik, inflation (clustered over model error, median over the
    EX terms), converged, message (warnings in words, 'none' when there is nothing to say).
    """
    rows = [
        {"outcome": y, "n": f.n, "n_units": f.n_units, "customers": f.n_customers, "icc": float(f.icc.iloc[0]),
         "icc_customer": f.icc.get(CUSTOMER), "r2_marginal": f.r2_marginal, "r2_conditional": f.r2_conditional,
         "loglik": f.loglik, "inflation": _inflation(f), "converged": f.converged, "message": f.message or "none"}
        for y, f in fits.mixed.items()
    ]  # fmt: skip
    columns = [
        "outcome", "n", "n_units", "customers", "icc", "icc_customer", "r2_marginal", "r2_conditional", "loglik",
        "inflation", "converged", "message",
    ]  # fmt: skip
    numbers = {"customers": "Int64", "icc_customer": float}
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def questions(checked: pd.DataFrame, people: str) -> pd.DataFrame:
    """Return the checks turned round for a narrow page: one row per question, one column per outcome, in words.

    Returns
    -------
    DataFrame: question, the outcomes, n_units (the fewest behind any of the row's cells).
    """
    asked = {
        "Answers": ("n", ",.0f"),
        people.capitalize(): ("n_units", ",.0f"),
        "Customers with a level of their own": ("customers", ",.0f"),
        "Explained by EX and circumstances": ("r2_marginal", ".1%"),
        f"Of the rest, between {people}": ("icc", ".1%"),
        "Of the rest, between customers": ("icc_customer", ".1%"),
        "Clustered error over the model's": ("inflation", ".2f"),
    }
    rows = [
        {"question": question, **{r["outcome"]: _cell(r[name], spec) for r in checked.to_dict("records")}}
        for question, (name, spec) in asked.items()
    ]
    sound = {r["outcome"]: "yes" if r["converged"] else "no" for r in checked.to_dict("records")}
    warned = {r["outcome"]: "none" if r["message"] == "none" else "see above" for r in checked.to_dict("records")}
    rows += [{"question": "Best fit found", **sound}, {"question": "Warnings", **warned}]
    return pd.DataFrame(rows, columns=["question", *checked["outcome"]]).assign(n_units=checked["n_units"].min())


def _cell(value: float, spec: str) -> str:
    return "–" if pd.isna(value) else format(value, spec)


def _inflation(fit: Fitted) -> float:
    ex = fit.table["term"].str.startswith("ex_")
    return float((fit.robust_table["std_error"] / fit.table["std_error"])[ex].median()) if ex.any() else np.nan
