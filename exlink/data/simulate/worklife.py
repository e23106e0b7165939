"""What surrounds the surveys: desktop activity, the voice of customers and employees, initiatives, claims."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from exlink.data.simulate.design import ASPECT_NAMES, CENTRE, INITIATIVES, World
from exlink.data.simulate.ids import numbered
from exlink.data.simulate.people import People, Teams, days
from exlink.data.simulate.states import Plan, States


@dataclass(frozen=True, slots=True)
class Application:
    """A desktop application and a usual day with it: minutes, switches to it, copy-pastes."""

    name: str
    category: str
    managed: bool
    minutes: float
    switches: float
    pastes: float


APPLICATIONS = (
    Application("case system", "process", True, 190, 42, 9),
    Application("policy and product tool", "application support", True, 48, 15, 4),
    Application("knowledge base", "application support", True, 32, 12, 3),
    Application("team chat", "collaboration", True, 38, 26, 2),
    Application("learning portal", "training", True, 14, 3, 0.3),
    Application("personal spreadsheet", "process", False, 24, 11, 12),
    Application("private notes", "application support", False, 11, 8, 5),
    Application("unofficial messenger", "collaboration", False, 9, 10, 2),
)
OFF_SYSTEM = {"tools": -0.30, "strain": 0.25, "shadow": 0.80}  # on log off-system minutes
HEALTHY_OFF_SYSTEM = 0.4  # of the usual off-system minutes, the same for everybody
SWITCHING = {"tools": -0.12}  # on log switches between managed applications


@dataclass(frozen=True, slots=True)
class Theme:
    """A theme of feedback.

    fate : normal, recurring (never acted on), fixed (acted on, and it fades), heard (acted on, and it stays)
    """

    name: str
    source: str
    per_quarter: int
    fate: str
    owner: str
    can_act: bool
    praise: bool = False


THEMES = (
    Theme("waiting too long", "customer", 26, "normal", "Operations", True),
    Theme("had to explain twice", "customer", 30, "recurring", "Customer Care", False),
    Theme("bill hard to read", "customer", 22, "fixed", "Finance", True),
    Theme("friendly and competent", "customer", 24, "normal", "Customer Care", True, praise=True),
    Theme("website logs me out", "customer", 14, "normal", "IT", True),
    Theme("appointment missed", "customer", 12, "recurring", "Field Service", False),
    Theme("case system freezes", "employee", 26, "recurring", "Operations", False),
    Theme("knowledge base out of date", "employee", 20, "fixed", "Product", True),
    Theme("no authority to credit", "employee", 16, "normal", "Compliance", True),
    Theme("shift plan comes late", "employee", 14, "normal", "Planning", True),
    Theme("too many measures", "employee", 12, "normal", "Quality", False),
    Theme("praise from my manager", "employee", 10, "normal", "People", True, praise=True),
)
HEALTHY_THEMES = tuple(replace(t, fate="heard" if t.praise else "fixed", can_act=True) for t in THEMES)


@dataclass(frozen=True, slots=True)
class Listening:
    """How a company deals with feedback: shares acknowledged (not acted on), owned, told back; acted on at first."""

    acknowledged: float = 0.62
    owned: float = 0.9
    told_back: float = 0.65
    closure: float = 0.3


HEALTHY_LISTENING = Listening(acknowledged=0.95, owned=1.0, told_back=0.92, closure=0.85)

# statement, metric, percent change, base (%), n, source
CLAIMS = (
    ("Engagement rose by 250 % after friction was removed", "engagement", 250.0, None, None, "article, fintech case"),
    ("CSAT rose by 20 % within five months", "csat", 20.0, None, None, "article, fintech case"),
    ("NPS rose by 20 % within five months", "nps", 20.0, None, None, "article, fintech case"),
    ("Survey response rose by over 120 % when feedback changed processes", "response_rate", 120.0, None, None,
     "article, telecom case"),
    ("Companies that lead in EX grow revenue 1.8 times as fast", "revenue_growth", 80.0, None, None,
     "article, quoted without n or method"),
    ("Revenue doubled in six months", "revenue", 100.0, None, 1, "article, single case without control group"),
    ("Replacing an employee costs 21 % of a year's salary (median)", "replacement_cost", 21.0, None, 30,
     "Boushey & Glynn 2012, 30 case studies"),
    ("Since the new screen, a third more employees call their tools good", "tools_top2_share", 33.0, 36.0, 34,
     "internal project report (simulated)"),
    ("The share of customers who answer rose by 150 %", "response_rate", 150.0, 48.0, None,
     "vendor presentation (simulated)"),
)  # fmt: skip


def desktop_table(
    rng: np.random.Generator, world: World, people: People, teams: Teams, states: States
) -> tuple[pa.Table, dict[str, float | None]]:
    """Return ``desktop_activity`` for two working weeks a quarter, and mean off-system minutes by kind of team."""
    observed = np.concatenate([_working_week(s + 25) for s in world.starts[:-1]]
                              + [_working_week(s + 60) for s in world.starts[:-1]])  # fmt: skip
    observed.sort()
    who, day = (g.ravel() for g in np.meshgrid(np.arange(world.employees), observed, indexing="ij"))
    there = (people.hired[who] + 14 <= day) & (day < people.left[who]) & (rng.random(len(who)) < 0.88)
    who, day = who[there], day[there]
    wave = np.maximum((day[:, None] >= states.acts_from(world.lag_days)[who]).sum(1) - 1, 0)
    tools = states.reported[who, wave, ASPECT_NAMES.index("tools")] - CENTRE
    shadow = teams.shadow[people.team_on(who, day)]
    effect = off_system_effects(world)
    burden = effect["tools"] * tools + effect["strain"] * people.strain[who] + effect["shadow"] * shadow
    burden += np.log(HEALTHY_OFF_SYSTEM) * world.healthy
    shape = (len(who), len(APPLICATIONS))
    managed = np.array([a.managed for a in APPLICATIONS])
    scale = np.where(managed, 1.0, np.exp(burden)[:, None])
    usual = np.array([(a.minutes, a.switches, a.pastes) for a in APPLICATIONS])
    minutes = np.rint(usual[:, 0] * scale * np.exp(0.35 * rng.standard_normal(shape))).astype(np.int32)
    minutes = np.minimum(minutes, 480)
    busier = np.where(managed, np.exp(SWITCHING["tools"] * tools)[:, None], np.sqrt(scale))
    switches, pastes = (rng.poisson(usual[:, c] * busier) for c in (1, 2))
    row, app = np.nonzero(minutes > 0)
    off = (minutes * ~managed).sum(1)
    table = pa.table(
        {
            "employee_id": people.ids.take(pa.array(who[row])),
            "day": days(day[row]),
            "application": pa.array([a.name for a in APPLICATIONS]).take(pa.array(app)),
            "category": pa.array([a.category for a in APPLICATIONS]).take(pa.array(app)),
            "managed": managed[app],
            "minutes": minutes[row, app],
            "switches": switches[row, app].astype(np.int32),
            "copy_pastes": pastes[row, app].astype(np.int32),
        }
    )
    return table, {"shadow_teams": float(off[shadow].mean()) if shadow.any() else None,
                   "other_teams": float(off[~shadow].mean())}  # fmt: skip


def off_system_effects(world: World) -> dict[str, float]:
    """Return what moves log off-system minutes in this world."""
    return dict.fromkeys(OFF_SYSTEM, 0.0) if world.healthy else OFF_SYSTEM


def themes_of(world: World) -> tuple[Theme, ...]:
    """Return the themes of feedback in this world."""
    return HEALTHY_THEMES if world.healthy else THEMES


def _working_week(near: int) -> np.ndarray:
    monday = near - (near + 3) % 7
    return np.arange(monday, monday + 5)


def voc_table(rng: np.random.Generator, world: World) -> tuple[pa.Table, np.ndarray]:
    """Return ``voc_feedback``, and per wave the share of the quarter-before's employee feedback acted on."""
    themes, plan = themes_of(world), HEALTHY_LISTENING if world.healthy else Listening()
    rows: dict[str, list] = {c: [] for c in ("day", "theme", "acted")}
    size = {"employee": world.employees / 240, "customer": (world.interactions / 60_000) ** 0.5}
    for quarter in range(world.waves):
        for t, theme in enumerate(themes):
            fading = 0.80**quarter if theme.fate == "fixed" else 1.0
            n = rng.poisson(theme.per_quarter * size[theme.source] * fading)
            usual = 0.22 + 0.30 * quarter / max(world.waves - 1, 1) + rng.uniform(-0.08, 0.08)
            chance = {"normal": usual if theme.can_act else 0.5 * usual, "recurring": 0.0, "fixed": 0.85,
                      "heard": 0.85}[theme.fate]  # fmt: skip
            rows["day"].append(rng.integers(world.starts[quarter], world.starts[quarter + 1], n))
            rows["theme"].append(np.full(n, t))
            rows["acted"].append(rng.random(n) < chance)
    day, theme, acted = (np.concatenate(rows[c]) for c in ("day", "theme", "acted"))
    order = np.argsort(day, kind="stable")
    day, theme, acted = day[order], theme[order], acted[order]
    n, last = len(day), world.starts[-1]
    seen = day + 1 + np.floor(rng.gamma(1.5, 5.0, n)).astype(int)
    acknowledged = (rng.random(n) < np.where(acted, 0.97, plan.acknowledged)) & (seen < last)
    done = seen + 7 + np.floor(rng.gamma(2.0, 12.0, n)).astype(int)
    acted &= done < last
    told = done + 1 + np.floor(rng.gamma(1.2, 8.0, n)).astype(int)
    back = acted & (rng.random(n) < plan.told_back) & (told < last)
    by_theme = pa.array(theme)
    owned = rng.random(n) < plan.owned
    employee = np.array([t.source == "employee" for t in themes])[theme]
    quarter = np.searchsorted(world.starts, day, side="right") - 1
    closure = np.full(world.waves + 1, plan.closure)
    for q in range(world.waves - 1):
        received = employee & (quarter == q)
        if received.any():
            closure[q + 2] = acted[received].mean()
    action = np.unique(np.where(acted, theme * 100 + quarter, -1), return_inverse=True)[1]
    return pa.table(
        {
            "feedback_id": numbered("V", n, 5),
            "source": pa.array([t.source for t in themes]).take(by_theme),
            "theme": pa.array([t.name for t in themes]).take(by_theme),
            "received_on": days(day),
            "acknowledged_on": days(seen, acknowledged | acted),
            "owner": pa.array([t.owner for t in themes]).take(pa.array(theme, mask=~(owned | acted))),
            "owner_can_act": pa.array([t.can_act for t in themes]).take(pa.array(theme, mask=~(owned | acted))),
            "action_id": pa.array([f"A-{k:03d}" for k in range(action.max() + 1)]).take(pa.array(action, mask=~acted)),
            "acted_on": days(done, acted),
            "told_back_on": days(told, back),
        }
    ), closure


