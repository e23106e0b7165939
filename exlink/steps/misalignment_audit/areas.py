"""Step 06: everything the scorecard needs besides the checks with sections of their own (M49), found in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exlink.data.dataset import StudyData
from exlink.data.wages import mean_salary
from exlink.steps.misalignment_audit import scorecard_words as words
from exlink.steps.misalignment_audit.authority import Authority
from exlink.steps.misalignment_audit.check import Check
from exlink.steps.misalignment_audit.drift import Drift
from exlink.steps.misalignment_audit.echo import Echo
from exlink.steps.misalignment_audit.flight import Flight
from exlink.steps.misalignment_audit.hand_over_waits import Waits, assess_waits, waits_check
from exlink.steps.misalignment_audit.investment import Investment, assess_investment, investment_check
from exlink.steps.misalignment_audit.outcomes import (
    Leaving,
    Lost,
    assess_leaving,
    assess_lost,
    leave_check,
    lost_check,
)
from exlink.steps.misalignment_audit.scorecard import Area, scorecard
from exlink.steps.misalignment_audit.scored import Scored, assess_scored, scored_check
from exlink.steps.misalignment_audit.shadow import Shadow
from exlink.steps.misalignment_audit.workflow import Workflow, assess_workflow, open_check, place_check


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found for the scorecard; a string says why something could not be assessed."""

    investment: Investment | str
    workflow: Workflow | str
    waits: Waits | str
    scored: Scored | str
    lost: Lost | str
    leaving: Leaving | str


@dataclass(frozen=True, slots=True)
class Bounds:
    """From where on something matters, and up to where it is harmless: the scorecard's own bounds.

    measured : share of metrics among what initiatives change. Half: as much is added to measure as is eased. A third:
        two frictions go for each metric that comes.
    open : share of escalations not solved within ``solve_days``. Half: escalating helps no more than a coin's toss.
    places : times the usual place's escalations per contact. A third more is no hazard of who was on duty; places
        that do the same work differ by a seventh or so.
    waits : days until half of the feedback is taken up. A week: the next team meeting. A month: after the next survey
        of many companies.
    chance : share of chance in a person's mean. Half: more luck than person; a fifth: the reliability that step 03 asks
        for (0.8).
    lost, leaving : shares of revenue and of staff lost a year. Of revenue a fifth: customers stay five years on
        average; a tenth: ten years. Of staff a quarter: people stay four years; three twentieths: nearly seven.
    """

    measured: tuple[float, float] = (1 / 3, 1 / 2)
    open: tuple[float, float] = (0.25, 0.50)
    places: tuple[float, float] = (1.15, 1.33)
    waits: tuple[float, float] = (7.0, 30.0)
    chance: tuple[float, float] = (0.2, 0.5)
    lost: tuple[float, float] = (0.10, 0.20)
    leaving: tuple[float, float] = (0.15, 0.25)


def assess_areas(data: StudyData, *, kpi: str, solve_days: int) -> Found:
    """Return what the scorecard looks at besides the signs; ``solve_days``: within which an escalation is solved."""
    return Found(assess_investment(data), assess_workflow(data, solve_days=solve_days), assess_waits(data),
                 assess_scored(data, kpi=kpi), assess_lost(data), assess_leaving(data))  # fmt: skip


def area_checks(found: Found, bounds: Bounds, *, solve_days: int) -> list[Check]:
    """Return the scorecard's own checks."""

    def at(pair: tuple[float, float]) -> dict[str, float]:
        return {"harmless": pair[0], "matters": pair[1]}

    return [
        investment_check(found.investment, **at(bounds.measured)),
        open_check(found.workflow, **at(bounds.open), solve_days=solve_days),
        place_check(found.workflow, **at(bounds.places)),
        waits_check(found.waits, **at(bounds.waits)),
        scored_check(found.scored, **at(bounds.chance)),
        lost_check(found.lost, **at(bounds.lost)),
        leave_check(found.leaving, **at(bounds.leaving)),
    ]


def eight_areas(
    data: StudyData, found: Found, checks: Iterable[Check], *, flight: Flight | str, drift: Drift | str,
    shadow: Shadow | str, echo: Echo | str, authority: Authority | str, money: Callable[[float], str],
    hours_a_year: float, act_days: int,
) -> list[Area]:  # fmt: skip
    """Return the scorecard from all checks of the audit and what was found behind them."""
    few = data.study.privacy.min_group
    told = (
        words.investment_told(found.investment, money),
        words.frontline_told(shadow, money, few),
        words.feedback_told(echo, few),
        words.engagement_told(drift, few),
        words.workflow_told(found.workflow, money, mean_salary(data) / hours_a_year),
        words.alignment_told(authority, act_days, few),
        words.performance_told(found.scored, flight),
        words.outcomes_told(found.lost, found.leaving, flight, money),
    )
    return scorecard(checks, told)
