"""What could be done: the levers that are compared, from the study file or from the notebook's parameters (M35)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.scenario import Scenario
from exlink.errors import ParameterError, did_you_mean
from exlink.steps.business_rollup.chain import Rollup

YEAR = 12.0  # months
EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Group:
    """For whom an aspect is raised: its name in words, people, and its share of all contacts and of all people."""

    name: str
    people: int
    of_contacts: float
    of_people: float


@dataclass(frozen=True, slots=True)
class Case:
    """One lever: what is changed by how much, for whom, what it costs once, and for how long it is counted.

    side : 'employees' (``aspect`` rises by ``delta`` points) or 'customers' (waits fall by the share ``delta``)
    cost : in all, in the study's currency; months : for which the effect lasts and its benefit is counted
    discount : a year, on money that arrives after the first day
    """

    lever: str
    aspect: str
    side: str
    delta: float
    who: Group
    cost: float
    months: float = YEAR
    discount: float = 0.0


def group(data: StudyData, role: str = "") -> Group:
    """Return everyone, or the people of one role.

    Raises
    ------
    ParameterError
        The study has no such role, or too few people have it to be spoken of.
    """
    if data.unit != "employee_id" or not data.has("employees"):
        units = int(data.query(f"SELECT count(DISTINCT {data.unit}) AS n FROM exposures ORDER BY n")["n"].iloc[0])
        return Group(f"all {data.people}", units, 1.0, 1.0)
    gone = "left_on IS NULL" if data.has("employees", "left_on") else "true"
    staff = data.query(f"SELECT role, count(*) AS n FROM employees WHERE {gone} GROUP BY role ORDER BY role")
    if not role:
        return Group(EVERYONE, int(staff["n"].sum()), 1.0, 1.0)
    if role not in set(staff["role"]):
        raise ParameterError(f"group: no role '{role}' in this study.{did_you_mean(role, staff['role'])}")
    people = int(staff.set_index("role")["n"][role])
    if people < (least := data.study.privacy.min_group):  # their number stands in a sentence, their cost tells it too
        raise ParameterError(f"group: fewer than {least} people are '{role}'. Choose a role with more, or everyone.")
    contacts = data.query("SELECT role, count(*) AS n FROM linked GROUP BY role ORDER BY role").set_index("role")["n"]
    return Group(role, people, float(contacts.get(role, 0) / contacts.sum()), people / float(staff["n"].sum()))


def default_cases(
    rollup: Rollup, who: Group, *, points: float, cost: float, wait_cut: float, discount: float = 0.0
) -> list[Case]:
    """Return every aspect raised by ``points`` and waits cut by the share ``wait_cut``, each for the same cost."""
    rest = {"who": who, "cost": cost, "discount": discount}
    cases = [Case(_raised(rollup.labels[a], points), a, "employees", points, **rest) for a in rollup.aspects]
    if 0 < wait_cut < 1:
        cases.append(Case(_cut(wait_cut), "", "customers", wait_cut, **rest))
    return cases


def study_cases(data: StudyData, discount: float = 0.0) -> list[Case]:
    """Return the scenarios of the study file, in its order; none where it declares none."""
    groups = {one.group: group(data, one.group) for one in data.study.scenarios}
    return [replace(_declared(data, one, groups[one.group]), discount=discount) for one in data.study.scenarios]


def _declared(data: StudyData, one: Scenario, who: Group) -> Case:
    cost = one.cost if one.cost is not None else one.cost_per_person * who.people
    aspect = "" if one.kind == "cx" else slug(one.aspect)
    what = _cut(one.delta) if one.kind == "cx" else _raised(data.label(aspect), one.delta)
    lever = one.name or (f"{what}, {one.group}" if one.group else what)
    side = "customers" if one.kind == "cx" else "employees"
    return Case(lever, aspect, side, one.delta, who, cost, one.duration_months)


def _raised(label: str, points: float) -> str:
    return f"raise {label} by {points:g} points"


def _cut(share: float) -> str:
    return f"cut waiting times by {share:.0%}"
