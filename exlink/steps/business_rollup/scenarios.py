"""What an investment brings: net benefit, chance that it pays, payback — at equal spend (M34, M35)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.errors import ParameterError, did_you_mean
from exlink.stats.money import money_summary, net_benefit, payback_months
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.tidy import draws_frame
from exlink.steps.business_rollup.chain import Rollup
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, WAIT
from exlink.steps.business_rollup.worth import streams

BOUSHEY_GLYNN = 0.21  # median cost of replacing a worker, in yearly salaries (Boushey & Glynn 2012)


@dataclass(frozen=True, slots=True)
class Group:
    """For whom an aspect is raised: its name in words, people, and its share of all contacts and of all people."""

    name: str
    people: int
    of_contacts: float
    of_people: float


def group(data: StudyData, role: str = "") -> Group:
    """Return everyone, or the people of one role.

    Raises
    ------
    ParameterError
        The study has no such role, or too few people have it to be spoken of.
    """
    if data.unit != "employee_id" or not data.has("employees"):
        units = int(data.query(f"SELECT count(DISTINCT {data.unit}) AS n FROM exposures ORDER BY n")["n"].iloc[0])
        return Group(f"all {data.people}", units, 1.0, 1.0)
    gone = "left_on IS NULL" if data.has("employees", "left_on") else "true"
    staff = data.query(f"SELECT role, count(*) AS n FROM employees WHERE {gone} GROUP BY role ORDER BY role")
    if not role:
        return Group("everyone", int(staff["n"].sum()), 1.0, 1.0)
    if role not in set(staff["role"]):
        raise ParameterError(f"group: no role '{role}' in this study.{did_you_mean(role, staff['role'])}")
    people = int(staff.set_index("role")["n"][role])
    if people < (least := data.study.privacy.min_group):  # their number stands in a sentence, their cost tells it too
        raise ParameterError(f"group: fewer than {least} people are '{role}'. Choose a role with more, or everyone.")
    contacts = data.query("SELECT role, count(*) AS n FROM linked GROUP BY role ORDER BY role").set_index("role")["n"]
    return Group(role, people, float(contacts.get(role, 0) / contacts.sum()), people / float(staff["n"].sum()))


def scenarios(rollup: Rollup, who: Group, *, points: float, cost: float, wait_cut: float) -> pd.DataFrame:
    """Return what raising each aspect by ``points`` brings in a year, all at the same cost; best first.

    Parameters
    ----------
    who : for whom the aspect is raised or waits are cut; streams from customers shrink with its share of contacts.
    cost : spent once, the same for every lever, in the study's currency.
    wait_cut : share by which waiting times fall under the customer-side lever.

    Returns
    -------
    DataFrame: lever, aspect, side ('employees' | 'customers'), benefit (+ _low, _high), net (+ _low, _high),
    p_pays, payback_months (+ _low, _high; inf = never), payback (in words), worth_paying (a cost the benefit covers
    with 90 % chance), p_adjusted (that nothing is gained: Benjamini–Hochberg over the levers of a side), clear (the
    benefit is above zero, also among all the levers tried), n_people.
    """
    levers = {}
    for aspect in rollup.aspects:
        found = streams(rollup, aspect, points)
        shares = {"customers": who.of_contacts, "saved": who.of_people}
        both = [(share * found[name][0], share * found[name][1]) for name, share in shares.items() if name in found]
        if both:
            lever = f"raise {rollup.labels[aspect]} by {points:g} points"
            levers[lever] = (aspect, "employees", sum(b[0] for b in both), sum(b[1] for b in both))
    if 0 < wait_cut < 1 and rollup.has(WAIT, OVERALL, REVENUE):
        ways = [w for w in (REVENUE, KEPT) if rollup.has(w)]
        step = np.log1p(-wait_cut) * rollup.margin_share * who.of_contacts
        estimate = step * sum(float(rollup.draws.point([WAIT, OVERALL, w]).prod()) for w in ways)
        draws = step * sum(rollup.draws.product_draws([WAIT, OVERALL, w]) for w in ways)
        levers[f"cut waiting times by {wait_cut:.0%}"] = ("", "customers", estimate, draws)
    rows = [_scenario(lever, *parts, cost=cost).assign(n_people=who.people) for lever, parts in levers.items()]
    if not rows:
        return pd.DataFrame()
    out = pd.concat(rows, ignore_index=True)
    out["p_adjusted"] = benjamini_hochberg(out.pop("p_value"), family=out["side"].to_numpy())
    out["clear"] = (out["benefit_low"] > 0) & (out["p_adjusted"] <= 0.05)
    return out.sort_values("net", ascending=False, kind="stable", ignore_index=True)


def _scenario(lever: str, aspect: str, side: str, estimate: float, draws: np.ndarray, *, cost: float) -> pd.DataFrame:
    benefit = money_summary(draws, term=lever, estimate=estimate).iloc[0]
    net = net_benefit(draws, cost)
    back = payback_months(draws, cost).iloc[0]
    return pd.DataFrame([{
        "lever": lever, "aspect": aspect, "side": side,
        "benefit": estimate, "benefit_low": benefit["conf_low"], "benefit_high": benefit["conf_high"],
        "net": estimate - cost, "net_low": net.table["conf_low"].iloc[0], "net_high": net.table["conf_high"].iloc[0],
        "p_pays": net.p_positive, "payback_months": 12 * cost / estimate if estimate > 0 else np.inf,
        "payback_low": back["conf_low"], "payback_high": back["conf_high"],
        "payback": _payback(12 * cost / estimate if estimate > 0 else np.inf, back["conf_low"], back["conf_high"]),
        "worth_paying": max(0.0, float(np.quantile(draws, 0.10))), "cost": cost,
        "p_value": benefit["p_value"],
    }])  # fmt: skip


def _payback(months: float, low: float, high: float) -> str:
    """Write a payback time with its interval; beyond ten years nobody plans."""
    written = [f"{m:.0f}" if m <= 120 else "over 120" for m in (months, low, high)]
    return written[0] if written[1] == "over 120" else f"{written[0]} ({written[1]} to {written[2]})"


def attrition(rollup: Rollup, points: float = 0.1) -> pd.DataFrame:
    """Return what voluntary exits cost a year, and what ``points`` of satisfaction with work would save.

    Returns
    -------
    DataFrame: item, measure ('people' | 'money'), basis, estimate, conf_low, conf_high, n_people; empty
    where exits or salaries are not recorded.
    """
    staff, rows = rollup.workforce, []
    if staff is None or not staff.leavers:
        return pd.DataFrame()
    rows.append(("voluntary exits in the last twelve months", "people", "counted", staff.leavers, np.nan, np.nan))
    total = staff.leavers * staff.leavers_salary
    share = rollup.replacement / staff.salary
    if np.isfinite(total) and np.isfinite(share).all():
        low, middle, high = np.quantile(share, [0.025, 0.5, 0.975])
        basis = f"{share.min():.0%} to {share.max():.0%} of a yearly salary"
        rows.append(("cost of replacing them", "money", basis, total * middle, total * low, total * high))
        rows.append(
            (
                "cost of replacing them",
                "money",
                "21% of a yearly salary (Boushey & Glynn 2012)",
                total * BOUSHEY_GLYNN,
                np.nan,
                np.nan,
            )
        )
    if rollup.has(EXITS):
        estimate = points * float(rollup.draws.point([EXITS]).prod())
        draws = rollup.draws.product_draws([EXITS], points)
        what = f"per {points:g} points of satisfaction with work"
        for item, measure, factor in (
            ("exits avoided a year", "people", np.ones(len(draws))),
            ("replacement cost saved a year", "money", rollup.replacement),
        ):
            if np.isfinite(factor).all():
                row = draws_frame(item, estimate * factor.mean(), draws * factor, len(draws)).iloc[0]
                numbers = row[["estimate", "conf_low", "conf_high"]]
                rows.append((f"{item} {what}", measure, "estimated", *numbers))
    out = pd.DataFrame(rows, columns=["item", "measure", "basis", "estimate", "conf_low", "conf_high"])
    return out.assign(n_people=[staff.leavers if "them" in i or "last" in i else staff.headcount for i in out["item"]])


def stay_aspects(rollup: Rollup) -> pd.DataFrame:
    """Return the aspects' association with satisfaction with work, strongest first; empty where not assessed."""
    table = rollup.parts["stay"].table
    return table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True) if len(table) else table
