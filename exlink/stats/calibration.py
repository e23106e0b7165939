"""Whether predicted probabilities came true, on rows that the model had not seen.

Brier (1950, Mon. Weather Rev. 78) for the distance; Cox (1958, Biometrika 45) for the slope of what happened on the
log odds that were predicted: 1 where predictions are spread as they should be, below 1 where they are too far apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from exlink.errors import EstimationError
from exlink.stats.firth import fit_firth
from exlink.stats.tidy import tidy_frame

BRIER, GAIN, RATIO, SLOPE = "Brier score", "gain over one rate for all", "observed over predicted", "calibration slope"


def calibration(event: Any, log_odds: Any, base_rate: float, *, level: float = 0.95) -> pd.DataFrame:
    """Return how far predictions came true.

    Parameters
    ----------
    event : array_like, shape (k,)
        0 or 1, on rows the model was not fitted to.
    log_odds : array_like, shape (k,)
        Predicted log odds of the same rows.
    base_rate : float
        Share of events in the rows the model was fitted to: what anybody could have predicted.

    Returns
    -------
    DataFrame, tidy rows: 'Brier score' (mean squared error of the probabilities, 0 is best); 'gain over one rate for
    all' (by how much it is smaller than with ``base_rate`` for everybody, in per cent of that; paired over rows);
    'observed over predicted' (events over their prediction, exact Poisson interval, Garwood 1936); 'calibration slope'
    (penalised logit on the predicted log odds, p value against 1 by Wald).

    Raises
    ------
    EstimationError
        No events or nothing else among the rows, or the same prediction for all.
    """
    y, eta = np.asarray(event, dtype=float), np.asarray(log_odds, dtype=float)
    if len(y) < 2 or y.min() == y.max() or not np.ptp(eta) > 0:
        raise EstimationError(f"calibration: {len(y)} rows without events, or all predicted alike.")
    p, k = special.expit(eta), len(y)
    own, naive = (p - y) ** 2, (base_rate - y) ** 2
    gain = 100 * (naive - own) / naive.mean()
    # the ratio's interval knows that its denominator moves with the rows as well
    share = gain.mean()
    gain_error = np.std(gain - share * (naive / naive.mean()), ddof=1) / np.sqrt(k)
    rows = [
        tidy_frame(BRIER, own.mean(), own.std(ddof=1) / np.sqrt(k), k, df=k - 1, level=level, null=None),
        tidy_frame(GAIN, share, gain_error, k, df=k - 1, level=level),
    ]
    seen, expected = y.sum(), p.sum()
    ratio = tidy_frame(RATIO, seen / expected, np.sqrt(seen) / expected, k, level=level, null=1.0)
    tail = (1 - level) / 2
    low, high = stats.chi2.ppf(tail, 2 * seen) / 2, stats.chi2.ppf(1 - tail, 2 * seen + 2) / 2
    exact = min(1.0, 2 * min(stats.poisson.cdf(seen, expected), stats.poisson.sf(seen - 1, expected)))
    rows.append(ratio.assign(conf_low=low / expected, conf_high=high / expected, p_value=exact))
    slope = fit_firth(pd.DataFrame({"event": y, "log_odds": eta}), "event", ["log_odds"]).table
    against_one = tidy_frame(SLOPE, slope["estimate"], slope["std_error"], k, level=level, null=1.0)
    rows.append(against_one.assign(conf_low=slope["conf_low"], conf_high=slope["conf_high"]))
    return pd.concat(rows, ignore_index=True)
