"""The slopegraph: what changed between two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from exlink.publish import style
from exlink.publish.charts.formats import is_narrow, letters, styled
from exlink.publish.charts.layout import canvas, nothing_left, released_frame, spread
from exlink.publish.charts.words import lines_of, wrapped

if TYPE_CHECKING:
    from exlink.publish.disclosure import Released

ROW_INCHES = 0.235
LEADER = 0.04  # of the width between the two axes, from a mark to its words


@styled
def slopegraph(
    released: Released,
    *,
    label: str,
    before: str,
    after: str,
    headers: tuple[str, str],
    ylabel: str,
    highlight: str | None = None,
    spec: str = ".1f",
    title: str | None = None,
) -> Figure:
    """Draw one line per row from its value before to its value after, each with its own mark and named at both ends.

    ``highlight`` is a boolean column: rows where it holds have colour, a filled mark and bold words, others are grey
    with a hollow mark. Rows without both values, hidden ones among them, have no line.
    """
    frame = released_frame(released, "slopegraph", [label, before, after, highlight]).dropna(subset=[before, after])
    lines = max((lines_of(name, letters(15, 20)) for name in frame[label]), default=1)
    per_row = ROW_INCHES + 0.19 * (lines - 1)
    fig = canvas(max(3.0, 1.0 + per_row * 1.35 * len(frame)), title=title, released=released)
    if frame.empty:
        return nothing_left(fig)
    ax = fig.add_subplot()
    low, high = frame[[before, after]].min().min(), frame[[before, after]].max().max()
    reach = (high - low) or 1.0
    gap = per_row * reach * 1.12 / (fig.get_figheight() - 0.9)
    ends = [spread(list(frame[column]), gap) for column in (before, after)]
    digits = max(len(style.number(v, spec)) for v in frame[[before, after]].to_numpy().ravel())
    leaders: list[list[tuple[float, float]]] = []
    told = pd.Series(True, frame.index) if highlight is None else frame[highlight].eq(True).fillna(False).astype(bool)
    tones = (~told).argsort(kind="stable").argsort()  # rows with colour first: two look alike only beyond five
    for k, (_, row) in enumerate(frame.iterrows()):
        loud, tone = bool(told.iloc[k]), int(tones.iloc[k]) % 5
        color, marker = style.SERIES[tone] if loud else style.MUTED, style.MARKERS[tone]
        ax.plot((0, 1), (row[before], row[after]), color=color, marker=marker, markersize=6.5,
                mfc=color if loud else style.PAPER, zorder=3 if loud else 2)  # fmt: skip
        side = {"va": "center", "fontsize": style.SMALL_PT, "color": color, "annotation_clip": False,
                "fontweight": "bold" if loud and highlight else "normal"}  # fmt: skip
        for x, column, at in ((0, before, ends[0][k]), (1, after, ends[1][k])):
            out = -1 if x == 0 else 1
            leaders.append([(x, row[column]), (x + out * LEADER, at)])
            words = [(3, style.number(row[column], spec))]
            if x == 1 or not is_narrow():  # a phone has room for the name at one end
                words.append((13 + digits * 6.8, wrapped(row[label], letters(15, 20))))
            for away, text in words:
                ax.annotate(text, (x + out * LEADER, at), xytext=(away * out, 0), textcoords="offset points",
                            ha="right" if x == 0 else "left", **side)  # fmt: skip
    # where words had to move apart, a thin line leads from the mark to its own
    ax.add_collection(LineCollection(leaders, colors=style.MUTED, linewidths=0.8, zorder=1.5, clip_on=False))
    ax.set_xlim(-LEADER - 0.01, 1 + LEADER + 0.01)
    ax.set_ylim(min(low, *ends[0], *ends[1]) - 0.04 * reach, max(high, *ends[0], *ends[1]) + 0.04 * reach)
    ax.set_xticks((0, 1), [wrapped(h, 18) for h in headers], color=style.INK)
    ax.xaxis.tick_top()
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.vlines((0, 1), *ax.get_ylim(), color=style.RULE, linewidth=1.0, zorder=1)
    ax.set_xlabel(ylabel, loc="left")
    ax.xaxis.set_label_position("bottom")
    return fig
