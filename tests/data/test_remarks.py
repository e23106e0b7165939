"""Valid tables that look mistaken are remarked upon, and left as they are."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from exlink.data.dataset import open_data
from exlink.data.remarks import remarks
from exlink.data.study import Study, load_study

CONTACTS = "(SELECT unnest([DATE '2024-11-02', DATE '2026-09-29']) AS started_at)"
SAMPLE = Path(__file__).parents[2] / "data" / "sample"
LABELS = {"ex_tools": "tools", "ex_psychological_safety": "psychological safety"}


def told(*rows, period="2026Q3"):
    """Return the remarks on initiatives (aspect, first day)."""
    study = Study.model_validate({"name": "odd", "period": period, "sources": {}})
    with duckdb.connect() as con:
        con.execute("CREATE TABLE initiatives (aspect VARCHAR, started_on DATE)")
        for row in rows:
            con.execute("INSERT INTO initiatives VALUES (?, ?)", row)
        return remarks(con, CONTACTS, study, LABELS)


def test_what_fits_is_not_remarked_upon():
    assert told(("tools", date(2025, 3, 1)), ("Psychological safety", date(2027, 1, 1)), ("tools", None)) == []


def test_an_aspect_that_was_not_asked_is_told_with_the_nearest_one():
    assert told(("tols", date(2025, 3, 1)), ("tols", date(2025, 3, 1)), ("tools", date(2025, 3, 1))) == [
        "initiatives: 2 rows name an aspect that was not asked in this study ('tols'): what they changed cannot be "
        "followed. Check `aspect`. Did you mean 'tools'?"
    ]


@pytest.mark.parametrize(("day", "year"), [(date(2062, 3, 1), 2062), (date(206, 3, 1), 206), (date(2018, 3, 1), 2018)])
def test_a_mistyped_year_is_told(day, year):
    (text,) = told(("tools", day), ("tools", date(2026, 3, 1)))
    begins = f"initiatives: 1 rows start in {year}, more than five years from the contacts (2024-11-02 to"
    assert text.startswith(begins)


def test_a_period_without_data_is_told():
    (text,) = told(period="2027Q1")
    assert "before the period 2027Q1 begins" in text


def test_the_sample_gives_no_cause():
    assert not [n for n in open_data(load_study(SAMPLE)).notes if n.startswith("initiatives")]
