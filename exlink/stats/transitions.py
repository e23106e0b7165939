"""Moves between states from one period to the next: rates with errors by unit, and whether a matrix is all there is.

A matrix of rates tells the future only if the state now is all that matters (Markov's property) and the rates stay the
same over time. Both are tests of independence given the state now (Anderson & Goodman 1957, Ann. Math. Stat. 28): of
what comes next from the state before, and from the period. With few moves in many cells the chi-squared distribution is
no guide, so labels are permuted within the state now; with tens of thousands it is, and spares the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.proportions import group_shares
from exlink.stats.tidy import need_columns

MANY = 20_000  # rows beyond which the chi-squared distribution is as good as permutations, and quicker


def transition_rates(frame: pd.DataFrame, unit: str, now: str, then: str, *, level: float = 0.95) -> pd.DataFrame:
    """Return the share that moves from each state to each, of all in that state.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period, with the states ``now`` and ``then``; both known.

    Returns
    -------
    DataFrame: now, then, tidy columns (estimate a share, 0 to 1; n = rows in the state), n_moves, n_units (distinct
    units that moved so), n_others (distinct units that were in the state and moved otherwise); every pair of states of
    which the first has rows, sorted. Intervals are clustered by unit (``group_shares``).
    """
    need_columns(frame, [unit, now, then], "transitions")
    if frame[[now, then]].isna().any().any():
        raise EstimationError("transitions: rows with an unknown state; drop and count these first.")
    moves = frame.groupby([now, then, unit], observed=True, sort=True).size().rename("moves").reset_index()
    base = frame.groupby([now, unit], observed=True, sort=True).size().rename("base").reset_index()
    rows = base.merge(pd.DataFrame({then: sorted(frame[then].unique())}), how="cross")
    rows = rows.merge(moves, on=[now, then, unit], how="left").fillna({"moves": 0})
    shares = group_shares(rows, "moves", "base", [now, then], cluster=unit, level=level)
    rows = rows.assign(went=rows["moves"] > 0, otherwise=rows["moves"] < rows["base"])
    counts = rows.groupby([now, then], sort=True)[["moves", "went", "otherwise"]].sum().reset_index()
    counts = counts.rename(columns={"moves": "n_moves", "went": "n_units", "otherwise": "n_others"})
    whole = dict.fromkeys(("n_moves", "n_units", "n_others"), int)
    return shares.merge(counts, on=[now, then], validate="one_to_one").astype(whole)


def independent_within(first: Any, second: Any, stratum: Any, *, reps: int = 999, seed: int) -> dict[str, float]:
    """Return whether two labels go together inside strata, by permuting one of them there.

    Parameters
    ----------
    first, second, stratum : array_like, shape (n,)

    Returns
    -------
    dict: statistic (Pearson's chi-squared, summed over strata), p_value (of the permutations, at least 1/(reps + 1); of
    the chi-squared distribution beyond ``MANY`` rows), n (rows in strata where both labels vary), strata.
    """
    codes = [encode(pd.Series(np.asarray(v)))[0] for v in (first, second, stratum)]
    a, b, s = codes
    width = [int(c.max(initial=-1)) + 1 for c in codes]
    shape = (width[2], width[0], width[1])
    counts = np.bincount((s * width[0] + a) * width[1] + b, minlength=int(np.prod(shape))).reshape(shape)
    varied = ((counts.sum(2) > 0).sum(1) > 1) & ((counts.sum(1) > 0).sum(1) > 1)
    if not varied.any():
        raise EstimationError("independence within strata: in none of them do both labels vary.")
    kept = varied[s]
    a, b, s = a[kept], b[kept], s[kept]
    # given the margins, Pearson's statistic is the sum of squared counts over their expectation, less the rows
    row, column = counts.sum(2).astype(float), counts.sum(1).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = row.sum(1)[:, None, None] / (row[:, :, None] * column[:, None, :])
    inverse = np.where(np.isfinite(inverse), inverse, 0.0)[varied].ravel()
    place = np.cumsum(varied) - 1
    s = place[s]
    base = (s * width[0] + a) * width[1]
    size = int(varied.sum()) * width[0] * width[1]

    def statistic(labels: np.ndarray) -> float:
        return float(np.bincount(base + labels, minlength=size) ** 2 @ inverse) - len(s)

    found, rng = statistic(b), np.random.default_rng(seed)
    told = {"statistic": found, "n": len(s), "strata": int(varied.sum())}
    if len(s) > MANY:
        free = (((counts.sum(2) > 0).sum(1) - 1) * ((counts.sum(1) > 0).sum(1) - 1))[varied].sum()
        return told | {"p_value": float(special.chdtrc(free, max(found, 0.0)))}
    order = np.argsort(s, kind="stable")
    bounds = s[order]
    base, b = base[order], b[order]
    reached = 0
    for _ in range(reps):
        # sorting by stratum, then by chance, shuffles labels within strata
        shuffled = b[np.lexsort((rng.random(len(b)), bounds))]
        reached += statistic(shuffled) >= found - 1e-9
    return told | {"p_value": (1 + reached) / (reps + 1)}
