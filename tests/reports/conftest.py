"""Studies run by the command line, once for all tests that read their reports."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL = os.environ.get("EXLINK_REAL_DATA")


@dataclass(frozen=True)
class Run:
    """What a command left: its exit code, what it said, and the folder of its report."""

    code: int
    said: str
    folder: Path


def exlink(*arguments: object) -> subprocess.CompletedProcess:
    """Run the ``exlink`` command as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "exlink.cli", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def run(study: Path, out: Path, name: str, period: str, *options: str) -> Run:
    """Run a study into ``out``."""
    done = exlink("run", study, "--out", out, *options)
    return Run(done.returncode, done.stdout + done.stderr, out / name / period)


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Run:
    return run(ROOT / "data/sample", tmp_path_factory.mktemp("sample"), "sample", "2026Q3")


@pytest.fixture(scope="session")
def schools(tmp_path_factory) -> Run:
    if not REAL:
        pytest.skip("EXLINK_REAL_DATA is not set: it names the folder that holds nyc_school_survey_2011/")
    return run(ROOT / "examples/nyc_schools", tmp_path_factory.mktemp("schools"), "nyc_schools", "2011")
