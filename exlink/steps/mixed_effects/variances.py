"""Where the variance of answers sits, without EX and with it, and how well that is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.planted import planted_variances
from exlink.steps.mixed_effects.models import BOUNDS, Fits
from exlink.steps.mixed_effects.rows import CUSTOMER

CONTACT = "single contact"
PLANTED = {"customer": ("customer",), CONTACT: ("residual",), "employee": ("employee", "team")}


def variances(data: StudyData, fits: Fits) -> pd.DataFrame:
    """Return the variance components of every outcome, without EX in the model and with it.

    Returns
    -------
    DataFrame: outcome, component (words: the unit, 'customer' where customers have effects of their own, 'single
    contact'), without, with_ex (variances in squared points), accounted (share of the component that goes once EX is
    in; missing where the component cannot be told from zero), n_units, share (of all components, without EX), planted
    (simulated data), and the 95 % intervals variance_low, variance_high (of ``without``), share_low, share_high, with
    their method. A component is told from zero where its interval leaves zero out: where a likelihood-ratio test, one-
    sided because no variance is negative, rejects zero at 2.5 %. The unit's component holds its team's; the planted one
    of single contacts holds what circumstances account for, the others do not.
    """
    who = data.people.rstrip("s")
    rows = []
    for y, fit in fits.mixed.items():
        before, after, bounds = fits.without[y].variances, fit.variances, fits.without[y].bounds
        for group, component in ((data.unit, who), (CUSTOMER, "customer"), ("Residual", CONTACT)):
            if group not in after:
                continue
            first, second = float(before[group]), float(after[group])
            rows.append({
                "outcome": y, "component": component, "without": first, "with_ex": second,
                "accounted": 1 - second / first if bounds.loc[group, "variance_low"] > 0 else np.nan,
                "n_units": fit.n_units,
                "share": first / float(before.sum()), **bounds.loc[group],
            })  # fmt: skip
    columns = ["outcome", "component", "without", "with_ex", "accounted", "n_units", "share", *BOUNDS, "method"]
    out = pd.DataFrame(rows, columns=columns)
    return out.assign(planted=_planted(data, out, who))


def _planted(data: StudyData, parts: pd.DataFrame, who: str) -> pd.Series:
    """Return the planted variance behind each component; without the customers' own, only the unit's compares."""
    truth = planted_variances(data)
    planted = pd.Series(np.nan, index=parts.index)
    if truth is None or who != "employee":
        return planted
    crossed = (parts["component"] == "customer").any()
    for component, names in PLANTED.items():
        if component == "employee" or crossed:
            chosen = truth[truth["component"].isin(names)].groupby("outcome")["observed"].sum()
            planted = planted.mask(parts["component"] == component, parts["outcome"].map(chosen))
    return planted


def variance_reason(data: StudyData) -> str:
    """Return why variances of single answers cannot be told, or ``""``."""
    if data.has("interactions", "weight"):
        return "not assessed: a row of `interactions` is the average of several customers (column `weight`)"
    return ""
