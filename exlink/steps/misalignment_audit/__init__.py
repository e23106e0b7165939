"""Step 06: where customers' ratings are paid for by employees, told early (M39–M50)."""

from exlink.steps.misalignment_audit.authority import assess_authority
from exlink.steps.misalignment_audit.authority_words import authority_check
from exlink.steps.misalignment_audit.check import Check, facts, not_assessable, overview
from exlink.steps.misalignment_audit.drift import assess_drift
from exlink.steps.misalignment_audit.drift import shown_teams as drift_teams
from exlink.steps.misalignment_audit.drift_words import drift_check
from exlink.steps.misalignment_audit.echo import assess_echo, consequences, straight_shares, told_by_few
from exlink.steps.misalignment_audit.echo_words import echo_check
from exlink.steps.misalignment_audit.flight import assess_flight, came_true, group_risks, risk_profile
from exlink.steps.misalignment_audit.flight_words import flight_check
from exlink.steps.misalignment_audit.leavers import assess_leavers
from exlink.steps.misalignment_audit.leavers_words import leavers_check, shown_leavers
from exlink.steps.misalignment_audit.recurrence import assess_recurrence, trust_slopes
from exlink.steps.misalignment_audit.recurrence_words import recurrence_check
from exlink.steps.misalignment_audit.shadow import assess_shadow
from exlink.steps.misalignment_audit.shadow import goes_with as shadow_links
from exlink.steps.misalignment_audit.shadow import shown_teams as shadow_teams
from exlink.steps.misalignment_audit.shadow_words import shadow_check

__all__ = [
    "Check", "assess_authority", "assess_drift", "assess_echo", "assess_flight", "assess_leavers",
    "assess_recurrence", "assess_shadow", "authority_check", "came_true", "consequences", "drift_check",
    "drift_teams", "echo_check", "facts", "flight_check", "group_risks", "leavers_check", "not_assessable",
    "overview", "recurrence_check", "risk_profile", "shadow_check", "shadow_links", "shadow_teams", "shown_leavers",
    "straight_shares", "told_by_few", "trust_slopes",
]  # fmt: skip
