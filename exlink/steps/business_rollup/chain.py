"""The chain from employees' experience to money, drawn link by link from the same resampled people.

One bootstrap runs through all links: each replicate draws employees once and customers once, and every link sees the
weights of its own units, so that links which owe something to the same people move together. Employees and customers
are drawn independently of each other. The contact link belongs to both; see `exlink.steps.business_rollup.links`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exlink.data.customer_periods import ValueBase, value_base
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import leaving, reasons_sentence
from exlink.data.wages import mean_of_enough
from exlink.errors import ParameterError, did_you_mean, listed
from exlink.stats.bootstrap import ChainDraws, bootstrap_chain
from exlink.stats.money import replacement_cost
from exlink.stats.tidy import draws_frame
from exlink.steps.business_rollup import links, staying
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, Part

BOUSHEY_GLYNN = 0.21  # median cost of replacing a worker, in yearly salaries, 27 cases (Boushey & Glynn 2012)
BASES = ("range", "boushey_glynn")
RESAMPLED = ("contact", "stay", "wait")  # links of few units and many slopes, shown in the unit in which they are drawn


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who works here, and who left of their own accord in the last twelve months of the period.

    headcount, salary : people employed on the last day, and their mean yearly salary (NaN where it is recorded of
        fewer than the minimum group)
    leavers, leavers_salary : voluntary exits and their mean salary (likewise)
    """

    headcount: int
    salary: float
    leavers: int
    leavers_salary: float


@dataclass(frozen=True, slots=True, eq=False)
class Rollup:
    """All links of a study with their joint draws.

    parts : 'contact' (EX → CX of the contact), 'overall', 'money', 'stay' (EX → satisfaction with work), 'exits'
    draws : joint draws of every link that could be estimated, or None
    replacement : draws of the cost of one exit, in currency (NaN where salaries are not recorded)
    reasons : how exits count whose reason is not recorded, '' where every reason is
    failed : share of resamples left out of everything, because a link could not be estimated in them
    """

    kpi: str
    currency: str
    people: str
    labels: dict[str, str]
    parts: dict[str, Part]
    base: ValueBase | None
    workforce: Workforce | None
    draws: ChainDraws | None
    replacement: np.ndarray
    kept_periods: int
    reasons: str = ""
    failed: float = 0.0

    def has(self, *names: str) -> bool:
        """Return whether every one of these links was estimated."""
        return self.draws is not None and all(n in self.draws.draws.columns for n in names)

    @property
    def aspects(self) -> list[str]:
        """Aspects whose effect on contacts or on staying was estimated, in the study's order."""
        return [a for a in self.labels if self.has(a) or self.has(links.STAY + a)]

    @property
    def notes(self) -> list[str]:
        """One line for each link that is not assessed, with the estimator's reason."""
        lines = (f"{p.note} ({p.detail.rstrip('.')})" if p.detail else p.note for p in self.parts.values() if p.note)
        failed = [f"left out: {self.failed:.1%} of the resamples, in which a link could not be estimated"]
        return [*dict.fromkeys(lines), *(failed if self.failed else [])]

    @property
    def margin_share(self) -> float:
        """Margin per unit of revenue; 1 where margins are not recorded, so that revenue stands for them."""
        known = self.base is not None and np.isfinite(self.base.margin_share)
        return self.base.margin_share if known else 1.0

    @property
    def benefit(self) -> str:
        """What the customer side of a benefit is counted in."""
        return "margin" if self.base is not None and np.isfinite(self.base.margin_share) else "revenue"


