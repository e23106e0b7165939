"""Step 06: the scorecard of eight areas (M49): which checks speak of each, and the verdict they come to.

The audit does not wait for steps 03 and 05: on two cores the run would be longer by all of this step, and what its
areas are judged by (how much of a person's mean is chance, revenue kept, exits) is counted here from the data in less
than a second. Those pages are linked as evidence; what a better experience would bring in money stays with step 05.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH
from exlink.steps.misalignment_audit import (
    alarm_words,
    authority_words,
    drift_words,
    echo_words,
    flight_words,
    hand_over_waits,
    investment,
    leavers_words,
    outcomes,
    recurrence_words,
    scored,
    shadow_words,
    states_words,
    workflow,
)
from exlink.steps.misalignment_audit.check import MEANING, Check
from exlink.steps.misalignment_audit.scorecard_words import action

BADGES = {PASS: "aligned", WATCH: "watch", FAIL: "misaligned", OPEN: "not assessed"}
_NEGATIVE = re.compile(r"(?<![\w.)-])-(?=\.?\d)")  # the hyphen of a negative number
NUMBERS = "#on-what-else-do-the-eight-areas-rest"


@dataclass(frozen=True, slots=True)
class AreaRule:
    """What is looked at in one area, fixed beforehand.

    name : str
    checks : tuple of str    names of its checks; without the first there is no verdict in favour
    beside : tuple of str    checks that are told but not counted: what they find is so in healthy companies, too
    evidence : tuple of (str, str)    what a link says, and where it leads: a section of this page, or another page
    """

    name: str
    checks: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]
    beside: tuple[str, ...] = ()


RULES = (
    AreaRule(
        "CX investment strategy", (investment.NAME,),
        (("The numbers", NUMBERS), ("What became of initiatives", "07_action_loop.html"),
         ("What a change is worth", "05_business_rollup.html"))),
    AreaRule(
        "Frontline experience", (shadow_words.NAME, leavers_words.NAME),
        (("Work beside the systems", "#is-work-done-beside-the-systems"),
         ("What leavers had worked round", "#what-had-those-who-left-been-working-round"),
         ("Customers and employees at each touchpoint", "02_touchpoint_kpis.html"))),
    AreaRule(
        "Data and feedback", (echo_words.NAME, recurrence_words.NAME),
        (("What became of feedback", "#does-feedback-lead-to-no-change"),
         ("Problems that come back", "#do-the-same-problems-come-back-with-nothing"),
         ("How fast feedback moves", "07_action_loop.html"))),
    AreaRule(
        "Engagement", (drift_words.NAME,),
        (("Employees and customers drift apart", "#do-employees-and-customers-drift-apart"),
         ("States of wear", "#do-people-burn-out-check-out-and-leave"),
         ("The alarm", "#would-an-alarm-have-warned")),
        (states_words.NAME, alarm_words.NAME)),
    AreaRule(
        "Operational workflows",
        (workflow.OPEN_NAME, workflow.PLACE_NAME, "Human buffers", "One cause at several sites"),
        (("Where contacts fail", "#where-do-contacts-fail"),
         ("Hand-offs and waiting", "01_journey_mapping.html"))),
    AreaRule(
        "Organisational alignment", (authority_words.NAME, hand_over_waits.NAME),
        (("Who may act on feedback", "#is-feedback-given-to-people-who-cannot-act"),
         ("Where feedback waits", "07_action_loop.html"))),
    AreaRule(
        "Performance management", (scored.NAME, flight_words.NAME),
        (("The numbers", NUMBERS),
         ("The best people as flight risk", "#do-the-best-people-become-the-flight-risk"),
         ("May people be ranked?", "03_individual_linkage.html"))),
    AreaRule(
        "Business outcomes", (outcomes.LOST_NAME, outcomes.LEAVE_NAME),
        (("The numbers", NUMBERS), ("From work to money", "05_business_rollup.html"))),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Area:
    """One row of the scorecard.

    name, verdict : str      the verdict one of 'pass', 'watch', 'fail', 'not assessable'
    symptom : str            what was measured, with interval and n
    others : tuple of (str, str, str)    further checks: name, meaning of the verdict, what was found
    cause, impact, action : str    root-cause indicator; money or people; what leaders do. '' where nothing is known
    brief : str              the symptom for a page that has one line for it
    evidence : tuple of (str, str)
    """

    name: str
    verdict: str
    symptom: str
    others: tuple[tuple[str, str, str], ...]
    cause: str
    impact: str
    action: str
    brief: str
    evidence: tuple[tuple[str, str], ...]

    @property
    def anchor(self) -> str:
        """The area's address on its page."""
        return "area-" + "-".join(self.name.lower().split())


