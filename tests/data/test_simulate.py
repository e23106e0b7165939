"""The simulator writes a complete study, the same every time, in pieces that fit into memory."""

import json
import re
from pathlib import Path

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import yaml

from exlink.data.contract import TABLES
from exlink.data.dataset import open_data
from exlink.data.simulate import simulate_study, study, writer
from exlink.data.simulate.design import World
from exlink.data.study import load_study
from exlink.errors import OutputError, ParameterError

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
SMALL = {"employees": 48, "interactions": 2_000, "waves": 3}
TELEPHONE = re.compile(r"\+?\d[\d\s()./-]{6,}\d")
TEAM_GRAIN_ONLY = {"weight"}


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def table_of(folder, name):
    source = yaml.safe_load((folder / "study.yaml").read_text())["sources"][name]
    paths = sorted(folder.glob(source))
    return ds.dataset(paths, format=paths[0].suffix[1:]).to_table()


PROGRESS = []


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    PROGRESS.clear()
    simulate_study(folder, **SMALL, seed=7, progress=lambda done, total: PROGRESS.append((done, total)))
    return folder


def test_the_same_seed_writes_the_same_bytes(small, tmp_path):
    again = tmp_path / small.name  # the study is called after its folder
    simulate_study(again, **SMALL, seed=7)
    assert files_of(again) == files_of(small)


def test_another_seed_writes_another_study(small, tmp_path):
    other = tmp_path / small.name
    simulate_study(other, **SMALL, seed=8)
    before, after = files_of(small), files_of(other)
    same = {name for name in before if before[name] == after.get(name)}
    assert same == {"study.yaml", "claims.csv"}


def test_the_committed_sample_is_what_the_simulator_writes(tmp_path):
    fresh = tmp_path / "sample"
    simulate_study(fresh)
    assert (fresh / "study.yaml").read_text() == (SAMPLE / "study.yaml").read_text()
    assert json.loads((fresh / "truth.json").read_text()) == json.loads((SAMPLE / "truth.json").read_text())
    for name in TABLES:  # parquet carries the version of its writer: compared as tables, the rest as bytes
        assert table_of(fresh, name).equals(table_of(SAMPLE, name)), f"{name}: run `exlink simulate data/sample`"
    for path in SAMPLE.glob("*.csv"):
        assert (fresh / path.name).read_bytes() == path.read_bytes(), f"{path.name}: run `exlink simulate data/sample`"


def test_the_sample_is_of_the_size_agreed():
    sizes = json.loads((SAMPLE / "truth.json").read_text())["sizes"]
    assert (sizes["employees"], sizes["teams"], sizes["waves"]) == (240, 20, 8)
    assert (sizes["interactions"], sizes["customers"]) == (60_000, 12_000)
    assert sum(len(content) for content in files_of(SAMPLE).values()) < 8 * 2**20
    employees = table_of(SAMPLE, "employees").to_pandas()
    assert (employees["site"].nunique(), employees["role"].nunique(), employees["team_id"].nunique()) == (4, 4, 20)


@pytest.mark.parametrize("name", TABLES)
def test_every_column_of_the_contract_is_filled(small, name):
    table = table_of(small, name)
    wanted = [c for c in TABLES[name].names if c not in TEAM_GRAIN_ONLY]
    assert table.column_names == [c for c in table.column_names if c in wanted], "a column outside the contract"
    assert set(wanted) == set(table.column_names)
    assert [c for c in wanted if table[c].null_count == table.num_rows] == []


def test_no_row_is_rejected_by_the_contract(small):
    data = open_data(load_study(small))
    assert list(data.accounting["rows_rejected"]) == [0] * len(TABLES)
    assert data.accounting.set_index("table")["rows_used"]["interactions"] == SMALL["interactions"]


@pytest.mark.parametrize("name", TABLES)
def test_ids_look_like_nobodys_telephone_number(small, name):
    table = table_of(small, name)
    for column in (c.name for c in TABLES[name].columns if c.kind == "id"):
        assert [i for i in table[column].to_pylist() if i and TELEPHONE.search(i)] == []


