"""Labels broken into lines."""

from __future__ import annotations

import textwrap


def wrapped(text: object, width: int) -> str:
    """Break a label into lines of at most ``width`` characters; ``$`` is a dollar, never mathematics."""
    lines = textwrap.wrap(str(text), width, break_long_words=False) or [""]
    return "\n".join(lines).replace("$", r"\$")


def lines_of(text: object, width: int) -> int:
    """Return the number of lines that a label takes."""
    return wrapped(text, width).count("\n") + 1


def balanced(text: str, width: int) -> str:
    """Break a sentence into lines of like length, so that no last word stands alone."""
    lines = lines_of(text, width)
    return wrapped(text, width) if lines == 1 else wrapped(text, len(text) // lines + 8)
