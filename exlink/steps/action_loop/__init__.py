"""Step 07: whether feedback is acted on, told back, and changes what it was about (M51, M59)."""

from exlink.steps.action_loop.funnel import HEADS, assess_funnel, backlog, curves, told_by_few
from exlink.steps.action_loop.hand_over import assess_hand_overs, in_days

__all__ = ["HEADS", "assess_funnel", "assess_hand_overs", "backlog", "curves", "in_days", "told_by_few"]
