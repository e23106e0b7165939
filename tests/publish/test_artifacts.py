import json
import math

import numpy as np
import pandas as pd
import pytest

from exlink.errors import ArtifactError, OutputError
from exlink.publish.artifacts import MANIFEST, Artifacts, to_json, write_atomically
from exlink.publish.disclosure import Policy, release, release_facts

POLICY = Policy(3)
STEP = "03_individual_linkage"


def released(**columns):
    frame = pd.DataFrame({"team_id": ["T0", "T1"], "n_employees": [6, 7]} | columns)
    return release(frame, policy=POLICY, people="n_employees", by=["team_id"])


@pytest.fixture
def artifacts(tmp_path):
    return Artifacts(tmp_path)


def finish(artifacts, **outputs):
    artifacts.write_manifest(STEP, {"outputs": {o.pop("file"): o for o in outputs.values()}})


def test_table_comes_back_as_it_was_released(artifacts):
    table = released(
        estimate=[0.1 + 0.2, np.nan],
        term=["within", None],
        on=pd.to_datetime(["2026-07-01", "2026-09-30"]),
        shown=[True, False],
    )
    artifacts.write_table(STEP, "slopes", table)
    pd.testing.assert_frame_equal(artifacts.read_table(STEP, "slopes"), table.frame, check_dtype=False)


def test_hidden_rows_stay_hidden_on_disk(artifacts):
    frame = pd.DataFrame({"site": ["A", "B", "C"], "n_employees": [9, 2, 8], "score": [3.0, 4.0, 2.5]})
    about = artifacts.write_table(STEP, "sites", release(frame, policy=POLICY, people="n_employees", by=["site"]))
    back = artifacts.read_table(STEP, "sites")
    assert about["hidden"] >= 1
    assert back.loc[back["site"] == "B", ["n_employees", "score"]].isna().all(axis=None)


def test_facts_come_back_with_nan_as_null(artifacts):
    facts = release_facts({"slope": 0.1 + 0.2, "high": float("nan"), "words": ["a", "é"]}, policy=POLICY)
    artifacts.write_facts(STEP, "headline", facts)
    text = (artifacts.folder(STEP) / "headline.json").read_text(encoding="utf-8")
    assert "0.30000000000000004" in text and "NaN" not in text and "é" in text
    assert artifacts.read_facts(STEP, "headline") == {"slope": 0.1 + 0.2, "high": None, "words": ["a", "é"]}


def test_json_is_canonical():
    assert to_json({"b": np.float64(0.5), "a": (1, np.int64(2))}) == to_json({"a": [1, 2], "b": 0.5})
    assert to_json({"a": math.nan}) == b'{\n "a": null\n}\n'
    with pytest.raises(ArtifactError, match=r"value\.a\[1\] is infinite"):
        to_json({"a": [1, math.inf]})


def test_same_content_gives_same_bytes_and_hash(tmp_path):
    first = Artifacts(tmp_path / "a").write_table(STEP, "slopes", released(x=[1.5, 2.5]))
    second = Artifacts(tmp_path / "b").write_table(STEP, "slopes", released(x=[1.5, 2.5]))
    other = Artifacts(tmp_path / "c").write_table(STEP, "slopes", released(x=[1.5, 2.6]))
    assert first == second and first["sha256"] != other["sha256"]


@pytest.mark.parametrize("unreleased", [pd.DataFrame({"a": [1]}), {"a": 1}, None])
def test_unreleased_things_are_refused(artifacts, unreleased):
    with pytest.raises(ArtifactError, match=r"Release it first"):
        artifacts.write_table(STEP, "slopes", unreleased)
    with pytest.raises(ArtifactError, match=r"save_facts"):
        artifacts.write_facts(STEP, "slopes", unreleased)
    assert artifacts.names(STEP) == []


@pytest.mark.parametrize("name", ["../slopes", "Slopes", "", "a b", "manifest"])
def test_names_that_would_leave_the_folder_are_refused(artifacts, name):
    with pytest.raises(ArtifactError, match=r"cannot name an artefact"):
        artifacts.write_table(STEP, name, released())


def test_missing_artefact_names_the_command_that_makes_it(artifacts):
    with pytest.raises(ArtifactError) as caught:
        artifacts.read_table(STEP, "slopes", study="data/sample")
    assert str(caught.value) == (
        "03_individual_linkage/slopes is not there. Run `exlink run data/sample --only 03_individual_linkage` first."
    )


