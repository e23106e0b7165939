"""The quadrant: two measures of the same thing against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
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

ROUNDS = 6  # of placing labels
ROOM = 3.0  # points around a label that other labels and points leave free, where all labels find a place so

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
# farther away, with a line that leads there
_FARTHER = tuple((times * dx, times * dy, ha, va) for times in (2.5, 4.0, 6.0) for dx, dy, ha, va in _PLACES)


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
    ax.margins(0.2 if is_narrow() else 0.14, 0.16)
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
    """Write each label at a free place around its point; one that finds none stays out."""
    x, y, label = names
    renderer = FigureCanvasAgg(fig).get_renderer()
    fig.draw_without_rendering()  # fixes the axes' place, so that boxes in pixels are final
    fig.set_layout_engine("none")
    points = ax.transData.transform(frame[[x, y]].to_numpy(float))
    size = 0.07 * fig.dpi
    boxes = [text.get_window_extent(renderer) for text in taken]
    boxes += [line.get_window_extent(renderer).padded(2) for line in ax.lines]  # the two split lines
    boxes += [Bbox.from_bounds(px - size / 2, py - size / 2, size, size) for px, py in points]
    own = {"fontsize": style.SMALL_PT, "color": style.INK, "zorder": 4}
    words = [wrapped(text, 18) for text in frame[label]]
    sizes = [_measured(ax, text, own, renderer) for text in words]
    field, pixels = ax.get_window_extent(renderer), fig.dpi / 72
    places = _placed(points, sizes, boxes, field, pixels, ROOM)
    if len(places) < len(points):
        places = max(places, _placed(points, sizes, boxes, field, pixels), key=len)
    for i, (dx, dy, ha, va) in places.items():
        at = tuple(frame[[x, y]].iloc[i])
        ax.annotate(words[i], at, xytext=(dx, dy), textcoords="offset points", ha=ha, va=va, **own)
        if (dx, dy, ha, va) in _FARTHER:
            line = {"arrowstyle": "-", "color": style.MUTED, "lw": 0.7, "shrinkA": 0, "shrinkB": 3}
            ax.annotate("", at, xytext=(dx, dy), textcoords="offset points", arrowprops=line)


def _measured(ax: Axes, words: str, own: dict, renderer: object) -> tuple[float, float]:
    """Return width and height of a label in pixels."""
    text = ax.text(0, 0, words, **own)
    box = text.get_window_extent(renderer)
    text.remove()
    return box.width, box.height


def _placed(
    points: np.ndarray, sizes: list, taken: list[Bbox], field: Bbox, pixels: float, room: float = 0.0
) -> dict[int, tuple]:
    """Return the place of every label that finds one; who found none goes first in the next of a few rounds.

    ``points`` and ``sizes`` are in pixels, ``pixels`` is how many make a point of type; ``room``, in points of type,
    stays free around each label.
    """
    fixed = [np.array(box.extents) for box in taken]
    order, best = list(range(len(points))), {}
    for _ in range(ROUNDS):
        found, boxes, leads = {}, [], []
        for i in order:
            for place in _PLACES + _FARTHER:
                anchor = points[i] + pixels * np.array(place[:2])
                box = _box(anchor, sizes[i], place)
                inside = box[0] >= field.x0 and box[1] >= field.y0 and box[2] <= field.x1 and box[3] <= field.y1
                around = box + pixels * room * np.array([-1, -1, 1, 1])
                if not inside or _overlaps(around, fixed + boxes):
                    continue
                line = np.linspace(points[i], anchor, 12)
                others = [*leads, np.delete(points, i, axis=0)]
                crosses = place in _FARTHER and any(
                    _nearest(line, other) < 3 * pixels for other in others if len(other)
                )
                if not crosses and _apart([box], leads) and _apart(boxes, [line]):
                    found[i] = place
                    boxes.append(box)
                    leads += [line] if place in _FARTHER else []
                    break
        best = max(best, found, key=len)
        left = [i for i in order if i not in found]
        if not left:
            break
        order = left + [i for i in order if i in found]
    return best


def _box(anchor: np.ndarray, size: tuple[float, float], place: tuple) -> np.ndarray:
    """Return the box (left, bottom, right, top) of a label whose anchor, in pixels, is aligned as its place says."""
    left = {"left": 0.0, "center": 0.5, "right": 1.0}[place[2]]
    down = {"bottom": 0.0, "center": 0.5, "top": 1.0}[place[3]]
    corner = anchor - np.array((left, down)) * size
    return np.concatenate((corner, corner + size))


def _overlaps(box: np.ndarray, others: list[np.ndarray]) -> bool:
    """Return whether a box and any of the others share some of their area."""
    all_others = np.stack(others)
    return bool(np.any((all_others[:, :2] < box[2:]).all(1) & (all_others[:, 2:] > box[:2]).all(1)))


def _apart(boxes: list[np.ndarray], lines: list[np.ndarray]) -> bool:
    """Return whether lines, given as points along them, and labels do not meet."""
    if not boxes or not lines:
        return True
    at, all_boxes = np.concatenate([line[:-1] for line in lines])[:, None], np.stack(boxes)[None]
    return not bool(np.any((at > all_boxes[..., :2]).all(2) & (at < all_boxes[..., 2:]).all(2)))


def _nearest(line: np.ndarray, other: np.ndarray) -> float:
    """Return the least distance between two lines, given as points along them."""
    return float(np.linalg.norm(line[:, None] - other[None], axis=2).min())
