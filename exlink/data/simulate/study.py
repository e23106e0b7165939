"""Runs the simulated world quarter by quarter and writes it down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from exlink.data.simulate import contacts, customers, people, survey, turnover, worklife, writer
from exlink.data.simulate.design import DIRECTIONS, KPIS, Contact, World
from exlink.data.simulate.feedback import Echo
from exlink.data.simulate.ledger import Ledger
from exlink.data.simulate.states import draw_states, plan_initiatives, settle_wave
from exlink.data.simulate.truth import write_truth
from exlink.errors import OutputError, ParameterError

CHUNK = 200_000  # rows drawn at once; part of the design: another size would draw other numbers
SATISFACTION = KPIS.index("satisfaction")


def simulate_study(
    folder: Path,
    *,
    employees: int = 240,
    interactions: int = 60_000,
    waves: int = 8,
    seed: int = 2026,
    direction: str = "ex-to-cx",
    healthy: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a study with known truth into ``folder`` and return the path of its study.yaml.

    Parameters
    ----------
    direction : what acts on what: 'ex-to-cx' (what employees report acts on their later customers), 'cx-to-ex'
        (what a quarter's customers felt acts on what employees report next), 'both' or 'none'.
    healthy : the twin of a company without symptoms: exits do not follow unresolved escalations, no team diverges
        or works round the systems, feedback is acted on and told back, no site is faulty.
    progress : told, after every chunk, how many interactions of how many are written.

    Raises
    ------
    ParameterError : a size is too small, or a direction does not exist.
    OutputError : the folder cannot be written.
    """
    world = _world(employees, interactions, waves, seed, direction, healthy)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(folder, world, progress or (lambda done, total: None))
    except OSError as problem:
        raise OutputError(f"{folder}: cannot write the study there ({problem.strerror}). "
                          "Choose another folder.") from problem  # fmt: skip


def _world(employees: int, interactions: int, waves: int, seed: int, direction: str, healthy: bool) -> World:
    for name, value, least in (("employees", employees, 40), ("interactions", interactions, 1_000),
                               ("waves", waves, 2), ("seed", seed, 0)):  # fmt: skip
        if value < least:
            raise ParameterError(f"{name}: {value:,} is too few to simulate; give at least {least:,}.")
    if direction not in DIRECTIONS:
        raise ParameterError(f"direction: {direction} does not exist. Choose one of {', '.join(DIRECTIONS)}.")
    return World(employees, interactions, waves, seed, direction, healthy)


def _write(folder: Path, world: World, progress: Callable[[int, int], None]) -> Path:
    streams = np.random.SeedSequence(world.seed).spawn(7 + world.waves)
    rngs = [np.random.default_rng(s) for s in streams[:7]]
    teams = people.draw_teams(rngs[0], world)
    staff = people.draw_people(rngs[1], world, teams)
    voc, closure = worklife.voc_table(rngs[2], world)
    plans = plan_initiatives(rngs[3], world, teams)
    states = draw_states(rngs[3], world, staff, teams, plans, closure)
    clients = customers.draw_customers(rngs[4], world)
    effects = contacts.draw_effects(rngs[5], staff, teams)
    scene = contacts.Scene(world, staff, teams, states, clients, effects)
    ledger = Ledger.empty(world)
    echo = Echo.silent(scene)
    sources = _unfold(folder, scene, streams[7:], ledger, echo, progress)
    states = replace(states, answered=states.answered & (states.day < staff.left[:, None]))
    desktop, off_system = worklife.desktop_table(rngs[6], world, staff, teams, states)
    tables = {
        "employees": (people.employees_table(staff, teams), "csv"),
        "assignments": (people.assignments_table(staff, teams), "csv"),
        "ex_responses": (survey.responses_table(staff, states, world.quarters), "parquet"),
        "ex_invitations": (survey.invitations_table(staff, states), "csv"),
        "desktop_activity": (desktop, "parquet"),
        "voc_feedback": (voc, "csv"),
        "initiatives": (worklife.initiatives_table(teams, plans), "csv"),
        "claims": (worklife.claims_table(), "csv"),
    }
    for name, (table, kind) in tables.items():
        sources[name] = writer.write_table(folder, name, table, kind)
    writer.write_study(folder, world, sources)
    write_truth(folder / "truth.json", replace(scene, states=states), ledger, echo, plans, off_system)
    return folder / "study.yaml"


def _unfold(
    folder: Path, scene: contacts.Scene, streams: list[np.random.SeedSequence], ledger: Ledger, echo: Echo,
    progress: Callable[[int, int], None],
) -> dict[str, str]:  # fmt: skip
    """Let the quarters pass: reports, exits, contacts, overall CX, money. Return the sources written."""
    world, staff, clients = scene.world, scene.people, scene.customers
    names = ("interactions", "cx_responses", "cx_invitations", "customer_relationship", "customer_value")
    parts = {name: writer.Parts(folder, name) for name in names}
    moods = customers.Tally.empty(world.customers).moods()
    handled, unresolved = np.zeros(world.employees), np.zeros(world.employees)
    share = np.diff(np.round(np.linspace(0, world.interactions, world.waves + 1))).astype(int)
    settle_wave(world, scene.states, 0, echo.sway[:, 0])
    written = 0
    for quarter, stream in enumerate(streams):
        sizes = [CHUNK] * (share[quarter] // CHUNK) + [share[quarter] % CHUNK]
        own, *chunk_streams = stream.spawn(1 + len(sizes))
        rng = np.random.default_rng(own)
        settle_wave(world, scene.states, quarter + 1, echo.move(world, quarter))
        acts = scene.states.acts_from(world.lag_days)
        satisfaction = scene.states.satisfaction[:, quarter]
        ledger.count_exits(scene, quarter, satisfaction, handled, unresolved)
        turnover.apply_exits(rng, world, staff, quarter, satisfaction, handled, unresolved)
        customers.apply_churn(rng, clients, quarter)
        tally, weights = customers.Tally.empty(world.customers), contacts.customer_weights(clients, quarter)
        handled, unresolved = np.zeros(world.employees), np.zeros(world.employees)
        for size, chunk_stream in zip(sizes, chunk_streams, strict=True):
            if size == 0:
                continue
            draw = np.random.default_rng(chunk_stream)
            chunk = contacts.draw_chunk(draw, scene, quarter, int(size), acts, weights)
            asked, told = writer.survey_rows(draw, chunk, written, world, Contact().item_missing)
            parts["interactions"].add(writer.interactions_rows(chunk, staff, written, world, clients.largest))
            parts["cx_invitations"].add(asked)
            parts["cx_responses"].add(told)
            cost = 1.2 + chunk.handle / 60 * 0.45 + 6.0 * chunk.escalated
            tally.add(chunk.customer, chunk.scores[:, SATISFACTION], chunk.answered, cost)
            handled += np.bincount(chunk.who, minlength=world.employees)
            stuck = chunk.who[chunk.escalated & (chunk.closed_on == 0)]
            unresolved += np.bincount(stuck, minlength=world.employees)
            ledger.add(scene, chunk)
            echo.add(chunk, quarter)
            written += int(size)
            progress(written, world.interactions)
        now = tally.moods()
        overall = customers.draw_overall(rng, clients, moods)
        ledger.count_overall(clients, moods, quarter)
        parts["customer_relationship"].add(customers.relationship_table(rng, world, clients, overall, quarter))
        parts["customer_value"].add(customers.value_table(rng, world, clients, now, quarter))
        clients.overall[:] = overall
        moods = now
    for part in parts.values():
        part.close()
    return {name: part.source for name, part in parts.items()}
