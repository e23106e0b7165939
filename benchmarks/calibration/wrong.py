"""Worlds that the fitted model does not know: what is wrong stays within clusters, or does not.

Covariates, effects and noise as in ``right``. Robust errors are promised where nothing that the model leaves out is
shared by two levels of the first grouping factor; the worlds under ACROSS show what happens elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.calibration.right import queued, three
from benchmarks.calibration.world import ACROSS, INTERCEPT, WITHIN, World, covariates, each, table, twins


def slopes(employees: int = 60, rows: int = 40, sd: float = 0.3) -> World:
    """``y = … + employee (SD .4) + slope_* · (effect + employee's own, SD .3) + noise``, fitted without slopes."""

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        employee = np.repeat(np.arange(employees), rows)
        row = np.arange(len(employee))
        columns = covariates(rng, {"slope": row, "employee": employee, "row": row})
        own = [each(rng, employee, sd) * columns[t] for t in twins("slope")]
        return table(columns, {"employee": employee}, each(rng, employee, 0.4), *own, rng.normal(size=len(row)))

    terms = twins("slope", "employee", "row")
    return World(
        "slopes", f"{employees} employees × {rows} rows; effects of slope_* vary between employees (SD {sd}), the "
        "model has an intercept only", WITHIN, draw, {"employee": "1"}, terms, (INTERCEPT, *terms),
    )  # fmt: skip


def few_slopes(employees: int = 12, rows: int = 40) -> World:
    """Return ``slopes`` with few employees."""
    return replace(slopes(employees, rows), name="few_slopes")


def autocorrelated(employees: int = 60, rows: int = 40, rho: float = 0.6, wave: int = 10) -> World:
    """``y = … + employee (SD .4) + e``, ``e_t = .6 e_{t−1} + …`` with SD 1, fitted as if ``e`` were independent.

    ``wave_*`` is constant over ``wave`` rows in a row, as experience is between two surveys.
    """

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        employee, time = np.repeat(np.arange(employees), rows), np.tile(np.arange(rows), employees)
        codes = {"wave": employee * rows + time // wave, "employee": employee, "row": np.arange(len(time))}
        noise = rng.normal(size=(employees, rows))
        for t in range(1, rows):
            noise[:, t] = rho * noise[:, t - 1] + (1 - rho**2) ** 0.5 * noise[:, t]
        return table(covariates(rng, codes), {"employee": employee}, each(rng, employee, 0.4), noise.ravel())

    terms = twins("wave", "employee", "row")
    return World(
        "autocorrelated", f"{employees} employees × {rows} rows in time; errors follow each other (AR1 {rho}), "
        f"wave_* is constant over {wave} rows", WITHIN, draw, {"employee": "1"}, terms, (INTERCEPT, *terms),
    )  # fmt: skip


def crossed_slopes(employees: int = 100, customers: int = 800, rows: int = 4_000) -> World:
    """``y = … + employee (SD .4) + customer (SD .5) + slope_* · employee's own (SD .3) + noise``, without slopes."""
    return _crossed_with_slopes(
        "crossed_slopes", WITHIN, "employee", {"employee": "1", "customer": "1"}, employees, customers, rows
    )


def few_crossed_slopes(employees: int = 12, customers: int = 200, rows: int = 800) -> World:
    """Return ``crossed_slopes`` with few employees."""
    return replace(crossed_slopes(employees, customers, rows), name="few_crossed_slopes")


def dense_slopes(employees: int = 30, customers: int = 60, rows: int = 3_600) -> World:
    """As ``crossed_slopes`` where everybody meets nearly everybody and customers differ much (SD 1.5)."""
    return _crossed_with_slopes(
        "dense_slopes", WITHIN, "employee", {"employee": "1", "customer": "1"}, employees, customers, rows, far=1.5
    )


def customer_slopes(employees: int = 100, customers: int = 400, rows: int = 4_000) -> World:
    """As ``crossed_slopes`` with effects that vary between customers (SD .5), clustered by employee."""
    return _crossed_with_slopes(
        "customer_slopes", ACROSS, "customer", {"employee": "1", "customer": "1"}, employees, customers, rows
    )


def customer_first(employees: int = 100, customers: int = 400, rows: int = 4_000) -> World:
    """Return ``customer_slopes`` clustered by customer."""
    return _crossed_with_slopes(
        "customer_first", WITHIN, "customer", {"customer": "1", "employee": "1"}, employees, customers, rows
    )


def queue_left_out(employees: int = 100, customers: int = 800, queues: int = 10, rows: int = 4_000) -> World:
    """Return ``three`` fitted without its queues: what they share runs across employees."""
    whole = three(employees, customers, queues, rows)
    return replace(
        whole, name="queue_left_out", title=f"{whole.title}; the model leaves queues out", section=ACROSS,
        draw=lambda rng: queued(rng, employees, customers, queues, rows),
        random={"employee": "1", "customer": "1"}, spreads={},
    )  # fmt: skip


def _crossed_with_slopes(
    name: str,
    section: str,
    who: str,
    random: Mapping[str, str],
    employees: int,
    customers: int,
    rows: int,
    far: float = 0.5,
) -> World:
    sd = {"employee": 0.3, "customer": 0.5}[who]

    def draw(rng: np.random.Generator) -> pd.DataFrame:
        codes = {"employee": rng.integers(0, employees, rows), "customer": rng.integers(0, customers, rows)}
        row = np.arange(rows)
        columns = covariates(rng, {"slope": row, **codes, "row": row})
        own = [each(rng, codes[who], sd) * columns[t] for t in twins("slope")]
        parts = (each(rng, codes["employee"], 0.4), each(rng, codes["customer"], far), rng.normal(size=rows))
        return table(columns, codes, *own, *parts)

    terms = twins("slope", "employee", "customer", "row")
    return World(
        name, f"{employees} employees × {customers} customers (SD {far}), {rows:,} rows; effects of slope_* vary "
        f"between {who}s (SD {sd}), the model has intercepts only and is clustered by {next(iter(random))}",
        section, draw, random, terms, (INTERCEPT, *terms),
    )  # fmt: skip