def area_verdict(checks: Iterable[Check]) -> str:
    """Return what the checks of an area come to, by a rule fixed beforehand.

    'fail' where any fails; else 'watch' where any is watched; else 'pass' where the first one passes; else 'not
    assessable': an area is not aligned by what was left unlooked at.
    """
    checks = list(checks)
    words = [check.verdict for check in checks]
    if FAIL in words or WATCH in words:
        return FAIL if FAIL in words else WATCH
    return PASS if words and words[0] == PASS else OPEN


def scorecard(checks: Iterable[Check], told: Iterable[tuple[str, str]]) -> list[Area]:
    """Return the eight areas.

    Parameters
    ----------
    checks : all checks of the audit; those that a rule names and that are not there are left out.
    told : root-cause indicator and impact of each area in words, in the order of `RULES`.
    """
    by_name = {check.name: check for check in checks}
    out = []
    for rule, (cause, impact) in zip(RULES, told, strict=True):
        mine, beside = ([by_name[name] for name in names if name in by_name] for names in (rule.checks, rule.beside))
        verdict = area_verdict(mine)
        leading = _leading(mine, verdict)
        others = tuple((c.name, MEANING[c.verdict], _plain(c.in_short)) for c in mine if c is not leading)
        others += tuple((c.name, _uncounted(c), _plain(c.in_short)) for c in beside)
        out.append(Area(rule.name, verdict, _plain(leading.told) if leading else "", others, cause, impact,
                        action(leading),
                        _plain(leading.in_short) if leading else "", rule.evidence))  # fmt: skip
    return out


def _uncounted(check: Check) -> str:
    """Return the meaning of a verdict that an area does not rest on."""
    return MEANING[check.verdict] + (" by itself, not counted" if check.verdict in (FAIL, WATCH) else "")


def _leading(checks: list[Check], verdict: str) -> Check | None:
    """Return the check that decided: the first with the area's verdict, else the first."""
    return next((c for c in checks if c.verdict == verdict), checks[0] if checks else None)


def _plain(sentence: str) -> str:
    """Return a sentence as it stands by itself on a card: what could not be made as a sentence, names without marks."""
    sentence = sentence.replace("`", "")
    if not sentence.startswith("not assessed: "):
        return sentence
    rest = sentence.removeprefix("not assessed: ")
    return f"Not assessed: {rest}{'' if rest.endswith('.') else '.'}"


def area_cards(areas: Iterable[Area]) -> list[dict]:
    """Return the areas as a page shows them: area, verdict, anchor, lines (label, text), links (text, address)."""
    out = []
    for area in areas:
        lines = [("Measured", area.symptom)]
        lines += [("Besides", f"{name} ({meaning}): {found}") for name, meaning, found in area.others]
        lines += [("Root cause", area.cause), ("Impact", area.impact), ("What leaders do", area.action)]
        lines = [(what, _NEGATIVE.sub("−", said)) for what, said in lines if said]
        out.append({"area": area.name, "verdict": BADGES[area.verdict], "anchor": area.anchor, "lines": lines,
                    "links": list(area.evidence)})  # fmt: skip
    return out


def area_words(areas: Iterable[Area]) -> pd.DataFrame:
    """Return the scorecard as a table of words: area, verdict (aligned …), what, words."""
    rows = [(card["area"], card["verdict"], *line) for card in area_cards(areas) for line in card["lines"]]
    return pd.DataFrame(rows, columns=["area", "verdict", "what", "words"])


def area_numbers(checks: Iterable[Check]) -> pd.DataFrame:
    """Return the checks without a section of their own: name, found, meaning (of the verdict)."""
    rows = [(c.name, _plain(c.told), MEANING[c.verdict]) for c in checks]
    return pd.DataFrame(rows, columns=["name", "found", "meaning"])


def area_facts(areas: Iterable[Area]) -> dict[str, dict]:
    """Return per area what other steps load: verdict, its meaning, one line, what leaders do, where it stands."""
    return {
        area.name: {"verdict": area.verdict, "meaning": MEANING[area.verdict], "brief": area.brief,
                    "impact": area.impact, "action": area.action, "anchor": area.anchor}
        for area in areas
    }  # fmt: skip
