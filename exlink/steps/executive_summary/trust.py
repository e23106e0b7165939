"""How sure we are, what was not assessed, what the words mean, and where the numbers come from."""

from __future__ import annotations

from exlink.steps.executive_summary.evidence import Evidence, capital, listed, named
from exlink.steps.executive_summary.signs import LINKS, Expected
from exlink.steps.executive_summary.verdict import jointly

WITHIN, BETWEEN = "moderate", "weak"  # no more: what else may lie behind both, only a trial can rule out
SAME_SURVEY = "Both are asked in the same survey: which comes first cannot be read, and a good day lifts both."


def certainty_note(e: Evidence) -> str:
    """Return why no statement is called strong."""
    if e.order.shown:
        return f"No statement is called strong: {e.order.found} (Mixed effects); only a trial can rule that out."
    so = ", so no gain through customers is stated" if e.order.against else ""
    return f"No statement is called strong: {e.order.found}{so}. Something else may drive both as well."


def certainty(e: Evidence) -> list[dict[str, str]]:
    """Return how sure each statement of the page is: moderate, weak or not assessed, and why."""
    lines = [_work_to_contact(e), *(_link(e, link) for link in LINKS)]
    if len(e.stream("saved")):
        lines.append(_line("Who rates an aspect of work better is more content with work.", "weak", SAME_SURVEY))
        lines.append(_line("What it costs to replace a leaver.", "weak", "Not measured here: a published range."))
    if e.level == "money":
        lines.append(_line("The improvement can be made, at the assumed cost.", "not assessed",
                           "An assumption; a trial in a few teams would tell."))  # fmt: skip
    return lines


def _line(statement: str, level: str, why: str) -> dict[str, str]:
    return {"statement": statement, "level": level, "why": why}


def _work_to_contact(e: Evidence) -> dict[str, str]:
    expected = "Better experience at work goes with better-rated contacts."
    rows = e.slopes if len(e.slopes) else e.between
    if not len(rows):
        return _line(expected, "not assessed", "The link between the two sides has not been analysed.")
    all_better, worse = (named(rows, word) for word in ("higher", "lower"))
    better = all_better if len(e.slopes) else e.joint(all_better)[0] or all_better
    parts = [f"{listed(names)} with {word}-rated contacts" for names, word in ((better, "better"), (worse, "worse"))
             if len(names)]  # fmt: skip
    statement = f"Better ratings of {' and of '.join(_go(part) for part in parts)}." if parts else \
        "Whether better experience at work goes with better-rated contacts is inconclusive."  # fmt: skip
    if not len(e.slopes):
        _, turned, faded = e.joint(all_better)
        return _line(statement, BETWEEN, f"{capital(e.people)} were only compared with each other, which mixes in "
                     f"everything else in which they differ.{jointly(turned, faded)}")  # fmt: skip
    n, units = int(rows["n"].max()), int(rows["n_units"].max())
    before = bool(e.fact("linkage").get("ex_before_cx"))
    when = "Experience was asked before the contact." if before else "Which came first cannot be read."
    against = f", {len(worse)} of them the opposite of what was expected" if len(worse) else ""
    why = f"{len(better) + len(worse)} of {len(rows)} aspects are clear{against}, in {n:,} answers about {units:,} " \
          f"{e.people}, each compared with themselves. {when}{_models(e)}"  # fmt: skip
    if e.order.against:
        why += f" Yet {e.order.against}: experience is not shown to bring the ratings about."
    return _line(statement, WITHIN if parts and before and not e.order.against else BETWEEN, why)


def _go(part: str) -> str:
    return part.replace(" with ", " go with ", 1)


def _models(e: Evidence) -> str:
    """Say whether the models of step 04 see what the simple comparison sees."""
    rows = e.table("effects")
    clear = dict(e.slopes.loc[e.slopes["verdict"].isin(("higher", "lower")), ["aspect", "verdict"]].to_numpy())
    if not len(rows) or not clear:
        return ""
    rows = rows[(rows["outcome"] == e.kpi) & (rows["effect"] == "within") & rows["aspect"].isin(clear)]
    against = sorted(set(rows.loc[rows["verdict"] != rows["aspect"].map(clear), "aspect"]))
    models = rows["specification"].nunique()
    if not models:
        return ""
    if against:
        return f" Further models do not all agree on {', '.join(against)}."
    return " Further models agree." if models > 1 else " A further model agrees."


