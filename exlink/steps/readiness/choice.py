"""Are people choosing which customers are asked? Invitations against scores, and against what is known of a contact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from exlink.data.answers import cx_kpi_scales, headline_kpi
from exlink.data.asked import quarter_of
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
_WITH_ASKED = "interactions LEFT JOIN (SELECT interaction_id, true AS asked FROM cx_invitations) USING (interaction_id)"
_TIDY = ["estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "n_units"]


def against_score(data: StudyData) -> pd.DataFrame:
    """Return how scores go with the share of contacts that were followed by an invitation.

    Who asks only customers likely to be content asks fewer and scores higher: a negative slope. Between people the
    slope compares those who ask more with those who ask less; over time it compares a person with themselves, with
    the quarter's effect taken out.

    Returns
    -------
    DataFrame: who (employees, teams), kind ('between them', 'over time'), estimate (points of 100 per ten percentage
    points of invitations), std_error, conf_low, conf_high, p_value, p_adjusted (Benjamini–Hochberg), n (answers),
    n_units, mde, verdict, note (empty, or why not). Empty without invitations or scores.
    """
    scales = cx_kpi_scales(data)
    kpi = headline_kpi(list(scales))
    levels = ["employee_id", "team_id"] if data.unit == "employee_id" else ["team_id"]
    rows = []
    if data.has("cx_invitations") and kpi:
        cells = _by_quarter(data, kpi, *scales[kpi])
        for level in levels:
            own = cells.groupby([level, "quarter"], sort=True)[["contacts", "invited", "n_score", "sum_score"]].sum()
            own = own.reset_index()
            own["tenths"] = 10 * own["invited"] / own["contacts"]
            who = {"employee_id": "employees", "team_id": "teams"}[level]
            rows += [{"who": who, "kind": kind} | _slope(own, level, kind) for kind in (BETWEEN, OVER_TIME)]
    return _judged(pd.DataFrame(rows, columns=["who", "kind", *_TIDY, "note"]), POINTS)


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
            f"SELECT {data.unit} AS unit, {picked}, count(*) AS n_invited, count(asked) AS sum_invited "
            f"FROM {_WITH_ASKED} WHERE {data.unit} IS NOT NULL GROUP BY ALL ORDER BY ALL"
        )
        for column, label in flags.items():
            own = cells.groupby(["unit", column], sort=True)[["n_invited", "sum_invited"]].sum().reset_index()
            rows.append({"outcome": label} | _row(lambda own=own, c=column: within_slope(own, "invited", c, "unit")))
    return _judged(pd.DataFrame(rows, columns=["outcome", *_TIDY, "note"]), SHARE)


def score_sentence(frame: pd.DataFrame) -> str:
    """Say whether scores go with the share of customers asked, and how much could have been seen."""
    known = frame[frame["note"] == ""]
    if known.empty:
        return "" if frame.empty else f"not assessed: {frame['note'].iloc[0]}"
    found = known[known["verdict"].isin(("higher", "lower"))]
    if found.empty:
        best, least = known.loc[known["mde"].idxmin()], known.loc[known["mde"].idxmax()]
        ruled = (known["verdict"] == "no meaningful association").all()
        return (
            f"**{'No sign' if ruled else 'No clear sign'} that people choose whom to ask.** Where ten percentage "
            f"points more contacts are followed by an invitation, scores differ by {_band(best, 1)} points of 100 in "
            f"the sharpest of {len(known)} comparisons ({best.who}, {best.kind}); it would have found {best.mde:.1f}, "
            f"the bluntest ({least.who}, {least.kind}) {least.mde:.1f}."
        )
    worst = found.loc[found["estimate"].abs().idxmax()]
    choosing = worst.estimate < 0
    return (
        f"**{'Who asks fewer customers scores higher' if choosing else 'Who asks more customers scores higher'}** "
        f"({worst.who}, {worst.kind}): {_band(worst, 1)} points of 100 per ten percentage points of invitations, clear "
        f"after adjustment for {len(known)} comparisons. "
        + (
            "That is what it looks like when people choose whom to ask; scores and invitations should then not be in "
            "the same hands."
            if choosing
            else "That is not what choosing content customers looks like; something else moves both."
        )
    )


def outcome_sentence(frame: pd.DataFrame) -> str:
    """Say whether invitations depend on how a contact went."""
    known = frame[frame["note"] == ""]
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
    return (
        f"**Invitations do not {'' if ruled else 'clearly '}depend on how the contact went**: the largest of "
        f"{len(known)} differences is {_band(widest, 1, 100)} percentage points ({widest.outcome}); about "
        f"{100 * known['mde'].max():.1f} could have been seen in each."
    )


def _by_quarter(data: StudyData, kpi: str, low: float, high: float) -> pd.DataFrame:
    """Return contacts, invitations and the answers to them per unit, team and quarter, in one pass."""
    both = "employee_id, team_id" if data.unit == "employee_id" else "team_id"
    value = f"({kpi} - {low}) / ({high} - {low}) * 100"
    cells = data.query(
        f"SELECT {both}, {quarter_of('started_at')} AS quarter, count(*) AS contacts, count(asked) AS invited, "
        f"count({kpi}) FILTER (asked) AS n_score, coalesce(sum({value}) FILTER (asked), 0) AS sum_score "
        f"FROM {_WITH_ASKED} WHERE {data.unit} IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    return cells.astype({"n_score": "int64", "contacts": "int64", "invited": "int64"})


def _slope(cells: pd.DataFrame, unit: str, kind: str) -> dict:
    if (cells["invited"] == cells["contacts"]).all():
        return _without("every contact was followed by an invitation, so nobody could choose.")
    if kind == BETWEEN:
        return _row(lambda: between_slope(cells, "score", "tenths", unit))
    return _row(lambda: within_slope(cells, "score", "tenths", unit, "quarter"))


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


def _band(row: tuple | pd.Series, digits: int, times: float = 1.0) -> str:
    numbers = np.array([row.estimate, row.conf_low, row.conf_high]) * times
    value, low, high = (signed(x, digits) for x in numbers)
    return f"{value} ({low} to {high})"
