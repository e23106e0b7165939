"""A verdict per question of the suite: ready, weak or not assessable, why, and what could be seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from exlink.data.answers import cx_kpi_scales, ex_kpi_scales
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters, reasons_sentence
from exlink.errors import EstimationError
from exlink.stats.hazard import MIN_EVENTS
from exlink.stats.power import minimum_detectable
from exlink.stats.slope_matrix import slope_matrix

READY, WEAK, NOT = "ready", "weak", "not assessable"
FEW_UNITS, FEW_WAVES, FEW_EXITS = 30, 6, 20  # below these an answer is called weak
LOW_RESPONSE = 0.30
FEW_REPEATED = 3  # units measured twice, below which no within-unit slope can be estimated
_NO_SIZE = "–"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one question of the suite can be answered: in a word, why, and how small an effect would be seen."""

    question: str
    notebook: str
    verdict: str
    why: str
    detectable: str = _NO_SIZE


def detectable_slopes(data: StudyData) -> pd.DataFrame:
    """Return the smallest within-unit slope this data would find, per EX aspect and CX KPI.

    The standard errors are those of the models of notebook 03 (unit and wave effects, clustered by unit); the
    estimates themselves are left out, so that looking at readiness is not yet looking at results.

    Returns
    -------
    DataFrame: aspect, outcome, detectable (% of the outcome's scale per EX point; power 80 %, two-sided 5 %, before
    any adjustment for many tests), n (customers' answers), n_units, note.
    """
    columns = ["aspect", "outcome", "detectable", "n", "n_units", "note"]
    scales = cx_kpi_scales(data)
    outcomes = list(scales)
    terms = [f"ex_{a}" for a in data.aspects]
    if not outcomes or not terms:
        return pd.DataFrame(columns=columns)
    cells = data.cells([data.unit, "wave"], outcomes).merge(data.exposures(), on=[data.unit, "wave"], how="left")
    frame = slope_matrix(cells, outcomes, terms, data.unit, "wave", kind="within")
    frame["aspect"] = [data.label(term.removeprefix("ex_")) for term in frame["term"]]
    width = frame["outcome"].map({kpi: high - low for kpi, (low, high) in scales.items()})
    if (cells.groupby(data.unit).size() > 1).sum() < FEW_REPEATED:
        frame["note"] = "hardly anybody was measured in two waves, so nobody's change can be seen."
    frame["detectable"] = frame["mde"] / width.astype(float) * 100
    return frame[columns]


