"""Employees' states and answers (EX), settled wave by wave from draws made in advance.

What acts on customers is the *reported* score of an aspect: the mean of its items as answered, or as they
would have been answered by those who did not. So the analyst sees the very variable that acts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exlink.data.simulate.design import ASPECTS, CENTRE, INITIATIVES, ITEMS_PER_ASPECT, SCALES, Survey, World
from exlink.data.simulate.people import STAYS, People, Teams

MOMENTS = ("everyday work", "hiring", "initial training", "after-training support", "regular training", "coaching",
           "performance improvement plan", "recognition", "promotion")  # fmt: skip
UNASKED = "performance improvement plan"  # people go through it, nobody asks them
MOMENT_EFFECT = np.array([0.0, 0.25, 0.10, -0.15, -0.05, 0.15, 0.0, 0.30, 0.20])
KPI_NOISE = np.array([0.55, 1.30, 0.55])
USUAL = np.array([a.mean for a in ASPECTS])
ENGAGEMENT = np.array([a.engagement for a in ASPECTS])
LOW, HIGH = np.array([SCALES[k] for k in SCALES]).T


@dataclass(frozen=True, slots=True)
class Plan:
    """An initiative in a team: which aspect it moves, from which day, and by how much."""

    index: int
    team: int
    day: int


@dataclass(frozen=True, slots=True)
class Draws:
    """All chance in employees' states, drawn before the study unfolds.

    latent : (i, w, aspect)  the aspects without what customers do to them
    item_noise : (i, w, aspect, item) ;  straightlined : (i, w) ;  skipped : (i, w, aspect)  second item left out
    temper, drift : (i, 1), (i, w)  of the overall score ;  kpi_noise : (i, w, moment, kpi)
    inclination : (i, 1), climate : (w,)  on the logit of answering ;  answer : (i, w)  uniform
    due : (i, w)  day of the answer if nothing defers it
    """

    latent: np.ndarray
    item_noise: np.ndarray
    straightlined: np.ndarray
    skipped: np.ndarray
    temper: np.ndarray
    drift: np.ndarray
    kpi_noise: np.ndarray
    inclination: np.ndarray
    climate: np.ndarray
    answer: np.ndarray
    due: np.ndarray


@dataclass(frozen=True, slots=True)
class States:
    """EX of every employee (i) in every wave (w); wave 0 lies before the study and is never asked.

    A wave is empty until ``settle_wave`` fills it; the day of an empty wave never comes.

    reported : (i, w, aspect)  the mean of the items, NaN nowhere
    items : (i, w, aspect, item)  0 where the item was skipped
    kpis : (i, w, moment, kpi)  the EX KPI items
    exposed : (i, w, moment)  the employee went through this moment
    asked : (i, w)  employed when the wave opened
    answered : (i, w)  the wave was answered
    day : (i, w)  of the answer, or of the would-be answer
    satisfaction : (i, w)  mean of the satisfaction KPI items of the moments answered
    last_answer : (i,)  day of the last answer so far
    """

    draws: Draws
    reported: np.ndarray
    items: np.ndarray
    kpis: np.ndarray
    exposed: np.ndarray
    asked: np.ndarray
    answered: np.ndarray
    day: np.ndarray
    opened: np.ndarray
    satisfaction: np.ndarray
    last_answer: np.ndarray

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
    """Draw all that chance decides about states and answers, and return states with no wave settled."""
    plan, n, waves = Survey(), world.employees, world.waves + 1
    shape = (n, waves)
    opened = np.concatenate([[world.starts[0] - 91], world.starts[:-1]]) + 3
    latent = _means(rng, plan, people, teams)[:, None, :] + _deviations(rng, plan, n, waves)
    latent += rng.normal(0.0, 0.05, (1, waves, len(ASPECTS)))
    for change in plans:
        spec = INITIATIVES[change.index]
        a = [x.name for x in ASPECTS].index(spec.aspect)
        for w in np.flatnonzero(opened > change.day):
            there = people.team_on(np.arange(n), np.full(n, opened[w])) == change.team
            latent[there, w, a] += spec.effect
    unsafe = teams.unsafe[people.team_first]
    item_noise = plan.item_sd * rng.standard_normal((*latent.shape, ITEMS_PER_ASPECT))
    straightlined = (rng.random(shape) < plan.straightline_share) & unsafe[:, None]
    skipped = rng.random(latent.shape) < 0.015 + 0.02 * unsafe[:, None, None]
    exposed = _exposures(rng, people, opened)
    draws = Draws(
        latent, item_noise, straightlined, skipped,
        temper=0.35 * rng.standard_normal((n, 1)),
        drift=teams.diverging[people.team_first][:, None] * plan.divergence * (np.arange(waves) - waves / 2),
        kpi_noise=KPI_NOISE * rng.standard_normal((*shape, len(MOMENTS), len(SCALES))),
        inclination=0.5 * rng.standard_normal((n, 1)),
        climate=plan.response_logit + plan.closure_logit * (closure - 0.3),
        answer=rng.random(shape),
        due=_due(rng, plan, opened, shape),
    )  # fmt: skip
    return States(
        draws, reported=np.zeros(latent.shape), items=np.zeros(item_noise.shape, np.int8),
        kpis=np.zeros(draws.kpi_noise.shape, np.int8), exposed=exposed,
        asked=(people.hired[:, None] < opened[None, :] - 30) & (np.arange(waves) > 0),
        answered=np.zeros(shape, bool), day=np.full(shape, STAYS), opened=opened, satisfaction=np.zeros(shape),
        last_answer=np.full(n, -STAYS),
    )  # fmt: skip


def settle_wave(world: World, states: States, w: int, sway: np.ndarray) -> None:
    """Fill wave ``w``: what employees report, and whether and when; waves are settled in their order.

    sway : (i,)  points that customers add to every latent aspect
    """
    plan, draws = Survey(), states.draws
    latent = draws.latent[:, w] + sway[:, None]
    items = np.clip(np.rint(latent[..., None] + draws.item_noise[:, w]), 1, 5).astype(np.int8)
    flat = draws.straightlined[:, w]
    items[flat] = np.rint(latent[flat].mean(-1)).astype(np.int8)[:, None, None]
    items[..., 1][draws.skipped[:, w]] = 0  # never both items of an aspect
    shown = items > 0
    states.items[:, w] = items
    states.reported[:, w] = (items * shown).sum(-1) / shown.sum(-1)
    _settle_kpis(plan, states, w)
    logit = draws.climate[w] + plan.engagement_logit * (states.satisfaction[:, w] - CENTRE) + draws.inclination[:, 0]
    answers = states.asked[:, w] & (draws.answer[:, w] < 1 / (1 + np.exp(-logit)))
    # a would-be answer never cuts short the window of the last real one
    states.day[:, w] = np.where(answers, draws.due[:, w], np.maximum(draws.due[:, w], states.last_answer + 91))
    states.last_answer[answers] = states.day[answers, w]
    states.answered[:, w] = answers & (states.day[:, w] < world.starts[-1])


def _means(rng: np.random.Generator, plan: Survey, people: People, teams: Teams) -> np.ndarray:
    """Return persons' long-run means, (i, aspect): two factors, team, aptitude, and what is their own."""
    n = len(people.role)
    factors = {f: plan.factor_sd * rng.standard_normal(n) for f in ("complexity", "norms", "management")}
    team = plan.team_sd * rng.standard_normal((len(teams.role), len(ASPECTS)))
    team[teams.unsafe, [a.name for a in ASPECTS].index("psychological_safety")] -= 0.7
    own = plan.person_sd * rng.standard_normal((n, len(ASPECTS)))
    mean = USUAL + own + team[people.team_first]
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


