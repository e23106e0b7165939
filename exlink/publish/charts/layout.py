"""What all charts share: the released frame, the canvas, notes, keys, the names of series and the PNG."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas.api.types import is_extension_array_dtype, is_numeric_dtype
from PIL import Image

from exlink.errors import DisclosureError, ParameterError, did_you_mean, listed
from exlink.publish import style
from exlink.publish.charts.formats import MARGIN_INCHES, Chart, is_narrow, letters, width
from exlink.publish.charts.words import balanced, lines_of, wrapped
from exlink.publish.disclosure import Released

HIDDEN = "hidden"
SIGNS = dict(zip(style.MARKERS, "●◆■▲▼", strict=True))  # a series' marker as a letter
CSS_PIXELS_PER_INCH = 105
COLOURS = 128


def released_frame(released: Released, what: str, columns: Iterable[str | None]) -> pd.DataFrame:
    """Return the frame behind ``released`` with a fresh index, or say what is wrong with it.

    Only ``publish.disclosure.release`` makes a ``Released``: whoever draws has passed the gate.
    """
    if not isinstance(released, Released):
        raise DisclosureError(
            f"{what} takes a table released by publish.disclosure.release, not a {type(released).__name__}. "
            "Release it first: s.release(frame, people=…)."
        )
    frame = released.frame.reset_index(drop=True)
    for name in columns:
        if name is not None and name not in frame.columns:
            raise ParameterError(
                f"{what}: there is no column '{name}'; the table has {listed(frame.columns, 12)}."
                f"{did_you_mean(name, map(str, frame.columns))}"
            )
    if frame.empty:
        raise ParameterError(f"{what}: the released table has no rows. Say 'not assessed' in words.")
    masked = [c for c in frame if is_extension_array_dtype(frame[c]) and is_numeric_dtype(frame[c])]
    return frame.astype(dict.fromkeys(masked, float))


def hidden_rows(released: Released) -> pd.Series:
    """Return which rows the disclosure gate has hidden, on the index of ``released_frame``."""
    return released.is_hidden.reset_index(drop=True)


def canvas(height: float, *, title: str | None, released: Released, legend: str = "") -> Figure:
    """Return an empty figure with its title above; below, flush left, what marks mean and the gate's note."""
    fig = Chart(figsize=(width(), height), layout="constrained")
    fig.get_layout_engine().set(w_pad=MARGIN_INCHES, h_pad=MARGIN_INCHES)
    if title:
        fig.suptitle(wrapped(title, letters(62)), x=0.012, ha="left", fontsize=style.BASE_PT + 1, fontweight="bold")
    lines = [legend, released.note if released.hidden else ""]
    text = "\n".join(balanced(line, letters(80, 50)) for line in lines if line)
    if text:
        fig.supxlabel(text, x=0.012, ha="left", fontsize=style.SMALL_PT, color=style.MUTED)
        fig.set_figheight(height + 0.22 * (1 + text.count("\n")))
    return fig


def nothing_left(fig: Figure) -> Figure:
    """Say in the figure itself that no row could be drawn; the gate's note below says why."""
    ax = fig.add_subplot()
    ax.set_axis_off()
    ax.text(0.5, 0.5, "Nothing to draw: every row is hidden or empty.", ha="center", va="center", color=style.MUTED)
    fig.set_figheight(1.4)
    return fig


def unique(values: pd.Series) -> list:
    """Return the distinct values in the order in which they first appear."""
    return list(dict.fromkeys(values))


def value_grid(ax: Axes, axis: str = "x", spec: str = "") -> None:
    """Draw quiet grid lines along the value axis, with few and short tick labels that never touch."""
    ax.grid(axis=axis)
    ax.locator_params(axis=axis, nbins=letters(6))
    for chosen in (ax.xaxis, ax.yaxis) if axis == "both" else (getattr(ax, f"{axis}axis"),):
        chosen.set_major_formatter(lambda value, _: style.tick(value, spec))


def reference_line(ax: Axes, at: float | None, *, axis: str = "x") -> None:
    """Draw the line that means 'nothing', zero unless told otherwise."""
    if at is not None:
        (ax.axvline if axis == "x" else ax.axhline)(at, color=style.INK, linewidth=1.0, zorder=1.5)


