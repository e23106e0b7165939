"""The top of the page: the decision, at most four tiles, and the chain from work to money."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence, capital, listed, minus, points

SURE, LIKELY, TOSS_UP = 0.90, 0.60, 0.40  # chance that it pays, and what a board should make of it
MOSTLY = 0.80  # share of an amount from which on the rest is "little"


def decision(e: Evidence) -> dict[str, str]:
    """Return the decision line: verdict, sentence, because."""
    return {"money": _money, "effects": _effects, "associations": _associations, "nothing": _nothing}[e.level](e)


def _money(e: Evidence) -> dict[str, str]:
    best = e.plans.iloc[0]
    if best["aspect"] in set(e.clear("total")["aspect"]):
        return _priced(e, best)
    return _customers_only(e) if len(e.clear("customers")) else _unpriced(e)


def _priced(e: Evidence, best: pd.Series) -> dict[str, str]:
    """Return the decision on a lever whose whole worth is clear of zero."""
    label, chance, worth = e.label(best["aspect"]), best["p_pays"], f"{e.money(best['benefit'])} a year"
    leavers = _share_of_leavers(e, best["aspect"])
    if chance >= SURE and leavers <= MOSTLY:
        verdict = "Act"
        sentence = f"Invest in {label}: it would be worth about {worth}, almost surely more than it costs."
    elif chance >= LIKELY:  # a sure amount that rests on the weaker evidence is a reason to try, not to act
        verdict, more = "Try it small first", "probably" if chance < SURE else "if the weaker evidence holds,"
        sentence = f"Start with {label} in a few teams: done everywhere it would be worth about {worth}, {more} " \
                   "more than it costs."  # fmt: skip
    elif chance >= TOSS_UP:
        verdict = "Inconclusive"
        sentence = f"Whether {label} pays is a toss-up: done everywhere it would be worth about {worth}, as much as " \
                   "it costs."  # fmt: skip
    else:
        verdict = "Hold"
        sentence = f"Do not spend this much on {label}: done everywhere it would be worth about {worth}, probably " \
                   "less than it costs."  # fmt: skip
    because = (
        f"Raising {label} by {e.step} for {e.group} at an assumed {e.money(best['cost'])}, spent once, has a "
        f"{chance:.0%} chance to pay back within a year. {_where_from(e, best['aspect'])}{_for_customers(e, label)}")
    return {"verdict": verdict, "sentence": sentence, "because": because.strip()}


def _customers_only(e: Evidence) -> dict[str, str]:
    """Return the decision where money through customers is clear, and all in all is not."""
    row, cost = e.clear("customers").iloc[0], float(e.plans["cost"].iloc[0])
    pays = row["conf_low"] > cost
    worth = f"about {e.money(row['estimate'])} a year through customers"
    sentence = f"Invest in {row['label']}: it brings {worth}, more than it costs." if pays else \
        f"Improve {row['label']} only where that is cheap: it brings {worth}, and more is not shown."  # fmt: skip
    return {"verdict": "Act" if pays else "Only if it is cheap", "sentence": sentence, "because": (
        f"Raising it by {e.step} for {e.group} brings {_range(e, row['conf_low'], row['conf_high'])} a year, against "
        f"an assumed cost of {e.money(cost)}. Whether fewer people would leave as well is inconclusive.")}  # fmt: skip


def _unpriced(e: Evidence) -> dict[str, str]:
    """Return the decision where no aspect's money is clear of zero."""
    seen = float(e.stream("total")["mde"].median())
    return {"verdict": "Inconclusive",
            "sentence": "No aspect's worth is clear of zero: there is no case in money for acting, and none against.",
            "because": f"Gains below about {e.money(seen)} a year for {e.step} would go unnoticed in this study."}


def _for_customers(e: Evidence, label: str) -> str:
    """Name the lever that customers alone would choose, where it is another one."""
    rows = e.clear("customers")
    if not len(rows) or rows["label"].iloc[0] == label:
        return ""
    row = rows.iloc[0]
    return f" For customers alone the first lever is {row['label']}, {e.money(row['estimate'])} a year."


def _share_of_leavers(e: Evidence, aspect: str) -> float:
    """Return the share of an aspect's money that comes from fewer people leaving."""
    ways = {name: e.stream(name).set_index("aspect")["estimate"].get(aspect, np.nan)
            for name in ("saved", "customers", "total") if len(e.stream(name))}  # fmt: skip
    if "saved" not in ways or not ways["total"] > 0:
        return 0.0
    return float(np.clip(ways["saved"] / ways["total"], 0, 1))


