"""What does notebook 07 find of planted changes, answering and KPIs? The studies and twins of `benchmarks.signs`.

    python -m benchmarks.loop                    benchmarks/results/loop.csv and .md; ten minutes on one core
    python -m benchmarks.loop --keep FOLDER      uses the prepared studies there, and adds those that are missing

Initiatives act alike in both worlds: six of them, of which one was announced and changed nothing. Acting on feedback
raises answering by a logit of 2, the number of surveys does not lower it. No two KPIs were made to pull against each
other, but in three teams of the studies with symptoms engagement falls while customers' ratings rise.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr

from benchmarks.studies import WORLDS, every_study, simulated
from exlink.data.dataset import StudyData
from exlink.data.simulate.design import ASPECTS, INITIATIVES, Survey
from exlink.publish.parameters import declared_parameters
from exlink.stats.proportions import wilson
from exlink.steps import action_loop as step
from exlink.steps.action_loop import initiatives, perception
from exlink.steps.action_loop.conflicts import AGAINST

RESULTS = Path(__file__).parent / "results"
NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "07_action_loop.ipynb"
THRESHOLDS = np.array([1.5, 2.5, 3.5, 4.5])  # between the answers 1 to 5
NUMBERS = ["estimate", "conf_low", "conf_high"]


def answered_change(aspect: str, latent: float) -> float:
    """Return by how much the mean answer changes on its scale from 1 to 5 when its latent state does.

    Answers are the state and a person's chance, rounded and kept on the scale, so that a change is seen in part.
    """
    plan, about = Survey(), next(a for a in ASPECTS if a.name == aspect)
    spread = np.sqrt(
        (about.loading * plan.factor_sd) ** 2 + plan.person_sd**2 + plan.team_sd**2 + plan.wave_sd**2 + plan.item_sd**2
    )
    before, after = (ndtr((about.mean + shift - THRESHOLDS) / spread).sum() for shift in (0.0, latent))
    return float(after - before)


def planted() -> pd.DataFrame:
    """Return per initiative what was planted: initiative, planted (points of the answers)."""
    rows = [(plan.initiative_id, answered_change(plan.aspect, plan.effect)) for plan in INITIATIVES]
    return pd.DataFrame(rows, columns=["initiative", "planted"])


def changes(data: StudyData) -> pd.DataFrame:
    """Return what was found of each initiative: about, verdict, estimate and bounds, planted."""
    found = initiatives.assess_initiatives(data)
    seen = perception.perceived(found)
    effects = found.effects[found.effects["outcome"] == initiatives.OWN].set_index("initiative_id")
    known = planted().set_index("initiative")["planted"]
    table = seen.assign(about=seen["initiative_id"], planted=seen["initiative_id"].map(known),
                        p_permuted=seen["initiative_id"].map(effects["p_permuted"]))  # fmt: skip
    return table[["about", "verdict", *NUMBERS, "planted", "p_permuted"]].assign(kind="initiative")


def answering(data: StudyData) -> pd.DataFrame:
    """Return the verdict on why people stop answering, with what action on feedback goes along with."""
    given = declared_parameters(NOTEBOOK)
    found = step.assess_rivals(data, act_days=given["act_days"], load_matters=given["load_matters"])
    verdict = "not assessed" if isinstance(found, str) else found.verdict
    return pd.DataFrame({"about": ["answering"], "verdict": [verdict], "kind": ["answering"]})


def pulling(data: StudyData) -> pd.DataFrame:
    """Return the verdict on every two KPIs."""
    found = step.assess_conflicts(data)
    if isinstance(found, str):
        return pd.DataFrame({"about": ["KPIs"], "verdict": ["not assessed"], "kind": ["KPIs"]})
    return found.pairs.rename(columns={"label": "about"})[["about", "verdict", *NUMBERS]].assign(kind="KPIs")


def one(seed: int, *, healthy: bool, keep: Path | None = None) -> pd.DataFrame:
    """Return all that was found in one simulated study."""
    with simulated(seed, healthy=healthy, keep=keep) as data:
        table = pd.concat([changes(data), answering(data), pulling(data)], ignore_index=True)
    return table.assign(world=WORLDS[healthy], seed=seed)


def initiative_rows(found: pd.DataFrame) -> pd.DataFrame:
    """Return per initiative, both worlds together: planted, mean estimate, share of intervals with it, of verdicts."""
    rows = []
    for name, part in found[found["kind"] == "initiative"].groupby("about", sort=True):
        holds = (part["conf_low"] <= part["planted"]) & (part["planted"] <= part["conf_high"])
        clear = part["verdict"].isin(["kept", "partly", "something", "opposite"])
        share = wilson([holds.sum(), clear.sum()], [len(part)] * 2)
        counts = part["verdict"].value_counts()
        rows.append({
            "initiative": name, "studies": len(part), "planted": part["planted"].iloc[0],
            "mean": part["estimate"].mean(), "spread": part["estimate"].std(),
            "held": share["estimate"][0], "held_low": share["conf_low"][0], "held_high": share["conf_high"][0],
            "clear": share["estimate"][1], "clear_low": share["conf_low"][1], "clear_high": share["conf_high"][1],
            **{word: int(counts.get(word, 0)) for word in perception.VERDICTS},
        })  # fmt: skip
    return pd.DataFrame(rows)


def markdown(found: pd.DataFrame) -> str:
    """Return the committed page."""
    lines = [
        "# Planted changes, answering and KPIs in simulated studies", "", *__doc__.strip().splitlines()[5:], "",
        f"{found['seed'].nunique()} studies in each world.", "", "## Initiatives, both worlds", "",
        "| initiative | planted | mean found (SD) | interval holds it | called a clear change | "
        + " | ".join(perception.VERDICTS) + " |",
        "|---|---:|---:|---:|---:|" + "---:|" * len(perception.VERDICTS),
    ]  # fmt: skip
    for row in initiative_rows(found).to_dict("records"):
        lines.append(
            f"| {row['initiative']} | {row['planted']:+.2f} | {row['mean']:+.2f} ({row['spread']:.2f}) | "
            f"{row['held']:.0%} ({row['held_low']:.0%} to {row['held_high']:.0%}) | "
            f"{row['clear']:.0%} ({row['clear_low']:.0%} to {row['clear_high']:.0%}) | "
            + " | ".join(str(row[word]) for word in perception.VERDICTS) + " |"
        )  # fmt: skip
    lines += ["", "## Why people stop answering, and KPIs that pull against each other", "",
              "| world | verdicts on answering | studies with a pair of KPIs against each other | pairs so |",
              "|---|---|---:|---:|"]  # fmt: skip
    for world, part in found.groupby("world", sort=True):
        words = part.loc[part["kind"] == "answering", "verdict"].value_counts()
        pairs = part[part["kind"] == "KPIs"]
        against = pairs["verdict"] == AGAINST
        lines.append(
            f"| {world} | {', '.join(f'{word}: {n}' for word, n in words.items())} | "
            f"{pairs.loc[against, 'seed'].nunique()} of {pairs['seed'].nunique()} | "
            f"{against.sum()} of {len(pairs)} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all studies and write the results."""
    found = every_study(one, __doc__.splitlines()[0], arguments).sort_values(
        ["kind", "about", "world", "seed"], ignore_index=True
    )
    found = found[["kind", "about", "world", "seed", "verdict", *NUMBERS, "planted", "p_permuted"]].round(6)
    found.to_csv(RESULTS / "loop.csv", index=False)
    (RESULTS / "loop.md").write_text(markdown(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
