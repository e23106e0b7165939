"""Simulated panels with known truth, as rows and as compressed cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.stats.bootstrap import bootstrap


def panel_rows(
    seed: int,
    *,
    units: int = 60,
    waves: int = 8,
    within: float = 0.0,
    between: float = 0.0,
    rows: tuple[int, int] = (0, 14),
    drop: float = 0.15,
) -> pd.DataFrame:
    """Return rows of ``y = within·(x - x̄) + between·x̄ + unit + wave + shock of unit × wave + noise``.

    x differs between units and moves within them; the wave effect moves x and y alike, so that leaving it out
    would bias; the shock makes rows of a unit × wave alike, so that errors must be clustered.
    """
    rng = np.random.default_rng(seed)
    u, t = np.divmod(np.arange(units * waves), waves)
    keep = rng.random(len(u)) > drop
    u, t = u[keep], t[keep]
    level, move = rng.normal(size=units)[u], rng.normal(size=len(u))
    move = move - (np.bincount(u, move, units) / np.maximum(np.bincount(u, minlength=units), 1))[u]
    x = level + move + 0.1 * t
    mean = within * (move + 0.1 * t) + between * level + 0.5 * rng.normal(size=units)[u] + 0.2 * t
    mean = mean + 0.3 * rng.normal(size=len(u))
    n = rng.integers(*rows, len(u))
    at = np.repeat(np.arange(len(u)), n)
    return pd.DataFrame(
        {
            "u": [f"u{i:03d}" for i in u[at]],
            "t": t[at],
            "x": x[at],
            "z": rng.normal(size=len(u))[at],
            "y": mean[at] + rng.normal(size=len(at)),
        }
    )


def panel_cells(seed: int, *, units: int = 40, waves: int = 8, within: float = 0.0) -> pd.DataFrame:
    """Return cells of the panel above without the rows, for simulations of many samples; between effect 0."""
    rng = np.random.default_rng(seed)
    u, t = np.divmod(np.arange(units * waves), waves)
    n = rng.integers(0, 14, len(u))
    x = rng.normal(size=units)[u] + rng.normal(size=len(u)) + 0.1 * t
    mean = within * x + 0.5 * rng.normal(size=units)[u] + 0.2 * t + 0.3 * rng.normal(size=len(u))
    total = n * mean + np.sqrt(n) * rng.normal(size=len(u))
    return pd.DataFrame({"u": u, "t": t, "x": x, "n_y": n, "sum_y": total})


def compress(rows: pd.DataFrame, by: tuple[str, ...] = ("u", "t", "x", "z")) -> pd.DataFrame:
    """Return cells with n_y, sum_y, sumsq_y."""
    square = rows.assign(square=rows["y"] ** 2)
    return square.groupby(list(by), as_index=False).agg(
        n_y=("y", "count"), sum_y=("y", "sum"), sumsq_y=("square", "sum")
    )


def cluster_weights(n_clusters: int, reps: int, *, seed: int) -> np.ndarray:
    """Return how often each cluster is drawn in each replicate of the bootstrap: shape (reps, n_clusters)."""
    return bootstrap(lambda weights: weights, n_clusters, reps=reps, seed=seed)
