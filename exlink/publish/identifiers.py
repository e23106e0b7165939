"""Recognises what points at one person: names of columns, known ids, e-mail addresses, phone numbers.

Messages say which column and how many cells, never the value: the message itself may be published.
Numbers are not compared with ids, because a count may equal one by chance; the contract keeps ids as text.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

import pandas as pd

from exlink.errors import DisclosureError

_PERSON = r"(?:employee|customer|manager|agent|advisor|adviser|person|respondent|user|client|caller|owner)"
_COLUMN = re.compile(
    rf"^(?:{_PERSON}_?(?:ids?|names?|key|code|e?mail|phone)|(?:interaction|feedback)_?ids?|owner"
    r"|(?:first|last|full|given|family|middle|sur|user)_?name"
    r"|e_?mail(?:_?address)?|mail_?address|(?:tele|mobile_?)?phone(?:_?(?:number|no))?|mobile|ssn|iban)$"
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*[A-Za-z]{2,}")
_PHONE = re.compile(
    r"(?<![\w.,+-])(?:"
    r"\+[1-9](?:[ ()./-]{0,2}\d){8,14}"  # +49 30 1234567; nine digits or more: "+0.03 (0.00 to …" is an interval
    r"|00[1-9][\d ()./-]{6,}\d"  # 0049 30 1234567
    r"|\(?0\d{1,4}\)?(?: ?/ ?|[ -])\d{2,4}(?:[ /-]?\d{2,4}){1,3}"  # 030 / 123 45 67
    r"|\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}"  # (212) 555-0100
    r")(?![\w,])"
)
# An id of up to three digits cannot be told from a score or an hour of the day.
_TOO_SHORT = re.compile(r"^\d{1,3}$")
_WORD = re.compile(r"[\w.:#-]+")


def is_person_column(name: str) -> bool:
    """Return whether a column or key of this name would hold identifiers of persons."""
    return bool(_COLUMN.match(name.strip().casefold().replace(" ", "_").replace("-", "_")))


def points_at_person(text: str, known_ids: Container[str]) -> str:
    """Return what in ``text`` points at a person ('an id', 'an e-mail address', …), or ''."""
    stripped = text.strip()
    words = {stripped, *(w.strip(".:-") for w in _WORD.findall(stripped))}
    if any(w in known_ids and not _TOO_SHORT.match(w) for w in words):
        return "the id of a person"
    if _EMAIL.search(stripped):
        return "an e-mail address"
    return "a phone number" if _PHONE.search(stripped) else ""


def refuse_columns(names: Iterable[object], known_ids: Container[str]) -> None:
    """Raise when a column would hold identifiers, or is itself called by one."""
    for name in names:
        if not isinstance(name, str):
            raise DisclosureError(
                f"a table to be released has a column label of type {type(name).__name__}. "
                "Name its columns with text (reset_index, or rename)."
            )
        if is_person_column(name):
            raise DisclosureError(
                f"column '{name}' identifies persons and cannot be released. Drop it, or aggregate over it."
            )
        if found := points_at_person(name, known_ids):
            raise DisclosureError(
                f"the label of a column is {found}, so the table has one column per person. Aggregate first."
            )


def refuse_cells(frame: pd.DataFrame, known_ids: Container[str]) -> None:
    """Raise when text in any cell points at a person."""
    for name in frame.columns:
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            continue
        texts = column[[isinstance(v, str) for v in column]].astype(object).value_counts(sort=False)
        found = {t: f for t in texts.index if (f := points_at_person(t, known_ids))}
        if found:
            kinds = " or ".join(sorted(set(found.values())))
            raise DisclosureError(
                f"column '{name}': {int(texts[list(found)].sum())} of {len(column)} cells hold {kinds}. "
                "Drop the column, or aggregate over it."
            )