def _where_from(e: Evidence, aspect: str) -> str:
    """Say through whom an aspect's money comes."""
    share = _share_of_leavers(e, aspect)
    if share > MOSTLY:
        return "Nearly all of it comes from fewer people leaving, the weaker evidence of the two ways."
    if share < 1 - MOSTLY:
        return "Nearly all of it comes through customers, little from fewer people leaving."
    return f"{share:.0%} of it comes from fewer people leaving, the rest through customers."


def _effects(e: Evidence) -> dict[str, str]:
    clear = e.slopes[e.slopes["verdict"] == "higher"]
    if not len(clear):
        return {"verdict": "Inconclusive", "because": _detectable(e),
                "sentence": "No aspect of work shows a clear effect on customers: no case for acting, none against."}
    rate = "are more satisfied" if e.kpi == "satisfaction" else f"give a better {e.kpi} score"
    return {
        "verdict": "Act on what is clear, price it next",
        "sentence": f"Improve {listed(clear['aspect'])}: when it gets better for {e.someone}, the customers served "
                    f"afterwards {rate}.",
        "because": "What that is worth cannot be said yet: this study does not record what customers bring in.",
    }  # fmt: skip


def _associations(e: Evidence) -> dict[str, str]:
    clear = e.between[e.between["verdict"] == "higher"]
    higher = f"{listed(clear['aspect'])} {'is' if len(clear) == 1 else 'are'} rated higher" if len(clear) else ""
    sentence = f"Where {higher}, customers are more content; that alone does not tell what to change." if higher else \
        "No clear association between the two sides' experience: there is nothing here to act on."  # fmt: skip
    because = (f"{capital(e.people)} were compared with each other at one time. That cannot separate what they do from "
               f"where they are and whom they serve; asking the same {e.people} again could.")  # fmt: skip
    return {"verdict": "Not enough to act on", "sentence": sentence, "because": because}


def _nothing(e: Evidence) -> dict[str, str]:
    ran = "have not run yet" if e.missing else "found nothing that could be stated"
    return {"verdict": "Nothing to decide yet", "because": "",
            "sentence": f"The analyses this page rests on {ran} for this study."}


def _detectable(e: Evidence) -> str:
    seen = float(e.slopes["mde"].median()) if "mde" in e.slopes else np.nan
    if not np.isfinite(seen):
        return ""
    return f"Effects below about {seen:.2f} points of customers' {e.kpi} per point of an aspect would go unnoticed."


# -- tiles -----------------------------------------------------------------------------------------------


def tiles(e: Evidence) -> list[dict[str, str]]:
    """Return at most four headline numbers with their intervals, money first."""
    if e.level == "money":
        found = [_worth_tile(e), _chance_tile(e), _customers_tile(e), _leaving_tile(e)]
    else:
        found = [*_slope_tiles(e), _linked_tile(e), _leaving_tile(e)]
    return [tile for tile in found if tile][:4]


def _worth_tile(e: Evidence) -> dict[str, str]:
    best = e.plans.iloc[0]
    clear = "" if best["aspect"] in set(e.clear("total")["aspect"]) else " Inconclusive: zero is not ruled out."
    return {"label": f"Raising {e.label(best['aspect'])} by {e.step} brings",
            "value": f"{e.money(best['benefit'])} a year",
            "interval": _range(e, best["benefit_low"], best["benefit_high"]),
            "meaning": f"Through customers and through fewer people leaving, before what it costs.{clear}"}  # fmt: skip


def _chance_tile(e: Evidence) -> dict[str, str]:
    best = e.plans.iloc[0]
    return {"label": "Chance that it pays within a year", "value": f"{best['p_pays']:.0%}",
            "interval": f"if it costs {e.money(best['cost'])}",
            "meaning": "All that can be computed is in it; whether the change succeeds is not."}  # fmt: skip


def _customers_tile(e: Evidence) -> dict[str, str] | None:
    rows = e.stream("customers")
    if not len(rows):
        return None
    row = rows.sort_values("estimate", ascending=False, kind="stable").iloc[0]
    clear = "" if row["verdict"] == "higher" else " Inconclusive: zero is not ruled out."
    return {"label": f"Best through customers: {row['label']}", "value": f"{e.money(row['estimate'])} a year",
            "interval": _range(e, row["conf_low"], row["conf_high"]),
            "meaning": f"More {e.benefit} for {e.step}, as customers spend more and stay longer.{e.recorded}{clear}"}


