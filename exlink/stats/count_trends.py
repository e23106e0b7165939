"""Counts of several groups over time: the trend of each, and what changed after an event against groups without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import need_columns, tidy_frame

MIN_PERIODS = 4
MAX_STEPS = 100


def count_trends(
    frame: pd.DataFrame, count: str, group: str, time: str, *, alike: bool = False, level: float = 0.95
) -> pd.DataFrame:
    """Return per group by what factor its count changes from one period to the next.

    Parameters
    ----------
    frame : DataFrame
        One row per group and period; ``time`` is a number, periods without anything are rows with 0.
    alike : bool
        Whether groups share one dispersion, which few periods a group then tell far more of: chi-squares and degrees
        of freedom are added up over groups, and t has as many. A group whose own dispersion is larger keeps that:
        among steady groups that vary like Poisson, one that varies six times as much would otherwise be taken to rise
        or fall in a quarter of all studies.

    Returns
    -------
    DataFrame, tidy rows (term = group): the slope of the log of the mean; Poisson by quasi likelihood, the variance
    multiplied by Pearson's chi-square over its degrees of freedom where that is above one (McCullagh & Nelder 1989,
    section 6.2); t with periods − 2 degrees of freedom. Groups with fewer than four periods, or with nothing, are left
    out.
    """
    need_columns(frame, [count, group, time], f"trend of {count}")
    found = []
    for name, part in frame.groupby(group, sort=True):
        y, x = part[count].to_numpy(dtype=float), part[time].to_numpy(dtype=float)
        if len(y) < MIN_PERIODS or (y > 0).sum() < 2 or not np.ptp(x) > 0:
            continue
        design = np.column_stack([np.ones(len(y)), x - x.mean()])
        coef, mu = _poisson(design, y, str(name))
        vcov = np.linalg.inv(design.T @ (design * mu[:, None]))
        found.append((str(name), coef[1], vcov[1, 1], ((y - mu) ** 2 / mu).sum(), len(y) - 2, int(y.sum())))
    if not found:
        raise EstimationError(f"trend of {count}: no value of {group} has {MIN_PERIODS} periods and anything in two.")
    names, slopes, variances, squares, df, n = (np.array(column) for column in zip(*found, strict=True))
    dispersion = np.maximum(1.0, squares / df)
    if alike:
        dispersion = np.maximum(dispersion, squares.sum() / df.sum())
        df = np.full(len(df), df.sum())
    errors = np.sqrt(dispersion * variances)
    return tidy_frame([str(name) for name in names], slopes, errors, n, df=df, level=level)


def _poisson(design: np.ndarray, y: np.ndarray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and means of a Poisson regression, by Newton's steps."""
    coef = np.array([np.log(y.mean()), 0.0])
    for _ in range(MAX_STEPS):
        mu = np.exp(design @ coef)
        step = np.linalg.solve(design.T @ (design * mu[:, None]), design.T @ (y - mu))
        coef = coef + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            return coef, np.exp(design @ coef)
    raise EstimationError(f"trend of {what}: the search did not settle.")


def trend_by(slopes: pd.DataFrame, x: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Return how trends of groups go along with something that differs between them.

    Parameters
    ----------
    slopes : DataFrame
        As `count_trends` gives them; x : array_like, (groups,).

    Returns
    -------
    DataFrame, 1 tidy row: change of the slope per unit of ``x``. Least squares weighted by the inverse variances, whose
    errors are multiplied by the root of the residual mean square where that is above one; t with groups − 2 degrees of
    freedom (Thompson & Sharp 1999, Stat. Med. 18, model with multiplicative overdispersion).
    """
    x, y = np.asarray(x, dtype=float), slopes["estimate"].to_numpy(dtype=float)
    if len(y) < 3 or not np.ptp(x) > 0:
        raise EstimationError(f"trends of {len(y)} groups: at least 3 that differ are needed to compare.")
    weight, design = 1 / slopes["std_error"].to_numpy(dtype=float) ** 2, np.column_stack([np.ones(len(y)), x])
    vcov = np.linalg.inv(design.T @ (design * weight[:, None]))
    coef = vcov @ (design.T @ (weight * y))
    scale = max(1.0, float(weight @ (y - design @ coef) ** 2 / (len(y) - 2)))
    return tidy_frame("trend", coef[1], np.sqrt(scale * vcov[1, 1]), len(y), df=len(y) - 2, level=level)