def initiatives_table(teams: Teams, plans: list[Plan]) -> pa.Table:
    """Return ``initiatives``: one row per initiative and team."""
    plans = sorted(plans, key=lambda p: (INITIATIVES[p.index].initiative_id, p.team))
    specs = [INITIATIVES[p.index] for p in plans]
    return pa.table({
        "initiative_id": [s.initiative_id for s in specs],
        "team_id": teams.ids.take(pa.array([p.team for p in plans])),
        "name": [s.name for s in specs], "kind": [s.kind for s in specs], "aspect": [s.aspect for s in specs],
        "started_on": days(np.array([p.day for p in plans])),
        "intended_change": [s.intended for s in specs], "cost": [s.cost for s in specs],
        "metrics_added": [s.metrics_added for s in specs], "frictions_removed": [s.frictions_removed for s in specs],
    })  # fmt: skip


def claims_table() -> pa.Table:
    """Return ``claims``: published numbers the study can be held against."""
    statement, metric, change, base, n, source = (list(c) for c in zip(*CLAIMS, strict=True))
    return pa.table({
        "claim_id": numbered("K", len(CLAIMS), 2), "statement": statement, "metric": metric, "change_pct": change,
        "base": pa.array(base, pa.float64()), "n": pa.array(n, pa.int32()), "source": source,
    })  # fmt: skip
