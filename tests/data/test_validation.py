"""The contract applied: rows in = used + rejected, each reject with its reason, and nothing repaired."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from exlink.data import validation
from exlink.data.contract import TABLES, Table
from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.errors import ContractError
from tests.data.small import tables, write


def opened(folder, frames, **keys):
    return open_data(load_study(write(folder, frames, **keys)))


def reasons(data) -> dict[tuple[str, str], int]:
    return {(r.table, r.reason): r.rows for r in data.rejects.itertuples()}


def test_a_clean_study_loses_nothing(tmp_path):
    data = opened(tmp_path, tables())
    assert data.rejects.empty
    assert (data.accounting["rows_used"] == [len(f) for f in tables().values()]).all()


BREAKS = [  # table, column, row, value, reason
    ("employees", "left_on", 1, "2019-12-31", "left before hired"),
    ("ex_responses", "score", 4, 9, "score above its scale_max"),
    ("ex_responses", "kpi", 4, "drivr", "kpi is not one of ease, recommend, satisfaction, driver"),
    ("ex_responses", "employee_id", 4, "E-999", "employee_id is not in employees"),
    ("ex_responses", "responded_on", 4, "soon", "responded_on is not a date (2026-07-31)"),
    ("ex_responses", "score", 4, None, "score is missing"),
    ("interactions", "employee_id", 5, "E-999", "employee_id is not in employees"),
    ("interactions", "handle_seconds", 5, -1, "handle_seconds below 0"),
    ("interactions", "handle_seconds", 5, "long", "handle_seconds is not a number"),
    ("interactions", "interaction_id", 5, "I-2", "duplicate key (interaction_id)"),
    ("cx_responses", "satisfaction", 6, 6, "satisfaction outside 1–5"),
    ("cx_responses", "interaction_id", 6, "I-9999", "interaction_id is not in interactions"),
    ("cx_responses", "responded_at", 6, "2025-01-01 10:00", "response before the interaction"),
]


@pytest.mark.parametrize(("table", "column", "row", "value", "reason"), BREAKS)
def test_one_broken_row_is_one_reject_with_its_reason(tmp_path, table, column, row, value, reason):
    frames = tables()
    frames[table] = frames[table].astype({column: object})
    frames[table].loc[row, column] = value
    data = opened(tmp_path, frames)
    found = data.rejects[(data.rejects["table"] == table) & (data.rejects["reason"] == reason)]
    assert found["rows"].tolist() == [1]
    assert found["first_rows"].tolist() == [str(row + 1)]
    account = data.accounting.set_index("table").loc[table]
    assert account["rows_used"] == len(frames[table]) - 1
    assert (data.accounting["rows_in"] == data.accounting["rows_used"] + data.accounting["rows_rejected"]).all()


def test_later_rows_are_not_read_and_later_facts_not_known(tmp_path):
    frames = tables()
    frames["employees"].loc[0, "left_on"] = "2026-03-05"
    data = opened(tmp_path, frames, period="2026Q1")
    account = data.accounting.set_index("table")
    assert account.loc["interactions", "rows_later"] == (frames["interactions"]["started_at"] >= "2026-04-01").sum() > 0
    assert data.frame("employees")["left_on"].notna().sum() == 1
    earlier = open_data(load_study(tmp_path, {"period": "2025Q4"}))
    assert earlier.frame("employees")["left_on"].notna().sum() == 0


@pytest.mark.parametrize("seed", range(4))
def test_row_and_engine_validation_give_the_same_verdicts(tmp_path_factory, seed):
    """The same declarations, interpreted by pandera and by the engine, reject the same rows for the same reasons."""
    rng = np.random.default_rng(seed)
    frames = tables()
    ex = frames["ex_responses"].astype(object)
    for column, values in {
        "score": [9, -1, None, "x"],
        "kpi": ["ease", "zz", None],
        "employee_id": ["E-999", None],
        "item": ["tools-1"],
        "responded_on": ["2025-13-01", "2025-10-06", None],
    }.items():
        for row in rng.choice(len(ex), 6, replace=False):
            ex.loc[row, column] = values[rng.integers(len(values))]
    frames["ex_responses"] = ex
    folder = write(tmp_path_factory.mktemp("both"), frames)
    by_row = open_data(load_study(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "TABLES", {n: large(t) for n, t in TABLES.items()})
        in_engine = open_data(load_study(folder))
    assert reasons(by_row) == reasons(in_engine)
    pd.testing.assert_frame_equal(by_row.frame("ex_responses"), in_engine.frame("ex_responses"))


def large(table: Table) -> Table:
    from dataclasses import replace

    return replace(table, large=True)


@pytest.mark.parametrize(
    ("table", "column", "value", "what"),
    [
        ("employees", "manager_id", "ann.smith@example.org", "an e-mail address"),
        ("interactions", "customer_id", "+49 170 1234567", "a phone number"),
        ("interactions", "reason", "call back on 0170 1234567", None),
        ("interactions", "queue", "030 1234567", "a phone number"),
        ("interactions", "queue", "(030) 123 4567", "a phone number"),
        ("interactions", "queue", "555-123-4567", "a phone number"),
        ("interactions", "queue", "0049 30 123456", "a phone number"),
    ],
)
def test_direct_identifiers_are_refused_by_content_without_being_shown(tmp_path, table, column, value, what):
    frames = tables()
    frames[table][column] = frames[table].get(column, "x")
    frames[table].loc[3, column] = value
    if what is None:  # a label is an identifier only as a whole
        opened(tmp_path, frames)
        return
    with pytest.raises(ContractError, match=rf"{table}\.{column}: 1 value looks like {what}") as error:
        opened(tmp_path, frames)
    assert value not in str(error.value)


def test_direct_identifiers_are_refused_by_name(tmp_path):
    frames = tables()
    frames["interactions"]["Email"] = "x"
    with pytest.raises(ContractError, match="interactions: the column Email may identify people"):
        opened(tmp_path, frames)


def test_ids_and_dates_do_not_look_like_phone_numbers(tmp_path):
    frames = tables()
    fine = ["E-00042", "C-0001234", "2026-07-31", "0012345678", "I-2026-00012345", "2026Q3", "42", "00420123456"]
    frames["interactions"]["queue"] = np.resize(fine, len(frames["interactions"]))
    frames["interactions"]["customer_id"] = frames["interactions"]["queue"]
    assert opened(tmp_path, frames).rejects.empty


def test_missing_column_names_the_nearest(tmp_path):
    frames = tables()
    frames["interactions"] = frames["interactions"].rename(columns={"started_at": "startd_at"})
    with pytest.raises(ContractError, match=r"'started_at' is missing\. Did you mean 'startd_at'"):
        opened(tmp_path, frames)


def test_missing_empty_and_wholly_rejected_tables(tmp_path):
    frames = tables()
    without = {k: v for k, v in frames.items() if k != "employees"}
    with pytest.raises(ContractError, match=r"`sources\.employees` is missing"):
        opened(tmp_path / "a", without)
    with pytest.raises(ContractError, match="interactions: the table is empty"):
        opened(tmp_path / "b", frames | {"interactions": frames["interactions"].iloc[:0]})
    with pytest.raises(ContractError, match="all 400 rows are rejected, 400 of them because employee_id is not in"):
        opened(tmp_path / "c", frames | {"interactions": frames["interactions"].assign(employee_id="E-9")})
    with pytest.raises(ContractError, match="all 144 rows lie after the study's period"):
        opened(tmp_path / "d", frames, period="2020")


def test_unknown_columns_are_ignored_aloud(tmp_path):
    frames = tables()
    frames["interactions"]["chanel"] = "phone"
    data = opened(tmp_path, frames)
    assert any("'chanel'" in note and "Did you mean 'channel'" in note for note in data.notes)
    assert data.missing("interactions.channel") == "not assessed: needs `interactions.channel`"


def test_a_fraction_is_not_a_count(tmp_path):
    frames = tables()
    frames["interactions"]["transfers"] = 1.0
    frames["interactions"].loc[0, "transfers"] = 2.5
    assert reasons(opened(tmp_path, frames)) == {("interactions", "transfers is not a whole number"): 1} | (
        {("cx_responses", "interaction_id is not in interactions"): 1}
        if (frames["cx_responses"]["interaction_id"] == "I-0").any()
        else {}
    )


@pytest.mark.parametrize(
    "name", ["E-Mail", "Employee Name", "mitarbeiter name", "Phone", "customer_email", "IP address"]
)
def test_identifying_names_are_recognised_however_they_are_spelt(tmp_path, name):
    frames = tables()
    frames["interactions"][name] = "x"
    with pytest.raises(ContractError, match=f"interactions: the column {name} may identify people"):
        opened(tmp_path, frames)


def test_identifiers_in_ignored_columns_and_in_sources_behind_sql_are_refused(tmp_path):
    frames = tables()
    frames["employees"]["kontakt"] = "ann.smith@example.org"
    with pytest.raises(ContractError, match=r"employees\.kontakt: 12 values look like an e-mail address"):
        opened(tmp_path / "ignored", frames)
    folder = write(tmp_path / "helper", tables())
    frames["employees"].rename(columns={"kontakt": "email"}).to_csv(folder / "hr.csv", index=False)
    sources = {name: f"{name}.csv" for name in tables()} | {
        "hr": "hr.csv",
        "employees": {"sql": "SELECT * EXCLUDE (email) FROM hr"},
    }
    write(folder, tables(), sources=sources)
    with pytest.raises(ContractError, match="hr: the column email may identify people"):
        open_data(load_study(folder))


@pytest.mark.parametrize("table", ["employees", "ex_responses", "cx_responses"])
def test_a_table_of_nothing_but_its_header_is_empty(tmp_path, table):
    frames = tables()
    with pytest.raises(ContractError, match=f"{table}: the table is empty"):
        opened(tmp_path, frames | {table: frames[table].iloc[:0]})


def test_an_optional_table_of_nothing_but_its_header_is_absent(tmp_path):
    claims = pd.DataFrame(columns=["claim_id", "statement", "metric", "change_pct", "source"])
    data = opened(tmp_path, tables() | {"claims": claims})
    assert not data.has("claims")
    assert any("claims: no usable row" in note for note in data.notes)


def test_contacts_outside_employment_are_rejected(tmp_path):
    frames = tables()
    first, last = frames["interactions"].loc[0, "employee_id"], frames["interactions"].loc[1, "employee_id"]
    frames["employees"].loc[frames["employees"]["employee_id"] == first, "hired_on"] = "2026-06-30"
    frames["employees"].loc[frames["employees"]["employee_id"] == last, "left_on"] = "2025-10-01"
    found = reasons(opened(tmp_path, frames))
    started = pd.to_datetime(frames["interactions"]["started_at"]).dt.normalize()
    late = (frames["interactions"]["employee_id"] == last) & (started > "2025-10-01")
    assert found["interactions", "interaction after the employee had left"] == late.sum() > 1
    assert found["interactions", "interaction before the employee was hired"] > 1


def test_a_year_of_value_is_not_part_of_a_study_that_ends_within_it(tmp_path):
    value = pd.DataFrame({"customer_id": "C-1", "period": ["2025", "2025Q4", "2026Q1", "2026Q2", "2026", "2026-03"]})
    data = opened(tmp_path, tables() | {"customer_value": value.assign(revenue=1.0)}, period="2026Q1")
    assert set(data.frame("customer_value")["period"]) == {"2025", "2025Q4", "2026Q1", "2026-03"}
    assert data.accounting.set_index("table").loc["customer_value", "rows_later"] == 2
