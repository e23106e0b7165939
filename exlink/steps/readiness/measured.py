"""Verdicts on what notebooks 01 and 02 ask: the journeys of both sides, and the KPIs along them."""

from __future__ import annotations

from exlink.data.answers import ex_kpi_scales
from exlink.data.customer_paths import GAP_DAYS, too_short
from exlink.data.dataset import StudyData
from exlink.data.effort import effort_reason
from exlink.data.handoffs import handoff_reason
from exlink.data.relationship import contact_and_overall, few_pairs_reason, priorities_reason, relationship_kpi
from exlink.steps.readiness.question import (
    FEW_ANSWERED,
    FEW_REPEATS,
    FEW_WAVES,
    LOW_RESPONSE,
    NOT,
    READY,
    WEAK,
    Verdict,
    because,
    listed,
    needs,
    ready_from,
    there_are,
)

WEEKS_APART = 4  # of EX answers in force, below which a delay cannot be told from another
FEW_TEAMS = 10  # of sufficient size, below which teams' agreement is called weak
FEW_ITEMS = 3  # questions per survey, below which giving all the same answer says nothing


def journey(data: StudyData, ex_rate: float, rate: str) -> Verdict:
    """Return whether the employee journey is covered, and by whom."""
    question, notebook = "Is the whole employee journey measured?", "01"
    if missing := data.missing("ex_invitations"):
        return Verdict(question, notebook, WEAK, f"Answers are counted; who was asked {needs(missing)}.")
    if ex_rate < LOW_RESPONSE:
        return Verdict(question, notebook, WEAK, f"Only {rate} of those asked answer.")
    return Verdict(question, notebook, READY, f"Invitations are kept; {rate} of those asked answer.")


def influence(data: StudyData) -> Verdict:
    """Return whether roles can be laid against the customer journey."""
    question, notebook = "Which roles move which part of the customer journey?", "01"
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study is at team grain: it holds no roles, only units.")
    roles, stages = data.query(
        "SELECT count(DISTINCT role) AS r, count(DISTINCT touchpoint) AS t FROM interactions ORDER BY r"
    ).iloc[0]
    meet = "roles meet" if roles > 1 else "role meets"
    why = f"{roles} {meet} customers at {stages} touchpoint{'s' * (stages > 1)}."
    return Verdict(question, notebook, ready_from(stages > 1), why)


def one_track(data: StudyData) -> Verdict:
    """Return whether customers' stages can be seen from both sides."""
    question, notebook = "Do both sides see the same stage alike?", "01"
    shared = [k for k in ex_kpi_scales(data) if k in data.cx_kpis]
    if not shared:
        return Verdict(question, notebook, NOT, "No KPI is asked on both sides.")
    stages = _count(data, "SELECT count(DISTINCT touchpoint) AS n FROM linked WHERE has_cx ORDER BY n")
    why = f"{listed(shared).capitalize()} on both sides, at {stages} customer touchpoint{'s' * (stages != 1)}."
    return Verdict(question, notebook, ready_from(stages > 1), why)


def paths(data: StudyData) -> Verdict:
    """Return whether customers are met often enough to follow them from contact to contact."""
    question, notebook = "Which paths do customers take, and where do they break?", "01"
    again = _count(data, "SELECT count(*) AS n FROM customers WHERE first_at < last_at ORDER BY n")
    if not again:
        return Verdict(question, notebook, NOT, "No customer was met at two different times.")
    if short := too_short(data, GAP_DAYS):
        return Verdict(question, notebook, NOT, because(short))
    why = f"{again:,} customers were met more than once."
    return Verdict(question, notebook, ready_from(again >= FEW_REPEATS), why)


def delay(data: StudyData, no_within: str) -> Verdict:
    """Return whether the weeks between EX and CX differ enough to tell how long it takes.

    ``no_within``: why effects within units cannot be assessed, or ''.
    """
    question, notebook = "After how many weeks does a change in EX show?", "01"
    if no_within:
        return Verdict(question, notebook, NOT, because(no_within))
    days = data.query("SELECT max(days_since_ex) - min(days_since_ex) AS d FROM linked WHERE has_cx ORDER BY d")["d"]
    weeks, waves = int(days.iloc[0]) // 7, _waves(data)
    if weeks < WEEKS_APART:
        return Verdict(
            question, notebook, NOT, "Contacts lie at like distances from the EX answer: no delay can be told."
        )
    return Verdict(
        question, notebook, ready_from(waves >= FEW_WAVES), f"Contacts follow over {weeks} weeks, in {waves} EX waves."
    )


def kpis(data: StudyData, cx_rate: float, rate: str) -> Verdict:
    """Return whether both sides rate the same three things."""
    question, notebook = "How do both sides rate what they experience?", "02"
    ex = list(ex_kpi_scales(data))
    if not ex:
        return Verdict(
            question,
            notebook,
            WEAK,
            f"Customers rate {listed(data.cx_kpis)}; employees were asked about aspects only, none of the three KPIs.",
        )
    absent = [k for k in ("ease", "recommend", "satisfaction") if k not in ex or k not in data.cx_kpis]
    if absent:
        return Verdict(question, notebook, WEAK, f"Not on both sides: {listed(absent)}.")
    if cx_rate < LOW_RESPONSE:
        return Verdict(question, notebook, WEAK, f"Customers answer after {rate} of the contacts only.")
    of = "invited contacts" if data.has("cx_invitations") else "contacts"
    why = f"Ease, recommendation and satisfaction on both sides; customers answer after {rate} of {of}."
    return Verdict(question, notebook, READY, why)


