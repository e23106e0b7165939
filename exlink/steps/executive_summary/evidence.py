"""What the earlier steps left behind, and how far it carries: to money, to effects, to associations, or nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from exlink.data.which_way import WhichWay, which_way
from exlink.steps.executive_summary.signs import LINKS, Expected

READ = {
    "00_readiness": (("verdicts",), ("readiness",)),
    "01_journey_mapping": ((), ()),
    "02_touchpoint_kpis": ((), ()),
    "03_individual_linkage": (("slopes", "slopes_between", "variance_shares"), ("linkage",)),
    "04_mixed_effects": (("effects",), ("direction",)),
    "05_business_rollup": (
        ("chain", "value", "attrition", "scenarios", "study_scenarios", "tornado", "knowing"),
        ("money",),
    ),
    "06_misalignment_audit": ((), ("signs", "areas")),
    "07_action_loop": ((), ()),
}
NOTHING = "no meaningful association"  # a verdict: the whole interval is closer to zero than what matters
TITLES = {
    "00_readiness": "Readiness of the data", "01_journey_mapping": "Journey mapping",
    "02_touchpoint_kpis": "Touchpoint KPIs", "03_individual_linkage": "Individual linkage",
    "04_mixed_effects": "Mixed effects", "05_business_rollup": "Business roll-up",
    "06_misalignment_audit": "Misalignment audit", "07_action_loop": "Action loop",
}  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """Tables and facts of the earlier steps, by name; what is not there is empty.

    money : writes an amount in the study's currency
    missing : titles of steps that did not run
    manifests : what each step says of itself
    """

    money: Callable[[float], str]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def table(self, name: str) -> pd.DataFrame:
        """Return a table without its hidden rows, empty when the step did not write it."""
        frame = self.tables.get(name, pd.DataFrame())
        people = next((c for c in ("n_people", "n_units", "n_employees") if c in frame), None)
        return frame if people is None else frame[frame[people].notna()].reset_index(drop=True)

    def fact(self, name: str) -> dict[str, Any]:
        """Return facts, empty when the step did not write them."""
        return self.facts.get(name, {})

    @property
    def level(self) -> str:
        """How far this study carries: 'money', 'effects', 'associations' or 'nothing'."""
        if len(self.stream("total")) and len(self.stream("customers")) and len(self.plans):
            return "money"
        if len(self.slopes):
            return "effects"
        return "associations" if len(self.between) else "nothing"

    @property
    def people(self) -> str:
        """What the units are called: employees or teams."""
        return self.fact("linkage").get("unit") or self.fact("money").get("people") or "employees"

    @property
    def kpi(self) -> str:
        """The customers' KPI this page speaks of."""
        return self.fact("money").get("kpi") or self.fact("linkage").get("outcome") or "satisfaction"

    @property
    def slopes(self) -> pd.DataFrame:
        """Effects within the same employee or unit on the page's KPI, strongest first; empty when not assessed.

        Beside all other aspects where step 03 has that, as in the chain of step 05: one number for one thing.
        """
        rows = self._of_kpi("slopes")
        if not {"joint", "joint_low", "joint_high"} <= set(rows) or rows["joint"].isna().any():
            return rows
        names = {"joint": "estimate", "joint_low": "conf_low", "joint_high": "conf_high"}
        rows = rows.drop(columns=list(names.values())).rename(columns=names).assign(beside=True)
        return rows.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)

    @property
    def beside(self) -> str:
        """What a slope of this page is net of, in words; ``""`` where aspects were taken one at a time."""
        return ", beside all other aspects" if "beside" in self.slopes else ""

    def for_customers(self, label: str) -> str:
        """Return step 03's verdict on an aspect and customers' ratings; ``""`` where there is none."""
        rows = self.slopes
        rows = rows[rows["aspect"] == label] if len(rows) else rows
        return str(rows["verdict"].iloc[0]) if len(rows) else ""

    @property
    def between(self) -> pd.DataFrame:
        """Associations between employees or units on the page's KPI, strongest first."""
        return self._of_kpi("slopes_between")

    def _of_kpi(self, name: str) -> pd.DataFrame:
        frame = self.table(name)
        if not len(frame):
            return frame
        frame = frame[(frame["outcome"] == self.kpi) & frame["estimate"].notna()]
        return frame.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)

    def stream(self, name: str) -> pd.DataFrame:
        """Return one stream of money per aspect for the page's step, in rank order; empty when not reached."""
        frame = self.table("value")
        if not len(frame):
            return frame
        amounts = ["estimate", "std_error", "conf_low", "conf_high", "mde"]
        rows = frame[frame["stream"] == name].reset_index(drop=True)
        return rows.assign(**{column: rows[column] * self.scale for column in amounts})

    def way(self, aspect: str, stream: str) -> pd.Series | None:
        """Return one aspect's row of one stream, or None."""
        rows = self.stream(stream)
        rows = rows[rows["aspect"] == aspect] if len(rows) else rows
        return rows.iloc[0] if len(rows) else None

    def against(self, stream: str) -> list[Expected]:
        """Return the links of a stream that clearly run the other way than its money rests on."""
        through = ("customers", "saved") if stream == "total" else (stream,)
        rows = [(link, self.link(link.name)) for link in LINKS if link.stream in through]
        return [link for link, row in rows if row is not None and link.reads(row) == "opposite"]

    @property
    def order(self) -> WhichWay:
        """What step 04 found on which comes first, experience or customers' ratings."""
        return which_way(self.fact("direction"))

    def closed(self, stream: str) -> str:
        """Return why no gain of a stream of work's money is stated, as part of a sentence; ``""`` where it may be."""
        if self.against(stream):
            return "a link on the way to money runs the other way than expected"
        return self.order.against if stream in ("customers", "total") else ""

    def clear(self, name: str) -> pd.DataFrame:
        """Return the aspects of a stream with a gain clear of zero, the largest first; none where that is closed."""
        rows = self.stream(name)
        rows = rows[(rows["verdict"] == "higher") & (not self.closed(name))] if len(rows) else rows
        return rows.sort_values("estimate", ascending=False, kind="stable", ignore_index=True) if len(rows) else rows

    @property
    def losses(self) -> pd.DataFrame:
        """Return the aspects whose total is clearly a loss, the largest first."""
        rows = self.stream("total")
        rows = rows[rows["verdict"] == "lower"] if len(rows) else rows
        return rows.sort_values("estimate", kind="stable", ignore_index=True) if len(rows) else rows

    @property
    def gains(self) -> pd.DataFrame:
        """Return aspects with a clear gain: those whose total is clear, then those clear through customers alone.

        A gain through customers does not count where all in all the aspect is a clear loss.
        """
        total, customers = self.clear("total"), self.clear("customers")
        for shown in (total, self.losses):
            if len(shown) and len(customers):
                customers = customers[~customers["aspect"].isin(shown["aspect"])]
        there = [frame for frame in (total, customers) if len(frame)]
        return pd.concat(there, ignore_index=True) if there else pd.DataFrame()

    def joint(self, aspects: Iterable[str], *, sign: str = "higher") -> tuple[list[str], list[str], list[str]]:
        """Return which aspects step 04, with all in one model, confirms, turns round, and no longer sees clearly."""
        kind, rows = ("within" if len(self.slopes) else "between"), self.table("effects")
        if len(rows):
            rows = rows[(rows["outcome"] == self.kpi) & (rows["effect"] == kind)]
            rows = rows[rows["specification"] == "mixed model"]
        verdicts = dict(zip(rows["aspect"], rows["verdict"], strict=True)) if len(rows) else {}
        names, turned = list(aspects), {"higher": "lower", "lower": "higher"}[sign]
        same = [a for a in names if verdicts.get(a, sign) == sign]
        other = [a for a in names if verdicts.get(a) == turned]
        return same, other, [a for a in names if a not in same and a not in other]

    def link(self, name: str) -> pd.Series | None:
        """Return one link of the chain by its name, or None."""
        frame = self.table("chain")
        rows = frame[frame["link"] == name] if len(frame) else frame
        return rows.iloc[0] if len(rows) else None

    @property
    def contact_aspects(self) -> pd.DataFrame:
        """Return EX → contact links, the clearest first (by its lower bound)."""
        frame = self.table("chain")
        rows = frame[frame["step"] == "EX → contact"] if len(frame) else frame
        return rows.sort_values("conf_low", ascending=False, kind="stable", ignore_index=True) if len(rows) else rows

    @property
    def plans(self) -> pd.DataFrame:
        """Return the scenarios of the employees' side, the best first."""
        frame = self.table("scenarios")
        return frame[frame["side"] == "employees"].reset_index(drop=True) if len(frame) else frame

    @property
    def scale(self) -> float:
        """How many times the step of the value table fits into the step this page speaks of."""
        money = self.fact("money")
        return (money.get("raise_points") or 0.3) / (money.get("points") or 0.1)

    @property
    def step(self) -> str:
        """The improvement that all amounts of the page are stated for."""
        return f"{self.fact('money').get('raise_points') or 0.3:g} points"

    @property
    def group(self) -> str:
        """For whom it is made."""
        return self.fact("money").get("group") or "everyone"

    @property
    def benefit(self) -> str:
        """What customers' money is counted in: margin or revenue."""
        return self.fact("money").get("benefit") or "revenue"

    @property
    def recorded(self) -> str:
        """What is said where only some customers' value is recorded, '' where all are."""
        share = (self.fact("money").get("base") or {}).get("recorded") or 1.0
        return f" Only the {share:.0%} of customers whose value is recorded count." if share < 0.995 else ""

    @property
    def someone(self) -> str:
        """One of the units, as a sentence needs it."""
        return "an employee" if self.people == "employees" else f"one of the {self.people}"

    def label(self, aspect: str) -> str:
        """Return an aspect as the study calls it."""
        rows = self.table("value").query("aspect == @aspect")
        return str(rows["label"].iloc[0]) if len(rows) else aspect

    @property
    def gaps(self) -> list[str]:
        """One line for what the page as a whole lacks; what a single statement lacks is said beside it."""
        lines = [self.fact("linkage").get("no_within") or ""]
        stems = {title: stem for stem, title in TITLES.items()}
        lines += [
            f"not assessed: {title} has not been run; `exlink run STUDY --only {stems[title]}` makes it"
            for title in self.missing
        ]
        return [line for line in lines if line]


