"""How often does each check of the audit raise an alarm? Forty simulated studies with the symptoms, and healthy twins.

    python -m benchmarks.signs                    benchmarks/results/signs.csv and .md; a quarter of an hour on one core
    python -m benchmarks.signs --keep FOLDER      keeps the prepared studies there, and uses those that are there

Every study is judged as notebook 06 does, by its own cells, with its default parameters. An alarm is raised where a
verdict is 'fail'. In the twin that is a false alarm; in the study with the symptoms it is what should be found. Not
everything is planted in one world alone: dissatisfied people leave sooner in both; faults around people make nobody's
work harder in either, so that 'Human buffers' has nothing to find; and the areas of the scorecard also look at what is
not planted, such as customers lost. Leaving runs in no team by itself in either world: intervals that
allow for it are not put to the test here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from benchmarks.studies import SIZE, WORLDS, every_study, simulated
from exlink.data.dataset import StudyData
from exlink.publish.disclosure import Policy
from exlink.publish.parameters import read_notebook, source_of
from exlink.publish.session import Session
from exlink.stats.judgement import WORDS
from exlink.stats.proportions import wilson
from exlink.steps.misalignment_audit.states_words import NAME as LEAVING

RESULTS = Path(__file__).parent / "results"
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
DETECTED, FALSE_ALARMS = 0.8, 0.1  # at least, at most: shares of studies
NUMBERS = ("estimate", "conf_low", "conf_high")
IN_BOTH = (LEAVING,)  # what is planted in the healthy twin, too
KINDS = ("signs", "behind", "areas")  # the names under which the notebook keeps them


def found_by(stem: str, data: StudyData, wanted: str) -> dict[str, Any]:
    """Return the names that a notebook's cells leave: those of its parameters, its opening, and ids with ``wanted``."""
    session = Session(stem, "", Path(), data, Policy(data.study.privacy.min_group))
    names: dict[str, Any] = {}
    with mock.patch("exlink.publish.session.open_session", lambda *_: session):
        for cell in read_notebook(NOTEBOOKS / f"{stem}.ipynb")["cells"]:
            if cell["id"] in ("parameters", "open") or cell["id"].endswith(wanted):
                exec(compile(source_of(cell), f"{stem}: {cell['id']}", "exec"), names)
    return names


def one(
    seed: int, *, healthy: bool, keep: Path | None = None, size: dict[str, int] | None = None
) -> pd.DataFrame:  # fmt: skip
    """Return the verdicts on one simulated study: kind, world, seed, sign (the check), verdict, estimate and bounds."""
    with simulated(seed, healthy=healthy, keep=keep, size=size) as data:
        names = found_by("06_misalignment_audit", data, "-found")
    rows = [
        {"kind": kind, "world": WORLDS[healthy], "seed": seed, "sign": check.name, "verdict": check.verdict,
         **{name: getattr(check, "numbers", {}).get(name) for name in NUMBERS}}
        for kind in KINDS for check in names[kind]
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
        "# The checks of the audit in simulated studies", "", "\n".join(told[5:]), "",
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
    verdicts = every_study(one, __doc__.splitlines()[0], arguments)
    order = {kind: at for at, kind in enumerate(KINDS)}
    verdicts = verdicts.assign(at=verdicts["kind"].map(order))
    verdicts = verdicts.sort_values(["at", "sign", "world", "seed"], ignore_index=True)
    verdicts = verdicts.drop(columns="at").round(6)
    verdicts.to_csv(RESULTS / "signs.csv", index=False)
    (RESULTS / "signs.md").write_text(markdown(verdicts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
