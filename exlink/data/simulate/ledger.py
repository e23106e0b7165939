"""What is noted down while a study unfolds, so that its truth can be stated without estimating anything."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from exlink.data.simulate import expectation
from exlink.data.simulate.contacts import Chunk, Scene
from exlink.data.simulate.customers import Customers, Moods, overall_latent
from exlink.data.simulate.design import KPIS, Money, World
from exlink.data.simulate.people import STAYS
from exlink.data.simulate.turnover import exit_logit, exit_plan

SAMPLE = 6_000  # contacts at which derivatives are averaged


@dataclass(slots=True)
class Ledger:
    """Running sums. ``cells`` (employee, wave): linked contacts with a CX answer; ``samples``: some contacts."""

    stride: int
    cells: np.ndarray
    contacts: np.ndarray
    index_sum: np.ndarray
    samples: list[dict[str, np.ndarray]] = field(default_factory=list)
    linked: int = 0
    answered: int = 0
    exits: list[tuple[float, float]] = field(default_factory=list)
    overall: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def empty(cls, world: World) -> Ledger:
        """Return an empty ledger."""
        shape = (world.employees, world.waves + 1)
        return cls(max(1, world.interactions * 7 // 10 // SAMPLE), np.zeros(shape), np.zeros(world.employees),
                   np.zeros((world.employees, len(KPIS))))  # fmt: skip

    def add(self, scene: Scene, chunk: Chunk) -> None:
        """Count one chunk in."""
        n, waves = self.cells.shape
        self.linked += int(chunk.linked.sum())
        self.answered += int(chunk.answered.sum())
        used = chunk.linked & chunk.answered
        self.cells += np.bincount(chunk.who[used] * waves + chunk.wave[used], minlength=n * waves).reshape(n, waves)
        self.contacts += np.bincount(chunk.who[used], minlength=n)
        for k in range(len(KPIS)):
            self.index_sum[:, k] += np.bincount(chunk.who[used], chunk.index[used, k], minlength=n)
        some = np.flatnonzero(chunk.linked)[:: self.stride]
        who, team = chunk.who[some], chunk.team[some]
        self.samples.append({
            "index": chunk.index[some], "p_resolved": chunk.p_resolved[some], "slopes": chunk.slopes[some],
            "who": who, "team": scene.effects.team[team], "customer": scene.customers.effect[chunk.customer[some]],
            "employee": scene.effects.employee[who],
        })  # fmt: skip

    def count_exits(
        self, scene: Scene, quarter: int, satisfaction: np.ndarray, handled: np.ndarray, unresolved: np.ndarray
    ) -> None:
        """Keep the mean planted hazard of the people present."""
        people = scene.people
        here = (people.left == STAYS) & (people.hired < scene.world.starts[quarter])
        logit = exit_logit(exit_plan(scene.world), people, satisfaction, handled, unresolved)
        hazard = 1 / (1 + np.exp(-logit[here]))
        self.exits.append((float(hazard.sum()), float(here.sum())))

    def count_overall(self, customers: Customers, moods: Moods, quarter: int) -> None:
        """Keep, among customers who answered about a contact last quarter, what overall CX owes to it."""
        here = moods.told & (customers.joined <= quarter) & (customers.churned >= quarter)
        if not here.any():
            return
        plan, x = Money(), moods.mean[here]
        rows = []
        for k, kpi in enumerate(KPIS):
            latent = overall_latent(customers, moods, k)[here]
            h, sd = expectation.STEP, plan.overall_noise[k]
            ahead, behind = (expectation.expected(latent + s * h, kpi, sd) for s in (1, -1))
            level, dx = (ahead + behind) / 2, x - x.mean()
            rows.append([((ahead - behind) / (2 * h)).sum() * plan.overall_slope[k], len(x),
                         (dx * (level - level.mean())).sum(), (dx**2).sum()])  # fmt: skip
        self.overall.append(np.array(rows))
