"""Hand-offs and waiting beside first-contact resolution, compressed in the engine (M14)."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData

CIRCUMSTANCES = ("touchpoint", "complexity")
_HANDOFFS = (
    "CASE WHEN transfers IS NULL THEN NULL WHEN transfers >= 2 THEN '2 or more' ELSE transfers::INT::VARCHAR END"
)


def handoff_reason(data: StudyData) -> str:
    """Return why hand-offs cannot be laid beside first-contact resolution, or ''."""
    return data.missing("interactions.transfers", "interactions.resolved_first_contact")


def handoff_cells(data: StudyData) -> pd.DataFrame:
    """Return contacts per unit, number of hand-offs, speed of answer and circumstances, in one pass.

    Returns
    -------
    DataFrame: unit, handoffs ('0', '1', '2 or more'), slow (1 where the wait was above the median of its channel, 0
    below; NaN where waits are not known), those of ``CIRCUMSTANCES`` that are filled, n_resolved, sum_resolved,
    sumsq_resolved, and n_minutes, sum_minutes, sumsq_minutes of handling where it is known.
    """
    there = circumstances(data)
    source, slow = "interactions i", "NULL::DOUBLE AS slow"
    if data.has("interactions", "wait_seconds"):
        channel = "channel" if data.has("interactions", "channel") else "'all'"
        # a quantile by sketch: exact ones keep every wait in memory
        usual = f"SELECT {channel} AS at, approx_quantile(wait_seconds, 0.5) AS usual FROM interactions GROUP BY ALL"
        source += f" LEFT JOIN ({usual}) u ON u.at IS NOT DISTINCT FROM {channel}"
        slow = "(wait_seconds > usual)::DOUBLE AS slow"
    minutes = ""
    if data.has("interactions", "handle_seconds"):
        m = "handle_seconds / 60.0"
        minutes = (
            f", count({m}) AS n_minutes, coalesce(sum({m}), 0) AS sum_minutes, "
            f"coalesce(sum(({m}) ^ 2), 0) AS sumsq_minutes"
        )
    keys = ", ".join([data.unit, f"{_HANDOFFS} AS handoffs", slow, *there])
    return data.query(f"""
        SELECT {keys}, count(resolved_first_contact) AS n_resolved,
               count_if(resolved_first_contact) AS sum_resolved, count_if(resolved_first_contact) AS sumsq_resolved
               {minutes}
        FROM {source}
        WHERE transfers IS NOT NULL AND resolved_first_contact IS NOT NULL GROUP BY ALL ORDER BY ALL""")


def circumstances(data: StudyData) -> list[str]:
    """Return which circumstances of a contact the study holds.

    The touchpoint is there before anybody hands the contact on; its complexity may be written down only afterwards.
    """
    return [name for name in CIRCUMSTANCES if data.has("interactions", name)]
