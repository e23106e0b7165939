"""Step 09: one page for executives, written from the artefacts of the steps before it and from nothing else."""

from exlink.steps.executive_summary.action import changes, mind_changers, misuse, others, ranking
from exlink.steps.executive_summary.chain import chain, staying
from exlink.steps.executive_summary.evidence import Evidence, collect
from exlink.steps.executive_summary.headline import tiles
from exlink.steps.executive_summary.plans import own_plans
from exlink.steps.executive_summary.trust import (
    certainty,
    certainty_note,
    gaps,
    glossary,
    provenance,
)
from exlink.steps.executive_summary.verdict import decision
from exlink.steps.executive_summary.warning_signs import areas, areas_note, badges, signs_note

__all__ = [
    "Evidence", "areas", "areas_note", "badges", "certainty", "certainty_note", "chain", "changes", "collect",
    "decision", "gaps", "glossary", "mind_changers", "misuse", "others", "own_plans", "provenance", "ranking",
    "signs_note", "staying", "tiles",
]  # fmt: skip