def _leaving_tile(e: Evidence) -> dict[str, str] | None:
    rows = e.table("attrition")
    priced = rows[(rows["item"] == "cost of replacing them") & rows["conf_low"].notna()] if len(rows) else rows
    if not len(priced):
        return None
    row, exits = priced.iloc[0], rows.iloc[0]
    return {"label": "People who leave cost", "value": f"{e.money(row['estimate'])} a year",
            "interval": _range(e, row["conf_low"], row["conf_high"]),
            "meaning": f"{exits['estimate']:,.0f} left of their own accord in twelve months; replacing one is taken to "
                       f"cost {row['basis']}."}  # fmt: skip


def _slope_tiles(e: Evidence) -> list[dict[str, str]]:
    """Return the strongest effect (or association) and the weakest, so that the contrast is seen."""
    rows, same = (e.slopes, True) if len(e.slopes) else (e.between, False)
    how = f"in the same {e.people.rstrip('s')}" if same else f"a comparison of {e.people}, not an effect"
    ends = [rows.iloc[0], rows.iloc[-1]] if len(rows) > 1 else [row for _, row in rows.iterrows()]
    return [{"label": f"{capital(r['aspect'])}", "value": f"{points(r['estimate'])} points",
             "interval": _points_range(r),
             "meaning": f"Customers' {e.kpi} per point of {r['aspect']}, {how}.{_doubt(r['verdict'])}"}
            for r in ends]  # fmt: skip


def _linked_tile(e: Evidence) -> dict[str, str] | None:
    ready = e.fact("readiness")
    if not ready:
        return None
    return {"label": "Contacts that carry both sides", "value": f"{ready['linked_share']:.0%}",
            "interval": f"{ready['linked']:,} of {ready['interactions']:,}",
            "meaning": "Only these can say anything about how experience at work reaches customers."}  # fmt: skip


# -- chain -----------------------------------------------------------------------------------------------


def chain(e: Evidence) -> list[dict[str, str]]:
    """Return the stations from employees' experience to money, as far as the study carries."""
    contact = e.contact_aspects
    rows = e.slopes if len(e.slopes) else e.between
    stations = []
    if len(contact):
        row = contact.iloc[0]
        stations.append(_station("Work → contact", row, f"Customers' rating of a contact per point of {row['label']} "
                                                        f"of the {e.people.rstrip('s')} who handled it."))
    elif len(rows):
        row = rows.iloc[0]
        stations.append(_station("Work → customers", row, f"Customers' {e.kpi} per point of {row['aspect']}, between "
                                                          f"{e.people}."))  # fmt: skip
    overall, revenue, kept = (e.link(n) for n in ("contact → overall", "overall → revenue", "overall → customers kept"))
    if overall is not None:
        meaning = "What the same customer thinks of us overall a quarter later, per point of the contact's rating."
        stations.append(_station("Contact → opinion", overall, meaning))
    if revenue is not None:
        low, mid, high = (100 * np.expm1(revenue[c]) for c in ("conf_low", "estimate", "conf_high"))
        odds = "" if kept is None else f"; odds of leaving {minus(100 * np.expm1(kept['estimate']), '+.0f')}%"
        stations.append({"name": "Opinion → spending", "effect": f"{minus(mid, '+.1f')}%",
                         "interval": f"{minus(low, '.1f')} to {minus(high, '.1f')}%",
                         "meaning": f"Spending a quarter later per point of opinion{odds}."})  # fmt: skip
    worth = e.stream("customers")
    if len(worth) and len(contact):
        row = worth[worth["label"] == contact.iloc[0]["label"]].iloc[0]
        meaning = f"{capital(e.benefit)} a year for {e.step} more {row['label']}, through customers alone."
        stations.append({"name": "All together", "effect": e.money(row["estimate"]), "meaning": meaning,
                         "interval": _range(e, row["conf_low"], row["conf_high"])})  # fmt: skip
    else:
        stations.append({"name": "Money", "effect": "not assessed", "interval": "",
                         "meaning": "The study lacks the links that lead there; they are listed below."})
    return stations


def _station(name: str, row: pd.Series, meaning: str) -> dict[str, str]:
    return {"name": name, "effect": f"{points(row['estimate'])} points", "interval": _points_range(row),
            "meaning": meaning}  # fmt: skip


def _range(e: Evidence, low: float, high: float) -> str:
    return f"{e.money(low)} to {e.money(high)}"


def _points_range(row: pd.Series) -> str:
    return f"{points(row['conf_low'])} to {points(row['conf_high'])}"


def _doubt(word: str) -> str:
    return {"inconclusive": " Inconclusive: zero is not ruled out.",
            "no meaningful association": " Too small to matter."}.get(word, "")  # fmt: skip
