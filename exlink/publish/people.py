"""The ids of a study's people, which nothing published may contain."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exlink.data.dataset import StudyData

_COLUMNS = (("employees", "employee_id"), ("employees", "manager_id"), ("interactions", "employee_id"))
_YEAR_LIKE = 4  # a number of so few digits may be a year or a count, so it cannot be told from an id
MOST = 500_000  # ids kept at hand; a study with more people has the patterns and column names to protect them


def known_people(data: StudyData) -> frozenset[str]:
    """Return the ids of employees, managers and customers, as text."""
    ids: set[str] = set()
    places = [(table, column) for table, column in _COLUMNS if data.has(table, column)]
    for table, column in [*places, ("customers", "customer_id")]:
        found = data.query(
            f"SELECT DISTINCT CAST({column} AS VARCHAR) AS id FROM {table} "
            f"WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {MOST}"
        )
        ids.update(i for i in found["id"] if not (i.isdigit() and len(i) <= _YEAR_LIKE))
    return frozenset(ids)
