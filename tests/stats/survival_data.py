"""Simulated careers in start–stop rows with two ways of leaving; R has read what this writes.

python -m tests.stats.survival_data CAREERS.csv
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

QUARTER = 91.0


def careers(seed: int, *, people: int = 300, periods: int = 8, effect: float = 0.6, rate: float = 0.05) -> pd.DataFrame:
    """Return start–stop rows, one per person and period begun: hazard of leaving ``rate·exp(effect·x + .5·flag)``.

    Being sent away has the constant hazard .02 per period, whatever x. ``x`` moves from period to period, a third of
    the people enter late, ``left`` and ``sent`` end the last row. ``begins`` and ``ends`` are the same in whole days
    of a calendar of quarters, where ties occur.
    """
    rng = np.random.default_rng(seed)
    enters = np.where(rng.random(people) < 1 / 3, rng.integers(1, periods - 1, people), 0)
    own, flag = 0.6 * rng.normal(size=people), (rng.random(people) < 0.4).astype(float)
    rows = []
    for person in range(people):
        for period in range(enters[person], periods):
            x = own[person] + rng.normal()
            to_leave = rng.exponential() / (rate * np.exp(effect * x + 0.5 * flag[person]))
            to_go = rng.exponential() / 0.02
            lasts = min(1.0, to_leave, to_go)
            left, sent = float(to_leave == lasts), float(to_go == lasts)
            rows.append((person, period, float(period), period + lasts, x, flag[person], left, sent))
            if left or sent:
                break
    frame = pd.DataFrame(rows, columns=["person", "period", "start", "stop", "x", "flag", "left", "sent"])
    begins = QUARTER * frame["period"]
    ends = np.ceil(QUARTER * frame["stop"])
    return frame.assign(begins=begins, ends=np.maximum(ends, begins + 1)).round({"x": 6, "start": 9, "stop": 9})


if __name__ == "__main__":
    careers(1).to_csv(sys.argv[1], index=False)
