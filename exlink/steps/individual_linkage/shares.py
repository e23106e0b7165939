"""Step 03: where the variance of single customer answers sits (M21) — one mixed model, its factors crossed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import answered_rows
from exlink.data.planted import planted_variances
from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.variance_intervals import variance_intervals

WORDS = {"employee_id": "employee", "customer_id": "customer", "team_id": "team", "reason": "reason for contact",
         "touchpoint": "touchpoint", "residual": "single contact"}  # fmt: skip
PLANTED = {"employee": "employee", "customer": "customer", "team": "team"}
MOSTLY_ALONE = 0.9  # levels per row from which a factor (customers seen once) cannot be told from single contacts


def shares(data: StudyData, *, max_rows: int = 60_000) -> pd.DataFrame | str:
    """Return where the variance of single customer answers sits, per CX KPI.

    One linear mixed model per KPI with crossed random intercepts of whoever served (apart from the team), customer,
    team of the day and reason for the contact; REML.

    Returns
    -------
    DataFrame: outcome, source (words), term (column, or 'residual'), estimate (share) with conf_low, conf_high, n,
    variance (squared points), levels, n_units, message (lme4's words), planted (simulated data, else NaN);
    ``attrs['share']`` says what part of the answers was used. Every share has an interval but one found to be zero
    where the model is too large for the profile likelihood (:mod:`exlink.stats.lmm.variance_intervals`).
    A string says why nothing can be assessed.
    """
    if data.has("interactions", "weight"):
        # an average of many answers hides the differences between single ones that this is about
        return "not assessed: a row of `interactions` is the average of several customers (column `weight`)"
    reason = "reason" if data.has("interactions", "reason") else "touchpoint"
    wanted = list(dict.fromkeys([data.unit, "customer_id", "team_id", reason]))
    answers, share = answered_rows(data, max_rows, [*wanted, "interaction_id", *data.cx_kpis])
    rows = answers.sort("interaction_id").drop("draw").collect().to_pandas()
    parts, reasons = [], []
    for y in data.cx_kpis:
        try:
            parts.append(_of_one(rows.dropna(subset=[y, *wanted]), y, wanted, data.unit))
        except EstimationError as error:
            reasons.append(str(error))
    if not parts:
        return f"not assessed: {reasons[0]}"
    out = pd.concat(parts, ignore_index=True)
    out.insert(0, "source", out["term"].map(WORDS))
    out["planted"] = _planted(data, out)
    out.attrs["share"] = share
    return out


def shares_words(found: pd.DataFrame | str, outcome: str) -> str:
    """Return one outcome's shares in words."""
    if isinstance(found, str):
        return found
    part = found[found["outcome"] == outcome]
    return f"{outcome}: " + ", ".join(f"{r.source} {r.estimate:.0%}" for r in part.itertuples()) + "."


def shares_sentence(found: pd.DataFrame | str, unit: str, outcome: str, people: str) -> str:
    """Return how much of the variance is the employee's (or team's) at most, and where most of the rest sits."""
    if isinstance(found, str):
        return found
    by = found[found["outcome"] == outcome].set_index("term")
    if unit not in by.index:
        return f"not assessed: what sits with {people} cannot be told from the other sources"
    own, rest = by.loc[unit], by.drop(unit).sort_values("estimate", ascending=False, kind="stable").iloc[0]
    known = np.isfinite(own["conf_low"])
    interval = f" (95 % interval {own['conf_low']:.1%} to {own['conf_high']:.1%})" if known else ""
    return (
        f"**{own['estimate']:.1%} of the variance of single answers on {outcome} sits with the {own['source']}**"
        f"{interval}, most of the rest with the {rest['source']} ({rest['estimate']:.0%}). From {own['n']:,} answers "
        f"on contacts of {own['n_units']:,} {people}."
    )


def shares_columns(found: pd.DataFrame | str) -> dict[str, str]:
    """Return the columns of the table with their headings; what was planted stands only where something was."""
    known = not isinstance(found, str) and found["planted"].notna().any()
    planted = {"planted": "Planted"} if known else {}
    return {"source": "Where", "estimate": "Share (95 % interval)", **planted, "levels": "Levels", "n": "Answers"}


def rows_note(found: pd.DataFrame | str) -> str:
    """Return from which rows the shares come."""
    if isinstance(found, str):
        return found
    share = found.attrs["share"]
    rows = (
        "From all linked answers."
        if share == 1
        else f"From a fixed sample of {share:.1%} of the customers, each with all linked answers."
    )
    alone = " Customers answered about once each: what sits with them is part of the single contact."
    return rows if "customer_id" in set(found["term"]) else rows + alone


def _of_one(rows: pd.DataFrame, y: str, wanted: list[str], unit: str) -> pd.DataFrame:
    """Return the shares of one outcome, in the order of the factors."""
    factors = [f for f in wanted if 1 < rows[f].nunique() < MOSTLY_ALONE * len(rows)]
    if not factors:
        raise EstimationError(f"{y}: none of {', '.join(wanted)} repeats often enough to be told from single contacts.")
    fit = fit_lmm(f"{y} ~ 1", rows, random=dict.fromkeys(factors, "1"))
    table = variance_intervals(fit, shares_only=True)  # a third of the time of all bounds
    names = {"share": "estimate", "share_low": "conf_low", "share_high": "conf_high"}
    kept = table.rename(columns=names)[[*names.values(), "variance"]]
    levels = [*(int(fit.ngroups[f]) for f in factors), fit.nobs]
    return kept.assign(
        term=[*factors, "residual"], outcome=y, n=fit.nobs, levels=levels, n_units=rows[unit].nunique(),
        message=fit.message,
    )[["outcome", "term", *names.values(), "n", "variance", "levels", "n_units", "message"]]  # fmt: skip


def _planted(data: StudyData, out: pd.DataFrame) -> pd.Series | float:
    truth = planted_variances(data)
    if truth is None:
        return np.nan
    known = truth.assign(source=truth["component"].map(PLANTED)).dropna(subset=["source"])
    return out[["outcome", "source"]].merge(known, on=["outcome", "source"], how="left")["observed_share"]
