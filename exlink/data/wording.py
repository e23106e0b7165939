"""How numbers and lists are written in the sentences of steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

_SOUND_LIKE_CONSONANTS = ("uni", "use", "usu", "eu", "one", "once")
_SILENT_H = ("hour", "honest", "heir", "honour")
_TELLING = 0.5  # a lower bound below this says nothing


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign, a true minus, and no sign at zero: ``+0.21``, ``−0.04``, ``0.00``."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if any(digit in text for digit in "123456789") else text[1:]


def in_words(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``; an empty sequence as ``none``."""
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def with_article(phrase: str) -> str:
    """Return a phrase with ``a`` or ``an``, as it is read aloud: ``an agent``, ``an 80 %``, ``a 75 %``, ``an 11``."""
    word = phrase.strip().split(" ")[0].lstrip("*`‘“'\"").casefold()
    digits = "".join(takewhile(str.isdigit, word.replace(",", "")))
    if digits:  # eight, eighty, eight hundred; eleven and eighteen unless "one hundred and" goes before them
        vowel = digits[0] == "8" or (digits[:2] in ("11", "18") and len(digits) % 3 == 2)
    else:
        vowel = word[:1] in tuple("aeiou") and not word.startswith(_SOUND_LIKE_CONSONANTS)
    return f"{'an' if vowel or word.startswith(_SILENT_H) else 'a'} {phrase}"


def share_in_words(inside: int, outside: int, min_group: int, share: float | None = None) -> str:
    """Return a share in words that never speak of a few people: ``92%``, ``at least 70%``, ``at most 30%``.

    Parameters
    ----------
    inside, outside : people (or what is counted) on either side of the share.
    share : the share itself where it does not follow from the two counts.
    """
    if 0 < outside < min_group:
        bound = 1 - (min_group - 1) / (inside + outside)
        return f"at least {max(bound, 0):.0%}" if bound >= _TELLING else "most"
    if 0 < inside < min_group:
        bound = (min_group - 1) / (inside + outside)
        return f"at most {min(bound, 1):.0%}" if bound <= 1 - _TELLING else "a few"
    return f"{inside / (inside + outside) if share is None else share:.0%}"


def at_least(n: int, min_group: int) -> str:
    """Return a count of people as a bound in tens, so that two counts of nearly the same people give nobody away."""
    return f"at least {max(10 * (int(n) // 10), min_group)}"
