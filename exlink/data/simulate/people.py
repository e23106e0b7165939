"""Who works where: teams, sites, hires, moves between teams, pay and ratings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from exlink.data.simulate.design import ROLES, SITES, Survey, World
from exlink.data.simulate.ids import numbered

STAYS = 10**6  # a day that never comes
FAULTY_SITE = SITES.index("South")


@dataclass(frozen=True, slots=True)
class Teams:
    """Teams, one entry each: codes of role and site, manager (an employee), and what is planted in some."""

    role: np.ndarray
    site: np.ndarray
    manager: np.ndarray
    diverging: np.ndarray  # bool: engagement falls while customer satisfaction rises
    shadow: np.ndarray  # bool: much off-system work
    faulty: np.ndarray  # bool: systems of its site fail more often
    unsafe: np.ndarray  # bool: little psychological safety, straight-lined answers
    ids: pa.Array


@dataclass(frozen=True, slots=True)
class People:
    """Employees, one entry each. Days count from 1970; ``left`` is filled while the study unfolds."""

    role: np.ndarray
    team_first: np.ndarray
    team_last: np.ndarray
    moved: np.ndarray  # day of the move, STAYS if none
    hired: np.ndarray
    left: np.ndarray  # day of leaving, STAYS if none
    voluntary: np.ndarray
    aptitude: np.ndarray  # the confounder: raises recognition, coaching and customers' scores
    salary: np.ndarray
    rating: np.ndarray
    consents: np.ndarray
    strain: np.ndarray  # raises escalations and workarounds, in SD
    ids: pa.Array

    def team_on(self, who: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Return the team of each employee in ``who`` on each day."""
        return np.where(day >= self.moved[who], self.team_last[who], self.team_first[who])


def draw_teams(rng: np.random.Generator, world: World) -> Teams:
    """Draw the teams; every role gets its share, sites go round. In a healthy company no team has a symptom."""
    n = world.teams
    shares = np.array([r.teams for r in ROLES], float)
    counts = np.maximum(1, np.floor(n * shares / shares.sum()).astype(int))
    counts[0] += n - counts.sum()
    role = np.repeat(np.arange(len(ROLES)), counts)
    agents = np.flatnonzero(role == 0)
    planted = rng.permutation(agents)
    few = max(1, round(n * 0.1))
    flags = np.zeros((3, n), bool)
    flags[0, planted[: max(1, round(n * 0.15))]] = True
    flags[1, rng.permutation(n)[:few]] = True
    flags[2, rng.permutation(n)[:few]] = True
    diverging, shadow, unsafe = flags & (not world.healthy)
    site = np.arange(n) % len(SITES)
    return Teams(
        role, site, np.arange(n), diverging=diverging, shadow=shadow, unsafe=unsafe,
        faulty=(site == FAULTY_SITE) & (not world.healthy), ids=numbered("T", n, 2 if n < 100 else 3),
    )  # fmt: skip


def draw_people(rng: np.random.Generator, world: World, teams: Teams) -> People:
    """Draw employees: the first of each team is its manager; one in five joins during the study."""
    n, first, last = world.employees, world.starts[0], world.starts[-1]
    team = np.arange(n) % world.teams
    manages = np.arange(n) < world.teams
    hired = first - np.ceil(rng.gamma(1.6, 900.0, n)).astype(int) - 30
    joins = (rng.random(n) < 0.20) & ~manages
    hired = np.where(joins, rng.integers(first + 20, max(first + 30, last - 120), n), hired)
    moved, team_last = _moves(rng, world, teams, team, hired, manages)
    role = teams.role[team]
    aptitude = rng.standard_normal(n)
    grade = 0.45 * aptitude + rng.standard_normal(n) * np.sqrt(1 - 0.45**2)
    rating = 1 + np.searchsorted([-1.64, -0.95, 0.25, 0.92], grade)
    base = np.array([r.salary for r in ROLES])[role] * np.where(manages, 1.35, 1.0)
    salary = np.round(base * np.exp(0.09 * rng.standard_normal(n)), -2).astype(int)
    return People(
        role=role, team_first=team, team_last=team_last, moved=moved, hired=hired, left=np.full(n, STAYS),
        voluntary=np.zeros(n, bool), aptitude=aptitude, salary=salary, rating=rating,
        consents=rng.random(n) >= Survey().withheld_share, strain=rng.standard_normal(n) * (not world.healthy),
        ids=numbered("E", n, 5),
    )  # fmt: skip


def _moves(
    rng: np.random.Generator, world: World, teams: Teams, team: np.ndarray, hired: np.ndarray, manages: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Let one person in eight move to another team of the same role, once; return day and new team."""
    first, last = world.starts[0], world.starts[-1]
    day = rng.integers(first + 60, max(first + 61, last - 60), len(team))
    wants = (rng.random(len(team)) < 0.125) & ~manages & (hired < day - 90)
    new = team.copy()
    for role in range(len(ROLES)):
        here = np.flatnonzero(teams.role == role)
        if len(here) < 2:
            continue
        at = np.flatnonzero(teams.role[team] == role)
        place = np.searchsorted(here, team[at])
        new[at] = here[(place + rng.integers(1, len(here), len(at))) % len(here)]
    moves = wants & (new != team)
    return np.where(moves, day, STAYS), np.where(moves, new, team)


def days(values: np.ndarray, known: np.ndarray | None = None) -> pa.Array:
    """Return day numbers as dates, empty where not ``known``."""
    mask = None if known is None else ~known
    return pa.array(values.astype(np.int32), pa.int32(), mask=mask).cast(pa.date32())


def employees_table(people: People, teams: Teams) -> pa.Table:
    """Return the ``employees`` table: everybody as last seen."""
    gone = people.left < STAYS
    team = np.where(people.moved < people.left, people.team_last, people.team_first)
    manager = teams.manager[team]
    return pa.table(
        {
            "employee_id": people.ids,
            "role": pa.array([r.name for r in ROLES]).take(pa.array(people.role)),
            "team_id": teams.ids.take(pa.array(team)),
            "site": pa.array(SITES).take(pa.array(teams.site[team])),
            "manager_id": people.ids.take(pa.array(manager, mask=manager == np.arange(len(team)))),
            "hired_on": days(people.hired),
            "left_on": days(people.left, gone),
            "left_voluntarily": pa.array(people.voluntary, mask=~gone),
            "annual_salary": people.salary,
            "performance_rating": people.rating,
        }
    )


def assignments_table(people: People, teams: Teams) -> pa.Table:
    """Return the ``assignments`` table: one row per stay in a team."""
    moved = np.flatnonzero(people.moved < people.left)
    who = np.concatenate([np.arange(len(people.role)), moved])
    second = np.concatenate([np.zeros(len(people.role), bool), np.ones(len(moved), bool)])
    order = np.lexsort((second, who))
    who, second = who[order], second[order]
    team = np.where(second, people.team_last[who], people.team_first[who])
    moves_on = ~second & (people.moved < people.left)[who]
    ends = np.where(moves_on, people.moved[who] - 1, people.left[who])
    manager = teams.manager[team]
    return pa.table(
        {
            "employee_id": people.ids.take(pa.array(who)),
            "valid_from": days(np.where(second, people.moved[who], people.hired[who])),
            "team_id": teams.ids.take(pa.array(team)),
            "manager_id": people.ids.take(pa.array(manager, mask=manager == who)),
            "role": pa.array([r.name for r in ROLES]).take(pa.array(people.role[who])),
            "valid_to": days(ends, ends < STAYS),
        }
    )
