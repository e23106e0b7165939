"""Step 06: what changed after something was first done about a theme, beyond its trend, beside other themes (M42)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.stats.interrupted import level_changes
from exlink.stats.multiplicity import judged


@dataclass(frozen=True, slots=True, eq=False)
class After:
    """What changed after the first action on a theme.

    themes : DataFrame or None   tidy rows (term = 'source|theme', log of the change), p_adjusted, verdict; None where
                                 no theme can be judged
    average : Series or None     their average, tidy; None with fewer than two
    acted : int                  themes that were ever acted on
    compared : int               themes never acted on, against which the others are held
    fell, pieces : int           pieces of feedback on themes of which clearly less came in, and all pieces
    """

    themes: pd.DataFrame | None
    average: pd.Series | None
    acted: int
    compared: int
    fell: int
    pieces: int


def change_after(cells: pd.DataFrame, actions: pd.DataFrame) -> After:
    """Return what changed after a theme's first action, beyond its own trend and beside themes never acted on.

    Parameters
    ----------
    cells : source, theme, quarter and received; ``actions``: source, theme and the quarter it was first acted on.
    """
    volume = cells.assign(term=cells["source"] + "|" + cells["theme"]).pivot_table(
        index="term", columns="quarter", values="received", aggfunc="sum", fill_value=0
    )
    first = (actions["source"] + "|" + actions["theme"]).map(str)
    where = dict(zip(first, volume.columns.searchsorted(actions["quarter"]), strict=True))
    ever = volume.index.isin(first)
    found = level_changes(volume[ever], volume[~ever], where)
    pieces, acted, compared = int(volume.to_numpy().sum()), int(ever.sum()), int((~ever).sum())
    if found is None:
        return After(None, None, acted, compared, 0, pieces)
    table = judged(found.table)
    fell = int(volume.loc[table.loc[table["verdict"] == "lower", "term"]].to_numpy().sum())
    return After(table, found.average, acted, compared, fell, pieces)
