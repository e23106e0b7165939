"""Writes down what employees were asked and what they answered (EX)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from exlink.data.simulate.design import ASPECTS, ITEMS_PER_ASPECT, SCALES
from exlink.data.simulate.people import People, days
from exlink.data.simulate.states import MOMENTS, UNASKED, States


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
