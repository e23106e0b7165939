"""The studies that tests of steps share, each opened once: the sample, the sample stripped, the sample by team."""

from pathlib import Path

import pytest

from exlink.data.dataset import open_data
from exlink.data.study import Study, load_study

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
REQUIRED = ("employees", "ex_responses", "interactions", "cx_responses")


@pytest.fixture(scope="session")
def sample():
    """The committed sample: every table, eight waves, known truth."""
    return open_data(load_study(SAMPLE), threads=1)


@pytest.fixture(scope="session")
def required_only():
    """The sample with nothing but the four required tables."""
    study = load_study(SAMPLE)
    sources = {name: source for name, source in study.sources.items() if name in REQUIRED}
    return open_data(study.model_copy(update={"sources": sources}), threads=1)


@pytest.fixture(scope="session")
def one_wave():
    """The sample as far as its first quarter goes: nobody is measured twice."""
    return open_data(load_study(SAMPLE, {"period": "2024Q4"}), threads=1)


@pytest.fixture(scope="session")
def same_day():
    """The sample without a lag: contacts on the day of an EX answer are linked to it."""
    return open_data(load_study(SAMPLE, {"linkage.lag_days": "0"}), threads=1)


@pytest.fixture(scope="session")
def team_grain():
    """The sample averaged to teams: no employees, no roles, EX per team and wave."""
    study = load_study(SAMPLE)
    paths = {
        name: {"path": str(SAMPLE / study.sources[source].path)}
        for name, source in (
            ("people", "employees"),
            ("answers", "ex_responses"),
            ("contacts", "interactions"),
            ("cx_responses", "cx_responses"),
        )
    }
    return open_data(
        Study.model_validate(
            {
                "name": "by_team",
                "period": "2026Q3",
                "linkage": {"grain": "team", "window_days": 91},
                "sources": {
                    **paths,
                    "ex_responses": {
                        "sql": """
                SELECT team_id, min(responded_on) AS responded_on, wave, item, touchpoint, aspect, kpi,
                       avg(CAST(score AS DOUBLE)) AS score, scale_min, scale_max, count(*) AS weight
                FROM answers JOIN people USING (employee_id) GROUP BY ALL"""
                    },
                    "interactions": {
                        "sql": """
                SELECT interaction_id, team_id, customer_id, started_at, contacts.touchpoint, channel
                FROM contacts JOIN people USING (employee_id)"""
                    },
                },
            }
        ),
        threads=1,
    )


@pytest.fixture(scope="session")
def reversed_sample():
    """The sample with every EX score mirrored on its scale: what helped customers now goes against them."""
    study = load_study(SAMPLE)
    kept = {name: source for name, source in study.sources.items() if name in REQUIRED and name != "ex_responses"}
    source = {"path": str(SAMPLE / study.sources["ex_responses"].path)}
    mirrored = {"sql": "SELECT * REPLACE (scale_min + scale_max - score AS score) FROM answers"}
    sources = {**{name: {"path": str(SAMPLE / source.path)} for name, source in kept.items()},
               "answers": source, "ex_responses": mirrored}  # fmt: skip
    return open_data(
        Study.model_validate(
            {
                "name": "reversed",
                "period": "2026Q3",
                "sources": sources,
                "linkage": {"lag_days": study.linkage.lag_days, "window_days": study.linkage.window_days},
            }
        ),
        threads=1,
    )
