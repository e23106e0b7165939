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


# -- scenarios -------------------------------------------------------------------------------------------

PLAN = {"aspect": "tools", "delta": 0.3, "cost": 20_000}


@pytest.mark.parametrize(
    ("plans", "sentence"),
    [
        ([PLAN | {"cost_per_person": 3}], r"scenarios\.1: give exactly one of `cost` \(in all\) and `cost_per_person`"),
        ([{"aspect": "tools", "delta": 0.3}], r"scenarios\.1: give exactly one of `cost`"),
        ([PLAN, PLAN | {"aspct": "x"}], r"`scenarios\.2\.aspct` is not a key exlink knows\. Did you mean 'aspect'"),
        ([PLAN | {"kind": "customer"}], r"scenarios\.1\.kind is 'customer'; it can be ex, cx"),
        ([PLAN | {"delta": -0.3}], r"scenarios\.1\.delta is -0\.3; it must be above 0"),
        ([PLAN | {"delta": "much"}], r"scenarios\.1\.delta is 'much'; it must be a number"),
        ([PLAN | {"kind": "cx"}], r"'tools' is nothing that a scenario of kind `cx` can change.* waiting_time"),
        (
            [PLAN | {"kind": "cx", "aspect": "waiting_time", "delta": 20}],
            r"delta is 20; under kind `cx` it is the share",
        ),
        ([PLAN, PLAN | {"cost": 9}], r"entries 1 and 2 would be told alike; give each a `name`"),
        (PLAN, r"scenarios is .*; it must be a list"),
        (None, r"scenarios is empty; it must be a list"),
    ],
)
def test_every_mistake_in_a_scenario_gets_its_sentence(tmp_path, plans, sentence):
    with pytest.raises(StudyError, match=sentence):
        load_study(write(tmp_path, scenarios=plans))


def test_scenarios_survive_the_round_trip_and_need_not_be_there(tmp_path):
    plans = [PLAN, PLAN | {"name": "twice", "cost": 9, "duration_months": 24, "group": "bank advisor"}]
    study = load_study(write(tmp_path, scenarios=plans))
    assert [one.duration_months for one in study.scenarios] == [12, 24]
    assert Study.from_json(study.to_json(), study.folder) == study
    assert load_study(write(tmp_path, scenarios=[])).scenarios == ()
