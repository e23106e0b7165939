"""Counts of answers told in tens where few contacts have none, so that those few are not subtracted from all."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.answers import cx_answer_cells
from exlink.data.dataset import StudyData

COUNTS = ("n", "n_units", "volume")


def few_unanswered(data: StudyData) -> set[tuple[str, str]]:
    """Return the touchpoints and KPIs at which some contacts, but fewer than the minimum group, have no answer."""
    sums = cx_answer_cells(data).groupby("touchpoint", sort=True).sum(numeric_only=True)
    least = data.study.privacy.min_group
    kpis = [name.removeprefix("n_") for name in sums if name.startswith("n_")]
    silent = {kpi: sums["contacts"] - sums[f"n_{kpi}"] for kpi in kpis}
    return {(at, kpi) for kpi, left in silent.items() for at in left.index[(left > 0) & (left < least)]}


def told_in_tens(data: StudyData, frame: pd.DataFrame, *, touchpoint: str, kpi: str) -> pd.DataFrame:
    """Return a table with its counts of answers rounded down to tens where few contacts have none.

    All contacts of a touchpoint are counted on other pages; answers beside them would give those without one away.
    No count grows, and none of the minimum group or more falls below it.

    Parameters
    ----------
    frame : DataFrame
        Rows of customers' answers with any of the columns in ``COUNTS``.
    touchpoint, kpi : columns that name the touchpoint and the KPI (as in ``cx_responses``).
    """
    few, least = few_unanswered(data), data.study.privacy.min_group
    close = np.array([pair in few for pair in zip(frame[touchpoint], frame[kpi], strict=True)], dtype=bool)
    told = {c: np.maximum(frame[c] // 10 * 10, np.minimum(frame[c], least)) for c in COUNTS if c in frame}
    return frame.assign(**{c: frame[c].where(~close, rounded).astype(frame[c].dtype) for c, rounded in told.items()})


def tens_sentence(data: StudyData) -> str:
    """Say that counts of answers are told in tens somewhere, and why; '' where none is."""
    if not few_unanswered(data):
        return ""
    return (
        f"Where fewer than {data.study.privacy.min_group} contacts of a touchpoint have no answer, the number of "
        "answers there, and of those they are about, is told in tens, rounded down: the few are not to be subtracted."
    )
