"""The ids of a study's people, which nothing published may contain."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from exlink.data.dataset import StudyData

_STAFF = (("employees", "employee_id"), ("employees", "manager_id"), ("interactions", "employee_id"))
_YEAR_LIKE = 4  # a number of so few digits may be a year or a count, so it cannot be told from an id
MOST = 500_000  # ids of a column kept at hand; beyond, patterns and column names protect people


class PersonIds:
    """Ids that can be asked for: kept as the engine gives them, since half a million take long to become objects.

    Parameters
    ----------
    columns : iterable of pyarrow.Array     of text, each in ascending order
    """

    def __init__(self, columns: Iterable[pa.Array]) -> None:
        self._columns = tuple(columns)
        lengths = (pc.unique(pc.utf8_length(column)).to_pylist() for column in self._columns)
        self._lengths = frozenset().union(*lengths)  # most words are no id by their length

    def __contains__(self, text: str) -> bool:
        if len(text) not in self._lengths or (text.isdigit() and len(text) <= _YEAR_LIKE):
            return False
        return any(_holds(column, text) for column in self._columns)


def _holds(ascending: pa.Array, text: str) -> bool:
    at = bisect_left(ascending, text, key=lambda scalar: scalar.as_py())
    return at < len(ascending) and ascending[at].as_py() == text


def known_people(data: StudyData) -> PersonIds:
    """Return the ids of employees, managers and customers, as text."""
    every = "SELECT DISTINCT CAST({1} AS VARCHAR) AS id FROM {0} WHERE {1} IS NOT NULL ORDER BY 1 LIMIT {2}"
    staff = [every.format(table, column, MOST) for table, column in _STAFF if data.has(table, column)]
    # customers are numbered in the order of their ids, and numbers are sorted faster
    known = f"customer_id IS NOT NULL AND customer <= {MOST}"
    customers = f"SELECT customer_id AS id FROM customers WHERE {known} ORDER BY customer"
    return PersonIds(pa.array(data.query(ids)["id"], pa.string()) for ids in (*staff, customers))
