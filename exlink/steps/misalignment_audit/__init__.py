"""Step 06: where customers' ratings are paid for by employees, told early (M39–M50)."""

from exlink.steps.misalignment_audit.check import Check, facts, not_assessable, overview
from exlink.steps.misalignment_audit.drift import drift
from exlink.steps.misalignment_audit.drift import shown_teams as drift_teams
from exlink.steps.misalignment_audit.drift_words import drift_check
from exlink.steps.misalignment_audit.echo import consequences, echo, straight_shares
from exlink.steps.misalignment_audit.echo_words import echo_check
from exlink.steps.misalignment_audit.flight import came_true, flight, group_risks, risk_profile
from exlink.steps.misalignment_audit.flight_words import flight_check
from exlink.steps.misalignment_audit.shadow import goes_with as shadow_links
from exlink.steps.misalignment_audit.shadow import shadow
from exlink.steps.misalignment_audit.shadow import shown_teams as shadow_teams
from exlink.steps.misalignment_audit.shadow_words import shadow_check

__all__ = [
    "Check", "came_true", "consequences", "drift", "drift_check", "drift_teams", "echo", "echo_check", "facts",
    "flight", "flight_check", "group_risks", "not_assessable", "overview", "risk_profile", "shadow", "shadow_check",
    "shadow_links", "shadow_teams", "straight_shares",
]  # fmt: skip
