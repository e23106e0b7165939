"""Few contacts without an answer cannot be had by subtracting answers from contacts."""

from types import SimpleNamespace

import pandas as pd
import pytest

from exlink.data import unanswered

LEAST = 8


@pytest.fixture
def study(monkeypatch):
    cells = pd.DataFrame({"touchpoint": ["a", "b", "c"], "contacts": [511, 357, 40], "n_ease": [509, 340, 40]})
    monkeypatch.setattr(unanswered, "cx_answer_cells", lambda _: cells)
    return SimpleNamespace(study=SimpleNamespace(privacy=SimpleNamespace(min_group=LEAST)))


def test_counts_are_told_in_tens_only_where_few_contacts_have_no_answer(study):
    assert unanswered.few_unanswered(study) == {("a", "ease")}, "17 without are no few, none without are nobody"
    frame = pd.DataFrame({"at": ["a", "b", "c"], "kpi": "ease", "n": [509, 340, 40], "n_units": [509, 340, 38]})
    told = unanswered.told_in_tens(study, frame, touchpoint="at", kpi="kpi")
    assert told["n"].tolist() == [500, 340, 40]
    assert told["n_units"].tolist() == [500, 340, 38]
    assert "told in tens" in unanswered.tens_sentence(study)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 15, 19, 20, 509])
def test_rounding_neither_adds_people_nor_hides_or_shows_a_row(study, count):
    frame = pd.DataFrame({"at": ["a"], "kpi": ["ease"], "n_units": [count]})
    told = int(unanswered.told_in_tens(study, frame, touchpoint="at", kpi="kpi")["n_units"].iloc[0])
    assert told <= count
    assert (told < LEAST) == (count < LEAST)


def test_nothing_is_said_where_nothing_is_rounded(monkeypatch, study):
    full = pd.DataFrame({"touchpoint": ["a"], "contacts": [90], "n_ease": [20]})
    monkeypatch.setattr(unanswered, "cx_answer_cells", lambda _: full)
    assert unanswered.tens_sentence(study) == ""
