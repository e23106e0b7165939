"""Lengths: plain, grouped and stacked bars, and the tornado of a sensitivity analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from exlink.publish import style
from exlink.publish.charts.formats import LETTER_INCHES, inner_width, is_narrow, styled
from exlink.publish.charts.layout import (
    HIDDEN,
    canvas,
    hidden_rows,
    key_above,
    nothing_left,
    reference_line,
    released_frame,
    unique,
    value_grid,
)
from exlink.publish.charts.rows import beside, rows_of, value_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released


@styled
def bars(
    released: Released,
    *,
    label: str,
    value: str,
    low: str | None = None,
    high: str | None = None,
    group: str | None = None,
    stacked: bool = False,
    highlight: str | None = None,
    reference: float | None = None,
    xlabel: str,
    spec: str = ".2f",
    title: str | None = None,
) -> Figure:
    """Draw one bar per label from zero to its value; the thin line at its end is its interval.

    ``group`` puts bars of the same label under each other, or with ``stacked`` one after the other
    (parts of a whole). ``highlight``, a boolean column, keeps the accent for the rows that matter.
    """
    frame = released_frame(released, "bars", [label, value, low, high, group, highlight])
    hidden = hidden_rows(released)
    labels, groups = unique(frame[label]), unique(frame[group]) if group else [None]
    palette = style.PARTS if stacked else style.SERIES
    lanes = 1 if stacked else len(groups)
    rows = rows_of(labels, 0.16 + 0.28 * lanes)
    fig = canvas(max(1.5, 0.7 + (0.3 if group else 0) + rows.height), title=title, released=released)
    ax = fig.add_subplot()
    rows.name(ax)
    value_grid(ax, spec=spec)
    whole = frame[value].groupby(frame[label]).sum().max() or 1.0
    ends = dict.fromkeys(range(len(labels)), 0.0)
    thick = 0.62 / lanes
    for k, name in enumerate(groups):
        chosen = frame[frame[group] == name] if group else frame
        for i, row in chosen.iterrows():
            at = labels.index(row[label])
            y = rows.y(at, 0.0 if stacked else (k - (lanes - 1) / 2) * thick)
            if hidden[i] or np.isnan(row[value]):
                if not stacked:
                    beside(ax, y, HIDDEN if hidden[i] else "–", color=style.MUTED)
                continue
            quiet = highlight is not None and row[highlight] != True  # noqa: E712 - may be None
            color = style.MUTED if quiet else palette[k % 5]
            left = ends[at] if stacked else 0.0
            ax.barh(
                y,
                row[value],
                left=left,
                height=rows.thick(thick * 0.88),
                color=color,
                alpha=0.55 if quiet else 1.0,
                edgecolor=style.PAPER,
                linewidth=1.2 if stacked else 0,
            )
            if stacked:
                if row[value] / whole * (3.8 if is_narrow() else 4.4) > 0.105 * len(
                    style.number(row[value], spec)
                ):  # inches: part, its text
                    ax.text(
                        left + row[value] / 2,
                        y,
                        style.number(row[value], spec),
                        ha="center",
                        va="center",
                        color=style.on(color),
                        fontsize=style.SMALL_PT,
                    )
                ends[at] += row[value]
            else:
                _end(ax, row, y, value, low, high, spec)
    if group:
        key_above(ax, [Patch(color=palette[k % 5]) for k in range(len(groups))], groups)
    if reference is not None:
        reference_line(ax, reference)
    if not stacked:
        reference_line(ax, 0.0)
    ax.margins(x=0.0 if stacked else 0.04)
    value_name(ax, xlabel)
    return fig


def _end(ax: Axes, row: pd.Series, y: float, value: str, low: str | None, high: str | None, spec: str) -> None:
    """Draw the interval at a bar's end and write the numbers into the right margin."""
    words = style.number(row[value], spec)
    if low and high and not np.isnan(row[low]):
        ax.plot((row[low], row[high]), (y, y), color=style.INK, linewidth=1.6, solid_capstyle="butt", zorder=3)
        words += f"  ({style.interval(row[low], row[high], spec)})"
    beside(ax, y, words)


@styled
def tornado(
    released: Released,
    *,
    label: str,
    low: str,
    high: str,
    base: float | str,
    xlabel: str,
    spec: str = ",.0f",
    title: str | None = None,
) -> Figure:
    """Draw how far the answer moves when one assumption goes from its low to its high value.

    Each bar spans the two answers around ``base`` (a number, or a column that repeats it); the longest is
    on top. Orange is the side below the base, blue the side above it.
    """
    column = base if isinstance(base, str) else None
    frame = released_frame(released, "tornado", [label, low, high, column]).dropna(subset=[low, high])
    if frame.empty:
        return nothing_left(canvas(1.4, title=title, released=released))
    centre = float(frame[column].iloc[0]) if column else float(base)
    span = (frame[high] - frame[low]).abs()
    frame = frame.loc[span.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)
    rows = rows_of(frame[label], 0.44)
    fig = canvas(max(1.6, 0.75 + rows.height), title=title, released=released)
    ax = fig.add_subplot()
    rows.name(ax)
    value_grid(ax, spec=spec)
    for y, row in frame.iterrows():
        for end in (low, high):
            upper = row[end] >= centre
            color = style.ACCENT if upper else style.CONTRAST
            ax.barh(rows.y(y), row[end] - centre, left=centre, height=rows.thick(0.6), color=color)
            ax.annotate(
                style.number(row[end], spec).replace("$", r"\$"),
                (row[end], rows.y(y)),
                xytext=(5 if upper else -5, 0),
                textcoords="offset points",
                ha="left" if upper else "right",
                va="center",
                fontsize=style.SMALL_PT,
            )
    reference_line(ax, centre)
    if centre != 0.0 and ax.get_xlim()[0] < 0.0 < ax.get_xlim()[1]:
        ax.axvline(0.0, color=style.MUTED, linewidth=1.0, linestyle=(0, (3, 3)))
    ends = frame[[low, high]].to_numpy(float).ravel()
    room = LETTER_INCHES * max(len(style.number(end, spec)) for end in ends) / inner_width()
    ax.margins(x=max(0.20, room / (1 - 2 * room)) if is_narrow() else 0.20)  # the numbers stand outside the bars
    value_name(ax, f"{xlabel} · base {style.number(centre, spec)}")
    return fig
