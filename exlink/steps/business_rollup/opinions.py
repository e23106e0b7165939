"""What customers keep of their contacts, and when: the link from contact to overall opinion in close-up (M31)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.customer_periods import overall_after_contact
from exlink.data.dataset import StudyData
from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap
from exlink.stats.moments import UnitMoments, within_moments
from exlink.stats.multiplicity import judged
from exlink.stats.within_between import within_slope
from exlink.steps.business_rollup.links import lacking, one_a_cell

KEEPS = {
    "contact": "mean of the contacts",
    "peak_end": "worst and last contact (peak–end)",
    "worst": "worst contact",
    "last": "last contact",
}
CHAIN = "one period before (the chain)"
TIMES = {2: "two periods before", -1: "one period after (placebo)"}
LEAST_BLOCKS = 5_000  # customers beyond which the bootstrap draws blocks of them
FEW = "not assessed: too few customers rated us overall twice after contacts"


def contact_summaries(data: StudyData, kpi: str, *, reps: int = 1000, seed: int = 2026) -> pd.DataFrame | str:
    """Return how well the mean, the worst, the last and the peak–end of contacts go with overall CX.

    All four on the same pairs, within the same customer and net of the period.

    Returns
    -------
    DataFrame: summary, tidy columns (points of overall CX per point), explained (share of what changes in a customer's
    overall CX), gain (explained less that of the mean) with gain_low and gain_high (bootstrap of customers), n,
    n_several (pairs with more than one scored contact: only these can tell the four apart), answered (share of the
    contacts of these periods that has a score), n_people; or the line that says why not.
    """
    if missing := lacking(data, "interactions.customer_id", f"customer_relationship.{kpi}"):
        return missing
    frame = one_a_cell(overall_after_contact(data, kpi), "overall")
    frame = frame.assign(peak_end=(frame["worst"] + frame["last"]) / 2)
    try:
        tables = [within_slope(frame, "overall", column, "customer_id", "period").table for column in KEEPS]
        moments = [within_moments(frame, "overall", column, "customer_id", "period") for column in KEEPS]
    except EstimationError as error:
        return f"{FEW} ({str(error).rstrip('.')})"
    if (people := int(tables[0]["n_units"].iloc[0])) < data.study.privacy.min_group:
        return FEW
    explained, low, high = _gains(moments, reps, seed)
    used = frame[frame["customer_id"].isin(moments[0].units)]
    return pd.concat(tables, ignore_index=True).assign(
        summary=list(KEEPS.values()), explained=explained, gain=explained - explained[0], gain_low=low, gain_high=high,
        n_several=int((used["n_contacts"] > 1).sum()), answered=used["n_contacts"].sum() / used["n_all"].sum(),
        n_people=people,
    )  # fmt: skip


def _gains(moments: list[UnitMoments], reps: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return explained shares (k,), and the bounds of their differences from the first, the same customers drawn."""
    if len(moments[0].units) > LEAST_BLOCKS:
        blocks = np.arange(len(moments[0].units)) % LEAST_BLOCKS  # neighbours by label have nothing in common
        moments = [m.merged(blocks, LEAST_BLOCKS) for m in moments]

    def shares(weights: np.ndarray) -> np.ndarray:
        return np.column_stack([m.correlations(weights)[:, 0] ** 2 for m in moments])

    draws = bootstrap(shares, len(moments[0].units), reps=reps, seed=seed)
    low, high = np.nanquantile(draws - draws[:, [0]], [0.025, 0.975], axis=0)
    return shares(np.ones((1, len(moments[0].units))))[0], low, high


def contact_timing(data: StudyData, kpi: str) -> pd.DataFrame | str:
    """Return what contacts of other periods go with in an overall rating, beside those of the period before.

    A rating cannot come from contacts that were still to come: what the placebo shows beyond chance is something that
    moves both, or a rating that colours the next contact. Other periods are estimated jointly with the one before, on
    pairs that have both: left out, its effect would sit in the customer's mean and turn them negative.

    Returns
    -------
    DataFrame: when, periods (before; below zero after), tidy columns, p_adjusted (Benjamini–Hochberg over the rows),
    verdict, n_people; or the line that says why not. Distances that too few customers have are left out.
    """
    if missing := lacking(data, "interactions.customer_id", f"customer_relationship.{kpi}"):
        return missing
    before = one_a_cell(overall_after_contact(data, kpi), "overall")
    rows = [_slope(before, ["contact"], CHAIN, 1)]
    for lag, when in TIMES.items():
        other = overall_after_contact(data, kpi, lag=lag)[["customer_id", "period", "contact"]]
        both = before.merge(other.rename(columns={"contact": "other"}), on=["customer_id", "period"])
        rows.append(_slope(both, ["other", "contact"], when, lag))
    table = pd.concat(rows, ignore_index=True).rename(columns={"n_units": "n_people"})
    table = table[table["n_people"] >= data.study.privacy.min_group].reset_index(drop=True) if len(table) else table
    return judged(table.sort_values("periods", ascending=False, ignore_index=True)) if len(table) else FEW


def _slope(frame: pd.DataFrame, x: list[str], when: str, periods: int) -> pd.DataFrame:
    """Return the slope on the first covariate; no row where too few customers have such pairs."""
    try:
        found = within_slope(frame, "overall", x, "customer_id", "period").table.iloc[[0]]
    except EstimationError:
        return pd.DataFrame()  # a shorter study has no such pairs: the row is not there, and the reading says so
    return found.assign(when=when, periods=periods)
