"""Step 07: whether feedback is acted on, told back, and changes what it was about (M51, M52, M57–M60)."""

from exlink.steps.action_loop.conflicts import SHOWN_PAIRS, assess_conflicts, conflicts_sentence, planted_conflict
from exlink.steps.action_loop.cynicism import assess_rivals
from exlink.steps.action_loop.cynicism_words import planted_rivals, rivals_sentence
from exlink.steps.action_loop.funnel import HEADS, assess_funnel, backlog, curves, told_by_few
from exlink.steps.action_loop.hand_over import assess_hand_overs, authority_sentence, in_days
from exlink.steps.action_loop.metric_audit import audit_metrics, audit_sentence
from exlink.steps.action_loop.questions import assess_questions, question_sentences

__all__ = [
    "HEADS",
    "SHOWN_PAIRS",
    "assess_conflicts",
    "assess_funnel",
    "assess_hand_overs",
    "assess_questions",
    "assess_rivals",
    "audit_metrics",
    "audit_sentence",
    "authority_sentence",
    "backlog",
    "conflicts_sentence",
    "curves",
    "in_days",
    "planted_conflict",
    "planted_rivals",
    "question_sentences",
    "rivals_sentence",
    "told_by_few",
]
