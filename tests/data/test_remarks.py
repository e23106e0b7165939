"""Valid tables that look mistaken are remarked upon, and left as they are."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from exlink.data.dataset import open_data
from exlink.data.remarks import remarks
from exlink.data.study import Study, load_study

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
CONTACTS = "(SELECT unnest([DATE '2024-11-02', DATE '2026-09-29']) AS started_at)"
LABELS = {"ex_tools": "tools", "ex_psychological_safety": "psychological safety"}


def told(*rows, period="2026Q3", first_answer=date(2024, 10, 1)):
    """Return the remarks on initiatives (aspect, first day)."""
    study = Study.model_validate({"name": "odd", "period": period, "sources": {}})
    with duckdb.connect() as con:
        con.execute("CREATE TABLE ex_responses AS SELECT ?::DATE AS responded_on", [first_answer])
        con.execute("CREATE TABLE initiatives (initiative_id VARCHAR, aspect VARCHAR, started_on DATE)")
        for k, row in enumerate(rows):
            con.execute("INSERT INTO initiatives VALUES (?, ?, ?)", [f"I-{k}", *row])
        return remarks(con, CONTACTS, study, [*LABELS, "ex_ease"], LABELS)


def test_what_fits_is_not_remarked_upon():
    assert told(("tools", date(2025, 3, 1)), ("Psychological safety", date(2027, 1, 1)), ("tools", None)) == []


def test_what_was_asked_of_work_as_a_whole_can_be_an_aim():
    assert told(("ease", date(2025, 3, 1))) == []


def test_an_aspect_that_was_not_asked_is_told_with_the_nearest_one():
    day = date(2025, 3, 1)
    assert told(("tols", day), ("toools", day), ("tools", day), ("psych safety", day)) == [
        "initiatives: 3 initiatives have an aspect without answers that can be linked, so what changed there cannot be "
        "followed. Check `aspect`. Did you mean 'tools' or 'psychological safety'?"
    ]


def test_what_somebody_typed_into_a_cell_is_not_repeated():
    """Remarks stand on a page, and a cell may hold anybody's name."""
    (text,) = told(("emp-003", date(2025, 3, 1)))
    assert "emp" not in text
    assert text.startswith("initiatives: 1 initiative has an aspect without answers")


@pytest.mark.parametrize(("day", "year"), [(date(2062, 3, 1), 2062), (date(206, 3, 1), 206), (date(2018, 3, 1), 2018)])
def test_a_mistyped_year_is_told(day, year):
    (text,) = told(("tools", day), ("tools", date(2026, 3, 1)))
    assert text.startswith(f"initiatives: 1 initiative has a first day in {year}, more than five years from all")


def test_answers_from_before_the_contacts_count():
    assert told(("tools", date(2018, 3, 1)), first_answer=date(2016, 1, 1)) == []


def test_a_period_without_data_is_told():
    (text,) = told(period="2027Q1")
    assert "before the period 2027Q1 begins" in text


def test_the_sample_gives_no_cause():
    assert not [note for note in open_data(load_study(SAMPLE)).notes if note.startswith("initiatives")]
