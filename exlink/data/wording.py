"""How numbers and lists are written in the sentences of steps."""

from __future__ import annotations

from collections.abc import Sequence


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign, a true minus, and no sign at zero: ``+0.21``, ``−0.04``, ``0.00``."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if any(digit in text for digit in "123456789") else text[1:]


def in_words(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``; an empty sequence as ``none``."""
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"
