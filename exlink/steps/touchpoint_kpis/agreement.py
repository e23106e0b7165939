"""Whether people of one team see an aspect alike, and whether a team's mean can be told from another's (M8)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_aspect_scales
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.agreement import rwg
from exlink.stats.reliability import icc1, icc2

AGREED = 0.7  # rwg(j) from which a team is said to agree (LeBreton & Senter 2008)
RELIABLE = 0.7  # ICC(2) from which means of teams can be laid beside each other
FEWEST_MEMBERS, FEWEST_TEAMS = 3, 5
COLUMNS = ["aspect", "icc1", "icc1_low", "icc1_high", "icc2", "icc2_low", "icc2_high", "rwg", "agreeing", "n_teams",
           "n_units"]  # fmt: skip


def team_agreement(data: StudyData) -> tuple[str, pd.DataFrame]:
    """Return how far teams agree about every aspect, from each employee's most recent answers.

    Returns
    -------
    reason : why not, or ''.
    frame : COLUMNS; rwg is the median over teams of rwg(j), agreeing the share of teams from ``AGREED`` up (%).
    """
    empty = pd.DataFrame(columns=COLUMNS)
    if data.unit == "team_id":
        return "not assessed: needs EX answers of single employees; this study holds those of teams", empty
    answers = data.query("""
        SELECT aspect, team_id, employee_id, item, avg(score) AS score FROM (
            SELECT *, max(responded_on) OVER (PARTITION BY employee_id, aspect) AS latest
            FROM ex_responses WHERE kpi = 'driver')
        JOIN employees USING (employee_id) WHERE responded_on = latest GROUP BY ALL ORDER BY ALL""")
    scales, rows = ex_aspect_scales(data), []
    for aspect, part in answers.groupby("aspect", sort=True):
        low, high = scales[f"ex_{slug(aspect)}"]
        items = part.pivot(index=["team_id", "employee_id"], columns="item", values="score").dropna().reset_index()
        sizes = items.groupby("team_id")["employee_id"].transform("size")
        items = items[sizes >= FEWEST_MEMBERS]
        names = [c for c in items.columns if c not in ("team_id", "employee_id")]
        if items["team_id"].nunique() < FEWEST_TEAMS:
            continue
        try:
            alike = rwg(items, names, "team_id", round(high - low) + 1)
            one, mean = (f(items[names].mean(axis=1), items["team_id"]).iloc[0] for f in (icc1, icc2))
        except EstimationError:  # everybody gave the same answer, or answers lie off the aspect's commonest scale
            continue
        rows.append({
            "aspect": data.label(slug(aspect)), "icc1": one.estimate, "icc1_low": one.conf_low,
            "icc1_high": one.conf_high, "icc2": mean.estimate, "icc2_low": mean.conf_low, "icc2_high": mean.conf_high,
            "rwg": alike["estimate"].median(), "agreeing": 100 * (alike["estimate"] >= AGREED).mean(),
            "n_teams": len(alike), "n_units": len(items),
        })  # fmt: skip
    if not rows:
        return f"not assessed: needs {FEWEST_TEAMS} teams with {FEWEST_MEMBERS} employees who answered all items", empty
    return "", pd.DataFrame(rows)[COLUMNS]


def agreement_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say for which aspects the whole interval of ICC(2) bears out that teams' means can be told apart."""
    shown = frame[frame["n_units"] >= min_group]
    if shown.empty:
        return ""
    apart = shown.loc[shown["icc2_low"] >= RELIABLE, "aspect"].tolist()
    open_yet = shown.loc[(shown["icc2_low"] < RELIABLE) & (shown["icc2_high"] >= RELIABLE), "aspect"].tolist()
    differ = shown.loc[shown["icc1_low"].round(2) > 0, "aspect"].tolist()
    said = (
        f"**Means of teams are reliable enough to be told apart for {in_words(apart)}.** "
        if apart
        else "**For no aspect are the means of teams shown to be reliable enough to be told apart.** "
    )
    said += f"ICC(2) runs from {signed(shown['icc2'].min()).lstrip('+')} to {signed(shown['icc2'].max()).lstrip('+')}; "
    said += f"the usual demand is {RELIABLE}, and the interval leaves it open for {in_words(open_yet)}. "
    said += (
        f"That teams differ at all, ICC(1) above zero, is shown for {in_words(differ)}. "
        f"The median team's rwg(j) runs from {shown['rwg'].min():.2f} to {shown['rwg'].max():.2f}, over "
        f"{int(shown['n_teams'].max())} teams."
    )
    return said
