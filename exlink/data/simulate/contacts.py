"""Interactions of one chunk, drawn step by step: who meets whom and when, what happens, how it is rated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exlink.data.simulate.customers import Customers
from exlink.data.simulate.design import (
    ASPECT_NAMES,
    CENTRE,
    CHANNELS,
    JOURNEY,
    JOURNEY_BY_AGE,
    JOURNEY_EFFECT,
    KPIS,
    ROLES,
    SCALES,
    SLOPES,
    Contact,
    Operations,
    World,
)
from exlink.data.simulate.people import People, Teams
from exlink.data.simulate.states import States

WAIT_MEDIAN = np.array([95.0, 40.0, 14_400.0, 420.0, 60.0, 900.0])  # seconds, by channel
HANDLE_MEDIAN = np.array([360.0, 480.0, 300.0, 1_100.0, 1_300.0, 2_700.0])
STEP_COMPLEXITY = np.array([2.8, 2.4, 2.9, 3.7, 3.1, 2.6, 3.0])
PLAN, OPS = Contact(), Operations()


@dataclass(frozen=True, slots=True)
class Effects:
    """Stable effects on customers' scores, drawn once: (employee, kpi), (team, kpi), and slopes of persons."""

    employee: np.ndarray
    team: np.ndarray
    tools_slope: np.ndarray
    strain: np.ndarray
    adherence: np.ndarray
    volume: np.ndarray


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that stays the same over the chunks of a study."""

    world: World
    people: People
    teams: Teams
    states: States
    customers: Customers
    effects: Effects


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk of interactions, one entry each.

    index : (row, kpi)  expected latent score, but for ``PLAN.resolved * (resolved - p_resolved)``
    slopes : (row, aspect, kpi)  what one reported point does to the latent score of this contact
    scores : (row, kpi)  what the customer would answer ;  answered : whether it was
    """

    who: np.ndarray
    customer: np.ndarray
    team: np.ndarray
    day: np.ndarray
    second: np.ndarray
    wave: np.ndarray
    linked: np.ndarray
    step: np.ndarray
    channel: np.ndarray
    reason: np.ndarray
    complexity: np.ndarray
    wait: np.ndarray
    handle: np.ndarray
    transfers: np.ndarray
    resolved: np.ndarray
    p_resolved: np.ndarray
    reopened: np.ndarray
    escalated: np.ndarray
    closed_on: np.ndarray
    adherence: np.ndarray
    slopes: np.ndarray
    index: np.ndarray
    scores: np.ndarray
    invited: np.ndarray
    answered: np.ndarray


def draw_effects(rng: np.random.Generator, people: People, teams: Teams) -> Effects:
    """Draw the stable effects of persons and teams."""
    n, m = len(people.role), len(teams.role)
    common, team = rng.standard_normal(n), rng.standard_normal(m)
    employee = np.stack([s * (0.8 * common + 0.6 * rng.standard_normal(n)) for s in PLAN.employee_sd], axis=1)
    employee += people.aptitude[:, None] * np.array(PLAN.aptitude)
    by_team = np.stack([s * (0.8 * team + 0.6 * rng.standard_normal(m)) for s in PLAN.team_sd], axis=1)
    role_slope = np.array([r.tools_slope for r in ROLES])[people.role]
    slope = role_slope * (1 + PLAN.tools_slope_sd * rng.standard_normal(n))
    strict = rng.uniform(0.55, 0.85, m)
    adherence = strict[people.team_first] + 0.05 * rng.standard_normal(n)
    volume = np.array([r.volume for r in ROLES])[people.role] * np.exp(0.2 * rng.standard_normal(n))
    return Effects(employee, by_team, slope, people.strain, adherence, volume)


