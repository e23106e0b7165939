"""Sources: every format gives the same study, and every unreadable one a sentence."""

from __future__ import annotations

import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.errors import SourceError, StudyError
from tests.data.small import tables, write


def sources(**changes):
    return {name: f"{name}.csv" for name in tables()} | changes


def test_csv_parquet_xlsx_glob_and_sql_give_the_same_data(tmp_path):
    frames = tables()
    write(tmp_path, frames)
    expected = open_data(load_study(tmp_path))
    frames["employees"].to_excel(tmp_path / "employees.xlsx", index=False)
    frames["cx_responses"].to_parquet(tmp_path / "cx.parquet")
    (tmp_path / "parts").mkdir()
    for i in range(4):
        frames["interactions"].iloc[i * 100 : (i + 1) * 100].to_csv(tmp_path / "parts" / f"{i}.csv", index=False)
    frames["ex_responses"].rename(columns={"score": "answer"}).to_csv(tmp_path / "raw.csv", index=False)
    write(
        tmp_path,
        frames,
        sources={
            "employees": "employees.xlsx",
            "interactions": {"path": "parts/*.csv"},
            "cx_responses": "cx.parquet",
            "raw_ex": "raw.csv",
            "ex_responses": {"sql": "SELECT * RENAME (answer AS score) FROM raw_ex"},
        },
    )
    found = open_data(load_study(tmp_path))
    for table in frames:
        pd.testing.assert_frame_equal(found.frame(table), expected.frame(table), check_dtype=False)
    pd.testing.assert_frame_equal(found.exposures(), expected.exposures())


def test_ids_keep_their_leading_zeros(tmp_path):
    frames = tables()
    for name in ("employees", "ex_responses", "interactions"):
        frames[name]["employee_id"] = frames[name]["employee_id"].str.replace("E-", "00")
    assert set(open_data(load_study(write(tmp_path, frames))).frame("employees")["employee_id"].str[:2]) == {"00"}


def test_missing_file_names_the_nearest(tmp_path):
    write(tmp_path, tables(), sources=sources(interactions="interaction.csv"))
    with pytest.raises(SourceError, match=r"sources\.interactions: there is no file.*Did you mean 'interactions.csv'"):
        open_data(load_study(tmp_path))


def test_unknown_table_names_the_nearest(tmp_path):
    write(tmp_path, tables(), sources=sources(interaction="interactions.csv"))
    with pytest.raises(StudyError, match=r"`sources\.interaction` is not a table.*Did you mean 'interactions'"):
        open_data(load_study(tmp_path))


def test_encoding_is_named_and_can_be_declared(tmp_path):
    frames = tables()
    frames["employees"]["site"] = "Köln"
    write(tmp_path, frames)
    frames["employees"].to_csv(tmp_path / "employees.csv", index=False, encoding="latin-1")
    with pytest.raises(SourceError, match=r"employees\.csv\) is not UTF-8 text"):
        open_data(load_study(tmp_path))
    write(tmp_path / "declared", frames, sources=sources(employees={"path": "employees.csv", "encoding": "latin-1"}))
    frames["employees"].to_csv(tmp_path / "declared" / "employees.csv", index=False, encoding="latin-1")
    assert set(open_data(load_study(tmp_path / "declared")).frame("employees")["site"]) == {"Köln"}


def test_ragged_lines_are_named_and_can_be_accepted(tmp_path):
    write(tmp_path, tables())
    with (tmp_path / "employees.csv").open("a") as file:
        file.write("E-100,agent\n")
    with pytest.raises(SourceError, match=r"line 14.* has 2 columns instead of 5"):
        open_data(load_study(tmp_path))


def test_empty_file_broken_query_unknown_format(tmp_path):
    write(tmp_path, tables())
    (tmp_path / "employees.csv").write_text("")
    with pytest.raises(SourceError, match=r"employees\.csv is empty"):
        open_data(load_study(tmp_path))
    write(tmp_path, tables(), sources=sources(employees={"sql": "SELECT nonsense FROM interactions"}))
    with pytest.raises(SourceError, match=r"sources\.employees: its `sql` fails: .*nonsense"):
        open_data(load_study(tmp_path))
    (tmp_path / "employees.docx").write_text("x")
    write(tmp_path, tables(), sources=sources(employees="employees.docx"))
    with pytest.raises(SourceError, match=r"\.docx cannot be read"):
        open_data(load_study(tmp_path))


def test_mixed_line_endings_are_told_without_a_path(tmp_path):
    write(tmp_path, tables())
    lines = (tmp_path / "interactions.csv").read_bytes().splitlines()
    (tmp_path / "interactions.csv").write_bytes(b"\r\n".join(lines[:200]) + b"\n" + b"\r".join(lines[200:]))
    with pytest.raises(SourceError, match=r"interactions\.csv\)") as error:
        open_data(load_study(tmp_path))
    assert str(tmp_path) not in str(error.value)


def test_failing_queries_do_not_repeat_values_and_name_the_nearest_column(tmp_path):
    write(
        tmp_path,
        tables(),
        sources=sources(
            raw="employees.csv",
            employees={
                "sql": "SELECT * REPLACE (CAST(CAST(employee_id AS INTEGER) AS VARCHAR) AS employee_id) FROM raw"
            },
        ),
    )
    with pytest.raises(SourceError, match="Could not convert string a value") as error:
        open_data(load_study(tmp_path))
    assert "E-0" not in str(error.value)
    write(
        tmp_path,
        tables(),
        sources=sources(
            raw="employees.csv", employees={"sql": "SELECT * REPLACE (error(employee_id) AS employee_id) FROM raw"}
        ),
    )
    with pytest.raises(SourceError, match="a query fails on some of the rows") as error:
        open_data(load_study(tmp_path))
    assert "E-0" not in str(error.value)
    write(tmp_path, tables(), sources=sources(raw="employees.csv", employees={"sql": "SELECT employe_id FROM raw"}))
    with pytest.raises(SourceError, match="Did you mean 'employee_id'"):
        open_data(load_study(tmp_path))


def test_utf16_long_lines_and_files_without_an_ending(tmp_path):
    write(tmp_path, tables())
    text = (tmp_path / "employees.csv").read_text()
    (tmp_path / "employees.csv").write_text(text, encoding="utf-16")
    with pytest.raises(SourceError, match=r"is UTF-16 text.*encoding: utf-16"):
        open_data(load_study(tmp_path))
    (tmp_path / "employees.csv").write_text(text + "E-100,agent,T-1,2020-01-01,,x,y\n")
    with pytest.raises(SourceError, match=r"line 14 has 7 columns instead of 5.*a delimiter or a quote inside a value"):
        open_data(load_study(tmp_path))
    (tmp_path / "staff").write_text(text)
    write(tmp_path, tables(), sources=sources(employees="staff"))
    with pytest.raises(SourceError, match="files without an ending cannot be read"):
        open_data(load_study(tmp_path))
