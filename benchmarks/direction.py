"""How often the verdict on direction is right: studies simulated in five worlds and three sizes.

In the fifth, ``common-cause``, neither acts on the other: a shock per employee and wave moves what is answered of EX in
that wave and, as much, what customers say after it, and is gone in the next.

    python -m benchmarks.direction [SEEDS]

Writes results/direction.csv, one row per study, and results/direction.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from exlink.data.dataset import open_data
from exlink.data.ex_index import INDEX
from exlink.data.simulate.study import simulate_study
from exlink.data.study import load_study
from exlink.stats.direction import direction
from exlink.steps.mixed_effects.direction import find_direction, lag_grid, rests_on

RESULTS = Path(__file__).parent / "results"
FIRST_SEED = 100
SHOCK = 0.2  # points: SD of what moves both in the common-cause world
LESSON = (
    "Where only customers act, *contradicted* is right as far as it goes: experience does not act; that customers do "
    "was not seen.\n\n"
    "In the common-cause world a shock per employee and wave (SD 0.2 points, gone in the next wave) is added to EX and "
    "to the answers that follow it; nothing acts. *Forward* is then the usual verdict, and the placebo, which looks a "
    "wave on, does not see it: the verdict says which comes first *unless something else moved both in the same wave*, "
    "and no panel of waves can say more.\n\n"
    "Where nothing acts, forward estimates lie a little below zero on average (−0.03 points at the default size), and "
    "intervals hold zero in somewhat less than 95 % (21 of 24): that can hide a small effect but hardly makes one up."
)
SMALLEST = 0.05  # notebook 04's default
WORLDS = {"ex-to-cx": "forward", "cx-to-ex": "backward", "both": "both", "none": "contradicted",
          "common-cause": "contradicted"}  # fmt: skip
SIZES = {
    "default": {"employees": 240, "interactions": 60_000, "waves": 8},
    "small": {"employees": 80, "interactions": 12_000, "waves": 6},
    "tiny": {"employees": 40, "interactions": 1_000, "waves": 3},
}
# what is there in a world: a verdict that holds anything else claims what is not there
CLAIMS = {"forward": {"ex"}, "backward": {"cx"}, "both": {"ex", "cx"}, "contradicted": set(), "inconclusive": set()}
THERE = {"ex-to-cx": {"ex"}, "cx-to-ex": {"cx"}, "both": {"ex", "cx"}, "none": set(), "common-cause": set()}


def study(size: str, world: str, seed: int) -> dict:
    """Simulate one study and return what is concluded from it."""
    with tempfile.TemporaryDirectory() as folder:
        acting = "none" if world == "common-cause" else world
        data = open_data(load_study(simulate_study(Path(folder), direction=acting, seed=seed, **SIZES[size])))
        found = find_direction(data, "satisfaction", [-1, 0], SMALLEST)
        unit = data.unit
    verdict, ahead, back = found.verdict, found.ahead, found.back
    if world == "common-cause":
        shocked = with_common_cause(found.panel, unit, np.random.default_rng(seed))
        ahead, back, placebo = rests_on(lag_grid(shocked, unit, "satisfaction", [-1, 0]))
        verdict = direction(ahead, back, placebo, smallest=found.smallest)
    row = {"size": size, "world": world, "seed": seed, "verdict": verdict.verdict, "way": ahead["way"]}
    for name, side in (("ex_cx", ahead), ("cx_ex", back)):
        row |= {f"{name}_{c}": round(float(side[c]), 6) for c in ("estimate", "conf_low", "conf_high")}
    return row


def with_common_cause(panel: pd.DataFrame, unit: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return the panel with one shock per unit and wave in EX, in what follows, and so in what preceded the next EX."""
    order = panel["order"].astype(int).to_numpy()
    shocks = SHOCK * rng.standard_normal((panel[unit].nunique(), order.max() - order.min() + 2))
    who, at = pd.factorize(panel[unit], sort=True)[0], order - order.min() + 1
    return panel.assign(
        **{INDEX: panel[INDEX] + shocks[who, at]},
        after_satisfaction=panel["after_satisfaction"] + shocks[who, at],
        before_satisfaction=panel["before_satisfaction"] + shocks[who, at - 1],
    )


def summary(studies: pd.DataFrame) -> pd.DataFrame:
    """Return, per size and world, how often the verdict is right, cautious, and claims what is not there."""
    rows = studies.assign(
        right=studies["verdict"] == studies["world"].map(WORLDS),
        inconclusive=studies["verdict"] == "inconclusive",
        false=[bool(CLAIMS[v] - THERE[w]) for v, w in zip(studies["verdict"], studies["world"], strict=True)],
        refuted=[v == "contradicted" and "ex" in THERE[w]
                 for v, w in zip(studies["verdict"], studies["world"], strict=True)],
    )  # fmt: skip
    verdicts = rows.groupby(["size", "world"], sort=False)["verdict"].agg(
        lambda v: ", ".join(f"{k} {n}" for k, n in v.value_counts().items())
    )
    counts = rows.groupby(["size", "world"], sort=False).agg(
        studies=("seed", "size"), right=("right", "sum"), inconclusive=("inconclusive", "sum"), false=("false", "sum"),
        refuted=("refuted", "sum"),
    )  # fmt: skip
    return counts.join(verdicts).reset_index()


def page(table: pd.DataFrame) -> str:
    """Return the summary as Markdown."""
    sizes = "; ".join(f"{k}: {v['employees']} employees, {v['interactions']:,} interactions, {v['waves']} waves"
                      for k, v in SIZES.items())  # fmt: skip
    head = [
        "# How often the verdict on direction is right", "",
        f"Simulated studies, seeds from {FIRST_SEED} on ({sizes}). *Right*: exactly what is planted; where nothing "
        "acts, that is *contradicted*. *False*: a direction is called supported that is not there. *Refuted*: an "
        "effect that is there is contradicted. Made by `python -m benchmarks.direction`.", "",
        "| size | world | studies | right | inconclusive | false | refuted | verdicts |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]  # fmt: skip
    rows = [f"| {' | '.join(map(str, row))} |" for row in table.itertuples(index=False)]
    return "\n".join([*head, *rows, "", LESSON, ""])


def main(seeds: int) -> None:
    """Run all studies and write the results after each size."""
    rows = []
    for size in SIZES:
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            rows += [study(size, world, seed) for world in WORLDS]
        studies = pd.DataFrame(rows)
        studies.to_csv(RESULTS / "direction.csv", index=False)
        (RESULTS / "direction.md").write_text(page(summary(studies)), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 24)
