"""Verdicts on what notebook 06 asks: the four signs that good ratings are paid for by those who earn them."""

from __future__ import annotations

from exlink.data.answers import ex_kpi_scales
from exlink.data.dataset import StudyData
from exlink.data.exit_risks import exit_risks
from exlink.steps.readiness.question import (
    FEW_ANSWERED,
    FEW_EXITS,
    FEW_WAVES,
    NOT,
    Verdict,
    because,
    ready_from,
)

NOTEBOOK = "06"
TREND_WAVES = 4  # with fewer, a trend is a difference of two or three points


def flight(data: StudyData) -> Verdict:
    """Return whether leaving of the best people can be told from that of others."""
    question = "Do the best people become the flight risk?"
    if data.unit == "team_id":
        return Verdict(question, NOTEBOOK, NOT, "The study is at team grain: it holds no employees.")
    if missing := data.missing("employees.left_on", "employees.performance_rating", "interactions.escalated"):
        return Verdict(question, NOTEBOOK, NOT, because(missing))
    risks = exit_risks(data)
    if risks.empty:
        why = "It needs a quarter that begins after the first EX answers and has ended with the period."
        return Verdict(question, NOTEBOOK, NOT, why)
    recorded = [c for c in ("unresolved", "off_system") if risks[c].notna().any()]
    known = risks.dropna(subset=["top", *recorded])
    exits = [int(known.loc[known["top"] == top, "left"].sum()) for top in (1, 0)]
    if min(exits) < data.study.privacy.min_group:
        return Verdict(question, NOTEBOOK, NOT, "Too few top performers, or others, left of their own accord.")
    why = f"{exits[0]} top performers and {exits[1]} others left of their own accord."
    return Verdict(question, NOTEBOOK, ready_from(min(exits) >= FEW_EXITS), why)


def drift(data: StudyData) -> Verdict:
    """Return whether trends of both sides can be laid beside each other, team by team."""
    question = "Do employees and customers drift apart?"
    if data.unit == "team_id":
        return Verdict(question, NOTEBOOK, NOT, "The study is at team grain: the same people cannot be followed.")
    if not ex_kpi_scales(data):
        return Verdict(question, NOTEBOOK, NOT, "Employees were asked for no overall score.")
    waves = int(data.query("SELECT count(DISTINCT wave) AS n FROM linked WHERE has_cx ORDER BY n")["n"].iloc[0])
    if waves < TREND_WAVES:
        why = f"A trend needs {TREND_WAVES} waves on both sides, and this study has {waves}."
        return Verdict(question, NOTEBOOK, NOT, why)
    return Verdict(question, NOTEBOOK, ready_from(waves >= FEW_WAVES), f"{waves} waves on both sides.")


def shadow(data: StudyData) -> Verdict:
    """Return whether work beside the systems is recorded."""
    question = "Is work done beside the systems?"
    if data.unit == "team_id":
        return Verdict(question, NOTEBOOK, NOT, "The study is at team grain: it holds no employees.")
    if missing := data.missing("desktop_activity", "desktop_activity.managed", "desktop_activity.minutes"):
        return Verdict(question, NOTEBOOK, NOT, because(missing))
    sql = "SELECT count(DISTINCT employee_id) AS n FROM desktop_activity ORDER BY n"
    people, least = int(data.query(sql)["n"].iloc[0]), data.study.privacy.min_group
    if people < least:
        return Verdict(question, NOTEBOOK, NOT, f"Desktop records of fewer than {least} people.")
    return Verdict(question, NOTEBOOK, ready_from(people >= FEW_ANSWERED), f"Desktop records of {people:,} people.")


def echo(data: StudyData) -> Verdict:
    """Return whether it is recorded what became of feedback."""
    question = "Does feedback lead to change?"
    if missing := data.missing("voc_feedback", "voc_feedback.acted_on"):
        return Verdict(question, NOTEBOOK, NOT, because(missing))
    pieces = int(data.query("SELECT count(*) AS n FROM voc_feedback ORDER BY n")["n"].iloc[0])
    least = data.study.privacy.min_group
    if pieces < least:
        return Verdict(question, NOTEBOOK, NOT, f"There are fewer than {least} pieces of feedback.")
    why = f"{pieces:,} pieces of feedback, and whether they were acted on."
    return Verdict(question, NOTEBOOK, ready_from(pieces >= FEW_ANSWERED), why)