def test_misspelt_artefact_of_a_finished_step_gets_the_nearest_name(artifacts):
    finish(artifacts, slopes=artifacts.write_table(STEP, "slopes", released()))
    with pytest.raises(ArtifactError, match=r"no artefact 'slope.parquet'. Did you mean 'slopes'"):
        artifacts.read_table(STEP, "slope")


def test_damaged_artefact_says_how_to_make_it_again(artifacts):
    artifacts.write_table(STEP, "slopes", released())
    (artifacts.folder(STEP) / "slopes.parquet").write_bytes(b"PAR1 half a file")
    with pytest.raises(ArtifactError, match=r"is damaged. Run `exlink run STUDY --only 03_individual_linkage --force`"):
        artifacts.read_table(STEP, "slopes")


def test_step_is_complete_only_while_all_it_wrote_is_unharmed(artifacts):
    about = artifacts.write_table(STEP, "slopes", released())
    assert not artifacts.is_complete(STEP)  # no manifest yet
    finish(artifacts, slopes=about)
    assert artifacts.is_complete(STEP)
    path = artifacts.folder(STEP) / "slopes.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert not artifacts.is_complete(STEP)
    path.write_bytes(content)
    assert artifacts.is_complete(STEP)
    path.unlink()
    assert not artifacts.is_complete(STEP)


def test_manifest_that_is_half_written_counts_as_none(artifacts):
    finish(artifacts, slopes=artifacts.write_table(STEP, "slopes", released()))
    (artifacts.folder(STEP) / MANIFEST).write_text('{"outputs": {')
    assert artifacts.read_manifest(STEP) is None and not artifacts.is_complete(STEP)


def test_what_an_older_version_left_is_dropped(artifacts):
    artifacts.write_table(STEP, "old_table", released())
    artifacts.write_table(STEP, "slopes", released())
    artifacts.keep_only(STEP, {"slopes.parquet"})
    assert artifacts.names(STEP) == ["slopes"]


def test_clear_removes_everything_of_one_step_only(artifacts):
    finish(artifacts, slopes=artifacts.write_table(STEP, "slopes", released()))
    artifacts.write_table("04_mixed_effects", "fits", released())
    artifacts.clear(STEP)
    assert not artifacts.folder(STEP).exists() and artifacts.names("04_mixed_effects") == ["fits"]


def test_interrupted_write_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    write_atomically(path, b"old")

    def stop(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", stop)
    with pytest.raises(OutputError, match=r"page.html cannot be written to .*No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["page.html"]


def refuse(*_, **__):
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize(
    ("refused", "act"),
    [
        ("pathlib.Path.unlink", lambda a: a.clear(STEP)),
        ("shutil.rmtree", lambda a: a.clear(STEP)),
        ("pathlib.Path.unlink", lambda a: a.keep_only(STEP, set())),
        ("pathlib.Path.read_text", lambda a: a.read_manifest(STEP)),
        ("exlink.publish.artifacts.sha256_of_file", lambda a: a.is_complete(STEP)),
    ],
    ids=["clear-manifest", "clear-folder", "drop-old", "read-manifest", "read-artefact"],
)
def test_folder_that_the_system_refuses_is_told_in_a_sentence(artifacts, monkeypatch, refused, act):
    finish(artifacts, slopes=artifacts.write_table(STEP, "slopes", released()))
    monkeypatch.setattr(refused, refuse)
    monkeypatch.chdir(artifacts.run_dir)
    with pytest.raises(OutputError) as caught:
        act(artifacts)
    assert str(caught.value) == (
        f"artifacts/{STEP} cannot be used: Permission denied. "
        "Correct its permissions, or name another folder with --out."
    )


def test_file_in_place_of_the_artefacts_is_told_in_a_sentence(artifacts):
    (artifacts.run_dir / "artifacts").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot be used: Not a directory"):
        artifacts.clear(STEP)
    with pytest.raises(OutputError, match=r"slopes.parquet cannot be written to .*Not a directory"):
        artifacts.write_table(STEP, "slopes", released())


def test_manifest_has_sorted_keys_whatever_their_order(artifacts):
    artifacts.write_manifest(STEP, {"step": STEP, "outputs": {}, "a": {"y": 1, "x": 2}})
    content = (artifacts.folder(STEP) / MANIFEST).read_bytes()
    artifacts.write_manifest(STEP, {"a": {"x": 2, "y": 1}, "outputs": {}, "step": STEP})
    assert (artifacts.folder(STEP) / MANIFEST).read_bytes() == content
    assert list(json.loads(content)) == ["a", "outputs", "step"]
