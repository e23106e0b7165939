"""The heat map: two categories, one value, its interval in the same cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from exlink.publish import style
from exlink.publish.charts.formats import LETTER_INCHES, LINE_INCHES, inner_width, is_narrow, styled
from exlink.publish.charts.layout import HIDDEN, canvas, hidden_rows, released_frame, unique
from exlink.publish.charts.rows import above
from exlink.publish.charts.words import lines_of, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released


ONE_LINE = 1.05  # inches of a cell into which an interval fits on one line
PANEL_GAP = 0.14  # inches between panels


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
    has_bounds = bool(low and high)
    plan = _wide_plan(rows, columns)
    if is_narrow():
        texts = [style.number(v, spec) for v in frame[value]]
        bounds = zip(frame[low], frame[high], strict=True) if has_bounds and plan.wide >= ONE_LINE else ()
        plan = _narrow_plan(rows, columns, texts, [style.interval(*b, spec) for b in bounds])
    plan = replace(plan, cell=max(plan.cell, 0.56 if has_bounds else 0.44))
    small = plan.wide < ONE_LINE
    unnamed = plan.wide < 0.68  # "hidden" would not fit into a cell
    legend = f"Cell: {unit}{'; below it the interval' if has_bounds and not small else ''}."
    legend += f" Outlined: {mark_name or mark}." if mark else ""
    legend += " Hatched: hidden." if unnamed and released.hidden else ""
    fig = canvas(plan.height, title=title, released=released, legend=legend)
    fig.get_layout_engine().set(hspace=PANEL_GAP / plan.height * len(plan.panels))
    norm, cmap = _scale(grid, centre)
    hidden = hidden_rows(released)
    cells = {
        (rows.index(r), columns.index(c)): i for i, (r, c) in enumerate(zip(frame[row], frame[column], strict=True))
    }
    for ax, part in zip(fig.subplots(len(plan.panels), 1, squeeze=False)[:, 0], plan.panels, strict=True):
        sns.heatmap(
            grid[:, part],
            ax=ax,
            cmap=cmap,
            norm=norm,
            vmin=norm.vmin,
            vmax=norm.vmax,
            cbar=False,
            linewidths=2.5,
            linecolor=style.PAPER,
        )
        for y, x in np.ndindex(len(rows), len(part)):
            i, v = cells.get((y, part[x])), grid[y, part[x]]
            if i is not None and hidden[i]:
                _hide(ax, x, y, plan, unnamed)
            elif np.isnan(v):
                ax.text(x + 0.5, plan.y(y, 0.5), "–", ha="center", va="center", color=style.MUTED)
            else:
                bounds = (frame[low][i], frame[high][i]) if has_bounds and not small else None
                marked = bool(mark and frame[mark][i] == True)  # noqa: E712 - may be NaN or None
                _write(ax, x, y, plan, style.number(v, spec), bounds and style.interval(*bounds, spec), marked,
                       cmap(norm(v)))  # fmt: skip
        _name_rows_and_columns(ax, rows, [columns[x] for x in part], plan)
    return fig


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a grid is laid out.

    panels : list of lists  the columns of each panel; panels stand below each other
    wide, cell : float      width and height of a cell in inches
    label : float           height of a row's label above its cells in inches, 0 where it stands beside them
    head : float            height of the columns' names in inches
    letters : int           letters in a line of a row's label
    head_letters : int      letters in a line of a column's name
    slanted : bool          whether the columns' names are
    rows : int
    """

    panels: list[list[int]]
    wide: float
    cell: float
    label: float
    head: float
    letters: int
    head_letters: int
    slanted: bool
    rows: int

    @property
    def height(self) -> float:
        """Height of the figure without its legend in inches."""
        return 0.26 + len(self.panels) * (self.head + PANEL_GAP + (self.cell + self.label) * self.rows)

    def y(self, row: int, share: float) -> float:
        """Return where ``share`` of a cell's height is; above the cell stands the row's label."""
        label = self.label / (self.cell + self.label)
        return row + label + share * (1 - label)


def _wide_plan(rows: list, columns: list) -> _Plan:
    """Lay out one grid with the rows' labels beside it; names of columns that do not fit are slanted."""
    heads = [wrapped(c, 12) for c in columns]
    wide = (style.WIDTH - 0.3 - LETTER_INCHES * _longest([wrapped(r, 24) for r in rows])) / len(columns)
    slanted = _longest(heads) * LETTER_INCHES > wide - 0.08
    head = 0.07 * _longest(heads) + 0.15 if slanted else 0.20 * max(h.count("\n") + 1 for h in heads)
    cell = LINE_INCHES * max(lines_of(r, 24) for r in rows) + 0.10
    return _Plan([list(range(len(columns)))], wide, cell, 0.0, head, 24, 12, slanted, len(rows))


