"""Which rows are used, which are lost on the way to the link, and whether the lost ones are different."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.asked import cx_asked
from exlink.data.contract import TABLES, for_grain
from exlink.data.dataset import StudyData
from exlink.data.stages import stages as funnel
from exlink.data.warehouse import name_of

__all__ = [
    "absent_tables",
    "accounting",
    "accounting_sentence",
    "cx_asked",
    "difference_sentence",
    "funnel",
    "funnel_sentence",
    "linked_against_lost",
    "rejects",
]
NOTICEABLE = 0.1  # standardised difference beyond which two groups count as different (Austin 2009)
_NUMBERS = {
    "wait_seconds": "waiting time",
    "handle_seconds": "handling time",
    "transfers": "transfers",
    "complexity": "complexity",
    "script_adherence": "script adherence",
    "resolved_first_contact": "resolved at first contact",
    "reopened": "reopened",
    "escalated": "escalated",
}
_LABELS = ("channel", "role", "touchpoint")


def accounting(data: StudyData) -> pd.DataFrame:
    """Return rows in, used, rejected and after the period, per table, and the share used."""
    frame = data.accounting.copy()
    frame["share_used"] = frame["rows_used"] / frame["rows_in"].where(frame["rows_in"] > 0)
    return frame


def accounting_sentence(data: StudyData) -> str:
    """Say how many rows came in and how many of them are used."""
    rows = data.accounting[["rows_in", "rows_used", "rows_rejected", "rows_later"]].sum()
    later = f" {rows.rows_later:,} more lie after {data.study.period.last} and are not read." if rows.rows_later else ""
    if not rows.rows_rejected:
        return (
            f"**All {rows.rows_in:,} rows of {len(data.accounting)} tables fulfil the contract** and are used; "
            f"none is rejected.{later}"
        )
    return (
        f"**{rows.rows_used:,} of {rows.rows_in:,} rows in {len(data.accounting)} tables are used**; "
        f"{rows.rows_rejected:,} ({rows.rows_rejected / rows.rows_in:.2%}) are rejected for the reasons "
        f"below.{later}"
    )


def rejects(data: StudyData) -> pd.DataFrame:
    """Return why rows were rejected: table, reason, rows, share of the table, first row numbers."""
    frame = data.rejects.merge(data.accounting[["table", "rows_in"]], on="table", how="left")
    frame["share"] = frame["rows"] / frame.pop("rows_in")
    return frame[["table", "reason", "rows", "share", "first_rows"]]


def absent_tables(data: StudyData) -> list[str]:
    """Return one line per optional table this study does not have."""
    grain = data.study.linkage.grain
    tables = [name for name, t in TABLES.items() if not for_grain(t, grain).required and not data.has(name)]
    return [f"not in this study: `{name}`" for name in tables]


def funnel_sentence(data: StudyData, frame: pd.DataFrame) -> str:
    """Say how much is linked and where most is lost."""
    first, last = frame.iloc[0], frame.iloc[-1]
    worst = frame.iloc[int(frame["lost"].fillna(0).to_numpy().argmax())]
    who = "employee who handled it" if data.unit == "employee_id" else "team behind it"
    most = f" Most are lost because {worst.reason} ({worst.lost:,.0f})." if worst.lost else ""
    # a handful who drop out is not counted: with both numbers it could be
    behind = (
        f"At least {last.n_units:,} {data.people} are behind them, all or nearly all who had contacts."
        if last.n_units == first.n_units
        else f"{last.n_units:,} of {first.n_units:,} {data.people} are behind them."
    )
    return (
        f"**{last['rows']:,.0f} of {first['rows']:,.0f} interactions ({last.share:.0%}) carry both sides**: the EX of "
        f"the {who}, in force at that moment, and the customer's answer. {behind}{most}"
    )


def linked_against_lost(data: StudyData) -> pd.DataFrame:
    """Return how interactions that carry both sides differ from those that do not.

    The standardised difference is ``(mean linked - mean lost) / root of the mean of both variances``; for a
    category the mean is its share.

    Returns
    -------
    DataFrame, largest difference first: characteristic, linked, lost, difference, noticeable, n_units (the
    smaller number of units on either side).
    """
    rows = _numbers(data) + [row for column in _LABELS for row in _shares(data, column)]
    frame = pd.DataFrame(rows, columns=["characteristic", "linked", "lost", "var_1", "var_0", "n_units"])
    spread = np.sqrt((frame.pop("var_1") + frame.pop("var_0")) / 2)
    frame["difference"] = (frame["linked"] - frame["lost"]) / spread.where(spread > 0)
    frame = frame.dropna(subset="difference")
    frame["noticeable"] = frame["difference"].abs() > NOTICEABLE
    order = frame["difference"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def difference_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say whether what is lost looks like what is linked; groups too small to be shown stay out of it.

    Empty where nothing can be compared.
    """
    frame = frame[frame["n_units"] >= min_group]
    if frame.empty:
        return ""
    found = frame[frame["noticeable"]]
    if found.empty:
        worst = frame.iloc[0]
        return (
            f"**None of {len(frame)} characteristics tells linked interactions from lost ones**: the largest "
            f"standardised difference is {worst.difference:+.2f} ({worst.characteristic})."
        )
    names = ", ".join(f"{r.characteristic} ({r.difference:+.2f})" for r in found.head(4).itertuples())
    return (
        f"**{len(found)} of {len(frame)} characteristics differ noticeably** between linked and lost interactions: "
        f"{names}. Results speak first of the kind that is linked."
    )


