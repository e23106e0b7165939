"""Estimates with intervals: the forest plot of named rows, the caterpillar of unnamed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from exlink.publish import style
from exlink.publish.charts.formats import letters, styled
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
from exlink.publish.charts.words import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released


@styled
def forest(
    released: Released,
    *,
    label: str,
    estimate: str,
    low: str | None = None,
    high: str | None = None,
    group: str | None = None,
    target: str | None = None,
    target_name: str = "planted truth",
    xlabel: str,
    reference: float | None = 0.0,
    spec: str = "+.2f",
    title: str | None = None,
) -> Figure:
    """Draw one row per label: a dot is the estimate, the line through it its interval.

    A filled dot has an interval that leaves out ``reference``, a hollow one an interval that holds it; a row without
    bounds is a filled dot that says so.
    ``group`` puts several estimates of the same label under each other, told apart by colour and shape;
    a hollow grey diamond is ``target``, a value known from elsewhere. The numbers stand on the right.
    """
    frame = released_frame(released, "forest", [label, estimate, low, high, group, target])
    hidden = hidden_rows(released)
    labels, groups = unique(frame[label]), unique(frame[group]) if group else [None]
    rows = rows_of(labels, 0.28 + 0.19 * len(groups))
    height = 0.62 + (0.30 if group or target else 0.0) + rows.height
    fig = canvas(max(height, 1.6), title=title, released=released)
    ax = fig.add_subplot()
    rows.name(ax)
    value_grid(ax, spec=spec)
    reference_line(ax, reference)
    step = max(0.62 / len(groups), 0.175 / (0.28 + 0.19 * len(groups)))  # the numbers of groups must not touch
    shapes = _shapes(target)
    for k, name in enumerate(groups):
        color, marker = style.SERIES[k % 5], shapes[k % len(shapes)]
        chosen = frame[frame[group] == name] if group else frame
        for i, row in chosen.iterrows():
            y = rows.y(labels.index(row[label]), (k - (len(groups) - 1) / 2) * step)
            if hidden[i] or np.isnan(row[estimate]):
                beside(ax, y, HIDDEN if hidden[i] else "–", color=style.MUTED)
                continue
            known = bool(low and high) and not np.isnan([row[low], row[high]]).any()
            bounds = (row[low], row[high]) if known else None
            _dot(ax, row[estimate], y, bounds, reference, color, marker)
            words = style.number(row[estimate], spec)
            if low and high:
                words += f"  ({style.interval(*bounds, spec) if bounds else 'no interval'})"
            beside(ax, y, words, color=color if group else style.INK)
            if target and not np.isnan(row[target]):
                ax.plot(
                    row[target],
                    y,
                    marker="D",
                    markersize=8.5,
                    mfc="none",
                    mec=style.MUTED,
                    mew=1.4,
                    ls="",
                    zorder=4,
                )
    _key(ax, groups if group else [], shapes, target_name if target else None)
    ax.margins(x=0.06)
    value_name(ax, xlabel)
    return fig


def _dot(
    ax: Axes,
    x: float,
    y: float,
    bounds: tuple[float, float] | None,
    reference: float | None,
    color: str,
    marker: str,
) -> None:
    """Draw one estimate; hollow when its interval holds the reference."""
    holds = bounds is not None and reference is not None and bounds[0] <= reference <= bounds[1]
    if bounds:
        ax.plot(bounds, (y, y), color=color, linewidth=2.2, solid_capstyle="round", zorder=2)
    face = style.PAPER if holds else color
    ax.plot(x, y, marker=marker, markersize=7.5, mfc=face, mec=color, mew=1.6, ls="", zorder=3)


def _shapes(target: str | None) -> list[str]:
    """Return the marks of groups; the diamond is the target's where there is one."""
    return [marker for marker in style.MARKERS if not (target and marker == "D")]


def _key(ax: Axes, groups: list, shapes: list[str], target_name: str | None) -> None:
    """Name the groups and the target above the axes."""
    handles = [
        Line2D([], [], color=style.SERIES[k % 5], marker=shapes[k % len(shapes)], markersize=7)
        for k in range(len(groups))
    ]
    names = [str(name) for name in groups]
    if target_name:
        handles.append(Line2D([], [], ls="", marker="D", markersize=8, mfc="none", mec=style.MUTED, mew=1.4))
        names.append(target_name)
    if handles:
        key_above(ax, handles, names)


@styled
def caterpillar(
    released: Released,
    *,
    estimate: str,
    low: str,
    high: str,
    xlabel: str,
    ylabel: str,
    reference: float | None = 0.0,
    spec: str = "",
    title: str | None = None,
) -> Figure:
    """Draw every unit as an upright interval with its estimate, sorted, and name none of them.

    The spread of the dots is the difference between units; where neighbouring intervals overlap, their
    order is not known. There is no argument for labels: the figure is a distribution, not a ranking.
    """
    frame = released_frame(released, "caterpillar", [estimate, low, high])
    frame = frame.dropna(subset=[estimate]).sort_values([estimate, low], kind="stable", ignore_index=True)
    fig = canvas(3.4, title=title, released=released)
    if frame.empty:
        return nothing_left(fig)
    ax = fig.add_subplot()
    value_grid(ax, "y", spec)
    reference_line(ax, reference, axis="y")
    apart = np.zeros(len(frame), bool)
    if reference is not None:
        apart = ((frame[low] > reference) | (frame[high] < reference)).to_numpy()
    for chosen, color in ((~apart, style.MUTED), (apart, style.ACCENT)):
        part = frame[chosen]
        ax.vlines(part.index, part[low], part[high], color=color, linewidth=1.6, alpha=0.55)
        ax.plot(part.index, part[estimate], "o", color=color, markersize=4.5)
    ax.set_xticks([])
    ax.margins(x=0.02)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", labelcolor=style.MUTED)
    ax.set(xlabel=wrapped(xlabel, letters(60)), ylabel=wrapped(ylabel, 34))
    return fig
