"""A verdict per question of the suite: ready, weak or not assessable, why, and what could be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import within_reason
from exlink.errors import EstimationError
from exlink.steps.readiness import linked, measured, signs
from exlink.steps.readiness.question import NOT, PAGES, READY, WEAK

__all__ = ["NOT", "READY", "WEAK", "verdict_sentence", "verdicts"]


def verdicts(
    data: StudyData,
    coverage: Mapping[str, float],
    slopes: pd.DataFrame,
    smallest_slope: float,
    said: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return one row per question: question, notebook, verdict, why, detectable, page (its notebooks in words).

    Parameters
    ----------
    coverage : response rates ``ex`` and ``cx``, NaN where unknown.
    slopes : what ``detectable.detectable_slopes`` returned.
    smallest_slope : % of the customers' scale per EX point that would matter to the reader.
    said : the same two rates in words, where a rate is a bound.
    """
    said = {side: f"{rate:.0%}" for side, rate in coverage.items()} | dict(said or {})
    if not smallest_slope > 0:
        raise EstimationError(f"smallest_slope is {smallest_slope}; it must be a positive share of the scale, in %.")
    no_within = within_reason(data)
    rows = [
        measured.journey(data, coverage["ex"], said["ex"]),
        measured.influence(data),
        measured.one_track(data),
        measured.paths(data),
        measured.delay(data, no_within),
        measured.kpis(data, coverage["cx"], said["cx"]),
        measured.priorities(data),
        measured.trend(data),
        measured.reliability(data),
        measured.agreement(data),
        measured.factors(data),
        measured.frankness(data),
        measured.effort(data),
        measured.handoffs(data),
        linked.between(data),
        linked.within(slopes, smallest_slope, data.people, no_within),
        linked.direction(data),
        linked.both_directions(data, no_within),
        linked.overall(data, no_within),
        linked.importance(data, slopes, smallest_slope, no_within),
        linked.shares(data),
        linked.alike(data, slopes, no_within),
        linked.money(data),
        linked.attrition(data),
        signs.flight(data),
        signs.drift(data),
        signs.shadow(data),
        signs.echo(data),
    ]
    frame = pd.DataFrame([asdict(row) for row in rows])
    return frame.assign(page=[", ".join(PAGES[stem] for stem in pages.split(", ")) for pages in frame["notebook"]])


def verdict_sentence(frame: pd.DataFrame) -> str:
    """Say how many questions are ready, and name those that are not."""
    ready = int((frame["verdict"] == READY).sum())
    said = f"**{ready} of {len(frame)} questions are ready.**"
    for word, lead in ((WEAK, "Weak"), (NOT, "Not assessable")):
        names = frame.loc[frame["verdict"] == word, "question"]
        if len(names):
            said += f" {lead}: {'; '.join(n.rstrip('?') for n in names)}."
    return said
