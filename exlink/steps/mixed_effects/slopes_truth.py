"""Slopes that differ between people, beside those that are planted in simulated data."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.planted import planted_effects, planted_factors
from exlink.steps.mixed_effects.slopes import Slopes


def planted_spread(data: StudyData, outcome: str, term: str) -> float:
    """Return the planted SD of an aspect's slopes between people, in points per point; NaN where it is not stated.

    People's slopes are their role's factor times ``1 + sd`` of their own, times the effect of the average person; an
    aspect that acts more in somebody's first year differs within people too, so no one SD is stated of it.
    """
    aspect, planted = term.removeprefix("ex_"), planted_effects(data)
    known = (data.truth or {}).get("heterogeneity")
    if planted is None or known is None or planted_factors(data, "tenure", aspect):
        return np.nan
    factors = planted_factors(data, "role", aspect)
    if not factors:
        return 0.0
    roles = data.relation("employees").select("role").collect().to_pandas()["role"].map(factors).dropna()
    joint = planted.loc[(planted["term"] == term) & (planted["outcome"] == outcome), "joint"].iloc[0]
    own = known["tools_slope_sd"] ** 2 * (roles**2).mean()
    return float(abs(joint) / roles.mean() * np.sqrt(roles.var(ddof=0) + own))


def slopes_truth(data: StudyData, outcome: str, found: Slopes) -> str:
    """Return how planted SDs of people's slopes lie in their intervals; empty for real data."""
    if data.unit != "employee_id" or found.table.empty or data.truth is None:
        return ""
    table = found.table.assign(planted=[planted_spread(data, outcome, t) for t in found.table["term"]])
    told = "; ".join(
        f"{r.aspect} {r.planted:.2f}, {_inside(r)} the interval" for r in table.dropna(subset="planted").itertuples()
    )
    return f"In these simulated data slopes differ between people by this standard deviation: {told}." if told else ""


def _inside(row: pd.Series) -> str:
    return "inside" if row.sd_low <= row.planted <= row.sd_high else "outside"