def verdicts(
    data: StudyData,
    coverage: Mapping[str, float],
    slopes: pd.DataFrame,
    smallest_slope: float,
    said: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return one row per question: question, notebook, verdict, why, detectable.

    Parameters
    ----------
    coverage : response rates ``ex`` and ``cx``, NaN where unknown.
    slopes : what :func:`detectable_slopes` returned.
    smallest_slope : % of the customers' scale per EX point that would matter to the reader.
    said : the same two rates in words, where a rate is a bound.
    """
    said = {side: f"{rate:.0%}" for side, rate in coverage.items()} | dict(said or {})
    if not smallest_slope > 0:
        raise EstimationError(f"smallest_slope is {smallest_slope}; it must be a positive share of the scale, in %.")
    rows = [
        _journey(data, coverage["ex"], said["ex"]),
        _influence(data),
        _kpis(data, coverage["cx"], said["cx"]),
        _trend(data),
        _between(data),
        _within(slopes, smallest_slope),
        _direction(data),
        _money(data),
        _attrition(data),
    ]
    return pd.DataFrame([asdict(row) for row in rows])


def verdict_sentence(frame: pd.DataFrame) -> str:
    """Say how many questions are ready, and name those that are not."""
    ready = int((frame["verdict"] == READY).sum())
    said = f"**{ready} of {len(frame)} questions are ready.**"
    for word, lead in ((WEAK, "Weak"), (NOT, "Not assessable")):
        names = frame.loc[frame["verdict"] == word, "question"]
        if len(names):
            said += f" {lead}: {'; '.join(n.rstrip('?') for n in names)}."
    return said


def slopes_sentence(slopes: pd.DataFrame, smallest_slope: float) -> str:
    """Say how small a within-unit slope this data would find."""
    known = slopes["detectable"].dropna()
    if known.empty:
        return f"not assessed: {_why_no_slope(slopes)}"
    enough = int((known <= smallest_slope).sum())
    return (
        f"**This data would find a change of {known.min():.1f} to {known.max():.1f} % of the customers' scale per "
        f"EX point**, depending on aspect and KPI, before adjustment for many tests; {enough} of {len(known)} "
        f"pairs reach the {smallest_slope:g} % that would matter. A zero in notebook 03 means ‘not more than about "
        "this’, never ‘nothing’."
    )


def _journey(data: StudyData, ex_rate: float, rate: str) -> Verdict:
    question, notebook = "Is the whole employee journey measured?", "01"
    if missing := data.missing("ex_invitations"):
        return Verdict(question, notebook, WEAK, f"Answers are counted; who was asked {_needs(missing)}.")
    if ex_rate < LOW_RESPONSE:
        return Verdict(question, notebook, WEAK, f"Only {rate} of those asked answer.")
    return Verdict(question, notebook, READY, f"Invitations are kept; {rate} of those asked answer.")


def _influence(data: StudyData) -> Verdict:
    question, notebook = "Which roles move which part of the customer journey?", "01"
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study is at team grain: it holds no roles, only units.")
    roles, stages = data.query(
        "SELECT count(DISTINCT role) AS r, count(DISTINCT touchpoint) AS t FROM interactions ORDER BY r"
    ).iloc[0]
    word = READY if stages > 1 else WEAK
    return Verdict(
        question,
        notebook,
        word,
        f"{roles} {'roles meet' if roles > 1 else 'role meets'} customers at {stages} touchpoint{'s' * (stages > 1)}.",
    )


def _kpis(data: StudyData, cx_rate: float, rate: str) -> Verdict:
    question, notebook = "How do both sides rate what they experience?", "02"
    ex = list(ex_kpi_scales(data))
    if not ex:
        return Verdict(
            question,
            notebook,
            WEAK,
            f"Customers rate {_and(data.cx_kpis)}; employees were asked about aspects only, none of the three KPIs.",
        )
    absent = [k for k in ("ease", "recommend", "satisfaction") if k not in ex or k not in data.cx_kpis]
    if absent:
        return Verdict(question, notebook, WEAK, f"Not on both sides: {_and(absent)}.")
    if cx_rate < LOW_RESPONSE:
        return Verdict(question, notebook, WEAK, f"Customers answer after {rate} of the contacts only.")
    return Verdict(
        question,
        notebook,
        READY,
        f"Ease, recommendation and satisfaction on both sides; customers answer {rate} of invitations.",
    )


def _trend(data: StudyData) -> Verdict:
    question, notebook = "Does it move over time?", "02"
    waves = int(data.query("SELECT count(DISTINCT wave) AS n FROM exposures ORDER BY n")["n"].iloc[0])
    if waves < 2:
        return Verdict(question, notebook, NOT, "There is one EX wave.")
    word = READY if waves >= FEW_WAVES else WEAK
    return Verdict(question, notebook, word, f"{waves} EX waves" + ("." if word == READY else ", too few for a trend."))


def _between(data: StudyData) -> Verdict:
    question, notebook = f"Do {data.people} with better EX have happier customers?", "03"
    n = int(data.query(f"SELECT count(DISTINCT {data.unit}) AS n FROM linked WHERE has_cx ORDER BY n")["n"].iloc[0])
    if n < 5:
        return Verdict(question, notebook, NOT, f"Only {n} {data.people} carry both sides.")
    r = float(np.tanh(minimum_detectable(1 / np.sqrt(n - 3))))
    word = READY if n >= FEW_UNITS else WEAK
    return Verdict(question, notebook, word, f"{n:,} {data.people} carry both sides.", f"correlation of ±{r:.2f}")


def _within(slopes: pd.DataFrame, smallest_slope: float) -> Verdict:
    question, notebook = "When somebody's EX changes, do their customers notice?", "03, 04"
    known = slopes["detectable"].dropna()
    if known.empty:
        why = _why_no_slope(slopes)
        return Verdict(question, notebook, NOT, f"{why[:1].upper()}{why[1:]}")
    share = float((known <= smallest_slope).mean())
    word = READY if share > 0.5 else WEAK
    size = f"{known.median():.1f} % of the customers' scale per EX point (median), before adjustment for many tests"
    return Verdict(
        question,
        notebook,
        word,
        f"{share:.0%} of the pairs of aspect and KPI could show {smallest_slope:g} % per point.",
        size,
    )


def _direction(data: StudyData) -> Verdict:
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


def _money(data: StudyData) -> Verdict:
    question, notebook = "What is it worth?", "05"
    if missing := data.missing("customer_value"):
        return Verdict(question, notebook, NOT, f"It {_needs(missing)}.")
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
            f"{both:,} customers have an answer and a value; the overall relationship between them {_needs(missing)}.",
        )
    return Verdict(question, notebook, READY, f"{both:,} customers have a linked answer and a value.")


def _attrition(data: StudyData) -> Verdict:
    question, notebook = "Who leaves, and is it EX?", "05"
    if missing := data.missing("employees.left_on"):
        return Verdict(question, notebook, NOT, f"It {_needs(missing)}.")
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


def _why_no_slope(slopes: pd.DataFrame) -> str:
    if slopes.empty:
        return "there is no EX aspect or no customer score."
    return str(slopes["note"].iloc[0])


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "nothing"


def _needs(missing: str) -> str:
    """Return ``not assessed: needs `x``` as words inside a sentence."""
    return missing.removeprefix("not assessed: ").replace("`", "")
