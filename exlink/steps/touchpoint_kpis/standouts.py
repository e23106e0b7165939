"""Which groups a figure holds when there are too many to draw: those that stand out."""

from __future__ import annotations

import pandas as pd

MOST = 25  # groups in a figure; beyond them only those are drawn that stand out


def drawn_rows(table: pd.DataFrame, group: str, series: str, whole: str) -> list[int]:
    """Return which rows of a table, as released, a figure holds: all, or of many groups those that stand out.

    A group stands out when the interval of one of its values lies above the value of ``whole`` in the same series.

    Parameters
    ----------
    group, series : columns that name the group and the series; ``whole`` is the group of everybody.
    """
    groups = table[table[group] != whole]
    if groups[group].nunique() <= MOST:
        return table.index.tolist()
    overall = table[table[group] == whole].set_index(series)["estimate"]
    above = groups[groups["conf_low"] > groups[series].map(overall)]
    first = above.sort_values(["conf_low", group], ascending=[False, True])[group].drop_duplicates().head(MOST)
    return table.index[table[group].isin([whole, *first])].tolist()


def drawn_sentence(table: pd.DataFrame, group: str, series: str, whole: str) -> str:
    """Say which groups the figure holds where it does not hold all of them; '' where it does."""
    drawn = table.loc[drawn_rows(table, group, series, whole), group].nunique() - 1
    groups = table[group].nunique() - 1
    if drawn >= groups:
        return ""
    return (
        f"Of {groups} teams the figure holds the {drawn} that lie above all together with 95 % confidence; chance "
        f"alone would put about {max(round(0.025 * groups), 1)} there."
    )
