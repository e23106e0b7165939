"""Charts of named rows: where a row's label, its marks and its numbers stand.

On the wide canvas the label stands left of the marks; on the narrow one a label that is not short stands
above them, over the full width.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.text import Text

from exlink.publish import style
from exlink.publish.charts.formats import LETTER_INCHES, LINE_INCHES, inner_width, is_narrow
from exlink.publish.charts.words import lines_of, wrapped

ABOVE_INCHES = 0.12  # air above a label that stands over its marks
SHORT = 8  # letters of a label that may stand beside its marks on any canvas


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a chart, the first on top; row k reaches from k - 0.5 to k + 0.5.

    labels : list           what each row is called
    inches : float          height of a row
    marks : float           share of that height that belongs to the marks; the label above them has the rest
    letters : int           letters in a line of a label
    """

    labels: list
    inches: float
    marks: float
    letters: int

    @property
    def height(self) -> float:
        """Height of all rows in inches."""
        return self.inches * len(self.labels)

    def y(self, row: float, offset: float = 0.0) -> float:
        """Return where a mark of a row stands; ``offset`` runs from -0.5, its upper end, to 0.5."""
        return row + (1 - self.marks) / 2 + offset * self.marks

    def thick(self, share: float) -> float:
        """Return the thickness of a mark that takes this share of the room for marks."""
        return share * self.marks

    def name(self, ax: Axes) -> None:
        """Make y the axis of these rows, with wrapped labels and no axis line."""
        ax.set_ylim(len(self.labels) - 0.5, -0.5)
        ax.spines["left"].set_visible(False)
        if self.marks == 1.0:
            ax.set_yticks(range(len(self.labels)), [wrapped(label, self.letters) for label in self.labels])
            return
        ax.set_yticks([])
        for k, label in enumerate(self.labels):
            above(ax, self.y(k, -0.5), wrapped(label, self.letters))


def rows_of(labels: Iterable[object], least: float, *, letters: int = 26) -> Rows:
    """Return rows high enough for ``least`` inches of marks and for the longest of the wrapped labels."""
    labels = list(labels)
    if not is_narrow() or max(len(str(label)) for label in labels) <= SHORT:
        lines = max(lines_of(label, letters) for label in labels)
        return Rows(labels, max(least, LINE_INCHES * lines + 0.10), 1.0, letters)
    letters = int(inner_width() / LETTER_INCHES) - 2
    head = ABOVE_INCHES + LINE_INCHES * max(lines_of(label, letters) for label in labels)
    return Rows(labels, head + least, least / (head + least), letters)


def above(ax: Axes, bottom: float, text: str) -> Text:
    """Write a row's label flush left over its marks, on paper that hides the grid behind it."""
    label = ax.annotate(
        text,
        xy=(0, bottom),
        xycoords=("axes fraction", "data"),
        xytext=(0, 1),
        textcoords="offset points",
        va="bottom",
        ha="left",
        color=style.INK,
        fontsize=style.SMALL_PT,
        annotation_clip=False,
        zorder=2.5,
        bbox={"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.0},
    )
    label.set_in_layout(False)  # it may run over the numbers' margin
    return label


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


def value_name(ax: Axes, text: str, *, wide: int = 48) -> None:
    """Name the value axis: under its middle, on the narrow canvas flush left over the full width."""
    if is_narrow():
        ax.set_xlabel(wrapped(text, int(inner_width() / LETTER_INCHES) - 2), loc="left")
    else:
        ax.set_xlabel(wrapped(text, wide))
