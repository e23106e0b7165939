"""Worlds in which the fitted model is the one that made the data: both kinds of errors should hold.

All covariates are standard normal and independent unless said otherwise, all random effects and errors normal; noise
has SD 1. An ``_x`` has the effect 0.2, a ``_null`` none, and the first part of the name says where it varies.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.calibration.world import (
    INTERCEPT,
    RIGHT,
    World,
    covariates,
    each,
    effect,
    spread,
    table,
    twins,
)

NOISE = spread("Residual", 1.0, "")


def nested(teams: int = 60, employees: int = 8, rows: int = 12) -> World:
    """``y = … + team (SD .4) + employee (SD .5) + noise``; employees per team, about ``rows`` rows per employee."""

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        employee = np.repeat(np.arange(teams * employees), np.maximum(rng.poisson(rows, teams * employees), 1))
        codes = {"team": employee // employees, "employee": employee, "row": np.arange(len(employee))}
        groups = {"team": codes["team"], "employee": employee}
        parts = (each(rng, codes["team"], 0.4), each(rng, employee, 0.5), each(rng, codes["row"]))
        return table(covariates(rng, codes), groups, *parts)

    terms = twins("team", "employee", "row")
    return World(
        "nested", f"{teams} teams × {employees} employees × about {rows} rows", RIGHT, draw,
        {"team": "1", "employee": "1"}, terms, (INTERCEPT, *terms),
        spread("team", 0.4) | spread("employee", 0.5) | NOISE,
    )  # fmt: skip


def crossed(employees: int = 100, customers: int = 800, rows: int = 4_000) -> World:
    """``y = … + employee (SD .4) + customer (SD .5) + noise``, everybody meeting by chance.

    ``wave_*`` is constant within employee and wave (four of them) and varies as much between employees as within.
    """

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        employee, customer = rng.integers(0, employees, rows), rng.integers(0, customers, rows)
        wave = employee * 4 + rng.integers(0, 4, rows)
        columns = {t: each(rng, employee, 0.5**0.5) + each(rng, wave, 0.5**0.5) for t in twins("wave")}
        columns |= covariates(rng, {"customer": customer, "row": np.arange(rows)})
        parts = (each(rng, employee, 0.4), each(rng, customer, 0.5), rng.normal(size=rows))
        return table(columns, {"employee": employee, "customer": customer}, *parts)

    terms = twins("wave", "customer", "row")
    return World(
        "crossed", f"{employees} employees × {customers} customers, {rows:,} rows", RIGHT, draw,
        {"employee": "1", "customer": "1"}, terms, (INTERCEPT, *terms),
        spread("employee", 0.4) | spread("customer", 0.5) | NOISE,
    )  # fmt: skip


def large(employees: int = 100, customers: int = 400, rows: int = 4_000, sd: float = 1.5) -> World:
    """``y = … + employee (SD .4) + customer (SD 1.5) + noise``: customers differ more than anything else does."""
    return _met("large", employees, customers, rows, sd)


def dense(employees: int = 30, customers: int = 60, rows: int = 3_600, sd: float = 1.5) -> World:
    """Return ``large`` where everybody meets nearly everybody: 86 % of all pairs, two rows each on average."""
    return _met("dense", employees, customers, rows, sd)


def few(employees: int = 12, rows: int = 40) -> World:
    """``y = … + employee (SD .4) + noise``, with few employees."""

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        employee = np.repeat(np.arange(employees), rows)
        columns = covariates(rng, {"employee": employee, "row": np.arange(len(employee))})
        return table(columns, {"employee": employee}, each(rng, employee, 0.4), rng.normal(size=len(employee)))

    terms = twins("employee", "row")
    return World(
        "few", f"{employees} employees × {rows} rows", RIGHT, draw, {"employee": "1"}, terms, (INTERCEPT, *terms),
        spread("employee", 0.4) | NOISE,
    )  # fmt: skip


def few_crossed(employees: int = 12, customers: int = 200, rows: int = 800) -> World:
    """``y = … + employee (SD .4) + customer (SD .5) + noise``: few employees, and customers who meet several."""
    return _met("few_crossed", employees, customers, rows, 0.5)


def _met(name: str, employees: int, customers: int, rows: int, sd: float) -> World:
    """Return a world of employees and customers who meet by chance, customers with the given SD."""

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        codes = {"employee": rng.integers(0, employees, rows), "customer": rng.integers(0, customers, rows)}
        columns = covariates(rng, {**codes, "row": np.arange(rows)})
        parts = (each(rng, codes["employee"], 0.4), each(rng, codes["customer"], sd), rng.normal(size=rows))
        return table(columns, codes, *parts)

    terms = twins("employee", "customer", "row")
    return World(
        name, f"{employees} employees × {customers} customers (SD {sd}), {rows:,} rows", RIGHT, draw,
        {"employee": "1", "customer": "1"}, terms, (INTERCEPT, *terms),
        spread("employee", 0.4) | spread("customer", sd) | NOISE,
    )  # fmt: skip


def sizes_of(groups: int, largest: int = 300, singletons: float = 0.3) -> np.ndarray:
    """Return group sizes (groups,): a share of singletons, the others evenly spaced in their logs."""
    single = round(groups * singletons)
    return np.concatenate([np.ones(single, int), np.geomspace(2, largest, groups - single).round().astype(int)])


def unbalanced(groups: int = 80, largest: int = 300) -> World:
    """``y = … + employee (SD .5) + slope_x · (.2 + employee's own, SD .3) + noise``; correlation of the two −.3."""
    sizes = sizes_of(groups, largest)
    own = np.array([[0.25, -0.3 * 0.5 * 0.3], [-0.3 * 0.5 * 0.3, 0.09]])

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        employee = np.repeat(np.arange(groups), sizes)
        columns = covariates(rng, {"employee": employee, "slope": np.arange(len(employee))})
        del columns["slope_null"]
        columns["row_null"] = rng.normal(size=len(employee))
        start, slope = rng.multivariate_normal([0.0, 0.0], own, groups)[employee].T
        noise = rng.normal(size=len(employee))
        return table(columns, {"employee": employee}, start, slope * columns["slope_x"], noise)

    terms = (*twins("employee"), "slope_x", "row_null")
    spreads = spread("employee", 0.5) | spread("employee", 0.3, "slope_x") | NOISE
    return World(
        "unbalanced", f"{groups} employees with 1 to {largest} rows, {int((sizes == 1).sum())} of them with one; "
        "random intercept and slope", RIGHT, draw, {"employee": "1 + slope_x"}, terms, (INTERCEPT, *terms),
        spreads | {("employee", INTERCEPT, "slope_x"): -0.3},
    )  # fmt: skip


def three(employees: int = 100, customers: int = 800, queues: int = 10, rows: int = 4_000) -> World:
    """``y = … + employee (SD .4) + customer (SD .5) + queue (SD .3) + noise``.

    An employee answers 60 % of their contacts in a queue of their own, the others anywhere.
    """
    terms = twins("wave", "customer", "queue", "row")
    return World(
        "three", f"{employees} employees × {customers} customers × {queues} queues, {rows:,} rows", RIGHT,
        lambda rng: queued(rng, employees, customers, queues, rows),
        {"employee": "1", "customer": "1", "queue": "1"}, terms, (INTERCEPT, *terms),
        spread("employee", 0.4) | spread("customer", 0.5) | spread("queue", 0.3) | NOISE,
    )  # fmt: skip


def queued(rng: np.random.Generator, employees: int, customers: int, queues: int, rows: int) -> pd.DataFrame:
    """Return the frame of the world with queues."""
    employee, customer = rng.integers(0, employees, rows), rng.integers(0, customers, rows)
    queue = np.where(rng.random(rows) < 0.6, employee % queues, rng.integers(0, queues, rows))
    wave = employee * 4 + rng.integers(0, 4, rows)
    columns = covariates(rng, {"wave": wave, "customer": customer, "queue": queue, "row": np.arange(rows)})
    parts = (each(rng, employee, 0.4), each(rng, customer, 0.5), each(rng, queue, 0.3), rng.normal(size=rows))
    return table(columns, {"employee": employee, "customer": customer, "queue": queue}, *parts)


def scores(employees: int = 100, customers: int = 800, rows: int = 4_000) -> World:
    """Return ``crossed`` answered in whole numbers from 1 to 5: ``round(y + 1)``, cut off at both ends.

    Rounding bends effects, so only covariates without one have a known truth.
    """
    underneath = crossed(employees, customers, rows)

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        frame = underneath.draw(rng)
        return frame.assign(y=np.clip(np.round(frame["y"] + 1), 1, 5))

    judged = tuple(t for t in underneath.terms if not effect(t))
    return World(
        "scores", f"{underneath.title}; answers are whole numbers from 1 to 5, most of them 4 or 5", RIGHT, draw,
        underneath.random, underneath.terms, judged,
    )  # fmt: skip
