"""What all charts share: the released frame, the canvas, wrapped labels, notes and the PNG."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from pandas.api.types import is_extension_array_dtype, is_numeric_dtype
from PIL import Image

from exlink.errors import DisclosureError, ParameterError, did_you_mean, listed
from exlink.publish import style
from exlink.publish.disclosure import Released

P = ParamSpec("P")
HIDDEN = "hidden"
CSS_PIXELS_PER_INCH = 105


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under exlink's own settings, whatever the notebook's are."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with rc_context(style.RC):
            return draw(*args, **kwargs)

    return drawn


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
    fig = Figure(figsize=(style.WIDTH, height), layout="constrained")
    fig.get_layout_engine().set(w_pad=0.08, h_pad=0.08)
    if title:
        fig.suptitle(wrapped(title, 62), x=0.012, ha="left", fontsize=style.BASE_PT + 1, fontweight="bold")
    lines = [legend, released.note if released.hidden else ""]
    text = "\n".join(balanced(line, 80) for line in lines if line)
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


def wrapped(text: object, width: int) -> str:
    """Break a label into lines of at most ``width`` characters; ``$`` is a dollar, never mathematics."""
    lines = textwrap.wrap(str(text), width, break_long_words=False) or [""]
    return "\n".join(lines).replace("$", r"\$")


def balanced(text: str, width: int) -> str:
    """Break a sentence into lines of like length, so that no last word stands alone."""
    lines = wrapped(text, width).count("\n") + 1
    return wrapped(text, width) if lines == 1 else wrapped(text, len(text) // lines + 8)


def unique(values: pd.Series) -> list:
    """Return the distinct values in the order in which they first appear."""
    return list(dict.fromkeys(values))


def rows_axis(ax: Axes, labels: Iterable[object], *, width: int = 26) -> None:
    """Make y an axis of rows, the first on top, with wrapped labels and no axis line."""
    labels = list(labels)
    ax.set_yticks(range(len(labels)), [wrapped(label, width) for label in labels])
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.spines["left"].set_visible(False)


def row_inches(labels: Iterable[object], least: float, *, width: int = 26) -> float:
    """Return the height of a row that holds the longest of the wrapped labels."""
    lines = max(wrapped(label, width).count("\n") + 1 for label in labels)
    return max(least, 0.19 * lines + 0.10)


def value_grid(ax: Axes, axis: str = "x", spec: str = "") -> None:
    """Draw quiet grid lines along the value axis, with few and short tick labels that never touch."""
    ax.grid(axis=axis)
    ax.locator_params(axis=axis, nbins=6)
    for chosen in (ax.xaxis, ax.yaxis) if axis == "both" else (getattr(ax, f"{axis}axis"),):
        chosen.set_major_formatter(lambda value, _: style.tick(value, spec))


def reference_line(ax: Axes, at: float | None, *, axis: str = "x") -> None:
    """Draw the line that means 'nothing', zero unless told otherwise."""
    if at is not None:
        (ax.axvline if axis == "x" else ax.axhline)(at, color=style.INK, linewidth=1.0, zorder=1.5)


def beside(ax: Axes, row: float, text: str, *, color: str = style.INK, **kwargs: object) -> Text:
    """Write into the right margin at the height of a row."""
    return ax.annotate(
        text.replace("$", r"\$"),
        xy=(1, row),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        ha="left",
        color=color,
        fontsize=style.SMALL_PT,
        annotation_clip=False,
        **kwargs,
    )


def key_above(ax: Axes, handles: list, labels: Iterable[object]) -> None:
    """Put a key above the axes, flush left in the figure, for marks that cannot be labelled directly."""
    labels = [wrapped(label, 40) for label in labels]
    columns, length = len(labels), sum(len(label) + 7 for label in labels)
    while length > 66 and columns > 1:  # characters that fit into the figure's width
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


def name_ends(ax: Axes, ends: list[tuple[float, str, str]], *, gap: float, width: int) -> None:
    """Write each series' name at the right end of the axes, moved apart where two would touch.

    ``ends`` holds the last value, the name and the colour of every series; ``gap`` is the least distance as a share
    of the axis, ``width`` the characters of a line.
    """
    bottom, top = ax.get_ylim()
    placed = spread([end[0] for end in ends], gap * (top - bottom))
    for (_, name, color), at in zip(ends, placed, strict=True):
        ax.annotate(
            wrapped(name, width),
            (1.0, at),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=style.SMALL_PT,
            fontweight="bold",
            annotation_clip=False,
        )


def png(fig: Figure) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes on every run."""
    buffer = io.BytesIO()
    with rc_context(style.RC):
        fig.savefig(buffer, format="png", dpi=style.DPI, metadata={"Software": None})
    small = io.BytesIO()  # 128 colours are all a chart has; a third of the size
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()


def css_width(fig: Figure) -> int:
    """Return the width in CSS pixels at which the figure's text is as large as the report's."""
    return round(fig.get_figwidth() * CSS_PIXELS_PER_INCH)