def draw_chunk(
    rng: np.random.Generator, scene: Scene, quarter: int, n: int, acts: np.ndarray, weights: np.ndarray
) -> Chunk:
    """Draw ``n`` interactions of a quarter; ``weights`` are customers' cumulative activity, 0 … 1."""
    people, states, world = scene.people, scene.states, scene.world
    who, day, second = _who_and_when(rng, scene, quarter, n)
    customer = np.searchsorted(weights, rng.random(n), side="right").astype(np.int32)
    wave = (day[:, None] >= acts[who]).sum(1) - 1
    wave = np.maximum(wave, 0)
    linked = states.answered[who, wave] & (day - acts[who, wave] < world.window_days)
    x = (states.reported[who, wave] - CENTRE) * world.ex_acts
    step, channel = _step_and_channel(rng, people.role[who], _stage(scene.customers, customer, quarter))
    reason = rng.choice(3, n, p=(0.5, 0.3, 0.2))
    complexity = np.clip(np.rint(STEP_COMPLEXITY[step] + 0.25 * (reason - 1) + 0.9 * rng.standard_normal(n)), 1, 5)
    team = people.team_on(who, day)
    adherence = np.clip(scene.effects.adherence[who] + 0.10 * rng.standard_normal(n), 0, 1).round(2)
    log_wait = 0.7 * rng.standard_normal(n)
    work = _work(rng, scene, x, who, team, channel, complexity, day)
    slopes = _slopes(scene, who, day)
    index = np.array(PLAN.intercept) + np.einsum("na,nak->nk", x, slopes)
    index += scene.effects.employee[who] + scene.effects.team[team] + scene.customers.effect[customer]
    index += JOURNEY_EFFECT[step] + np.outer(complexity - 3, PLAN.complexity) + np.outer(log_wait, PLAN.wait)
    index += np.outer(adherence - 0.7, PLAN.script)
    index += np.outer((adherence - 0.7) * (complexity - 3), PLAN.script_complexity)
    index += np.outer(scene.teams.diverging[team] * float(quarter), PLAN.divergence)
    scores = _scores(rng, index, work["resolved"] - work["p_resolved"])
    invited = rng.random(n) < PLAN.invited
    chance = np.array(PLAN.answered)[scores[:, KPIS.index("satisfaction")] - 1]
    answered = invited & (rng.random(n) < chance / 0.90)
    return Chunk(
        who=who, customer=customer, team=team, day=day, second=second, wave=wave, linked=linked, step=step,
        channel=channel, reason=reason, complexity=complexity.astype(np.int8),
        wait=np.rint(WAIT_MEDIAN[channel] * np.exp(log_wait)).astype(np.int32), adherence=adherence, slopes=slopes,
        index=index, scores=scores, invited=invited, answered=answered, **work,
    )  # fmt: skip


def customer_weights(customers: Customers, quarter: int) -> np.ndarray:
    """Return cumulative shares of contacts by customer, among those who are customers in this quarter."""
    here = (customers.joined <= quarter) & (customers.churned >= quarter)
    total = np.cumsum(customers.activity * here)
    return total / total[-1]


def _who_and_when(rng: np.random.Generator, scene: Scene, quarter: int, n: int) -> tuple[np.ndarray, ...]:
    """Return employee, day and second of day: in proportion to volume and to the days they worked."""
    first, last = scene.world.starts[quarter], scene.world.starts[quarter + 1]
    calendar = np.arange(first, last)
    weekday = (calendar + 3) % 7  # 1970-01-01 was a Thursday; 0 = Monday
    busy = np.concatenate([[0.0], np.cumsum(np.where(weekday == 6, 0.0, np.where(weekday == 5, 0.45, 1.0)))])
    start = busy[np.clip(scene.people.hired + 14, first, last) - first]
    end = busy[np.clip(scene.people.left, first, last) - first]
    share = np.cumsum(scene.effects.volume * np.maximum(end - start, 0))
    who = np.searchsorted(share / share[-1], rng.random(n), side="right").astype(np.int32)
    worked = start[who] + rng.random(n) * (end - start)[who]
    day = first + np.searchsorted(busy, worked, side="right") - 1
    order = np.argsort(day, kind="stable")
    who, day = who[order], day[order]
    second = (8 + 10.5 * rng.beta(1.6, 1.8, n)) * 3600
    order = np.lexsort((second, day))
    return who[order], day[order], second[order].astype(np.int32)


