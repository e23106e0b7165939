"""Step 06: symptoms that come together as a verdict, and in sentences."""

from __future__ import annotations

import numpy as np

from exlink.data.dataset import StudyData
from exlink.data.wording import in_words
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH
from exlink.stats.power import p_in_words
from exlink.steps.misalignment_audit.check import BEHIND, Check, not_assessable
from exlink.steps.misalignment_audit.co_occurrence import CoOccurrence

NAME = "One cause at several sites"
SEVERAL = 2  # symptoms in which a site stands out, from which on it is more than one thing gone wrong


def co_occurrence_check(found: CoOccurrence | str, *, matters: float) -> Check:
    """Return the verdict.

    It fails where symptoms lie on one line beyond chance or a site stands out in several; is watched where a site
    stands out in one; passes where neither is so and symptoms tied to one cause by ``matters`` (a correlation with it,
    0 to 1) would have been found in four studies of five; else the data decide nothing.
    """
    if isinstance(found, str):
        return not_assessable(BEHIND, NAME, found)
    teams, most = found.teams, _most(found)
    alike, several = teams.factors > 0, len(most[1]) >= SEVERAL
    could = np.isfinite(teams.detectable) and teams.detectable <= matters
    verdict = FAIL if alike or several else WATCH if most[1] else PASS if could else OPEN
    if alike:
        lead = "Symptoms come together in the same teams: " + (
            "they point to one cause" if teams.factors == 1 else f"they point to {teams.factors} causes"
        )
    elif several:
        lead = f"One site, {most[0]}, stands out in {len(most[1])} symptoms at once; no cause runs through all teams"
    elif most[1]:
        lead = f"One site, {most[0]}, stands out in one symptom, and no cause runs through all teams"
    elif could:
        lead = "Symptoms do not come together in the same teams or at one site"
    else:
        lead = "Whether symptoms come together cannot be told from so few teams"
    said = (
        f"{lead}. {teams.share:.0%} of what differs between teams of a role lies on one line (chance alone would make "
        f"it {teams.share_low:.0%} to {teams.share_high:.0%}; p {p_in_words(teams.p_value)})"
    )
    if not alike:
        said += f"; {_could(teams.detectable)}"
    said += f"; {len(found.symptoms)} symptoms, {teams.n_units} teams, {found.people} people."
    if found.small:
        said += f" {found.small} more team{'s have' if found.small > 1 else ' has'} too few people to be in it."
    numbers = {"estimate": teams.share, "chance_low": teams.share_low, "chance_high": teams.share_high,
               "factors": teams.factors, "standing_out": len(most[1]), "detectable": teams.detectable}  # fmt: skip
    brief = lead + "."
    return Check(BEHIND, NAME, verdict, said, found.loadings, {k: float(v) for k, v in numbers.items()}, brief)


def _could(detectable: float) -> str:
    if not np.isfinite(detectable):
        return "with so few teams no common cause, however strong, would have been seen in four studies of five"
    return f"symptoms tied to one cause by {detectable:.2f} or more would have been seen in four studies of five"


def _most(found: CoOccurrence) -> tuple[str, list[str]]:
    """Return the site that clearly stands out, for the worse, in most symptoms, and these."""
    if isinstance(found.sites, str):
        return "", []
    clear = found.sites[found.sites["clear"] & (found.sites["estimate"] > 0)]
    if clear.empty:
        return "", []
    counts = clear.groupby("site").size()
    site = str(counts.index[counts.to_numpy().argmax()])
    return site, list(clear.loc[clear["site"] == site, "symptom"])


def sites_sentence(found: CoOccurrence | str) -> str:
    """Say which site stands out in what."""
    if isinstance(found, str):
        return ""
    if isinstance(found.sites, str):
        return found.sites[0].upper() + found.sites[1:] + "."
    told = found.sites[~found.sites["few"]]
    if told.empty:
        return "At no site are enough people behind a symptom to tell of it."
    clear = told[told["clear"]]
    half = float(((told["conf_high"] - told["conf_low"]) / 2).median())
    wide = f"The interval of a usual cell reaches {half:.1f} standard deviations to either side."
    if len(told) < len(found.sites):
        wide += (
            " Where few people at a site have a symptom, or few have not, it is told neither there nor at a site from "
            "which it would follow."
        )
    if clear.empty:
        return (
            f"No site stands out clearly in any of {told['symptom'].nunique()} symptoms, all sites and symptoms judged "
            f"together. {wide}"
        )
    said = [
        f"{row.site} in {_lower(row.symptom)} ({row.estimate:+.1f} standard deviations of teams, "
        f"{row.conf_low:+.1f} to {row.conf_high:+.1f})"
        for row in clear.itertuples()
    ]
    return f"All sites and symptoms judged together, these stand out: {in_words(said)}. {wide}"


def line_sentence(found: CoOccurrence | str) -> str:
    """Say which symptoms follow the common line, where there is one, and which run against it."""
    if isinstance(found, str) or not found.teams.factors:
        return ""
    along = found.loadings.loc[found.loadings["conf_low"] > 0, "label"]
    against = found.loadings.loc[found.loadings["conf_high"] < 0, "label"]
    if along.empty:
        return "Which symptoms follow the common line cannot be told from so few teams."
    out = f"The common line is clearly followed by {in_words([_lower(label) for label in along])}."
    if len(against):
        names = in_words([_lower(label) for label in against])
        out += f" Against it {'run' if len(against) > 1 else 'runs'} {names}, low where the others are high."
    return out


def planted_sentence(data: StudyData, found: CoOccurrence | str) -> str:
    """Say, of simulated data, whether the site whose systems fail more often is the one that stands out."""
    plan = (data.truth or {}).get("faulty_site") or {}
    site = plan.get("site")
    if isinstance(found, str) or not site or not plan.get("escalation_logit"):
        return ""
    seen, symptoms = _most(found)
    hit = f"it stands out in {in_words([_lower(s) for s in symptoms])}" if seen == site else "it is not found"
    return f"In these simulated data systems fail more often at {site}: more escalations, fewer of them solved; {hit}."


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]
