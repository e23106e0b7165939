"""The ids of a study's people: found as surely as in a set of all of them."""

import random
from pathlib import Path

import pyarrow as pa
import pytest

from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.publish import people
from exlink.publish.identifiers import points_at_person
from exlink.publish.people import PersonIds, known_people

COLUMNS = (("employees", "employee_id"), ("employees", "manager_id"), ("interactions", "employee_id"),
           ("interactions", "customer_id"))  # fmt: skip


@pytest.fixture(scope="module")
def sample():
    return open_data(load_study(Path(__file__).parents[2] / "data" / "sample"), threads=1)


def in_columns(data, most=None):
    """Return the ids of every column by itself, in the order of their characters."""
    for table, column in COLUMNS:
        if data.has(table, column):
            found = data.query(f"SELECT DISTINCT {column} AS id FROM {table} ORDER BY ALL")["id"].dropna()
            yield sorted(found)[:most]


def test_everybody_of_a_study_is_known_and_nobody_else(sample):
    known = known_people(sample)
    everybody = set().union(*in_columns(sample))
    assert len(everybody) > 1000
    assert all(person in known for person in everybody)
    strangers = {person[:-1] + letter for person in everybody for letter in "0Zé"} - everybody
    assert not any(text in known for text in [*strangers, *(p + "x" for p in everybody), "", "2025", "team"])
    assert points_at_person(f"as {max(everybody)} said", known) == "the id of a person"


@pytest.mark.parametrize("letters", ["AB", "AZaz09", "aé中😀-", "0123456789"])
def test_ids_are_found_whatever_their_characters_and_lengths(letters):
    rng = random.Random(len(letters))
    drawn = ["".join(rng.choices(letters, k=rng.randint(1, 8))) for _ in range(600)]
    ids, others = set(drawn[:300]), set(drawn[300:]) - set(drawn[:300])
    known = PersonIds([pa.array(sorted(part), pa.string()) for part in (drawn[:100], drawn[100:300], [])])
    year_like = {text for text in drawn if text.isdigit() and len(text) <= 4}
    assert {text for text in {*drawn, *others} if text in known} == ids - year_like


def test_of_too_many_people_the_first_of_each_column_are_kept(sample, monkeypatch):
    monkeypatch.setattr(people, "MOST", 40)
    known, columns = known_people(sample), list(in_columns(sample, most=40))
    kept = set().union(*columns)
    everybody = set().union(*in_columns(sample))
    assert kept < everybody
    assert {person for person in everybody if person in known} == kept
