"""What is planted: every parameter of the simulated world, in one place.

Latent units: `ease` and `satisfaction` live on a 1–5 scale, `recommend` on 0–10; a score is the latent value
rounded to the nearest whole number and clipped to its scale. Tuples of three always run over `KPIS`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

KPIS = ("ease", "recommend", "satisfaction")
SCALES = {"ease": (1, 5), "recommend": (0, 10), "satisfaction": (1, 5)}
DIRECTIONS = ("ex-to-cx", "cx-to-ex", "both", "none")
LAST_QUARTER = (2026, 3)
CENTRE = 3.6  # typical reported aspect score; EX acts through its distance from here


@dataclass(frozen=True, slots=True)
class Aspect:
    """One aspect of work: what it does to customers, and what it weighs in employees' overall score.

    slopes : latent change of each CX KPI per reported point of the aspect, within the same person
    engagement : weight in the employee's own overall satisfaction
    aptitude : points by which one SD of the person-level confounder raises the person's mean
    """

    name: str
    factor: str
    kind: str
    slopes: tuple[float, float, float]
    engagement: float
    mean: float = CENTRE
    aptitude: float = 0.0
    loading: float = 1.0  # on its factor, relative to the others


ASPECTS = (
    Aspect("tools", "complexity", "within", (0.21, 0.30, 0.17), 0.10, 3.4),
    Aspect("knowledge", "complexity", "within", (0.13, 0.28, 0.15), 0.10, 3.6),
    Aspect("workload", "complexity", "null", (0.0, 0.0, 0.0), 0.20, 3.2, loading=0.2),
    Aspect("empowerment", "norms", "within", (0.0, 0.32, 0.11), 0.10, 3.5),
    Aspect("collaboration", "norms", "within", (0.12, 0.0, 0.0), 0.10, 3.8),
    Aspect("creativity", "norms", "within", (0.0, 0.23, 0.0), 0.05, 3.4),
    Aspect("psychological_safety", "norms", "null", (0.0, 0.0, 0.0), 0.10, 3.7, loading=0.2),
    Aspect("recognition", "management", "confounded", (0.0, 0.0, 0.0), 0.25, 3.4, 0.55),
    Aspect("coaching", "management", "confounded", (0.0, 0.0, 0.0), 0.15, 3.5, 0.50),
)
ASPECT_NAMES = tuple(a.name for a in ASPECTS)
SLOPES = np.array([a.slopes for a in ASPECTS])  # aspects x KPIs
ITEMS_PER_ASPECT = 2


@dataclass(frozen=True, slots=True)
class Role:
    """A role: how its contacts spread over the customer journey and over channels."""

    name: str
    teams: int
    volume: float
    salary: int
    journey: tuple[float, ...]
    channels: tuple[float, ...]
    tools_slope: float


JOURNEY = ("onboarding", "enquiry", "service request", "claim", "field visit", "renewal", "cancellation")
CHANNELS = ("phone", "chat", "email", "branch", "video", "on-site")
ROLES = (
    Role("contact-centre agent", 9, 1.4, 31_000, (0.14, 0.34, 0.28, 0.10, 0.00, 0.08, 0.06),
         (0.58, 0.27, 0.15, 0.0, 0.0, 0.0), 1.0),
    Role("bank advisor", 4, 0.9, 52_000, (0.26, 0.22, 0.20, 0.04, 0.00, 0.22, 0.06),
         (0.25, 0.0, 0.13, 0.42, 0.20, 0.0), 0.8),
    Role("insurance representative", 4, 0.8, 45_000, (0.16, 0.16, 0.10, 0.38, 0.00, 0.15, 0.05),
         (0.46, 0.0, 0.24, 0.22, 0.08, 0.0), 1.0),
    Role("field technician", 3, 0.7, 40_000, (0.16, 0.0, 0.24, 0.08, 0.52, 0.0, 0.0),
         (0.15, 0.0, 0.0, 0.0, 0.0, 0.85), 1.2),
)  # fmt: skip
REASONS = (
    ("open a contract", "activate a product", "verify documents"),
    ("price and terms", "bill explained", "product question"),
    ("change of address", "change of product", "technical fault"),
    ("damage report", "payment dispute", "complaint about service"),
    ("installation", "repair", "inspection"),
    ("renew on same terms", "better offer wanted", "add a product"),
    ("moved away", "found cheaper", "unhappy with service"),
)
# How likely a step of the journey is, by quarters since the customer joined (0, 1–2, 3–6, 7 and more),
# and for those who are about to leave.
JOURNEY_BY_AGE = (
    (6.0, 1.6, 0.5, 0.2, 0.6, 0.02, 0.1),
    (0.8, 1.6, 1.1, 0.7, 1.0, 0.2, 0.3),
    (0.12, 1.0, 1.2, 1.2, 1.1, 1.2, 0.6),
    (0.03, 0.6, 1.0, 1.4, 1.1, 2.2, 0.8),
    (0.02, 0.6, 0.7, 1.3, 0.5, 0.3, 9.0),
)
SITES = ("North", "East", "South", "West")


@dataclass(frozen=True, slots=True)
class Survey:
    """How employees are asked and how their states move."""

    factor_sd: float = 0.30  # spread of each of the two factors in persons' long-run means
    person_sd: float = 0.32  # what is particular to person and aspect
    team_sd: float = 0.15
    wave_sd: float = 0.50  # deviation of a wave from the person's mean
    wave_corr: float = 0.10  # between deviations of aspects that act on CX; 0 between all others
    wave_ar: float = 0.20  # carried from one wave to the next
    item_sd: float = 0.45
    response_logit: float = 1.55
    closure_logit: float = 2.0  # per unit of the share of employee feedback acted on, last quarter
    engagement_logit: float = 0.25  # per point of overall satisfaction in that wave
    late_share: float = 0.08
    straightline_share: float = 0.06  # of answers, in the two teams with the least psychological safety
    withheld_share: float = 0.08  # employees who do not consent to linking (identified = false)
    divergence: float = -0.16  # of overall satisfaction per wave, in the diverging teams
    ease_carried: float = 0.20  # of overall satisfaction, per point of everyday ease in the wave before
    withheld_shift: float = -0.20  # points by which they answer lower


@dataclass(frozen=True, slots=True)
class Contact:
    """What shapes one interaction and how the customer rates it (latent units per KPI)."""

    intercept: tuple[float, float, float] = (4.05, 7.95, 4.12)
    aptitude: tuple[float, float, float] = (0.16, 0.40, 0.17)
    employee_sd: tuple[float, float, float] = (0.10, 0.22, 0.10)
    team_sd: tuple[float, float, float] = (0.13, 0.30, 0.14)
    customer_sd: tuple[float, float, float] = (0.34, 0.85, 0.38)
    mood: tuple[float, float, float] = (0.55, 1.30, 0.56)  # SD shared by the three answers of one contact
    noise: tuple[float, float, float] = (0.62, 1.15, 0.58)  # SD particular to one answer
    complexity: tuple[float, float, float] = (-0.12, -0.20, -0.08)  # per level above 3
    wait: tuple[float, float, float] = (-0.08, -0.14, -0.07)  # per unit of log wait over the channel's median
    resolved: tuple[float, float, float] = (0.50, 0.95, 0.45)  # first contact resolved or not
    script: tuple[float, float, float] = (0.30, 0.50, 0.30)  # per unit of script adherence at complexity 3
    script_complexity: tuple[float, float, float] = (-0.40, -0.90, -0.45)  # … and per level above 3
    divergence: tuple[float, float, float] = (0.05, 0.13, 0.07)  # per quarter, in the diverging teams
    tools_slope_sd: float = 0.20  # SD of persons' tools slope, as a share of their role's slope
    new_hire_knowledge: float = 1.5  # knowledge slope of people in their first year, relative to the others
    invited: float = 0.90
    answered: tuple[float, ...] = (0.315, 0.33, 0.345, 0.36, 0.375)  # by satisfaction score 1..5, if invited
    item_missing: float = 0.03
    echo: float = 0.8  # where CX acts on EX: latent points of every aspect per point of last quarter's satisfaction


JOURNEY_EFFECT = np.array([
    (0.10, 0.15, 0.08), (0.12, 0.10, 0.10), (-0.02, 0.00, 0.00), (-0.35, -0.60, -0.30),
    (0.02, 0.10, 0.05), (0.08, 0.20, 0.10), (-0.25, -0.90, -0.30),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operations:
    """Operational outcomes that EX moves (mediators): coefficient per reported point."""

    resolved: dict[str, float] = field(default_factory=lambda: {"knowledge": 0.30, "tools": 0.10})
    reopened: dict[str, float] = field(default_factory=lambda: {"knowledge": -0.25})
    escalated: dict[str, float] = field(default_factory=lambda: {"empowerment": -0.25})
    log_handle: dict[str, float] = field(default_factory=lambda: {"tools": -0.06})
    log_transfers: dict[str, float] = field(default_factory=lambda: {"knowledge": -0.15})


@dataclass(frozen=True, slots=True)
class Money:
    """Customer level: contact satisfaction (q-1) -> overall CX (q) -> revenue and churn (q+1)."""

    overall_slope: tuple[float, float, float] = (0.32, 0.85, 0.45)
    overall_intercept: tuple[float, float, float] = (3.85, 7.40, 3.85)
    overall_trait: tuple[float, float, float] = (0.25, 0.60, 0.28)
    overall_noise: tuple[float, float, float] = (0.55, 1.20, 0.55)
    relationship_share: float = 0.22
    revenue_slope: float = 0.04  # log points per point of overall satisfaction
    revenue_noise: float = 0.12
    churn_intercept: float = -3.7  # logit at overall satisfaction 4
    churn_slope: float = -0.55
    panel: int = 200_000  # customers whose value is recorded, at most


@dataclass(frozen=True, slots=True)
class Exit:
    """Quarterly logit of a voluntary exit, on last quarter's state."""

    intercept: float = -3.75
    satisfaction: float = -0.80  # per point of reported EX satisfaction above 3.6
    unresolved: float = 0.04  # per unresolved escalation in 100 contacts
    top_unresolved: float = 0.26  # … in addition, for top performers
    top_rating: int = 5
    involuntary: float = 0.006  # constant quarterly probability


