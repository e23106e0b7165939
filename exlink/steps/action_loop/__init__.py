"""Step 07: whether feedback is acted on, told back, and changes what it was about (M51)."""

from exlink.steps.action_loop.funnel import HEADS, assess_funnel, backlog, curves, told_by_few

__all__ = ["HEADS", "assess_funnel", "backlog", "curves", "told_by_few"]
