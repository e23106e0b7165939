"""Step 06: the sign of two sides that drift apart as a verdict, and in sentences."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH
from exlink.steps.misalignment_audit.check import SIGNS, Check, not_assessable
from exlink.steps.misalignment_audit.drift import Drift

NAME = "Employees and customers drift apart"
EVEN, UNLIKELY = 0.5, 0.1  # probability of a divergence that matters: watched from, passed up to


def drift_check(found: Drift | str, *, sure: float, harmless: float, matters: float) -> Check:
    """Return the verdict of the sign.

    It fails where a team's ratings rise and its engagement falls, both by what matters, with a probability of at least
    ``sure`` that both go beyond what is harmless; is watched where it is more likely than not that both do so by what
    matters; passes where that is unlikely (10 % at most) for every team; else the data decide nothing.
    """
    if isinstance(found, str):
        return not_assessable(SIGNS, NAME, found)
    teams = found.teams
    n, likely = int(teams["diverging"].sum()), float(teams["p_matters"].max())
    verdict = FAIL if n else WATCH if likely >= EVEN else PASS if likely <= UNLIKELY else OPEN
    out_of = f"of {len(teams)} teams"
    rule = (
        f"by at least {matters:g}% of the scale a year each, and with a probability of {sure:.0%} or more both by over "
        f"{harmless:g}%"
    )
    lead = {
        FAIL: f"In {n} {out_of} customers' {found.kpi} rises while the engagement of the same employees falls, {rule}",
        WATCH: f"In no team is it certain, but in at least one {out_of} it is more likely than not ({likely:.0%}) that "
               f"customers' {found.kpi} rises while engagement falls, by {matters:g}% of the scale a year or more",
        PASS: f"In none {out_of} does customers' {found.kpi} rise while engagement falls, by {matters:g}% of the scale "
              f"a year or more: the most likely one has a probability of {likely:.0%}",
        OPEN: f"Whether customers' {found.kpi} rises while engagement falls cannot be told for all {out_of}: the most "
              f"likely one has a probability of {likely:.0%}",
    }[verdict]  # fmt: skip
    said = f"{lead}; {found.people} people, {found.waves} waves."
    if found.months and n:
        months, low, high = found.months
        span = f"about {months:.0f}" if low == high else f"about {months:.0f} ({low:.0f} to {high:.0f})"
        said += f" It has lasted {span} months."
    if found.small:
        said += (
            f" {found.small} more team{'s are' if found.small > 1 else ' is'} not assessable: too few people were "
            "followed over enough waves, which is not the same as aligned."
        )
    numbers = {"teams": len(teams), "diverging": n, "most_likely": likely, "sure": sure, "matters": matters,
               "harmless": harmless, "months": found.months[0] if found.months else float("nan")}  # fmt: skip
    clear = f"{n} {out_of}" if n else f"none {out_of}"
    brief = f"Customers' {found.kpi} clearly rises while the same employees' engagement falls in {clear}."
    if not n:
        brief += f" The most likely one has a probability of {likely:.0%}."
    return Check(SIGNS, NAME, verdict, said, teams, {k: float(v) for k, v in numbers.items()}, brief)


def company_sentence(found: Drift | str) -> str:
    """Say how both sides move in the company as a whole, and what leavers and newcomers make of it."""
    if isinstance(found, str):
        return ""
    same, everyone, rated = (found.company.iloc[at] for at in (0, 1, 2))
    gap = everyone["estimate"] - same["estimate"]
    return (
        f"Over the whole company, engagement of the same people moves by {_band(same)}% of the scale a year and "
        f"customers' {found.kpi} of the same people's contacts by {_band(rated)}%. Of all who answered, newcomers and "
        f"leavers included, engagement moves by {_band(everyone)}%: who joins and who goes makes the difference of "
        f"{gap:+.1f}."
    )


def _band(row: pd.Series) -> str:
    return f"{row['estimate']:+.1f} ({row['conf_low']:+.1f} to {row['conf_high']:+.1f})"


def planted_sentence(data: StudyData, found: Drift | str) -> str:
    """Say, of simulated data, how many of the teams made to diverge are found."""
    planted = set((data.truth or {}).get("diverging_teams", {}).get("teams") or [])
    if isinstance(found, str) or not planted:
        return ""
    seen = planted & set(found.teams["group"])
    hit = planted & set(found.teams.loc[found.teams["diverging"], "group"])
    wrong = int(found.teams["diverging"].sum()) - len(hit)
    return (
        f"In these simulated data {len(planted)} {'team was' if len(planted) == 1 else 'teams were'} made to diverge; "
        f"{len(seen)} {'is' if len(seen) == 1 else 'are'} large enough to be assessed, {len(hit)} "
        f"{'is' if len(hit) == 1 else 'are'} found, and {wrong or 'no'} other{'s are' if wrong > 1 else ' is'}."
    )