def _narrow_plan(rows: list, columns: list, texts: list[str], bounds: list[str]) -> _Plan:
    """Lay out a grid, or panels of it that can be read; short labels of rows stand beside, others above.

    Names of columns are slanted where that keeps the grid in one piece.
    """
    least = max(0.098 * _longest(texts), *(0.083 * len(b) for b in bounds), 0.0) + 0.07
    needed = max(least, LETTER_INCHES * max(len(part) for c in columns for part in str(c).split()) + 0.08)
    beside = LETTER_INCHES * _longest([wrapped(r, 14) for r in rows]) + 0.25
    room = inner_width() - 0.05
    slant = 0.707 * LETTER_INCHES * len(wrapped(columns[-1], 12).split("\n")[0]) - 0.1  # beyond the last column
    slanted = room < len(columns) * needed and len(columns) * least <= room - slant
    width = least if slanted else needed
    room -= slant if slanted else 0.0
    above = len(columns) * width > room - beside
    room -= 0.0 if above else beside
    count = -(-len(columns) // max(1, int(room / width)))
    panels = [list(map(int, part)) for part in np.array_split(np.arange(len(columns)), count)]
    wide = room / max(map(len, panels))
    head_letters = 12 if slanted else int((wide - 0.06) / LETTER_INCHES)
    heads = [wrapped(c, head_letters) for c in columns]
    head = 0.07 * _longest(heads) + 0.3 if slanted else 0.12 + 0.20 * max(h.count("\n") + 1 for h in heads)
    letters = int(inner_width() / LETTER_INCHES) - 2 if above else 14
    lines = LINE_INCHES * max(lines_of(r, letters) for r in rows) + 0.10
    cell, label = (0.0, lines) if above else (lines, 0.0)
    return _Plan(panels, wide, cell, label, head, letters, head_letters, slanted, len(rows))


def _name_rows_and_columns(ax: Axes, rows: list, columns: list, plan: _Plan) -> None:
    """Write the names of the columns on top, those of the rows beside or above their cells."""
    turn = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if plan.slanted else {"rotation": 0}
    heads = [wrapped(c, plan.head_letters) for c in columns]
    ax.set_xticks(np.arange(len(columns)) + 0.5, heads, color=style.INK, **turn)
    ax.xaxis.tick_top()
    if not plan.label:
        ax.set_yticks(np.arange(len(rows)) + 0.5, [wrapped(r, plan.letters) for r in rows], rotation=0)
        return
    ax.set_yticks([])
    for y, name in enumerate(rows):
        ax.add_patch(Rectangle((0, y), len(columns), plan.y(y, 0.0) - y, facecolor=style.PAPER, zorder=2))
        above(ax, plan.y(y, 0.0), wrapped(name, plan.letters))


def _hide(ax: Axes, x: int, y: int, plan: _Plan, unnamed: bool) -> None:
    """Hatch a cell that the disclosure gate has hidden."""
    top, bottom = plan.y(y, 0.0), y + 1
    ax.add_patch(
        Rectangle((x, top), 1, bottom - top, facecolor=style.FAINT, hatch="////", edgecolor=style.PAPER, lw=2.5)
    )
    if not unnamed:
        plate = {"facecolor": style.FAINT, "edgecolor": "none", "pad": 1.5}
        ax.text(x + 0.5, plan.y(y, 0.5), HIDDEN, ha="center", va="center", fontsize=style.SMALL_PT, bbox=plate)


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


def _write(ax: Axes, x: int, y: int, plan: _Plan, number: str, interval: str | None, marked: bool, fill: tuple) -> None:
    """Write value and interval into a cell in ink or paper, whichever contrasts more with the fill."""
    own = {"ha": "center", "va": "center", "color": style.on(fill)}
    weight = "bold" if marked else "normal"
    at = plan.y(y, 0.32 if interval else 0.5)
    ax.text(x + 0.5, at, number, fontsize=style.BASE_PT, fontweight=weight, **own)
    if interval:
        ax.text(x + 0.5, plan.y(y, 0.70), interval, fontsize=style.SMALL_PT, **own)
    if marked:
        top, tall = plan.y(y, 0.05), plan.y(y, 0.95) - plan.y(y, 0.05)
        ax.add_patch(Rectangle((x + 0.03, top), 0.94, tall, fill=False, edgecolor=style.INK, linewidth=1.6))
