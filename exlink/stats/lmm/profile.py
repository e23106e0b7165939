"""Profile likelihood intervals of SDs and correlations: right near zero too, where Wald's are rough.

A parameter's profile interval reaches from its least to its largest value among all parameters whose criterion exceeds
the minimum by no more than the quantile of χ² allows (``region``).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.lmm.fit import LmmFit
from exlink.stats.lmm.region import Region
from exlink.stats.lmm.threads import one_thread
from exlink.stats.lmm.varcorr import spreads_of
from exlink.stats.tidy import check_level, t_quantile

MOST_PARAMETERS = 6  # of a model, the residual variance counted: two searches for each, in as many dimensions
LIMITS = {"sd": (0.0, np.inf), "correlation": (-1.0, 1.0)}


def profile_intervals(fit: LmmFit, level: float | None = None, *, term: str | None = None) -> pd.DataFrame:
    """Return SDs and correlations with profile intervals, of the criterion that was fitted (lme4 profiles ML).

    Parameters
    ----------
    term : str, optional
        Only the SD of this random effect is profiled, which takes a part of the time.

    Returns
    -------
    DataFrame: group, term1, term2, kind ('sd' or 'correlation'), estimate, conf_low, conf_high. A bound that no search
    reached is missing. SDs that may be zero begin at zero, correlations that may be ±1 end there.

    Raises
    ------
    EstimationError
        More than six variance parameters; or a fit that did not converge.
    """
    w = fit.workings
    if len(w.entries) + 1 > MOST_PARAMETERS:
        raise EstimationError(
            f"{fit.formula}: {len(w.entries) + 1} variance parameters are too many to profile, at most "
            f"{MOST_PARAMETERS} are. Take fit.intervals(), or independent random parts."
        )
    if not fit.converged:
        raise EstimationError(f"{fit.formula}: the fit did not converge, so there is no minimum to profile from.")
    rise = float(t_quantile(0.5 + check_level(fit.level if level is None else level) / 2, np.inf)) ** 2
    table = fit.intervals().drop(columns=["std_error", "conf_low", "conf_high"])
    spreads = spreads_of(w.products, w.units, w.entries, fit.sigma)
    with one_thread():
        region = Region(fit, rise)
        asked = np.arange(len(table))
        if term is not None:
            asked = np.flatnonzero((table["kind"] == "sd") & (table["term1"] == term))
        bounds = [
            [region.furthest(lambda at, i=i: spreads(at[:-1], at[-1])[i], sign, LIMITS[kind]) for sign in (-1, 1)]
            for i, kind in zip(asked, table["kind"].iloc[asked], strict=True)
        ]
    profiled = table.iloc[asked].reset_index(drop=True)
    return profiled.assign(conf_low=[b[0] for b in bounds], conf_high=[b[1] for b in bounds])
