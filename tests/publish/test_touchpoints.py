"""One decision about touchpoints: no two tables of a page give back what one of them hides."""

from datetime import date, timedelta

import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.study import Study
from exlink.publish.disclosure import Policy, release
from exlink.publish.touchpoints import hidden_touchpoints
from exlink.steps.journey_mapping import influence, track
from exlink.steps.touchpoint_kpis import scores, trend

POLICY = Policy(8)
PEOPLE, MONTHS, RARE = 26, 9, 3  # RARE: answers at a touchpoint that one person serves


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """26 employees serve enquiries and claims every month; one of them has the answers of a third touchpoint."""
    folder = tmp_path_factory.mktemp("rare")
    people = [f"e{i:02d}" for i in range(PEOPLE)]
    pd.DataFrame({"employee_id": people, "role": "agent", "team_id": "t", "hired_on": "2020-01-01"}).to_csv(
        folder / "employees.csv", index=False
    )
    pd.DataFrame({
        "employee_id": people, "responded_on": "2026-01-01", "wave": "w1", "item": "tools_1", "touchpoint": "work",
        "aspect": "tools", "kpi": "driver", "score": [1 + i % 5 for i in range(PEOPLE)], "scale_min": 1,
        "scale_max": 5,
    }).to_csv(folder / "ex_responses.csv", index=False)  # fmt: skip
    contacts = [
        (person, date(2026, 1, 2) + timedelta(days=30 * month + i), stage, 1 + (i + month + j) % 5)
        for month in range(MONTHS - 1)
        for i, person in enumerate(people)
        for j, stage in enumerate(["enquiry", "claim"])
    ]
    contacts += [(people[0], date(2026, 3, 1 + k), "rare", 2 + k) for k in range(RARE)]
    frame = pd.DataFrame(contacts, columns=["employee_id", "started_at", "touchpoint", "satisfaction"])
    frame.insert(0, "interaction_id", [f"i{k:05d}" for k in range(len(frame))])
    frame["customer_id"] = [f"c{k % 97:04d}" for k in range(len(frame))]
    frame.drop(columns="satisfaction").to_csv(folder / "interactions.csv", index=False)
    frame.rename(columns={"started_at": "responded_at"})[["interaction_id", "responded_at", "satisfaction"]].to_csv(
        folder / "cx_responses.csv", index=False
    )
    names = ("employees", "ex_responses", "interactions", "cx_responses")
    study = Study.model_validate({
        "name": "rare", "period": "2026Q4", "linkage": {"grain": "employee", "window_days": 360},
        "privacy": {"min_group": 8}, "sources": {n: {"path": str(folder / f"{n}.csv")} for n in names},
    })  # fmt: skip
    return open_data(study, threads=1)


@pytest.fixture(scope="module")
def hidden(data):
    return hidden_touchpoints(data, POLICY)


@pytest.fixture(scope="module")
def kpis(data, hidden):
    found = scores.kpi_table(data)
    return release(
        found, policy=POLICY, people="n_units", by=["side", "kpi", "concept", "unit", "touchpoint"],
        over=["touchpoint"], sides=["n_yes", "n_no"], hide=scores.at_hidden(found, hidden), reason="KPIs repeat people",
    ).frame  # fmt: skip


def test_the_small_touchpoint_takes_a_neighbour_with_it(hidden):
    assert len(hidden["customers"]) == 2
    assert "rare" in hidden["customers"]
    assert "all" not in hidden["customers"]


def test_months_of_the_published_series_do_not_add_up_to_a_hidden_row(data, hidden, kpis):
    at = kpis[(kpis["kpi"] == "Satisfaction") & (kpis["side"] == "customers")].set_index("touchpoint")
    series = trend.customers(data, without=hidden["customers"])
    assert len(series), "what may be shown is still shown"
    assert not set(series["panel"]) & set(hidden["customers"])
    published = series.groupby("panel")["n"].sum().to_dict() | at["n"].drop("all").dropna().to_dict()
    rest = at.loc["all", "n"] - sum(published.values())
    assert rest >= RARE + POLICY.min_group, "the rest holds the small touchpoint and enough others"
    careless = trend.customers(data).groupby("panel")["n"].sum()
    assert at.loc["all", "n"] - careless.sum() == RARE, "without the shared decision the rest is the hidden row"


def test_other_tables_of_touchpoints_hide_what_the_decision_hides(data, hidden):
    order = track.stage_order(data)
    reach = influence.influence(data, "satisfaction", order)
    gone = reach["touchpoint"].isin(hidden["customers"])
    frame = release(reach, policy=POLICY, people="n_units", by=["role", "touchpoint"], hide=gone).frame
    assert set(frame.loc[frame["n"].isna(), "touchpoint"]) >= set(hidden["customers"])
    both = track.both_sides(data, order)
    frame = release(
        both, policy=POLICY, people="n_units", by=["lane", "stage", "series"], over=["stage"],
        hide=both["stage"].isin(hidden["customers"]), reason="series repeat people",
    ).frame  # fmt: skip
    assert set(frame.loc[frame["n"].isna(), "stage"]) == set(hidden["customers"])


def test_hidden_touchpoints_stand_last_so_that_their_place_says_nothing(kpis, hidden):
    rows = kpis.loc[scores.at_touchpoints(kpis, scores.CX)]
    first = rows[rows["kpi"] == rows["kpi"].iloc[0]]
    assert set(first["touchpoint"].tail(2)) == set(hidden["customers"])


def test_a_study_where_all_groups_are_large_hides_nothing(data):
    assert hidden_touchpoints(data, Policy(1)) == {"customers": [], "employees": []}
