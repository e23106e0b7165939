"""The command line: exit codes, one readable message, no heavy import before it is needed."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from exlink import cli
from exlink.cli import main, parse_settings
from exlink.errors import ParameterError, StepError
from exlink.publish.pipeline import RunResult

sys.path.insert(0, str(Path(__file__).parent / "publish"))
import tiny


@pytest.fixture
def study(tmp_path):
    return tiny.tiny_study(tmp_path / "study")


@pytest.fixture
def told(capsys):
    """Return a function that runs the command and returns (exit code, stdout, stderr)."""

    def call(*arguments):
        code = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def timed(command):
    """Return what a command said and the processor time it took, which other work on the machine does not change."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_answers_at_once_and_imports_nothing_heavy():
    heavy = "pandas duckdb papermill nbconvert pydantic matplotlib numpy"
    code = f"import sys, exlink.cli; print([m for m in {heavy.split()} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
    done, seconds = timed([sys.executable, "-m", "exlink.cli", "--help"])
    assert done.returncode == 0 and all(word in done.stdout for word in ("run", "check", "simulate"))
    assert seconds <= 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "No such command 'rnu'. Did you mean 'run'?"),
        (["run"], "Missing argument 'STUDY'"),
        (["run", "x", "--ony", "03"], "--only"),
        (["run", "nowhere"], "There is no study at nowhere"),
        (["check", "nowhere"], "There is no study at nowhere"),
        (["run", "x", "--jobs", "0"], "Invalid value for '--jobs'"),
        (["run", "x", "--set", "period"], "--set period: write key=value"),
        (["run", "x", "--set", "=3"], "--set =3: write key=value"),
        (["run", "x", "--set", "a=[1"], "the value is not YAML"),
    ],
)
def test_wrong_usage_is_one_message_and_exit_2(told, arguments, message):
    code, out, err = told(*arguments)
    assert (code, out) == (2, "") and message in err
    assert err.startswith("Error: ") and len(err.splitlines()) == 1 and "Traceback" not in err


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("perod=2026Q2", "Did you mean 'period'"),
        ("period=2026-13", "is not a period"),
        ("linkage.lag_days=soon", "linkage.lag_days"),
        ("steps.04_mixed_effect.reml=false", "Did you mean '04_mixed_effects'"),
    ],
)
def test_wrong_setting_gets_help(told, study, setting, message):
    code, _, err = told("run", study, "--set", setting)
    assert code == 2 and message in err and "Traceback" not in err


def test_wrong_step_gets_help(told, study):
    code, _, err = told("run", study, "--only", "04_mixed_efects")
    assert code == 2 and "Did you mean '04_mixed_effects'" in err


def test_settings_are_read_as_yaml():
    given = ["period=2026Q2", "linkage.lag_days=7", "steps.04_mixed_effects.reml=false", "title=a=b", "x=[1, 2.5]"]
    assert parse_settings(given) == {
        "period": "2026Q2",
        "linkage.lag_days": 7,
        "steps.04_mixed_effects.reml": False,
        "title": "a=b",
        "x": [1, 2.5],
    }
    with pytest.raises(ParameterError, match="write key=value"):
        parse_settings(["period 2026Q2"])


def test_check_accounts_for_every_row(told, study):
    with (study / "cx_responses.csv").open("a") as file:
        file.write("int-99999,2026-07-01 12:00:00,1,1,1\n")
    code, out, err = told("check", study)
    assert (code, err) == (0, "")
    accounting, rejects = out.split("Rejected rows")
    rows = {line.split()[0]: line.split()[1:] for line in accounting.splitlines() if line.split()}
    assert rows["interactions"][-3:] == ["240", "240", "0"] and rows["cx_responses"][-3:] == ["241", "240", "1"]
    assert "interaction_id is not in interactions" in rejects and "241" in rejects  # the reason and the row
    assert "The study is usable." in out


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("{04_mixed_effect: {reml: false}}", "Did you mean '04_mixed_effects'"),
        ("{04_mixed_effects: {remL: false}}", "no such parameter. Did you mean 'reml'"),
        ("{04_mixed_effects: {reml: 3}}", "it must be true or false"),
    ],
)
def test_check_refuses_parameters_that_a_run_would_refuse(told, study, steps, message):
    text = (study / "study.yaml").read_text()
    (study / "study.yaml").write_text(f"{text}steps: {{04_mixed_effects: {{reml: false}}}}\n")
    assert told("check", study)[0] == 0
    (study / "study.yaml").write_text(f"{text}steps: {steps}\n")
    code, out, err = told("check", study)
    assert code == 2 and message in err and "usable" not in out and "Traceback" not in err
    assert told("run", study)[::2] == (code, err)