def _numbers(data: StudyData) -> list[tuple]:
    """Return label, mean linked, mean lost, both variances and units for every numeric characteristic."""
    present = {c: label for c, label in _NUMBERS.items() if data.has("interactions", c)}
    join = ""
    if data.unit == "employee_id" and data.has("employees", "hired_on"):
        join = "LEFT JOIN (SELECT employee_id, hired_on FROM employees) USING (employee_id)"
        present["date_diff('day', hired_on, started_at) / 365.25"] = "tenure in years"
    if not present:
        return []
    parts = ", ".join(
        f"count({c}) AS n{i}, sum({c}::DOUBLE) AS s{i}, sum({c}::DOUBLE * {c}::DOUBLE) AS q{i}"
        for i, c in enumerate(present)
    )
    cells = data.query(
        f"SELECT {data.unit}, (wave IS NOT NULL AND has_cx) AS kept, {parts} FROM interactions {join} "
        "GROUP BY ALL ORDER BY ALL"
    )
    sides = cells.drop(columns=data.unit).groupby("kept").sum()
    if len(sides) < 2:
        return []
    rows = []
    for i, label in enumerate(present.values()):
        n, total, squares = sides[f"n{i}"], sides[f"s{i}"], sides[f"q{i}"]
        mean = total / n.where(n > 0)
        variance = (squares - n * mean**2) / (n - 1).where(n > 1)
        units = cells[cells[f"n{i}"] > 0].groupby("kept").size().reindex([True, False], fill_value=0).min()
        rows.append((label, mean[True], mean[False], variance[True], variance[False], int(units)))
    return rows


def _shares(data: StudyData, column: str) -> list[tuple]:
    """Return the same for every level of a categorical characteristic: its share on both sides."""
    known = data.unit == "employee_id" if column == "role" else data.has("interactions", column)
    if not known:
        return []
    cells = data.query(
        f"SELECT {name_of(column)} AS label, (wave IS NOT NULL AND has_cx) AS kept, {data.unit}, count(*) AS n "
        f"FROM interactions WHERE {name_of(column)} IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    groups = cells.groupby(["label", "kept"])["n"]
    sizes = groups.sum().unstack("kept", fill_value=0).reindex(columns=[True, False], fill_value=0)
    units = groups.size().unstack("kept", fill_value=0).reindex(columns=[True, False], fill_value=0)
    if (sizes.sum() == 0).any() or len(sizes) < 2:
        return []
    share = sizes / sizes.sum()
    variance = share * (1 - share)
    return [
        (f"{column}: {label}", *share.loc[label], *variance.loc[label], int(units.loc[label].min()))
        for label in share.index
    ]
