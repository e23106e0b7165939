"""The chain from work to money: of the lever that the decision speaks of, with both ways that its money takes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence, capital, minus, points
from exlink.steps.executive_summary.intervals import IF_CAUSES, money_range, points_range, unclear
from exlink.steps.executive_summary.lever import find_lever
from exlink.steps.executive_summary.signs import LINKS, doubt

Station = dict[str, str]
EXITS = "work satisfaction → exits avoided"
ONE_SURVEY = "Both come from one survey, so which comes first cannot be read, and a good day lifts both."


def chain(e: Evidence) -> list[Station]:
    """Return the stations from employees' experience through customers to money, as far as the study carries.

    They are those of the decision's own lever; without one, of the aspect that goes most clearly with ratings.
    """
    aspect = _aspect(e)
    return _through_customers(e, aspect, "Through customers" if staying(e) else "All together")


def staying(e: Evidence) -> list[Station]:
    """Return the other way that the lever's money takes; none without a lever, or where that way is not assessed."""
    return _through_staying(e, _aspect(e))


def _aspect(e: Evidence) -> str:
    contact, ours = e.contact_aspects, find_lever(e)
    if ours is not None and len(contact) and ours.aspect in set(contact["link"]):
        return ours.aspect
    return str(contact["link"].iloc[0]) if len(contact) else ""


def _through_customers(e: Evidence, aspect: str, end: str) -> list[Station]:
    contact, rows = e.contact_aspects, e.slopes if len(e.slopes) else e.between
    stations = []
    if aspect:
        row = contact[contact["link"] == aspect].iloc[0]
        what = (
            f"Customers' rating of a contact per point of {row['label']} of the {e.people.rstrip('s')} who handled it."
        )
        stations.append(_station("Work → contact", row, f"{what}{doubt(row)}"))
    elif len(rows):
        row = rows.iloc[0]
        how = f"in the same {e.people.rstrip('s')}{e.beside}" if len(e.slopes) else f"between {e.people}"
        what = f"Customers' {e.kpi} per point of {row['aspect']}, {how}."
        open_ = unclear(row, len(rows), " Clearly lower.", " Nothing that matters moves.")
        stations.append(_station("Work → customers", row, f"{what}{open_}"))
    return [*stations, *_opinion_and_spending(e), _customers_money(e, aspect, end)]


def _opinion_and_spending(e: Evidence) -> list[Station]:
    overall, revenue, kept = (e.link(link.name) for link in LINKS if link.stream == "customers")
    stations = []
    if overall is not None:
        meaning = "What the same customer thinks of us overall a quarter later, per point of the contact's rating."
        stations.append(_station("Contact → opinion", overall, f"{meaning}{doubt(overall)}"))
    if revenue is not None:
        low, mid, high = (100 * np.expm1(revenue[c]) for c in ("conf_low", "estimate", "conf_high"))
        odds = "" if kept is None else f"; odds of leaving {minus(100 * np.expm1(kept['estimate']), '+.0f')}%"
        meaning = f"Spending a quarter later per point of opinion{odds}.{_spending_doubt(revenue, kept)}"
        stations.append({"name": "Opinion → spending", "effect": f"{minus(mid, '+.1f')}%", "meaning": meaning,
                         "interval": f"{minus(low, '.1f')} to {minus(high, '.1f')}%"})  # fmt: skip
    return stations


def _customers_money(e: Evidence, aspect: str, end: str) -> Station:
    row = e.way(aspect, "customers") if aspect else None
    if row is None:
        return {"name": "Money", "effect": "not assessed", "interval": "",
                "meaning": "The study lacks the links that lead there; they are listed below."}  # fmt: skip
    if why := e.closed("customers"):
        return {"name": end, "effect": "not stated", "interval": "",
                "meaning": f"{capital(why)}: a product of all links would mislead."}  # fmt: skip
    meaning = f"{capital(e.benefit)} a year for {e.step} more {row['label']}, through customers alone, {IF_CAUSES}."
    return _money(e, end, row, meaning)


def _through_staying(e: Evidence, aspect: str) -> list[Station]:
    first, exits = e.link(f"stay: {aspect}"), e.link(EXITS)
    if find_lever(e) is None or first is None or exits is None:
        return []
    saved, total = e.way(aspect, "saved"), e.way(aspect, "total")
    low, mid, high = (100 * np.expm1(exits[c]) for c in ("conf_low", "estimate", "conf_high"))
    stations = [
        _station("Work → satisfaction", first, f"Satisfaction with work per point of {first['label']}. {ONE_SURVEY}"
                                               f"{doubt(first)}"),
        {"name": "Satisfaction → staying", "effect": f"{minus(mid, '+.0f')}%",
         "interval": f"{minus(low, '+.0f')} to {minus(high, '+.0f')}%",
         "meaning": f"Odds of leaving in a quarter per point of satisfaction, people compared with each other."
                    f"{doubt(exits, -1)}"},
    ]  # fmt: skip
    if e.closed("saved") or saved is None:
        return stations
    stations.append(_money(e, "Through staying", saved, "Replacement cost saved a year because fewer people leave."))
    if total is not None and not e.closed("total"):
        stations.append(_money(e, "All together", total, f"A year for {e.step} more {total['label']}, {IF_CAUSES}."))
    return stations


def _spending_doubt(revenue: pd.Series, kept: pd.Series | None) -> str:
    """Return the doubt on spending, and on leaving where that one alone runs the other way."""
    return doubt(revenue) or ("" if kept is None else doubt(kept, -1).replace("The opposite", "Leaving: the opposite")
                              .replace("Inconclusive", "Leaving: inconclusive"))  # fmt: skip


def _station(name: str, row: pd.Series, meaning: str) -> Station:
    return {"name": name, "effect": f"{points(row['estimate'])} points", "interval": points_range(row),
            "meaning": meaning}  # fmt: skip


def _money(e: Evidence, name: str, row: pd.Series, meaning: str) -> Station:
    return {"name": name, "effect": e.money(row["estimate"]),
            "interval": money_range(e, row["conf_low"], row["conf_high"]),
            "meaning": f"{meaning}{unclear(row, len(e.stream('total')))}"}  # fmt: skip
