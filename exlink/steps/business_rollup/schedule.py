"""When a lever's money comes in: the chain takes its time, and later money counts for less (M35).

Contacts of a period show in the overall rating of the next and in money of the one after that; a customer who stays
pays in the periods that follow; who is content with work this quarter does not leave in the next. A year of effect
therefore brings a year of money, but not within the year.
"""

from __future__ import annotations

import numpy as np

from exlink.stats.money import arrival, discounted
from exlink.steps.business_rollup.cases import YEAR, Case
from exlink.steps.business_rollup.chain import Rollup
from exlink.steps.business_rollup.links import KEPT, OVERALL, REVENUE, WAIT
from exlink.steps.business_rollup.worth import streams

QUARTER = 3.0  # months from an EX answer to the quarter in which somebody leaves or not
Money = tuple[float, np.ndarray]


def flows(rollup: Rollup, case: Case) -> dict[str, Money]:
    """Return what the months of a lever's effect bring by stream, undiscounted: estimate and draws (reps,).

    Streams are 'revenue', 'kept' (both as margin where it is recorded) and 'saved'; those without their links are
    absent. Money through customers counts with the group's share of all contacts, replacement saved with its share of
    people. A shorter wait acts through the log of waiting time: all waits fall by the same share.
    """
    years = case.months / YEAR
    through_customers = rollup.margin_share * case.who.of_contacts
    if case.side == "employees":
        found = streams(rollup, case.aspect, case.delta * years)
        shares = {"revenue": through_customers, "kept": through_customers, "saved": case.who.of_people}
        return {name: (w * found[name][0], w * found[name][1]) for name, w in shares.items() if name in found}
    if not rollup.has(WAIT, OVERALL, REVENUE):
        return {}
    step = np.log1p(-case.delta) * through_customers * years
    ways = {name: [WAIT, OVERALL, way] for name, way in (("revenue", REVENUE), ("kept", KEPT)) if rollup.has(way)}
    return {
        name: (step * float(rollup.draws.point(way).prod()), step * rollup.draws.product_draws(way))
        for name, way in ways.items()
    }


def delays(rollup: Rollup) -> dict[str, tuple[float, float]]:
    """Return, per stream, the months from the effect to its first money, and over how many months this is paid."""
    period = rollup.base.period_months if rollup.base is not None else QUARTER
    return {"revenue": (2 * period, 0.0), "kept": (3 * period, rollup.kept_periods * period), "saved": (QUARTER, 0.0)}


def arrivals(rollup: Rollup, case: Case) -> dict[str, np.ndarray]:
    """Return, per stream, which share of its money arrives in each month after the start, discounted: (months,)."""
    after = delays(rollup)
    months = int(np.ceil(case.months + max(start + over for start, over in after.values())))
    return {
        name: discounted(arrival(case.months, start, over, months=months), case.discount)
        for name, (start, over) in after.items()
    }


def cash(rollup: Rollup, case: Case) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the money of each month after the start, discounted: estimate (months,) and draws (reps, months)."""
    found, when = flows(rollup, case), arrivals(rollup, case)
    if not found:
        return None
    estimate = sum(money[0] * when[name] for name, money in found.items())
    return estimate, sum(np.outer(money[1], when[name]) for name, money in found.items())


def benefit(rollup: Rollup, case: Case, *, only: tuple[str, ...] = ("revenue", "kept", "saved")) -> Money | None:
    """Return what the months of a lever's effect bring in all, whenever it arrives, as estimate and joint draws.

    Discounted at the case's rate. None where no stream of ``only`` has its links.
    """
    when = arrivals(rollup, case)
    parts = [(when[n].sum(), money) for n, money in flows(rollup, case).items() if n in only]
    return (sum(w * m[0] for w, m in parts), sum(w * m[1] for w, m in parts)) if parts else None
