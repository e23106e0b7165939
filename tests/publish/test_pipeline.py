"""The runner on a suite of three short notebooks; most tests replace the kernels by a stand-in that only writes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import papermill
import pytest
import tiny
from tiny import contents, run, run_dir, sealed

from exlink.data.study import load_study
from exlink.errors import ArtifactError, OutputError, ParameterError, SourceError, StepError, StudyError
from exlink.publish import execution, fingerprint
from exlink.publish.artifacts import write_atomically
from exlink.publish.kernel import Kernels
from exlink.publish.parameters import declared_parameters, read_notebook, source_of
from exlink.publish.places import package_folder
from exlink.publish.progress import Silent
from exlink.publish.rundir import held
from exlink.publish.steps_table import STEPS, Step, chosen_steps, longest_chain_first

ALL = ("00_first", "01_other", "09_last")


# --- with real kernels ---------------------------------------------------------------------------------------


def test_two_cold_runs_are_byte_identical_and_hold_no_path_and_no_person(place):
    result = run(place)
    assert result.ran == ALL and result.index == run_dir(place) / "index.html"
    shutil.move(place / "out", place / "elsewhere")
    assert run(place).ran == ALL
    first, second = contents(place / "elsewhere"), contents(place / "out")
    assert first == second
    pages = {"00_first.html", "01_other.html", "09_last.html", "index.html"}
    assert {Path(name).name for name in first if name.endswith(".html")} == pages
    assert not any(b"emp-0" in content or str(place).encode() in content for content in first.values())
    assert "<strong>24.0</strong> doubled, from calls" in (run_dir(place) / "index.html").read_text()
    manifest = json.loads((run_dir(place) / "artifacts/00_first/manifest.json").read_text())
    assert manifest["parameters"] == {"factor": 2.0}
    assert manifest["rows"]["employees"].items() >= {"in": 12, "rejected": 0, "used": 12}.items()
    assert set(manifest["inputs"]) == {
        f"{t}.csv" for t in ("employees", "ex_responses", "interactions", "cx_responses")
    }
    assert list(Path(tempfile.gettempdir()).iterdir()) == []  # person-level tables went with the run


def test_failed_cell_ends_in_one_message_and_the_others_go_on(place):
    tiny.write_notebook(place / "notebooks", "00_first", ("fit-models", "1 / 0"))
    with pytest.raises(StepError) as caught:
        run(place)
    kept = run_dir(place) / "failed/00_first.ipynb"
    assert str(caught.value) == (
        "Step 00_first failed in cell `fit-models` (3 of 4): ZeroDivisionError: division by zero. "
        f"Its notebook is kept at {kept}; open it in JupyterLab to see the traceback."
    )
    assert "ZeroDivisionError" in kept.read_text()
    result = caught.value.result
    assert result.ran == ("01_other",) and result.skipped == {"09_last": "00_first"} and result.index is None
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_error_meant_for_people_is_told_as_its_sentence_alone(place):
    refused = 's.release(s.data.query("SELECT 1 AS a"), people="n_employees")'
    tiny.write_notebook(place / "notebooks", "00_first", ("release", refused))
    with pytest.raises(StepError, match=r"`release` \(3 of 4\): the table to be released has no column 'n_employees'"):
        run(place, only=["00"])
    outputs = json.loads((run_dir(place) / "failed/00_first.ipynb").read_text())["cells"][-2]["outputs"]
    (shown,) = [o for o in outputs if o["output_type"] == "error"]
    assert len(shown["traceback"]) == 1 and shown["traceback"][0].startswith("DisclosureError: the table")


@pytest.mark.parametrize(("kind", "code"), [("ParameterError", 2), ("StudyError", 2), ("EstimationError", 1)])
def test_error_of_the_user_in_a_cell_is_the_users_exit_code(place, kind, code):
    raised = f"from exlink import errors\nraise errors.{kind}('focus is wrong')"
    tiny.write_notebook(place / "notebooks", "00_first", ("choose", raised))
    with pytest.raises(StepError, match=r"`choose` \(3 of 4\): focus is wrong") as caught:
        run(place, only=["00"])
    assert caught.value.exit_code == code


def test_a_step_that_fails_by_itself_outweighs_an_error_of_the_user(place, stand_in):
    stand_in.breaks = {"00_first": "focus is wrong", "01_other": "no convergence"}
    stand_in.users = {"00_first"}
    with pytest.raises(StepError) as caught:
        run(place)
    assert caught.value.exit_code == 1
    with pytest.raises(StepError) as caught:
        run(place, only=["00"])
    assert caught.value.exit_code == 2


def test_kernel_that_dies_is_told_in_words(place):
    tiny.write_notebook(place / "notebooks", "00_first", ("eat-memory", "import os; os._exit(9)"))
    with pytest.raises(StepError, match=r"cell `eat-memory` \(3 of 4\): its kernel died, most likely .* memory"):
        run(place, only=["00"])


def test_killed_run_resumes_with_what_was_finished(place, stand_in):
    slow = place / "slow"
    wait = f"open({str(slow)!r}, 'w').close()\nimport time\ntime.sleep(60)"
    tiny.write_notebook(place / "notebooks", "01_other", ("wait", wait))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tiny; from pathlib import Path; "
        "from exlink.publish import execution, pipeline; execution.code_hash = lambda: 'this version'; "
        "p = Path(sys.argv[2]); "
        "pipeline.run_study(p / 'study', out=p / 'out', notebooks=p / 'notebooks', steps=tiny.STEPS)"
    )
    arguments = [sys.executable, "-c", code, str(Path(tiny.__file__).parent), str(place)]
    process = subprocess.Popen(arguments, env=os.environ | {"TMPDIR": tempfile.gettempdir()})
    finished = run_dir(place) / "00_first.html"
    deadline = time.monotonic() + 60
    while not (slow.exists() and sealed(place, "00_first")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert any(Path(tempfile.gettempdir()).glob("exlink-*"))  # it could not tidy up
    assert not (run_dir(place) / "01_other.html").exists()
    before = finished.stat().st_mtime_ns
    result = run(place)
    assert result.unchanged == ("00_first",) and result.ran == ("01_other", "09_last")
    assert finished.stat().st_mtime_ns == before
    assert not any(Path(tempfile.gettempdir()).glob("exlink-*"))  # nor does the killed run's folder stay


def test_every_kernel_has_sockets_of_its_own_and_this_python(place):
    # with TCP ports about one start in sixty died; measured for all of 60 starts, six at a time, with these
    kernels = Kernels(place, {})
    managers = [kernels.manager_class()(kernel_name="python3") for _ in range(3)]
    assert {m.transport for m in managers} == {"ipc"} and len({m.ip for m in managers}) == 3
    assert all(m.format_kernel_cmd()[:3] == [sys.executable, "-m", "ipykernel_launcher"] for m in managers)
    assert all(len(m.ip) <= 100 for m in managers)  # a socket's path may have 107 characters


def test_notebook_run_by_hand_to_the_same_result_leaves_the_run_valid(place, tmp_path):
    run(place)
    before = contents(run_dir(place))
    by_hand = {"study": str(place / "study"), "run_dir": str(run_dir(place))}

    def papermill_runs(stem, **parameters):
        source = place / "notebooks" / f"{stem}.ipynb"
        papermill.execute_notebook(source, tmp_path / "o.ipynb", by_hand | parameters, cwd=source.parent,
                                   progress_bar=False)  # fmt: skip

    papermill_runs("00_first")
    assert contents(run_dir(place)) == before
    assert run(place).unchanged == ALL
    papermill_runs("00_first", factor=3.0)
    assert not sealed(place, "00_first")
    assert run(place).ran == ("00_first",)
    assert contents(run_dir(place)) == before


# --- what is run again, and what is not ----------------------------------------------------------------------


def test_nothing_changed_runs_nothing(place, stand_in):
    assert run(place).ran == ALL
    before = contents(run_dir(place))
    stand_in.order.clear()
    result = run(place)
    assert result.unchanged == ALL and result.ran == () and stand_in.order == []
    assert contents(run_dir(place)) == before


def test_needs_run_first_whatever_the_order_of_the_table(place, stand_in):
    run(place, steps=tiny.STEPS[::-1])
    assert stand_in.order[-1] == "09_last" and len(stand_in.order) == 3


def test_steps_without_needs_run_side_by_side(place, stand_in):
    both = Barrier(2, timeout=20)
    stand_in.before = {"00_first": both.wait, "01_other": both.wait}
    assert run(place, jobs=2).ran == ALL  # one after the other, the barrier would break


def test_what_the_longest_chain_waits_for_starts_first(place, stand_in):
    last = Step("09_last", "Last", ("00_first", "01_other"))
    suite = (Step("00_first", "First"), Step("01_other", "Other", ("02_long",)), Step("02_long", "Long"), last)
    tiny.write_notebook(place / "notebooks", "02_long", tiny.TEAMS)
    result = run(place, steps=suite, jobs=1)
    assert stand_in.order == ["02_long", "00_first", "01_other", "09_last"]
    assert result.ran == ("00_first", "01_other", "02_long", "09_last")  # told in reading order
    assert longest_chain_first(STEPS)[0].stem == "04_mixed_effects"  # 05 and then 09 wait for it


def test_changed_parameter_runs_that_step_and_what_rests_on_its_artefacts(place, stand_in):
    run(place)
    result = run(place, overrides={"steps.00_first.factor": 3})
    assert result.ran == ("00_first", "09_last") and result.unchanged == ("01_other",)


def test_changed_parameter_that_changes_no_artefact_runs_that_step_only(place, stand_in):
    tiny.write_notebook(place / "notebooks", "00_first", tiny.TEAMS, parameters="factor = 2.0\nunused = 1")
    run(place)
    assert run(place, overrides={"steps.00_first.unused": 2}).ran == ("00_first",)


def test_changed_notebook_runs_that_step_only(place, stand_in):
    run(place)
    tiny.write_notebook(place / "notebooks", "01_other", ("more", "1 + 1"), parameters='label = "calls"')
    assert run(place).ran == ("01_other",)


def test_notebook_saved_with_outputs_runs_nothing(place, stand_in):
    run(place)
    path = place / "notebooks/00_first.ipynb"
    notebook = read_notebook(path)
    said = {"output_type": "stream", "name": "stdout", "text": "x"}
    notebook["cells"][1] |= {"execution_count": 3, "outputs": [said]}
    notebook["metadata"]["language_info"] = {"name": "python"}
    path.write_text(json.dumps(notebook, indent=1))
    assert run(place).ran == ()


def test_step_run_alone_says_what_is_older_than_it(place, stand_in):
    class Ear(Silent):
        def note(self, text):
            heard.append(text)

    run(place)
    heard = []
    run(place, only=["00"], overrides={"steps.00_first.factor": 5}, progress=Ear())
    assert "index.html still shows earlier results. Add --only 09_last, or run all." in heard
    heard.clear()
    run(place, only=["09"], overrides={"steps.01_other.label": "mail"}, progress=Ear())
    told = [text for text in heard if "not up to date" in text]
    assert [text.split()[0] for text in told] == ["00_first", "01_other"]


@pytest.mark.parametrize("change", ["input", "study", "truth", "code"])
def test_what_all_steps_depend_on_runs_all(place, stand_in, monkeypatch, change):
    run(place)
    if change == "input":
        with (place / "study/cx_responses.csv").open("a") as file:
            file.write("int-00001,2026-04-12 12:00:00,1,1,1\n")
    elif change == "truth":
        (place / "study/truth.json").write_text("{}")
    elif change == "code":
        monkeypatch.setattr(execution, "code_hash", lambda: "another version")
    overrides = {"linkage.lag_days": 3} if change == "study" else {}
    assert run(place, overrides=overrides).ran == ALL


def test_touched_but_equal_inputs_run_nothing(place, stand_in):
    run(place)
    for file in (place / "study").iterdir():
        os.utime(file, (1, 1))
    assert run(place).ran == ()


@pytest.mark.parametrize(
    "harmed", ["00_first.html", "artifacts/00_first/headline.json", "artifacts/00_first/manifest.json"]
)
@pytest.mark.parametrize("how", ["gone", "changed"])
def test_harmed_output_is_made_again(place, stand_in, harmed, how):
    run(place)
    before = contents(run_dir(place))
    path = run_dir(place) / harmed
    path.unlink() if how == "gone" else path.write_bytes(path.read_bytes()[:-9])
    assert run(place).ran == ("00_first",)  # the others rest on the same artefacts as before
    assert contents(run_dir(place)) == before


def test_force_runs_all(place, stand_in):
    run(place)
    assert run(place, force=True).ran == ALL


def test_period_from_outside_goes_to_a_folder_of_its_own(place, stand_in):
    run(place)
    result = run(place, overrides={"period": "2026Q2"})
    assert result.run_dir.name == "2026Q2" and result.ran == ALL
    assert run(place).unchanged == ALL


def test_interrupted_run_keeps_what_was_sealed(place, stand_in):
    def interrupt():
        raise KeyboardInterrupt

    stand_in.before = {"09_last": interrupt}
    with pytest.raises(KeyboardInterrupt):
        run(place)
    stand_in.before = {}
    assert run(place).unchanged == ("00_first", "01_other")


# --- failures ------------------------------------------------------------------------------------------------


def test_failed_step_takes_stale_pages_and_links_with_it_and_comes_back(place, stand_in):
    run(place)
    before = contents(run_dir(place))
    stand_in.breaks = {"01_other": "no convergence"}
    with pytest.raises(StepError, match=r"Step 01_other failed in cell `x` .*no convergence") as caught:
        run(place, overrides={"steps.01_other.label": "mail"})
    assert caught.value.result.unchanged == ("00_first",)
    left = contents(run_dir(place))
    assert {name for name in left if name.endswith(".html")} == {"00_first.html"}
    page = left["00_first.html"].decode()
    assert 'data-page="01_other.html"' in page and 'href="01_other.html"' not in page
    stand_in.breaks = {}
    assert run(place).ran == ("01_other", "09_last")
    assert contents(run_dir(place)) == before


def test_all_failures_are_told(place, stand_in):
    stand_in.breaks = {"00_first": "cause one", "01_other": "cause two"}
    with pytest.raises(StepError) as caught:
        run(place)
    assert "cause one" in str(caught.value) and "cause two" in str(caught.value)
    assert caught.value.exit_code == 1


def test_notebook_that_does_not_finish_fails(place, stand_in):
    stand_in.before = {"00_first": lambda: None}
    original = stand_in.__class__.__call__

    def silent(self, notebook, target, parameters, kernels, on_cell):
        if notebook.stem != "00_first":
            return original(self, notebook, target, parameters, kernels, on_cell)
        return shutil.copy(notebook, target)

    stand_in.__class__.__call__ = silent
    try:
        with pytest.raises(StepError, match=r"00_first wrote no manifest. Its last cell must call s.finish"):
            run(place)
    finally:
        stand_in.__class__.__call__ = original


# --- wrong input: nothing runs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"steps.00_first.faktor": 3}, r"steps\.00_first\.faktor: .* no such parameter. Did you mean 'factor'"),
        ({"steps.00_first.factor": "three"}, r"factor is 'three'; it must be a number, like its default 2\.0"),
        ({"steps.00_first.factor": True}, r"factor is True; it must be a number"),
        ({"steps.01_other.label": 3}, r"label is 3; it must be text"),
        ({"steps.00_first.run_dir": "x"}, r"run_dir is set by the run itself"),
        ({"steps.00_frist.factor": 3}, r"steps\.00_frist: there is no such step. Did you mean '00_first'"),
    ],
)
def test_wrong_parameter_is_told_before_anything_runs(place, stand_in, overrides, message):
    with pytest.raises(ParameterError, match=message):
        run(place, overrides=overrides)
    assert stand_in.order == [] and not (place / "out").exists()


def test_wrong_study_file_and_missing_input_are_told_before_anything_runs(place, stand_in):
    with pytest.raises(StudyError, match=r"`linkage.lag_day`.*Did you mean 'lag_days'"):
        run(place, overrides={"linkage.lag_day": 3})
    (place / "study/employees.csv").unlink()
    with pytest.raises(SourceError, match=r"there is no file employees\.csv"):
        run(place)
    assert stand_in.order == []


def test_step_whose_need_never_ran_names_the_command(place, stand_in):
    with pytest.raises(ArtifactError, match=r"09_last needs 00_first, 01_other, .*--only 00_first --only 01_other"):
        run(place, only=["09"])
    run(place, only=["00", "01"])
    assert run(place, only=["09"]).ran == ("09_last",)


def test_output_folder_that_cannot_be_made_is_told_before_anything_runs(place, stand_in):
    (place / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"The output folder .* cannot be written: .*Name another one with --out"):
        run(place, out=place / "file")
    assert stand_in.order == []


def test_file_in_place_of_the_artefacts_ends_the_run_in_a_sentence(place, stand_in):
    run_dir(place).mkdir(parents=True)
    (run_dir(place) / "artifacts").write_text("in the way")
    with pytest.raises(OutputError, match=r"artifacts/00_first cannot be used: Not a directory"):
        run(place, force=True, only=["00"])
    assert stand_in.order == []


def test_leftover_that_cannot_be_removed_ends_the_run_in_a_sentence(place, stand_in):
    (run_dir(place) / ".index.html.1-1.part").mkdir(parents=True)  # even root cannot unlink a folder
    with pytest.raises(OutputError, match=r"\.index\.html\.1-1\.part cannot be used: "):
        run(place)
    assert stand_in.order == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_output_folder_without_permission_is_told(place, stand_in):
    (place / "out").mkdir(mode=0o500)
    with pytest.raises(OutputError, match=r"Permission denied"):
        run(place)


def test_second_run_into_the_same_folder_is_refused(place, stand_in):
    with held(run_dir(place)), pytest.raises(OutputError, match=r"Another run is writing"):
        run(place)
    assert run(place).ran == ALL


# --- declarations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.stem)
def test_notebook_loads_from_the_steps_it_declares(step):
    cells = read_notebook(package_folder().parent / "notebooks" / f"{step.stem}.ipynb")["cells"]
    code = "\n".join(source_of(cell) for cell in cells if cell["cell_type"] == "code")
    loaded = set(re.findall(r"\bs\.(?:load|load_facts|available|manifest)\(\s*[\"'](\w+)[\"']", code))
    assert loaded <= set(step.needs)
    assert step.index or loaded == set(step.needs)  # a need that is not used only makes the run longer


@pytest.mark.parametrize("name", ["03", "03_individual_linkage", "03_ind", "individual_linkage"])
def test_step_can_be_named_by_its_beginning_or_without_its_number(name):
    assert [s.stem for s in chosen_steps([name])] == ["03_individual_linkage"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0", "means several steps: 00_readiness"),
        ("", "There is no step ''"),
        ("03_individual_linkag3", "Did you mean '03_individual_linkage'"),
        ("mixed_effect", "Did you mean 'mixed_effects'"),
    ],
)
def test_wrong_step_name_gets_help(name, message):
    with pytest.raises(ParameterError, match=message):
        chosen_steps([name])


def test_table_of_steps_is_in_order_and_needs_only_what_comes_before():
    stems = [step.stem for step in STEPS]
    assert stems == sorted(set(stems))
    for i, step in enumerate(STEPS):
        assert set(step.needs) <= set(stems[:i]), step.stem
    assert [step.stem for step in STEPS if step.index] == [stems[-1]]
    assert set(STEPS[-1].needs) == set(stems[:-1])  # the summary comes after all


def test_parameters_are_read_as_papermill_reads_them(tmp_path):
    literals = 'factor = 2.0  # times\nnames = ["a"]\nflag: bool = True\ntext = "x"'
    path = tiny.write_notebook(tmp_path, "00_first", parameters=literals)
    ours = declared_parameters(path)
    theirs = papermill.inspect_notebook(path)
    assert list(ours) == list(theirs)
    assert {name: about["default"] for name, about in theirs.items()} == {
        "study": '"../study"', "run_dir": '""', "factor": "2.0", "names": '["a"]', "flag": "True", "text": '"x"'
    }  # fmt: skip
    assert ours["factor"] == 2.0 and ours["names"] == ["a"] and ours["flag"] is True


def test_parameters_cell_with_more_than_literals_is_refused(tmp_path):
    path = tiny.write_notebook(tmp_path, "00_first", parameters="factor = 2 * other")
    with pytest.raises(ParameterError, match=r"literals only"):
        declared_parameters(path)


def test_files_named_in_a_query_count_as_inputs(tmp_path):
    study = tiny.tiny_study(tmp_path / "study")
    (tmp_path / "raw.csv").write_text("a\n1\n")
    text = (study / "study.yaml").read_text().replace(
        "employees: employees.csv", f"employees: {{sql: \"SELECT 'x.y', * FROM read_csv('{tmp_path}/*.csv')\"}}"
    )  # fmt: skip
    (study / "study.yaml").write_text(text)
    before = fingerprint.input_hashes(load_study(study))
    (tmp_path / "raw.csv").write_text("a\n2\n")
    after = fingerprint.input_hashes(load_study(study))
    assert {name for name in before if before[name] != after[name]} == {"employees/raw.csv"}


def test_code_hash_moves_with_code_and_templates_alone(tmp_path):
    copy = tmp_path / "exlink"
    shutil.copytree(package_folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    first = fingerprint.code_hash(copy)
    (copy / "notes.txt").write_text("no code")
    assert fingerprint.code_hash(copy) == first
    css = next(copy.rglob("*.css"))
    css.write_text(css.read_text() + "/* */")
    assert fingerprint.code_hash(copy) != first


def test_progress_hears_every_step(place, stand_in):
    heard = []

    class Ear(Silent):
        def step(self, stem, state, detail=""):
            heard.append((stem, state))

    run(place, progress=Ear(), jobs=1)
    assert heard == [(stem, state) for stem in ALL for state in ("run", "done")]
    heard.clear()
    run(place, progress=Ear())
    assert heard == [(stem, "unchanged") for stem in ALL]


def test_atomic_writes_survive_many_writers(tmp_path):
    path = tmp_path / "index.html"
    wanted = [bytes([65 + i]) * 200_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomically(path, content), wanted * 4))
    assert path.read_bytes() in wanted and len(list(tmp_path.iterdir())) == 1
