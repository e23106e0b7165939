"""How often does each check of the audit raise an alarm? Forty simulated studies with the symptoms, and healthy twins.

    python -m benchmarks.signs                      benchmarks/results/signs.csv and .md; fifteen minutes on one core
    python -m benchmarks.signs --keep FOLDER        keeps the prepared studies there, and uses those that are there
    python -m benchmarks.signs --only behind        judges these checks again and leaves the others as committed

Every study is judged as notebook 06 does, with its default parameters. An alarm is raised where a verdict is 'fail'. In
the twin that is a false alarm; in the study with the symptoms it is what should be found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.studies import SEEDS, SIZE, WORLDS, simulated
from exlink.data.dataset import StudyData
from exlink.publish.parameters import declared_parameters
from exlink.stats.judgement import WORDS
from exlink.stats.proportions import wilson
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit.check import Check

RESULTS = Path(__file__).parent / "results"
NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "06_misalignment_audit.ipynb"
DETECTED, FALSE_ALARMS = 0.8, 0.1  # at least, at most: shares of studies
NUMBERS = ("estimate", "conf_low", "conf_high")


@cache
def defaults() -> dict[str, Any]:
    """Return the parameters of notebook 06 as it declares them."""
    return declared_parameters(NOTEBOOK)


def bounds(name: str) -> dict[str, float]:
    """Return the two bounds of a check: up to where it is harmless, from where on it matters."""
    return {kind: defaults()[f"{name}_{kind}"] for kind in ("harmless", "matters")}


def signs(data: StudyData) -> list[Check]:
    """Return the four warning signs."""
    given, few = defaults(), data.study.privacy.min_group
    drifting = {"sure": given["drift_sure"], **bounds("drift")}
    year = {name: given[name] for name in ("hours_a_year", "days_a_year")}
    echoes = step.assess_echo(data, act_days=given["act_days"])
    return [
        step.flight_check(step.assess_flight(data), given["flight_matters"]),
        step.drift_check(step.assess_drift(data, kpi=given["kpi"], **drifting), **drifting),
        step.shadow_check(step.assess_shadow(data, **year), times=given["shadow_times"], **bounds("shadow")),
        step.echo_check(echoes, act_days=given["act_days"], min_group=few, **bounds("voice")),
    ]


def behind(data: StudyData) -> list[Check]:
    """Return what lies behind the signs, as far as it rests on feedback."""
    few = data.study.privacy.min_group
    echoes = step.assess_echo(data, act_days=defaults()["act_days"])
    return [
        step.authority_check(step.assess_authority(data, echoes), min_group=few, **bounds("authority")),
        step.recurrence_check(step.assess_recurrence(data, echoes), **bounds("recurrence")),
    ]


CHECKS: dict[str, Callable[[StudyData], list[Check]]] = {"signs": signs, "behind": behind}


def one(
    seed: int, *, healthy: bool, kinds: Sequence[str] = tuple(CHECKS), keep: Path | None = None,
    size: dict[str, int] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the verdicts on one simulated study: kind, world, seed, sign (the check), verdict, estimate and bounds."""
    with simulated(seed, healthy=healthy, keep=keep, size=size) as data:
        checks = [(kind, check) for kind in kinds for check in CHECKS[kind](data)]
    rows = [
        {"kind": kind, "world": WORLDS[healthy], "seed": seed, "sign": check.name, "verdict": check.verdict,
         **{name: check.numbers.get(name) for name in NUMBERS}}
        for kind, check in checks
    ]  # fmt: skip
    return pd.DataFrame(rows)


def summary(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return per sign and world how many studies got each verdict, and the share that raised it with its interval."""
    rows = []
    for (_, sign, world), part in verdicts.groupby(["kind", "sign", "world"], sort=False):
        counts = {word: int((part["verdict"] == word).sum()) for word in WORDS}
        raised = wilson([counts["fail"]], [len(part)]).iloc[0]
        rows.append({"sign": sign, "world": world, "studies": len(part), **counts, "raised": raised["estimate"],
                     "conf_low": raised["conf_low"], "conf_high": raised["conf_high"]})  # fmt: skip
    return pd.DataFrame(rows)


def markdown(verdicts: pd.DataFrame) -> str:
    """Return the committed page."""
    told = __doc__.strip().splitlines()
    lines = [
        "# The checks of the audit in simulated studies", "", "\n".join(told[6:]), "",
        f"{verdicts['seed'].nunique()} studies of {SIZE['employees']} employees and {SIZE['interactions']:,} "
        f"interactions in each world. Wanted: at least {DETECTED:.0%} with the symptoms, at most {FALSE_ALARMS:.0%} "
        "without.", "",
        "| check | world | fail | watch | pass | not assessable | raised (95 % interval) |",
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
    parser.add_argument("--only", nargs="*", choices=list(CHECKS), default=list(CHECKS))
    parser.add_argument("--keep", type=Path, help="folder of prepared studies, used again and added to")
    given = parser.parse_args(arguments)
    parts = []
    for seed in given.seeds:
        parts += [one(seed, healthy=healthy, kinds=given.only, keep=given.keep) for healthy in (False, True)]
        print(f"{len(parts)} of {2 * len(given.seeds)}", file=sys.stderr, flush=True)
    others = pd.read_csv(RESULTS / "signs.csv") if set(given.only) < set(CHECKS) else pd.DataFrame({"kind": []})
    verdicts = pd.concat([others[~others["kind"].isin(given.only)], *parts], ignore_index=True)
    kinds = verdicts["kind"].map({kind: at for at, kind in enumerate(CHECKS)})
    verdicts = verdicts.assign(at=kinds).sort_values(["at", "sign", "world", "seed"], ignore_index=True)
    verdicts = verdicts.drop(columns="at").round(6)
    verdicts.to_csv(RESULTS / "signs.csv", index=False)
    (RESULTS / "signs.md").write_text(markdown(verdicts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
