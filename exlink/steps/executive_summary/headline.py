"""The top of the page: the decision, at most four tiles, and the chain from work to money."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence

SURE, LIKELY, TOSS_UP = 0.90, 0.60, 0.40  # chance that it pays, and what a board should make of it


def decision(e: Evidence) -> dict[str, str]:
    """Return the decision line: verdict, sentence, because."""
    return {"money": _money, "effects": _effects, "associations": _associations, "nothing": _nothing}[e.level](e)


def _money(e: Evidence) -> dict[str, str]:
    plans = e.table("scenarios")
    best = plans[plans["side"] == "employees"].iloc[0]
    label, chance = _label(e, best["aspect"]), best["p_pays"]
    worth = f"{e.money(best['benefit'])} a year"
    if chance >= SURE:
        verdict, sentence = "Act", f"Invest in {label}: it is worth about {worth}, and very likely pays for itself."
    elif chance >= LIKELY:
        verdict = "Try it small first"
        sentence = f"Start with {label}, in some teams first: for everyone it is worth about {worth}, likely but not surely more than it costs."
    elif chance >= TOSS_UP:
        verdict, sentence = "Inconclusive", f"Whether {label} pays for itself is a toss-up; it is worth about {worth}."
    else:
        verdict, sentence = "Hold", f"Do not spend this much on {label}: it is worth about {worth}, less than it costs."
    return {"verdict": verdict, "sentence": sentence, "because": (
        f"{best['lever'][0].upper()}{best['lever'][1:]} at an assumed {e.money(best['cost'])}, spent once, has a "
        f"{chance:.0%} chance to pay back within a year. {_at_most(e, best)} {_where_from(e, best['aspect'])}")}


def _at_most(e: Evidence, best: pd.Series) -> str:
    if best["worth_paying"] <= 0:
        return "No cost at all is covered with 90% certainty."
    return f"With 90% certainty it is worth up to {e.money(best['worth_paying'])}."


def _where_from(e: Evidence, aspect: str) -> str:
    """Say through whom an aspect's money comes."""
    at = e.table("value").query("aspect == @aspect").set_index("stream")["estimate"]
    if "saved" not in at or "customers" not in at or at["total"] <= 0:
        return ""
    share = np.clip(at["saved"] / at["total"], 0, 1)
    if share > 0.8:
        return "Nearly all of it comes from people who stay, little through customers."
    if share < 0.2:
        return "Nearly all of it comes through customers, little from people who stay."
    return f"{share:.0%} of it comes from people who stay, the rest through customers."


def _effects(e: Evidence) -> dict[str, str]:
    clear = e.slopes[e.slopes["verdict"] == "higher"]
    if not len(clear):
        return {"verdict": "Inconclusive", "because": _detectable(e),
                "sentence": "No aspect of work shows a clear effect on customers here; there is no case for or against acting."}
    return {
        "verdict": "Act on what is clear, price it next",
        "sentence": f"Improve {_listed(clear['aspect'])}: when this gets better for {_one(e)}, the customers served "
                    "afterwards are more satisfied." if e.kpi == "satisfaction" else
                    f"Improve {_listed(clear['aspect'])}: when this gets better for {_one(e)}, customers served "
                    f"afterwards give a better {e.kpi} score.",
        "because": "What that is worth in money cannot be said yet: this study does not record what customers are worth.",
    }  # fmt: skip


def _associations(e: Evidence) -> dict[str, str]:
    clear = e.between[e.between["verdict"] == "higher"]
    sentence = (f"Where {_listed(clear['aspect'])} {'is' if len(clear) == 1 else 'are'} rated higher, customers are more "
                "content; this alone does not tell what to change.") if len(clear) else \
        f"This study shows no clear association between {e.people}' experience and their customers'."  # fmt: skip
    return {"verdict": "Not enough to act on", "sentence": sentence,
            "because": f"One comparison of {e.people} with each other cannot separate what they do from where they are. "
                       f"Repeated surveys of the same {e.people} could."}  # fmt: skip


def _nothing(e: Evidence) -> dict[str, str]:
    ran = "have not run yet" if e.missing else "found nothing that can be stated"
    return {"verdict": "Nothing to decide yet", "because": "",
            "sentence": f"The analyses this page rests on {ran} for this study."}


def tiles(e: Evidence) -> list[dict[str, str]]:
    """Return at most four headline numbers with their intervals."""
    found = [_worth_tile(e), _customers_tile(e), _leaving_tile(e), _chance_tile(e)] if e.level == "money" else \
        [*_slope_tiles(e), _answers_tile(e), _leaving_tile(e)]  # fmt: skip
    return [t for t in found if t][:4]


def _worth_tile(e: Evidence) -> dict[str, str] | None:
    best = e.stream("total")
    if not len(best):
        return None
    row = best.iloc[0]
    return _tile(f"{e.unit_of_money} more {row['label']}, a year", e.money(row["estimate"]), _range(e, row),
                 "Through customers and through people who stay, if everybody's experience rises by that much.")


def _customers_tile(e: Evidence) -> dict[str, str] | None:
    rows = e.stream("customers")
    if not len(rows):
        return None
    row = rows.sort_values("estimate", ascending=False, kind="stable").iloc[0]
    clear = "" if row["verdict"] == "higher" else " Inconclusive: zero is not ruled out."
    kind = "margin" if e.fact("money").get("benefit") == "margin" else "revenue"
    return _tile(f"Best through customers: {row['label']}", e.money(row["estimate"]), _range(e, row),
                 f"Customers' {kind} a year for {e.unit_of_money}: they spend more and stay longer.{clear}")


