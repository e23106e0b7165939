"""How much wider slopes become when rows also belong to a second kind of cluster that cuts across the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import absorb, clustered_slopes, encode, group_sums, refuse_collinear, refuse_flat
from exlink.stats.tidy import need_columns


def widening(
    frame: pd.DataFrame, y: str, x: Sequence[str], unit: str, time: str, other: str, *, weights: str | None = None
) -> pd.DataFrame:  # fmt: skip
    """Return errors of within-unit slopes clustered by unit, and by unit and ``other`` at once.

    Parameters
    ----------
    frame : DataFrame
        One row per observation; rows with missing values are left out.
    x : sequence of str
        Covariates, estimated jointly with unit and time effects as in `within_slope`.
    other : str
        The crossing cluster: the customers whom several employees met.
    weights : str, optional
        Column of how many observations a row is the average of.

    Returns
    -------
    DataFrame: term, one_way, two_way (standard errors without small-sample factors), ratio (two_way / one_way).

    Raises
    ------
    EstimationError
        Fewer than 3 values of ``unit`` or ``other``, flat or collinear covariates.

    Notes
    -----
    Two-way covariance: by unit, plus by other, less by both (Cameron, Gelbach & Miller 2011, equation 2.5). Where
    that is not positive the crossing adds nothing that could be told, and the one-way error stands.
    """
    names = list(x)
    what = f"{y} on {listed(names)}"
    columns = [y, *names, unit, time, other, *([weights] if weights else [])]
    need_columns(frame, columns, what)
    used = frame[columns].dropna()
    codes = {c: encode(used[c]) for c in (unit, time, other)}
    for c in (unit, other):
        if len(codes[c][1]) < 3:
            raise EstimationError(f"{what}: {len(codes[c][1])} values of {c}; at least 3 are needed.")
    values = used[[*names, y]].to_numpy(dtype=float)
    weight = used[weights].to_numpy(dtype=float) if weights else np.ones(len(used))
    residuals, free = absorb(values, codes[unit][0], codes[time][0], weight)
    refuse_flat(residuals, values, weight, [*names, y], f"within {unit} and {time}")
    covariates = residuals[:, :-1]
    refuse_collinear(covariates, weight, names)
    _, _, left = clustered_slopes(
        covariates, residuals[:, -1], weight, codes[unit][0], n_rows=len(used), n_other=free + 1
    )
    weighted = covariates * weight[:, None]
    score = weighted * left[:, None] @ np.linalg.inv(weighted.T @ covariates)
    both = codes[unit][0] * np.int64(len(codes[other][1])) + codes[other][0]
    one, second, joint = (_variances(score, c) for c in (codes[unit][0], codes[other][0], np.unique(
        both, return_inverse=True)[1]))  # fmt: skip
    two = np.where(one + second - joint > 0, one + second - joint, one)
    return pd.DataFrame({"term": names, "one_way": np.sqrt(one), "two_way": np.sqrt(two), "ratio": np.sqrt(two / one)})


def _variances(score: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the sum over clusters of the squared sums of scores, (p,)."""
    return (group_sums(score, codes, int(codes.max()) + 1) ** 2).sum(axis=0)
