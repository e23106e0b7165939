"""Terms of the fixed part by name: each stands for one column, or for a column per category."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from exlink.errors import EstimationError, did_you_mean
from exlink.stats.lmm.formula import INTERCEPT

CATEGORY = re.compile(r"\[[^\[\]]*\]")  # of a column's name: channel[T.chat]


def flat(terms: Iterable[Any]) -> list[Any]:
    """Return names given one by one, or several in a list, as one list."""
    return [name for term in terms for name in (term if _several(term) else [term])]


def columns_of(text: str, terms: Sequence[Any], columns: Sequence[str]) -> list[str]:
    """Return the columns that are taken out with some terms.

    Parameters
    ----------
    text : str
        The model, for messages.
    terms : sequence of str
        Names of columns, or of terms without their categories.
    columns : sequence of str
        Fixed effects of the model.

    Raises
    ------
    EstimationError
        No term, one that is not in the model, or the intercept.
    """
    if not terms:
        raise EstimationError(f"{text}: without() needs at least one term.")
    gone = []
    for term in terms:
        if term == INTERCEPT:
            raise EstimationError(
                f"{text}: the intercept cannot be taken out afterwards, since columns are centred beside it. Fit the "
                "formula with '0 + …'."
            )
        found = [term] if term in columns else [name for name in columns if CATEGORY.sub("", name) == term]
        if not found:
            names = dict.fromkeys([*columns, *(CATEGORY.sub("", name) for name in columns)])
            raise EstimationError(f"{text}: {term!r} is no fixed effect.{did_you_mean(str(term), names)}")
        gone += found
    return gone


def _several(term: Any) -> bool:
    return not isinstance(term, str) and isinstance(term, Iterable)
