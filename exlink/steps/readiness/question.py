"""The verdict on one question of the suite, and the words and limits that all verdicts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

READY, WEAK, NOT = "ready", "weak", "not assessable"
FEW_UNITS, FEW_WAVES, FEW_EXITS = 30, 6, 20  # below these an answer is called weak
FEW_REPEATS = 200  # customers with more than one contact or answer, below which paths and shares are called weak
FEW_ANSWERED = 100  # people who answered, below which loadings of a questionnaire are called weak
LOW_RESPONSE = 0.30
PAGES = {
    "01": "01 Journey mapping", "02": "02 Touchpoint KPIs", "03": "03 Individual linkage", "04": "04 Mixed effects",
    "05": "05 Business roll-up", "06": "06 Misalignment audit",
}  # fmt: skip
_NO_SIZE = "–"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one question of the suite can be answered: in a word, why, and how small an effect would be seen."""

    question: str
    notebook: str
    verdict: str
    why: str
    detectable: str = _NO_SIZE


def listed(names: Sequence[str]) -> str:
    """Return names as ``a, b and c``; an empty sequence as ``nothing``."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "nothing"


def needs(missing: str) -> str:
    """Return ``not assessed: needs `x``` as words inside a sentence."""
    return missing.removeprefix("not assessed: ").replace("`", "")


def because(reason: str) -> str:
    """Return a reason of another page (``not assessed: …``) as a sentence of its own."""
    words = needs(reason).rstrip(".")
    lead = "It " if words.startswith("needs ") else ""
    return f"{lead}{words[:1] if lead else words[:1].upper()}{words[1:]}."


def ready_from(enough: bool) -> str:
    """Return ready where there is enough, else weak."""
    return READY if enough else WEAK


def there_are(count: int) -> str:
    """Return ``is 1``, ``are 2`` or ``are none``, to go after *there*."""
    return "is 1" if count == 1 else f"are {count or 'none'}"
