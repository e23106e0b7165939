"""Verdicts on what notebooks 03 to 05 ask: the link, its models, and what it is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.answers import ex_kpi_scales, headline_kpi
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters, reasons_sentence
from exlink.data.panel import aspect_columns
from exlink.errors import EstimationError
from exlink.stats.composite import composite
from exlink.stats.hazard import MIN_EVENTS
from exlink.stats.power import minimum_detectable
from exlink.steps.readiness.detectable import why_no_slope
from exlink.steps.readiness.question import (
    FEW_EXITS,
    FEW_REPEATS,
    FEW_UNITS,
    FEW_WAVES,
    NOT,
    READY,
    WEAK,
    Verdict,
    because,
    needs,
    ready_from,
    there_are,
)


def between(data: StudyData) -> Verdict:
    """Return whether units can be compared with each other."""
    question, notebook = f"Do {data.people} with better EX have happier customers?", "03"
    n = int(data.query(f"SELECT count(DISTINCT {data.unit}) AS n FROM linked WHERE has_cx ORDER BY n")["n"].iloc[0])
    if n < 5:
        return Verdict(question, notebook, NOT, f"Only {n} {data.people} carry both sides.")
    r = float(np.tanh(minimum_detectable(1 / np.sqrt(n - 3))))
    word = READY if n >= FEW_UNITS else WEAK
    return Verdict(question, notebook, word, f"{n:,} {data.people} carry both sides.", f"correlation of ±{r:.2f}")


def within(slopes: pd.DataFrame, smallest_slope: float, people: str, no_within: str) -> Verdict:
    """Return whether a unit's change can be seen in its customers' answers.

    ``no_within``, here and below: why effects within units cannot be assessed, or ''.
    """
    question, notebook = "When somebody's EX changes, do their customers notice?", "03, 04"
    if no_within:
        return Verdict(question, notebook, NOT, because(no_within))
    known = slopes["detectable"].dropna()
    if known.empty:
        why = why_no_slope(slopes)
        return Verdict(question, notebook, NOT, f"{why[:1].upper()}{why[1:]}")
    share = float((known <= smallest_slope).mean())
    units = int(slopes["n_units"].median())
    few = f" Only {units} {people} change, so errors are rough." if units < FEW_UNITS else ""
    size = f"{known.median():.1f} % of the customers' scale per EX point (median), before adjustment for many tests"
    why = f"{share:.0%} of the pairs of aspect and KPI could show {smallest_slope:g} % per point.{few}"
    return Verdict(question, notebook, ready_from(share > 0.5 and not few), why, size)


def direction(data: StudyData) -> Verdict:
    """Return whether the EX answer lies before the contact."""
    question, notebook = "Does EX come before CX?", "03, 04"
    days, first = data.query(
        "SELECT median(days_since_ex) AS d, min(days_since_ex) AS f FROM linked WHERE has_cx ORDER BY d"
    ).iloc[0]
    if days < 1:
        return Verdict(question, notebook, NOT, "Both sides were measured at the same time: direction cannot be read.")
    if first < 1:
        return Verdict(
            question,
            notebook,
            WEAK,
            "Some contacts took place on the day of the EX answer: which came "
            "first is not known. Set linkage.lag_days to 1 or more.",
        )
    return Verdict(question, notebook, READY, f"The EX answer lies {days:.0f} days before the contact (median).")


def both_directions(data: StudyData, no_within: str) -> Verdict:
    """Return whether there are waves enough to ask which side moves first."""
    question, notebook = "Does EX drive CX, or CX EX?", "04"
    if no_within:
        return Verdict(question, notebook, NOT, because(no_within))
    waves = int(data.query("SELECT count(DISTINCT wave) AS n FROM linked WHERE has_cx ORDER BY n")["n"].iloc[0])
    return Verdict(question, notebook, ready_from(waves >= FEW_WAVES), f"{waves} EX waves with customers' answers.")


def overall(data: StudyData, no_within: str) -> Verdict:
    """Return whether aspects can be held against an overall score."""
    question, notebook = "Does the overall EX score hide what to improve?", "03"
    kpi = headline_kpi(list(ex_kpi_scales(data)))
    if kpi is None:
        return Verdict(question, notebook, NOT, "Employees were asked for no overall score.")
    if len(data.aspects) < 2:
        return Verdict(
            question, notebook, NOT, f"It needs two aspects or more, and there {there_are(len(data.aspects))}."
        )
    if no_within:
        return Verdict(question, notebook, NOT, because(no_within))
    if made := _made_of_aspects(data, kpi):
        return Verdict(question, notebook, NOT, made)
    return Verdict(question, notebook, READY, f"{len(data.aspects)} aspects beside {kpi}.")


def _made_of_aspects(data: StudyData, kpi: str) -> str:
    """Return that the overall score is made of the aspects, or ''."""
    try:
        found = composite(data.exposures(), f"ex_{kpi}", aspect_columns(data))
    except EstimationError:
        return ""  # too few answers to tell, which the other verdicts say
    return f"{found.reason(f'{kpi.capitalize()}', 'the aspects')}." if found.found else ""


def importance(data: StudyData, slopes: pd.DataFrame, smallest_slope: float, no_within: str) -> Verdict:
    """Return whether aspects can be set in order of importance."""
    question, notebook = "Which aspects matter most to customers?", "03"
    known = slopes["detectable"].dropna()
    if len(data.aspects) < 2:
        return Verdict(
            question, notebook, NOT, f"It needs two aspects or more, and there {there_are(len(data.aspects))}."
        )
    if no_within or known.empty:
        return Verdict(question, notebook, NOT, because(no_within or why_no_slope(slopes)))
    enough = float(known.median()) <= smallest_slope
    return Verdict(
        question,
        notebook,
        ready_from(enough),
        f"{len(data.aspects)} aspects; ranks come with intervals, and wide ones are no order.",
        f"{known.median():.1f} % of the customers' scale per EX point (median)",
    )


def shares(data: StudyData) -> Verdict:
    """Return whether persons, teams and customers can be told apart as sources of a score."""
    question, notebook = "Whose score is it, and may people be ranked on it?", "03, 04"
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study is at team grain: it holds no persons.")
    if data.has("interactions", "weight"):
        return Verdict(question, notebook, NOT, "A row of interactions is the average of several customers.")
    again = int(
        data.query(
            "SELECT count(*) AS n FROM (SELECT customer_id FROM linked WHERE has_cx GROUP BY 1 "
            "HAVING min(employee_id) < max(employee_id)) ORDER BY n"
        )["n"].iloc[0]
    )
    if not again:
        return Verdict(question, notebook, WEAK, "No customer rated two employees: their shares cannot be told apart.")
    why = f"{again:,} customers rated two employees or more, which tells their shares apart."
    return Verdict(question, notebook, ready_from(again >= FEW_REPEATS), why)


def alike(data: StudyData, slopes: pd.DataFrame, no_within: str) -> Verdict:
    """Return whether slopes can be compared between roles."""
    question, notebook = "Does it act on everybody alike?", "03, 04"
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study is at team grain: it holds neither roles nor tenure.")
    if no_within or slopes["detectable"].isna().all():
        return Verdict(question, notebook, NOT, because(no_within or why_no_slope(slopes)))
    roles = data.query(
        "SELECT role, count(DISTINCT employee_id) AS n FROM linked WHERE has_cx AND role IS NOT NULL "
        "GROUP BY 1 ORDER BY 1"
    )["n"]
    by = "tenure" if data.has("employees", "hired_on") else ""
    if len(roles) < 2 and not by:
        return Verdict(question, notebook, NOT, "There is one role, and no date of hiring.")
    if len(roles) < 2:
        return Verdict(question, notebook, WEAK, "There is one role; people can be compared by tenure.")
    fewest = int(roles.min())
    size = f"{fewest} people" if fewest >= data.study.privacy.min_group else "a handful of people"
    return Verdict(
        question,
        notebook,
        ready_from(fewest >= FEW_UNITS),
        f"{len(roles)} roles, the smallest of {size}{', and tenure' if by else ''}.",
    )


def money(data: StudyData) -> Verdict:
    """Return whether customers' answers can be followed to their value."""
    question, notebook = "What is it worth?", "05"
    if missing := data.missing("customer_value"):
        return Verdict(question, notebook, NOT, f"It {needs(missing)}.")
    both = int(
        data.query(
            "SELECT count(*) AS n FROM (SELECT customer_id FROM linked WHERE has_cx INTERSECT "
            "SELECT customer_id FROM customer_value) ORDER BY n"
        )["n"].iloc[0]
    )
    if not both:
        return Verdict(question, notebook, NOT, "No customer has both a linked answer and a value.")
    if missing := data.missing("customer_relationship"):
        return Verdict(
            question,
            notebook,
            WEAK,
            f"{both:,} customers have an answer and a value; the overall relationship between them {needs(missing)}.",
        )
    return Verdict(question, notebook, READY, f"{both:,} customers have a linked answer and a value.")


def attrition(data: StudyData) -> Verdict:
    """Return whether leaving can be followed from EX answers."""
    question, notebook = "Who leaves, and is it EX?", "05"
    if missing := data.missing("employees.left_on"):
        return Verdict(question, notebook, NOT, f"It {needs(missing)}.")
    quarters = employee_quarters(data)
    if "ex_satisfaction" not in quarters:
        return Verdict(question, notebook, NOT, "It needs satisfaction items in ex_responses.")
    exits = int(quarters.loc[quarters["ex_satisfaction"].notna(), "left"].sum())
    unknown = reasons_sentence(data)
    known = f" {unknown}" if unknown else ""
    if exits < max(MIN_EVENTS, data.study.privacy.min_group):
        return Verdict(question, notebook, NOT, f"Too few people left in the quarter after an EX answer.{known}")
    odds = float(np.exp(minimum_detectable(1 / np.sqrt(exits))))
    word = READY if exits >= FEW_EXITS else WEAK
    return Verdict(
        question,
        notebook,
        word,
        f"{exits} people left of their own accord in the quarter after an EX answer.{known}",
        f"odds × {odds:.1f} per SD of EX",
    )