def test_check_of_an_unusable_study_is_exit_2(told, study):
    (study / "interactions.csv").write_text("interaction_id,employee_id\n")
    code, out, err = told("check", study)
    assert code == 2 and "interactions" in err and "usable" not in out and "Traceback" not in err


def stand_in(monkeypatch, result):
    seen = {}

    def run_study(study, **options):
        seen.update(options, study=study)
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr("exlink.publish.pipeline.run_study", run_study)
    return seen


def test_run_hands_on_what_was_asked_and_ends_with_where_the_report_is(told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "reports/tiny/2026Q3"
    seen = stand_in(monkeypatch, RunResult(folder, folder / "index.html", ran=("00_first",), unchanged=("01_x",)))
    code, out, err = told("run", "s", "--only", "03", "--only", "04", "--set", "period=2026Q2", "--jobs", 3, "--force")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["Done: 1 step run, 1 unchanged.", "Report: reports/tiny/2026Q3/index.html"]
    assert seen["only"] == ["03", "04"] and seen["overrides"] == {"period": "2026Q2"}
    assert (seen["jobs"], seen["force"], seen["out"]) == (3, True, None)


def test_run_with_nothing_changed_says_so(told, monkeypatch, tmp_path):
    stand_in(monkeypatch, RunResult(tmp_path, tmp_path / "index.html", unchanged=("00_first", "01_x")))
    code, out, _ = told("run", "s")
    assert code == 0 and out.startswith("Nothing changed since the last run: 2 steps still valid.")


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (StepError("Step 04 failed in cell `x`."), 1, "Error: Step 04 failed in cell `x`.\n"),
        (ParameterError("There is no step."), 2, "Error: There is no step.\n"),
        (KeyboardInterrupt(), 130, "Interrupted. Finished steps are kept; run the same command again to go on.\n"),
    ],
)
def test_exit_codes(told, monkeypatch, error, code, message):
    stand_in(monkeypatch, error)
    assert told("run", "s")[::2] == (code, message)


def test_simulate_never_overwrites_what_is_no_simulated_study(told, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    code, _, err = told("simulate", tmp_path)
    assert code == 2 and "is not empty and holds no finished simulated study" in err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    code, _, err = told("simulate", tmp_path / "thesis.txt")
    assert code == 2 and "is a file" in err


def test_simulated_study_passes_its_own_check_and_may_be_made_again(told, tmp_path):
    words = [tmp_path / "made", "--employees", 60, "--interactions", 3000, "--waves", 4]
    for _ in range(2):
        code, out, err = told("simulate", *words)
        assert (code, err) == (0, "") and out.endswith(f"Next: exlink run {words[0]}\n") and "3,000 of 3,000" in out
    code, out, _ = told("check", words[0])
    assert code == 0 and "The study is usable." in out


def test_unchanged_run_is_quick_as_a_whole_process(tmp_path, study):
    """Everything is imported, read and hashed again; 3 seconds is what DESIGN §12 allows on the sample."""
    notebooks = tiny.tiny_suite(tmp_path / "notebooks")
    code = (
        "import sys, json, exlink.publish.pipeline as p; sys.path.insert(0, sys.argv[1]); import tiny, pathlib;"
        "import exlink.publish.execution as e; real = e.code_hash; e.code_hash = lambda: (real(), 'same')[1];"
        "r = p.run_study(sys.argv[2], out=sys.argv[3], notebooks=pathlib.Path(sys.argv[4]), steps=tiny.STEPS);"
        "print(json.dumps([r.ran, r.unchanged, [m for m in ('papermill', 'nbconvert') if m in sys.modules]]))"
    )
    arguments = [sys.executable, "-c", code, str(Path(tiny.__file__).parent), study, tmp_path / "out", notebooks]
    first, _ = timed(arguments)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout.splitlines()[-1])[0] == ["00_first", "01_other", "09_last"]
    second, seconds = timed(arguments)
    assert seconds <= 3
    assert json.loads(second.stdout.splitlines()[-1]) == [[], ["00_first", "01_other", "09_last"], []]


def test_main_is_what_the_entry_point_calls():
    assert cli.app.info.name == "exlink"
