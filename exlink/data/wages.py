"""What people are paid, told as a mean over enough of them."""

from __future__ import annotations

from exlink.data.dataset import StudyData


def mean_salary(data: StudyData) -> float:
    """Return the mean yearly salary of all employees of whom it is recorded; NaN with fewer than the minimum group."""
    if not data.has("employees", "annual_salary"):
        return float("nan")
    known = data.frame("employees", ["employee_id", "annual_salary"])["annual_salary"].dropna()
    return float(known.mean()) if len(known) >= data.study.privacy.min_group else float("nan")
