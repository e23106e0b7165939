"""The heat map: two categories, one value, its interval in the same cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from exlink.publish import style
from exlink.publish.charts.layout import (
    HIDDEN,
    canvas,
    hidden_rows,
    released_frame,
    row_inches,
    styled,
    unique,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released

LETTER_INCHES = 0.092  # width of a letter of the smallest type, on average


@styled
def heatmap(
    released: Released,
    *,
    row: str,
    column: str,
    value: str,
    low: str | None = None,
    high: str | None = None,
    mark: str | None = None,
    mark_name: str = "",
    unit: str,
    centre: float | None = None,
    spec: str = ".2f",
    title: str | None = None,
) -> Figure:
    """Draw a grid: a cell's colour and number are its value, the small line below is its interval.

    ``centre`` makes the colours diverge around a value that means 'nothing'. Cells where the boolean
    column ``mark`` holds are outlined and bold. A hatched cell is hidden by the disclosure gate; a cell
    with a dash was not measured.
    """
    frame = released_frame(released, "heatmap", [row, column, value, low, high, mark])
    rows, columns = unique(frame[row]), unique(frame[column])
    grid = np.full((len(rows), len(columns)), np.nan)
    for a, b, v in zip(frame[row], frame[column], frame[value], strict=True):
        grid[rows.index(a), columns.index(b)] = v
    cell_height = row_inches(rows, 0.56 if low and high else 0.44, width=24)
    heads = [wrapped(c, 12) for c in columns]
    longest = _longest(heads)
    wide = (style.WIDTH - 0.3 - LETTER_INCHES * _longest([wrapped(r, 24) for r in rows])) / len(columns)
    slanted = longest * LETTER_INCHES > wide - 0.08
    header = 0.07 * longest + 0.15 if slanted else 0.20 * max(head.count("\n") + 1 for head in heads)
    small = wide < 1.05  # an interval on one line would not fit
    legend = f"Cell: {unit}{'; below it the interval' if low and high and not small else ''}."
    legend += f" Outlined: {mark_name or mark}." if mark else ""
    height = 0.4 + header + cell_height * len(rows)
    unnamed = wide < 0.68  # "hidden" would not fit into a cell
    legend += " Hatched: hidden." if unnamed and released.hidden else ""
    fig = canvas(height, title=title, released=released, legend=legend)
    ax = fig.add_subplot()
    norm, cmap = _scale(grid, centre)
    sns.heatmap(
        grid,
        ax=ax,
        cmap=cmap,
        norm=norm,
        vmin=norm.vmin,
        vmax=norm.vmax,
        cbar=False,
        linewidths=2.5,
        linecolor=style.PAPER,
    )
    hidden = hidden_rows(released)
    cells = {
        (rows.index(r), columns.index(c)): i for i, (r, c) in enumerate(zip(frame[row], frame[column], strict=True))
    }
    for y in range(len(rows)):
        for x in range(len(columns)):
            i = cells.get((y, x))
            if i is not None and hidden[i]:
                ax.add_patch(
                    Rectangle((x, y), 1, 1, facecolor=style.FAINT, hatch="////", edgecolor=style.PAPER, lw=2.5)
                )
                if not unnamed:
                    plate = {"facecolor": style.FAINT, "edgecolor": "none", "pad": 1.5}
                    ax.text(x + 0.5, y + 0.5, HIDDEN, ha="center", va="center", fontsize=style.SMALL_PT, bbox=plate)
            elif np.isnan(grid[y, x]):
                ax.text(x + 0.5, y + 0.5, "–", ha="center", va="center", color=style.MUTED)
            else:
                bounds = (frame[low][i], frame[high][i]) if low and high and not small else None
                marked = bool(mark and frame[mark][i] == True)  # noqa: E712 - may be NaN or None
                _write(ax, x, y, grid[y, x], bounds, marked, spec, cmap(norm(grid[y, x])))
    ax.set_yticks(np.arange(len(rows)) + 0.5, [wrapped(r, 24) for r in rows], rotation=0)
    turn = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if slanted else {"rotation": 0}
    ax.set_xticks(np.arange(len(columns)) + 0.5, heads, color=style.INK, **turn)
    ax.xaxis.tick_top()
    return fig


def _longest(labels: list[str]) -> int:
    """Return the number of letters of the longest line."""
    return max(len(line) for label in labels for line in label.split("\n"))


def _scale(grid: np.ndarray, centre: float | None) -> tuple:
    """Return norm and colours: diverging and even-handed around ``centre``, else light to dark."""
    if centre is None:
        cmap = LinearSegmentedColormap.from_list("exlink", style.SEQUENTIAL)
        low, high = (np.nanmin(grid), np.nanmax(grid)) if np.isfinite(grid).any() else (0.0, 1.0)
        return Normalize(low, high if high > low else low + 1.0), cmap
    cmap = LinearSegmentedColormap.from_list("exlink", style.DIVERGING)
    reach = np.nanmax(np.abs(grid - centre)) if np.isfinite(grid).any() else 1.0
    reach = reach or 1.0
    return TwoSlopeNorm(centre, centre - reach, centre + reach), cmap


def _write(
    ax: Axes,
    x: int,
    y: int,
    value: float,
    bounds: tuple[float, float] | None,
    marked: bool,
    spec: str,
    fill: tuple,
) -> None:
    """Write value and interval into a cell in ink or paper, whichever contrasts more with the fill."""
    color = style.on(fill)
    weight = "bold" if marked else "normal"
    ax.text(
        x + 0.5,
        y + (0.32 if bounds else 0.5),
        style.number(value, spec),
        ha="center",
        va="center",
        color=color,
        fontsize=style.BASE_PT,
        fontweight=weight,
    )
    if bounds:
        ax.text(
            x + 0.5,
            y + 0.70,
            style.interval(*bounds, spec),
            ha="center",
            va="center",
            color=color,
            fontsize=style.SMALL_PT,
        )
    if marked:
        ax.add_patch(Rectangle((x + 0.03, y + 0.05), 0.94, 0.90, fill=False, edgecolor=style.INK, linewidth=1.6))
