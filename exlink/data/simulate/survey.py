"""Employees' states wave by wave, and what they answer (EX).

What acts on customers is the *reported* score of an aspect: the mean of its items as answered, or as they
would have been answered by those who did not. So the analyst sees the very variable that acts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from exlink.data.simulate.design import ASPECTS, CENTRE, INITIATIVES, ITEMS_PER_ASPECT, SCALES, Survey, World
from exlink.data.simulate.people import People, Teams, days

MOMENTS = ("everyday work", "hiring", "initial training", "after-training support", "regular training", "coaching",
           "performance improvement plan", "recognition", "promotion")  # fmt: skip
UNASKED = "performance improvement plan"  # people go through it, nobody asks them
MOMENT_EFFECT = np.array([0.0, 0.25, 0.10, -0.15, -0.05, 0.15, 0.0, 0.30, 0.20])
KPI_NOISE = np.array([0.55, 1.30, 0.55])


@dataclass(frozen=True, slots=True)
class Plan:
    """An initiative in a team: which aspect it moves, from which day, and by how much."""

    index: int
    team: int
    day: int


@dataclass(frozen=True, slots=True)
class States:
    """EX of every employee (i) in every wave (w); wave 0 lies before the study and is never asked.

    reported : (i, w, aspect)  the mean of the items, NaN nowhere
    items : (i, w, aspect, item)  0 where the item was skipped
    kpis : (i, w, moment, kpi)  the EX KPI items
    exposed : (i, w, moment)  the employee went through this moment
    asked : (i, w)  employed when the wave opened
    answered : (i, w)  the wave was answered
    day : (i, w)  of the answer, or of the would-be answer
    satisfaction : (i, w)  mean of the satisfaction KPI items of the moments answered
    """

    reported: np.ndarray
    items: np.ndarray
    kpis: np.ndarray
    exposed: np.ndarray
    asked: np.ndarray
    answered: np.ndarray
    day: np.ndarray
    opened: np.ndarray
    satisfaction: np.ndarray

    def acts_from(self, lag: int) -> np.ndarray:
        """Return the day from which each state acts, (i, w)."""
        return self.day + lag


def plan_initiatives(rng: np.random.Generator, world: World, teams: Teams) -> list[Plan]:
    """Choose teams and starting days; no team has two initiatives while there are teams enough."""
    length = world.starts[-1] - world.starts[0]
    order = rng.permutation(np.flatnonzero(~teams.diverging))
    plans, used = [], 0
    for k, change in enumerate(INITIATIVES):
        count = max(1, round(change.teams * world.teams / 20))
        for _ in range(min(count, len(order))):
            day = world.starts[0] + int(length * change.start_wave) + int(rng.integers(0, 45))
            plans.append(Plan(k, int(order[used % len(order)]), day))
            used += 1
    return plans


def draw_states(
    rng: np.random.Generator, world: World, people: People, teams: Teams, plans: list[Plan], closure: np.ndarray
) -> States:
    """Draw all states and answers; exits are applied later, by the caller."""
    plan, n, waves = Survey(), world.employees, world.waves + 1
    opened = np.concatenate([[world.starts[0] - 91], world.starts[:-1]]) + 3
    latent = _means(rng, plan, people, teams)[:, None, :] + _deviations(rng, plan, n, waves)
    latent += rng.normal(0.0, 0.05, (1, waves, len(ASPECTS)))
    for change in plans:
        spec = INITIATIVES[change.index]
        a = [x.name for x in ASPECTS].index(spec.aspect)
        for w in np.flatnonzero(opened > change.day):
            there = people.team_on(np.arange(n), np.full(n, opened[w])) == change.team
            latent[there, w, a] += spec.effect
    items = _items(rng, plan, latent, teams.unsafe[people.team_first])
    shown = items > 0
    reported = (items * shown).sum(-1) / shown.sum(-1)
    exposed = _exposures(rng, people, opened)
    kpis, satisfaction = _kpis(rng, people, teams, reported, exposed)
    asked = (people.hired[:, None] < opened[None, :] - 30) & (np.arange(waves) > 0)
    logit = plan.response_logit + plan.closure_logit * (closure - 0.3)[None, :]
    logit = logit + plan.engagement_logit * (satisfaction - 3.6) + 0.5 * rng.standard_normal((n, 1))
    answered = asked & (rng.random((n, waves)) < 1 / (1 + np.exp(-logit)))
    day = _days(rng, plan, opened, answered)
    last = world.starts[-1]
    return States(reported, items, kpis, exposed, asked, answered & (day < last), day, opened, satisfaction)


def _means(rng: np.random.Generator, plan: Survey, people: People, teams: Teams) -> np.ndarray:
    """Return persons' long-run means, (i, aspect): two factors, team, aptitude, and what is their own."""
    n = len(people.role)
    factors = {f: plan.factor_sd * rng.standard_normal(n) for f in ("complexity", "norms", "management")}
    team = plan.team_sd * rng.standard_normal((len(teams.role), len(ASPECTS)))
    team[teams.unsafe, [a.name for a in ASPECTS].index("psychological_safety")] -= 0.7
    own = plan.person_sd * rng.standard_normal((n, len(ASPECTS)))
    mean = np.array([a.mean for a in ASPECTS]) + own + team[people.team_first]
    mean += np.stack([a.loading * factors[a.factor] for a in ASPECTS], axis=1)
    mean += people.aptitude[:, None] * np.array([a.aptitude for a in ASPECTS])
    return mean + np.where(people.consents, 0.0, plan.withheld_shift)[:, None]


