"""What an investment brings: net benefit, chance that it pays, payback — and what the customers' side would (M35)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.stats.money import money_summary, months_until, net_benefit, payback_months, per_year
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.tidy import draws_frame
from exlink.steps.business_rollup.cases import Case, Group, default_cases
from exlink.steps.business_rollup.chain import BOUSHEY_GLYNN, Rollup
from exlink.steps.business_rollup.links import EXITS
from exlink.steps.business_rollup.schedule import Money, benefit, cash
from exlink.steps.business_rollup.worth import histogram

EVEN = (0.025, 0.1, 0.5, 0.9, 0.975)  # quantiles that are told of a net benefit


def scenarios(
    rollup: Rollup, who: Group, *, points: float, cost: float, wait_cut: float, discount: float = 0.0
) -> pd.DataFrame:
    """Return what raising each aspect by ``points`` brings in a year, all at the same cost: see `assess`.

    Parameters
    ----------
    who : for whom the aspect is raised or waits are cut.
    cost : spent once, the same for every lever, in the study's currency.
    wait_cut : share by which waiting times fall under the customer-side lever.
    discount : a year, on money that arrives later.
    """
    return assess(rollup, default_cases(rollup, who, points=points, cost=cost, wait_cut=wait_cut, discount=discount))


def assess(rollup: Rollup, cases: Sequence[Case]) -> pd.DataFrame:
    """Return what every lever brings over its months, on the same joint draws; most net benefit a year first.

    Levers that last differently are ranked by the equivalent amount of a year, since the longer would else come first
    for its length alone; with equal months that is the order of net benefits. Levers of different cost are compared by
    what a unit of money brings, as if a programme could be made smaller or larger at the same return: that is what
    equal spend means here.

    Returns
    -------
    DataFrame: lever, aspect, side ('employees' | 'customers'), delta, group, cost, months, n_people; benefit, net and
    payback_months (as the money arrives; inf = never) and net_year (net, as an equal amount for each year of the
    effect), each with _low and _high; net_median, net_low80, net_high80;
    p_pays (P(benefit > cost), whenever it arrives); p_within (P(so much has arrived by the end of the months counted));
    payback (in words); worth_paying (a cost the benefit covers with 90 % chance); p_adjusted (that nothing
    is gained: Benjamini–Hochberg over the levers of a side); clear (the benefit is above zero, also among all the
    levers tried); p_beats (share of draws in which a unit of money brings more than in the customers' lever of the
    highest return; NaN without one); p_beats_customers (the same with money through customers alone; NaN where the
    benefit is nothing else). Levers whose links are missing are left out; empty without any.
    """
    found = [(case, money) for case in cases if (money := benefit(rollup, case)) is not None]
    if not found:
        return pd.DataFrame()
    out = pd.concat([_scenario(case, *money, *cash(rollup, case)) for case, money in found], ignore_index=True)
    out["p_adjusted"] = benjamini_hochberg(out.pop("p_value"), family=out["side"].to_numpy())
    out["clear"] = (out["benefit_low"] > 0) & (out["p_adjusted"] <= 0.05)
    out["p_beats"] = _beats(found, [money for _, money in found])
    out["p_beats_customers"] = _beats(found, [_through_customers(rollup, case) for case, _ in found])
    return out.sort_values("net_year", ascending=False, kind="stable", ignore_index=True)


def _beats(found: list[tuple[Case, Money]], own: list[Money | None]) -> list[float]:
    """Return how often a unit of money brings more in ``own`` than in the customers' lever of the highest return."""
    others = [(money[0] / case.cost, money[1] / case.cost) for case, money in found if case.side == "customers"]
    if not others:
        return [np.nan] * len(found)
    rival = max(others, key=lambda money: money[0])[1]
    return [
        float((money[1] / case.cost > rival).mean()) if case.side == "employees" and money is not None else np.nan
        for (case, _), money in zip(found, own, strict=True)
    ]


def _through_customers(rollup: Rollup, case: Case) -> Money | None:
    """Return what a lever brings through customers where it saves on leavers as well; else None."""
    saved = benefit(rollup, case, only=("saved",))
    return None if saved is None else benefit(rollup, case, only=("revenue", "kept"))


