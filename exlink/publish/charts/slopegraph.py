"""The slopegraph: what changed between two moments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from exlink.publish import style
from exlink.publish.charts.formats import is_narrow, letters, styled
from exlink.publish.charts.layout import canvas, nothing_left, released_frame, spread
from exlink.publish.charts.words import lines_of, wrapped

if TYPE_CHECKING:
    from exlink.publish.disclosure import Released

ROW_INCHES = 0.235


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
    """Draw one line per row from its value before to its value after; names stand on the right.

    ``highlight`` is a boolean column whose rows keep the accent. Rows without both values, hidden ones
    among them, have no line.
    """
    frame = released_frame(released, "slopegraph", [label, before, after, highlight]).dropna(subset=[before, after])
    lines = max((lines_of(name, letters(40, 20)) for name in frame[label]), default=1) if is_narrow() else 1
    per_row = ROW_INCHES + 0.19 * (lines - 1)
    fig = canvas(max(3.0, 1.0 + per_row * 1.35 * len(frame)), title=title, released=released)
    if frame.empty:
        return nothing_left(fig)
    ax = fig.add_subplot()
    low, high = frame[[before, after]].min().min(), frame[[before, after]].max().max()
    reach = (high - low) or 1.0
    gap = per_row * reach * 1.12 / (fig.get_figheight() - 0.9)
    digits = max(len(style.number(v, spec)) for v in frame[after])
    left, right = spread(list(frame[before]), gap), spread(list(frame[after]), gap)
    for (_, row), at_left, at_right in zip(frame.iterrows(), left, right, strict=True):
        loud = highlight is None or row[highlight] == True  # noqa: E712 - may be None
        color = style.ACCENT if loud else style.MUTED
        ax.plot(
            (0, 1),
            (row[before], row[after]),
            color=color,
            marker="o",
            markersize=5.5,
            alpha=1.0 if loud else 0.6,
            zorder=3 if loud else 2,
        )
        weight = "bold" if loud and highlight else "normal"
        side = {
            "va": "center",
            "fontsize": style.SMALL_PT,
            "color": color,
            "fontweight": weight,
            "annotation_clip": False,
        }
        ax.annotate(
            style.number(row[before], spec),
            (0, at_left),
            xytext=(-9, 0),
            textcoords="offset points",
            ha="right",
            **side,
        )
        ax.annotate(style.number(row[after], spec), (1, at_right), xytext=(9, 0), textcoords="offset points", **side)
        name = wrapped(row[label], letters(40, 20))
        ax.annotate(name, (1, at_right), xytext=(22 + digits * 6.8, 0), textcoords="offset points", **side)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(min(low, *left, *right) - 0.04 * reach, max(high, *left, *right) + 0.04 * reach)
    ax.set_xticks((0, 1), [wrapped(h, 18) for h in headers], color=style.INK)
    ax.xaxis.tick_top()
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.vlines((0, 1), *ax.get_ylim(), color=style.RULE, linewidth=1.0, zorder=1)
    ax.set_xlabel(ylabel, loc="left")
    ax.xaxis.set_label_position("bottom")
    return fig
