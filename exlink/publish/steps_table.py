"""The declared table of steps: what each notebook needs and what it gives, in reading order.

The runner takes its order from here, the pages their navigation, the session its permission to load:
a notebook may load artefacts of the steps it needs and of no other, so that no step can be run before
what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exlink.errors import ParameterError, did_you_mean, listed


@dataclass(frozen=True, slots=True)
class Step:
    """One notebook of the suite.

    stem : str             file name of the notebook without its suffix
    title : str            what navigation and page titles call it
    needs : tuple of str   stems of the steps whose artefacts it loads
    late : tuple of str    those of its needs that it waits for where it loads them, not before it starts
    gives : str            what it leaves behind, in words
    index : bool           True for the step whose page is also index.html
    """

    stem: str
    title: str
    needs: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    gives: str = ""
    index: bool = False


STEPS: tuple[Step, ...] = (
    Step("00_readiness", "Readiness of the data", gives="row accounting, join losses, coverage"),
    Step("01_journey_mapping", "Journey mapping", gives="the journey of customers and of employees, side by side"),
    Step("02_touchpoint_kpis", "Touchpoint KPIs", gives="mirrored KPIs per touchpoint with intervals"),
    Step("03_individual_linkage", "Individual linkage", gives="the linked panel and its EX–CX associations"),
    Step("04_mixed_effects", "Mixed effects", gives="within-person and between-person effects"),
    Step(
        "05_business_rollup",
        "Business roll-up",
        ("04_mixed_effects",),
        late=("04_mixed_effects",),  # one sentence, said last
        gives="the chain to money, and what it is worth",
    ),
    Step("06_misalignment_audit", "Misalignment audit", gives="warning signs and eight areas, each with a verdict"),
    Step("07_action_loop", "Action loop", gives="what becomes of feedback, and how fast"),
    Step(
        "09_executive_summary",
        "Executive summary",
        (
            "00_readiness",
            "01_journey_mapping",
            "02_touchpoint_kpis",
            "03_individual_linkage",
            "04_mixed_effects",
            "05_business_rollup",
            "06_misalignment_audit",
            "07_action_loop",
        ),
        gives="the decision, its money and its doubt",
        index=True,
    ),
)


def step_named(stem: str, steps: Iterable[Step] = STEPS) -> Step | None:
    """Return the step with this stem, or None."""
    return next((step for step in steps if step.stem == stem), None)


def longest_chain_first(steps: Sequence[Step]) -> list[Step]:
    """Return the steps with those first that the longest chain of other steps waits for, else in reading order.

    What is left when all else is done then runs beside something, not after it (Hu's rule for tasks with
    precedence: Operations Research 9, 1961). Of equal chains, those come last that may have to wait half-way.
    """

    def behind(stem: str) -> int:
        return 1 + max((behind(other.stem) for other in steps if stem in other.needs), default=0)

    return sorted(steps, key=lambda step: (-behind(step.stem), bool(step.late)))


def chosen_steps(names: Sequence[str], steps: Sequence[Step] = STEPS) -> tuple[Step, ...]:
    """Return the steps meant by stems, with or without number, or their unique beginnings ('03'); all for none.

    Raises
    ------
    ParameterError
        A name means no step, or several.
    """
    stems = [step.stem for step in steps]
    words = {stem.partition("_")[2]: stem for stem in stems}
    wanted = set()
    for name in names:
        full = words.get(name, name)
        matches = [full] if full in stems else [stem for stem in stems if stem.startswith(name)]
        if name and len(matches) == 1:
            wanted.add(matches[0])
        elif name and matches:
            raise ParameterError(f"--only {name} means several steps: {listed(matches)}. Write more of the name.")
        else:
            near = did_you_mean(name, [*stems, *words])
            raise ParameterError(f"There is no step '{name}'.{near} Steps are {listed(stems, 20)}.")
    return tuple(step for step in steps if not names or step.stem in wanted)
