"""The four warning signs of the misalignment audit, as the executive page says them."""

from __future__ import annotations

from exlink.steps.executive_summary.evidence import Evidence, capital

SIGNS = {  # by the names under which step 06 keeps them: the question, and what is looked at
    "Top performers become the flight risk": (
        "Do the best people become the flight risk?", "Exits of top performers after cases left open and workarounds."),
    "Employees and customers drift apart": (
        "Do employees and customers drift apart?", "Customers' ratings rise while employees' engagement falls."),
    "Work is done beside the systems": (
        "Is work done beside the systems?", "Hours in private spreadsheets and unofficial tools."),
    "Feedback leads to no change": (
        "Does feedback lead to change?", "Feedback that was acted on, and told back."),
}  # fmt: skip
BADGES = {"pass": "aligned", "watch": "watch", "fail": "misaligned", "not assessable": "not assessed"}


def badges(e: Evidence) -> list[dict[str, str]]:
    """Return the four warning signs: the question, the verdict in a word, and what was found."""
    found = e.fact("signs")
    out = []
    for name, (question, looked_at) in SIGNS.items():
        sign = found.get(name, {})
        brief = str(sign.get("brief") or "").replace("`", "")
        if brief.startswith("not assessed: "):
            brief = f"{looked_at} {capital(brief.removeprefix('not assessed: '))}."
        out.append({"area": question, "verdict": BADGES[sign.get("verdict", "not assessable")],
                    "meaning": brief or looked_at})  # fmt: skip
    return out


def signs_note(e: Evidence) -> str:
    """Return in one or two sentences how many signs show, and what that means of those that do not."""
    words = [badge["verdict"] for badge in badges(e)]
    if not e.fact("signs"):
        return "The misalignment audit (step 06) is not part of this run, so none of the signs has a verdict."
    shown, watched, unknown = (words.count(w) for w in ("misaligned", "watch", "not assessed"))
    count = {0: "None of the four signs shows", 1: "One of the four signs shows", 4: "All four signs show"}
    said = f"{count.get(shown, f'{shown} of the four signs show')}, by bounds that were fixed beforehand"
    if watched:
        said += f"; {watched} to be watched, because chance is not ruled out"
    if unknown:
        said += f"; {unknown} cannot be assessed, which is no verdict in favour"
    return f"{said}. Figures and numbers are in step 06."
