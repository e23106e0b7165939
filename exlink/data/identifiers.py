"""What identifies a person directly, in names of columns and in what cells hold.

None of it has a place in a study: people appear as opaque ids only. The patterns run inside the engine, so they
use its regular expressions (RE2, without look-around).
"""

from __future__ import annotations

import re

EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}"
# Digits alone may be an id; a phone number shows its country code or its groups.
PHONE = (
    r"\+\d[\d ().\-/]{6,}\d|00\d{1,3}[ .\-/][\d ().\-/]{5,}\d|\(?0\d{1,5}\)?[ ./\-]\d[\d ./\-]{4,}\d"
    r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}"
)
_PERSON = r"(?:employee|customer|agent|adviser|advisor|user|manager|supervisor|person|client|caller|contact|owner"
_PERSON += r"|mitarbeiter|kunden?|first|last|full|given|family|middle|sur|vor|nach)"
_COLUMN = re.compile(
    rf"^(?:name|{_PERSON}_?names?|(?:.*_)?(?:e_?mails?|mail)(?:_address(?:es)?)?"
    r"|(?:.*_)?(?:phones?|phone_?(?:number|no)|telephone|mobile|mobile_?(?:number|phone)|cell_?phone|telefon|handy|fax)"
    r"|(?:.*_)?(?:street_)?address|ssn|social_security(?:_number)?|passport(?:_number)?|iban|(?:.*_)?ip_?address"
    r"|date_of_birth|birth_?(?:date|day))$"
)


def is_direct(column: str) -> bool:
    """Return whether a column of this name would identify people: ``E-Mail``, ``Employee Name``, ``phone``."""
    return bool(_COLUMN.match(re.sub(r"[^a-z0-9]+", "_", column.casefold()).strip("_")))


def counting_tests(cell: str, kind: str) -> tuple[str, str]:
    """Return SQL that counts the cells of a column holding an e-mail address, and a phone number.

    Parameters
    ----------
    cell : quoted SQL name of a text column.
    kind : the contract's kind; an ``id`` or ``label`` is a phone number only as a whole, other text anywhere in it.
    """
    # The cheap test comes first, so that ten million clean cells never meet a regular expression.
    email = f"count_if(CASE WHEN contains({cell}, '@') THEN regexp_matches({cell}, '{EMAIL}') END)"
    cheap = f"starts_with({cell}, '+')" if kind == "id" else f"regexp_matches({cell}, '\\d{{2}}')"
    match = "regexp_full_match" if kind in ("id", "label") else "regexp_matches"
    return email, f"count_if(CASE WHEN {cheap} THEN {match}({cell}, '{PHONE}') END)"