def trend(data: StudyData) -> Verdict:
    """Return whether there are periods enough on each side to see a movement."""
    question, notebook = "Does it move over time?", "02"
    sql = "SELECT count(DISTINCT date_trunc('month', started_at)) AS n FROM interactions WHERE has_cx ORDER BY n"
    waves, months = _waves(data), _count(data, sql)
    enough = [waves >= FEW_WAVES, months >= FEW_WAVES]
    counted = f"{waves} EX wave{'s' * (waves != 1)}, {months} month{'s' * (months != 1)} with customers' answers"
    why = f"{counted}."
    if not all(enough):
        why = f"{counted}; a movement needs {FEW_WAVES} of each."
    return Verdict(question, notebook, READY if all(enough) else WEAK if any(enough) else NOT, why)


def reliability(data: StudyData) -> Verdict:
    """Return whether aspects are asked in more than one item."""
    question, notebook = "Can the EX scores be trusted?", "02"
    items = data.query(
        "SELECT aspect, count(DISTINCT item) AS n FROM ex_responses WHERE kpi = 'driver' GROUP BY 1 ORDER BY 1"
    )["n"]
    if items.empty:
        return Verdict(question, notebook, NOT, "Employees were asked about no aspect.")
    more = int((items > 1).sum())
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study holds means of units, not people's answers.")
    if not more:
        return Verdict(question, notebook, NOT, "Every aspect is asked in one item, whose error cannot be told.")
    return Verdict(
        question,
        notebook,
        ready_from(more == len(items)),
        f"{more} of {len(items)} aspects are asked in two items or more.",
    )


def agreement(data: StudyData) -> Verdict:
    """Return whether there are teams large enough to ask if their members agree."""
    question, notebook = "Do teams see it alike?", "02"
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study holds means of units, not people's answers.")
    least = data.study.privacy.min_group
    teams = _count(
        data,
        "SELECT count(*) AS n FROM (SELECT team_id FROM ex_responses JOIN (SELECT employee_id, team_id FROM employees) "
        f"USING (employee_id) GROUP BY 1 HAVING count(DISTINCT employee_id) >= {least}) ORDER BY n",
    )
    if teams < 2:
        return Verdict(question, notebook, NOT, f"It needs two teams of {least} people or more who answered.")
    why = f"{teams} teams have {least} people or more who answered."
    return Verdict(question, notebook, ready_from(teams >= FEW_TEAMS), why)


def factors(data: StudyData) -> Verdict:
    """Return whether a measurement model of the aspects can be fitted."""
    question, notebook = "Are complexity of work and norms two different things?", "02"
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study holds means of units, not people's answers.")
    if len(data.aspects) < 4:
        return Verdict(
            question, notebook, NOT, f"Two factors need four aspects or more, and there {there_are(len(data.aspects))}."
        )
    people = _count(data, f"SELECT count(DISTINCT {data.unit}) AS n FROM exposures ORDER BY n")
    why = f"{len(data.aspects)} aspects, answered by {people:,} people."
    return Verdict(question, notebook, ready_from(people >= FEW_ANSWERED), why)


def frankness(data: StudyData) -> Verdict:
    """Return whether skipped and uniform answers can be counted by team."""
    question, notebook = "Do people answer frankly?", "02"
    if data.unit == "team_id":
        return Verdict(question, notebook, NOT, "The study holds means of units, not people's answers.")
    items = data.query(
        f"SELECT median(n) AS n FROM (SELECT count(*) AS n FROM ex_responses WHERE kpi = 'driver' "
        f"GROUP BY {data.unit}, responded_on) ORDER BY n"
    )["n"].iloc[0]
    if not items >= FEW_ITEMS:
        return Verdict(question, notebook, NOT, f"It needs {FEW_ITEMS} questions on aspects per survey or more.")
    return Verdict(question, notebook, READY, f"{items:.0f} questions on aspects per survey (median).")


def effort(data: StudyData) -> Verdict:
    """Return whether the desktop tells where effort goes."""
    question, notebook = "Where does the effort of work come from?", "02"
    if reason := effort_reason(data):
        return Verdict(question, notebook, NOT, because(reason))
    people = _count(data, "SELECT count(DISTINCT employee_id) AS n FROM desktop_activity ORDER BY n")
    return Verdict(question, notebook, ready_from(people >= FEW_ANSWERED), f"Desktop records of {people:,} people.")


def handoffs(data: StudyData) -> Verdict:
    """Return whether hand-offs can be laid beside first-contact resolution."""
    question, notebook = "Do hand-offs cost resolution at first contact?", "02"
    if reason := handoff_reason(data):
        return Verdict(question, notebook, NOT, because(reason))
    handed = _count(data, "SELECT count(*) AS n FROM interactions WHERE transfers > 0 ORDER BY n")
    if not handed:
        return Verdict(question, notebook, NOT, "No contact was handed on.")
    return Verdict(question, notebook, READY, f"{handed:,} contacts were handed on.")


def priorities(data: StudyData) -> Verdict:
    """Return whether touchpoints can be set in order of importance and performance."""
    question, notebook = "Which touchpoints should be improved first?", "02"
    kpi = relationship_kpi(data)
    if (reason := priorities_reason(data)) or kpi is None:
        return Verdict(question, notebook, NOT, because(reason))
    sums = contact_and_overall(data, kpi)
    if few := few_pairs_reason(sums):
        return Verdict(question, notebook, NOT, because(few))
    why = (
        f"{sums['n'].sum():,.0f} overall answers follow a rated contact, at {sums['touchpoint'].nunique()} touchpoints."
    )
    return Verdict(question, notebook, READY, why)


def _count(data: StudyData, sql: str) -> int:
    return int(data.query(sql)["n"].iloc[0])


def _waves(data: StudyData) -> int:
    return _count(data, "SELECT count(DISTINCT wave) AS n FROM exposures ORDER BY n")
