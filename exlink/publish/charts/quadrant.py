"""The quadrant: two measures of the same thing against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from exlink.publish import style
from exlink.publish.charts.formats import is_narrow, letters, styled
from exlink.publish.charts.layout import canvas, nothing_left, reference_line, released_frame, value_grid
from exlink.publish.charts.words import balanced, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released

# where a label may stand beside its point: offset in points, then alignment
_PLACES = (
    (8, 0, "left", "center"),
    (-8, 0, "right", "center"),
    (0, 8, "center", "bottom"),
    (0, -8, "center", "top"),
    (7, 7, "left", "bottom"),
    (-7, 7, "right", "bottom"),
    (7, -7, "left", "top"),
    (-7, -7, "right", "top"),
)


@styled
def quadrant(
    released: Released,
    *,
    x: str,
    y: str,
    label: str | None = None,
    highlight: str | None = None,
    x_split: float = 0.0,
    y_split: float = 0.0,
    xlabel: str,
    ylabel: str,
    corners: tuple[str, str, str, str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw one dot per row at its two values; the two lines split the field into four.

    ``corners`` names the quarters: top left, top right, bottom left, bottom right. ``highlight`` is a
    boolean column whose rows keep the accent. A label that finds no free place is left out.
    """
    frame = released_frame(released, "quadrant", [x, y, label, highlight]).dropna(subset=[x, y])
    fig = canvas(5.2 if is_narrow() else 4.9, title=title, released=released)
    if frame.empty:
        return nothing_left(fig)
    ax = fig.add_subplot()
    value_grid(ax, "both")
    reference_line(ax, x_split)
    reference_line(ax, y_split, axis="y")
    loud = (frame[highlight] == True) if highlight else frame[x].notna()  # noqa: E712 - may be None
    for chosen, color, size in ((~loud, style.MUTED, 38), (loud, style.ACCENT, 52)):
        ax.scatter(
            frame.loc[chosen, x],
            frame.loc[chosen, y],
            s=size,
            color=color,
            edgecolor=style.PAPER,
            lw=1.0,
            zorder=3,
        )
    ax.margins(0.14, 0.16)
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="y", labelcolor=style.MUTED)
    ax.set(xlabel=wrapped(xlabel, letters(60)), ylabel=wrapped(ylabel, 34))
    corner_texts = _corners(ax, corners) if corners else []
    if label:
        _labels(fig, ax, frame, (x, y, label), corner_texts)
    return fig


def _corners(ax: Axes, corners: tuple[str, str, str, str]) -> list:
    """Name the four quarters in the corners of the field."""
    places = (
        (0.01, 0.99, "left", "top"),
        (0.99, 0.99, "right", "top"),
        (0.01, 0.01, "left", "bottom"),
        (0.99, 0.01, "right", "bottom"),
    )
    return [
        ax.text(
            px,
            py,
            balanced(words, letters(28)),
            transform=ax.transAxes,
            ha=ha,
            va=va,
            color=style.MUTED,
            fontsize=style.SMALL_PT,
            fontstyle="italic",
            zorder=1,
        )
        for words, (px, py, ha, va) in zip(corners, places, strict=True)
    ]


def _labels(fig: Figure, ax: Axes, frame: pd.DataFrame, names: tuple[str, str, str], taken: list) -> None:
    """Place each label at the first free place around its point; one that would collide stays out."""
    x, y, label = names
    renderer = FigureCanvasAgg(fig).get_renderer()
    fig.draw_without_rendering()  # fixes the axes' place, so that boxes in pixels are final
    fig.set_layout_engine("none")
    points = ax.transData.transform(frame[[x, y]].to_numpy(float))
    size = 0.07 * fig.dpi
    boxes = [text.get_window_extent(renderer) for text in taken]
    boxes += [line.get_window_extent(renderer).padded(2) for line in ax.lines]  # the two split lines
    boxes += [Bbox.from_bounds(px - size / 2, py - size / 2, size, size) for px, py in points]
    field = ax.get_window_extent(renderer)
    for row_x, row_y, words in zip(frame[x], frame[y], frame[label], strict=True):
        for dx, dy, ha, va in _PLACES:
            text = ax.annotate(
                wrapped(words, 18),
                (row_x, row_y),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=style.SMALL_PT,
                color=style.INK,
                zorder=4,
            )
            box = text.get_window_extent(renderer)
            if (
                field.containsx(box.x0)
                and field.containsx(box.x1)
                and field.containsy(box.y0)
                and field.containsy(box.y1)
                and not any(box.overlaps(other) for other in boxes)
            ):
                boxes.append(box)
                break
            text.remove()
