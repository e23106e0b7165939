"""Step 07: whether feedback is acted on, told back, and changes what it was about (M51, M52, M59)."""

from exlink.steps.action_loop.cynicism import assess_rivals
from exlink.steps.action_loop.cynicism_words import planted_rivals, rivals_sentence
from exlink.steps.action_loop.funnel import HEADS, assess_funnel, backlog, curves, told_by_few
from exlink.steps.action_loop.hand_over import assess_hand_overs, in_days

__all__ = [
    "HEADS",
    "assess_funnel",
    "assess_hand_overs",
    "assess_rivals",
    "backlog",
    "curves",
    "in_days",
    "planted_rivals",
    "rivals_sentence",
    "told_by_few",
]
