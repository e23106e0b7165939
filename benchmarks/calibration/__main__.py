"""Run the simulation and write its results (``make calibrate``)."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.calibration.page import markdown
from benchmarks.calibration.replicate import SEED, WORLDS, run
from benchmarks.calibration.summary import BAND, LEVEL, summarise

RESULTS = Path(__file__).parents[1] / "results"


def stray(replications: int) -> float:
    """Return how likely a coverage of exactly 95 % is to be seen outside the band."""
    low, high = np.ceil(BAND[0] * replications - 1e-9), np.floor(BAND[1] * replications + 1e-9)
    return float(stats.binom.cdf(low - 1, replications, LEVEL) + stats.binom.sf(high, replications, LEVEL))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the worlds asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--replications", type=int, default=500, help="simulated studies per world (500)")
    parser.add_argument("--designs", nargs="+", choices=list(WORLDS), help="some worlds only")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="(2)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help="folder for calibration.csv and .md (benchmarks/results, if complete)")
    given = parser.parse_args(arguments)
    started, done = time.perf_counter(), []
    for name in given.designs or WORLDS:
        done.append(run(WORLDS[name], given.replications, given.processes, seed=given.seed, loud=True))
        print(f"{name:16} {1000 * done[-1].seconds:6.1f} ms per fit", file=sys.stderr)
    rows = summarise(done)
    text = markdown(rows, given.replications, stray(given.replications))
    complete = not given.designs and given.replications >= 500 and given.seed == SEED
    out = given.out or (RESULTS if complete else None)
    if out is None:
        print(text)
    else:
        out.mkdir(parents=True, exist_ok=True)
        (out / "calibration.md").write_text(text)
        rows.to_csv(out / "calibration.csv", index=False, float_format="%.6g")
    print(f"{(time.perf_counter() - started) / 60:.1f} minutes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
