"""Whether the units of one group stand out from the others in several measures: differences against relabelled units.

Each group is set against all others in each measure, levels of strata being held equal. That many comparisons of few
units are judged by the largest one among relabelled units (Westfall & Young 1993: maximum of t, adjusted in one step).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.tidy import t_quantile

MIN_FREE = 3


def standing_out(values: pd.DataFrame, group: Any, stratum: Any = None, *, reps: int = 999, seed: int) -> pd.DataFrame:
    """Return by how many standard deviations of units each group differs from the others, measure by measure.

    Parameters
    ----------
    values : DataFrame, (units, p)
        One row per unit, no missing values.
    group, stratum : array_like, (units,)
        Labels of units; relabelling keeps to the stratum.

    Returns
    -------
    DataFrame: group, measure, estimate, conf_low, conf_high (each on its own, t with units − strata − 1 degrees of
    freedom), p_adjusted (over all groups and measures), n_units (of the group). Groups that are all of their strata
    are left out.

    Raises
    ------
    EstimationError
        Too few units, or no group that shares a stratum with another.
    """
    x = values.to_numpy(dtype=float)
    groups, names = encode(pd.Series(np.asarray(group)))
    strata = np.zeros(len(x), dtype=int) if stratum is None else encode(pd.Series(np.asarray(stratum)))[0]
    free = len(x) - (strata.max() + 1) - 1
    if free < MIN_FREE or not np.isfinite(x).all():
        raise EstimationError(f"standing out: {len(x)} units with {free} degrees of freedom; {MIN_FREE} are needed.")
    x = _centred(x, strata)
    spread = np.sqrt((x**2).sum(axis=0) / (free + 1))
    if not (spread > 0).all():
        raise EstimationError("standing out: a measure is the same for all units.")
    z = x / spread
    estimate, error, t = _differences(z, groups, strata, len(names), free)
    usable = np.isfinite(t).all(axis=1)
    if not usable.any():
        raise EstimationError("standing out: no group shares a stratum with another.")
    rng = np.random.default_rng(seed)
    order = np.argsort(strata, kind="stable")
    beyond = np.zeros(t.shape)
    for _ in range(reps):
        relabelled = np.empty_like(groups)
        relabelled[order] = groups[order][np.lexsort((rng.random(len(x)), strata[order]))]
        top = np.nanmax(np.abs(_differences(z, relabelled, strata, len(names), free)[2][usable]))
        beyond += top >= np.abs(t) - 1e-12
    half = float(t_quantile(0.975, free)) * error
    at = pd.MultiIndex.from_product([names, values.columns], names=["group", "measure"])
    out = pd.DataFrame({
        "estimate": estimate.ravel(), "conf_low": (estimate - half).ravel(), "conf_high": (estimate + half).ravel(),
        "p_adjusted": ((1 + beyond) / (reps + 1)).ravel(),
        "n_units": np.repeat(np.bincount(groups, minlength=len(names)), x.shape[1]),
    }, index=at)  # fmt: skip
    return out[np.repeat(usable, x.shape[1])].reset_index()


def _centred(x: np.ndarray, strata: np.ndarray) -> np.ndarray:
    sums = np.zeros((strata.max() + 1, x.shape[1]))
    np.add.at(sums, strata, x)
    return x - (sums / np.bincount(strata)[:, None])[strata]


def _differences(
    z: np.ndarray, groups: np.ndarray, strata: np.ndarray, k: int, free: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return slopes on each group's dummy within strata, errors and t values: (k, p) each; NaN without a contrast."""
    dummies = _centred((groups[:, None] == np.arange(k)).astype(float), strata)
    weight = (dummies**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.where(weight[:, None] > 1e-9, dummies.T @ z / weight[:, None], np.nan)
        rest = (z**2).sum(axis=0) - estimate**2 * weight[:, None]
        error = np.sqrt(np.maximum(rest, 0) / free / weight[:, None])
        return estimate, error, estimate / error
