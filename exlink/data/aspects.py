"""The aspects of work that studies usually ask about, so that one spelt otherwise is seen."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from exlink.data.wording import in_words

# what MIT CISR counts as work complexity or behavioural norms (Dery & Sebastian 2017), in the words studies use for it
WORK_COMPLEXITY = ("tools", "knowledge", "workload", "processes", "systems", "information", "workspace")
BEHAVIOURAL_NORMS = ("empowerment", "collaboration", "creativity", "psychological_safety", "autonomy", "leadership")
MANAGEMENT = ("coaching", "recognition")
USUAL = (*WORK_COMPLEXITY, *BEHAVIOURAL_NORMS, *MANAGEMENT)
ALIKE = 0.75  # likeness from which a name is taken for another one's misspelling


def unusual(aspects: Iterable[str]) -> list[str]:
    """Return one note on aspects outside the usual list, and what they may be meant to be; empty without any."""
    other = [a for a in aspects if a not in USUAL]
    if not other:
        return []
    close = {a: get_close_matches(a, USUAL, n=1, cutoff=ALIKE) for a in other}
    said = [f"{a} (did you mean '{close[a][0]}'?)" if close[a] else a for a in other]
    return [
        f"ex_responses.aspect: not in the usual list: {in_words(said)}. Fine for aspects of your own; a misspelt one "
        "is counted as another aspect. Step 02 takes only usual ones for complexity and norms unless its parameters "
        "name others."
    ]
