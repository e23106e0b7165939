"""The misalignment audit as the executive page says it: four warning signs, and the scorecard of eight areas."""

from __future__ import annotations

from typing import Any

from exlink.steps.executive_summary.evidence import Evidence, capital

PAGE = "06_misalignment_audit.html"
SIGNS = {  # by the names under which step 06 keeps them: the question, what is looked at, where the numbers are
    "Top performers become the flight risk": (
        "Do the best people become the flight risk?", "Exits of top performers after cases left open and workarounds.",
        "do-the-best-people-become-the-flight-risk"),
    "Employees and customers drift apart": (
        "Do employees and customers drift apart?", "Customers' ratings rise while employees' engagement falls.",
        "do-employees-and-customers-drift-apart"),
    "Work is done beside the systems": (
        "Is work done beside the systems?", "Hours in private spreadsheets and unofficial tools.",
        "is-work-done-beside-the-systems"),
    "Feedback leads to no change": (
        "Does feedback lead to change?", "Feedback that was acted on, and told back.",
        "does-feedback-lead-to-no-change"),
}  # fmt: skip
AREAS = (
    "CX investment strategy", "Frontline experience", "Data and feedback", "Engagement", "Operational workflows",
    "Organisational alignment", "Performance management", "Business outcomes",
)  # fmt: skip
COUNTS = ("None", "One", "Two", "Three", "Four", "Five", "Six", "Seven")
UNKNOWN, NO_FAVOUR = "not assessed", ", which is no verdict in favour"
BADGES = {"pass": "aligned", "watch": "watch", "fail": "misaligned", "not assessable": UNKNOWN}
ABSENT = "The misalignment audit (step 06) is not part of this run, so none of the {} has a verdict."


def badges(e: Evidence) -> list[dict[str, str]]:
    """Return the four warning signs: the question and the verdict in a word; why, where there is none."""
    found = e.fact("signs")
    out = []
    for name, (question, looked_at, section) in SIGNS.items():
        sign = found.get(name, {})
        verdict = BADGES[sign.get("verdict", "not assessable")]
        why = _brief(sign)
        why = f"{looked_at} {why}" if sign.get("brief", "").startswith("not assessed: ") else why or looked_at
        out.append({"area": question, "verdict": verdict, "meaning": why if verdict == "not assessed" else "",
                    "href": f"{PAGE}#{section}" if found else ""})  # fmt: skip
    return out


def areas(e: Evidence) -> list[dict[str, str]]:
    """Return the eight areas of the scorecard: the verdict in a word, one line on what it rests on, where it opens."""
    found = e.fact("areas")
    out = []
    for name in AREAS:
        area = found.get(name, {})
        href = f"{PAGE}#{area['anchor']}" if area.get("anchor") else ""
        out.append({"area": name, "verdict": BADGES[area.get("verdict", "not assessable")], "meaning": _brief(area),
                    "href": href})  # fmt: skip
    return out


def signs_note(e: Evidence) -> str:
    """Return in one or two sentences how many signs show, and what that means of those that do not."""
    if not e.fact("signs"):
        return ABSENT.format("signs")
    words = [badge["verdict"] for badge in badges(e)]
    shown = words.count("misaligned")
    if words.count(UNKNOWN) == len(SIGNS):
        return f"None of the four signs can be assessed{NO_FAVOUR}."
    none = f"None of the {'four signs' if UNKNOWN not in words else 'signs that can be assessed'} shows"
    count = {0: none, 1: "One of the four signs shows", 4: "All four signs show"}
    said = f"{count.get(shown, f'{COUNTS[shown]} of the four signs show')}, by bounds that were fixed beforehand"
    return f"{said}{_rest(words, 'because a bound is not clearly passed')}."


def areas_note(e: Evidence) -> str:
    """Return in one or two sentences how many areas are misaligned, and where to begin."""
    if not e.fact("areas"):
        return ABSENT.format("areas")
    found = areas(e)
    words = [area["verdict"] for area in found]
    shown = words.count("misaligned")
    if words.count(UNKNOWN) == len(AREAS):
        return f"None of the eight areas can be assessed{NO_FAVOUR}."
    count = COUNTS[shown] if shown < len(AREAS) else "All"
    which = "eight areas" if shown or UNKNOWN not in words else "areas that can be assessed"
    why = "because a bound is not clearly passed or the check does not decide by itself"
    said = f"{count} of the {which} {'is' if shown < 2 else 'are'} misaligned{_rest(words, why)}."
    return f"{said} What lies behind each, what it costs and what to do stands in step 06, where each name leads."


def _rest(words: list[str], why: str) -> str:
    """Return what is said of those on watch, and why they are, and of those that cannot be assessed."""
    watched, unknown = words.count("watch"), words.count(UNKNOWN)
    said = ""
    if watched:
        said += f"; {watched} to be watched, {why}"
    if unknown:
        said += f"; {unknown} cannot be assessed{NO_FAVOUR}"
    return said


def _brief(fact: dict[str, Any]) -> str:
    """Return the one line of a fact as a sentence, the names of tables without their marks."""
    brief = str(fact.get("brief") or "").replace("`", "")
    if not brief.startswith("not assessed: "):
        return brief
    return f"{capital(brief.removeprefix('not assessed: '))}."
