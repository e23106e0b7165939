"""Forty simulated studies with the symptoms of a misaligned company, and forty healthy twins, for what is counted.

A study takes seconds to simulate and to prepare, so a folder may keep them for the next run.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from exlink.data.dataset import StudyData, open_data, prepare
from exlink.data.simulate import simulate_study
from exlink.data.study import load_study

SEEDS = range(1, 41)
SIZE = {"employees": 240, "interactions": 60_000}
WORLDS = {False: "with symptoms", True: "healthy"}


@contextmanager
def simulated(
    seed: int, *, healthy: bool, keep: Path | None = None, size: dict[str, int] | None = None
) -> Iterator[StudyData]:
    """Open one simulated study.

    Parameters
    ----------
    keep : folder whose prepared studies are used again, and to which new ones are added; none: in passing.
    size : as `simulate_study` takes it; that of `SIZE` when left out.
    """
    with tempfile.TemporaryDirectory() as passing:
        name = f"{'healthy' if healthy else 'symptoms'}_{seed:02d}"
        folder = (Path(passing) if keep is None else keep) / name
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            study = simulate_study(folder / "raw", seed=seed, healthy=healthy, **(size or SIZE))
            prepare(load_study(study), folder / "prepared")
            (folder / "complete").touch()
        yield open_data(prepared=folder / "prepared", threads=1)


def every_study(
    one: Callable[..., pd.DataFrame], description: str, arguments: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return what ``one(seed, healthy=…, keep=…)`` counts in every study and its twin, as the command line asks."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    parser.add_argument("--keep", type=Path, help="folder of prepared studies, used again and added to")
    given = parser.parse_args(arguments)
    parts = []
    for seed in given.seeds:
        parts += [one(seed, healthy=healthy, keep=given.keep) for healthy in (False, True)]
        print(f"{len(parts)} of {2 * len(given.seeds)}", file=sys.stderr, flush=True)
    return pd.concat(parts, ignore_index=True)
