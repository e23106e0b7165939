"""The top of the page: at most four tiles."""

from __future__ import annotations

import pandas as pd

from exlink.steps.executive_summary.evidence import NOTHING, Evidence, capital, points
from exlink.steps.executive_summary.intervals import IF_CAUSES, money_range, points_range, unclear
from exlink.steps.executive_summary.lever import Lever, find_lever
from exlink.steps.executive_summary.plan_verdict import plan_tiles
from exlink.steps.executive_summary.plans import decisive_plan

JOINT = " With all aspects in one model it points the other way."


def tiles(e: Evidence) -> list[dict[str, str]]:
    """Return at most four headline numbers with their intervals, money first, all of the decision's own lever."""
    ours, own = find_lever(e), decisive_plan(e)
    if e.level != "money":
        found = [*_slope_tiles(e), _linked_tile(e), _leaving_tile(e)]
    elif own is not None:
        found = [*plan_tiles(e, own), _leaving_tile(e)]
    elif ours is None:
        found = [
            _loss_tile(e) if len(e.losses) and not e.order.against else _none_tile(e),
            _leaving_tile(e),
            _slopes_tile(e),
            _linked_tile(e),
        ]
    else:
        found = [_worth_tile(e, ours), _chance_tile(e, ours), _other_way_tile(e, ours), _leaving_tile(e)]
    return [tile for tile in found if tile][:4]


def _worth_tile(e: Evidence, lever: Lever) -> dict[str, str]:
    if lever.stream == "customers":
        return _through_customers(e, f"Raising {lever.label} by {e.step}, through customers", lever.row)
    return _all_in_all(e, lever, "")


def _all_in_all(e: Evidence, lever: Lever, word: str) -> dict[str, str]:
    plan = lever.plan
    return {"label": f"Raising {lever.label} by {e.step}{', all in all' if word else ' would be worth'}",
            "value": f"{e.money(plan['benefit'])} a year",
            "interval": money_range(e, plan["benefit_low"], plan["benefit_high"]),
            "meaning": "Through customers and fewer people leaving, discounted to when it arrives, before its cost, "
                       f"{IF_CAUSES}.{word}"}  # fmt: skip


def _through_customers(e: Evidence, label: str, row: pd.Series) -> dict[str, str]:
    return {"label": label, "value": f"{e.money(row['estimate'])} a year",
            "interval": money_range(e, row["conf_low"], row["conf_high"]),
            "meaning": f"{capital(e.benefit)} from customers who spend more and stay longer, {IF_CAUSES}.{e.recorded}"
                       f"{_without_customers(e, row) or unclear(row, len(e.stream('total')))}"}  # fmt: skip


def _without_customers(e: Evidence, row: pd.Series) -> str:
    """Return the doubt on money through customers whose ratings do not move, in the verdict of step 03."""
    if row["verdict"] != "inconclusive" or e.for_customers(str(row["label"])) != NOTHING:
        return ""
    return " Inconclusive: zero is not ruled out, and nothing that matters moves in customers' ratings."


def _chance_tile(e: Evidence, lever: Lever) -> dict[str, str]:
    whole = ", all in all" if lever.stream == "customers" else ""
    return {"label": f"Chance that a year of better {lever.label} pays{whole}", "value": f"{lever.plan['p_pays']:.0%}",
            "interval": f"if it costs {e.money(lever.plan['cost'])}",
            "meaning": "Counts chance in the samples and the range of replacement cost only, not other causes nor that "
                       "the change may fail."}  # fmt: skip


def _other_way_tile(e: Evidence, lever: Lever) -> dict[str, str] | None:
    """Return the same lever's other amount: through customers, or all in all where only customers are clear."""
    if lever.stream == "customers":
        total = e.way(lever.aspect, "total")
        return (
            None
            if e.against("saved") or total is None
            else _all_in_all(e, lever, unclear(total, len(e.stream("total"))))
        )
    row = e.way(lever.aspect, "customers")
    return None if row is None else _through_customers(e, f"{capital(lever.label)}, through customers alone", row)