def _deviations(rng: np.random.Generator, plan: Survey, n: int, waves: int) -> np.ndarray:
    """Return stationary wave deviations, (i, w, aspect); only aspects that act share a common part."""
    acts = np.array([a.kind == "within" for a in ASPECTS])
    corr = np.where(np.outer(acts, acts), plan.wave_corr, 0.0)
    np.fill_diagonal(corr, 1.0)
    root = np.linalg.cholesky(corr).T * plan.wave_sd
    out = np.empty((n, waves, len(ASPECTS)))
    out[:, 0] = rng.standard_normal((n, len(ASPECTS))) @ root
    for w in range(1, waves):
        fresh = rng.standard_normal((n, len(ASPECTS))) @ root
        out[:, w] = plan.wave_ar * out[:, w - 1] + np.sqrt(1 - plan.wave_ar**2) * fresh
    return out


def _items(rng: np.random.Generator, plan: Survey, latent: np.ndarray, unsafe: np.ndarray) -> np.ndarray:
    """Return answered items, (i, w, aspect, item) on 1–5; 0 = skipped, never both of an aspect."""
    noise = plan.item_sd * rng.standard_normal((*latent.shape, ITEMS_PER_ASPECT))
    items = np.clip(np.rint(latent[..., None] + noise), 1, 5).astype(np.int8)
    flat = (rng.random(latent.shape[:2]) < plan.straightline_share) & unsafe[:, None]
    items[flat] = np.rint(latent[flat].mean(-1)).astype(np.int8)[:, None, None]
    skip = rng.random(latent.shape) < 0.015 + 0.02 * unsafe[:, None, None]
    items[..., 1][skip] = 0
    return items


def _exposures(rng: np.random.Generator, people: People, opened: np.ndarray) -> np.ndarray:
    """Return who went through which moment before each wave, (i, w, moment)."""
    n, waves = len(people.role), len(opened)
    since = opened[None, :] - people.hired[:, None]
    new = (since > 30) & (since <= 122)
    later = (since > 122) & (since <= 213)
    chance = {"regular training": 0.30, "coaching": 0.40, UNASKED: 0.025, "recognition": 0.20, "promotion": 0.03}
    out = np.zeros((n, waves, len(MOMENTS)), bool)
    out[..., 0] = True
    out[..., 1] = out[..., 2] = new
    out[..., 3] = later
    for name, p in chance.items():
        out[..., MOMENTS.index(name)] = rng.random((n, waves)) < p
    return out


