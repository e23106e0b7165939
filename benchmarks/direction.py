"""How often the verdict on direction is right: studies simulated in four worlds and three sizes.

    python -m benchmarks.direction [SEEDS]

Writes results/direction.csv, one row per study, and results/direction.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd

from exlink.data.dataset import open_data
from exlink.data.simulate.study import simulate_study
from exlink.data.study import load_study
from exlink.steps.mixed_effects.direction import find_direction

RESULTS = Path(__file__).parent / "results"
FIRST_SEED = 100
LESSON = (
    "Where only customers act, *contradicted* is right as far as it goes: experience does not act; that customers do "
    "was not seen."
)
SMALLEST = 0.05  # notebook 04's default
WORLDS = {"ex-to-cx": "forward", "cx-to-ex": "backward", "both": "both", "none": "contradicted"}
SIZES = {
    "default": {"employees": 240, "interactions": 60_000, "waves": 8},
    "small": {"employees": 80, "interactions": 12_000, "waves": 6},
    "tiny": {"employees": 40, "interactions": 1_000, "waves": 3},
}
# what is there in a world: a verdict that holds anything else claims what is not there
CLAIMS = {"forward": {"ex"}, "backward": {"cx"}, "both": {"ex", "cx"}, "contradicted": set(), "inconclusive": set()}
THERE = {"ex-to-cx": {"ex"}, "cx-to-ex": {"cx"}, "both": {"ex", "cx"}, "none": set()}


def study(size: str, world: str, seed: int) -> dict:
    """Simulate one study and return what is concluded from it."""
    with tempfile.TemporaryDirectory() as folder:
        data = open_data(load_study(simulate_study(Path(folder), direction=world, seed=seed, **SIZES[size])))
        found = find_direction(data, "satisfaction", [-1, 0], SMALLEST)
    row = {"size": size, "world": world, "seed": seed, "verdict": found.verdict.verdict, "way": found.ahead["way"]}
    for name, side in (("ex_cx", found.ahead), ("cx_ex", found.back)):
        row |= {f"{name}_{c}": round(float(side[c]), 6) for c in ("estimate", "conf_low", "conf_high")}
    return row


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
