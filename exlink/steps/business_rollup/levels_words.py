"""What the roll-up by level says in sentences; ``money`` writes an amount in the study's currency (M37)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from exlink.data.wording import share_in_words
from exlink.steps.business_rollup.levels import ALL, COMPANY, Levels, reconciled, rows_of, whole_units

Money = Callable[[float], str]
PLURAL = {"role": "roles", "site": "sites", "team": "teams"}


def levels_sentence(found: Levels | str, money: Money, min_group: int) -> str:
    """Return who is counted, what the parts come to together, and that they add up."""
    if isinstance(found, str):
        return f"{found[0].upper()}{found[1:]}."
    sums = reconciled(found).set_index("level")
    whole, parts = sums.loc[COMPANY], sums.drop(COMPANY)
    people = int(whole["n_people"])
    answered = share_in_words(people, found.here - people, min_group)
    parts = parts[parts["units"] > 1]
    if not len(parts):
        return "Not assessed: the study has one team, one site and one role."
    levels = ", ".join(f"{row.units} {PLURAL[name]}" for name, row in zip(parts.index, parts.itertuples(), strict=True))
    worth = f" and {_worth(found, float(whole['money']), money)}" if np.isfinite(whole["money"]) else ""
    means = f"an average {found.label} of {whole['ex']:.2f}"
    means += f", customers' {found.kpi} of {whole['cx']:.2f}" if np.isfinite(whole["cx"]) else ""
    counted = (
        f"{answered[0].upper()}{answered[1:]} of those employed on the last day answered in the last twelve months"
    )
    return (
        f"**Each level adds up to the whole company**: {levels} make {means}{worth}. {counted}; they are counted, with "
        "their contacts of these months."
    )


def _worth(found: Levels, amount: float, money: Money) -> str:
    """Return the money of the whole company with its interval; one that holds zero is called inconclusive."""
    row = found.lattice.loc[rows_of(found, COMPANY)[0]]
    low, high = row["money_low"], row["money_high"]
    unsure = ", inconclusive" if low <= 0 <= high else ""
    return (
        f"{money(amount)} ({money(low)} to {money(high)}{unsure}) a year per {found.points:g} points of {found.label}"
    )


def teams_sentence(found: Levels | str) -> str:
    """Return how far teams differ as answered, and how much of that is left once chance is taken out."""
    rows = rows_of(found, "team")
    if not rows:
        few = isinstance(found, str) or not whole_units(found.lattice)
        return "" if few else "Not shown: teams that are all of a role or a site are named by its row above."
    teams = found.lattice.loc[rows]
    belongs = {"role": "their role", "site": "their site", COMPANY: "the whole company"}[found.parent]
    told = [
        f"means of {what} spread by {teams[f'{name}_mean'].std():.2f} points as answered, by {teams[name].std():.2f} "
        "once pulled"
        for name, what in (("ex", found.label), ("cx", f"customers' {found.kpi}"))
        if teams[name].notna().sum() > 1
    ]
    return (
        f"Teams are pulled to {belongs} by as much as they are uncertain: {'; '.join(told)} (standard deviations). The "
        "pull takes away what chance alone would leave between teams of this size."
    )


def level_columns(found: Levels, level: str, currency: str) -> dict[str, str]:
    """Return the columns of a level's table with their headings; what was not recorded is left out."""
    out = {level: level.capitalize(), "ex": found.label.capitalize()}
    if found.lattice["cx"].notna().any():
        out |= {"cx": f"Customers' {found.kpi}"}
    if found.lattice["money"].notna().any():
        out |= {"money": f"{currency} a year per {found.points:g} points"}
    return out | {"share_contacts": "Share of contacts", "n_people": "People"}


def exits_sentence(found: pd.DataFrame | str, money: Money) -> str:
    """Return what the year's exits cost the whole company, or why it is not told."""
    if isinstance(found, str):
        return f"{found[0].upper()}{found[1:]}."
    whole = found[found["unit"] == ALL]
    if not len(whole):
        return "Not assessed: the study has one role and one site."
    row = whole.iloc[0]
    cost = (
        f", which costs {money(row['cost'])} ({money(row['cost_low'])} to {money(row['cost_high'])}) to replace"
        if np.isfinite(row["cost"])
        else "; what replacing them costs is not assessed: needs `employees.annual_salary` of enough people"
    )
    return (
        f"**{row['n_left']:,} people left of their own accord in the last twelve months{cost}.** By team this is not "
        "told: hardly any team loses as many people in a year as may be spoken of."
    )
