"""Mixed models side by side: time, peak memory and agreement, in one run on the same files (``make bench``).

Every fit happens in a process of its own. Nothing here imports more than the standard library: a child's peak memory
would start from this process's (see ``measure``).
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.competitors import Competitor, competitors
from benchmarks.designs import DESIGNS, FORMULA, MODELS, NUMERIC, Design, Model
from benchmarks.machine import describe
from benchmarks.measure import ROOT, Result, measure, run_process, together
from benchmarks.report import markdown, record

RESULTS = ROOT / "benchmarks" / "results"
BUSY = 0.5  # load average above which times are not worth keeping


@dataclass(frozen=True, slots=True)
class Options:
    """How the measuring is done.

    repeats : int         runs of exlink and of the scan, in turn
    warm_up : int         runs of theirs before that, which are not counted: they warm the file cache
    patience : float      seconds after which a peer is not repeated any more; its first run always counts
    time_limit : float    seconds after which a process is stopped
    sharpen : float       seconds lme4 may have taken to be fitted once more with tighter tolerances, for agreement only
    """

    repeats: int = 5
    warm_up: int = 1
    patience: float = 60.0
    time_limit: float = 900.0
    sharpen: float = 200.0


def job_of(design: Design, model: Model, competitor: Competitor, folder: Path) -> dict:
    """Return what a competitor has to do, in words every one of them understands."""
    return {
        "design": design.name,
        "model": model.name,
        "competitor": competitor.name,
        "parquet": str(folder / f"{design.name}.parquet"),
        "csv": str(folder / f"{design.name}.csv"),
        "formula": FORMULA,
        "random": model.random,
        "bars": model.bars,
        "reml": model.reml,
        "numeric": list(NUMERIC),
        "strings": list(design.strings),
        "theta": None,
        "tight": False,
        "answer": str(folder / f"{design.name}_{model.name}_{competitor.name}.json"),
    }


def write_data(design: Design, folder: Path) -> None:
    """Write a design's files, in a process of its own."""
    description = folder / f"{design.name}.design.json"
    description.write_text(json.dumps(asdict(design)))
    log = folder / f"{design.name}.log"
    command = [sys.executable, "-m", "benchmarks.data", str(description), str(folder)]
    code, _ = run_process(command, 3600, log)
    if code:
        raise RuntimeError(f"{design.name} could not be written: {log.read_text()[-400:]}")


def compare(design: Design, model: Model, field: Sequence[Competitor], folder: Path, options: Options) -> list[Result]:
    """Measure everybody who fits a model of a design; exlink and the scan in turn, so that they share the weather."""
    taking_part = [c for c in field if c.fits(design.kind, model.name, design.rows)]
    present = [c for c in taking_part if not c.missing]
    results = [Result(design.name, model.name, c.name, f"not run: {c.missing}") for c in taking_part if c.missing]
    results += _in_turn(design, model, [c for c in present if c.quick], folder, options)
    theta = next((r.answer["theta"] for r in results if r.competitor == "exlink" and r.done), None)
    for competitor in (c for c in present if not c.quick):
        job = job_of(design, model, competitor, folder)
        result = _with_patience(competitor, job, options)
        if competitor.name == "lme4" and theta and result.done:
            # one more process, not counted: lme4's estimates at the variances exlink found, and at a sharper optimum
            further = {"theta": theta, "tight": result.fit <= options.sharpen}
            checked = measure(competitor.command, job | further, options.time_limit, competitor.environment)
            result.answer.update({key: checked.answer[key] for key in ("at", "tight") if key in checked.answer})
        results.append(result)
    for result in results:
        _say(result)
    return results


def _in_turn(design: Design, model: Model, quick: list[Competitor], folder: Path, options: Options) -> list[Result]:
    runs: dict[str, list[Result]] = {c.name: [] for c in quick}
    for repeat in range(options.warm_up + options.repeats):
        for competitor in quick:
            job = job_of(design, model, competitor, folder)
            run = measure(competitor.command, job, options.time_limit, competitor.environment)
            if repeat >= options.warm_up or not run.done:
                runs[competitor.name].append(run)
        quick = [c for c in quick if all(run.done for run in runs[c.name])]
    return [together(done) for done in runs.values()]


def _with_patience(competitor: Competitor, job: dict, options: Options) -> Result:
    """Repeat while it is quick; no warm-up, as the files are warm by now."""
    runs: list[Result] = []
    while len(runs) < options.repeats:
        runs.append(measure(competitor.command, job, options.time_limit, competitor.environment))
        if not runs[-1].done or sum(run.runs[0].wall for run in runs) > options.patience:
            break
    return together(runs)


def _say(result: Result) -> None:
    seconds = f"{result.fit:9.2f} s {result.peak:8,.0f} MB" if result.done else result.status
    print(f"{result.design:24} {result.model:5} {result.competitor:12} {seconds}", flush=True)


def run(designs: Sequence[Design], field: Sequence[Competitor], options: Options) -> dict:
    """Measure all designs.

    Parameters
    ----------
    designs : sequence of Design
    field : sequence of Competitor
    options : Options

    Returns
    -------
    dict
        As ``report.record`` makes it: machine, options, results, targets.
    """
    machine = describe()
    if float(machine["load before"]) > BUSY:
        print(f"the machine is busy (load {machine['load before']}): these times will be too long", file=sys.stderr)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="exlink-bench-") as name:
        folder = Path(name)
        for design in designs:
            write_data(design, folder)
            for model in MODELS[design.kind]:
                results += compare(design, model, field, folder, options)
            for file in folder.iterdir():
                file.unlink()
    return record(designs, results, machine, asdict(options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lmm", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100,000 rows only")
    parser.add_argument("--only", choices=["nested", "crossed"], help="one kind of design")
    parser.add_argument("--rows", type=int, nargs="+", help="only designs of these sizes")
    parser.add_argument("--time-limit", type=float, default=900, help="seconds a process may take (900)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of exlink and the scan (5)")
    parser.add_argument("--peer-rows", type=int, default=1_000_000, help="largest design of the others (1000000)")
    parser.add_argument("--r-blas", default="", help="a BLAS library that lme4 also runs with")
    parser.add_argument("--out", type=Path, help="folder for lmm.md and lmm.json (benchmarks/results, if complete)")
    given = parser.parse_args(arguments)
    sizes = [100_000] if given.quick else given.rows
    designs = [d for d in DESIGNS if given.only in (None, d.kind) and (not sizes or d.rows in sizes)]
    if not designs:
        parser.error(f"no design of that kind and size; sizes are {sorted({d.rows for d in DESIGNS})}")
    field = competitors(given.r_blas, given.peer_rows)
    measured = run(designs, field, Options(repeats=given.repeats, time_limit=given.time_limit))
    text = markdown(measured)
    print("\n" + text)
    out = given.out or (RESULTS if len(designs) == len(DESIGNS) else None)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "lmm.md").write_text(text)
        (out / "lmm.json").write_text(json.dumps(measured, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
