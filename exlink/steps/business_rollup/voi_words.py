"""What knowing more would be worth, in sentences; ``money`` writes an amount in the study's currency (M36)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from exlink.steps.business_rollup.chain import BOUSHEY_GLYNN
from exlink.steps.business_rollup.voi import COST, Worth

Money = Callable[[float], str]
SURE = 0.01  # of the cost: knowing everything is worth less than that, so nothing is left to be learnt


def voi_sentence(worth: Worth | str, money: Money) -> str:
    """Return which measurement is worth most before deciding, and how much at most."""
    if isinstance(worth, str):
        return f"{worth[0].upper()}{worth[1:]}."
    begin = f"The decision is “{worth.case.lever}” at {money(worth.case.cost)}, or nothing."
    known = f"It pays in {worth.chance:.0%} of the resamples"
    if np.isfinite(worth.at_21):
        known += (
            f" over the assumed range of what replacing a leaver costs, and in {worth.at_21:.0%} if it costs "
            f"{BOUSHEY_GLYNN:.0%} of a yearly salary (Boushey & Glynn 2012)"
        )
    far = _as_far_as(worth)
    if worth.everything.value <= SURE * worth.case.cost:
        return (
            f"**{far[0].upper()}{far[1:]}, nothing more need be measured for this decision.** {begin} {known}; to know "
            f"all of that exactly would be worth {money(worth.everything.value)} at most."
        )
    limit = (
        f"To know everything exactly would be worth {money(worth.everything.value)}, {far}: what is outside of that, "
        "other causes, whether the change succeeds, or another range, is in no figure here."
    )
    if not worth.matter:
        return (
            f"**No single link is seen to be worth measuring on its own.** {begin} {known}. {limit} It takes several "
            "links together to turn the decision."
        )
    first = worth.links[worth.links["link"] == worth.matter].iloc[0]
    average = f"on average it {'pays' if worth.pays else 'does not'}"
    if worth.matter == COST:
        return (
            f"**What replacing a leaver costs decides more than any link: to know it is worth at most "
            f"{money(first['worth'])}.** {begin} {known}; {average}. {limit} It is assumed here and measured by no "
            "survey: what hiring and training cost in the own books would settle it."
        )
    return (
        f"**Measuring “{first['link']}” better is worth at most {money(first['worth'])}.** {begin} {known}; {average}. "
        f"{limit} Half the standard error in that link, about four times the people, would make the interval of the "
        f"benefit {first['narrowing']:.0%} shorter."
    )


def _as_far_as(worth: Worth) -> str:
    """Return what the worth of information is conditional on."""
    assumed = " and the assumed range of replacement cost go" if np.isfinite(worth.at_21) else " goes"
    return f"as far as chance in these links{assumed}"
