"""A panel of groups that adopt at different dates, each with an effect of its own that grows: rows and their truth.

    y = unit + period + 0.2 · group-by-period chance + 0.5 · noise + effect
    effect = size of the group · (1 + periods since its start) / 2

Run it to write ``adoption_panel.csv`` and ``adoption_balanced.csv`` (one date, nobody missing):
``python tests/reference/adoption_panel.py FOLDER``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

STARTS = {0: 3, 1: 3, 2: 5, 3: 6}
SIZES = {0: 1.0, 1: 0.5, 2: 0.8, 3: -0.4}


def adoption_panel(
    seed: int,
    *,
    groups: int = 12,
    people: int = 6,
    periods: int = 8,
    gone: float = 0.1,
    starts: dict | None = None,
    sizes: dict | None = None,
    shock: float = 0.2,
) -> pd.DataFrame:
    """Return unit, group, time, since, y, effect; ``gone`` is the share of rows that are missing."""
    rng = np.random.default_rng(seed)
    starts, sizes = STARTS if starts is None else starts, SIZES if sizes is None else sizes
    season, chance = rng.normal(0, 0.3, periods), rng.normal(0, shock, (groups, periods))
    g, i, t = (a.ravel() for a in np.meshgrid(range(groups), range(people), range(periods), indexing="ij"))
    own = rng.normal(0, 1, (groups, people))
    since = t - np.array([starts.get(k, np.nan) for k in g])
    effect = np.where(since >= 0, np.array([sizes.get(k, 0.0) for k in g]) * (1 + np.nan_to_num(since)) / 2, 0.0)
    y = own[g, i] + season[t] + chance[g, t] + rng.normal(0, 0.5, len(t)) + effect
    unit = [f"{a:02d}-{b:02d}" for a, b in zip(g, i, strict=True)]
    frame = pd.DataFrame({"unit": unit, "group": g, "time": t, "since": since, "y": y, "effect": effect})
    return frame[rng.random(len(frame)) >= gone].reset_index(drop=True)


def balanced(seed: int) -> pd.DataFrame:
    """Return a panel in which three groups start in the same period and nobody is missing."""
    return adoption_panel(seed, gone=0.0, starts=dict.fromkeys(range(3), 4), sizes=dict.fromkeys(range(3), 0.6))


if __name__ == "__main__":
    for name, frame in (("adoption_panel", adoption_panel(11)), ("adoption_balanced", balanced(12))):
        frame.to_csv(Path(sys.argv[1]) / f"{name}.csv", index=False, float_format="%.8g")
