"""What does notebook 07 find of what initiatives did beyond their own aspect? The studies of `benchmarks.signs`.

    python -m benchmarks.initiatives                    benchmarks/results/initiatives.csv and .md; ten minutes
    python -m benchmarks.initiatives --keep FOLDER      uses the prepared studies there, and adds what is missing

For an aspect, teams are compared with those that nothing of the same aim has reached (`benchmarks.loop` counts these).
For ease of work, workload and customers' ratings they are compared with all other teams, whose own initiatives are
taken to cancel out. What was planted there follows from the change of the aspect: times its weight in the ease of work,
times its slope on customers' ratings. In the studies with symptoms three of twenty teams drift apart for other reasons:
their engagement falls and their customers' ratings rise, by more than most initiatives do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.loop import answered_change
from benchmarks.studies import WORLDS, every_study, simulated
from exlink.data.simulate.design import INITIATIVES
from exlink.stats.proportions import wilson
from exlink.steps.action_loop.initiatives import EASE, OWN, WORKLOAD, assess_initiatives

RESULTS = Path(__file__).parent / "results"
TOOLS_ON_EASE = 0.35  # what simulate/states.py adds to the ease of work per point of tools, beside its weight
KEPT = ["initiative_id", "outcome", "estimate", "conf_low", "conf_high", "p_value", "p_permuted", "verdict", "planted"]
NAMES = {OWN: "its own aspect", EASE: "work is easy", WORKLOAD: "workload, where it was not meant for it",
         "ease": "customers' ease", "recommend": "customers' recommendation",
         "satisfaction": "customers' satisfaction"}  # fmt: skip


def planted(initiative: str, outcome: str, truth: dict[str, Any]) -> float:
    """Return what an initiative was made to change of an outcome, in points of its answers."""
    plan = next(i for i in INITIATIVES if i.initiative_id == initiative)
    change = answered_change(plan.aspect, plan.effect)
    if outcome == OWN:
        return change
    if outcome == WORKLOAD:
        return 0.0
    if outcome == EASE:
        weight = truth["engagement"]["aspect_weights"][plan.aspect]
        return change * (weight + TOOLS_ON_EASE * (plan.aspect == "tools"))
    slopes = [
        e["joint"] for e in truth["effects"] if (e["aspect"], e["kpi"], e["acts"]) == (plan.aspect, outcome, True)
    ]
    return change * sum(slopes)


def one(seed: int, *, healthy: bool, keep: Path | None = None) -> pd.DataFrame:
    """Return all that was found of every initiative in one simulated study, with what was planted."""
    with simulated(seed, healthy=healthy, keep=keep) as data:
        effects, truth = assess_initiatives(data).effects, data.truth
    known = [planted(row.initiative_id, row.outcome, truth) for row in effects.itertuples()]
    return effects.assign(planted=known)[KEPT].assign(world=WORLDS[healthy], seed=seed)


def markdown(found: pd.DataFrame) -> str:
    """Return the committed page."""
    head = "| world | outcome | effects | mean error (points) | interval holds it | clear though nothing was planted |"
    lines = ["# What initiatives did beyond their own aspect, in simulated studies", "",
             *__doc__.strip().splitlines()[5:], "", f"{found['seed'].nunique()} studies in each world.", "", head,
             "|---|---|---:|---:|---:|---:|"]  # fmt: skip
    for (world, outcome), part in found.groupby(["world", "outcome"], sort=True):
        holds = (part["conf_low"] <= part["planted"]) & (part["planted"] <= part["conf_high"])
        share = wilson([holds.sum()], [len(part)])
        idle = part[part["planted"].abs() < 1e-9]
        clear = idle["verdict"].isin(["higher", "lower"]).sum()
        lines.append(
            f"| {world} | {NAMES[outcome]} | {len(part)} | {(part['estimate'] - part['planted']).mean():+.3f} | "
            f"{share['estimate'][0]:.0%} ({share['conf_low'][0]:.0%} to {share['conf_high'][0]:.0%}) | "
            f"{clear} of {len(idle)} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all studies and write the results."""
    found = every_study(one, __doc__.splitlines()[0], arguments)
    found = found.sort_values(["world", "outcome", "initiative_id", "seed"], ignore_index=True).round(5)
    found.to_csv(RESULTS / "initiatives.csv", index=False)
    (RESULTS / "initiatives.md").write_text(markdown(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
