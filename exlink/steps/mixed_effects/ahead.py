"""What this step asks beside its main models: begun early in a thread of its own, so that no core waits.

Each answer is the one that asking later gives: the engine is asked through a connection of its own or beforehand, and
a thread works on one question at a time, in the order in which the page tells them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from exlink.data.dataset import StudyData
from exlink.data.panel import within_reason
from exlink.stats.lmm import LmmFit
from exlink.steps.mixed_effects.alike import Alike, acts_alike
from exlink.steps.mixed_effects.direction import DirectionFound, find_direction
from exlink.steps.mixed_effects.mediation import Paths, mediation_paths
from exlink.steps.mixed_effects.models import Fits
from exlink.steps.mixed_effects.outcomes import WorkFits, fit_work
from exlink.steps.mixed_effects.rows import Design
from exlink.steps.mixed_effects.specifications import without_circumstances
from exlink.steps.mixed_effects.teams import with_team


@dataclass(frozen=True, slots=True, eq=False)
class Ahead:
    """Answers under way that need no model; ``result()`` waits for one, and raises what kept it from being given.

    direction : of `find_direction`
    alike : of `acts_alike`
    work : of `fit_work`
    paths : of `mediation_paths`
    """

    direction: Future[DirectionFound]
    alike: Future[Alike]
    work: Future[WorkFits]
    paths: Future[Paths]


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """Other specifications of one outcome's model under way.

    teams : what `with_team` fits
    bare : of `without_circumstances`
    """

    teams: Future[LmmFit | str]
    bare: Future[LmmFit | None]


def begin(
    data: StudyData, outcome: str, circumstances: Sequence[str], lags: Sequence[int], smallest_direction: float
) -> Ahead:
    """Begin what needs no model: direction, groups of people, what happens in contacts, and the paths through it."""
    aside = data.aside()
    reason = within_reason(data)
    beside = _thread()
    found = beside.submit(find_direction, aside, outcome, lags, smallest_direction)
    work = beside.submit(fit_work, aside, circumstances, reason)
    alike = beside.submit(acts_alike, aside)
    paths = beside.submit(lambda: mediation_paths(aside, outcome, circumstances, work.result(), reason))
    beside.shutdown(wait=False)  # nothing else will be asked of it
    return Ahead(found, alike, work, paths)


def begin_variants(data: StudyData, given: Design, outcome: str, fits: Fits, *, reml: bool) -> Variants:
    """Read what the model with teams needs, and begin to fit it, then the one without circumstances."""
    beside = _thread()
    teams = beside.submit(with_team(data, given, outcome, fits, reml=reml))
    bare = beside.submit(without_circumstances, given, outcome, fits)
    beside.shutdown(wait=False)
    return Variants(teams, bare)


def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
