"""What a quarter's customers do to employees: the path from CX back to EX, in the worlds that have it.

    sway of wave q+1 = wave_ar * sway of wave q + strength * (mean of quarter q-1 - usual)

``mean`` is that of the satisfaction scores of all of a person's contacts of a quarter, also of those whose customer
did not answer; ``usual`` is what such a mean is expected to be for this person in every quarter alike. The sway is
added to every latent aspect. Wave q+1 opens in quarter q, after the last of these contacts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exlink.data.simulate import expectation
from exlink.data.simulate.contacts import Chunk, Scene
from exlink.data.simulate.design import CENTRE, JOURNEY_EFFECT, KPIS, ROLES, SLOPES, Contact, Survey, World
from exlink.data.simulate.within import two_way

SATISFACTION = KPIS.index("satisfaction")


@dataclass(frozen=True, slots=True)
class Echo:
    """What employees met, filled as the study unfolds.

    usual : (i,)  expected mean satisfaction score of a person's contacts
    n, total : (i, quarter)  contacts, and the sum of their scores
    n_told, total_told : (i, quarter)  the same of answered contacts, which are all that an analyst sees
    sway : (i, w)  points added to every latent aspect; wave 0 and 1 have no quarter before them
    """

    usual: np.ndarray
    n: np.ndarray
    total: np.ndarray
    n_told: np.ndarray
    total_told: np.ndarray
    sway: np.ndarray

    @classmethod
    def silent(cls, scene: Scene) -> Echo:
        """Return an echo of nothing yet."""
        shape = (scene.world.employees, scene.world.waves)
        return cls(usual_satisfaction(scene), *(np.zeros(shape) for _ in range(4)), np.zeros((shape[0], shape[1] + 1)))

    def add(self, chunk: Chunk, quarter: int) -> None:
        """Count one chunk in."""
        people, score = len(self.usual), chunk.scores[:, SATISFACTION].astype(float)
        self.n[:, quarter] += np.bincount(chunk.who, minlength=people)
        self.total[:, quarter] += np.bincount(chunk.who, score, minlength=people)
        self.n_told[:, quarter] += np.bincount(chunk.who, chunk.answered, minlength=people)
        self.total_told[:, quarter] += np.bincount(chunk.who, score * chunk.answered, minlength=people)

    def deviation(self, quarter: int) -> np.ndarray:
        """Return how far each person's mean of a quarter lay from the usual one; 0 without a contact."""
        n = self.n[:, quarter]
        return np.where(n > 0, self.total[:, quarter] / np.maximum(n, 1) - self.usual, 0.0)

    def move(self, world: World, quarter: int) -> np.ndarray:
        """Fill and return the sway of the wave that opens in ``quarter``."""
        if world.cx_acts and quarter > 0:
            carried = Survey().wave_ar * self.sway[:, quarter]
            self.sway[:, quarter + 1] = carried + Contact().echo * self.deviation(quarter - 1)
        return self.sway[:, quarter + 1]


def usual_satisfaction(scene: Scene) -> np.ndarray:
    """Return what the mean satisfaction score of each person's contacts is expected to be, (i,).

    Of the person: role, team, stable effect and long-run aspects; of the contacts: the role's mix of the journey.
    """
    people, effects, k = scene.people, scene.effects, SATISFACTION
    journey = np.array([r.journey for r in ROLES])
    journey = (journey / journey.sum(1, keepdims=True)) @ JOURNEY_EFFECT[:, k]
    latent = Contact().intercept[k] + journey[people.role]
    latent += effects.employee[:, k] + effects.team[people.team_first, k]
    if scene.world.ex_acts:
        latent += (scene.states.draws.latent.mean(1) - CENTRE) @ SLOPES[:, k]
    return expectation.expected(latent, KPIS[k], float(np.hypot(expectation.SD[k], Contact().customer_sd[k])))


def planted_echo(scene: Scene, echo: Echo) -> dict[str, float]:
    """Return what a point of last quarter's mean satisfaction does to the reported aspects, on observed scales.

    of_all_contacts : per point of the mean over all contacts: the latent effect, less what rounding and the ends of
        the items' scale swallow
    of_answered_contacts : per point of the mean over answered contacts, which measures the former with error: the
        same times the projection of the one on the other within persons and quarters, weighted by answers
    """
    if not scene.world.cx_acts:
        return {"of_all_contacts": 0.0, "of_answered_contacts": 0.0}
    latent = scene.states.draws.latent[:, 2:] + echo.sway[:, 2:, None]
    ends = [expectation.expected(latent + s * expectation.STEP, "satisfaction", Survey().item_sd) for s in (1, -1)]
    effect = Contact().echo * float((ends[0] - ends[1]).mean() / (2 * expectation.STEP))
    seen = echo.n_told[:, :-1]
    told = echo.total_told[:, :-1] / np.maximum(seen, 1)
    moved = np.stack([echo.deviation(q) for q in range(seen.shape[1])], axis=1)
    both = two_way(np.stack([moved, told], axis=-1), seen)
    covered = (both[..., 0] * both[..., 1] * seen).sum() / (both[..., 1] ** 2 * seen).sum()
    return {"of_all_contacts": effect, "of_answered_contacts": effect * float(covered)}
