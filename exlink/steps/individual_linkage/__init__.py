"""Step 03: employees' experience linked to the interactions they handled, aspect by aspect (M16–M22).

Two questions that are never mixed. *Within*: when the same employee's experience is better than usual,
do the customers served then answer better? *Between*: do employees with the better experience have the
happier customers? Only the first is free of everything that stays the same about a person.
"""

from exlink.data.panel import focus_outcome, within_reason
from exlink.data.planted import recovery
from exlink.data.stages import stages
from exlink.steps.individual_linkage.associations import (
    correlations,
    few_reason,
    judged_together,
    panel_facts,
    readings,
    said_above,
    side_by_side,
    slopes,
    touchpoint_correlations,
)

__all__ = [
    "correlations", "few_reason", "focus_outcome", "judged_together", "panel_facts", "readings", "recovery",
    "said_above", "side_by_side", "slopes", "stages", "touchpoint_correlations", "within_reason",
]  # fmt: skip
