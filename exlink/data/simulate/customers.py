"""Customers: who they are, what they think overall, what they are worth, when they go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from exlink.data.simulate.design import KPIS, SCALES, Contact, Money, World
from exlink.data.simulate.ids import lettered
from exlink.data.simulate.people import STAYS, days


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers, one entry each; ``churned`` (quarter) and ``overall`` change as the study unfolds.

    effect : (customer, kpi)  crossed random effect on the score of every contact
    trait : what effect and overall CX share, standard normal
    overall : (customer, kpi)  overall CX of the quarter before, as scores
    """

    effect: np.ndarray
    trait: np.ndarray
    activity: np.ndarray
    joined: np.ndarray
    churned: np.ndarray
    log_worth: np.ndarray
    margin: np.ndarray
    overall: np.ndarray
    largest: int


@dataclass(frozen=True, slots=True)
class Moods:
    """What customers took home from one quarter's contacts.

    mean : (customer,)  mean satisfaction score: of the answered contacts if any was, else of all; NaN without contact
    told : whether the mean rests on answered contacts
    cost : cost to serve, in currency
    """

    mean: np.ndarray
    told: np.ndarray
    cost: np.ndarray


@dataclass(slots=True)
class Tally:
    """Running sums per customer over one quarter's contacts, chunk by chunk."""

    n: np.ndarray
    total: np.ndarray
    n_told: np.ndarray
    total_told: np.ndarray
    cost: np.ndarray

    @classmethod
    def empty(cls, n: int) -> Tally:
        """Return a tally of nothing yet."""
        return cls(*(np.zeros(n, np.float32) for _ in range(5)))

    def add(self, customer: np.ndarray, score: np.ndarray, told: np.ndarray, cost: np.ndarray) -> None:
        """Count one chunk in."""
        np.add.at(self.n, customer, np.float32(1))
        np.add.at(self.total, customer, score.astype(np.float32))
        np.add.at(self.n_told, customer, told.astype(np.float32))
        np.add.at(self.total_told, customer, (score * told).astype(np.float32))
        np.add.at(self.cost, customer, cost.astype(np.float32))

    def moods(self) -> Moods:
        """Return the quarter's result."""
        told = self.n_told > 0
        n = np.where(told, self.n_told, self.n)
        total = np.where(told, self.total_told, self.total)
        mean = np.divide(total, n, out=np.full(len(n), np.nan, np.float32), where=n > 0)
        return Moods(mean, told, self.cost)


def draw_customers(rng: np.random.Generator, world: World) -> Customers:
    """Draw customers; one in six joins during the study."""
    n, sd = world.customers, Contact().customer_sd
    trait = rng.standard_normal(n)
    effect = np.stack([s * (0.8 * trait + 0.6 * rng.standard_normal(n)) for s in sd], axis=1)
    joined = np.where(rng.random(n) < 1 / 6, rng.integers(1, max(2, world.waves), n), -rng.geometric(0.12, n))
    log_worth = 5.6 + 0.55 * rng.standard_normal(n) + 0.10 * trait
    return Customers(effect, trait, rng.gamma(1.4, 1.0, n), joined, np.full(n, STAYS), log_worth,
                     rng.uniform(0.22, 0.38, n), np.full((n, len(KPIS)), 4.0), max(world.customers - 1, 1))  # fmt: skip


def overall_latent(customers: Customers, moods: Moods, k: int) -> np.ndarray:
    """Return the expected latent overall CX of KPI ``k`` after the contacts of the quarter before."""
    plan = Money()
    heard = np.where(np.isnan(moods.mean), 4.0, moods.mean)
    latent = plan.overall_intercept[k] + plan.overall_slope[k] * (heard - 4.0)
    return latent + plan.overall_trait[k] * customers.trait


def draw_overall(rng: np.random.Generator, customers: Customers, moods: Moods) -> np.ndarray:
    """Return this quarter's overall CX scores, (customer, kpi)."""
    plan, out = Money(), np.empty_like(customers.overall)
    for k, kpi in enumerate(KPIS):
        latent = overall_latent(customers, moods, k) + plan.overall_noise[k] * rng.standard_normal(len(out))
        out[:, k] = np.clip(np.rint(latent), *SCALES[kpi])
    return out


def relationship_table(
    rng: np.random.Generator, world: World, customers: Customers, overall: np.ndarray, quarter: int
) -> pa.Table:
    """Return this quarter's rows of ``customer_relationship``: a random subset answers."""
    here = (customers.joined <= quarter) & (customers.churned >= quarter)
    here[Money().panel :] = False
    who = np.flatnonzero(here & (rng.random(len(here)) < Money().relationship_share))
    day = rng.integers(world.starts[quarter] + 10, world.starts[quarter + 1] - 5, len(who))
    columns = {}
    for k, kpi in enumerate(KPIS):
        skipped = rng.random(len(who)) < (0.0 if kpi == "satisfaction" else 0.03)
        columns[kpi] = pa.array(overall[who, k].astype(np.int16), mask=skipped)
    return pa.table({"customer_id": lettered("C", who, customers.largest), "responded_on": days(day), **columns})


def apply_churn(rng: np.random.Generator, customers: Customers, quarter: int) -> None:
    """Mark who leaves at the end of this quarter, given the overall CX of the quarter before."""
    plan = Money()
    here = (customers.joined <= quarter) & (customers.churned >= quarter)
    score = customers.overall[:, KPIS.index("satisfaction")]
    hazard = 1 / (1 + np.exp(-(plan.churn_intercept + plan.churn_slope * (score - 4.0))))
    customers.churned[here & (rng.random(len(here)) < hazard)] = quarter


def value_table(rng: np.random.Generator, world: World, customers: Customers, moods: Moods, quarter: int) -> pa.Table:
    """Return this quarter's rows of ``customer_value``, given the overall CX of the quarter before."""
    plan = Money()
    here = (customers.joined <= quarter) & (customers.churned >= quarter)
    score = customers.overall[:, KPIS.index("satisfaction")]
    season = 0.04 * np.sin(np.pi / 2 * quarter)
    log_revenue = customers.log_worth + plan.revenue_slope * (score - 4.0) + season + 0.008 * quarter
    revenue = np.exp(log_revenue + plan.revenue_noise * rng.standard_normal(len(here)))
    who = np.flatnonzero(here[: plan.panel])
    served = np.round(moods.cost[who].astype(float), 2)
    label = world.quarters[quarter]
    return pa.table({
        "customer_id": lettered("C", who, customers.largest),
        "period": pa.array([label]).take(pa.array(np.zeros(len(who), int))),
        "revenue": np.round(revenue[who], 2),
        "margin": np.round(revenue[who] * customers.margin[who] - served, 2),
        "cost_to_serve": served,
        "churned": customers.churned[who] == quarter,
    })  # fmt: skip
