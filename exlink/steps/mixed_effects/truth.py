"""What was planted in simulated data, and what each specification found of it."""

from __future__ import annotations

import pandas as pd

from exlink.data.planted import recovery
from exlink.steps.mixed_effects.models import LANES, MIXED
from exlink.steps.mixed_effects.variances import CONTACT


def effects_found(effects: pd.DataFrame) -> pd.DataFrame | None:
    """Return, per specification and kind of planted aspect, how many planted effects the intervals hold.

    Returns
    -------
    DataFrame or None: lane (words), and the columns of ``planted.recovery``. None for real data, and where nothing
    changes within units.
    """
    found = effects[effects["effect"] != "between"]
    if found.loc[found["specification"] == MIXED, "planted"].isna().all():
        return None
    parts = [
        table.assign(lane=words)
        for name, words in LANES.items()
        if (table := recovery(found[found["specification"] == name])) is not None
    ]
    return pd.concat(parts, ignore_index=True)


def variances_found(parts: pd.DataFrame) -> pd.DataFrame | None:
    """Return planted variances with found ones and whether the interval holds them; None where none was planted.

    Single contacts are left out: what is planted for them holds what circumstances account for, which models take out.
    """
    known = parts[parts["planted"].notna() & (parts["component"] != CONTACT)].reset_index(drop=True)
    if known.empty:
        return None
    return known.assign(covered=known["planted"].between(known["variance_low"], known["variance_high"]))