def not_assessed(rollup: Rollup, cases: Sequence[Case]) -> list[str]:
    """Return in one line the levers without money, where others have some; what is missing the links tell."""
    names = [case.lever for case in cases if benefit(rollup, case) is None]
    return [f"not assessed, for want of a link to money: {'; '.join(names)}"] if 0 < len(names) < len(cases) else []


def plan_columns(plans: pd.DataFrame) -> dict[str, str]:
    """Return the columns of `assess` with their headings; cost and months stand only where levers differ in them."""
    apart = {"cost": "Cost", "months": "Months counted"}
    told = {name: words for name, words in apart.items() if len(plans) and plans[name].nunique() > 1}
    a_year = {"net_year": "Left after the cost, a year"} if "months" in told else {}
    return {"lever": "Lever", **told, "benefit": "Benefit", "p_pays": "Chance it pays",
            "p_within": "… within the months", "payback": "Months to pay back", **a_year,
            "worth_paying": "Covered in 9 of 10"}  # fmt: skip


def net_spread(rollup: Rollup, case: Case | None) -> pd.DataFrame:
    """Return the draws of a lever's net benefit as bins: left, right, count, n_people; empty where not assessed."""
    money = benefit(rollup, case) if case is not None else None
    return pd.DataFrame() if money is None else histogram(money[1] - case.cost, case.who.people)


def net_references(plans: pd.DataFrame, case: Case | None) -> dict[str, float]:
    """Return the marks of `net_spread`: cost just covered, and as often more as less."""
    rows = plans[plans["lever"] == case.lever] if case is not None and len(plans) else plans
    return {"cost covered": 0.0, "median": float(rows["net_median"].iloc[0])} if len(rows) else {}


def first_case(plans: pd.DataFrame, cases: Sequence[Case]) -> Case | None:
    """Return the lever that figures tell of: the employees' side's largest net benefit, clear ones first."""
    ours = plans[plans["side"] == "employees"] if len(plans) else plans
    if not len(ours):
        return None
    lever = ours.sort_values("clear", ascending=False, kind="stable")["lever"].iloc[0]
    return next(case for case in cases if case.lever == lever)


def _scenario(
    case: Case, estimate: float, draws: np.ndarray, by_month: np.ndarray, draws_by_month: np.ndarray
) -> pd.DataFrame:
    told = money_summary(draws, term=case.lever, estimate=estimate).iloc[0]
    net = net_benefit(draws, case.cost)
    low, low80, median, high80, high = np.quantile(net.draws, EVEN)
    back = payback_months(draws_by_month, case.cost).iloc[0]
    months = float(months_until(by_month, case.cost))
    yearly = per_year(case.months, case.discount)
    within = draws_by_month[:, : int(np.ceil(case.months))].sum(axis=1)
    return pd.DataFrame([{
        "lever": case.lever, "aspect": case.aspect, "side": case.side,
        "benefit": estimate, "benefit_low": told["conf_low"], "benefit_high": told["conf_high"],
        "net": estimate - case.cost, "net_low": low, "net_high": high,
        "net_year": yearly * (estimate - case.cost), "net_year_low": yearly * low, "net_year_high": yearly * high,
        "net_median": median, "net_low80": low80, "net_high80": high80, "p_pays": net.p_positive,
        "p_within": float((within > case.cost).mean()),
        "payback_months": months, "payback_low": back["conf_low"], "payback_high": back["conf_high"],
        "payback": _payback(months, back["conf_low"], back["conf_high"]),
        "worth_paying": max(0.0, float(np.quantile(draws, 0.10))), "cost": case.cost, "months": case.months,
        "delta": case.delta, "group": case.who.name, "p_value": told["p_value"], "n_people": case.who.people,
    }])  # fmt: skip


def _payback(months: float, low: float, high: float) -> str:
    """Write a payback time with its interval; the money of a lever ends, so it may never cover the cost."""
    written = [f"{m:.0f}" if np.isfinite(m) else "never" for m in (months, low, high)]
    return written[0] if written[1] == "never" else f"{written[0]} ({written[1]} to {written[2]})"


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
        if high > low:  # else the study counts with the one share that stands below anyway
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
