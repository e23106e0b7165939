"""What to change first, and what would change our mind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.steps.executive_summary.evidence import Evidence

MOST = 4  # changes a board can take up at once


def changes(e: Evidence) -> list[dict[str, str]]:
    """Return the levers whose gain is clear of zero, the largest first; without money, the clear effects."""
    if e.level == "money":
        total = e.stream("total")
        return [_lever(e, row) for _, row in total[total["verdict"] == "higher"].head(MOST).iterrows()]
    clear = e.slopes[e.slopes["verdict"] == "higher"].head(MOST) if len(e.slopes) else pd.DataFrame()
    return [{"action": f"Improve {r['aspect']}", "gain": f"{r['estimate']:+.2f} points",
             "interval": f"{r['conf_low']:.2f} to {r['conf_high']:.2f}".replace("-", "−"),
             "why": f"Customers' {e.kpi} per point of the aspect, for the same {e.people.rstrip('s')}. Its worth in money "
                    "is not assessed."} for _, r in clear.iterrows()]  # fmt: skip


def _lever(e: Evidence, row: pd.Series) -> dict[str, str]:
    streams = e.table("value").query("aspect == @row.aspect").set_index("stream")
    parts = []
    if "customers" in streams.index:
        through = streams.loc["customers"]
        parts.append(f"{e.money(through['estimate'])} through customers" if through["verdict"] == "higher"
                     else "through customers inconclusive")
    if "saved" in streams.index:
        stays = streams.loc["saved"]
        parts.append(f"{e.money(stays['estimate'])} because fewer people leave" if stays["verdict"] == "higher"
                     else "from fewer people leaving inconclusive")
    plan = e.table("scenarios")
    plan = plan[plan["aspect"] == row["aspect"]] if len(plan) else plan
    cost = ""
    if len(plan) and plan.iloc[0]["worth_paying"] > 0:
        points = plan.iloc[0]["lever"].rpartition(" by ")[2]
        cost = f"up to {e.money(plan.iloc[0]['worth_paying'])} is justified for {points}"
    return {"action": f"Improve {row['label']}", "gain": f"{e.money(row['estimate'])} a year",
            "interval": f"{e.money(row['conf_low'])} to {e.money(row['conf_high'])}",
            "why": f"For {e.unit_of_money}: {', '.join(parts)}.", "cost": cost}


def others(e: Evidence) -> str:
    """Return what is said of the aspects not listed: inconclusive, or smaller."""
    if e.level == "money":
        rows, name = e.stream("total"), "label"
    elif len(e.slopes):
        rows, name = e.slopes, "aspect"
    else:
        return "No lever is ranked: nothing here tells what a change would bring."
    clear = rows[rows["verdict"] == "higher"]
    unclear = rows[rows["verdict"] == "inconclusive"][name]
    text = []
    if len(clear) > MOST:
        text.append(f"Clear but smaller: {', '.join(clear[name].iloc[MOST:])}.")
    if len(unclear):
        text.append(f"Inconclusive, neither shown to help nor shown not to: {', '.join(unclear)}.")
    return " ".join(text)


def mind_changers(e: Evidence) -> list[str]:
    """Return findings that would overturn the decision, with their numbers where there are any."""
    lines = []
    if e.level == "money":
        best = e.stream("total").iloc[0]
        lines += _cheap_leavers(e, best)
        lines += _widest(e, best)
        lines.append(f"If a trial raises {best['label']} in some teams and, within four quarters, neither their customers' "
                     "ratings nor their exits differ from the other teams'.")
    if len(e.slopes):
        lines.append("If customers' ratings turned out to come first, and employees' experience to follow them.")
        lines.append("If something else changed in the same teams at the same time, such as a new manager or new customers.")
    if e.level in ("associations", "effects"):
        lines.append(f"If a second wave showed that {e.people} which improve do not see their customers' ratings improve.")
    if e.level != "money":
        lines.append("If what customers are worth became known: a clear effect can still be worth little.")
    answers = (e.fact("readiness").get("response_rate") or {}).get("cx")
    if answers is not None:
        lines.append(f"If the {1 - answers:.0%} of invited customers who did not answer thought differently from those who did.")
    return lines


def _cheap_leavers(e: Evidence, best: pd.Series) -> list[str]:
    """Say what is left if replacing people is as cheap as the lowest published figure."""
    at21 = e.fact("money").get("total_at_21") or {}
    row = at21.get(best["aspect"])
    if not row:
        return []
    paid = e.table("scenarios")
    cost = float(paid["cost"].iloc[0]) if len(paid) else np.nan
    return [f"If replacing a leaver cost 21% of a yearly salary, the published median, instead of what is assumed here: "
            f"{e.unit_of_money} of {best['label']} would bring {e.money(row)} a year instead of {e.money(best['estimate'])}."
            ] if np.isfinite(cost) else []  # fmt: skip


def _widest(e: Evidence, best: pd.Series) -> list[str]:
    """Name the link on which the amount hangs most."""
    hinges = e.table("tornado")
    if not len(hinges):
        return []
    row = hinges.iloc[0]
    return [f"If “{row['link']}” turned out at the lower end of what the data allow: the {e.money(best['estimate'])} would "
            f"shrink to {e.money(row['low'])}. This is the link to measure better first."]
