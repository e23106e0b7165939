"""What is left on the way: the waterfall from one level to the next, the funnel of stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from exlink.publish import style
from exlink.publish.charts.formats import LINE_INCHES, is_narrow, letters, styled
from exlink.publish.charts.layout import HIDDEN, canvas, hidden_rows, reference_line, released_frame, value_grid
from exlink.publish.charts.rows import beside, rows_of, value_name
from exlink.publish.charts.words import wrapped

if TYPE_CHECKING:
    from exlink.publish.disclosure import Released

BAR_INCHES = 0.30  # thickness of a funnel's bar on the narrow canvas


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
    rows = rows_of(frame[label], 0.42, letters=30)
    fig = canvas(max(1.6, 0.75 + rows.height), title=title, released=released)
    ax = fig.add_subplot()
    rows.name(ax)
    value_grid(ax, spec=spec)
    reached = 0.0
    for k, row in frame.iterrows():
        y = rows.y(k)
        if hidden[k] or np.isnan(row[value]):
            beside(ax, y, HIDDEN if hidden[k] else "–", color=style.MUTED)
            continue
        level = bool(total and row[total] == True)  # noqa: E712 - may be None
        start = 0.0 if level else reached
        end = start + row[value]
        color = style.INK if level else style.ACCENT if row[value] >= 0 else style.CONTRAST
        ax.barh(y, row[value], left=start, height=rows.thick(0.6), color=color, zorder=2)
        if k:
            ax.plot(
                (start if not level else end,) * 2,
                (rows.y(k - 1, 0.3), rows.y(k, -0.3)),
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
    value_name(ax, xlabel)
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
    reasons = [wrapped(r, letters(52, 44)) if r else "" for r in reasons]
    lines = max(reason.count("\n") + 1 if reason else 0 for reason in reasons)
    rows = rows_of(frame[stage], _stage_inches(lines))
    fig = canvas(max(1.6, 0.65 + rows.height), title=title, released=released)
    ax = fig.add_subplot()
    rows.name(ax)
    bar, lift = 0.42, 0.16 if lines else 0.0  # room below the bar for the reason
    if is_narrow():
        bar, lift = BAR_INCHES / _stage_inches(lines), 0.5 - (0.02 + BAR_INCHES / 2) / _stage_inches(lines)
    first, before = frame[value].iloc[0], None
    for k, count in enumerate(frame[value]):
        middle = rows.y(k, -lift)
        if hidden[k] or np.isnan(count):
            beside(ax, middle, HIDDEN if hidden[k] else "–", color=style.MUTED)
            continue
        if before is not None and before > count:
            ax.barh(
                middle,
                before - count,
                left=count,
                height=rows.thick(bar),
                color=style.FAINT,
                hatch="////",
                edgecolor=style.PAPER,
            )
        ax.barh(middle, count, height=rows.thick(bar), color=style.ACCENT)
        share = f"  ({_share(count / first)})" if first else ""
        beside(ax, middle, style.number(count, spec) + share)
        if reasons[k]:
            told = ax.annotate(
                reasons[k],
                (0, rows.y(k, bar / 2 - lift) if is_narrow() else rows.y(k, 0.23)),
                xytext=(1, -2) if is_narrow() else (1, 0),
                textcoords="offset points",
                va="top" if is_narrow() else "center",
                color=style.MUTED,
                fontsize=style.SMALL_PT,
            )
            told.set_in_layout(not is_narrow())  # there it may run under the numbers' margin
        before = count
    ax.set_yticks([rows.y(k, -lift) for k in ax.get_yticks()], ax.get_yticklabels())
    longest = frame[value].max()  # NaN when every stage is hidden
    ax.set_xlim(0, longest if longest > 0 else 1.0)
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.set_xlabel(wrapped(xlabel, letters(48, 44)), loc="left")
    return fig


def _stage_inches(lines: int) -> float:
    """Return the height of a funnel's stage: its bar, and below it the lines of the longest reason."""
    if is_narrow():
        return BAR_INCHES + 0.04 + (LINE_INCHES * lines + 0.06 if lines else 0.0)
    return 0.74 if lines else 0.48


def _share(share: float) -> str:
    """Write a share in whole per cent, but never 100 % or 0 % for what is only nearly so."""
    nearly = 0.995 <= share < 1.0 or 0.0 < share < 0.005
    return style.number(share, ".1%" if nearly else ".0%")