def _due(rng: np.random.Generator, plan: Survey, opened: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the day on which each answer would come, (i, w): most soon, some late."""
    delay = np.minimum(np.floor(rng.exponential(6.0, shape)), 24).astype(int)
    late = rng.random(shape) < plan.late_share
    return opened[None, :] + np.where(late, rng.integers(25, 61, shape), delay)


def _settle_kpis(plan: Survey, states: States, w: int) -> None:
    """Fill the EX KPI items of a wave, and the mean satisfaction over the moments asked about."""
    draws, reported = states.draws, states.reported[:, w]
    overall = CENTRE + (reported - USUAL) @ ENGAGEMENT + draws.temper[:, 0] + draws.drift[:, w]
    if w > 0:  # a wave of hard work lowers the next wave's engagement
        overall += plan.ease_carried * (states.kpis[:, w - 1, 0, 0] - 3.5)
    tools = 0.35 * (reported[:, 0] - USUAL[0])  # good tools make work easy
    level = overall[:, None] + MOMENT_EFFECT
    latent = np.stack([level - 0.05 + tools[:, None], 2.4 * (level - CENTRE) + 6.8, level], axis=-1)
    kpis = np.clip(np.rint(latent + draws.kpi_noise[:, w]), LOW, HIGH)
    heard = states.exposed[:, w].copy()
    heard[:, MOMENTS.index(UNASKED)] = False
    states.kpis[:, w] = kpis
    states.satisfaction[:, w] = (kpis[..., 2] * heard).sum(-1) / heard.sum(-1)
