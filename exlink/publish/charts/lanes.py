"""The dual lane: one track of stages seen from two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from exlink.publish import style
from exlink.publish.charts.formats import is_narrow, letters, styled
from exlink.publish.charts.layout import canvas, name_series, nothing_left, released_frame, unique, value_grid
from exlink.publish.charts.words import wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released

NAME_GAP = 0.13  # of a lane's height between the names of series: less, and lines of words touch
VOLUME_SHARE = 0.22  # of a lane's height, for the bars of volume


@styled
def dual_lane(
    released: Released,
    *,
    stage: str,
    lane: str,
    series: str,
    value: str,
    low: str | None = None,
    high: str | None = None,
    volume: str | None = None,
    ylabel: str,
    title: str | None = None,
) -> Figure:
    """Draw the same stages twice: the first lane above the track of stage names, the second below it.

    A dot is one series' value at a stage, the upright line through it its interval; the pale bars that grow
    from the track are the volume, each lane on its own scale with its number written. A missing dot is
    hidden or was not measured. All values share one scale.
    """
    frame = released_frame(released, "dual_lane", [stage, lane, series, value, low, high, volume])
    stages, lanes, names = unique(frame[stage]), unique(frame[lane])[:2], unique(frame[series])
    upright = len(stages) > (2 if is_narrow() else 5)
    track = (
        max(0.55, 0.085 * max(max(map(len, wrapped(s, 17).split("\n"))) for s in stages)) + 0.15 if upright else 0.62
    )
    fig = canvas(4.4 + track, title=title, released=released)
    top, middle, bottom = fig.subplots(3, 1, sharex=True, height_ratios=(2.1, track, 2.1))
    if frame[value].isna().all():
        return nothing_left(canvas(1.4, title=title, released=released))
    bounds = frame[[c for c in (value, low, high) if c]].to_numpy(float)
    floor, ceiling = np.nanmin(bounds), np.nanmax(bounds)
    reach = (ceiling - floor) or 1.0
    for k, (ax, name) in enumerate(zip((top, bottom), lanes, strict=False)):
        part = frame[frame[lane] == name]
        pad = reach * (VOLUME_SHARE + 0.16) if volume else reach * 0.1
        ax.set_ylim((floor - pad, ceiling + 0.1 * reach) if k == 0 else (floor - 0.1 * reach, ceiling + pad))
        _lane(
            ax, part, stages, names, (stage, series, value, low, high)
        )  # once its limits stand: names are spread in them
        ax.set_yticks([t for t in ax.get_yticks() if floor - 0.1 * reach <= t <= ceiling + 0.1 * reach])
        if volume:
            _volume(ax, part.groupby(stage, sort=False)[volume].max().reindex(stages), from_below=k == 0)
        ax.set_title(wrapped(name, letters(60)), fontsize=style.BASE_PT, color=style.INK)
    for ax in (top, bottom)[len(lanes) :]:
        ax.set_visible(False)  # a side that the study does not have
    _track(middle, stages, upright)
    fig.supylabel(ylabel, fontsize=style.SMALL_PT, color=style.MUTED)
    return fig


def _lane(ax: Axes, part: pd.DataFrame, stages: list, names: list, columns: tuple) -> None:
    """Draw the series of one lane and name them at the right end."""
    stage, series, value, low, high = columns
    value_grid(ax, "y")
    ends = []
    for k, name in enumerate(names):
        own = part[part[series] == name].set_index(stage).reindex(stages)
        x = np.arange(len(stages)) + (k - (len(names) - 1) / 2) * 0.14
        color = style.SERIES[k % 5]
        ax.plot(x, own[value].astype(float), color=color, linewidth=1.2, alpha=0.5)
        ax.plot(x, own[value].astype(float), color=color, ls="", marker=style.MARKERS[k % 5], markersize=6)
        if low and high:
            ax.vlines(x, own[low].astype(float), own[high].astype(float), color=color, linewidth=1.8, alpha=0.8)
        seen = own[value].dropna()
        if len(seen):
            ends.append((seen.iloc[-1], str(name), color, style.MARKERS[k % 5]))
    if not (is_narrow() and ax.figure.legends):  # one key serves both lanes
        name_series(ax, ends, gap=NAME_GAP, letters=14)
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="y", labelcolor=style.MUTED)
    ax.tick_params(axis="x", labelbottom=False)
    ax.set_xlim(-0.6, len(stages) - 0.4)


def _volume(ax: Axes, volume: pd.Series, *, from_below: bool) -> None:
    """Draw the volume as bars that grow from the track into the lane, with their numbers."""
    low, high = ax.get_ylim()
    full = VOLUME_SHARE * (high - low) * 0.7
    tall = (volume / volume.max() * full).fillna(0.0).to_numpy(float)
    start = low if from_below else high
    ax.bar(
        np.arange(len(volume)),
        tall if from_below else -tall,
        bottom=start,
        width=0.72,
        color="#dfe5ea",
        zorder=0.5,
    )
    for x, (count, height) in enumerate(zip(volume, tall, strict=True)):
        ax.annotate(
            _short(count, least=1e3 if is_narrow() else 1e4),
            (x, start + (height if from_below else -height)),
            xytext=(0, 3 if from_below else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if from_below else "top",
            fontsize=style.SMALL_PT,
            color=style.MUTED,
        )


def _short(count: float, least: float) -> str:
    """Write a volume in few characters, from ``least`` on in thousands, or that it is hidden."""
    if np.isnan(count):
        return "–"
    return (
        f"{count / 1e6:.2g}M"
        if count >= 1e6
        else f"{count / 1e3:.{3 if count >= 1e4 else 2}g}k"
        if count >= least
        else f"{count:,.0f}"
    )


def _track(ax: Axes, stages: list, upright: bool) -> None:
    """Write the stage names between the two lanes."""
    for x, name in enumerate(stages):
        ax.text(
            x,
            0.5,
            wrapped(name, 17 if upright else 13),
            ha="center",
            va="center",
            rotation=90 if upright else 0,
            fontsize=style.SMALL_PT,
            color=style.INK,
            linespacing=1.05,
        )
    ax.set_ylim(0, 1)
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="x", labelbottom=False)
    ax.set_facecolor(style.PAPER)
