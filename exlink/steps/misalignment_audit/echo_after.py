"""Step 06: what changed after something was first done about a theme, against themes nothing was done about (M42)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.stats.count_trends import after_against_before
from exlink.stats.multiplicity import judged
from exlink.stats.pooling import partial_pool

AROUND = 2  # quarters before and after the first action, at least, for a change to be told from a trend


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
    """Return what changed after a theme's first action, against themes never acted on in the same quarters.

    Their quarters before and after stand for what the theme would have done without an action: an interrupted series
    with comparison (Bernal, Cummins & Gasparrini 2018), for which a theme needs a time before its first action.

    Parameters
    ----------
    cells : source, theme, quarter and received; ``actions``: source, theme and the quarter it was first acted on.
    """
    quarters = sorted(cells["quarter"].unique())
    never = _without(cells, actions)
    spread = _dispersion(never)
    changes, shared = [], []
    for source, theme, first in actions[["source", "theme", "quarter"]].itertuples(index=False):
        earlier, later = (sum(q < first for q in quarters), sum(q > first for q in quarters))
        if min(earlier, later) < AROUND or never.empty:
            continue
        own = cells[(cells["source"] == source) & (cells["theme"] == theme)]
        counts = [part.loc[side(part["quarter"], first), "received"].sum()
                  for part in (own, never) for side in (pd.Series.lt, pd.Series.gt)]  # fmt: skip
        changes.append(after_against_before(*counts, dispersion=spread, term=f"{source}|{theme}"))
        shared.append(spread * sum(1 / (count + 0.5) for count in counts[2:]))
    pieces, compared = int(cells["received"].sum()), len(never[["source", "theme"]].drop_duplicates())
    if not changes:
        return After(None, None, len(actions), compared, 0, pieces)
    table = judged(pd.concat(changes, ignore_index=True))
    lower = set(table.loc[table["verdict"] == "lower", "term"])
    fell = int(cells.loc[(cells["source"] + "|" + cells["theme"]).isin(lower), "received"].sum())
    return After(table, _average(table, np.array(shared)), len(actions), compared, fell, pieces)


def _average(table: pd.DataFrame, shared: np.ndarray) -> pd.Series | None:
    """Return the average change; ``shared`` is the variance that each has from the themes all are compared with."""
    if len(table) < 2:
        return None
    common = np.sqrt(np.outer(shared, shared))
    np.fill_diagonal(common, table["std_error"] ** 2)
    return partial_pool(table["estimate"], common, list(table["term"])).average.iloc[0]


def _without(cells: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of themes that were never acted on."""
    acted = pd.MultiIndex.from_frame(actions[["source", "theme"]])
    return cells[~pd.MultiIndex.from_frame(cells[["source", "theme"]]).isin(acted)]


def _dispersion(cells: pd.DataFrame) -> float:
    """Return by how much counts of themes vary more than Poisson's do around theme and quarter; 1 at least."""
    if cells.empty:
        return 1.0
    counts = cells.pivot_table(
        index=["source", "theme"], columns="quarter", values="received", aggfunc="sum", fill_value=0
    ).to_numpy(dtype=float)
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    if df < 1:
        return 1.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return max(1.0, float(((counts - expected) ** 2 / expected).sum()) / df)
