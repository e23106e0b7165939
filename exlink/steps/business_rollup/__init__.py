"""Step 05: what employees' experience is worth — through customers, and through people who stay (M31–M35)."""

from exlink.steps.business_rollup.chain import Rollup, Workforce, chain_table, roll_up, shown_links, workforce
from exlink.steps.business_rollup.links import contact_summaries
from exlink.steps.business_rollup.scenarios import Group, attrition, group, scenarios, stay_aspects
from exlink.steps.business_rollup.worth import (
    by_stream,
    first_aspect,
    of_stream,
    references,
    spread,
    stream_names,
    streams,
    tornado,
    value,
)

__all__ = [
    "Group", "Rollup", "Workforce", "attrition", "by_stream", "chain_table", "contact_summaries", "first_aspect",
    "group", "of_stream", "references", "roll_up", "scenarios", "shown_links", "spread", "stay_aspects",
    "stream_names", "streams", "tornado", "value", "workforce",
]  # fmt: skip
