"""Who leaves, quarter by quarter: dissatisfied people, and top performers whose escalations stay open."""

from __future__ import annotations

import numpy as np

from exlink.data.simulate.design import HEALTHY_EXIT, Exit, World
from exlink.data.simulate.people import STAYS, People


def apply_exits(
    rng: np.random.Generator, world: World, people: People, quarter: int, satisfaction: np.ndarray,
    contacts: np.ndarray, unresolved: np.ndarray,
) -> None:  # fmt: skip
    """Mark in ``people`` who leaves during a quarter, given last quarter's state.

    satisfaction : (employee,)  mean EX satisfaction of the wave before, reported or would-be
    contacts, unresolved : (employee,)  last quarter's contacts, and escalations among them never resolved
    """
    plan = exit_plan(world)
    start, end = world.starts[quarter], world.starts[quarter + 1]
    here = (people.left == STAYS) & (people.hired < start)
    hazard = 1 / (1 + np.exp(-exit_logit(plan, people, satisfaction, contacts, unresolved)))
    draw = rng.random((2, len(here)))
    goes = here & (draw[0] < hazard)
    sent = here & ~goes & (draw[1] < plan.involuntary)
    day = rng.integers(start + 3, end, len(here))
    people.left[goes | sent] = day[goes | sent]
    people.voluntary[goes] = True


def exit_plan(world: World) -> Exit:
    """Return what makes people leave in this world."""
    return HEALTHY_EXIT if world.healthy else Exit()


def exit_logit(
    plan: Exit, people: People, satisfaction: np.ndarray, contacts: np.ndarray, unresolved: np.ndarray
) -> np.ndarray:
    """Return the logit of a voluntary exit within the quarter."""
    rate = 100 * unresolved / np.maximum(contacts, 1)
    top = people.rating >= plan.top_rating
    logit = plan.intercept + plan.satisfaction * (satisfaction - 3.6) + plan.unresolved * rate
    return logit + plan.top_unresolved * top * rate
