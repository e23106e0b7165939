"""Draws the rows of the reference of outcomes; the same seed gives the same rows.

40 units × 5 periods, x1 and x2 constant in a unit and period, z1 and z2 in one of six circumstances c;
η = .5 x1 − .2 x2 + .3 z1 − .2 z2 + .3 u. event: logit(η − 1); count: Poisson(exp(η − .5)); answer: 1–5 by cuts of
η + logistic noise; days: exponential with rate exp(.5 η) / 10, seen for 30 days.

    python tests/reference/outcomes_data.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

UNITS, PERIODS, ROWS, CIRCUMSTANCES = 40, 5, 3_000, 6
SEEN = 30.0


def rows(seed: int = 7) -> pd.DataFrame:
    """Return the rows."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(UNITS, PERIODS, 2)).round(3)
    z = np.column_stack([rng.normal(size=CIRCUMSTANCES).round(3), np.arange(CIRCUMSTANCES) % 2])
    level = rng.normal(size=UNITS)
    unit, period, c = (rng.integers(k, size=ROWS) for k in (UNITS, PERIODS, CIRCUMSTANCES))
    eta = x[unit, period] @ [0.5, -0.2] + z[c] @ [0.3, -0.2] + 0.3 * level[unit]
    event = rng.random(ROWS) < 1 / (1 + np.exp(1 - eta))
    count = rng.poisson(np.exp(eta - 0.5))
    answer = 1 + np.digitize(eta + rng.logistic(size=ROWS), [-2.0, -1.0, 0.3, 1.5])
    days = (rng.exponential(size=ROWS) * 10 * np.exp(-0.5 * eta)).round(2)
    return pd.DataFrame({
        "unit": unit, "period": period, "c": c, "x1": x[unit, period, 0], "x2": x[unit, period, 1],
        "z1": z[c, 0], "z2": z[c, 1], "event": event.astype(int), "count": count, "answer": answer,
        "days": np.minimum(days, SEEN), "ended": (days < SEEN).astype(int),
    })  # fmt: skip


if __name__ == "__main__":
    rows().to_csv(Path(sys.argv[1]) / "outcomes.csv", index=False)