def _stage(customers: Customers, who: np.ndarray, quarter: int) -> np.ndarray:
    """Return the row of ``JOURNEY_BY_AGE`` that holds for each customer."""
    age = np.searchsorted([1, 3, 7], quarter - customers.joined[who], side="right")
    return np.where(customers.churned[who] == quarter, len(JOURNEY_BY_AGE) - 1, age)


def _step_and_channel(rng: np.random.Generator, role: np.ndarray, stage: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the journey step (by role and the customer's stage) and the channel (by role)."""
    journey = np.array([r.journey for r in ROLES])[:, None, :] * np.array(JOURNEY_BY_AGE)
    journey = np.cumsum(journey / journey.sum(-1, keepdims=True), axis=-1)
    channels = np.cumsum(np.array([r.channels for r in ROLES]), axis=1)
    step = (rng.random(len(role))[:, None] > journey[role, stage]).sum(1)
    channel = (rng.random(len(role))[:, None] > channels[role]).sum(1)
    return np.minimum(step, len(JOURNEY) - 1), np.minimum(channel, len(CHANNELS) - 1)


def _moved(x: np.ndarray, by: dict[str, float]) -> np.ndarray:
    """Return what EX adds to a linear predictor."""
    return sum(slope * x[:, ASPECT_NAMES.index(name)] for name, slope in by.items())


def _work(
    rng: np.random.Generator, scene: Scene, x: np.ndarray, who: np.ndarray, team: np.ndarray, channel: np.ndarray,
    complexity: np.ndarray, day: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Draw the operational outcomes; EX moves each of them, so they mediate and are no controls."""
    n, hard = len(who), complexity - 3
    p_resolved = _logistic(1.0 - 0.30 * hard + _moved(x, OPS.resolved))
    resolved = rng.random(n) < p_resolved
    handle = HANDLE_MEDIAN[channel] * np.exp(0.12 * hard + _moved(x, OPS.log_handle) + 0.45 * rng.standard_normal(n))
    transfers = np.minimum(rng.poisson(0.28 * np.exp(0.25 * hard + _moved(x, OPS.log_transfers))), 5)
    reopened = rng.random(n) < _logistic(-2.7 + 0.9 * ~resolved + _moved(x, OPS.reopened))
    faulty = scene.teams.faulty[team]
    strain = 0.40 * scene.effects.strain[who] + 0.5 * faulty
    escalated = rng.random(n) < _logistic(-3.7 + 0.35 * hard + 1.1 * ~resolved + strain + _moved(x, OPS.escalated))
    closes = rng.random(n) < np.where(faulty, 0.45, 0.68)
    closed = day + 1 + np.floor(rng.gamma(1.3, 7.0, n)).astype(int)
    known = escalated & closes & (closed < scene.world.starts[-1])
    return {"resolved": resolved, "p_resolved": p_resolved, "handle": np.rint(handle).astype(np.int32),
            "transfers": transfers.astype(np.int8), "reopened": reopened, "escalated": escalated,
            "closed_on": np.where(known, closed, 0)}  # fmt: skip


def _slopes(scene: Scene, who: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Return what one reported point does to each latent score, (row, aspect, kpi)."""
    slopes = np.broadcast_to(SLOPES * scene.world.ex_acts, (len(who), *SLOPES.shape)).copy()
    slopes[:, ASPECT_NAMES.index("tools")] *= scene.effects.tools_slope[who][:, None]
    new = day - scene.people.hired[who] < 365
    slopes[:, ASPECT_NAMES.index("knowledge")] *= np.where(new, PLAN.new_hire_knowledge, 1.0)[:, None]
    return slopes


def _scores(rng: np.random.Generator, index: np.ndarray, resolved: np.ndarray) -> np.ndarray:
    """Return the scores every customer would give, (row, kpi)."""
    mood = rng.standard_normal(len(index))
    scores = np.empty(index.shape, np.int8)
    for k, kpi in enumerate(KPIS):
        latent = index[:, k] + PLAN.resolved[k] * resolved + PLAN.mood[k] * mood
        latent += PLAN.noise[k] * rng.standard_normal(len(index))
        scores[:, k] = np.clip(np.rint(latent), *SCALES[kpi])
    return scores


def _logistic(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))
