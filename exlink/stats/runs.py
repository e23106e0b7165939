"""How often something comes again, one period after another: repeats and the runs they make, per unit."""

from __future__ import annotations

import pandas as pd

from exlink.stats.tidy import need_columns


def repeats(cells: pd.DataFrame, unit: str, period: str, volume: str, open_: str) -> pd.DataFrame:
    """Return cells with what was left open one period before.

    Parameters
    ----------
    cells : DataFrame, one row per unit and period
        ``period`` an integer that counts periods, ``volume`` what came in, ``open_`` True where it was left as it was,
        missing where that is not known.

    Returns
    -------
    DataFrame: the rows whose period before is known, with ``base`` (the volume) and ``again`` (the volume where the
    unit was left open one period before, else 0).
    """
    need_columns(cells, [unit, period, volume, open_], "repeats")
    before = cells[[unit, period, open_]].assign(**{period: cells[period] + 1}).rename(columns={open_: "before"})
    rows = cells.merge(before, on=[unit, period], how="inner", validate="one_to_one")
    rows = rows[rows["before"].notna()].reset_index(drop=True)
    was_open = rows["before"].astype(bool)
    return rows.drop(columns="before").assign(base=rows[volume], again=rows[volume].where(was_open, 0))


def longest_runs(cells: pd.DataFrame, unit: str, period: str, open_: str) -> pd.DataFrame:
    """Return per unit its longest run of periods in a row that were left open; a period not known ends a run.

    Returns
    -------
    DataFrame: unit, longest (periods, 0 where there is none), known (periods that are known), still (whether the last
    period that is known of any unit belongs to a run of this one).
    """
    need_columns(cells, [unit, period, open_], "longest runs")
    known = cells[cells[open_].notna()].sort_values([unit, period], ignore_index=True)
    left = known[open_].astype(bool)
    first = (known[unit] != known[unit].shift()) | (known[period] != known[period].shift() + 1)
    run = (first | ~left | ~left.shift(fill_value=False)).cumsum()
    known = known.assign(length=left.groupby(run).cumsum(), still=left & (known[period] == known[period].max()))
    return known.groupby(unit, sort=True).agg(
        longest=("length", "max"), known=(open_, "size"), still=("still", "any")).reset_index()  # fmt: skip
