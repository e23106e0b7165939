"""The items behind each aspect, wide: one row per unit and wave, as reliability of a mean of items needs them."""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import quarter_of
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug

MOSTLY = 0.5  # share of units × waves that must have answered an item for it to count as one of the aspect's items


def aspect_items(data: StudyData) -> dict[str, pd.DataFrame]:
    """Return the answers to each aspect's items, per column of the exposures (``ex_<aspect>``).

    Returns
    -------
    dict of DataFrame: unit, wave, and one column per item (0 … 1 of its scale; an item asked at two touchpoints is
    two). Items that fewer than half of the units × waves answered are left out; an aspect may be left with one item.
    """
    columns = {c for c in ("wave", "identified", "weight") if data.has("ex_responses", c)}
    quarter = quarter_of("responded_on")
    wave = f"coalesce(wave, {quarter})" if "wave" in columns else quarter
    own = "identified IS FALSE" if data.unit == "employee_id" and "identified" in columns else "false"
    weight = "coalesce(weight, 1)" if "weight" in columns else "1"
    long = data.query(
        f"SELECT {data.unit}, {wave} AS wave, aspect, item || ' at ' || touchpoint AS item, "
        f"sum({weight} * (score - scale_min) / (scale_max - scale_min)) / nullif(sum({weight}), 0) AS value "
        f"FROM ex_responses WHERE kpi = 'driver' AND NOT ({own}) GROUP BY ALL ORDER BY ALL"
    )
    found = {}
    for aspect, part in long.groupby("aspect", sort=True):
        wide = part.pivot(index=[data.unit, "wave"], columns="item", values="value").rename_axis(columns=None)
        kept = wide.columns[wide.notna().mean() >= MOSTLY]
        found[f"ex_{slug(str(aspect))}"] = wide[kept].reset_index()
    return found