def collect(session: Any) -> Evidence:
    """Return everything the earlier steps left in this run, read through the session."""
    tables, facts, manifests, missing = {}, {}, {}, []
    for stem, (frames, dicts) in READ.items():
        if not session.available(stem):
            missing.append(TITLES[stem])
            continue
        manifests[stem] = session.manifest(stem)
        there = manifests[stem]["outputs"]
        tables |= {n: session.load(stem, n) for n in frames if f"{n}.parquet" in there}
        facts |= {n: session.load_facts(stem, n) for n in dicts if f"{n}.json" in there}
    return Evidence(session.money, tables, facts, manifests, tuple(missing))


def named(rows: pd.DataFrame, verdict: str) -> list[str]:
    """Return the aspects with a verdict, the strongest first, from rows sorted downwards."""
    names = list(rows.loc[rows["verdict"] == verdict, "aspect"])
    return names[::-1] if verdict == "lower" else names


def listed(names: Iterable[str], most: int = 3) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    items = list(names)[:most]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def capital(text: str) -> str:
    """Return a text with its first letter large."""
    return text[:1].upper() + text[1:]


def minus(value: float, spec: str) -> str:
    """Return a number with a true minus sign, and none before zero."""
    text = format(value, spec)
    return (text if any(d in text for d in "123456789") else text.lstrip("+-")).replace("-", "−")


def points(value: float) -> str:
    """Return points with their sign."""
    return minus(value, "+.2f")
