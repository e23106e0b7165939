"""One number for a unit's EX in a wave, by a rule that does not look at customers: the mean of all aspects."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.panel import aspect_columns, overall_columns

INDEX = "index"


def ex_index(data: StudyData) -> pd.DataFrame:
    """Return the exposures with ``index``: the mean of the aspects of a row, on the scale most of them are on.

    Every aspect counts alike, as its distance from its own average, so that an aspect that was left out of a wave does
    not move the index; a row without half of the aspects has none. A study without aspects is taken at its overall
    score (satisfaction, else the first there is).
    """
    exposures = data.exposures()
    columns = aspect_columns(data)
    if not columns:
        overall = overall_columns(data)
        chosen = "ex_satisfaction" if "ex_satisfaction" in overall else overall[0]
        return exposures.assign(**{INDEX: exposures[chosen]})
    values = _one_scale(data, exposures[columns])
    centred = values - values.mean()
    enough = 2 * values.notna().sum(axis=1) >= len(columns)
    return exposures.assign(**{INDEX: (centred.mean(axis=1) + values.mean().mean()).where(enough)})


def _one_scale(data: StudyData, values: pd.DataFrame) -> pd.DataFrame:
    """Return aspects on the scale that most of them have."""
    used = data.query(
        "SELECT aspect, scale_min, scale_max, count(*) AS n FROM ex_responses WHERE kpi = 'driver' "
        "GROUP BY ALL ORDER BY aspect, n DESC, scale_min, scale_max"
    ).drop_duplicates("aspect")
    used["column"] = "ex_" + used["aspect"].map(slug)
    low, high = used[["scale_min", "scale_max"]].value_counts().index[0]
    own = used.set_index("column").loc[values.columns]
    share = (values - own["scale_min"]) / (own["scale_max"] - own["scale_min"])
    return low + share * (high - low)