def key_above(ax: Axes, handles: list, labels: Iterable[object]) -> None:
    """Put a key above the axes, flush left in the figure, for marks that cannot be labelled directly."""
    labels = [wrapped(label, letters(40, 38)) for label in labels]
    columns, length = len(labels), sum(len(label) + 7 for label in labels)
    while length > letters(66) and columns > 1:  # characters that fit into the figure's width
        columns -= 1
        length = sum(sorted((len(label) + 7 for label in labels), reverse=True)[:columns])
    title = ax.figure.get_suptitle()
    ax.figure.suptitle("")  # the key carries the title: matplotlib would print one over the other
    ax.figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns,
        borderaxespad=0.0,
        borderpad=0.2,
        handletextpad=0.5,
        columnspacing=1.6,
        labelcolor=style.INK,
        title=title or None,
        title_fontproperties={"weight": "bold", "size": style.BASE_PT + 1},
        alignment="left",
    )


def spread(positions: list[float], gap: float) -> list[float]:
    """Move label positions apart until none is nearer than ``gap`` to the next, as little as possible.

    Neighbours that collide form a block that is centred on the mean of its members' wishes; blocks
    merge until none overlap (pool adjacent violators).
    """
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    blocks: list[list[float]] = []  # [sum of wishes measured at the block's first slot, members]
    for i in order:
        blocks.append([positions[i], 1])
        while len(blocks) > 1:
            (before, n_before), (after, n_after) = blocks[-2], blocks[-1]
            if before / n_before + n_before * gap <= after / n_after:
                break
            blocks[-2:] = [[before + after - n_after * n_before * gap, n_before + n_after]]
    placed = [0.0] * len(positions)
    slots = iter(order)
    for total, members in blocks:
        for k in range(int(members)):
            placed[next(slots)] = total / members + k * gap
    return placed


def name_series(ax: Axes, ends: list[tuple[float, str, str, str]], *, gap: float, letters: int) -> None:
    """Write each series' name at the right end of the axes, moved apart where two would touch.

    ``ends`` holds the last value, the name, the colour and the marker of every series; ``gap`` is the least
    distance as a share of the axis, ``letters`` the length of a line. On the narrow canvas the names are a
    key above the axes: the lines need the room.
    """
    if is_narrow():
        if ends:
            handles = [Line2D([], [], color=color, marker=marker, markersize=6) for _, _, color, marker in ends]
            key_above(ax, handles, [end[1] for end in ends])
        return
    bottom, top = ax.get_ylim()
    lines = max((lines_of(end[1], letters) for end in ends), default=1)
    placed = spread([end[0] for end in ends], gap * (1 + 0.85 * (lines - 1)) * (top - bottom))
    for (_, name, color, marker), at in zip(ends, placed, strict=True):
        own = {
            "xycoords": ("axes fraction", "data"),
            "textcoords": "offset points",
            "va": "center",
            "color": color,
            "fontsize": style.SMALL_PT,
            "annotation_clip": False,
        }
        ax.annotate(SIGNS[marker], (1.0, at), xytext=(6, 0), **own)  # in grey print the sign tells, not the colour
        ax.annotate(
            wrapped(name, letters),
            (1.0, at),
            xytext=(18, 0),
            fontweight="bold",
            **own,
        )


def png(fig: Figure) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes on every run."""
    with rc_context(style.RC):
        fig.set_dpi(style.DPI)
        drawn = FigureCanvasAgg(fig)
        drawn.draw()
    small = io.BytesIO()
    _of_few_colours(np.asarray(drawn.buffer_rgba())).save(small, format="png", compress_level=6)
    return small.getvalue()


def _of_few_colours(pixels: np.ndarray) -> Image.Image:
    """Return what was drawn in 128 colours, which are all a chart has, for a third of the size.

    pixels : (height, width, 4), opaque. The paper, nine tenths of them, keeps its white; 127 colours are found for
    the rest, which takes a tenth of the time.
    """
    height, width = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels).view(np.uint32).ravel()
    inked = np.flatnonzero(flat != 0xFFFFFFFF)
    image = Image.frombytes("P", (width, height), bytes(height * width))
    colours = [255, 255, 255]
    if len(inked):
        rest = Image.frombytes("RGBA", (len(inked), 1), flat[inked].tobytes()).convert("RGB")
        found = rest.quantize(COLOURS - 1, dither=Image.Dither.NONE)
        indices = np.zeros(height * width, dtype=np.uint8)
        indices[inked] = np.frombuffer(found.tobytes(), dtype=np.uint8) + 1
        image.frombytes(indices.tobytes())
        colours += found.getpalette()
    image.putpalette(colours)
    return image


def css_width(fig: Figure) -> int:
    """Return the width in CSS pixels at which the figure's text is as large as the report's."""
    return round(fig.get_figwidth() * CSS_PIXELS_PER_INCH)
