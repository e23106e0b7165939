"""Few people, or few changes within them: intervals with clustered errors are then too short, and the page says so.

Nine aspects without an effect, simulated: of 95 % intervals of the models for outcomes of contacts and of two-way fixed
effects, 72 to 81 % hold zero at 14 to 30 changes between waves (19 studies of 40 people; a false ‘clear’ in most),
89 to 90 % at 27 to 55, 93 % at about 100. Mixed models of single answers hold theirs at 95 % throughout.
"""

from __future__ import annotations

from exlink.data.changes import CHANGES_EACH

FEW = 40  # clusters from which 95 % intervals of clustered errors (CR1, t) hold close to 95 % of truths
CHANGES_MANY = 10  # changes for each aspect estimated jointly from which intervals are close to what they say


def too_few_changes(changes: int, aspects: int, people: str) -> str:
    """Return why joint effects within units are not assessed, or ''; ``changes``: waves beyond each unit's first."""
    if changes >= CHANGES_EACH * aspects:
        return ""
    return (
        f"not assessed: {changes:,} changes between waves of the same {people} are too few for {aspects} aspects; an "
        f"interval can be trusted from {CHANGES_EACH * aspects} changes on"
    )


def few_changes(changes: int, aspects: int) -> str:
    """Return one line where changes are enough to be told, and intervals still somewhat too short; else ''."""
    if changes >= CHANGES_MANY * aspects:
        return ""
    return (
        f"With {changes:,} changes between waves for {aspects} aspects the intervals of this section are somewhat too "
        "short (those of 95 % held the truth in about 90 % of simulations), and tests say ‘clear’ somewhat too often."
    )


def few_units(n_units: float, people: str) -> str:
    """Return one line where errors are clustered by few people; empty from ``FEW`` on.

    In simulations with no effect and 10 to 20 people, of intervals of 95 % of the models for shares and for ordered
    answers, 90 to 93 % hold it, and equality of slopes over the steps of an answer is rejected in up to a tenth
    (Cameron & Miller 2015, J. Human Resources 50, section VI: few clusters).
    """
    if not n_units < FEW:
        return ""
    return (
        f"With {int(n_units):,} {people} the intervals of this section are somewhat too short (with 10 to 20, those of "
        "95 % held the truth in 90 to 93 % of simulations), and tests say ‘clear’ somewhat too often."
    )
