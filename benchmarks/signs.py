"""How often are the four warning signs raised? Forty simulated studies with the symptoms, and forty healthy twins.

    python -m benchmarks.signs            benchmarks/results/signs.csv and .md; about twelve minutes on one core

Every study is judged as notebook 06 does, with its default bounds. A sign is raised where its verdict is 'fail'. In the
twin that is a false alarm; in the study with the symptoms it is what should be found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from exlink.data.dataset import StudyData, open_data
from exlink.data.simulate import simulate_study
from exlink.data.study import load_study
from exlink.stats.judgement import WORDS
from exlink.stats.proportions import wilson
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit.check import Check

RESULTS = Path(__file__).parent / "results"
SEEDS = range(1, 41)
SIZE = {"employees": 240, "interactions": 60_000}
DETECTED, FALSE_ALARMS = 0.8, 0.1  # at least, at most: shares of studies
WORLDS = {False: "with symptoms", True: "healthy"}


def signs(data: StudyData) -> list[Check]:
    """Return the four signs as notebook 06 judges them by default."""
    few = data.study.privacy.min_group
    drifts = step.assess_drift(data, kpi="", sure=0.95, harmless=1.0, matters=2.0)
    shadows = step.assess_shadow(data, hours_a_year=1700.0, days_a_year=220.0)
    return [
        step.flight_check(step.assess_flight(data), 1.25),
        step.drift_check(drifts, sure=0.95, harmless=1.0, matters=2.0),
        step.shadow_check(shadows, harmless=0.05, matters=0.10, times=1.5),
        step.echo_check(step.assess_echo(data, act_days=90), harmless=0.4, matters=0.6, act_days=90, min_group=few),
    ]


def one(seed: int, *, healthy: bool, size: dict[str, int] | None = None) -> pd.DataFrame:
    """Return the verdicts on one simulated study: world, seed, sign, verdict."""
    with tempfile.TemporaryDirectory() as folder:
        study = simulate_study(Path(folder), seed=seed, healthy=healthy, **(size or SIZE))
        checks = signs(open_data(load_study(study), threads=1))
    return pd.DataFrame(
        {"world": WORLDS[healthy], "seed": seed, "sign": [c.name for c in checks],
         "verdict": [c.verdict for c in checks]}
    )  # fmt: skip


def summary(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return per sign and world how many studies got each verdict, and the share that raised it with its interval."""
    rows = []
    for (sign, world), part in verdicts.groupby(["sign", "world"], sort=False):
        counts = {word: int((part["verdict"] == word).sum()) for word in WORDS}
        raised = wilson([counts["fail"]], [len(part)]).iloc[0]
        rows.append({"sign": sign, "world": world, "studies": len(part), **counts, "raised": raised["estimate"],
                     "conf_low": raised["conf_low"], "conf_high": raised["conf_high"]})  # fmt: skip
    return pd.DataFrame(rows)


def markdown(verdicts: pd.DataFrame) -> str:
    """Return the committed page."""
    lines = [
        "# The four warning signs in simulated studies", "", "\n".join(__doc__.strip().splitlines()[4:]), "",
        f"{verdicts['seed'].nunique()} studies of {SIZE['employees']} employees and {SIZE['interactions']:,} "
        f"interactions in each world. Wanted: at least {DETECTED:.0%} with the symptoms, at most {FALSE_ALARMS:.0%} "
        "without.", "",
        "| sign | world | fail | watch | pass | not assessable | raised (95 % interval) |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for row in summary(verdicts).to_dict("records"):
        lines.append(
            f"| {row['sign']} | {row['world']} | {row['fail']} | {row['watch']} | {row['pass']} | "
            f"{row['not assessable']} | {row['raised']:.0%} ({row['conf_low']:.0%} to {row['conf_high']:.0%}) |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all studies and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    seeds = parser.parse_args(arguments).seeds
    parts = []
    for seed in seeds:
        parts += [one(seed, healthy=healthy) for healthy in (False, True)]
        print(f"{len(parts)} of {2 * len(seeds)}", file=sys.stderr, flush=True)
    verdicts = pd.concat(parts, ignore_index=True).sort_values(["sign", "world", "seed"], ignore_index=True)
    verdicts.to_csv(RESULTS / "signs.csv", index=False)
    (RESULTS / "signs.md").write_text(markdown(verdicts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
