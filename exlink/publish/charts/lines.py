"""Values over an ordered axis: the control chart of a series, the profile with its band."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from exlink.publish import style
from exlink.publish.charts.formats import letters, styled, width
from exlink.publish.charts.layout import (
    canvas,
    name_series,
    nothing_left,
    reference_line,
    released_frame,
    unique,
    value_grid,
)
from exlink.publish.charts.words import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released


@styled
def control_chart(
    released: Released,
    *,
    when: str,
    value: str,
    centre: str,
    lower: str,
    upper: str,
    alarm: str | None = None,
    panel: str | None = None,
    xlabel: str = "",
    ylabel: str,
    spec: str = "",
    title: str | None = None,
) -> Figure:
    """Draw a series inside its control limits: the pale band is where chance alone would keep it.

    The grey line is the centre; an orange diamond is a point where the boolean column ``alarm`` holds. A
    gap in the line is a period that is hidden or was not measured. ``panel`` draws small multiples on
    one scale.
    """
    frame = released_frame(released, "control_chart", [when, value, centre, lower, upper, alarm, panel])
    panels = unique(frame[panel]) if panel else [None]
    columns = 1 if len(panels) == 1 else 2
    rows = math.ceil(len(panels) / columns)
    fig = canvas(0.55 + (2.5 if columns == 1 else 1.75) * rows, title=title, released=released)
    if frame[value].isna().all():
        return nothing_left(fig)
    axes = fig.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    times = unique(frame[when])
    for ax, name in zip(axes.flat, panels, strict=False):
        part = (frame[frame[panel] == name] if panel else frame).set_index(when).reindex(times)
        x = np.arange(len(times))
        ax.fill_between(x, part[lower].astype(float), part[upper].astype(float), step="mid", color=style.FAINT, lw=0)
        ax.plot(x, part[centre].astype(float), color=style.MUTED, linewidth=1.0, drawstyle="steps-mid")
        ax.plot(x, part[value].astype(float), color=style.ACCENT, marker="o", markersize=4.5)
        if alarm:
            rings = (part[alarm] == True).to_numpy() & part[value].notna().to_numpy()  # noqa: E712 - may be None
            ax.plot(
                x[rings],
                part[value].to_numpy(float)[rings],
                ls="",
                marker="D",
                markersize=8,
                color=style.CONTRAST,
            )
        if name is not None:
            ax.set_title(wrapped(name, letters(34, 19)), fontsize=style.SMALL_PT)
        _time_ticks(ax, times, columns)
        value_grid(ax, "y", spec)
        ax.margins(y=0.14)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", labelcolor=style.MUTED)
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    if columns == 2 and len(panels) % 2:  # the column's last visible panel carries the labels
        axes[-2, 1].tick_params(axis="x", labelbottom=True)
    axes[0, 0].set_ylabel(ylabel) if rows == 1 else fig.supylabel(ylabel, fontsize=style.SMALL_PT, color=style.MUTED)
    axes[-1, 0].set_xlabel(xlabel)
    return fig


def _time_ticks(ax: Axes, times: list, columns: int) -> None:
    """Label as many periods as fit, always the last one."""
    room = max(2, int((width() - 0.8) / columns / (0.105 * max(len(str(t)) for t in times) + 0.12)))
    every = math.ceil(len(times) / room)
    ticks = list(range(len(times) - 1, -1, -every))[::-1]
    ax.set_xticks(ticks, [str(times[t]) for t in ticks])
    ax.set_xlim(-0.5, len(times) - 0.5)


@styled
def profile(
    released: Released,
    *,
    x: str,
    y: str,
    low: str | None = None,
    high: str | None = None,
    group: str | None = None,
    quiet: str | None = None,
    reference: float | None = 0.0,
    xlabel: str,
    ylabel: str,
    spec: str = "",
    title: str | None = None,
) -> Figure:
    """Draw how a value runs along an ordered axis: the line is the estimate, the band its interval.

    Each line of ``group`` has its own colour and marker and is named at its right end. Where the boolean column
    ``quiet`` holds, lines are grey and marks hollow: a stretch that is shown for comparison only.
    """
    frame = released_frame(released, "profile", [x, y, low, high, group, quiet])
    fig = canvas(3.4, title=title, released=released)
    if frame[y].isna().all():
        return nothing_left(fig)
    ax = fig.add_subplot()
    value_grid(ax, "y", spec)
    reference_line(ax, reference, axis="y")
    along = frame[x] if pd.api.types.is_numeric_dtype(frame[x]) else pd.Series(pd.factorize(frame[x])[0])
    ends: list[tuple[float, str, str, str]] = []
    for k, name in enumerate(unique(frame[group]) if group else [None]):
        chosen = (frame[group] == name) if group else pd.Series(True, index=frame.index)
        part, at, color = frame[chosen], along[chosen], style.SERIES[k % 5]
        aside = (part[quiet] == True).to_numpy() if quiet else np.zeros(len(part), bool)  # noqa: E712 - may be None
        for piece, ink, face in ((aside, style.MUTED, style.PAPER), (~aside, color, color)):
            if not piece.any():
                continue
            if low and high:
                bounds = part[low][piece].astype(float), part[high][piece].astype(float)
                ax.fill_between(at[piece], *bounds, color=ink, alpha=0.15, lw=0)
            ax.plot(at[piece], part[y][piece].astype(float), color=ink, marker=style.MARKERS[k % 5], markersize=5.5,
                    mfc=face)  # fmt: skip
        seen = part[y].notna()
        if name is not None and seen.any():
            ends.append((part[y][seen].iloc[-1], str(name), color, style.MARKERS[k % 5]))
    if not pd.api.types.is_numeric_dtype(frame[x]):
        _time_ticks(ax, unique(frame[x]), 1)
    name_series(ax, ends, gap=0.075, letters=16)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", labelcolor=style.MUTED)
    ax.set(xlabel=wrapped(xlabel, letters(60)), ylabel=wrapped(ylabel, 34))
    return fig
