"""Step 06: where customers' ratings are paid for by employees, told early (M39–M50)."""

from exlink.steps.misalignment_audit.alarm import assess_alarm, shown_alarm
from exlink.steps.misalignment_audit.alarm_words import alarm_check
from exlink.steps.misalignment_audit.areas import Bounds, area_checks, assess_areas, eight_areas
from exlink.steps.misalignment_audit.authority import assess_authority
from exlink.steps.misalignment_audit.authority_words import authority_check
from exlink.steps.misalignment_audit.buffers import assess_buffers
from exlink.steps.misalignment_audit.buffers_words import buffers_check, shown_paths
from exlink.steps.misalignment_audit.check import Check, facts, not_assessable, overview
from exlink.steps.misalignment_audit.co_occurrence import assess_co_occurrence, shown_loadings, shown_sites
from exlink.steps.misalignment_audit.co_occurrence_words import co_occurrence_check
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
from exlink.steps.misalignment_audit.scorecard import area_cards, area_facts, area_numbers, area_words
from exlink.steps.misalignment_audit.shadow import assess_shadow
from exlink.steps.misalignment_audit.shadow import goes_with as shadow_links
from exlink.steps.misalignment_audit.shadow import shown_teams as shadow_teams
from exlink.steps.misalignment_audit.shadow_words import shadow_check
from exlink.steps.misalignment_audit.states import assess_states
from exlink.steps.misalignment_audit.states_words import shown_exits, shown_moves, states_check
from exlink.steps.misalignment_audit.workflow import shown_places, workflow_lacking, workflow_sentence

__all__ = [
    "Bounds", "Check", "alarm_check", "area_cards", "area_checks", "area_facts", "area_numbers", "area_words",
    "assess_alarm", "assess_areas", "assess_authority", "assess_buffers", "assess_co_occurrence", "assess_drift",
    "assess_echo", "assess_flight", "assess_leavers", "assess_recurrence", "assess_shadow", "assess_states",
    "authority_check", "buffers_check", "came_true", "co_occurrence_check", "consequences", "drift_check",
    "drift_teams", "echo_check", "eight_areas", "facts", "flight_check", "group_risks", "leavers_check",
    "not_assessable", "overview", "recurrence_check", "risk_profile", "shadow_check", "shadow_links",
    "shadow_teams", "shown_alarm", "shown_exits", "shown_leavers", "shown_loadings", "shown_moves", "shown_paths",
    "shown_places", "shown_sites", "states_check", "straight_shares", "told_by_few", "trust_slopes",
    "workflow_lacking", "workflow_sentence",
]  # fmt: skip
