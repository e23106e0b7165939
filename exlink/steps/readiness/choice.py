"""Are people choosing who is asked? Invitations against scores, and against what is known of a contact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from exlink.data.answers import cx_kpi_scales, ex_answer_cells, ex_kpi_scales, headline_kpi
from exlink.data.asked import ex_asked, quarter_of
from exlink.data.dataset import StudyData
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import adjusted_verdict, minimum_detectable
from exlink.stats.within_between import SlopeFit, between_slope, within_slope

POINTS = 1.0  # points of 100 per ten percentage points of invitations: below this nothing is at stake
SHARE = 0.02  # difference of two invitation rates below which nothing is at stake
BETWEEN, OVER_TIME = "between them", "over time"
_FLAGS = {
    "resolved_first_contact": "resolved at first contact",
    "reopened": "reopened",
    "escalated": "escalated",
    "transfers": "transferred at least once",
}
_TIDY = ["estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "n_units"]


def against_score(data: StudyData, contacts: pd.DataFrame) -> pd.DataFrame:
    """Return how scores go with the share of contacts, or of people, that were invited.

    Who asks only customers likely to be content asks fewer and scores higher: a negative slope. Between people the
    slope compares those who ask more with those who ask less; over time it compares a person with themselves, with
    the quarter's effect taken out. Of employees, the share is that of a team's people at work in the quarter.

    Parameters
    ----------
    contacts : what ``exlink.data.asked.cx_asked`` returned.

    Returns
    -------
    DataFrame: asked (customers, employees), who (employees, teams), kind ('between them', 'over time'), compared (both
    in words), estimate (points of 100 per ten percentage points of invitations), std_error, conf_low, conf_high,
    p_value, p_adjusted (Benjamini–Hochberg), n (answers), n_units, mde, verdict, note (empty, or why not). Empty
    without invitations or scores.
    """
    rows = []
    customers = _customers_asked(data)
    if customers is not None:
        for level in ("employee_id", "team_id") if data.unit == "employee_id" else ("team_id",):
            rows += _slopes(customers, level, "customers")
    employees = _employees_asked(data, contacts)
    if employees is not None:
        rows += _slopes(employees, "team_id", "employees")
    frame = _judged(pd.DataFrame(rows, columns=["asked", "who", "kind", *_TIDY, "note"]), POINTS)
    return frame.assign(compared=frame["who"] + " " + frame["kind"])


def against_outcome(data: StudyData) -> pd.DataFrame:
    """Return by how much more often contacts with a recorded outcome are followed by an invitation.

    Each outcome is compared within the same person, so that nobody's habit and nobody's kind of work counts.

    Returns
    -------
    DataFrame: outcome, tidy difference of invitation rates (with the outcome minus without), p_adjusted, n
    (contacts), n_units, mde, verdict, note. Empty without invitations or recorded outcomes.
    """
    flags = {c: label for c, label in _FLAGS.items() if data.has("interactions", c)}
    rows = []
    if data.has("cx_invitations") and flags:
        picked = ", ".join(f"({c}{' > 0' if c == 'transfers' else ''})::INTEGER AS {c}" for c in flags)
        cells = data.query(
            f"SELECT {data.unit} AS unit, {picked}, count(*) AS n_invited, count(invited_at) AS sum_invited "
            f"FROM interactions WHERE {data.unit} IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )
        for column, label in flags.items():
            own = cells.groupby(["unit", column], sort=True)[["n_invited", "sum_invited"]].sum().reset_index()
            rows.append({"outcome": label} | _row(lambda own=own, c=column: within_slope(own, "invited", c, "unit")))
    return _judged(pd.DataFrame(rows, columns=["outcome", *_TIDY, "note"]), SHARE)


def score_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say whether scores go with the share of those asked, and how much could have been seen; few stay out of it."""
    known = frame[(frame["note"] == "") & (frame["n_units"] >= min_group)]
    if known.empty:
        said = frame.loc[frame["note"] != "", "note"]
        return f"not assessed: {said.iloc[0]}" if len(said) else ""
    found = known[known["verdict"].isin(("higher", "lower"))]
    if found.empty:
        best, least = known.loc[known["mde"].idxmin()], known.loc[known["mde"].idxmax()]
        ruled = (known["verdict"] == "no meaningful association").all()
        return (
            f"**{'No sign' if ruled else 'No clear sign'} that people choose whom to ask.** Where ten percentage "
            f"points more are invited, scores differ by {_band(best, 1)} points of 100 in the sharpest of {len(known)} "
            f"comparisons ({_compared(best)}); it would have found {best.mde:.1f}, the bluntest ({_compared(least)}) "
            f"{least.mde:.1f}."
        )
    worst = found.loc[found["estimate"].abs().idxmax()]
    said = (
        f"({_compared(worst)}): {_band(worst, 1)} points of 100 per ten percentage points of invitations, clear after "
        f"adjustment for {len(known)} comparisons."
    )
    if worst.estimate < 0:
        return (
            f"**Where fewer {worst.asked} are asked, scores are higher** {said} That is what it looks like when people "
            "choose whom to ask; scores and invitations should then not be in the same hands."
        )
    return (
        f"**Where more {worst.asked} are asked, scores are higher** {said} That is not what choosing the content looks "
        "like; something else moves both."
    )


