"""A simulated panel in which a covariate steps from state to state and acts a known number of periods later."""

from __future__ import annotations

import numpy as np
import pandas as pd

LEADS, LAST = 2, 5  # the states written: two periods ahead of a cell to five back
LAGS = list(range(-LEADS, LAST + 1))
STATES = [f"s{lag}" for lag in LAGS]


def lag_panel(
    seed: int,
    *,
    effect: float = 0.6,
    delay: int = 2,
    spread: int = 1,
    units: int = 60,
    periods: int = 40,
    rows: int = 4,
) -> pd.DataFrame:
    """Return rows of ``y = effect · x(t − delay) + unit + period + shock of unit × period + noise``.

    With ``spread`` the effect comes in so many equal parts, one period after the other, the first after ``delay``.

    x takes a new value about every nine periods and keeps it. Units with a high x have a high level besides
    (confounding between units, bias of a comparison without unit effects: about +0.5), and periods in which many x
    rise have a high level (without period effects: about +0.1).
    """
    rng = np.random.default_rng(seed)
    first = max(LAST, delay + spread - 1)
    total = periods + LEADS + first
    level = rng.normal(size=units)
    x = np.empty((units, total))
    for u in range(units):
        at = 0
        while at < total:
            length = int(rng.integers(6, 13))
            x[u, at : at + length] = 0.5 * level[u] + 0.02 * at + rng.normal()
            at += length
    frames = []
    for t in range(first, first + periods):
        states = {f"s{lag}": x[:, t - lag] for lag in LAGS}
        shock = 0.2 * rng.normal(size=units)
        acting = np.mean([x[:, t - delay - part] for part in range(spread)], axis=0)
        mean = effect * acting + level + 0.05 * t + 0.3 * np.sin(t) + shock
        n = rng.integers(1, rows + 1, units)
        at = np.repeat(np.arange(units), n)
        frame = pd.DataFrame({"u": [f"u{i:02d}" for i in at], "t": t - first, "y": mean[at] + rng.normal(size=len(at))})
        frames.append(frame.assign(**{name: values[at] for name, values in states.items()}))
    return pd.concat(frames, ignore_index=True)


def cells_of(rows: pd.DataFrame, states: list[str] = STATES) -> pd.DataFrame:
    """Return the rows as cells: counts, sums and sums of squares per unit, period and states."""
    rows = rows.assign(yy=rows["y"] ** 2)
    groups = rows.groupby(["u", "t", *states], sort=True)
    return groups.agg(n_y=("y", "size"), sum_y=("y", "sum"), sumsq_y=("yy", "sum")).reset_index()
