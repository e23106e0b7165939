"""What is left on the way: the waterfall from one level to the next, the funnel of stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from exlink.publish import style
from exlink.publish.charts.layout import (
    HIDDEN,
    beside,
    canvas,
    hidden_rows,
    reference_line,
    released_frame,
    row_inches,
    rows_axis,
    styled,
    value_grid,
    wrapped,
)

if TYPE_CHECKING:
    from exlink.publish.disclosure import Released


@styled
def waterfall(
    released: Released,
    *,
    label: str,
    value: str,
    total: str | None = None,
    low: str | None = None,
    high: str | None = None,
    xlabel: str,
    spec: str = "+,.0f",
    total_spec: str = ",.0f",
    title: str | None = None,
) -> Figure:
    """Draw how one level becomes another: dark bars are levels from zero, the floating ones changes.

    A change starts where the row above it ended; blue adds, orange takes away. ``total`` is a boolean
    column that says which rows are levels. ``low`` and ``high`` bound the row's own value.
    """
    frame = released_frame(released, "waterfall", [label, value, total, low, high])
    hidden = hidden_rows(released)
    fig = canvas(max(1.6, 0.75 + row_inches(frame[label], 0.42, width=30) * len(frame)), title=title, released=released)
    ax = fig.add_subplot()
    rows_axis(ax, frame[label], width=30)
    value_grid(ax, spec=spec)
    reached = 0.0
    for y, row in frame.iterrows():
        if hidden[y] or np.isnan(row[value]):
            beside(ax, y, HIDDEN if hidden[y] else "–", color=style.MUTED)
            continue
        level = bool(total and row[total] == True)  # noqa: E712 - may be None
        start = 0.0 if level else reached
        end = start + row[value]
        color = style.INK if level else style.ACCENT if row[value] >= 0 else style.CONTRAST
        ax.barh(y, row[value], left=start, height=0.6, color=color, zorder=2)
        if y:
            ax.plot(
                (start if not level else end,) * 2,
                (y - 0.7, y - 0.3),
                color=style.MUTED,
                linewidth=1.0,
                zorder=1.8,
            )
        words = style.number(row[value], total_spec if level else spec)
        if low and high and not np.isnan(row[low]):
            ax.plot((start + row[low], start + row[high]), (y, y), color=style.MUTED, linewidth=2.0, zorder=3)
            words += f"  ({style.interval(row[low], row[high], total_spec)})"
        beside(ax, y, words)
        reached = end
    ax.margins(x=0.03)
    reference_line(ax, 0.0)
    ax.set_xlabel(wrapped(xlabel, 48))
    return fig


@styled
def funnel(
    released: Released,
    *,
    stage: str,
    value: str,
    reason: str | None = None,
    xlabel: str,
    spec: str = ",.0f",
    title: str | None = None,
) -> Figure:
    """Draw what is left at every stage: a bar is the count, the pale rest of it what the stage lost.

    On the right stand the count and its share of the first stage; ``reason`` is a column that says in
    words why a stage is smaller than the one before.
    """
    frame = released_frame(released, "funnel", [stage, value, reason])
    hidden = hidden_rows(released)
    reasons = [
        str(r) if reason and isinstance(r, str) else "" for r in (frame[reason] if reason else [""] * len(frame))
    ]
    fig = canvas(
        max(1.6, 0.65 + row_inches(frame[stage], 0.74 if any(reasons) else 0.48) * len(frame)),
        title=title,
        released=released,
    )
    ax = fig.add_subplot()
    rows_axis(ax, frame[stage])
    lift = 0.16 if any(reasons) else 0.0  # room below the bar for the reason
    first, before = frame[value].iloc[0], None
    for y, count in enumerate(frame[value]):
        if hidden[y] or np.isnan(count):
            beside(ax, y, HIDDEN if hidden[y] else "–", color=style.MUTED)
            continue
        middle = y - lift
        if before is not None and before > count:
            ax.barh(
                middle,
                before - count,
                left=count,
                height=0.42,
                color=style.FAINT,
                hatch="////",
                edgecolor=style.PAPER,
            )
        ax.barh(middle, count, height=0.42, color=style.ACCENT)
        share = f"  ({_share(count / first)})" if first else ""
        beside(ax, middle, style.number(count, spec) + share)
        if reasons[y]:
            ax.annotate(
                wrapped(reasons[y], 52),
                (0, y + 0.23),
                xytext=(1, 0),
                textcoords="offset points",
                va="center",
                color=style.MUTED,
                fontsize=style.SMALL_PT,
            )
        before = count
    ax.set_yticks([y - lift for y in range(len(frame))], ax.get_yticklabels())
    longest = frame[value].max()  # NaN when every stage is hidden
    ax.set_xlim(0, longest if longest > 0 else 1.0)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(wrapped(xlabel, 48), loc="left")
    return fig


def _share(share: float) -> str:
    """Write a share in whole per cent, but never 100 % or 0 % for what is only nearly so."""
    nearly = 0.995 <= share < 1.0 or 0.0 < share < 0.005
    return style.number(share, ".1%" if nearly else ".0%")
