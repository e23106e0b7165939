"""Durations in whole periods, on crossed cells: who was still waiting in each period, and for whom it ended there.

A regression of the ends with the complementary log-log link estimates the coefficients of continuous proportional
hazards, however long the periods (Prentice & Gloeckler 1978); what had not ended when observation stopped was waiting
in the periods it was seen through and says nothing of later ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import need_columns


def at_risk(
    spells: pd.DataFrame, by: Sequence[str], *, period: str = "period", ended: str = "ended", n: str = "n",
    last: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return one row per ``by`` and period: how many were waiting when it began, and for how many it ended in it.

    Parameters
    ----------
    spells : DataFrame
        Counts of spells: ``by``, ``period`` (0, 1, …: in which the spell ended or was last seen), ``ended`` (True), and
        ``n`` spells alike. A spell that did not end was not seen through its last period, and is at risk before it
        only. A period that a spell could not have been seen through must not count its end either: tell such a spell as
        not ended, last seen in the period in which observation stopped.
    last : int, optional
        Spells that go on beyond this period are cut off there.

    Returns
    -------
    DataFrame: ``by``, period, waiting, ends.

    Raises
    ------
    EstimationError
        When a period is negative.
    """
    need_columns(spells, [*by, period, ended, n], "durations")
    if (spells[period] < 0).any():
        raise EstimationError(f"durations: {int((spells[period] < 0).sum()):,} spells end before they begin.")
    over = np.zeros(len(spells), bool) if last is None else (spells[period] > last).to_numpy()
    happened = spells[ended].to_numpy(dtype=bool) & ~over
    seen = spells[period].to_numpy() + happened  # periods at risk
    if last is not None:
        seen = np.minimum(seen, last + 1)
    code = spells.groupby(list(by), dropna=False, sort=True).ngroup().to_numpy() if by else np.zeros(len(spells), int)
    first = np.unique(code, return_index=True)[1]
    counts, shape = spells[n].to_numpy(dtype=float), (len(first), int(seen.max(initial=0)) + 1)
    # column t: spells that were at risk in t periods, in all and those that ended in the last of them
    of, size = code * shape[1] + seen, shape[0] * shape[1]
    through = np.bincount(of, weights=counts, minlength=size).reshape(shape)
    ends = np.bincount(of, weights=counts * happened, minlength=size).reshape(shape)[:, 1:]
    waiting = through[:, ::-1].cumsum(axis=1)[:, -2::-1]
    longest = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(longest, code, seen)
    there = np.arange(shape[1] - 1) < longest[:, None]
    out = spells[list(by)].iloc[np.repeat(first, longest)].reset_index(drop=True)
    return out.assign(period=np.nonzero(there)[1], waiting=waiting[there], ends=ends[there])
