"""The part of truth.json that speaks of the company: initiatives, teams, warning signs, feedback."""

from __future__ import annotations

import numpy as np

from exlink.data.simulate.contacts import Scene
from exlink.data.simulate.design import INITIATIVES, KPIS, SITES, Contact, Survey, World
from exlink.data.simulate.people import FAULTY_SITE
from exlink.data.simulate.states import Plan
from exlink.data.simulate.turnover import exit_plan
from exlink.data.simulate.worklife import SWITCHING, off_system_effects, themes_of


def company(scene: Scene, plans: list[Plan], off_system: dict[str, float | None]) -> dict:
    """Return what is planted in teams, sites and themes; ``off_system`` as ``desktop_table`` returns it."""
    return {
        "initiatives": _initiatives(scene, plans),
        **_teams(scene, off_system),
        "signs": _signs(scene),
        "themes": _themes(scene.world),
    }


def _initiatives(scene: Scene, plans: list[Plan]) -> list[dict]:
    ids = scene.teams.ids.to_pylist()
    return [{"initiative_id": s.initiative_id, "kind": s.kind, "aspect": s.aspect, "true_latent_change": s.effect,
             "intended_change": s.intended, "teams": sorted(ids[p.team] for p in plans if p.index == i), "note": s.note}
            for i, s in enumerate(INITIATIVES)]  # fmt: skip


def _teams(scene: Scene, off_system: dict[str, float | None]) -> dict:
    ids = np.array(scene.teams.ids.to_pylist())
    teams, diverges = scene.teams, bool(scene.teams.diverging.any())
    return {
        "diverging_teams": {
            "teams": ids[scene.teams.diverging].tolist(), "ex_overall_per_wave": Survey().divergence * diverges,
            "cx_latent_per_quarter": {k: d * diverges for k, d in zip(KPIS, Contact().divergence, strict=True)},
            "note": "engagement (EX KPI items, not the aspects) falls while customers' scores rise.",
        },
        "off_system": {
            "shadow_teams": ids[scene.teams.shadow].tolist(), "minutes_per_person_day": off_system,
            "log_minutes": off_system_effects(scene.world), "log_switches_managed": SWITCHING,
            "note": "minutes in applications with managed = false, planted on their log; switches between the others.",
        },
        "unsafe_teams": {
            "teams": ids[scene.teams.unsafe].tolist(), "straightlined_share": Survey().straightline_share,
            "note": "psychological safety 0.7 lower; this share of answers is straight-lined.",
        },
        "faulty_site": {"site": SITES[FAULTY_SITE] if teams.faulty.any() else None,
                        "escalation_logit": 0.5 * bool(teams.faulty.any()),
                        "note": "systems fail more often: more escalations, fewer resolved."},
    }  # fmt: skip


def _signs(scene: Scene) -> dict[str, bool]:
    """Return which of the four warning signs of a misaligned company are planted."""
    return {
        "top_performer_flight": bool(exit_plan(scene.world).top_unresolved),
        "divergence": bool(scene.teams.diverging.any()),
        "shadow_processes": bool(scene.teams.shadow.any()),
        "voc_without_change": any(t.fate == "recurring" for t in themes_of(scene.world)),
    }


def _themes(world: World) -> dict:
    themes = themes_of(world)
    by_fate = {fate: [t.name for t in themes if t.fate == fate] for fate in ("recurring", "fixed", "heard", "normal")}
    return {**by_fate, "owner_cannot_act": [t.name for t in themes if not t.can_act],
            "note": "recurring: comes back every quarter and is never acted on; fixed: acted on, and its volume "
                    "falls by a fifth a quarter; heard: praise that is passed on."}  # fmt: skip
