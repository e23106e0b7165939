"""Two formats of one figure: the wide one of a screen and of paper, the narrow one of a phone.

A chart is drawn in the type sizes of ``style`` on either canvas, so the narrow one holds fewer letters a
line; charts ask ``is_narrow`` where they must be laid out differently, and ``letters`` where a line breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from typing import ParamSpec

from matplotlib import rc_context
from matplotlib.figure import Figure

from exlink.publish import style

P = ParamSpec("P")
LETTER_INCHES = 0.092  # width of a letter of the smallest type, on average
LINE_INCHES = 0.19  # height of a line of it
MARGIN_INCHES = 0.08  # between the canvas and what is drawn

_narrow: ContextVar[bool] = ContextVar("narrow", default=False)


class Chart(Figure):
    """A figure that knows how to be drawn again on the narrow canvas."""

    narrow: Callable[[], Figure] | None = None


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under exlink's own settings, whatever the notebook's are, and remember how to draw it narrow."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with rc_context(style.RC):
            fig = draw(*args, **kwargs)
        fig.narrow = partial(_drawn_narrow, draw, *args, **kwargs)
        return fig

    return drawn


def _drawn_narrow(draw: Callable[P, Figure], *args: P.args, **kwargs: P.kwargs) -> Figure:
    with rc_context(style.RC), _on_a_phone():
        return draw(*args, **kwargs)


@contextmanager
def _on_a_phone() -> Iterator[None]:
    token = _narrow.set(True)
    try:
        yield
    finally:
        _narrow.reset(token)


def narrow(fig: Figure) -> Figure | None:
    """Return the figure drawn for a phone; None for a figure that no chart of exlink drew."""
    return fig.narrow() if isinstance(fig, Chart) and fig.narrow is not None else None


def is_narrow() -> bool:
    """Return whether the figure being drawn is the narrow one."""
    return _narrow.get()


def width() -> float:
    """Return the width of the canvas in inches."""
    return style.NARROW_WIDTH if is_narrow() else style.WIDTH


def inner_width() -> float:
    """Return the width of the canvas between its margins in inches."""
    return width() - 2 * MARGIN_INCHES


def letters(wide: int, narrow: int | None = None) -> int:
    """Return how many letters a line may hold: ``wide`` of them, on the narrow canvas fewer in proportion."""
    if not is_narrow():
        return wide
    return round(wide * style.NARROW_WIDTH / style.WIDTH) if narrow is None else narrow
