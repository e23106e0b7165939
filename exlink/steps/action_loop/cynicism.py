"""Step 07: whether people stop answering because nothing happens, or because they are asked too often (M52).

What was done about feedback is the same for everybody in a quarter, so it is known as often as there are quarters; how
many surveys somebody was asked for differs between people of the same quarter. Each is therefore judged on its own
kind of evidence (`stats/period_effects`). The outcome is the share of a person's surveys that was answered, in
percentage points by least squares: what stays with a person is taken out, which a logit of few answers each cannot do.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.survey_load import acted_before, survey_load
from exlink.errors import EstimationError
from exlink.stats.judgement import FAIL, OPEN, judge
from exlink.stats.period_effects import FEWEST_PERIODS, period_effects, slope_over_periods

ACTION, STEADY, LOAD = "feedback acted on", "the same, without its steady rise or fall", "surveys asked"
LABELS = {
    ACTION: "10 percentage points more of the feedback acted on",
    STEADY: "the same, its steady rise or fall taken out",
    LOAD: "one survey more in the quarter",
}
STEP = 10  # percentage points of feedback acted on that a slope is told for
CYNICISM, FATIGUE, BOTH, INCONCLUSIVE = "cynicism", "survey fatigue", "both", "inconclusive"


@dataclass(frozen=True, slots=True, eq=False)
class Rivals:
    """What the share of surveys that are answered goes with.

    rows : DataFrame     term (`ACTION`, `STEADY`, `LOAD`), label, estimate, conf_low, conf_high (percentage points of
                         the share answered), mde (for what is known by quarters), n_people; those that can be told
    verdict : str        'cynicism', 'survey fatigue', 'both' or 'inconclusive'
    why : dict           term → why it cannot be told
    tired : str          'pass' (what load costs does not matter), 'watch', 'fail' (it does) or 'not assessable'
    quarters, people, groups, asked : int    quarters with feedback before them; people; their teams; surveys
    rate : float         % of surveys answered
    """

    rows: pd.DataFrame
    verdict: str
    why: dict[str, str]
    tired: str
    quarters: int
    people: int
    groups: int
    asked: int
    rate: float


def assess_rivals(data: StudyData, *, act_days: int, load_matters: float) -> Rivals | str:
    """Return what answering goes with, or why it cannot be told.

    Parameters
    ----------
    load_matters : float
        Percentage points of the share answered, per survey more, below which load counts as without meaning.
    """
    if missing := data.missing("ex_invitations"):
        return missing
    rows, few = survey_load(data), data.study.privacy.min_group
    people = rows[data.unit].nunique()
    if people < few:
        return f"not assessed: fewer than {few} {data.people} were asked in a survey"
    try:
        found = period_effects(rows, "rate", "asked", data.unit, "quarter", "home")
    except EstimationError as error:
        return f"not assessed: {error}"
    told, why = [], {}
    if len(found.slope):
        told.append(found.slope.iloc[0].to_dict() | {"term": LOAD})
    else:
        why[LOAD] = "everybody who is asked in a quarter is asked as often"
    lacking = data.missing("voc_feedback.acted_on").removeprefix("not assessed: ")
    quarters = 0
    if not lacking:
        both = found.effects.merge(acted_before(data, act_days), left_on="time", right_on="quarter").sort_values("time")
        quarters = len(both)
        if quarters < FEWEST_PERIODS:
            known = "1 quarter" if quarters == 1 else f"{quarters} quarters"
            lacking = f"what was done before the surveys is known for {known}, and {FEWEST_PERIODS} are needed"
    for term, trend in ((ACTION, False), (STEADY, True)):
        if lacking:
            why[term] = lacking
            continue
        try:
            told.append(slope_over_periods(both, both["share"].to_numpy() / STEP, term, trend=trend).iloc[0].to_dict())
        except EstimationError as error:
            why[term] = str(error).removeprefix(f"{term}: ").rstrip(".")
    if not told:
        return f"not assessed: {why[ACTION]}; {why[LOAD]}"
    table = pd.DataFrame(told).assign(n_people=people)
    table["label"] = table["term"].map(LABELS)
    table = table.set_index("term", drop=False).reindex([t for t in LABELS if t not in why]).reset_index(drop=True)
    tired = _tired(table, load_matters)
    asked = int(rows["asked"].sum())
    rate = float((rows["rate"] * rows["asked"]).sum()) / asked
    groups = rows["home"].nunique()
    return Rivals(table, _verdict(table, tired), why, tired, quarters, people, groups, asked, rate)


def _tired(table: pd.DataFrame, matters: float) -> str:
    """Return the judgement on how much less people answer for each survey more."""
    rows = table[table["term"] == LOAD]
    if rows.empty:
        return OPEN
    row = rows.iloc[0]
    return judge(-row["estimate"], -row["conf_high"], -row["conf_low"], harmless=0, matters=matters)


def _verdict(table: pd.DataFrame, tired: str) -> str:
    """Return the verdict: action counts only where it is clear without what rises or falls steadily, too.

    Two things that rise over a few quarters go together whatever moves them.
    """
    lows = table.set_index("term")["conf_low"].reindex([ACTION, STEADY])
    if (lows > 0).all():
        return BOTH if tired == FAIL else CYNICISM
    return FATIGUE if tired == FAIL else INCONCLUSIVE
