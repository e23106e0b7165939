"""What leaves with the people who leave: their tenure, and how long a beginner needs to make up for it (M34).

Nothing here is money. What replacing a leaver costs is an assumption of the parameters, and published figures already
hold part of what a beginner costs; adding this on top would count it twice.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import leaving
from exlink.data.warehouse import name_of
from exlink.errors import EstimationError
from exlink.stats.power import minimum_detectable, verdict
from exlink.stats.tidy import tidy_frame
from exlink.stats.within_between import within_slope
from exlink.steps.business_rollup.links import Part, lacking

YEAR = 365.25  # days; the first year counts as the time in which somebody is a beginner


def knowledge_loss(data: StudyData, kpi: str) -> Part:
    """Return the experience that left in the last twelve months, and what the first year of a beginner differs by.

    A beginner's first year is compared with the same person's contacts after it, net of the quarter: people who left
    early do not count as slow learners. Were every leaver's work done by a beginner for a year, all contacts together
    would change by the difference times leavers per head (both counted).

    Returns
    -------
    Part whose table has item, unit, tidy columns (bounds empty for what is counted), verdict ('' for what is counted),
    mde, n_people; note says why something is not assessed.
    """
    if data.unit != "employee_id":
        return Part(note="not assessed: tenure is known of persons only, and this study speaks of units")
    if missing := lacking(data, "employees.hired_on", "employees.left_on"):
        return Part(note=missing)
    least = data.study.privacy.min_group
    tenure, leavers = _tenure(data)
    if leavers < least:
        return Part(note=f"not assessed: fewer than {least} people left of their own accord in twelve months")
    rows, notes = [tenure], []
    headcount = int(leaving(data)["left_on"].isna().sum())
    alike = _seen_both_ways(data, kpi)
    for outcome, item, unit in (
        (kpi, f"customers' {kpi}, first year less later", "points"),
        ("log_handle", "handling time, first year less later", "percent"),
    ):
        if outcome == "log_handle" and (gone := lacking(data, "interactions.handle_seconds")):
            notes.append(gone)
            continue
        try:
            found = _beginners(data, outcome, kpi, alike)
        except EstimationError as error:
            notes.append(f"not assessed: too few people passed their first year here ({str(error).rstrip('.')})")
            continue
        if found["n_people"].iloc[0] < least:
            notes.append(f"not assessed: fewer than {least} people have contacts in their first year and after it")
            continue
        rows.append(_told(found, item, unit))
        if outcome == kpi:
            share = leavers / headcount
            diluted = found.assign(**{c: share * found[c] for c in ("estimate", "std_error", "conf_low", "conf_high")})
            rows.append(
                _told(diluted, f"all contacts together, were {leavers / headcount:.0%} done by beginners", unit)
            )
    return Part((), pd.concat(rows, ignore_index=True), "; ".join(dict.fromkeys(notes)))


def _tenure(data: StudyData) -> tuple[pd.DataFrame, int]:
    """Return years of tenure of last year's voluntary leavers and of who is here; and the number of leavers."""
    people, last = leaving(data).dropna(subset="hired_on"), pd.Timestamp(data.study.period.last)
    gone = people["voluntary"] & (people["left_on"] > last - pd.DateOffset(years=1)) & (people["left_on"] <= last)
    years = (people["left_on"].fillna(last).clip(upper=last) - people["hired_on"]).dt.days / YEAR
    groups = {"tenure of who left, on average": years[gone], "tenure of who is here": years[people["left_on"].isna()]}
    n = int(gone.sum())
    if n < 2:
        return pd.DataFrame(), n
    total = tidy_frame("years", years[gone].sum(), np.nan, n, null=None).assign(
        item="years of experience that left in twelve months", n_people=n
    )
    means = [
        tidy_frame("years", x.mean(), x.std() / np.sqrt(len(x)), len(x), df=len(x) - 1, null=None).assign(
            item=item, n_people=len(x)
        )
        for item, x in groups.items()
    ]
    return pd.concat([total, *means], ignore_index=True).assign(unit="years", verdict="", mde=np.nan), n


def _seen_both_ways(data: StudyData, kpi: str) -> set[str]:
    """Return who has the first year and a later one in each outcome that is there.

    Rows of different people would tell the few by which they differ.
    """
    seen = []
    for outcome in _outcomes(data, kpi):
        years = _cells(data, outcome, kpi).groupby("employee_id")["novice"].nunique()
        seen.append(set(years.index[years > 1]))
    return set.intersection(*seen)


def _outcomes(data: StudyData, kpi: str) -> dict[str, str]:
    """Return the outcomes that are there, each with its value in SQL."""
    handled = {"log_handle": "ln(greatest(handle_seconds, 1))"} if data.has("interactions", "handle_seconds") else {}
    return {kpi: f"{name_of(kpi)}::DOUBLE"} | handled


def _cells(data: StudyData, outcome: str, kpi: str) -> pd.DataFrame:
    """Return contacts by person, quarter and novice (in the first year), as moments of the outcome."""
    sums = ", ".join(  # of all outcomes, in one pass
        f"count({v}) AS n_{k}, sum({v}) AS sum_{k}, sum(({v}) * ({v})) AS sumsq_{k}"
        for k, v in enumerate(_outcomes(data, kpi).values())
    )
    cells = data.query_once(f"""
        SELECT i.employee_id, year(started_at) * 4 + quarter(started_at) AS quarter,
               (date_diff('day', e.hired_on::DATE, started_at::DATE) < {YEAR})::INT AS novice, {sums}
        FROM interactions i JOIN employees e USING (employee_id)
        WHERE e.hired_on IS NOT NULL AND started_at::DATE >= e.hired_on::DATE
        GROUP BY ALL ORDER BY ALL""")
    k = list(_outcomes(data, kpi)).index(outcome)
    names = {f"{part}_{k}": f"{part}_y" for part in ("n", "sum", "sumsq")}
    own = cells[["employee_id", "quarter", "novice", *names]].rename(columns=names)
    return own[own["n_y"] > 0].reset_index(drop=True)


def _beginners(data: StudyData, outcome: str, kpi: str, alike: set[str]) -> pd.DataFrame:
    """Return the difference of contacts in the first year from the same person's later ones; n_people: who has both.

    Of the people with both, only those in ``alike``; who has one of the two helps to tell what a quarter did.
    """
    cells = _cells(data, outcome, kpi)
    both = cells.groupby("employee_id")["novice"].transform("nunique") > 1
    cells = cells[~both | cells["employee_id"].isin(alike)].reset_index(drop=True)
    found = within_slope(cells, "y", "novice", "employee_id", "quarter").table
    if outcome == "log_handle":
        moved = {c: 100 * np.expm1(found[c]) for c in ("estimate", "conf_low", "conf_high")}
        found = found.assign(std_error=100 * np.exp(found["estimate"]) * found["std_error"], **moved)
    return found.drop(columns="n_units").assign(n_people=len(alike))


def _told(found: pd.DataFrame, item: str, unit: str) -> pd.DataFrame:
    row = found.iloc[0]
    return found.assign(
        item=item, unit=unit, verdict=verdict(row["estimate"], row["conf_low"], row["conf_high"]),
        mde=minimum_detectable(found["std_error"].to_numpy()),
    )  # fmt: skip
