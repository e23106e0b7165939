"""How sure we are, what was not assessed, what the words mean, and where the numbers come from."""

from __future__ import annotations

from exlink.steps.executive_summary.evidence import Evidence

SIGNS = {  # the four warning signs of the misalignment audit
    "Do the best people become the flight risk?": "Exits of top performers after unresolved cases and workarounds.",
    "Do employees and customers drift apart?": "Customers' ratings rise while employees' engagement falls.",
    "Is work done beside the systems?": "Hours in private spreadsheets and unofficial tools.",
    "Does feedback lead to change?": "Feedback that was acted on, and told back.",
}


def badges(e: Evidence) -> list[dict[str, str]]:
    """Return the four warning signs; their audit is not part of this report yet."""
    return [{"area": area, "verdict": "not assessed", "meaning": meaning} for area, meaning in SIGNS.items()]


def certainty(e: Evidence) -> list[dict[str, str]]:
    """Return how sure each statement of the page is: strong, moderate, weak or not assessed, and why."""
    lines = [_work_to_contact(e), _link(
        e, "contact → overall", "Good contacts improve what customers think of us overall.", "strong",
        "the same customers a period apart")]  # fmt: skip
    lines.append(_link(e, "overall → revenue", "Customers who think better of us spend more.", "strong",
                       "the same customers over time"))
    lines.append(_link(e, "overall → customers kept", "Customers who think better of us stay longer.", "moderate",
                       "compared between customers, so loyal people count in full"))
    lines.append(_link(e, "work satisfaction → exits avoided", "People who are content with their work stay.", "moderate",
                       "compared between people, so other reasons to stay play a part"))
    if len(e.stream("saved")):
        lines.append({"statement": "Improving an aspect of work makes people more content with it.", "level": "weak",
                      "why": "Both are asked in the same survey: which comes first cannot be read, and a good day lifts both."})
        lines.append({"statement": "What it costs to replace a leaver.", "level": "weak",
                      "why": "Not measured here; a published range stands in for it."})
    if e.level == "money":
        lines.append({"statement": "That the improvement can be made, and for the assumed cost.", "level": "not assessed",
                      "why": "An assumption. A trial in some teams would tell."})
    return [line for line in lines if line]


def _work_to_contact(e: Evidence) -> dict[str, str]:
    statement = "Better experience at work makes better contacts for customers."
    facts = e.fact("linkage")
    rows = e.slopes
    if len(rows):
        n, units = int(rows["n"].max()), int(rows["n_units"].max())
        clear = int((rows["verdict"] == "higher").sum())
        before = facts.get("ex_before_cx", False)
        level = "inconclusive" if not clear else "strong" if before else "moderate"
        when = "Experience was measured before the contact." if before else "Which came first cannot be read."
        return {"statement": statement, "level": "weak" if level == "inconclusive" else level,
                "why": f"{clear} of {len(rows)} aspects are clear, in {n:,} answers about {units:,} {e.people} compared "
                       f"with themselves. {when}"}  # fmt: skip
    if len(e.between):
        return {"statement": statement, "level": "weak",
                "why": f"Only a comparison of {e.people} with each other, which mixes in everything else that differs."}
    return {"statement": statement, "level": "not assessed", "why": "The linkage of the two sides has not been analysed."}


def _link(e: Evidence, name: str, statement: str, level: str, how: str) -> dict[str, str]:
    row = e.link(name)
    if row is None:
        return {"statement": statement, "level": "not assessed", "why": "The study lacks the data for it."}
    clear = not row["conf_low"] <= 0 <= row["conf_high"]
    found = f"{int(row['n']):,} observations of {int(row['n_people']):,} {row['who']}, {how}"
    return {"statement": statement, "level": level if clear else "weak",
            "why": f"{found[0].upper()}{found[1:]}." if clear else f"Inconclusive: zero is not ruled out. {found}."}


def gaps(e: Evidence) -> list[str]:
    """Return one line for everything that could not be assessed."""
    return e.gaps


def glossary(e: Evidence) -> dict[str, str]:
    """Return the words used on this page."""
    words = {
        "Employees' experience (EX)": "What employees say of their work in surveys, aspect by aspect: tools, workload, recognition …",
        "Customers' experience (CX)": f"What customers say: of a contact right after it, and of the company overall. Here: {e.kpi}.",
        "Point": "One step on the survey's own scale. A tenth of a point is what a quarter's change looks like for most aspects.",
        "Range": "The numbers after a value: 19 times in 20 a repetition of the study would give a range that holds the truth.",
        "Clear / inconclusive": "Clear: the range leaves out zero, also after allowing for how many aspects were tried. "
                                "Inconclusive: it does not, so the data neither show an effect nor rule one out.",
        "Same person": "Somebody's better times compared with their own worse times, so that talent and job play no part.",
    }  # fmt: skip
    if e.level == "money":
        base = e.fact("money").get("base") or {}
        words["Through customers"] = (
            f"{str(e.fact('money').get('benefit')).capitalize()} from customers who spend more and stay longer, out of "
            f"{e.money(base.get('revenue'))} revenue a year with customers who had contact with employees.")
        words["People who stay"] = "Replacement cost saved because fewer employees leave of their own accord."
        words["Chance that it pays"] = "Share of a thousand resamples of employees and customers in which a year's gain exceeds the cost."
    return words


def provenance(e: Evidence, study: str, period: str, grain: str, min_group: int) -> dict[str, str]:
    """Return study, period, rows, version and privacy rule behind the page."""
    newest = next(reversed(e.manifests.values()), {})
    rows = newest.get("rows", {})
    used = sum(int(r.get("used", 0)) for r in rows.values())
    rejected = sum(int(r.get("rejected", 0)) for r in rows.values())
    out = {"Study": study, "Period": period, "Speaks of": "employees, never by name" if grain == "employee" else "teams or sites, not persons"}
    if rows:
        out["Rows"] = f"{used:,} used, {rejected:,} rejected with a reason, in {len(rows)} tables"
    ran = [stem[:2] for stem in e.manifests]
    out["Steps behind this page"] = ", ".join(ran) if ran else "none"
    out["Smallest group shown"] = f"{min_group} people"
    if newest:
        out["Made with"] = f"exlink {newest['exlink']}"
    return out
