"""The summary as a Markdown page: what follows, then one line per world, term and kind of error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from benchmarks.calibration.lessons import fits, lessons
from benchmarks.calibration.replicate import WORLDS
from benchmarks.calibration.summary import BAND, HOLDS, JUST_ABOVE, JUST_BELOW
from benchmarks.calibration.world import ACROSS, EFFECT, RIGHT, WITHIN

HEAD = (
    "term", "error", "bias ± MC error", "SD of estimates", "mean error", "coverage ± MC error", "false positives",
    "length", "df", "",
)  # fmt: skip
READING = """\
- *model*: standard errors of the fitted model, degrees of freedom after Satterthwaite. *CR2*: clustered by the first
  grouping factor (`fit.robust_table`), with Satterthwaite's degrees of freedom; *CR2, crossed* where its levels share
  levels of another factor, and what these add between clusters comes from the model. *Wald*: intervals of SDs and
  correlations (`fit.intervals()`).
- *coverage*: share of 95 % intervals that held the truth, with its Monte-Carlo error. *false positives*: share of tests
  at 5 % that found an effect where there is none. *length*: mean length over that of the model-based interval.
  *df*: the median. *mean error*: root mean square of the standard errors; where it falls short of the SD of the
  estimates, intervals are too short.
- A remark stands where coverage leaves {low:.0f}–{high:.0f} %: "just below" and "just above" by no more than chance
  would explain, **too low** and **too high** by more (a coverage at the edge would be that far out in fewer than 1 of
  40 simulations). At {replications:,} replications a method that is exactly right leaves the range for about
  {stray:.0f} % of lines.
- Covariates `_x` have the effect {effect}, `_null` none; the first part of their name says where they vary. They and
  all random effects are drawn anew in every replication. Equations: `benchmarks/calibration/right.py`, `wrong.py`.
"""


def markdown(rows: pd.DataFrame, replications: int, stray: float) -> str:
    """Return the page.

    rows : DataFrame        as ``summary.summarise`` makes it
    replications : int      per world
    stray : float           chance that exactly right coverage leaves the band
    """
    reading = READING.format(
        low=100 * BAND[0], high=100 * BAND[1], replications=replications, stray=100 * stray, effect=EFFECT
    )
    parts = [
        "# Calibration of mixed models\n",
        f"Do 95 % intervals hold the truth in 95 % of studies? {replications:,} simulated studies per world, "
        f"{rows['world'].nunique()} worlds; written by `make calibrate`.\n",
        "## What follows\n",
        "\n".join(f"- {sentence}" for sentence in lessons(rows)) + "\n",
        "## Reading the tables\n",
        f"{reading}{fits(rows)}\n",
    ]
    for section in (RIGHT, WITHIN, ACROSS):
        inside = rows[rows["section"] == section]
        if inside.empty:
            continue
        parts.append(f"## {section}\n")
        for name, of in inside.groupby("world", sort=False):
            parts += [f"### {name}\n", _sentence(str(name), of), _table(HEAD, (_cells(r) for _, r in of.iterrows()))]
    return "\n".join(parts)


def _sentence(name: str, of: pd.DataFrame) -> str:
    world, first = WORLDS[name], of.iloc[0]
    random = ", ".join(f"{group}: {effects}" for group, effects in world.random.items())
    return (
        f"{world.title}. Random: `{random}`. Singular {_percent(first['singular'])}, not converged "
        f"{_percent(first['not_converged'])}, {first['evaluations']:.1f} evaluations on average.\n"
    )


def _cells(row: pd.Series) -> list[str]:
    missing = "" if row["given"] == 1 else f"no interval in {_percent(1 - row['given'])} of fits"
    verdict = {HOLDS: "", JUST_BELOW: JUST_BELOW, JUST_ABOVE: JUST_ABOVE}.get(row["verdict"], f"**{row['verdict']}**")
    return [
        row["term"],
        row["error"],
        f"{row['bias']:+.4f} ± {row['bias_se']:.4f}",
        f"{row['spread']:.4f}",
        _number(row["std_error"], ".4f"),
        f"{100 * row['coverage']:.1f} ± {100 * row['coverage_se']:.1f} %",
        _percent(row["false_positives"]),
        _number(row["length_ratio"], ".2f") if row["error"] != "model" else "",
        _number(row["df"], ",.1f" if row["df"] < 100 else ",.0f"),
        "; ".join(filter(None, [verdict, missing])),
    ]


def _number(value: float, form: str) -> str:
    return "" if np.isnan(value) else format(value, form)


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{100 * share:.1f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
