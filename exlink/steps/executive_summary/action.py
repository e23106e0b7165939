"""What to change first, and what would change our mind."""

from __future__ import annotations

import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence, capital, points

MOST = 4  # changes a board can take up at once
ALL = 0.95  # response rate from which on those who did not answer cannot turn the result


def changes(e: Evidence) -> list[dict[str, str]]:
    """Return the levers whose gain is clear of zero, the largest first; without money, the clear effects."""
    if e.level == "money":
        return [_lever(e, row) for _, row in _ranked(e).head(MOST).iterrows()]
    clear = e.slopes[e.slopes["verdict"] == "higher"].head(MOST) if len(e.slopes) else pd.DataFrame()
    return [{"action": f"Improve {r['aspect']}", "gain": f"{points(r['estimate'])} points",
             "interval": f"{points(r['conf_low'])} to {points(r['conf_high'])}",
             "why": f"Customers' {e.kpi} per point, in the same {e.people.rstrip('s')}. Worth in money: not assessed."}
            for _, r in clear.iterrows()]  # fmt: skip


def _ranked(e: Evidence) -> pd.DataFrame:
    """Return aspects with clear money: those whose total is clear, then those clear through customers alone."""
    total, customers = e.clear("total"), e.clear("customers")
    if len(total) and len(customers):
        customers = customers[~customers["aspect"].isin(total["aspect"])]
    there = [frame for frame in (total, customers) if len(frame)]
    return pd.concat(there, ignore_index=True) if there else pd.DataFrame()


def _lever(e: Evidence, row: pd.Series) -> dict[str, str]:
    through, stays = (_way(e, row["aspect"], name) for name in ("customers", "saved"))
    ways = [(row, words) for row, words in ((through, "through customers"), (stays, "from fewer people leaving"))
            if row is not None]  # fmt: skip
    parts = [f"{e.money(row['estimate'])} {words}" for row, words in ways if row["verdict"] == "higher"]
    parts += [f"{words} inconclusive" for row, words in ways if row["verdict"] != "higher"]
    weak = stays is not None and (through is None or through["verdict"] != "higher")
    rests = " The weaker evidence of the two ways." if weak else ""
    plan = e.plans[e.plans["aspect"] == row["aspect"]]
    worth = float(plan["worth_paying"].iloc[0]) if len(plan) else 0.0
    return {"action": f"Improve {row['label']}", "gain": f"{e.money(row['estimate'])} a year",
            "interval": f"{e.money(row['conf_low'])} to {e.money(row['conf_high'])}",
            "why": f"{capital(', '.join(parts))}.{rests}",
            "cost": f"up to {e.money(worth)} is justified" if worth > 0 else ""}  # fmt: skip


def _way(e: Evidence, aspect: str, stream: str) -> pd.Series | None:
    rows = e.stream(stream)
    rows = rows[rows["aspect"] == aspect] if len(rows) else rows
    return rows.iloc[0] if len(rows) else None


def ranking(e: Evidence) -> str:
    """Return what the list ranks by."""
    if e.level == "money":
        return f"Gain in a year if the aspect rises by {e.step} for {e.group}. Only what is clear of zero is ranked."
    if len(e.slopes):
        return f"Ranked by customers' {e.kpi} per point of the aspect; only what is clear of zero is listed."
    return ""


def others(e: Evidence) -> str:
    """Return what is said of the aspects not listed: smaller, or inconclusive, or why none is listed."""
    if e.level == "money":
        rows, name = e.stream("total"), "label"
    elif len(e.slopes):
        rows, name = e.slopes, "aspect"
    else:
        return "No lever is ranked: nothing here tells what a change would bring."
    clear = _ranked(e) if e.level == "money" else rows[rows["verdict"] == "higher"]
    rows = rows[~rows[name].isin(clear[name])] if len(clear) else rows
    unclear = rows[rows["verdict"] == "inconclusive"][name]
    small = rows[rows["verdict"] == "no meaningful association"][name]
    text = []
    if len(clear) > MOST:
        text.append(f"Clear but smaller: {', '.join(clear[name].iloc[MOST:])}.")
    if len(unclear):
        text.append(f"Inconclusive, neither shown to help nor shown not to: {', '.join(unclear)}.")
    if len(small):
        text.append(f"Too small to matter: {', '.join(small)}.")
    text += _other_side(e)
    return " ".join(text) or "Every aspect that was asked is listed."


def _other_side(e: Evidence) -> list[str]:
    """Say what the same money would bring if it went to customers directly."""
    plans = e.table("scenarios")
    rows = plans[plans["side"] == "customers"] if len(plans) else plans
    return [f"For comparison: to {r['lever']}, for the same money, would bring {e.money(r['benefit'])} a year."
            for _, r in rows.iterrows()]  # fmt: skip


def misuse(e: Evidence) -> str:
    """Return what the numbers must not be used for, where step 03 says so."""
    verdict = e.fact("linkage").get("verdict_ranking") or ""
    if not verdict.startswith("Do not"):
        return ""
    return f"{verdict} At their usual number of answers a league table would mostly rank chance."


def mind_changers(e: Evidence) -> list[str]:
    """Return findings that would overturn the decision, with their numbers where there are any."""
    lines = []
    if e.level == "money":
        best = e.stream("total").iloc[0]
        lines += [*_widest(e, best), *_cheap_leavers(e, best)]
        lines.append(f"A trial raises {best['label']} in some teams, and within four quarters neither their customers' "
                     "ratings nor their exits differ from the other teams'.")  # fmt: skip
    if len(e.slopes):
        lines.append("Customers' ratings turn out to come first, and employees' experience to follow them.")
        lines.append("Something else changed in the same teams at the same time, such as a manager or the customers.")
    elif e.level == "associations":
        lines.append(f"The same {e.people} are asked again, and those that improved see no better customers' ratings.")
    if e.level in ("effects", "associations"):
        lines.append("What customers bring in becomes known: a clear effect can still be worth little.")
    answers = (e.fact("readiness").get("response_rate") or {}).get("cx")
    if answers is not None and answers < ALL:
        lines.append(f"The {1 - answers:.0%} of invited customers who did not answer think unlike those who did.")
    if e.level == "nothing":
        lines.append("Any result: none is known yet.")
    return lines


def _cheap_leavers(e: Evidence, best: pd.Series) -> list[str]:
    """Say what is left if replacing people is as cheap as the published median."""
    cheap = (e.fact("money").get("total_at_21") or {}).get(best["aspect"])
    if not cheap:
        return []
    return [f"Replacing a leaver costs 21% of a yearly salary, the published median of Boushey & Glynn (2012), and not "
            f"what is assumed here: {best['label']} would then bring {e.money(cheap * e.scale)} a year instead of "
            f"{e.money(best['estimate'])}."]  # fmt: skip


def _widest(e: Evidence, best: pd.Series) -> list[str]:
    """Name the link on which the amount hangs most."""
    hinges = e.table("tornado")
    if not len(hinges):
        return []
    row = hinges.iloc[0]
    return [f"“{capital(row['link'])}” turns out at the lower end of what the data allow: the "
            f"{e.money(best['estimate'])} would shrink to {e.money(row['low'] * e.scale)}. Measure this better first."]

