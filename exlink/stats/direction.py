"""Which of two series moves the other, judged by a rule that is fixed before the data are seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exlink.errors import EstimationError

FORWARD_ONLY, BACKWARD_ONLY, BOTH = "forward", "backward", "both"
CONTRADICTED, INCONCLUSIVE = "contradicted", "inconclusive"
SHOWN, SMALL, AGAINST, RULED_OUT, OPEN = "shown", "small", "against", "ruled out", "open"
NO_GAIN = (RULED_OUT, SMALL, AGAINST)  # what contradicts that the state moves the outcome up by as much as matters
PLACEBO_LEVEL = 0.01  # at 5 % one study in twenty would fail the placebo with nothing wrong


@dataclass(frozen=True, slots=True)
class Direction:
    """The verdict, and what it rests on.

    verdict : ``forward``, ``backward``, ``both``, ``contradicted`` or ``inconclusive``
    forward : ``shown`` (interval above zero, and reaching what matters), ``small`` (above zero, but all of it less than
        would matter), ``against`` (below zero), ``ruled out`` (holds zero, and all of it less than would matter), or
        ``open``
    backward : ``shown``, ``against`` (below zero) or ``open``; never ruled out, because chance in the outcome's means
        draws it towards zero
    placebo_failed : the state measured after the outcome goes with it
    """

    verdict: str
    forward: str
    backward: str
    placebo_failed: bool


def direction(
    forward: Mapping[str, Any],
    backward: Mapping[str, Any],
    placebo: Mapping[str, Any] | None,
    *,
    smallest: float,
) -> Direction:
    """Return which way a relation runs.

    Parameters
    ----------
    forward, backward : tidy rows with conf_low and conf_high (NaN: not estimated).
    placebo : tidy row with p_value: the later state on the earlier outcome; None where it was not estimated.
    smallest : float
        The forward effect that would matter, in its unit.

    Returns
    -------
    Direction. ``contradicted`` is the claim that the state moves the outcome up by as much as matters: by an interval
    that lies below ``smallest``, whether it holds zero, lies above it (there, but small) or below it (the other sign);
    ``forward`` says which. A placebo that fails at 1 % is what a backward effect does; without one something else moves
    both, and a forward effect is then not believed. The placebo can see what keeps on from the outcome to the later
    state; a common cause that comes and goes within one period it cannot see, so a forward verdict holds unless there
    was one.

    Raises
    ------
    EstimationError
        When ``smallest`` is not positive, or an interval runs backwards.
    """
    if not smallest > 0:
        raise EstimationError(f"direction: smallest effect {smallest:g} is not above zero.")
    for name, row in (("forward", forward), ("backward", backward)):
        if row["conf_low"] > row["conf_high"]:
            raise EstimationError(f"direction: the {name} interval runs from {row['conf_low']} to {row['conf_high']}.")
    ahead = _ahead(forward, smallest)
    back = SHOWN if backward["conf_low"] > 0 else AGAINST if backward["conf_high"] < 0 else OPEN
    failed = placebo is not None and bool(np.less(placebo["p_value"], PLACEBO_LEVEL))
    return Direction(_verdict(ahead, back, failed), ahead, back, failed)


def _ahead(forward: Mapping[str, Any], smallest: float) -> str:
    if forward["conf_high"] < 0:
        return AGAINST
    if forward["conf_high"] < smallest:
        return SMALL if forward["conf_low"] > 0 else RULED_OUT
    return SHOWN if forward["conf_low"] > 0 else OPEN


def _verdict(ahead: str, back: str, failed: bool) -> str:
    if back == SHOWN:
        return BOTH if ahead == SHOWN else BACKWARD_ONLY
    if ahead == SHOWN:
        return INCONCLUSIVE if failed else FORWARD_ONLY
    return CONTRADICTED if ahead in NO_GAIN else INCONCLUSIVE
