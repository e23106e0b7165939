"""What overall opinion goes with in revenue, margin and leaving, each told in percent (M32)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.customer_periods import value_after_overall
from exlink.data.dataset import StudyData
from exlink.errors import EstimationError
from exlink.stats.elasticity import elasticity
from exlink.stats.hazard import fit_hazard
from exlink.stats.survival import fit_cox
from exlink.stats.within_between import within_slope
from exlink.steps.business_rollup.links import Part, guarded, lacking, one_a_cell, truth_of

OUTCOMES = {"revenue": "Revenue, customers who stay", "margin": "Margin, customers who stay", "leaving": "Leaving"}


def money_effects(data: StudyData, kpi: str) -> Part:
    """Return revenue, margin and leaving against overall CX of the period before, in percent, by several readings.

    Returns
    -------
    Part whose table has outcome, reading, tidy columns in percent, planted, covered, n_people; note says what of it is
    not assessed. Revenue and margin compare customers with themselves, leaving compares customers with each other.
    """
    if missing := lacking(data, "interactions.customer_id", f"customer_relationship.{kpi}", "customer_value.revenue"):
        return Part(note=missing)
    why = "too few customers with two periods of value after overall ratings"
    return guarded(data, lambda: _effects(data, kpi), why)


def _effects(data: StudyData, kpi: str) -> Part:
    frame = value_after_overall(data, kpi)
    acts = kpi == "satisfaction"  # of the simulated study: money follows overall satisfaction
    on_revenue = elasticity(frame, "revenue", "overall", "customer_id", "period", lag=0)
    truth = truth_of(data, "revenue").get("log_points_per_point") if acts else None
    rows = [_percent("revenue", "per point", on_revenue.percent, truth)]
    proper = elasticity(frame[frame["overall"] > 0], "revenue", "overall", "customer_id", "period", lag=0, log_x=True)
    rows.append(_percent("revenue", "per 1% of the score (elasticity)", proper.percent))
    notes = [_missing_columns(data)]
    if frame["margin"].notna().any():
        rows.append(_percent("margin", "per point, of the mean margin", _of_mean(frame.dropna(subset="margin"))))
    if frame["churned"].notna().any():
        try:
            rows += _leaving(frame, truth_of(data, "churn").get("logit_per_point") if acts else None)
        except EstimationError as error:
            notes.append(f"not assessed: too few customers left to tell who stays ({str(error).rstrip('.')})")
    table = pd.concat(rows, ignore_index=True).rename(columns={"n_units": "n_people"})
    inside = (table["conf_low"] <= table["planted"]) & (table["planted"] <= table["conf_high"])
    table = table.assign(covered=inside.where(table["planted"].notna()).astype(object))
    return Part((), table, "; ".join(filter(None, notes)))


def _missing_columns(data: StudyData) -> str:
    absent = [f"customer_value.{c}" for c in ("margin", "churned") if not data.has("customer_value", c)]
    return lacking(data, *absent) if absent else ""


def _of_mean(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the change of margin per point as a share of its mean, in percent.

    In currency and not in logarithms, because a margin may be negative and such customers would be left out.
    """
    table = within_slope(one_a_cell(frame, "margin"), "margin", "overall", "customer_id", "period").table
    share = 100 / frame["margin"].mean()
    return table.assign(**{c: share * table[c] for c in ("estimate", "std_error", "conf_low", "conf_high")})


def _leaving(frame: pd.DataFrame, truth: float | None) -> list[pd.DataFrame]:
    """Return odds (period by period) and hazard (Cox) of leaving per point: the same rows, two likelihoods."""
    logit = fit_hazard(frame, "churned", "overall", "customer_id", baseline="period")
    timed = frame.assign(start=frame["period"] - 1.0, stop=frame["period"].astype(float))
    cox = fit_cox(timed, "churned", "overall", "customer_id", start="start", stop="stop")
    return [
        _percent("leaving", "odds per point (period by period)", _change(logit.odds_ratios), truth),
        _percent("leaving", "hazard per point (Cox)", _change(cox.hazard_ratios)),
    ]


def _change(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return ratios as changes in percent."""
    moved = {c: 100 * (ratios[c] - 1) for c in ("estimate", "conf_low", "conf_high")}
    return ratios.assign(std_error=100 * ratios["std_error"], **moved)


def _percent(outcome: str, reading: str, table: pd.DataFrame, truth: float | None = None) -> pd.DataFrame:
    known = np.nan if truth is None else 100 * np.expm1(truth)
    return table.assign(outcome=OUTCOMES[outcome], reading=reading, planted=known)
