"""Which rows are used, and how many are lost on the way to the link."""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import cx_asked
from exlink.data.contract import TABLES, for_grain
from exlink.data.dataset import StudyData
from exlink.data.stages import stages as funnel

__all__ = [
    "absent_tables",
    "accounting",
    "accounting_sentence",
    "cx_asked",
    "funnel",
    "funnel_sentence",
    "rejects",
    "waterfall",
]


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


def waterfall(data: StudyData, stages: pd.DataFrame) -> pd.DataFrame:
    """Return the way of interactions from the file to the link, as changes between levels.

    Parameters
    ----------
    stages : what :func:`funnel` returned. A stage it leaves empty is no step: its loss is part of the next one's.

    Returns
    -------
    DataFrame: step (in words), rows (a level, or the change to the next one: negative), level (whether it is one),
    n_units (behind the stage; behind all interactions where rows of the file are counted).
    """
    row = data.accounting.set_index("table").loc["interactions"]
    first, last = stages.iloc[0], stages.iloc[-1]
    steps = [("interactions delivered", row.rows_in + row.rows_later, True, first.n_units)]
    if row.rows_later:
        steps.append((f"after {data.study.period.last}", -row.rows_later, False, first.n_units))
    if row.rows_rejected:
        steps.append(("rejected: against the contract", -row.rows_rejected, False, first.n_units))
    if len(steps) > 1:
        steps.append(("used in the report", first["rows"], True, first.n_units))
    for stage in stages.iloc[1:].dropna(subset="rows").itertuples():  # without those left empty
        steps.append((stage.reason, -stage.lost, False, stage.n_units))
    steps.append(("carry both sides", last["rows"], True, last.n_units))
    frame = pd.DataFrame(steps, columns=["step", "rows", "level", "n_units"])
    return frame.astype({"rows": float, "n_units": int})
