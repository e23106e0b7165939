"""Step 06: what it comes to (M49, business outcomes): revenue of last year's customers, and people who leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import leaving
from exlink.data.kept_revenue import kept_revenue
from exlink.data.wages import mean_of_enough
from exlink.stats.judgement import judge
from exlink.stats.tidy import t_quantile
from exlink.steps.misalignment_audit.check import AREAS, Check, not_assessable

LOST_NAME, LEAVE_NAME = "Revenue of last year's customers is lost", "People leave"


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """Revenue that customers of a year ago no longer bring: share (estimate, low, high), a year's amount, customers."""

    share: tuple[float, float, float]
    amount: tuple[float, float, float]
    customers: int


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    """Exits of people's own accord in the last year: rate a year (estimate, low, high), exits, person-years.

    salary : mean yearly salary of those who left, as step 05 counts their cost; NaN where it is that of a few
    """

    rate: tuple[float, float, float]
    exits: int
    years: float
    salary: float


def assess_lost(data: StudyData) -> Lost | str:
    """Return how much revenue of last year's customers is lost, or why it cannot be assessed."""
    if missing := data.missing("customer_value"):
        return missing
    sums, few = kept_revenue(data), data.study.privacy.min_group
    if not sums["customers"] >= few or not sums["before"] > 0:
        return f"not assessed: fewer than {few} customers have revenue in `customer_value` two years in a row"
    n, ratio = sums["customers"], sums["now"] / sums["before"]
    squares = sums["now2"] - 2 * ratio * sums["both"] + ratio**2 * sums["before2"]
    half = t_quantile(0.975, n - 1) * np.sqrt(n / (n - 1) * max(squares, 0.0)) / sums["before"]  # Cochran 1977, 6.13
    share = tuple(float(1 - ratio + side * half) for side in (0, -1, 1))
    year = sums["before"] * sums["a_year"] / sums["periods"]
    return Lost(share, tuple(float(part * year) for part in share), int(n))


def assess_leaving(data: StudyData) -> Leaving | str:
    """Return how many people left of their own accord in the period's last year, or why it cannot be assessed."""
    if data.unit == "team_id":
        return "not assessed: needs exits of employees; this study links at the level of teams"
    if missing := data.missing("employees.left_on"):
        return missing
    people, few = leaving(data), data.study.privacy.min_group
    last = pd.Timestamp(data.study.period.last)
    since = last - pd.DateOffset(years=1) + pd.Timedelta(days=1)
    begins = people["hired_on"].fillna(since).clip(lower=since)
    ends = people["left_on"].fillna(last).clip(upper=last)
    years = float(((ends - begins).dt.days + 1).clip(lower=0).sum() / 365.25)
    gone = people["voluntary"] & people["left_on"].between(since, last)
    exits = int(gone.sum())
    if years < few:
        return f"not assessed: fewer than {few} people were there over the last year"
    if 0 < exits < few:
        return f"not assessed: fewer than {few} people left in the last year, too few to speak of"
    low = special.gammaincinv(exits, 0.025) / years if exits else 0.0  # exact for a count (Garwood 1936)
    rate = (exits / years, float(low), float(special.gammaincinv(exits + 1, 0.975) / years))
    paid = people.loc[gone, "annual_salary"] if "annual_salary" in people else pd.Series(dtype=float)
    return Leaving(rate, exits, years, mean_of_enough(paid, few))


def lost_check(found: Lost | str, *, harmless: float, matters: float) -> Check:
    """Return the verdict on the share of revenue lost in a year; bounds are shares, 0 to 1."""
    if isinstance(found, str):
        return not_assessable(AREAS, LOST_NAME, found)
    lead = f"Customers of a year ago bring {abs(found.share[0]):.1%} {'less' if found.share[0] >= 0 else 'more'} now"
    return _check(LOST_NAME, found.share, lead, f"{found.customers:,} customers", harmless, matters, ".1%")


def leave_check(found: Leaving | str, *, harmless: float, matters: float) -> Check:
    """Return the verdict on the rate of leaving; bounds are shares of the staff a year, 0 to 1."""
    if isinstance(found, str):
        return not_assessable(AREAS, LEAVE_NAME, found)
    lead = f"{found.rate[0]:.0%} of the staff left of their own accord in the last year"
    return _check(LEAVE_NAME, found.rate, lead, f"{found.exits} people in {found.years:.0f} person-years", harmless,
                  matters, ".0%")  # fmt: skip


def _check(
    name: str, at: tuple[float, float, float], lead: str, behind: str, harmless: float, matters: float, spec: str
) -> Check:
    band = f"{at[1]:{spec}} to {at[2]:{spec}}"
    said = (
        f"{lead} (95% interval {band}; up to {harmless:.0%} counts as harmless, from {matters:.0%} on it matters); "
        f"{behind}."
    )
    numbers = {"estimate": at[0], "conf_low": at[1], "conf_high": at[2], "harmless": harmless, "matters": matters}
    return Check(AREAS, name, judge(*at, harmless=harmless, matters=matters), said,
                 numbers={k: float(v) for k, v in numbers.items()}, brief=f"{lead} ({band}).")  # fmt: skip
