"""The study file: what it accepts, and the sentence each mistake gets."""

from __future__ import annotations

from datetime import date

import pytest
import yaml

from exlink.data.study import Period, Study, expand_env, load_study
from exlink.errors import StudyError

GOOD = {"name": "s", "period": "2026Q3", "sources": {"employees": "e.csv"}}


def write(tmp_path, **changes):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(GOOD | changes), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("label", "first", "last"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024H1", date(2024, 1, 1), date(2024, 6, 30)),
        ("2026Q3", date(2026, 7, 1), date(2026, 9, 30)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
    ],
)
def test_periods(label, first, last):
    assert Period.parse(label) == Period(label, first, last)


def test_a_folder_and_its_file_mean_the_same_study(tmp_path):
    write(tmp_path)
    assert load_study(tmp_path) == load_study(tmp_path / "study.yaml")
    assert load_study(tmp_path).linkage.window_days == 91


def test_json_round_trip_keeps_everything(tmp_path):
    study = load_study(write(tmp_path, linkage={"lag_days": 3}, scales={"ease": [1, 7]}, currency="USD"))
    assert Study.from_json(study.to_json(), study.folder) == study


def test_overrides_replace_what_the_file_says(tmp_path):
    study = load_study(write(tmp_path), {"period": "2026Q2", "linkage.lag_days": 7})
    assert (study.period.label, study.linkage.lag_days) == ("2026Q2", 7)
    with pytest.raises(StudyError, match=r"Did you mean 'linkage\.lag_days'"):
        load_study(tmp_path, {"lag_days": 7})
    with pytest.raises(StudyError, match=r"linkage\.lag_dys.*Did you mean 'lag_days'"):
        load_study(tmp_path, {"linkage.lag_dys": 7})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"perod": 1}, r"`perod` is not a key exlink knows\. Did you mean 'period'"),
        ({"period": "2026Q5"}, r"period: '2026Q5' is not a period"),
        ({"linkage": {"grain": "employes"}}, r"linkage\.grain is 'employes'.*Did you mean 'employee'"),
        ({"linkage": {"lag_days": "soon"}}, r"linkage\.lag_days is 'soon'; it must be a whole number"),
        ({"linkage": None}, r"linkage is empty; it must be a set of keys"),
        ({"linkage": {"lag": 7}}, r"`linkage\.lag` is not a key exlink knows\. Did you mean 'lag_days'"),
        ({"name": "../x"}, r"name is '\.\./x'; it must be letters"),
        ({"currency": "euro"}, r"currency is 'euro'; it must be a three-letter code"),
        ({"scales": {"ease": [5, 1]}}, r"ease runs from 5 to 1"),
        ({"sources": {"employees": {"path": "a", "sql": "b"}}}, r"exactly one of `path` and `sql`"),
        ({"privacy": {"min_group": 1}}, r"privacy\.min_group is 1"),
        ({"engine": "oracle"}, r"'oracle' is not an engine"),
    ],
)
def test_every_mistake_gets_its_sentence(tmp_path, changes, sentence):
    with pytest.raises(StudyError, match=sentence):
        load_study(write(tmp_path, **changes))


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(StudyError, match=r"holds no study\.yaml"):
        load_study(tmp_path)
    (tmp_path / "sample").mkdir()
    with pytest.raises(StudyError, match="Did you mean 'sample'"):
        load_study(tmp_path / "smaple")
    (tmp_path / "study.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(StudyError, match="not valid YAML at line"):
        load_study(tmp_path)
    (tmp_path / "study.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(StudyError, match="not UTF-8"):
        load_study(tmp_path)


def test_environment_variables_are_filled_in_or_asked_for(monkeypatch):
    monkeypatch.setenv("EXLINK_TEST_FOLDER", "/data")
    assert expand_env("${EXLINK_TEST_FOLDER}/x.csv", "sources.x") == "/data/x.csv"
    monkeypatch.delenv("EXLINK_TEST_FOLDER")
    with pytest.raises(StudyError, match=r"sources\.x: the environment variable EXLINK_TEST_FOLDER is not set"):
        expand_env("${EXLINK_TEST_FOLDER}/x.csv", "sources.x")
