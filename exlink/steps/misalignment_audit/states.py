"""Step 06: from engaged to strained to checked out to gone (M46)? Moves between states and exits from each.

The number named beforehand is by how much the odds of leaving within a quarter are higher for those who are no longer
engaged, strained or checked out, than for the engaged. To have fallen silent is a state of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.work_states import ENGAGED, OUT, SILENT, STATES, STRAINED, work_states
from exlink.errors import EstimationError
from exlink.stats.firth import fit_firth
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.proportions import group_shares
from exlink.stats.tidy import TIDY
from exlink.stats.transitions import independent_within, transition_rates

WORN = f"{STRAINED} or {OUT}"
BEFORE, TIME = "the state before", "the quarter"


@dataclass(frozen=True, slots=True, eq=False)
class Wearing:
    """Moves between states, and exits.

    rates : DataFrame    now, then, estimate (share, 0 to 1) … n, n_moves, n_units, n_others: of those still there a
                         quarter later
    exits : DataFrame    state, estimate (share that leaves within a quarter) …, n, n_people (who left), n_stayed
    odds : Series        estimate (times the odds of the engaged), conf_low, conf_high, log_error
    tests : DataFrame    what ('the state before', 'the quarter'), p_value, p_adjusted, n; what they change about the
                         next state, given the present one; may be empty
    back : DataFrame     of those strained now, by the state before: before, estimate (share engaged next) …, n_people
    now : Series         people in each state when the last quarter began
    people, exits_n, quarters, moves : int
    unasked : int        person-quarters of which no state is known
    planted : float      times the odds, as planted; NaN for real data
    """

    rates: pd.DataFrame
    exits: pd.DataFrame
    odds: pd.Series
    tests: pd.DataFrame
    back: pd.DataFrame
    now: pd.Series
    people: int
    exits_n: int
    quarters: int
    moves: int
    unasked: int
    planted: float


def assess_states(
    data: StudyData, *, engaged_from: float, easy_from: float, out_below: float, seed: int
) -> Wearing | str:
    """Return how people move between states and leave them, or why that cannot be assessed.

    Parameters
    ----------
    engaged_from, easy_from, out_below : % of the scale, as :func:`work_states` takes them.
    """
    if data.unit == "team_id":
        return "not assessed: needs EX and exits of employees; this study links at the level of teams"
    if missing := data.missing("employees.left_on"):
        return missing
    if "ex_satisfaction" not in data.exposures():
        return "not assessed: needs answers to `satisfaction` in `ex_responses`"
    rows = work_states(data, engaged_from=engaged_from, easy_from=easy_from, out_below=out_below)
    stays = rows.dropna(subset=["then"]).reset_index(drop=True)
    few = data.study.privacy.min_group
    if stays["quarter"].nunique() < 2:
        return "not assessed: needs answers over at least three quarters, so that moves are known of two of them"
    worn = rows["state"].isin((STRAINED, OUT))
    gone = rows["left"] == 1
    if min((gone & worn).sum(), (gone & (rows["state"] == ENGAGED)).sum()) < few:
        who = "engaged" if (gone & worn).sum() >= few else "strained or checked-out"
        return (
            f"not assessed: fewer than {few} {who} people left of their own accord in {rows['quarter'].nunique()} "
            "quarters, too few to tell what goes before leaving, and few enough to be recognised"
        )
    try:
        odds = _odds(rows.assign(worn=worn.astype(float)))
    except EstimationError as error:
        return f"not assessed: {error}"
    last = rows[rows["at"] == rows["at"].max()]
    return Wearing(
        transition_rates(stays, "employee_id", "state", "then"), _exits(rows, few), odds,
        _tests(stays, seed), _back(stays), last["state"].value_counts().reindex(STATES, fill_value=0),
        int(rows["employee_id"].nunique()), int(gone.sum()), int(rows["quarter"].nunique()), len(stays),
        rows.attrs["unasked"], _planted(data, rows, worn),
    )  # fmt: skip


def _odds(rows: pd.DataFrame) -> pd.Series:
    """Return by how much the odds of leaving differ from those of the engaged; silence and time are held apart."""
    rows["silent"] = (rows["state"] == SILENT).astype(float)
    rows["period"] = (rows["at"] - rows["at"].min()).astype(float)
    columns = [c for c in ("worn", "silent", "period") if np.ptp(rows[c]) > 0]
    row = fit_firth(rows, "left", columns, tested=["worn"]).table.set_index("term").loc["worn"]
    ends = {name: float(np.exp(row[name])) for name in ("estimate", "conf_low", "conf_high")}
    return pd.Series(ends | {"log_error": float(row["std_error"])})


def _exits(rows: pd.DataFrame, few: int) -> pd.DataFrame:
    """Return the share that leaves within a quarter; strained and checked out as one where either lost few."""
    left = rows.groupby("state")["left"].sum()
    apart = left.get(STRAINED, 0) >= few and left.get(OUT, 0) >= few
    group = rows["state"] if apart else rows["state"].replace({STRAINED: WORN, OUT: WORN})
    rows = rows.assign(group=group, one=1)
    out = group_shares(rows, "left", "one", ["group"], cluster="employee_id")
    counts = rows.groupby("group")["left"].agg(n_people="sum", base="size")
    out = out.join(counts, on="group").rename(columns={"group": "state"})
    order = {name: at for at, name in enumerate((ENGAGED, STRAINED, WORN, OUT, SILENT))}
    out = out.assign(n_stayed=out["base"] - out["n_people"]).sort_values("state", key=lambda c: c.map(order))
    return out[["state", *TIDY, "n_people", "n_stayed"]].reset_index(drop=True)


def _tests(stays: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return whether the next state depends on more than the present one."""
    rows = []
    for what, label, frame in ((BEFORE, "before", stays.dropna(subset=["before"])), (TIME, "quarter", stays)):
        try:
            rows.append({"what": what} | independent_within(frame[label], frame["then"], frame["state"], seed=seed))
        except EstimationError:
            continue  # nothing varies: there is no such question to ask
    table = pd.DataFrame(rows, columns=["what", "statistic", "p_value", "n", "strata"])
    return table.assign(p_adjusted=benjamini_hochberg(table["p_value"]))


def _back(stays: pd.DataFrame) -> pd.DataFrame:
    """Return, of those strained now, the share engaged a quarter later by whether they were engaged or checked out."""
    rows = stays[(stays["state"] == STRAINED) & stays["before"].isin((ENGAGED, OUT))]
    if rows.empty:
        return pd.DataFrame(columns=["before", *TIDY, "n_people", "n_others"])
    rows = rows.assign(up=(rows["then"] == ENGAGED).astype(int), one=1)
    out = group_shares(rows, "up", "one", ["before"], cluster="employee_id")
    up = rows[rows["up"] == 1].groupby("before")["employee_id"].nunique().rename("n_people")
    other = rows[rows["up"] == 0].groupby("before")["employee_id"].nunique().rename("n_others")
    return out.join(up, on="before").join(other, on="before").fillna({"n_people": 0, "n_others": 0})


def _planted(data: StudyData, rows: pd.DataFrame, worn: pd.Series) -> float:
    """Return the odds of leaving as planted, at the distance between the two groups' mean satisfaction."""
    slope = (data.truth or {}).get("attrition", {}).get("ex_satisfaction_per_point")
    if slope is None:
        return float("nan")
    points = 4.0 / 100 * rows["satisfaction"]  # on a scale from 1 to 5
    return float(np.exp(float(slope) * (points[worn].mean() - points[rows["state"] == ENGAGED].mean())))