def _kpis(
    rng: np.random.Generator, people: People, teams: Teams, reported: np.ndarray, exposed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the EX KPI items (i, w, moment, kpi) and the mean satisfaction over the moments met (i, w)."""
    n, waves, _ = reported.shape
    plan = Survey()
    mean = np.array([a.mean for a in ASPECTS])
    overall = CENTRE + (reported - mean) @ np.array([a.engagement for a in ASPECTS])
    overall += 0.35 * rng.standard_normal((n, 1))
    overall += teams.diverging[people.team_first][:, None] * plan.divergence * (np.arange(waves) - waves / 2)
    tools = 0.35 * (reported[..., 0] - mean[0])  # good tools make work easy
    noise = KPI_NOISE * rng.standard_normal((n, waves, len(MOMENTS), len(SCALES)))
    low, high = np.array([SCALES[k] for k in SCALES]).T
    kpis = np.empty(noise.shape, np.int8)
    for w in range(waves):
        if w > 0:  # a wave of hard work lowers the next wave's engagement
            overall[:, w] += plan.ease_carried * (kpis[:, w - 1, 0, 0] - 3.5)
        level = overall[:, w, None] + MOMENT_EFFECT
        latent = np.stack([level - 0.05 + tools[:, w, None], 2.4 * (level - CENTRE) + 6.8, level], axis=-1)
        kpis[:, w] = np.clip(np.rint(latent + noise[:, w]), low, high)
    heard = exposed.copy()
    heard[..., MOMENTS.index(UNASKED)] = False
    return kpis, (kpis[..., 2] * heard).sum(-1) / heard.sum(-1)


def _days(rng: np.random.Generator, plan: Survey, opened: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """Return the day of every answer; a would-be answer never cuts short the window of the last real one."""
    shape = answered.shape
    delay = np.minimum(np.floor(rng.exponential(6.0, shape)), 24).astype(int)
    late = rng.random(shape) < plan.late_share
    day = opened[None, :] + np.where(late, rng.integers(25, 61, shape), delay)
    last = np.full(shape[0], -(10**6))
    for w in range(shape[1]):
        day[:, w] = np.where(answered[:, w], day[:, w], np.maximum(day[:, w], last + 91))
        last = np.where(answered[:, w], day[:, w], last)
    return day


def responses_table(people: People, states: States, quarters: tuple[str, ...]) -> pa.Table:
    """Return ``ex_responses``: one row per item, by employee and day."""
    i, w, a, k = np.nonzero((states.items > 0) & states.answered[..., None, None])
    drivers = {"who": i, "wave": w, "order": a * 2 + k, "score": states.items[i, w, a, k]}
    heard = states.exposed & states.answered[..., None]
    heard[..., MOMENTS.index(UNASKED)] = False
    shape = (*heard.shape, len(SCALES))
    i, w, m, k = np.nonzero(np.broadcast_to(heard[..., None], shape))
    kpis = {"who": i, "wave": w, "order": 18 + m * 3 + k, "score": states.kpis[i, w, m, k]}
    rows = {c: np.concatenate([drivers[c], kpis[c]]) for c in drivers}
    order = np.lexsort((rows["order"], rows["wave"], rows["who"]))
    who, wave, item, score = (rows[c][order] for c in ("who", "wave", "order", "score"))
    words = _words()
    scale = np.array([row[4] for row in words])[item]
    return pa.table({
        "employee_id": people.ids.take(pa.array(who)),
        "responded_on": days(states.day[who, wave]),
        **{c: pa.array([row[j] for row in words]).take(pa.array(item))
           for j, c in enumerate(("item", "touchpoint", "aspect", "kpi"))},
        "score": score.astype(np.int16), "scale_min": scale[:, 0], "scale_max": scale[:, 1],
        "wave": pa.array(["", *quarters]).take(pa.array(wave)),
        "identified": people.consents[who],
    })  # fmt: skip


def _words() -> list[tuple[str, str, str, str, tuple[int, int]]]:
    """Return item, touchpoint, aspect, kpi and scale of every question, in the order they are numbered."""
    rows = [(f"{a.name}_{k + 1}", "everyday work", a.name, "driver", (1, 5))
            for a in ASPECTS for k in range(ITEMS_PER_ASPECT)]  # fmt: skip
    for moment in MOMENTS:
        stem = moment.replace(" ", "_").replace("-", "_")
        rows += [(f"{stem}_{kpi}", moment, "overall", kpi, scale) for kpi, scale in SCALES.items()]
    return rows


def invitations_table(people: People, states: States) -> pa.Table:
    """Return ``ex_invitations``: every moment met and recorded, also the one that nobody asks about."""
    here = states.asked & (states.opened[None, :] < people.left[:, None])
    i, w, m = np.nonzero(states.exposed & here[..., None])
    return pa.table(
        {
            "employee_id": people.ids.take(pa.array(i)),
            "invited_on": days(states.opened[w]),
            "touchpoint": pa.array(MOMENTS).take(pa.array(m)),
        }
    )