HEALTHY_EXIT = Exit(intercept=-3.54, unresolved=0.0, top_unresolved=0.0)  # as many leave, and not for escalations


@dataclass(frozen=True, slots=True)
class Initiative:
    """A change introduced in some teams; `effect` is what it really does to the latent aspect."""

    initiative_id: str
    name: str
    kind: str
    aspect: str
    start_wave: float  # share of the study that has passed when it starts
    teams: int
    intended: float
    effect: float
    cost: int
    metrics_added: int
    frictions_removed: int
    note: str


INITIATIVES = (
    Initiative("N-01", "One screen for the whole case", "remove_friction", "tools", 0.45, 3, 0.6, 0.7, 85_000,
               0, 9, "worked: raises the latent aspect in its teams"),
    Initiative("N-02", "Decide on the spot programme", "training", "empowerment", 0.40, 3, 0.5, 0.0, 60_000,
               1, 0, "announced, but employees perceived nothing"),
    Initiative("N-03", "Quality scorecards", "add_measurement", "workload", 0.55, 3, 0.3, -0.35, 30_000,
               7, 0, "added measurement; work became heavier"),
    Initiative("N-04", "Knowledge base rewritten", "streamlining", "knowledge", 0.60, 2, 0.4, 0.3, 45_000,
               0, 4, "worked in part"),
    Initiative("N-05", "Weekly coaching hour", "coaching", "coaching", 0.35, 3, 0.4, 0.4, 40_000,
               1, 0, "perceived, but the aspect does not act on customers"),
    Initiative("N-06", "New desktop assistant", "tooling", "tools", 0.70, 2, 0.5, 0.1, 120_000,
               2, 2, "much dearer than what it moved"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """Sizes, calendar and seed of one simulated study, and what kind of world it is.

    direction : one of ``DIRECTIONS``: what acts on what
    healthy : none of the symptoms of a misaligned company is planted
    """

    employees: int = 240
    interactions: int = 60_000
    waves: int = 8
    seed: int = 2026
    direction: str = "ex-to-cx"
    healthy: bool = False
    lag_days: int = 14
    window_days: int = 91
    min_group: int = 8

    @property
    def ex_acts(self) -> bool:
        """Whether what employees report acts on their customers' scores and on operations."""
        return self.direction in ("ex-to-cx", "both")

    @property
    def cx_acts(self) -> bool:
        """Whether what a quarter's customers felt acts on what employees report next."""
        return self.direction in ("cx-to-ex", "both")

    @property
    def teams(self) -> int:
        """Number of teams: twelve people each, at least one of every role."""
        return max(4, round(self.employees / 12))

    @property
    def customers(self) -> int:
        """Number of customers: each has about five contacts."""
        return max(50, self.interactions // 5)

    @property
    def quarters(self) -> tuple[str, ...]:
        """Labels such as 2026Q3, oldest first."""
        last = LAST_QUARTER[0] * 4 + LAST_QUARTER[1] - 1
        return tuple(f"{k // 4}Q{k % 4 + 1}" for k in range(last - self.waves + 1, last + 1))

    @property
    def starts(self) -> np.ndarray:
        """First day of every quarter and, last, the day after the study (days since 1970)."""
        last = LAST_QUARTER[0] * 4 + LAST_QUARTER[1] - 1
        ks = range(last - self.waves + 1, last + 2)
        return np.array([to_day(date(k // 4, k % 4 * 3 + 1, 1)) for k in ks])


def to_day(moment: date) -> int:
    """Return days since 1970-01-01."""
    return (moment - date(1970, 1, 1)).days
