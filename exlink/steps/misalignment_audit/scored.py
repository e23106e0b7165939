"""Step 06: are people scored on what they cannot control (M49, performance management)? Chance in a person's mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.choices import chosen_kpi
from exlink.data.dataset import StudyData
from exlink.data.person_scores import person_scores
from exlink.data.wording import signed
from exlink.errors import EstimationError
from exlink.stats.judgement import FAIL, WATCH, judge
from exlink.stats.reliability import contacts_needed, icc_from_sums, reliability_of_mean
from exlink.stats.tidy import t_quantile
from exlink.steps.misalignment_audit.check import AREAS, Check, not_assessable

NAME = "People are scored on chance"
ENOUGH = 0.8  # reliability from which on single people may be compared, as in step 03


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What an employee's average of customers' ratings in a quarter is made of.

    chance : tuple    share that is not the employee's: estimate, conf_low, conf_high
    answers : float   of the median employee in the last quarter
    needed : float    for a reliability of `ENOUGH`; infinite where none would do
    follows : tuple or None    correlation of performance ratings with these averages: estimate, low, high, people
    kpi : str
    people : int      with answers in the last quarter
    n : int           answers
    """

    chance: tuple[float, float, float]
    answers: float
    needed: float
    follows: tuple[float, float, float, int] | None
    kpi: str
    people: int
    n: int


def assess_scored(data: StudyData, *, kpi: str) -> Scored | str:
    """Return how much of a person's score is chance, or why it cannot be assessed."""
    if data.unit == "team_id":
        return "not assessed: needs customers' answers by employee; this study links at the level of teams"
    if data.has("interactions", "weight"):
        return "not assessed: a row of `interactions` is the average of several customers (column `weight`)"
    kpi, few = chosen_kpi("kpi", kpi, data.cx_kpis), data.study.privacy.min_group
    rows = person_scores(data, kpi)
    now = rows[rows["last"] > 0]
    if len(now) < few:
        return f"not assessed: fewer than {few} employees have answers of customers in the last quarter"
    try:
        icc = icc_from_sums(rows["n"], rows["total"], rows["sumsq"]).iloc[0]
    except EstimationError as error:
        return f"not assessed: {error}"
    answers = float(now["last"].median())
    own = [float(np.clip(icc[name], 0.0, 1.0)) for name in ("estimate", "conf_high", "conf_low")]
    estimate, low, high = (1 - reliability_of_mean(np.array(own), answers)).tolist()
    return Scored((estimate, low, high), answers, float(contacts_needed(own[0], ENOUGH)), _follows(rows, few), kpi,
                  len(now), int(rows["n"].sum()))  # fmt: skip


def _follows(rows: pd.DataFrame, few: int) -> tuple[float, float, float, int] | None:
    """Return how closely performance ratings go along with customers' averages (Fisher's z)."""
    both = rows.dropna(subset=["rating"])
    mean = both["total"] / both["n"]
    if len(both) < few or not (both["rating"].std() > 0 and mean.std() > 0):
        return None
    r = float(np.corrcoef(both["rating"], mean)[0, 1])
    half = float(t_quantile(0.975, np.inf)) / np.sqrt(len(both) - 3)
    return r, float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half)), len(both)


def scored_check(found: Scored | str, *, harmless: float, matters: float) -> Check:
    """Return the verdict on the share of chance in a person's quarterly average; bounds are shares, 0 to 1.

    It is watched at worst: so little can be told of a person from so few answers, but nothing in the data says that
    anybody is judged by it. Ratings that go along with the averages are no proof, because those who are good at their
    work are rated well by both.
    """
    if isinstance(found, str):
        return not_assessable(AREAS, NAME, found)
    judged = judge(*found.chance, harmless=harmless, matters=matters)
    verdict = WATCH if judged == FAIL else judged
    estimate, low, high = found.chance
    lead = (
        f"{estimate:.0%} of the differences between employees' quarterly averages of customers' {found.kpi} are not "
        f"theirs but those of the {found.answers:.0f} customers who happened to answer"
    )
    said = (
        f"{lead} (95% interval {low:.0%} to {high:.0%}; up to {harmless:.0%} counts as harmless, from {matters:.0%} on "
        f"it matters); {found.n:,} answers, {found.people} employees. {follows_sentence(found)}"
    )
    if verdict != judged:
        said += " Watched at worst: nothing here says that anybody is judged by such an average."
    numbers = {"estimate": estimate, "conf_low": low, "conf_high": high, "harmless": harmless, "matters": matters}
    brief = f"{estimate:.0%} of what tells employees' quarterly averages apart is chance ({low:.0%} to {high:.0%})."
    return Check(AREAS, NAME, verdict, said, numbers={k: float(v) for k, v in numbers.items()}, brief=brief)


def follows_sentence(found: Scored) -> str:
    """Say whether performance ratings go along with customers' averages."""
    if found.follows is None:
        return "Whether people are judged by it is not recorded (`employees.performance_rating`)."
    r, low, high, people = found.follows
    does = "go along" if low > 0 else "run against" if high < 0 else "are not shown to go along"
    return (
        f"Performance ratings {does} with these averages (r = {signed(r)}, {signed(low)} to {signed(high)}; "
        f"{people} employees)."
    )
