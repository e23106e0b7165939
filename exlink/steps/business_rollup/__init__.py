"""Step 05: what employees' experience is worth — through customers, and through people who stay (M31–M38)."""

from exlink.steps.business_rollup.cases import Case, Group, default_cases, group, study_cases
from exlink.steps.business_rollup.chain import Rollup, Workforce, chain_table, roll_up, shown_links, workforce
from exlink.steps.business_rollup.knowledge import knowledge_loss
from exlink.steps.business_rollup.opinions import contact_summaries, contact_timing
from exlink.steps.business_rollup.scenarios import (
    assess,
    attrition,
    first_case,
    net_references,
    net_spread,
    not_assessed,
    plan_columns,
    scenarios,
    stay_aspects,
)
from exlink.steps.business_rollup.spending import money_effects
from exlink.steps.business_rollup.staying import exit_hazards
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
    "Case", "Group", "Rollup", "Workforce", "assess", "attrition", "by_stream", "chain_table", "contact_summaries",
    "contact_timing", "default_cases", "exit_hazards", "first_aspect", "first_case", "group", "knowledge_loss",
    "money_effects", "net_references", "net_spread", "not_assessed", "of_stream", "plan_columns", "references",
    "roll_up", "scenarios", "shown_links", "spread", "stay_aspects", "stream_names", "streams", "study_cases",
    "tornado", "value", "workforce",
]  # fmt: skip
