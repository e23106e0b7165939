"""Employees by quarter at risk of leaving: who was there when a quarter began, and what they had said before.

No immortal time: a quarter counts for a person only if they were employed on its first day, and what is known
of them was said before it. The two ways of leaving compete: who is let go can no longer leave of their own accord, so
each way ends the time at risk of the other (cause-specific hazards). Somebody of whose leaving the reason is not known
counts as neither, and is not at risk after it.
"""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData

FRESH_DAYS = 100  # how long before the quarter an answer may lie: the quarter before, and a week of grace


def leaving(data: StudyData) -> pd.DataFrame:
    """Return the employees with what is known of their leaving: the one rule on who left of their own accord.

    Returns
    -------
    DataFrame: columns of ``employees``, ``hired_on`` and ``left_on`` as dates, ``voluntary`` (the person left, and
    of their own accord; where the study records that of nobody, everybody who left), ``unknown`` (the person left,
    and of them it is not recorded, so that they do not count as voluntary).
    """
    people = data.frame("employees")
    for column in ("hired_on", "left_on"):
        people[column] = pd.to_datetime(people[column]) if column in people else pd.Series(pd.NaT, people.index)
    gone = people["left_on"].notna()
    if not data.has("employees", "left_voluntarily"):
        return people.assign(voluntary=gone, unknown=False)
    own = people["left_voluntarily"].astype("boolean")
    return people.assign(voluntary=gone & own.fillna(False).astype(bool), unknown=gone & own.isna())


def reasons_sentence(data: StudyData) -> str:
    """Return how exits count whose reason is not recorded, '' where every reason is; small numbers stay unsaid."""
    if data.unit != "employee_id" or not data.has("employees", "left_on"):
        return ""
    if not data.has("employees", "left_voluntarily"):
        return "The study does not record who left of their own accord, so every exit counts."
    unknown, few = int(leaving(data)["unknown"].sum()), data.study.privacy.min_group
    if not unknown:
        return ""
    number = f"{unknown:,}" if unknown >= few else f"fewer than {few}"
    return f"For {number} of those who left it is not recorded whether of their own accord; they do not count as such."


def employee_quarters(data: StudyData, *, silent: bool = False, ahead: bool = False) -> pd.DataFrame:
    """Return one row per employee and quarter at risk, with the latest EX said before the quarter began.

    Parameters
    ----------
    silent : bool
        Whether rows without a fresh answer stay, with nothing in the ``ex_`` columns.
    ahead : bool
        Whether the first quarter that has not ended with the period is in it too, its ``left`` and ``let_go`` unknown
        (NaN): who is there when it begins.

    Returns
    -------
    DataFrame: employee_id, quarter ('2026Q3'), left (1 where the person left voluntarily during the quarter),
    let_go (1 where they left otherwise; NaN where the study does not tell the two apart), start and stop (days since
    the first quarter began: at risk from the quarter's first day to its last, or to the exit), role, tenure_years (at
    the quarter's start), ``ex_…`` columns of the exposures; rows without a fresh answer are absent unless ``silent``.
    ``attrs['answered']`` is the share of all person-quarters at risk that is left. Quarters are those that begin after
    the first answer and have ended with the period.
    """
    said = data.exposures()
    people = leaving(data)
    first = pd.to_datetime(said["responded_on"]).min()
    starts = pd.date_range(first, pd.Timestamp(data.study.period.last), freq="QS")
    reasons = data.has("employees", "left_voluntarily")
    last = pd.Timestamp(data.study.period.last)
    ended = [start for start in starts if start + pd.offsets.QuarterEnd(0) <= last]
    frames = [_at_risk(people, start, starts[0], reasons) for start in ended]
    if frames and ahead:
        after = _at_risk(people, ended[-1] + pd.DateOffset(months=3), starts[0], reasons)
        frames.append(after.assign(left=float("nan"), let_go=float("nan")))
    if not frames:
        return pd.DataFrame(
            columns=["employee_id", "quarter", "left", "let_go", *said.columns[said.columns.str.startswith("ex_")]]
        )
    rows = pd.concat(frames, ignore_index=True)
    known = said.assign(said_on=pd.to_datetime(said["responded_on"]).astype("datetime64[us]"))
    known = known.drop(columns=["wave", "responded_on", "valid_from", "valid_to"]).sort_values("said_on")
    rows["begins"] = rows["begins"].astype("datetime64[us]")
    joined = pd.merge_asof(
        rows.sort_values(["begins", "employee_id"]),
        known,
        left_on="begins",
        right_on="said_on",
        by="employee_id",
        allow_exact_matches=False,
        tolerance=pd.Timedelta(days=FRESH_DAYS),
    )
    answered = joined["said_on"].notna()
    out = joined[answered | silent].drop(columns=["begins", "said_on"])
    out = out.sort_values(["employee_id", "quarter"], ignore_index=True)
    out.attrs = {"answered": float(answered.sum()) / max(len(rows), 1)}
    return out


def _at_risk(people: pd.DataFrame, start: pd.Timestamp, zero: pd.Timestamp, reasons: bool) -> pd.DataFrame:
    """Return those employed on the first day of a quarter, and whether and how they left before it ended."""
    stop = start + pd.DateOffset(months=3)
    there = people[~(people["hired_on"] >= start) & ~(people["left_on"] < start)]
    gone = there["left_on"] < stop
    let_go = (gone & ~there["voluntary"] & ~there["unknown"]).astype(float)
    # the day of leaving is the last one at risk; who stays is so until the last day of the quarter
    last = there["left_on"].where(gone, stop - pd.Timedelta(days=1))
    return pd.DataFrame(
        {
            "employee_id": there["employee_id"],
            "quarter": f"{start.year}Q{start.quarter}",
            "begins": start,
            "left": (gone & there["voluntary"]).astype(int),
            "let_go": let_go if reasons else float("nan"),
            "start": float((start - zero).days),
            "stop": (last - zero).dt.days + 1.0,
            "tenure_years": (start - there["hired_on"]).dt.days / 365.25,
            "role": there["role"],
        }
    )
