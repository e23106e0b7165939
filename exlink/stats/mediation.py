"""How much of an effect runs through what lies between: total, direct and indirect, with a bootstrap over units.

Linear models: M = x'a + …, y = x'c' + M'b + …; the indirect effect through the j-th mediator is a_j b_j (Baron & Kenny
1986; MacKinnon 2008), and total = direct + sum of the indirect ones, exactly. It is causal only under *sequential
ignorability* (Imai, Keele & Tingley 2010): nothing unseen moves both x and what follows, nor both a mediator and y. How
strong the second would have to be is told by the correlation of errors at which the indirect effect is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap
from exlink.stats.moments import UnitMoments
from exlink.stats.tidy import draws_frame

TOTAL, DIRECT, INDIRECT = "total", "direct", "indirect"
MIN_UNITS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Mediation:
    """Effects of x on y and through mediators.

    paths : DataFrame     one row per x and path ('total', 'direct', 'indirect', and each mediator): term, path, tidy
                          estimate … n with percentile intervals, n_units
    shares : DataFrame    one row per x: term, estimate (indirect over total, 0–1), conf_low, conf_high, n, n_units; NaN
                          where the total's interval holds zero, because a share of nothing is nothing
    through : DataFrame   one row per mediator: mediator, its slope on y given x and the other mediators with a
                          percentile interval, and rho, the correlation of errors at which its paths would be gone
    """

    paths: pd.DataFrame
    shares: pd.DataFrame
    through: pd.DataFrame


def mediate(
    moments: UnitMoments, mediators: Sequence[str], *, reps: int = 1000, seed: int, level: float = 0.95
) -> Mediation:
    """Return total, direct and indirect effects of the covariates that are no mediators.

    Parameters
    ----------
    moments : UnitMoments
        Of y on covariates and, last among them, ``mediators``.
    reps, seed : int
        Draws of units with replacement (pairs cluster bootstrap); all paths share the draws.

    Raises
    ------
    EstimationError
        Fewer than ten units, or mediators that are not the last covariates.
    """
    m = len(mediators)
    if list(moments.names[-m:]) != list(mediators) or m == 0:
        raise EstimationError("mediation: the mediators must be the last covariates of the moments.")
    if len(moments.units) < MIN_UNITS:
        raise EstimationError(f"mediation: {len(moments.units)} units; at least {MIN_UNITS} are needed.")
    x = list(moments.names[:-m])
    point = _paths(moments.reduced(), len(x), m)[0]
    draws = bootstrap(
        lambda weights: _paths(moments.reduced(weights), len(x), m).reshape(len(weights), -1),
        len(moments.units), reps=reps, seed=seed,
    ).reshape(reps, *point.shape)  # fmt: skip
    of_x, of_m = point[: len(x)], point[len(x), :m]
    names = [TOTAL, DIRECT, INDIRECT, *mediators]
    tables = [
        draws_frame(name, of_x[:, k], draws[:, : len(x), k], moments.n_rows, level=level).assign(path=name, term=x)
        for k, name in enumerate(names)
    ]
    paths = pd.concat(tables, ignore_index=True).assign(n_units=len(moments.units))
    totals = paths[paths["path"] == TOTAL].reset_index(drop=True)
    clear = (totals["conf_low"] > 0) | (totals["conf_high"] < 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, spread = of_x[:, 2] / of_x[:, 0], draws[:, : len(x), 2] / draws[:, : len(x), 0]
    shares = draws_frame(x, ratio, spread, moments.n_rows, level=level).assign(n_units=len(moments.units))
    bounds = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
    shares.loc[~clear, bounds] = np.nan
    through = draws_frame(list(mediators), of_m, draws[:, len(x), :m], moments.n_rows, level=level)
    through = through.rename(columns={"term": "mediator"}).assign(
        rho=_vanishing(moments.reduced()[0], len(x), m), n_units=len(moments.units)
    )
    return Mediation(paths, shares, through)


def _paths(products: np.ndarray, p: int, m: int) -> np.ndarray:
    """Return per draw (B, p + 1, 3 + m): rows of x hold total, direct, indirect and its parts; the last one b."""
    out = np.full((len(products), p + 1, 3 + m), np.nan)
    scale = np.sqrt(np.maximum(products.diagonal(axis1=1, axis2=2), 1e-300))
    scaled = products / (scale[:, :, None] * scale[:, None, :])
    usable = np.linalg.cond(scaled[:, :-1, :-1]) < 1e10
    s, width = scaled[usable], scale[usable]
    first = np.linalg.solve(s[:, :p, :p], s[:, :p, p:])  # of mediators and y on x
    full = np.linalg.solve(s[:, : p + m, : p + m], s[:, : p + m, -1:])[:, :, 0]
    a, total, b = first[:, :, :m], first[:, :, m], full[:, p:]
    parts = a * b[:, None, :]
    rows = np.concatenate([total[:, :, None], full[:, :p, None], parts.sum(2)[:, :, None], parts], axis=2)
    out[usable, :p] = rows * (width[:, -1:] / width[:, :p])[:, :, None]
    out[usable, p, :m] = b * width[:, -1:] / width[:, p : p + m]
    return out


def _vanishing(products: np.ndarray, p: int, m: int) -> np.ndarray:
    """Return, per mediator, its correlation with y given x and the other mediators (Imai et al. 2010, eq. 14)."""
    out = np.empty(m)
    for j in range(m):
        pair = [p + j, p + m]
        others = [k for k in range(p + m) if k != p + j]
        cross = products[np.ix_(pair, others)]
        left = products[np.ix_(pair, pair)] - cross @ np.linalg.solve(products[np.ix_(others, others)], cross.T)
        out[j] = left[0, 1] / np.sqrt(left[0, 0] * left[1, 1])
    return out
