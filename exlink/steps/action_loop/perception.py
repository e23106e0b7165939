"""Step 07: what an initiative was to change beside what its teams perceive (M54)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.steps.action_loop.initiatives import OWN, Initiatives

KEPT, PARTLY, SOME, UNSEEN, OPPOSITE, OPEN = "kept", "partly", "something", "not perceived", "opposite", "not told"
BESIDE = {"customers": "estimate", "customers_low": "conf_low", "customers_high": "conf_high"}
VERDICTS = (KEPT, PARTLY, SOME, UNSEEN, OPPOSITE, OPEN)
HALF = 0.5  # of what was intended, that a kept intention has come to at the least: what just becomes clear looks large


def perceived(found: Initiatives | str, kpi: str = "") -> pd.DataFrame:
    """Return intention and perception side by side, every initiative that was assessed, and what customers noticed.

    Returns
    -------
    DataFrame: initiative_id, name, kind, aspect, n_people, n_groups, intended, estimate, conf_low, conf_high, verdict
    (as :func:`verdict_on` says, after adjustment for so many initiatives), told (whether it says what became of the
    intention), and the change of the CX ``kpi`` as customers, customers_low, customers_high; empty where nothing was
    assessed.
    """
    if isinstance(found, str):
        return pd.DataFrame()
    own = found.effects[found.effects["outcome"] == OWN]
    about = found.listed[["initiative_id", "aspect", "intended_change"]].rename(columns={"intended_change": "intended"})
    table = own.merge(about, on="initiative_id", validate="one_to_one")
    verdicts = [
        verdict_on(row.intended, row.estimate, row.conf_low, row.conf_high, clear=row.p_adjusted < 0.05)
        for row in table.itertuples()
    ]
    table = table.assign(verdict=verdicts, told=[word not in (SOME, OPEN) for word in verdicts])
    rated = found.effects[found.effects["outcome"] == kpi].set_index("initiative_id")
    for column, bound in BESIDE.items():
        table[column] = table["initiative_id"].map(rated[bound]).astype(float)
    behind = table["initiative_id"].map(rated["n_people"])
    table["n_people"] = table["n_people"].where(~(behind < table["n_people"]), behind).astype(int)
    columns = ["initiative_id", "name", "kind", "aspect", "n_people", "n_groups", "intended", "estimate", "conf_low",
               "conf_high", "verdict", "told", *BESIDE]  # fmt: skip
    return table[columns].sort_values("intended", ascending=False, kind="stable", ignore_index=True)


def verdict_on(intended: float, estimate: float, low: float, high: float, *, clear: bool) -> str:
    """Return what the interval of a perceived change says of an intention.

    Returns
    -------
    'kept': a clear change in the intended direction, and the interval lies above `HALF` of what was intended and
    reaches it; 'partly': a clear one that stays below it; 'something': a clear one that may be all or little of it;
    'opposite': a clear one the other way; 'not perceived': no clear change, and what was intended is ruled out; 'not
    told': no clear change either, and what was intended is not ruled out. Clear is what stays so after adjustment for
    so many initiatives: a single interval may leave zero out and not be clear.
    """
    if not np.all(np.isfinite([intended, estimate, low, high])) or intended == 0:
        return OPEN
    if intended < 0:
        intended, estimate, low, high = -intended, -estimate, -high, -low
    if clear and low > 0:
        if high < intended:
            return PARTLY
        return KEPT if low >= HALF * intended else SOME
    if clear and high < 0:
        return OPPOSITE
    return UNSEEN if high < intended else OPEN