def roll_up(
    data: StudyData, *, kpi: str = "", kept_years: float = 1.0,
    replacement: Sequence[float] = (0.5, 2.0), replacement_basis: str = "range", reps: int = 1000, seed: int = 2026,
) -> Rollup:  # fmt: skip
    """Estimate every link the study carries and draw them jointly.

    Parameters
    ----------
    kpi : the CX KPI the chain runs on.
    kept_years : for how long the revenue of a customer who stays is counted.
    replacement : what replacing a leaver costs, from … to, in yearly salaries; any value between is as likely.
    replacement_basis : 'range' for these, or 'boushey_glynn' for exactly 21 % of a yearly salary.
    reps, seed : of the bootstrap over employees (or units) and customers.
    """
    kpi = links.contact_kpi(data, kpi)
    base = value_base(data, kpi) if data.has("customer_value") and data.has("interactions", "customer_id") else None
    staff = workforce(data)
    kept = max(1, round(kept_years * 12 / base.period_months)) if base is not None else 0
    parts = {
        "contact": links.ex_parts(data, kpi), "overall": links.overall_parts(data, kpi),
        "money": links.money_parts(data, kpi, base, kept), "stay": staying.stay_parts(data),
        "exits": staying.exit_parts(data, staff.headcount if staff else 0), "wait": links.wait_parts(data, kpi),
    }  # fmt: skip
    every = [link for part in parts.values() for link in part.links]
    draws, failed = _whole(bootstrap_chain(every, reps=reps, seed=seed)) if every else (None, 0.0)
    parts = {name: _resampled(part, draws) if name in RESAMPLED else part for name, part in parts.items()}
    # as many as resamples are left, so that their middle is that of the range whichever were left out
    left = reps if draws is None else len(draws.draws)
    cost = _replacement(staff, replacement, replacement_basis, left, seed)
    return Rollup(
        kpi=kpi, currency=data.study.currency, people=data.people, labels={a: data.label(a) for a in data.aspects},
        parts=parts, base=base, workforce=staff, replacement=cost, kept_periods=kept, reasons=reasons_sentence(data),
        draws=draws, failed=failed,
    )  # fmt: skip


def _whole(draws: ChainDraws) -> tuple[ChainDraws | None, float]:
    """Return the resamples in which every link was estimated, and the share of the others.

    One rule for all that is made of them: to leave one out here and to call it a loss there would not add up.
    """
    there = np.isfinite(draws.draws.to_numpy()).all(axis=1)
    if there.all():
        return draws, 0.0
    failed = float(1 - there.mean())
    if there.sum() < 2:
        return None, failed
    return replace(draws, draws=draws.draws[there].reset_index(drop=True)), failed


def _resampled(part: Part, draws: ChainDraws | None) -> Part:
    """Return a part whose intervals are those of its draws: errors by formula are too short for few units."""
    if draws is None or not len(part.table):
        return part
    names = list(part.table["link"])
    own = draws_frame(names, part.table["estimate"].to_numpy(), draws.draws[names].to_numpy(), part.table["n"])
    told = ["std_error", "conf_low", "conf_high", "p_value"]
    return replace(part, table=part.table.assign(**{name: own[name].to_numpy() for name in told}))


def _replacement(
    staff: Workforce | None, between: Sequence[float], basis: str, reps: int, seed: int
) -> np.ndarray:  # fmt: skip
    """Return draws of the cost of one exit; NaN where salaries are not recorded."""
    if basis not in BASES:
        raise ParameterError(f"replacement_basis: '{basis}' is none of {listed(BASES)}.{did_you_mean(basis, BASES)}")
    if staff is None or not np.isfinite(staff.salary):
        return np.full(reps, np.nan)
    if basis == "boushey_glynn":
        return np.full(reps, BOUSHEY_GLYNN * staff.salary)
    return replacement_cost(staff.salary, low=between[0], high=between[1], size=reps, seed=seed)


def workforce(data: StudyData) -> Workforce | None:
    """Return the people employed at the end of the period and the year's voluntary leavers; None at team grain."""
    if data.unit != "employee_id" or not data.has("employees"):
        return None
    people, last = leaving(data), pd.Timestamp(data.study.period.last)
    left = people["left_on"]
    salary = people["annual_salary"] if "annual_salary" in people else pd.Series(np.nan, people.index)
    gone = people["voluntary"] & (left > last - pd.DateOffset(years=1)) & (left <= last)
    here = left.isna()
    paid, paid_gone = (mean_of_enough(salary[who], data.study.privacy.min_group) for who in (here, gone))
    return Workforce(int(here.sum()), paid, int(gone.sum()), paid_gone)


