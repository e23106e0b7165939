"""Step 06: where customers' ratings are paid for by employees, told early (M39–M50)."""

from exlink.steps.misalignment_audit.check import Check, facts, not_assessable, overview

__all__ = ["Check", "facts", "not_assessable", "overview"]
