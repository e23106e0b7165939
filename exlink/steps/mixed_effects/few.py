"""Few people: intervals that rest on errors clustered by them are then somewhat too short, and the page says so."""

from __future__ import annotations

FEW = 40  # clusters from which 95 % intervals of clustered errors (CR1, t) hold close to 95 % of truths


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
