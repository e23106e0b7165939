"""What knowing more would be worth, in sentences; ``money`` writes an amount in the study's currency (M36)."""

from __future__ import annotations

from collections.abc import Callable

from exlink.steps.business_rollup.voi import Worth

Money = Callable[[float], str]
SURE = 0.01  # of the cost: knowing everything is worth less than that, so nothing is left to be learnt


def voi_sentence(worth: Worth | str, money: Money) -> str:
    """Return which measurement is worth most before deciding, and how much at most."""
    if isinstance(worth, str):
        return f"{worth[0].upper()}{worth[1:]}."
    begin = f"The decision is “{worth.case.lever}” at {money(worth.case.cost)}, or nothing."
    known = f"It pays in {worth.chance:.0%} of the resamples"
    if worth.everything.value <= SURE * worth.case.cost:
        return (
            f"**Nothing more need be measured for this decision.** {begin} {known}, and to know every link exactly "
            f"would be worth {money(worth.everything.value)} at most."
        )
    limit = (
        f"To know every link exactly would be worth {money(worth.everything.value)}: no study, however good, should "
        "cost more for this decision alone."
    )
    told = worth.links[worth.links["told"] & (worth.links["worth"] > 0)]
    if not len(told):
        return (
            f"**No single link is seen to be worth measuring on its own.** {begin} {known}. {limit} It takes several "
            "links together to turn the decision."
        )
    first = told.iloc[0]
    return (
        f"**Measuring “{first['link']}” better is worth at most {money(first['worth'])}.** {begin} {known}, and on "
        f"average it {'pays' if worth.pays else 'does not'}. {limit} Half the standard error in that link, about four "
        f"times the people, would make the interval of the benefit {first['narrowing']:.0%} shorter."
    )