def _link(e: Evidence, link: Expected) -> dict[str, str]:
    row = e.link(link.name)
    if row is None:
        return _line(link.statement, "not assessed", _reason((e.fact("money").get("why_not") or {}).get(link.name)))
    found = f"{int(row['n']):,} observations of {int(row['n_people']):,} {row['who']}, {link.how}."
    read = link.reads(row)
    if read == "inconclusive":
        return _line(link.statement, "weak", f"Inconclusive, zero is not ruled out: {found}")
    level = WITHIN if link.within else BETWEEN
    if read == "opposite":
        return _line(link.opposite, level, f"The data say the opposite of what was expected: {found}")
    return _line(link.statement, level, found)


def _reason(line: str | None) -> str:
    """Return a "not assessed: …" line as a sentence of its own."""
    if not line:
        return "The study lacks the data for it."
    return f"{capital(line.removeprefix('not assessed: ').replace('`', ''))}."


def gaps(e: Evidence) -> list[str]:
    """Return one line for everything that could not be assessed."""
    return e.gaps


def glossary(e: Evidence) -> dict[str, str]:
    """Return the words used on this page."""
    kpi = {"recommend": "willingness to recommend"}.get(e.kpi, e.kpi)
    words = {
        "Experience at work": "What employees say of their work in surveys (EX), aspect by aspect.",
        "Customers' rating": f"What customers say of a contact right after it (CX); on this page their {kpi}.",
        "Points": f"Steps on the survey's own scale, often 1 to 5.{_swing(e)}",
        "Range": "The “… to …” after a number: where the true value lies if this study is one of the 19 in 20 whose "
                 "range holds it.",
        "Inconclusive": "The data neither show an effect nor rule one out. The opposite, clear, also allows for how "
                        "many aspects were tried.",
    }  # fmt: skip
    if len(e.slopes):
        words["Compared with themselves"] = "Better times of somebody beside worse times of the same person, so that " \
                                            "talent, job and place play no part."  # fmt: skip
    if e.level == "money":
        base = e.fact("money").get("base") or {}
        words["Through customers"] = (
            f"{capital(e.benefit)} from customers who spend more and stay longer. The base is "
            f"{e.money(base['revenue'])} of yearly revenue from customers who had contact with employees "
            f"({base['first']} to {base['last']}).{e.recorded}"
        )
        words["Fewer people leave"] = "Replacement cost saved because fewer employees leave of their own accord."
        words["Chance that it pays"] = "Share of all resamples of employees and customers in which a year brings " \
                                       "more than the cost."  # fmt: skip
    return words


def _swing(e: Evidence) -> str:
    """Return how far people's answers move by themselves, to compare a step with."""
    if "sd_within" not in e.slopes or not e.slopes["sd_within"].notna().any():
        return ""
    usual = float(e.slopes["sd_within"].median())
    return f" The same {e.people.rstrip('s')}'s answers move by about {usual:.1f} points from wave to wave."


def provenance(e: Evidence, study: str, period: str, grain: str, min_group: int) -> dict[str, str]:
    """Return study, period, rows, version and privacy rule behind the page."""
    last = next(reversed(e.manifests.values()), {})
    rows = last.get("rows", {}).values()
    speaks = "employees in groups, never of one" if grain == "employee" else "teams or sites, not of persons"
    out = {"Study": study, "Period": period, "Speaks of": speaks}
    if rows:
        used, rejected = (sum(int(r.get(key, 0)) for r in rows) for key in ("used", "rejected"))
        tables = "table" if len(rows) == 1 else "tables"
        out["Rows"] = f"{used:,} used in {len(rows)} {tables}, {rejected or 'none'} rejected"
    out["Steps behind this page"] = ", ".join(stem[:2] for stem in e.manifests) or "none"
    out["Smallest group shown"] = f"{min_group} people"
    if last:
        out["Made with"] = f"exlink {last['exlink']}"
    return out
