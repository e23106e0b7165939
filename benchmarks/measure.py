"""Runs one process and says what it cost. Standard library only.

A process starts its life with the memory of the one that started it, as far as the kernel's accounting goes; so the
process that measures has to stay small, and everything heavy happens in its children.
"""

import json
import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Run:
    """What one process cost: seconds, and megabytes (10⁶ bytes) at its peak.

    ``fit``, ``read`` and ``load`` are the process's own account; ``wall`` and ``peak`` the operating system's.
    """

    wall: float
    peak: float
    fit: float = 0.0
    read: float = 0.0
    load: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of one competitor on one data set and model.

    status : str      "done", "stopped after … s", "failed: …" or "not run: …"
    runs : tuple      finished runs, or the one that was stopped or failed
    answer : dict     the last run's estimates
    """

    design: str
    model: str
    competitor: str
    status: str
    runs: tuple[Run, ...] = ()
    answer: dict = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Return whether there is a fit to compare."""
        return self.status == "done"

    @property
    def fit(self) -> float:
        """Return the median of the fits, in seconds."""
        return statistics.median(run.fit for run in self.runs)

    @property
    def peak(self) -> float:
        """Return the median of the peaks, in megabytes."""
        return statistics.median(run.peak for run in self.runs)

    @property
    def least(self) -> float:
        """Return the seconds a fit took, or, when it was stopped, a lower bound of them."""
        return self.fit if self.done else max((run.wall for run in self.runs), default=0.0)


def run_process(
    command: Sequence[str], time_limit: float, log: Path, environment: Mapping[str, str] | None = None
) -> tuple[int, Run]:
    """Run a command to its end or its time limit.

    Parameters
    ----------
    command : sequence of str
    time_limit : float
        Seconds after which the process and its children are killed.
    log : Path
        Where its output goes.
    environment : mapping
        Variables added to this process's own.

    Returns
    -------
    code, run : int, Run
        The exit code (negative: the signal that ended it), the wall time and the peak memory.
    """
    with log.open("w") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timer = threading.Timer(time_limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for here, not by subprocess
    return process.returncode, Run(wall=wall, peak=usage.ru_maxrss * 1024 / 1e6)


def measure(command: Sequence[str], job: dict, time_limit: float, environment: Mapping[str, str]) -> Result:
    """Run one competitor once on a job.

    Parameters
    ----------
    command : sequence of str
        The competitor's command; the path of the job is appended.
    job : dict
        What to fit; ``design``, ``model``, ``competitor`` and ``answer`` (a path) are read here.
    time_limit : float
        Seconds.
    environment : mapping
        Variables of the competitor.
    """
    answer = Path(job["answer"])
    answer.unlink(missing_ok=True)
    described, log = answer.with_suffix(".job.json"), answer.with_suffix(".log")
    described.write_text(json.dumps(job))
    code, run = run_process([*command, str(described)], time_limit, log, environment)
    names = {key: job[key] for key in ("design", "model", "competitor")}
    if code == -signal.SIGKILL and run.wall >= time_limit:
        return Result(**names, status=f"stopped after {time_limit:,.0f} s", runs=(run,))
    if code != 0 or not answer.exists():
        lines = log.read_text(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "nothing was said")
        return Result(**names, status=f"failed: {said} (exit code {code})", runs=(run,))
    given = json.loads(answer.read_text())
    parts = {part: given.pop(f"{part}_seconds") for part in ("fit", "read", "load")}
    return Result(**names, status="done", runs=(Run(run.wall, run.peak, **parts),), answer=given)


def together(results: Sequence[Result]) -> Result:
    """Join repeated runs of the same competitor; the first that did not end well speaks for all."""
    for result in results:
        if not result.done:
            return result
    last = results[-1]
    runs = tuple(run for result in results for run in result.runs)
    return Result(last.design, last.model, last.competitor, last.status, runs, last.answer)
