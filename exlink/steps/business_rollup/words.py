"""What the roll-up says in sentences; ``money`` writes an amount in the study's currency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.customer_periods import ValueBase
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.steps.business_rollup.chain import BOUSHEY_GLYNN, Rollup, chain_table
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE
from exlink.steps.business_rollup.worth import value

Money = Callable[[float], str]
CLEAR = 0.05  # adjusted p value up to which something is called clear of zero
NAMED = 3  # aspects whose amounts a sentence tells
PERIODS = {1: "month", 3: "quarter", 6: "half-year", 12: "year"}


def reach(rollup: Rollup) -> str:
    """Return how far the chain can be followed in this study."""
    found = _clear_links(rollup)
    contact = [a for a in rollup.labels if rollup.has(a)]
    n_sure = sum(bool(found.get(a)) for a in contact)
    steps = [
        ("from work to the contact", bool(contact), n_sure > 0),
        ("from the contact to the overall opinion", rollup.has(OVERALL), found.get(OVERALL)),
        ("from the overall opinion to revenue", rollup.has(REVENUE), found.get(REVENUE)),
        ("from the overall opinion to leaving", rollup.has(KEPT), found.get(KEPT)),
    ]
    held = [what for what, there, _ in steps if there]
    if not held:
        return "**No link of the chain can be estimated in this study**; the lines below say what is missing."
    clear = [what for what, there, sure in steps if there and sure]
    if len(clear) in (0, len(held)):
        told = " Each of them is clear of zero" if clear else " None of them is clear of zero"
        told += f", from work to the contact for {n_sure} of {len(contact)} aspects." if n_sure else "."
    else:
        first = f" (the first for {n_sure} of {len(contact)} aspects)" if n_sure else ""
        told = (
            f" Clear of zero: {', '.join(clear)}{first}. Not: {', '.join(what for what in held if what not in clear)}."
        )
    if len(held) == len(steps):
        return f"**Every link of the chain can be estimated here**: {', '.join(held)}.{told} {order(rollup)}"
    return (
        f"**The chain ends early here.** The links that can be estimated: {', '.join(held)}.{told} What is missing "
        "for the rest stands below."
    )


def _clear_links(rollup: Rollup) -> dict[str, bool]:
    """Return which links are clear of zero, in either direction; aspects after the adjustment for all of them."""
    chain = chain_table(rollup)
    if not len(chain):
        return {}
    adjusted = benjamini_hochberg(chain["p_value"], family=chain["step"].to_numpy())
    sure = (np.asarray(adjusted) <= CLEAR) & ((chain["conf_low"] > 0) | (chain["conf_high"] < 0))
    return dict(zip(chain["link"], sure, strict=True))


def order(rollup: Rollup) -> str:
    """Return what comes before what in time."""
    period = PERIODS[rollup.base.period_months] if rollup.base is not None else "quarter"
    return (
        f"Time runs forward in each: EX answers come before the contacts, contacts a {period} before the overall "
        f"rating, the overall rating a {period} before the money."
    )


def base_sentence(rollup: Rollup, money: Money) -> str:
    """Return exactly what the money is scaled to."""
    base = rollup.base
    if base is None:
        return (
            "No money through customers is stated: the study records no customer value that contacts could have moved."
        )
    period = PERIODS[base.period_months]
    rest = (
        ""
        if base.recorded > 0.995
        else (
            f" Value is recorded for {base.recorded:.0%} of the customers with contacts; the others count as nothing "
            "here."
        )
    )
    margin = f", of which {rollup.margin_share:.0%} is margin" if rollup.benefit == "margin" else ""
    return (
        f"**All money is per year and scaled to {money(base.revenue)} of revenue{margin}**: what customers spent in "
        f"{_span(base)} who had at least one contact two {period}s before ({base.customer_periods:,.0f} "
        f"customers × {period}s, {money(base.revenue_per_period)} each).{rest} A customer who stays is counted with "
        f"the revenue of the {rollup.kept_periods} {period}s after. A year means a year of the effect: its money "
        "arrives later, by as much as the chain takes."
    )


def _span(base: ValueBase) -> str:
    return base.first if base.first == base.last else f"{base.first} to {base.last}"


def contact_sentence(rollup: Rollup) -> str:
    """Return what a point of contact CX goes with in overall CX."""
    row = _link(rollup, OVERALL)
    if row is None:
        return _notes(rollup, "overall")
    return (
        f"**One point more in a customer's contacts goes with {_more(row['estimate'], '.2f', ' points')} in what "
        f"the same customer thinks overall a period later** (95% interval {row['conf_low']:.2f} to "
        f"{row['conf_high']:.2f}; {row['n']:,} pairs of {row['n_people']:,} customers who rated more than once)."
        f"{_doubt(row)}{_thinned(rollup)}{_truth(row)}"
    )


def money_sentence(rollup: Rollup, money: Money) -> str:
    """Return what overall CX goes with in revenue and in staying."""
    row, kept = _link(rollup, REVENUE), _link(rollup, KEPT)
    if row is None:
        return _notes(rollup, "money")
    text = (
        f"**One point more in overall {rollup.kpi} goes with {_more(np.expm1(row['estimate']), '.1%')} revenue in "
        f"the period after** ({np.expm1(row['conf_low']):.1%} to {np.expm1(row['conf_high']):.1%}; the same customer, "
        f"{row['n']:,} rows of {row['n_people']:,} customers).{_doubt(row)}{_truth(row, 3)}"
    )
    if kept is None:
        return f"{text} Staying: {_notes(rollup, 'money')}"
    return (
        f"{text} **The odds of leaving are {_odds(kept['estimate'])} per point** ({_odds(kept['conf_high'])} to "
        f"{_odds(kept['conf_low'])}).{_doubt(kept)}{_truth(kept)} Compared between customers, so what makes a "
        "customer both content and loyal is part of it."
    )


def worth_sentence(rollup: Rollup, values: pd.DataFrame, stream: str, points: float, money: Money) -> str:
    """Return which aspects are worth something clear of zero in one stream, and what the rest could have shown."""
    rows = values[values["stream"] == stream] if len(values) else values
    if not len(rows):
        return "Not assessed: the chain ends before it, for the reasons given at the top."
    clear = rows[rows["verdict"] == "higher"].sort_values("estimate", ascending=False)
    against = rows[rows["verdict"] == "lower"].sort_values("estimate")
    open_ = rows[rows["verdict"] == "inconclusive"]
    parts = []
    if len(clear):
        named = "; ".join(
            f"{r.label} {money(r.estimate)} ({money(r.conf_low)} to {money(r.conf_high)})"
            for r in clear.head(NAMED).itertuples()
        )
        more = f" Clear but smaller: {', '.join(clear['label'].iloc[NAMED:])}." if len(clear) > NAMED else ""
        parts.append(f"**Clear of zero, per {points:g} points and year**: {named}.{more}")
    if len(against):
        named = "; ".join(
            f"{r.label} {money(r.estimate)} ({money(r.conf_low)} to {money(r.conf_high)})" for r in against.itertuples()
        )
        parts.append(f"**Clear of zero, and a loss**: {named}.")
    if len(open_):
        parts.append(
            f"Inconclusive: {', '.join(open_['label'])}; about {money(float(open_['mde'].max()))} would have "
            "been told from nothing in four of five tries, if each aspect had been tested alone: before the "
            f"adjustment for testing {len(rows)}, which asks for more."
        )
    return " ".join(parts)


def kept_sentence(rollup: Rollup, values: pd.DataFrame) -> str:
    """Return how much of the money through customers rests on comparing customers with each other; '' without any."""
    if not len(values) or not (values["stream"] == "kept").any():
        return ""
    both = rollup.draws.draws[[REVENUE, KEPT]]
    if not (both > 0).all(axis=None):  # a loss in one way and a gain in the other have no share
        return ""
    point = rollup.draws.point([REVENUE, KEPT])
    low, high = np.quantile(both[KEPT] / both.sum(axis=1), [0.025, 0.975])
    return (
        f"**{point[KEPT] / point.sum():.0%} of the money through customers ({low:.0%} to {high:.0%}) is revenue of "
        "customers who would have left.** That part compares customers with each other, without regard to what else is "
        "known of them; only the rest compares a customer with themselves."
    )


def exits_sentence(rollup: Rollup) -> str:
    """Return what satisfaction with work goes with in leaving."""
    row = _link(rollup, EXITS)
    if row is None:
        return _notes(rollup, "exits")
    table = rollup.parts["exits"].table.iloc[0]
    alike = f" Compared between people at equal {table['alike']}" if table["alike"] else " Compared between people"
    reasons = f" {rollup.reasons}" if rollup.reasons else ""
    return (
        f"**One point more in satisfaction with work goes with odds of leaving in the next quarter that are "
        f"{_odds(row['estimate'])}** ({_odds(row['conf_high'])} to {_odds(row['conf_low'])}; "
        f"{int(table['n_events']):,} voluntary exits over the whole study, in {row['n']:,} person-quarters of "
        f"{row['n_people']:,} employees).{_doubt(row)}{alike}, and not within a person: "
        f"weaker evidence than the links to customers. "
        f"Only {table['answered']:.0%} of the person-quarters have an answer fresh enough to count; "
        f"who left without one is not in it.{reasons}{_truth(row)}"
    )


def attrition_in_words(frame: pd.DataFrame, money: Money) -> pd.DataFrame:
    """Return `attrition` with ``amount`` written out, with its range where it has one: people as people, or money."""
    if not len(frame):
        return frame
    write = {"people": lambda x: f"{x:,.0f}" if x == round(x) else f"{x:,.1f}", "money": money}
    columns = (frame[name] for name in ("measure", "estimate", "conf_low", "conf_high"))
    amounts = [
        f"{write[m](x)} ({write[m](low)} to {write[m](high)})" if np.isfinite(low) else write[m](x)
        for m, x, low, high in zip(*columns, strict=True)
    ]
    return frame.assign(amount=amounts)


def facts(
    rollup: Rollup, values: pd.DataFrame, points: float, *, raise_points: float, cost: float, group: str
) -> dict[str, Any]:
    """Return what the executive page needs besides the tables."""
    base, staff = rollup.base, rollup.workforce
    total = values[values["stream"] == "total"] if len(values) else values
    return {
        "cost": cost, "group": group, "points": points, "raise_points": raise_points, "kpi": rollup.kpi,
        "currency": rollup.currency, "people": rollup.people, "benefit": rollup.benefit,
        "kept_periods": rollup.kept_periods, "not_assessed": rollup.notes, "why_not": why_not(rollup),
        "reaches_money": bool(len(values)) and bool((values["stream"] == "customers").any()),
        "base": None if base is None else {
            "revenue": base.revenue, "margin": base.margin, "first": base.first, "last": base.last,
            "period": PERIODS[base.period_months], "n_customers": base.customers, "recorded": base.recorded},
        "workforce": None if staff is None else {"n_employees": staff.headcount, "salary": staff.salary},
        "total_at_21": {r.aspect: r.estimate for r in total_at(rollup, points, BOUSHEY_GLYNN).itertuples()},
        "clear_aspects": list(total.loc[total["verdict"] == "higher", "label"]) if len(total) else [],
    }  # fmt: skip


def why_not(rollup: Rollup) -> dict[str, str]:
    """Return, for every link that was not estimated, the line that says why."""
    owner = {OVERALL: "overall", REVENUE: "money", KEPT: "money", EXITS: "exits"}
    return {name: rollup.parts[part].note for name, part in owner.items() if not rollup.has(name)}


def total_at(rollup: Rollup, points: float, share: float) -> pd.DataFrame:
    """Return the totals per aspect if replacing a leaver cost exactly ``share`` of a yearly salary."""
    from dataclasses import replace

    if rollup.workforce is None:
        return pd.DataFrame()
    fixed = np.full_like(rollup.replacement, share * rollup.workforce.salary)
    out = value(replace(rollup, replacement=fixed), points)
    return out[out["stream"] == "total"].reset_index(drop=True) if len(out) else out


def _link(rollup: Rollup, name: str) -> pd.Series | None:
    table = chain_table(rollup)
    rows = table[table["link"] == name] if len(table) else table
    return rows.iloc[0] if len(rows) else None


def _thinned(rollup: Rollup) -> str:
    """Return what part of the customers was read, where that was not all of them."""
    share = rollup.parts["overall"].share
    return "" if share == 1 else f" Customers who rated us overall are a fixed sample, {share:.0%} of all of them."


def _truth(row: pd.Series, digits: int = 2) -> str:
    if pd.isna(row["planted"]):
        return ""
    inside = "inside" if row["covered"] else "outside"
    return f" Planted in this simulated study: {row['planted']:.{digits}f} (estimate {row['estimate']:.{digits}f}), " \
           f"{inside} the interval."  # fmt: skip


def _doubt(row: pd.Series) -> str:
    """Return the word of doubt on a link whose interval holds zero."""
    return "" if row["conf_low"] > 0 or row["conf_high"] < 0 else " This is inconclusive."


def _more(value: float, spec: str, unit: str = "") -> str:
    """Write a change as so much more or less."""
    return f"{abs(value):{spec}}{unit} {'less' if value < 0 else 'more'}"


def _odds(log_odds: float) -> str:
    """Return a change of log odds as a change of odds in words."""
    change = np.expm1(log_odds)
    return f"{abs(change):.0%} {'lower' if change < 0 else 'higher'}"


def _notes(rollup: Rollup, *parts: str) -> str:
    lines = list(dict.fromkeys(rollup.parts[p].note for p in parts if rollup.parts[p].note))
    return " ".join(line[0].upper() + line[1:] + "." for line in lines)
