"""Numbers from R, and the real data they were computed on where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

REFERENCE = Path(__file__).parents[1] / "reference" / "stats_r.csv"

# a closed form differs from R only by rounding
EXACT = 1e-9
# two optimisers that stop at different points of a flat optimum
OPTIMISER = 1e-3


def r_numbers(dataset: str, model_starts: str = "") -> pd.DataFrame:
    """Return R's numbers for a data set, indexed by term: columns estimate, se."""
    table = pd.read_csv(REFERENCE)
    chosen = table[(table["dataset"] == dataset) & table["model"].str.startswith(model_starts)]
    assert len(chosen), f"no reference for {dataset} {model_starts}"
    return chosen.set_index("term")


def real(path: str, encoding: str = "utf-8") -> pd.DataFrame:
    """Return a real data set below ``EXLINK_REAL_DATA``, or skip the test and say why."""
    folder = os.environ.get("EXLINK_REAL_DATA")
    if not folder:
        pytest.skip(f"EXLINK_REAL_DATA is not set, so {path} cannot be read")
    file = Path(folder) / path
    if not file.exists():
        pytest.skip(f"{path} is not below EXLINK_REAL_DATA")
    return pd.read_csv(file, encoding=encoding)