def outcome_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say whether there is a sign that invitations depend on how a contact went; few people stay out of it."""
    known = frame[(frame["note"] == "") & (frame["n_units"] >= min_group)]
    if known.empty:
        return ""
    found = known[known["verdict"].isin(("higher", "lower"))]
    if len(found):
        parts = [f"{r.outcome} ({_band(r, 1, 100)} percentage points)" for r in found.itertuples()]
        return (
            f"**Invitations depend on how the contact went**: {in_words(parts)}, compared with other contacts of the "
            "same person. Scores then speak of the contacts that were chosen."
        )
    ruled = (known["verdict"] == "no meaningful association").all()
    widest = known.loc[known["estimate"].abs().idxmax()]
    nothing = f" All intervals lie within ±{100 * SHARE:g}, below which nothing is at stake." if ruled else ""
    return (
        f"**No {'' if ruled else 'clear '}sign that invitations depend on how the contact went**: the largest of "
        f"{len(known)} differences is {_band(widest, 1, 100)} percentage points ({widest.outcome}); about "
        f"{100 * known['mde'].max():.1f} could have been seen in each.{nothing}"
    )


def _customers_asked(data: StudyData) -> pd.DataFrame | None:
    """Return contacts, invitations and the answers to them per unit, team and quarter, in one pass."""
    scales = cx_kpi_scales(data)
    kpi = headline_kpi(list(scales))
    if not data.has("cx_invitations") or kpi is None:
        return None
    low, high = scales[kpi]
    both = "employee_id, team_id" if data.unit == "employee_id" else "team_id"
    cells = data.query(f"""
        WITH counted AS (
            SELECT {both}, date_trunc('quarter', started_at) AS since, count(*) AS all_, count(invited_at) AS invited,
                   count({kpi}) FILTER (invited_at IS NOT NULL) AS n_score,
                   coalesce(sum({kpi}) FILTER (invited_at IS NOT NULL), 0) AS points
            FROM interactions WHERE {data.unit} IS NOT NULL GROUP BY ALL)
        SELECT {both}, {quarter_of("since")} AS quarter, all_, invited, n_score,
               (points - {low} * n_score) / ({high} - {low}) * 100 AS sum_score
        FROM counted ORDER BY ALL""")
    return cells.astype({"n_score": "int64", "all_": "int64", "invited": "int64"})


def _employees_asked(data: StudyData, contacts: pd.DataFrame) -> pd.DataFrame | None:
    """Return, per person with contacts, team and quarter, whether they were invited, and what they answered.

    Who had contacts in two teams in one quarter counts in both.
    """
    scales = ex_kpi_scales(data)
    kpi = headline_kpi(list(scales))
    if data.unit == "team_id" or not data.has("ex_invitations") or kpi is None:
        return None
    low, high = scales[kpi]
    there = contacts[["employee_id", "team_id", "quarter"]].dropna().drop_duplicates()
    asked = ex_asked(data)
    asked = asked.loc[asked["surveyed"], ["employee_id", "quarter"]].drop_duplicates().assign(invited=1)
    said = ex_answer_cells(data, ("quarter",))
    said = said[said["kpi"] == kpi]
    said = said.assign(sum_score=(said["sum_score"] - low * said["n_score"]) / (high - low) * 100)
    keys = ["employee_id", "quarter"]
    cells = there.merge(asked, on=keys, how="left").merge(said[[*keys, "n_score", "sum_score"]], on=keys, how="left")
    return cells.fillna({"invited": 0, "n_score": 0, "sum_score": 0.0}).assign(all_=1)


def _slopes(cells: pd.DataFrame, level: str, asked: str) -> list[dict]:
    """Return the slope between units of a level, and that over time, of cells by unit, team and quarter."""
    own = cells.groupby([level, "quarter"], sort=True)[["all_", "invited", "n_score", "sum_score"]].sum().reset_index()
    own["tenths"] = 10 * own["invited"] / own["all_"]
    row = {"asked": asked, "who": "employees" if level == "employee_id" else "teams"}
    if (own["invited"] == own["all_"]).all():
        whole = "every contact was followed by an invitation" if asked == "customers" else "everybody was invited"
        none = _without(f"{whole}, so nobody could choose.")
        return [row | {"kind": kind} | none for kind in (BETWEEN, OVER_TIME)]
    return [
        row | {"kind": BETWEEN} | _row(lambda: between_slope(own, "score", "tenths", level)),
        row | {"kind": OVER_TIME} | _row(lambda: within_slope(own, "score", "tenths", level, "quarter")),
    ]


def _row(fit: Callable[[], SlopeFit]) -> dict:
    """Return the one slope of a fit, or why there is none."""
    try:
        return fit().table.iloc[0][_TIDY].to_dict() | {"note": ""}
    except EstimationError as error:
        # the reason takes the place of the number, and the other comparisons go on
        return _without(str(error))


def _without(reason: str) -> dict:
    return {"n": 0, "n_units": 0, "note": reason}


def _judged(frame: pd.DataFrame, smallest: float) -> pd.DataFrame:
    """Return the rows with adjusted p values, what could have been seen, and the verdict of each."""
    frame = frame.astype(dict.fromkeys(_TIDY[:5], float) | {"n": int, "n_units": int})
    frame["p_adjusted"] = benjamini_hochberg(frame["p_value"].to_numpy(dtype=float))
    frame["mde"] = minimum_detectable(frame["std_error"].to_numpy(dtype=float))
    frame["verdict"] = [
        adjusted_verdict(r.estimate, r.conf_low, r.conf_high, r.p_adjusted, smallest) for r in frame.itertuples()
    ]
    return frame


def _compared(row: tuple | pd.Series) -> str:
    return f"{row.asked} asked, {row.who} compared {row.kind}"


def _band(row: tuple | pd.Series, digits: int, times: float = 1.0) -> str:
    numbers = np.array([row.estimate, row.conf_low, row.conf_high]) * times
    value, low, high = (signed(x, digits) for x in numbers)
    return f"{value} ({low} to {high})"