def _loss_tile(e: Evidence) -> dict[str, str]:
    row = e.losses.iloc[0]
    return {
        "label": f"Raising {row['label']} by {e.step} goes with",
        "value": f"{e.money(row['estimate'])} a year",
        "interval": money_range(e, row["conf_low"], row["conf_high"]),
        "meaning": f"A loss, clear of zero; {len(e.losses)} of {len(e.stream('total'))} aspects show one.",
    }


def _none_tile(e: Evidence) -> dict[str, str]:
    rows = e.stream("total")
    why = (
        f"{capital(e.closed('total'))}."
        if e.closed("total")
        else f"Gains below about {e.money(float(rows['mde'].median()))} a year for {e.step} would go unnoticed."
    )
    return {"label": "Aspects of work shown to pay", "value": f"0 of {len(rows)}", "interval": "", "meaning": why}


def _slopes_tile(e: Evidence) -> dict[str, str] | None:
    """Return how many aspects go with customers' ratings, without naming one as a lever."""
    rows = e.slopes
    if not len(rows):
        return None
    up, down = (int((rows["verdict"] == word).sum()) for word in ("higher", "lower"))
    return {"label": f"Aspects that go with better {e.kpi}", "value": f"{up} of {len(rows)}",
            "interval": f"{points(rows['estimate'].min())} to {points(rows['estimate'].max())} points",
            "meaning": f"{down} with a clearly lower one; in the same {e.people.rstrip('s')}, lowest to "
                       "highest estimate."}  # fmt: skip


def _leaving_tile(e: Evidence) -> dict[str, str] | None:
    """Return what leavers cost; nothing where their number is hidden, as the cost would give it away."""
    rows = e.table("attrition")
    if not len(rows):
        return None
    exits = rows[rows["item"].str.startswith("voluntary exits")]
    priced = rows[(rows["item"] == "cost of replacing them") & rows["conf_low"].notna()]
    if not len(priced) or not len(exits):
        return None
    row = priced.iloc[0]
    return {"label": "People who leave cost", "value": f"{e.money(row['estimate'])} a year",
            "interval": money_range(e, row["conf_low"], row["conf_high"]),
            "meaning": f"{exits['estimate'].iloc[0]:,.0f} left of their own accord in twelve months; replacing one is "
                       f"taken to cost {row['basis']}."}  # fmt: skip


def _slope_tiles(e: Evidence) -> list[dict[str, str]]:
    """Return the strongest effect (or association) and the weakest, so that the contrast is seen."""
    rows, same = (e.slopes, True) if len(e.slopes) else (e.between, False)
    if not len(rows):
        return []
    how = f"in the same {e.people.rstrip('s')}" if same else f"a comparison of {e.people}, not an effect"
    ends = [rows.iloc[0], rows.iloc[-1]] if len(rows) > 1 else [row for _, row in rows.iterrows()]
    turned = {
        a for word in ("higher", "lower") for a in e.joint(rows.loc[rows["verdict"] == word, "aspect"], sign=word)[1]
    }
    return [{"label": f"{capital(r['aspect'])}", "value": f"{points(r['estimate'])} points",
             "interval": points_range(r),
             "meaning": f"Customers' {e.kpi} per point of {r['aspect']}, {how}{e.beside if same else ''}."
                        f"{unclear(r, len(rows), ' Clearly lower.', ' Nothing that matters moves.')}"
                        f"{JOINT if r['aspect'] in turned else ''}"}
            for r in ends]  # fmt: skip


def _linked_tile(e: Evidence) -> dict[str, str] | None:
    ready = e.fact("readiness")
    if not ready:
        return None
    return {"label": "Contacts that carry both sides", "value": f"{ready['linked_share']:.0%}",
            "interval": f"{ready['linked']:,} of {ready['interactions']:,}",
            "meaning": "Only these can say anything about how experience at work reaches customers."}  # fmt: skip
