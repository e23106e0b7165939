"""Step 06: would an alarm have warned (M50)? A score of leading signals by team, back-tested quarter by quarter.

The event is a quarter in which a team loses a tenth or more of its people of their own accord. Leaving is recorded
without error, so that no team gets there, or out of it again, by a few answers that were low by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.team_warnings import SIGNALS, team_warnings
from exlink.errors import EstimationError
from exlink.stats.early_warning import LEAST_SIGNALS, back_test, lead_times, past_alarms, past_scores

MIN_EVENTS = 10  # quarters of teams in which it happened, for an alarm to be told from luck
ALARM = "the alarm"
RIVALS = {"left_before": "who left the quarter before", "low": "engagement alone"}  # what is known without any alarm


@dataclass(frozen=True, slots=True, eq=False)
class Alarm:
    """How an alarm would have done.

    table : DataFrame    alarm ('the alarm', and the rivals), measure, estimate, std_error, conf_low, conf_high, n
    leads : Series       quarters in a row in which the alarm had been on, of events it came before
    now, teams : int     teams in alarm for the quarter after the period, and teams that have a score then
    people : int         behind the back-test
    events, rows, quarters : int    of the back-test
    signals : list of str    what the score is made of
    """

    table: pd.DataFrame
    leads: pd.Series
    now: int
    teams: int
    people: int
    events: int
    rows: int
    quarters: int
    signals: list[str]


def assess_alarm(data: StudyData, *, share: float, collapse: float, seed: int) -> Alarm | str:
    """Return how an alarm would have done, or why that cannot be assessed.

    Parameters
    ----------
    share : of past scores that an alarm's score exceeds: with 0.2, those above four fifths of them.
    collapse : share of a team that leaves of its own accord in a quarter, from which on it is an event.
    """
    if data.unit == "team_id":
        return "not assessed: needs exits of employees; this study links at the level of teams"
    if missing := data.missing("employees.left_on"):
        return missing
    rows, few = team_warnings(data), data.study.privacy.min_group
    if rows.empty:
        return f"not assessed: no team has {few} people in a quarter that begins after the first answers"
    signals = [name for name in SIGNALS if rows[name].notna().any()]
    if len(signals) < LEAST_SIGNALS:
        return f"not assessed: needs {LEAST_SIGNALS} of the signals; the study tells {len(signals)}"
    rows["event"] = (rows["exits"] / rows["people"] >= collapse).astype(float).where(rows["exits"].notna())
    rows["score"] = past_scores(rows, signals, "at")
    scores = {ALARM: "score"} | {label: column for column, label in RIVALS.items() if rows[column].notna().any()}
    for label, column in scores.items():
        rows[label] = past_alarms(rows[column], rows["at"], share=share)
    tested = rows.dropna(subset=[*scores, "event"])
    events = int(tested["event"].sum())
    if tested.empty:
        return "not assessed: it takes three quarters with exits after the first answers for one to be forecast"
    if events < MIN_EVENTS:
        return (
            f"not assessed: in fewer than {MIN_EVENTS} of {len(tested)} quarters of teams that could be forecast did a "
            f"team lose {collapse:.0%} of its people or more, too few to tell an alarm from luck"
        )
    try:
        table = back_test(tested, list(scores), "event", "team_id", seed=seed)
    except EstimationError as error:
        return f"not assessed: {error}"
    leads = lead_times(rows[ALARM], rows["event"].where(rows.index.isin(tested.index)), rows["team_id"], rows["at"])
    ahead = rows[rows["exits"].isna() & rows[ALARM].notna()]
    return Alarm(
        table, leads, int(ahead[ALARM].sum()), len(ahead), _people(tested), events, len(tested),
        int(tested["at"].nunique()), [SIGNALS[name] for name in signals],
    )  # fmt: skip


def _people(tested: pd.DataFrame) -> int:
    """Return how many people are behind the back-test at least: those of its largest quarter."""
    return int(tested.groupby("at")["people"].sum().max())


def shown_alarm(found: Alarm | str) -> pd.DataFrame:
    """Return the back-test, a row per alarm: alarm, hits, false_alarms, gain, each with _low and _high, n_people."""
    if isinstance(found, str):
        return pd.DataFrame(columns=["alarm", "n_people"])
    out = []
    for name, part in found.table.groupby("alarm", sort=False):
        row = {"alarm": name, "n_people": found.people}
        for measure, key in (("hits", "hits"), ("false alarms", "false_alarms"), ("gain", "gain")):
            at = part.loc[part["measure"] == measure].iloc[0]
            row |= {key: 100 * at["estimate"], f"{key}_low": 100 * at["conf_low"], f"{key}_high": 100 * at["conf_high"]}
        out.append(row)
    return pd.DataFrame(out)
