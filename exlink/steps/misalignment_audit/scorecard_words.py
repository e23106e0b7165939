"""Step 06: root cause, impact and what leaders do, area by area (M49), in sentences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from exlink.data.wording import in_words
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH
from exlink.steps.misalignment_audit import (
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
    workflow,
)  # fmt: skip
from exlink.steps.misalignment_audit.authority import CANNOT, Authority
from exlink.steps.misalignment_audit.authority_words import rates_sentence
from exlink.steps.misalignment_audit.check import Check
from exlink.steps.misalignment_audit.drift import Drift
from exlink.steps.misalignment_audit.echo import Echo
from exlink.steps.misalignment_audit.echo_words import told_sentence
from exlink.steps.misalignment_audit.flight import Flight
from exlink.steps.misalignment_audit.investment import Investment
from exlink.steps.misalignment_audit.outcomes import Leaving, Lost
from exlink.steps.misalignment_audit.scored import ENOUGH, Scored
from exlink.steps.misalignment_audit.shadow import Shadow
from exlink.steps.misalignment_audit.workflow import Workflow

Money = Callable[[float], str]
REPLACEMENT = (0.5, 2.0)  # yearly salaries that replacing a leaver costs, any between as likely, as step 05 assumes


def investment_told(found: Investment | str, money: Money) -> tuple[str, str]:
    """Return where money for change goes, and how much of it went to measuring."""
    if isinstance(found, str) or not found.spent > 0:
        return "", ""
    part = found.measuring / found.spent
    return (
        f"{part:.0%} of what initiatives cost went to those that add more metrics than they remove frictions.",
        f"{money(found.measuring)} of {money(found.spent)}, in {found.initiatives} initiatives of {found.teams} teams.",
    )


def frontline_told(found: Shadow | str, money: Money, few: int) -> tuple[str, str]:
    """Return where time off the systems goes, and what it is worth in wages."""
    if isinstance(found, str):
        return "", ""
    cause = ""
    if len(found.applications) and found.applications["n_people"].iloc[0] >= few:
        top = found.applications.iloc[0]
        cause = f"Most of it goes to {top['application']}."
        if (found.applications["n_people"] >= few).all():  # else the rest, of a few, would follow from the total
            cause = (
                f"Most of it goes to {top['application']}: {top['minutes']:.1f} minutes a person and day "
                f"({top['conf_low']:.1f} to {top['conf_high']:.1f}); {int(top['n_people'])} people use it."
            )
    rows = found.amounts[found.amounts["what"] == "off the systems"]
    wages = rows[rows["unit"].str.endswith("of wages a year")]
    if len(wages):
        row = wages.iloc[0]
        low, high = money(row["conf_low"]), money(row["conf_high"])
        return cause, f"{money(row['estimate'])} of wages a year ({low} to {high})."
    row = rows[rows["unit"] == "hours of everybody a year"].iloc[0]
    return cause, f"{row['estimate']:,.0f} hours a year ({row['conf_low']:,.0f} to {row['conf_high']:,.0f})."


def feedback_told(found: Echo | str, few: int) -> tuple[str, str]:
    """Return how much comes full circle, and how much of what people said was left."""
    if isinstance(found, str):
        return "", ""
    left = found.shares.set_index("what").loc["no action"]
    n = left["estimate"] * found.due
    if min(n, found.due - n) < few or not np.isfinite(left["conf_low"]):
        return told_sentence(found, few), ""
    return told_sentence(found, few), (
        f"{n:,.0f} of {found.due:,} pieces of feedback ({left['conf_low'] * found.due:,.0f} to "
        f"{left['conf_high'] * found.due:,.0f}) led to nothing in time."
    )


def engagement_told(found: Drift | str, few: int) -> tuple[str, str]:
    """Return how engagement of the same people moves, and how many work where it falls as ratings rise."""
    if isinstance(found, str):
        return "", ""
    row = found.company.iloc[0]
    inside = int(found.teams.loc[found.teams["diverging"], "n_people"].sum())
    rest = int(found.teams["n_people"].sum()) - inside
    cause = (
        f"Over the whole company engagement of the same people moves by {row['estimate']:+.1f}% of the scale a year "
        f"({row['conf_low']:+.1f} to {row['conf_high']:+.1f}; {int(row['n_people'])} people)."
    )
    if inside < few or rest < few:
        return cause, ""
    # beside the number of all, that of those in large teams would count the few in small ones
    hidden = any(0 < abs(int(n) - inside - rest) < few for n in (row["n_people"], found.people))
    of = "" if hidden else f", of {inside + rest} who can be assessed"
    return cause, f"{inside} people work in the teams where this is clear{of}."


def workflow_told(found: Workflow | str, money: Money, hourly: float) -> tuple[str, str]:
    """Return at which touchpoint contacts fail most, and what handling them costs; ``hourly``: wages of an hour."""
    if isinstance(found, str):
        return "", ""
    again, kinds = found.again, in_words(found.kinds).replace(" and ", " or ")
    cause = f"{again['estimate']:.0%} of {found.contacts:,} contacts are {kinds} ({_band(again)})"
    if found.touchpoint is not None:
        cause += (
            f", most often at {found.touchpoint['touchpoint']}: {found.touchpoint['estimate']:.0%} "
            f"({_band(found.touchpoint)})"
        )
    at, low, high = found.hours
    if not np.isfinite(at):
        return f"{cause}.", ""
    impact = f"{at:,.0f} hours of handling a year ({low:,.0f} to {high:,.0f}) go into these contacts"
    if np.isfinite(hourly):
        impact += f", {money(at * hourly)} of wages ({money(low * hourly)} to {money(high * hourly)})"
    return f"{cause}.", f"{impact}."


def alignment_told(found: Authority | str, act_days: int, few: int) -> tuple[str, str]:
    """Return what authority makes of acting, and how much feedback lies with those who cannot act."""
    if isinstance(found, str):
        return "", ""
    share, n = found.share, found.share["n"]
    inside = share["estimate"] * n
    cause = rates_sentence(found, act_days, few)
    themes = int((found.themes["authority"] == CANNOT).sum())
    if min(inside, n - inside) < few or not themes:
        return cause, ""
    return cause, (
        f"{inside:,.0f} of {n:,.0f} pieces of feedback ({share['conf_low'] * n:,.0f} to {share['conf_high'] * n:,.0f}) "
        f"are on {themes} themes whose owners cannot act; pieces that nobody took up count with their theme."
    )


def performance_told(found: Scored | str, flight: Flight | str) -> tuple[str, str]:
    """Return whether open cases weigh on others as well, what a fair comparison takes, and whom both concern."""
    if isinstance(found, str):
        return "", ""
    takes = f"{np.ceil(found.needed):,.0f}" if np.isfinite(found.needed) else "more than any quarter brings"
    cause = (
        f"A comparison of single people takes {takes} answers each (reliability {ENOUGH:g}); the median employee had "
        f"{found.answers:.0f} in the last quarter."
    )
    impact = f"{found.people} employees would be compared by such an average."
    if isinstance(flight, str):
        return cause, impact
    rows = flight.table.set_index("term")
    if "unresolved_other" in rows.index:
        row = rows.loc["unresolved_other"]
        cause = (
            f"For others a case left open goes with {row['estimate']:.2f} times the odds of leaving "
            f"({row['conf_low']:.2f} to {row['conf_high']:.2f}). {cause}"
        )
    return cause, f"{flight.top_exits} of {flight.top_people} top performers left. {impact}"


def outcomes_told(
    lost: Lost | str, left: Leaving | str, flight: Flight | str, money: Money
) -> tuple[str, str]:  # fmt: skip
    """Return who it is that leaves, where the rest of the causes is estimated, and what is lost a year."""
    parts = []
    if not isinstance(lost, str) and lost.share[0] > 0:
        at, low, high = (money(amount) for amount in lost.amount)
        parts.append(f"{at} a year of these customers' revenue ({low} to {high}), before newcomers.")
    if not isinstance(left, str) and left.exits:
        cost = f"{left.exits} exits in the last year"
        if np.isfinite(left.salary):
            at, low, high = (money(left.exits * left.salary * share) for share in _assumed())
            cost += (
                f" cost {at} to replace ({low} to {high}), at {REPLACEMENT[0]:g} to {REPLACEMENT[1]:g} yearly salaries "
                "each (an assumption)"
            )
        parts.append(f"{cost}.")
    causes = ["What experience has to do with it is estimated link by link in step 05."] if parts else []
    if not isinstance(flight, str):
        causes.insert(0, (
            f"Of {flight.exits} people who left in the quarters that can be followed {flight.top_exits} were top "
            f"performers, who are {flight.top_people} of {flight.people}."
        ))  # fmt: skip
    return " ".join(causes), " ".join(parts)


def _assumed() -> tuple[float, float, float]:
    """Return the middle of what a leaver costs in yearly salaries, and the bounds within which 95 % of it lies."""
    low, high = REPLACEMENT
    return (low + high) / 2, low + 0.025 * (high - low), high - 0.025 * (high - low)


def _band(row: pd.Series) -> str:
    return f"{row['conf_low']:.0%} to {row['conf_high']:.0%}"


_USUAL = {
    PASS: "Leave it as it is, and look again with the next survey.",
    WATCH: "Look closer where the numbers above point, and again next quarter.",
    FAIL: "Change what the numbers above point to before anything else is asked of people here.",
    OPEN: "Decide nothing from this yet: too little is known, which is no verdict in favour.",
}
_BETWEEN = "Nothing at once: it is less than would matter, and more than one would leave unwatched."
_PASSED = "Nothing is alarming by these bounds; what less of it would be worth stands in step 05."
_RECORD = "Record what is missing, so that the next audit can tell."
_ACTIONS = {  # by the check that decided
    investment.NAME: (
        "Ask of each planned initiative which friction it removes, and which metric it adds.",
        "Approve no further metric unless it names the friction that goes for it."),
    shadow_words.NAME: (
        "Sit with two teams for a day, and list what they do outside the systems and why.",
        "Ask those who use the first application above which step it makes up for, and build that step into the system "
        "before anything is forbidden."),
    leavers_words.NAME: (
        "Ask those who stay about the same load before they go.",
        "Take the load that leavers carried off those who carry it now, instead of asking leavers why."),
    echo_words.NAME: (
        "Name an owner and a date for each of the largest themes, and tell people.",
        "Stop asking what nobody will act on: close the oldest open theme, tell people, and only then ask again."),
    recurrence_words.NAME: (
        "Take up the theme that came back most often, and tell people what is done.",
        "Close the theme that came back most often before the next survey opens."),
    drift_words.NAME: (
        "Ask teams whose ratings rise what the rise costs them.",
        "Take load off the teams where ratings rise and engagement falls, before ratings fall too; do not hold them up "
        "as best practice."),
    workflow.OPEN_NAME: (
        "Follow twenty escalations from end to end, and see where they stop.",
        "Give escalations an owner who may decide, and count those left open, not those closed."),
    workflow.PLACE_NAME: (
        "Follow twenty failed contacts from end to end at the place with most of them.",
        "Mend the process at the place and the touchpoint that stand out; people there make up for it, so training "
        "them would miss the cause."),
    authority_words.NAME: (
        "Go through the themes, and pass on those whose owner cannot act.",
        "Decide who may change what: give each theme to somebody who can act, or its owner the say."),
    hand_over_waits.NAME: (
        "Name for each source of feedback who takes it up, and by when.",
        "Name for each source of feedback who takes it up within a week, and show what waits."),
    scored.NAME: (
        "Use customers' ratings to learn, not to rank, until each person has enough answers.",
        "Compare no single people by a quarter's ratings: show them as trends of teams."),
    flight_words.NAME: (
        "See that hard cases are shared, and that those left open are not their solver's alone.",
        "Take open cases off those who solve the hardest, and do not reward solving with more of them."),
    outcomes.LOST_NAME: (
        "Follow the revenue of existing customers quarter by quarter beside the areas above.",
        "Begin with the first misaligned area above; what it is worth is in step 05."),
    outcomes.LEAVE_NAME: (
        "Follow exits quarter by quarter beside the areas above.",
        "Begin with the first misaligned area above; what staying is worth is in step 05."),
}  # fmt: skip


def action(check: Check | None) -> str:
    """Return what leaders do about the check that decided an area."""
    if check is None or check.lacking:
        return _RECORD
    if check.between:
        return _BETWEEN
    if check.verdict == PASS and check.name in (outcomes.LOST_NAME, outcomes.LEAVE_NAME):
        return _PASSED
    watch, fail = _ACTIONS.get(check.name, (_USUAL[WATCH], _USUAL[FAIL]))
    return {**_USUAL, WATCH: watch, FAIL: fail}[check.verdict]
