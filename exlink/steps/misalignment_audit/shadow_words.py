"""Step 06: the sign of work beside the systems as a verdict, and in sentences."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import in_words
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH, judge
from exlink.steps.misalignment_audit.check import SIGNS, Check, not_assessable
from exlink.steps.misalignment_audit.shadow import Shadow

NAME = "Work is done beside the systems"
HARMLESS_TIMES = 1.25  # of the usual team's time: so far teams may differ


def shadow_check(found: Shadow | str, *, harmless: float, matters: float, times: float) -> Check:
    """Return the verdict of the sign: of the share of working time, and of teams far above others, the worse one.

    Parameters
    ----------
    harmless, matters : shares of the desktop's time, 0 to 1, up to which nothing is wrong and from which it matters.
    times : the usual team's time off the systems, times which a team matters.
    """
    if isinstance(found, str):
        return not_assessable(SIGNS, NAME, found)
    share = found.share
    words = [judge(share["estimate"], share["conf_low"], share["conf_high"], harmless=harmless, matters=matters)]
    numbers = {"estimate": share["estimate"], "conf_low": share["conf_low"], "conf_high": share["conf_high"],
               "harmless": harmless, "matters": matters}  # fmt: skip
    said = (
        f"{share['estimate']:.1%} of the time at the desktop goes to applications that the company does not manage "
        f"(95% interval {share['conf_low']:.1%} to {share['conf_high']:.1%}; up to {harmless:.0%} counts as harmless, "
        f"from {matters:.0%} on it matters), seen on {found.days:,} days of {found.people} people."
    )
    if len(found.teams):
        verdicts = [judge(*row, harmless=HARMLESS_TIMES, matters=times) for row in
                    found.teams[["ratio", "conf_low", "conf_high"]].to_numpy()]  # fmt: skip
        words.append(FAIL if FAIL in verdicts else verdicts[-1])
        above, top = int((found.teams["conf_low"] > HARMLESS_TIMES).sum()), found.teams.iloc[-1]
        numbers |= {"highest_team": top["ratio"], "teams_far_above": above}
        said += (
            f" The team with the most spends {top['ratio']:.2f} times what is usual ({top['conf_low']:.2f} to "
            f"{top['conf_high']:.2f}, pulled to the average by as much as it is uncertain); {above or 'none'} of "
            f"{len(found.teams)} teams {'is' if above == 1 else 'are'} clearly above {HARMLESS_TIMES:g} times."
        )
    else:
        said += f" Teams cannot be compared: {found.few_teams.removeprefix('not assessed: ')}."
    verdict = next(word for word in (FAIL, WATCH, OPEN, PASS) if word in words)
    brief = (
        f"{share['estimate']:.0%} of the time at the desktop goes to applications that the company does not manage "
        f"({share['conf_low']:.0%} to {share['conf_high']:.0%})."
    )
    return Check(SIGNS, NAME, verdict, said, found.amounts, {k: float(v) for k, v in numbers.items()}, brief)


def cost_sentence(found: Shadow | str, money: Callable[[float], str], hours_a_year: float, days_a_year: float) -> str:
    """Say what the time is worth in wages, for everybody who is there now."""
    if isinstance(found, str):
        return ""
    rows = found.amounts.set_index(["unit", "what"]) if len(found.amounts) else found.amounts
    parts = []
    for what, lead in (("off the systems", "Work off the systems takes"), ("copied", "Copying by hand takes")):
        mine = found.amounts[found.amounts["what"].str.startswith(what)] if len(rows) else found.amounts
        if not len(mine):
            continue
        day, year = mine.iloc[0], mine.iloc[1]
        parts.append(
            f"{lead} {day['estimate']:.1f} minutes a person and day ({day['conf_low']:.1f} to {day['conf_high']:.1f}), "
            f"{year['estimate']:,.0f} hours a year for everybody who is there now"
            + (f": {money(mine.iloc[2]['estimate'])} in wages ({money(mine.iloc[2]['conf_low'])} to "
               f"{money(mine.iloc[2]['conf_high'])})." if len(mine) > 2 else ".")
        )  # fmt: skip
    parts.append(
        f"A year is counted as {days_a_year:g} working days and {hours_a_year:,.0f} paid hours; not all of that time "
        "would be saved by better systems."
    )
    return " ".join(parts)


def link_sentence(table: pd.DataFrame | str) -> str:
    """Say what goes with more time off the systems, within the same person."""
    if isinstance(table, str):
        return table[0].upper() + table[1:] + "."
    down, up = (list(table.loc[table["verdict"] == v, "label"]) for v in ("lower", "higher"))
    said = [f"{in_words(names)} {'is' if len(names) == 1 else 'are'} clearly {word}"
            for names, word in ((down, "lower"), (up, "higher")) if names]  # fmt: skip
    if not said:
        return "When the same person works more off the systems, no score of either side is clearly different."
    return f"When the same person works more off the systems, {' and '.join(said)}."


def planted_sentence(data: StudyData, found: Shadow | str) -> str:
    """Say, of simulated data, whether the teams in which shadow work was planted are those found on top."""
    planted = set((data.truth or {}).get("off_system", {}).get("shadow_teams", []))
    if isinstance(found, str) or not planted or not len(found.teams):
        return ""
    top = set(found.teams["team_id"].iloc[-len(planted) :])
    seen = planted & set(found.teams["team_id"])
    return (
        f"In these simulated data {len(planted)} {'team was' if len(planted) == 1 else 'teams were'} made to work "
        f"beside the systems; {len(seen)} {'is' if len(seen) == 1 else 'are'} large enough to be compared, and "
        f"{len(top & planted)} {'is' if len(top & planted) == 1 else 'are'} among the {len(planted)} with the most."
    )
