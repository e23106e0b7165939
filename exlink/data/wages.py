"""What people are paid, told as a mean over enough of them."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData


def mean_of_enough(wages: pd.Series, least: int) -> float:
    """Return the mean of the wages that are known; NaN with fewer than ``least``, or it would be the wage of a few."""
    known = wages.dropna()
    return float(known.mean()) if len(known) >= least else float("nan")


def mean_salary(data: StudyData) -> float:
    """Return the mean yearly salary of all employees of whom it is recorded; NaN with fewer than the minimum group."""
    if not data.has("employees", "annual_salary"):
        return float("nan")
    wages = data.frame("employees", ["employee_id", "annual_salary"])["annual_salary"]
    return mean_of_enough(wages, data.study.privacy.min_group)
