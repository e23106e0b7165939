"""The distribution: counts in bins, as the disclosure gate releases them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from exlink.publish import style
from exlink.publish.charts.formats import LETTER_INCHES, inner_width, is_narrow, letters, styled
from exlink.publish.charts.layout import HIDDEN, canvas, hidden_rows, nothing_left, released_frame, unique, value_grid
from exlink.publish.charts.words import wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from exlink.publish.disclosure import Released


@styled
def distribution(
    released: Released,
    *,
    left: str,
    right: str,
    count: str,
    group: str | None = None,
    references: Mapping[str, float] | None = None,
    xlabel: str,
    ylabel: str = "Count",
    title: str | None = None,
) -> Figure:
    """Draw a histogram from binned counts: a bar spans its bin, its height is the count.

    A hatched bin on the ground is hidden. Where no bin that holds anybody may be shown, nothing is drawn:
    hatching alone would place single people. So would the ends of the axis, so hidden and empty bins at
    either end are cut off. ``references`` draws named upright lines, say ``{"mean": 3.4}``. ``group``
    draws one panel per group under each other on one scale.
    """
    frame = released_frame(released, "distribution", [left, right, count, group])
    hidden = hidden_rows(released)
    groups = unique(frame[group]) if group else [None]
    fig = canvas(0.7 + (2.4 if len(groups) == 1 else 1.35 * len(groups)), title=title, released=released)
    if not frame[count].gt(0).any():
        return nothing_left(fig)
    occupied = frame[frame[count].gt(0)]
    inside = frame[left].ge(occupied[left].min()) & frame[right].le(occupied[right].max())
    frame, hidden = frame[inside], hidden[inside]
    axes = fig.subplots(len(groups), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    ceiling = frame[count].max()
    for ax, name in zip(axes, groups, strict=True):
        part = frame[frame[group] == name] if group else frame
        part = part.sort_values(left, kind="stable")
        if part[count].gt(0).any():
            _bars(ax, part, left, right, count, hidden=hidden, ceiling=ceiling)
        else:
            words = "No histogram: every bar that holds somebody is hidden."
            ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", va="center", color=style.MUTED)
        value_grid(ax, "y")
        ax.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        ax.xaxis.set_major_formatter(lambda value, _: style.tick(value))
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", labelcolor=style.MUTED)
        ax.set_ylim(0, ceiling * 1.28)
        ax.set(xlabel=wrapped(xlabel, letters(60)) if ax is axes[-1] else "", ylabel=ylabel if len(groups) == 1 else "")
        if name is not None:
            ax.set_title(wrapped(name, letters(50)), fontsize=style.SMALL_PT)
    if len(groups) > 1:
        fig.supylabel(ylabel, fontsize=style.SMALL_PT, color=style.MUTED)
    _references(axes, references or {})
    return fig


def _bars(
    ax: Axes, part: pd.DataFrame, left: str, right: str, count: str, *, hidden: pd.Series, ceiling: float
) -> None:
    """Draw the bars of one panel, the hidden ones hatched and of one height."""
    middles = (part[left] + part[right]) / 2
    sns.histplot(
        x=middles,
        weights=part[count].fillna(0).astype(float),
        bins=list(np.unique(part[[left, right]].to_numpy(float))),
        ax=ax,
        color=style.ACCENT,
        alpha=1.0,
        edgecolor=style.PAPER,
        linewidth=1.2,
    )
    for i, row in part[hidden[part.index]].iterrows():
        ax.bar(
            middles[i],
            0.08 * ceiling,
            width=row[right] - row[left],
            facecolor=style.FAINT,
            hatch="////",
            edgecolor=style.PAPER,
            label=HIDDEN,
        )


def _references(axes: np.ndarray, references: Mapping[str, float]) -> None:
    """Draw the named lines through all panels and write the names in the first."""
    low, high = axes[0].get_xlim()
    down = 0.0
    for name, at in references.items():
        for ax in axes:
            ax.axvline(at, color=style.CONTRAST, linewidth=1.6)
        share = (at - low) / (high - low)
        near_right = share > (0.5 if is_narrow() else 0.7)
        room = max(share, 1 - share) * (inner_width() - 0.6)
        words = wrapped(name, min(30, int(room / LETTER_INCHES)) if is_narrow() else 30)
        axes[0].annotate(
            words,
            (at, 1.0 - down),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            xytext=(-5 if near_right else 5, -2),
            ha="right" if near_right else "left",
            va="top",
            color=style.CONTRAST,
            fontsize=style.SMALL_PT,
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        )
        down += 0.09 * (words.count("\n") + 1)