def _leaving_tile(e: Evidence) -> dict[str, str] | None:
    rows = e.table("attrition")
    rows = rows[(rows["item"] == "cost of replacing them") & rows["conf_low"].notna()] if len(rows) else rows
    if not len(rows):
        return None
    row, exits = rows.iloc[0], e.table("attrition").iloc[0]
    return _tile("People leaving cost a year", e.money(row["estimate"]), _range(e, row),
                 f"{exits['estimate']:,.0f} left of their own accord in twelve months; replacing one is taken to cost "
                 f"{row['basis']}.")  # fmt: skip


def _chance_tile(e: Evidence) -> dict[str, str] | None:
    plans = e.table("scenarios")
    plans = plans[plans["side"] == "employees"] if len(plans) else plans
    if not len(plans):
        return None
    best = plans.iloc[0]
    return _tile("Chance that it pays within a year", f"{best['p_pays']:.0%}",
                 f"at an assumed cost of {e.money(best['cost'])}",
                 f"{best['lever'][0].upper()}{best['lever'][1:]} for {e.fact('money').get('group') or 'everyone'}: "
                 f"{e.money(best['benefit'])} a year ({e.money(best['benefit_low'])} to {e.money(best['benefit_high'])}).")  # fmt: skip


def _slope_tiles(e: Evidence) -> list[dict[str, str]]:
    """Return the strongest effect (or association) and the weakest, so that the contrast is seen."""
    rows = e.slopes if len(e.slopes) else e.between
    if not len(rows):
        return []
    how = "when it gets better for the same " + e.people.rstrip("s") if len(e.slopes) else f"between {e.people}, not an effect"
    ends = [rows.iloc[0]] if len(rows) == 1 else [rows.iloc[0], rows.iloc[-1]]
    return [_tile(f"{r['aspect'][0].upper()}{r['aspect'][1:]} and {e.kpi}", f"{_signed(r['estimate'])} points",
                  f"{_signed(r['conf_low'])} to {_signed(r['conf_high'])}",
                  f"Customers' {e.kpi} per point of the aspect, {how}. {_verdict(r['verdict'])}") for r in ends]


def _answers_tile(e: Evidence) -> dict[str, str] | None:
    ready = e.fact("readiness")
    if not ready:
        return None
    return _tile("Contacts that carry both sides", f"{ready['linked_share']:.0%}",
                 f"{ready['linked']:,} of {ready['interactions']:,}",
                 "Only these can say anything about how employees' experience reaches customers.")


def chain(e: Evidence) -> list[dict[str, str]]:
    """Return the stations from employees' experience to money, as far as the study carries."""
    stations = []
    first = e.contact_aspects
    if len(first):
        row = first.iloc[0]
        stations.append(_station("Work → contact", f"{_signed(row['estimate'])} points", row,
                                 f"One point better {row['label']} for an employee: customers rate the contact so much "
                                 "higher."))  # fmt: skip
    overall, revenue, kept = (e.link(n) for n in ("contact → overall", "overall → revenue", "overall → customers kept"))
    if overall is not None:
        stations.append(_station("Contact → overall opinion", f"{_signed(overall['estimate'])} points", overall,
                                 "One point better contacts: the same customer thinks so much better of us a period later."))
    if revenue is not None:
        low, mid, high = (np.expm1(revenue[c]) for c in ("conf_low", "estimate", "conf_high"))
        staying = ""
        if kept is not None:
            staying = f" The odds that they leave are {1 - np.exp(kept['estimate']):.0%} lower."
        stations.append({"name": "Opinion → spending", "effect": f"{mid:+.1%}".replace("-", "−"),
                         "interval": f"{low:.1%} to {high:.1%}".replace("-", "−"),
                         "meaning": f"One point better opinion: customers spend so much more.{staying}"})
    rows = e.stream("customers")
    rows = rows[rows["label"] == first.iloc[0]["label"]] if len(rows) and len(first) else rows
    if len(rows):
        row = rows.iloc[0]
        stations.append({"name": "All together", "effect": f"{e.money(row['estimate'])}", "interval": _range(e, row),
                         "meaning": f"A year, for {e.unit_of_money} more {row['label']}, through customers alone."})
    return stations


def _station(name: str, effect: str, row: pd.Series, meaning: str) -> dict[str, str]:
    return {"name": name, "effect": effect, "interval": f"{_signed(row['conf_low'])} to {_signed(row['conf_high'])}",
            "meaning": meaning}


def _tile(label: str, value: str, interval: str, meaning: str) -> dict[str, str]:
    return {"label": label[0].upper() + label[1:], "value": value, "interval": interval, "meaning": meaning}


def _range(e: Evidence, row: pd.Series) -> str:
    return f"{e.money(row['conf_low'])} to {e.money(row['conf_high'])}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−").replace("+0.00", "0.00").replace("−0.00", "0.00")


def _verdict(word: str) -> str:
    return {"inconclusive": "Inconclusive: zero is not ruled out.", "higher": "", "lower": "",
            "no meaningful association": "Too small to matter."}.get(word, "")  # fmt: skip


def _label(e: Evidence, aspect: str) -> str:
    rows = e.table("value").query("aspect == @aspect")
    return str(rows["label"].iloc[0]) if len(rows) else aspect


def _listed(names: pd.Series, most: int = 3) -> str:
    items = list(names)[:most]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _one(e: Evidence) -> str:
    return "an employee" if e.people == "employees" else f"one of the {e.people}"


def _detectable(e: Evidence) -> str:
    seen = float(e.slopes["mde"].median()) if "mde" in e.slopes and len(e.slopes) else np.nan
    return f"Effects below about {seen:.2f} points per point would have gone unnoticed." if np.isfinite(seen) else ""
