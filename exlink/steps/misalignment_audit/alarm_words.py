"""Step 06: the burnout alarm as a verdict, and in sentences."""

from __future__ import annotations

import pandas as pd

from exlink.data.wording import in_words, signed
from exlink.stats.intervals import mean_interval
from exlink.stats.judgement import OPEN, PASS, WATCH
from exlink.steps.misalignment_audit.alarm import ALARM, Alarm
from exlink.steps.misalignment_audit.check import BEHIND, Check, not_assessable

NAME = "Burnout alarm"
SEEN = 2.8  # standard errors from zero at which four studies of five would find it


def alarm_check(found: Alarm | str, *, collapse: float) -> Check:
    """Return the verdict: an alarm that is not shown to warn says nothing; one that is, is watched where it is on.

    It never fails: a forecast is no finding.
    """
    if isinstance(found, str):
        return not_assessable(BEHIND, NAME, found)
    rows = found.table[found.table["alarm"] == ALARM].set_index("measure")
    gain = rows.loc["gain"]
    warns = gain["conf_low"] > 0
    verdict = OPEN if not warns else WATCH if found.now else PASS
    on = f"{found.now or 'none'} of {found.teams} teams"
    lead = {
        OPEN: "The alarm is not shown to warn",
        WATCH: f"The alarm warns, and it is on now for {on}",
        PASS: "The alarm warns, and it is on for no team now",
    }[verdict]
    said = (
        f"{lead}: it was on before {rows.loc['hits', 'estimate']:.0%} of the {found.events} quarters in which a team "
        f"lost {collapse:.0%} or more of its people ({_band(rows.loc['hits'])}), and before "
        f"{rows.loc['false alarms', 'estimate']:.0%} of the other {found.rows - found.events} "
        f"({_band(rows.loc['false alarms'])}): a gain of {_points(gain)} points. Forecasts of {found.quarters} "
        f"quarters, each from what was known when it began; it happened in {found.events / found.rows:.0%} of them."
    )
    if not warns:
        seen = 100 * SEEN * gain["std_error"]
        said += f" A gain of about {seen:.0f} points would have been seen in four studies of five."
    numbers = {"estimate": gain["estimate"], "conf_low": gain["conf_low"], "conf_high": gain["conf_high"],
               "events": found.events, "now": found.now, "teams": found.teams}  # fmt: skip
    brief = f"{lead}: a gain of {_points(gain)} points over chance, from {found.events} events."
    return Check(BEHIND, NAME, verdict, said, numbers={k: float(v) for k, v in numbers.items()}, brief=brief)


def rivals_sentence(found: Alarm | str) -> str:
    """Say what is known without any alarm, and whether the alarm is better."""
    if isinstance(found, str):
        return ""
    parts = []
    for name, part in found.table[found.table["alarm"] != ALARM].groupby("alarm", sort=False):
        rows = part.set_index("measure")
        behind = rows.loc["behind the first"]
        better = "better" if behind["conf_low"] > 0 else "worse" if behind["conf_high"] < 0 else "not clearly better"
        parts.append(
            f"{name} (a gain of {_points(rows.loc['gain'])} points): the alarm is {better}, by {_points(behind)}"
        )
    made = f"The score is made of {in_words(found.signals)}, each weighed alike."
    return f"{made} Beside what is known without it: {'; '.join(parts)}." if parts else made


def lead_sentence(found: Alarm | str, min_group: int) -> str:
    """Say how long before an event the alarm had been on, and for how many teams it is on now."""
    if isinstance(found, str):
        return ""
    parts = []
    if len(found.leads):
        parts.append(
            f"Where it came first ({len(found.leads)} times), it had been on for {found.leads.mean():.1f} quarters on "
            f"end on average{_mean_band(found.leads)}, {found.leads.max()} at most."
        )
    if found.teams:
        parts.append(
            f"For the quarter after the period it is on for {found.now or 'none'} of {found.teams} teams with at least "
            f"{min_group} people; teams are not named, because a forecast is no finding about anybody."
        )
    return " ".join(parts)


def _mean_band(leads: pd.Series) -> str:
    """Return the interval of a mean lead, never below the one quarter that a forecast is; '' with fewer than three."""
    if len(leads) < 3:
        return ""
    row = mean_interval(leads.to_numpy(dtype=float)).iloc[0]
    return f" ({max(row['conf_low'], 1):.1f} to {row['conf_high']:.1f})"


def _band(row: pd.Series) -> str:
    return f"{row['conf_low']:.0%} to {row['conf_high']:.0%}"


def _points(row: pd.Series) -> str:
    at, low, high = (signed(100 * row[c], 0) for c in ("estimate", "conf_low", "conf_high"))
    return f"{at} ({low} to {high})"
