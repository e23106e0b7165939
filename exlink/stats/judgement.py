"""Whether a quantity that should be small is too large: four words by a rule fixed beforehand, the interval decides."""

from __future__ import annotations

import numpy as np

from exlink.errors import EstimationError

PASS, WATCH, FAIL, OPEN = "pass", "watch", "fail", "not assessable"
WORDS = (PASS, WATCH, FAIL, OPEN)


def judge(estimate: float, conf_low: float, conf_high: float, *, harmless: float, matters: float) -> str:
    """Return what an interval says of a quantity of which more is worse.

    Parameters
    ----------
    harmless : float
        Up to here nothing is wrong, in the unit of the estimate.
    matters : float
        From here on it would matter; not below ``harmless``.

    Returns
    -------
    'pass': the whole interval lies below ``matters`` (an equivalence, not a missing significance); 'fail': it lies
    above ``harmless``, and what would matter is not excluded; 'watch': the estimate itself would matter and the
    interval still holds what is harmless; 'not assessable': the data decide nothing, a missing interval included.
    """
    if not harmless <= matters:
        raise EstimationError(f"judgement: what matters ({matters:g}) lies below what is harmless ({harmless:g}).")
    if not np.all(np.isfinite([estimate, conf_low, conf_high])):
        return OPEN
    if not conf_low <= conf_high:
        raise EstimationError(f"judgement: the interval runs from {conf_low:g} down to {conf_high:g}.")
    if conf_high < matters:
        return PASS
    if conf_low > harmless:
        return FAIL
    return WATCH if estimate >= matters else OPEN