def test_leavers_are_silent_afterwards(small):
    people = table_of(small, "employees").to_pandas().set_index("employee_id")
    gone = people["left_on"].dropna()
    assert len(gone) > 0
    for name, when in (("interactions", "started_at"), ("ex_responses", "responded_on"), ("desktop_activity", "day")):
        rows = table_of(small, name).to_pandas()
        rows = rows[rows["employee_id"].isin(gone.index)]
        left = rows["employee_id"].map(gone).astype("datetime64[s]")
        assert (rows[when].astype("datetime64[s]") < left).all(), name


def test_people_who_move_have_one_stay_after_the_other():
    stays = table_of(SAMPLE, "assignments").to_pandas().sort_values(["employee_id", "valid_from"])
    moved = stays[stays.duplicated("employee_id", keep=False)]
    assert moved["employee_id"].nunique() > 10
    for _, rows in moved.groupby("employee_id"):
        assert rows["team_id"].is_unique
        assert rows["valid_to"].iloc[0] < rows["valid_from"].iloc[1]


def test_interactions_are_written_chunk_by_chunk_and_part_by_part(tmp_path, monkeypatch):
    given = []
    add = writer.Parts.add
    monkeypatch.setattr(writer.Parts, "add", lambda self, t: (given.append((self.name, t.num_rows)), add(self, t)))
    monkeypatch.setattr(study, "CHUNK", 250)
    monkeypatch.setattr(writer, "ROWS_PER_PART", 600)
    simulate_study(tmp_path, **SMALL, seed=7)
    assert max(rows for name, rows in given if name == "interactions") == 250
    parts = sorted((tmp_path / "interactions").glob("part-*.parquet"))
    assert [p.name for p in parts] == [f"part-{k:03d}.parquet" for k in range(len(parts))]
    assert len(parts) > 2
    assert max(pq.read_metadata(p).num_rows for p in parts) <= 600
    sources = yaml.safe_load((tmp_path / "study.yaml").read_text())["sources"]
    assert sources["interactions"] == "interactions/part-*.parquet"
    ids = table_of(tmp_path, "interactions")["interaction_id"].to_pylist()
    assert len(set(ids)) == SMALL["interactions"]
    assert ids == sorted(ids)


def test_parts_of_a_larger_study_do_not_outlive_a_smaller_one(tmp_path):
    (tmp_path / "interactions").mkdir()
    (tmp_path / "interactions" / "part-001.parquet").write_text("left by a larger study")
    writer.Parts(tmp_path, "interactions")
    assert list((tmp_path / "interactions").iterdir()) == []


def test_progress_is_told_to_the_end(small):
    assert PROGRESS[-1] == (SMALL["interactions"], SMALL["interactions"])
    assert sorted(PROGRESS) == PROGRESS


@pytest.mark.parametrize(("folder", "name"), [("2026", "2026"), ("no", "no"), ("my study (2)", "my-study-2")])
def test_the_study_takes_the_name_of_its_folder(small, tmp_path, folder, name):
    (tmp_path / folder).mkdir()
    sources = yaml.safe_load((small / "study.yaml").read_text())["sources"]
    writer.write_study(tmp_path / folder, World(), sources)
    assert load_study(tmp_path / folder).name == name


@pytest.mark.parametrize(("wrong", "message"), [
    ({"employees": 3}, "employees: 3 is too few"), ({"interactions": 10}, "interactions: 10 is too few"),
    ({"waves": 1}, "waves: 1 is too few"), ({"seed": -1}, "seed: -1 is too few"),
    ({"direction": "cx"}, "direction: cx does not exist. Choose one of ex-to-cx, cx-to-ex, both, none."),
])  # fmt: skip
def test_what_cannot_be_simulated_is_refused_in_words(tmp_path, wrong, message):
    with pytest.raises(ParameterError, match=message):
        simulate_study(tmp_path, **(SMALL | wrong))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(OutputError, match="taken"):
        simulate_study(tmp_path / "taken", **SMALL)
