"""Which link to measure better before deciding: what knowing each would be worth, in currency (M36)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.voi import Information, evpi, evppi, halved, narrowing
from exlink.steps.business_rollup.cases import Case
from exlink.steps.business_rollup.chain import BOUSHEY_GLYNN, Rollup
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, STAY, WAIT
from exlink.steps.business_rollup.schedule import benefit

COST = "cost of replacing a leaver"


@dataclass(frozen=True, slots=True)
class Worth:
    """What it is worth to know more before deciding on one lever.

    case : the lever; the decision is to pull it or to do nothing
    everything : EVPI, the most that any further study could be worth
    links : DataFrame: link, worth, std_error (both in currency), told (beyond its own Monte Carlo error), narrowing
            (share by which the interval of the benefit shrinks were the link's standard error halved), n_people; the
            link worth most first
    chance : of paying; at_21 : the same if an exit cost 21 % of a yearly salary (Boushey & Glynn 2012), NaN where no
        such cost is in the benefit
    pays : whether it does on average, which is what is chosen by as long as no more is known
    """

    case: Case
    everything: Information
    links: pd.DataFrame
    chance: float
    pays: bool
    at_21: float = np.nan

    @property
    def matter(self) -> str:
        """Return the link that comes first among those told, '' where none is."""
        told = self.links[self.links["told"] & (self.links["worth"] > 0)]
        return str(told["link"].iloc[0]) if len(told) else ""


def worth_of_knowing(rollup: Rollup, case: Case | None, *, seed: int) -> Worth | str:
    """Return what every link of a lever's chain is worth knowing, or why that cannot be said.

    The decision is to pull the lever at its cost or to do nothing. Links are drawn jointly, so what is learnt of one
    counts with what it says of the others.
    """
    money = benefit(rollup, case) if case is not None else None
    if money is None:
        return "not assessed: no lever has a way to money in this study"
    draws = money[1]
    choice = np.column_stack([np.zeros_like(draws), draws - case.cost])
    try:
        everything = evpi(choice)
        rows = [_link(rollup, case, name, words, draws, choice, seed) for name, words in _links(rollup, case).items()]
    except EstimationError as error:
        return f"not assessed: {str(error).rstrip('.')}"
    links = pd.DataFrame(rows).assign(n_people=case.who.people)
    links = links.sort_values(["worth", "narrowing"], ascending=False, kind="stable", ignore_index=True)
    paid = float((draws > case.cost).mean())
    return Worth(case, everything, links, paid, bool(draws.mean() > case.cost), _at_21(rollup, case))


def _at_21(rollup: Rollup, case: Case) -> float:
    """Return the chance that a lever pays if replacing a leaver cost 21 % of a yearly salary."""
    if COST not in _links(rollup, case):
        return np.nan
    cost = np.full_like(rollup.replacement, BOUSHEY_GLYNN * rollup.workforce.salary)
    return float((benefit(replace(rollup, replacement=cost), case)[1] > case.cost).mean())


def _links(rollup: Rollup, case: Case) -> dict[str, str]:
    """Return the links that a lever's money runs through, with their words."""
    chain = {OVERALL: OVERALL, REVENUE: REVENUE, KEPT: KEPT}
    if case.side == "customers":
        return {name: words for name, words in {WAIT: WAIT, **chain}.items() if rollup.has(name)}
    label = rollup.labels[case.aspect]
    out = {}
    if rollup.has(case.aspect, OVERALL):
        out |= {case.aspect: f"{label} → contact", **{n: w for n, w in chain.items() if rollup.has(n)}}
    if rollup.has(STAY + case.aspect, EXITS) and np.isfinite(rollup.replacement).all():
        out |= {STAY + case.aspect: f"{label} → work satisfaction", EXITS: EXITS, COST: COST}
    return out


def _link(
    rollup: Rollup, case: Case, name: str, words: str, draws: np.ndarray, choice: np.ndarray, seed: int
) -> dict[str, object]:
    theta = rollup.replacement if name == COST else rollup.draws.draws[name].to_numpy()
    known = evppi(choice, theta, seed=seed)
    after = benefit(_measured_better(rollup, name), case)[1]
    return {"link": words, "worth": known.value, "std_error": known.std_error,
            "told": known.value > 2 * known.std_error, "narrowing": narrowing(draws, after)}  # fmt: skip


def _measured_better(rollup: Rollup, name: str) -> Rollup:
    """Return the chain with one link's draws pulled halfway to their mean."""
    if name == COST:
        return replace(rollup, replacement=halved(rollup.replacement))
    pulled = rollup.draws.draws.assign(**{name: halved(rollup.draws.draws[name])})
    return replace(rollup, draws=replace(rollup.draws, draws=pulled))


def worth_table(worth: Worth | str) -> pd.DataFrame:
    """Return the links with the whole as a last row: link, worth, narrowing, n_people; empty where not assessed."""
    if isinstance(worth, str):
        return pd.DataFrame()
    whole = {"link": "everything at once (upper bound)", "worth": worth.everything.value, "narrowing": np.nan,
             "n_people": worth.case.who.people}  # fmt: skip
    columns = ["link", "worth", "narrowing", "n_people"]
    return pd.concat([worth.links[columns], pd.DataFrame([whole])], ignore_index=True)