def chain_table(rollup: Rollup) -> pd.DataFrame:
    """Return every estimated link in its natural unit, with the planted truth where the study has one.

    Returns
    -------
    DataFrame: step, link, label, unit, tidy columns, planted, covered (the interval holds the truth), who, n_people.
    """
    tables = [part.table for part in rollup.parts.values() if len(part.table)]
    if not tables:
        return pd.DataFrame()
    columns = ["step", "link", "label", "unit", "term", "estimate", "std_error", "conf_low", "conf_high", "p_value",
               "n", "who", "n_people", "planted"]  # fmt: skip
    out = pd.concat([t[columns].astype({"planted": float}) for t in tables], ignore_index=True)
    inside = (out["conf_low"] <= out["planted"]) & (out["planted"] <= out["conf_high"])
    return out.assign(covered=inside.where(out["planted"].notna()).astype(object))


def planted_money(rollup: Rollup, aspect: str, points: float) -> dict[str, float]:
    """Return what the links' planted values make of ``points`` of an aspect a year, at this study's base, by stream.

    Only the links are planted. What they are scaled by is the study's own: revenue, people, and how many in a hundred
    leave per unit of log odds, as estimated; the cost of an exit is the mean of what is assumed.

    Returns
    -------
    dict: revenue and kept, customers (both as margin where it is recorded), saved, total; those whose links have
    planted values. Empty for real data.
    """
    chain = chain_table(rollup)
    if not len(chain):
        return {}
    at = chain.dropna(subset="planted").set_index("link")["planted"]
    out: dict[str, float] = {}
    if {aspect, OVERALL, REVENUE} <= set(at.index):
        per_overall = points * at[aspect] * at[OVERALL]
        out["revenue"] = per_overall * at[REVENUE] * rollup.base.revenue
        if KEPT in at:
            worth = rollup.base.revenue * rollup.kept_periods / 100
            out["kept"] = -per_overall * at[KEPT] * _per_unit(rollup.parts["money"], KEPT) * worth
        out["customers"] = rollup.margin_share * (out["revenue"] + out.get("kept", 0.0))
    saves = rollup.has(links.STAY + aspect, EXITS) and bool(np.isfinite(rollup.replacement).all())
    if saves and {links.STAY + aspect, EXITS} <= set(at.index):
        avoided = -at[EXITS] * _per_unit(rollup.parts["exits"], EXITS) * rollup.workforce.headcount * 4 / 100
        out["saved"] = points * at[links.STAY + aspect] * avoided * float(rollup.replacement.mean())
    known = [out[name] for name in ("customers", "saved") if name in out]
    if known and len(known) == rollup.has(aspect, OVERALL, REVENUE) + saves:  # half the ways are no truth of the whole
        out["total"] = sum(known)
    return out


def _per_unit(part: Part, link: str) -> float:
    """Return percentage points of a hazard per unit of its log odds, as estimated."""
    return float(part.table.set_index("link").at[link, "per_percent"])


PARTS = {
    "EX → contact": "From work to the contact (customers' points per point of the aspect)",
    links.OVERALL: "From the contact to money",
    links.REVENUE: "From the contact to money",
    links.KEPT: "From the contact to money",
    links.EXITS: "From work to staying",
    links.WAIT: "For comparison",
}
NAMES = {
    links.OVERALL: "contact → overall opinion (points per point)",
    links.REVENUE: "overall opinion → revenue (log points per point)",
    links.KEPT: "overall opinion → leaving (log odds per point)",
    links.EXITS: "satisfaction with work → leaving (log odds per point)",
    links.WAIT: "waiting time → contact (points per log unit)",
}


def shown_links(chain: pd.DataFrame) -> pd.DataFrame:
    """Return the links of the chain in reading order, with ``part``; those with a figure of their own are left out."""
    if not len(chain):
        return chain
    shown = chain[chain["step"].isin(PARTS)]
    place = shown["step"].map({step: at for at, step in enumerate(PARTS)})
    shown = shown.assign(part=shown["step"].map(PARTS), label=shown["link"].map(NAMES).fillna(shown["label"]), at=place)
    return shown.sort_values(["at", "estimate"], ascending=[True, False], ignore_index=True).drop(columns="at")
