"""The benchmark's machinery on 2,000 rows; how fast anybody is, is not tested."""

import json
import sys

import pytest

from benchmarks import lmm, report
from benchmarks.competitors import OTHER_BLAS, Competitor, competitors
from benchmarks.designs import DESIGNS, Design, theta_by_group
from benchmarks.measure import Result, Run, measure, run_process
from benchmarks.targets import differences, targets

TERMS = {"(Intercept)", "tools", "coaching", "workload", "recognition", "wait", "complexity"} | {
    "C(channel)[T.mail]",
    "C(channel)[T.phone]",
}
TINY = Design("nested", rows=2_000, employees=20, customers=0)


@pytest.fixture(scope="module")
def measured():
    field = [c for c in competitors() if c.name in ("exlink", "scan", "scan by group")]
    return lmm.run([TINY], field, lmm.Options(repeats=1, warm_up=0, time_limit=60))


def row(measured, competitor, model="reml"):
    return next(r for r in measured["results"] if (r["competitor"], r["model"]) == (competitor, model))


def test_every_fit_says_what_it_took_and_what_it_found(measured):
    assert {(r["competitor"], r["model"], r["status"]) for r in measured["results"]} == {
        ("scan", "reml", "done"),
        ("scan by group", "reml", "done"),
        ("exlink", "reml", "done"),
        ("exlink", "ml", "done"),
    }
    for result in measured["results"]:
        (run,) = result["runs"]
        assert 0 < run["fit"] < run["wall"]
        assert 20 < run["peak"] < 2_000  # megabytes, not kilobytes or bytes
    assert set(row(measured, "exlink")["estimates"]["fixef"]) == TERMS
    assert row(measured, "scan")["message"] == "2,000 rows"
    assert row(measured, "scan by group")["message"] == "20 rows"
    assert row(measured, "scan")["times_exlink"] > 0
    assert json.loads(json.dumps(measured)) == measured


def test_the_page_has_a_line_per_fit_and_per_target(measured):
    page = report.markdown(measured)
    assert page.count("\n| exlink ") == 2 + 1  # two models, and its version
    assert page.count("\n| scan ") == 2
    assert page.count("not measured") == len(measured["targets"])
    tables = [block for block in page.split("\n\n") if block.startswith("|")]
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table.strip().split("\n")}) == 1


def result(design, competitor, fit, peak=100.0, status="done", model="reml", **answer):
    return Result(design, model, competitor, status, (Run(wall=fit + 1, peak=peak, fit=fit),), answer)


def verdicts(*results):
    return {t["what"]: (t["verdict"], t["measured"]) for t in targets(results)}


def test_targets_are_met_missed_or_not_measured():
    found = verdicts(
        result("nested_1000000", "exlink", 1.0, peak=100),
        result("nested_1000000", "lme4", 61.0, peak=499),
        result("nested_1000000", "statsmodels", 99.0),
        result("nested_10000000", "exlink", 5.0),
        result("nested_10000000", "scan", 1.0),
    )
    assert found["nested, 1 M rows: faster than lme4"][0] == "met"
    assert found["nested, 1 M rows: faster than statsmodels"][0] == "missed"
    assert found["nested, 1 M rows: peak memory against lme4"] == ("missed", "1/5.0 (100 MB against 499 MB)")
    assert found["nested, 10 M rows: against the bare scan"][0] == "met"
    assert found["crossed, 1 M rows: faster than lme4"] == ("not measured", "")


def test_another_blas_is_shown_but_not_judged():
    found = verdicts(result("crossed_1000000", "exlink", 10.0), result("crossed_1000000", OTHER_BLAS, 90.0))
    assert found["crossed_1000000: faster than lme4, other BLAS"] == (
        "for comparison",
        "9.0× (90.00 s against 10.00 s)",
    )


@pytest.mark.parametrize(("limit", "verdict"), [(150, "met"), (50, "not measured")])
def test_a_stopped_peer_is_a_lower_bound(limit, verdict):
    stopped = result("nested_1000000", "statsmodels", limit - 1.0, status=f"stopped after {limit} s")
    found = verdicts(result("nested_1000000", "exlink", 1.0), stopped)["nested, 1 M rows: faster than statsmodels"]
    assert found[0] == verdict
    assert found[1].startswith("at least")


def test_agreement_is_judged_at_the_same_variances_and_at_the_optima():
    estimates = {"fixef": {"a": 2.0}, "std_error": {"a": 1.0}, "criterion": 100.0}
    short = {"std_error": {"a": 1.001}, "criterion": 100.0005}
    found = verdicts(
        result("nested_100000", "exlink", 1.0, **estimates),
        result("nested_100000", "lme4", 9.0, **estimates | short | {"at": estimates}),
    )
    assert [verdict for what, (verdict, _) in found.items() if what.startswith("agreement")] == [
        "met",
        "not measured",
        "missed",
    ]
    assert list(found.values())[-1][1].endswith("lme4 stopped short of exlink's optimum")


def test_differences_are_relative_but_for_the_criterion():
    one = result("d", "exlink", 1.0, fixef={"a": 2.0, "b": -1.0}, std_error={"a": 1.0, "b": 1.0}, criterion=7.0)
    other = {"fixef": {"a": 4.0, "b": -1.0}, "std_error": {"a": 1.0, "b": 0.8}, "criterion": 7.5}
    assert differences(one, other) == pytest.approx({"fixef": 0.5, "std_error": 0.25, "criterion": -0.5})


def test_a_process_is_stopped_at_its_time_limit(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    job = {"design": "d", "model": "m", "competitor": "c", "answer": str(tmp_path / "a.json")}
    stopped = measure(command, job, 0.3, {})
    assert stopped.status.startswith("stopped after")
    assert stopped.runs[0].wall < 10


def test_a_failure_says_why(tmp_path):
    job = {"design": "d", "model": "m", "competitor": "c", "answer": str(tmp_path / "a.json")}
    failed = measure([sys.executable, "-c", "raise SystemExit('no such file')"], job, 30, {})
    assert failed.status == "failed: no such file (exit code 1)"


def test_peak_memory_is_that_of_the_process(tmp_path):
    code, run = run_process([sys.executable, "-c", "len(bytearray(300_000_000))"], 30, tmp_path / "log")
    assert code == 0
    assert run.peak > 300


def test_who_is_missing_is_said(tmp_path):
    absent = Competitor("lme4", ("Rscript",), ("nested",), ("reml",), missing="there is no Rscript on this machine")
    (told,) = lmm.compare(TINY, lmm.MODELS["nested"][0], [absent], tmp_path, lmm.Options())
    assert told.status == "not run: there is no Rscript on this machine"


def test_theta_is_split_by_group():
    assert theta_by_group({"a": ["1 + x"], "b": ["1", "0 + x"]}, [1, 2, 3, 4, 5]) == {"a": [1, 2, 3], "b": [4, 5]}


def test_designs_have_names_of_their_own():
    assert len({d.name for d in DESIGNS}) == len(DESIGNS)
