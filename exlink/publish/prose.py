"""The study's own words inside sentences: what Markdown would take for markup is shown as it was typed.

A sentence is Markdown and holds labels of the data (aspects, touchpoints, roles, teams), so ``*tools*`` would turn
italic and ``[x](…)`` into a link. Authors of steps need not think of it: a session knows the labels that look like
markup, and escapes them wherever a sentence names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from exlink.data.contract import TABLES
from exlink.data.warehouse import name_of

if TYPE_CHECKING:
    from exlink.data.dataset import StudyData

MOST = 5000  # words of one column that are looked at; a column with more holds no labels
_WORDS = ("label", "text")
_MARKUP = re.compile(
    r"[\\`*\[\]<>~|!&#$^]"  # anywhere
    r"|(?<![^\W_])_|_(?![^\W_])"  # one underscore inside a word is none
    r"|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]"  # at the start of a line: a list or a rule
)
_PLAIN = r"[\p{L}\p{N}][\p{L}\p{N} ,;:/''-]*"  # as the engine writes it; most labels are, and need no look


def escaped(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return _MARKUP.sub(lambda found: f"\\{found.group()}", " ".join(text.split()))


def escaping(texts: Collection[str]) -> Callable[[str], str]:
    """Return a function that escapes ``texts`` wherever a sentence holds one, in whatever case."""
    # what has no letter ("**") cannot be told from a sentence's own markup
    marked = {t for t in texts if escaped(t) != t and any(map(str.isalnum, t))}
    if not marked:
        return str
    longest_first = sorted(marked, key=lambda text: (-len(text), text))
    found = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
    return lambda sentence: found.sub(lambda match: escaped(match.group()), sentence)


def words_of(data: StudyData) -> frozenset[str]:
    """Return the words of the study's data that may look like markup, also as labels spell them (``_`` as space)."""
    words = {data.study.heading, *map(data.label, data.aspects)}
    for table in TABLES.values():
        for column in table.columns:
            if (column.kind in _WORDS or column.name == "team_id") and data.has(table.name, column.name):
                words.update(_words(data, table.name, column.name))
    return frozenset(words | {word.replace("_", " ") for word in words})


def _words(data: StudyData, table: str, column: str) -> list[str]:
    name = name_of(column)
    # the OFFSET keeps the engine from matching every row: first the few words there are, then the pattern
    return data.query(
        f"SELECT word FROM (SELECT DISTINCT {name} AS word FROM {name_of(table)} WHERE {name} IS NOT NULL OFFSET 0) "
        f"WHERE NOT regexp_full_match(word, '{_PLAIN}') ORDER BY 1 LIMIT {MOST}"
    )["word"].tolist()
