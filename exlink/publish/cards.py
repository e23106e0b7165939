"""The parts of the executive page: plain words in, HTML out.

Every text is escaped here, once. Nothing is computed: a card says what it is given. Looks live in the
report's stylesheet (``templates/exlink``); without it, in JupyterLab, the cards are plain lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from exlink.errors import ParameterError, did_you_mean

MOST_TILES = 4
VERDICTS = {"aligned": "✓", "watch": "!", "misaligned": "✕", "not assessed": "–"}
_ADDRESS = re.compile(r"(?:[\w.-]+\.html)?(?:#[\w-]+)?")
LEVELS = {"strong": 3, "moderate": 2, "weak": 1, "not assessed": 0}


@dataclass(frozen=True)
class Html:
    """A piece of finished, escaped HTML that a notebook can show."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Tile:
    """One headline number: what it is, its interval in words, what it means in plain words."""

    label: str
    value: str
    interval: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Link:
    """One station of the chain from EX to money."""

    name: str
    effect: str
    interval: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to change: the action, what it gains, how sure that is, why it ranks here, what it costs."""

    action: str
    gain: str
    interval: str
    why: str
    cost: str = ""


@dataclass(frozen=True, slots=True)
class Badge:
    """The verdict on one area: aligned, watch, misaligned or not assessed; ``href``: where it can be opened."""

    area: str
    verdict: str
    meaning: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Area:
    """One area of the scorecard.

    verdict : str    aligned, watch, misaligned or not assessed
    anchor : str     the area's own address on the page
    lines : (what, words) in order: what was measured, the cause, the impact, what leaders do
    links : (text, address) of the evidence
    """

    area: str
    verdict: str
    anchor: str
    lines: Sequence[tuple[str, str]]
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure we are of one statement: strong, moderate, weak or not assessed, and why."""

    statement: str
    level: str
    why: str


def decision(sentence: str, *, because: str = "", verdict: str = "", heading: str | None = None) -> Html:
    """Return the decision line: one sentence a board can act on."""
    parts = [_p("x-verdict", verdict), _p("x-sentence", sentence), _p("x-because", because)]
    return _card("decision", "".join(parts), heading)


def tiles(items: Sequence[Tile], *, heading: str | None = None) -> Html:
    """Return at most four tiles; more than that is a table."""
    if len(items) > MOST_TILES:
        raise ParameterError(f"tiles: {len(items)} tiles given, at most {MOST_TILES} are read. Show a table instead.")
    body = "".join(_station(t.label, t.value, t.interval, t.meaning) for t in items)
    return _card("tiles", f'<ul role="list">{body}</ul>', heading)


def chain(links: Sequence[Link], *, heading: str | None = None) -> Html:
    """Return the chain from employees' experience over customers' experience to money, in order."""
    body = "".join(_station(s.name, s.effect, s.interval, s.meaning) for s in links)
    return _card("chain", f'<ol role="list">{body}</ol>', heading)


def changes(items: Sequence[Change], *, heading: str | None = None) -> Html:
    """Return what to change first: a ranked list, the first one first."""
    body = "".join(
        f'<li><div class="x-what">{_p("x-action", c.action)}{_p("x-meaning", c.why)}</div>'
        f'<div class="x-worth">{_p("x-value", c.gain)}{_p("x-interval", c.interval)}'
        f"{_p('x-cost', f'Cost: {c.cost}' if c.cost else '')}</div></li>"
        for c in items
    )
    return _card("changes", f'<ol role="list">{body}</ol>', heading)


def badges(items: Sequence[Badge], *, heading: str | None = None) -> Html:
    """Return one verdict per area, said in a word and marked by a sign besides its colour."""
    body = "".join(
        f'<li>{_verdict(b.verdict, "badges")}<div><p class="x-area">{_link(b.area, b.href)}</p>'
        f"{_p('x-meaning', b.meaning)}</div></li>"
        for b in items
    )
    return _card("badges", f'<ul role="list">{body}</ul>', heading)


def areas(items: Sequence[Area], *, heading: str | None = None) -> Html:
    """Return the scorecard: each area with its verdict, what it rests on, and where that can be opened."""
    body = "".join(
        f'<li id="{escape(a.anchor)}"><p class="x-area">{escape(a.area)} {_verdict(a.verdict, "areas")}</p>'
        f"{_definitions(a.lines)}{_evidence(a.links)}</li>"
        for a in items
    )
    return _card("areas", f'<ul role="list">{body}</ul>', heading)


def certainty(items: Sequence[Certainty], *, heading: str | None = None) -> Html:
    """Return how sure we are, statement by statement, in a word and in filled dots."""
    body = "".join(
        f'<li><span class="x-level">{escape(c.level)}<span aria-hidden="true">{_dots(c.level)}</span></span>'
        f"<div>{_p('x-statement', c.statement)}{_p('x-meaning', c.why)}</div></li>"
        for c in items
    )
    return _card("certainty", f'<ul role="list">{body}</ul>', heading)


def mind_changers(items: Sequence[str], *, heading: str | None = None) -> Html:
    """Return what would change our mind, one finding a line."""
    return _card("mind", f"<ul>{''.join(f'<li>{escape(i)}</li>' for i in items)}</ul>", heading)


def glossary(terms: Mapping[str, str], *, heading: str | None = None) -> Html:
    """Return the words of the report with their meanings, in the order given."""
    return _card("glossary", _definitions(terms), heading)


def provenance(facts: Mapping[str, str], *, heading: str | None = None) -> Html:
    """Return where the numbers come from: study, period, rows, versions."""
    return _card("provenance", _definitions(facts), heading)


def not_assessed(lines: str | Iterable[str], *, heading: str | None = None) -> Html:
    """Return one line for each thing this study could not assess, and why; nothing when there is none."""
    given = [lines] if isinstance(lines, str) else list(lines)
    body = "".join(f"<li>{_code(line)}</li>" for line in given if line)
    return _card("missing", f'<ul role="list">{body}</ul>', heading) if body else Html("")


def note(text: str, *, heading: str | None = None) -> Html:
    """Return a side note."""
    return _card("note", _p("x-note-text", text), heading)


def stack(*cards: Html) -> Html:
    """Return several cards as one object to show."""
    return Html("".join(card.text for card in cards))


def _card(kind: str, body: str, heading: str | None) -> Html:
    head = f"<h2>{escape(heading)}</h2>" if heading else ""
    return Html(f'<div class="x-card x-{kind}">{head}{body}</div>')


def _p(name: str, text: str) -> str:
    return f'<p class="{name}">{escape(str(text))}</p>' if text else ""


def _station(label: str, value: str, interval: str, meaning: str) -> str:
    """Return one number with its name above, its interval and its meaning below."""
    parts = {"label": label, "value": value, "interval": interval, "meaning": meaning}
    lines = (
        f'<p class="x-{name}">{escape(str(text))}</p>' for name, text in parts.items()
    )  # empty ones keep rows level
    return f"<li>{''.join(lines)}</li>"


def _definitions(terms: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    pairs = terms.items() if isinstance(terms, Mapping) else terms
    rows = "".join(f"<div><dt>{escape(str(t))}</dt><dd>{escape(str(m))}</dd></div>" for t, m in pairs)
    return f"<dl>{rows}</dl>"


def _verdict(word: str, where: str) -> str:
    """Return a verdict as a badge, in a word and by a sign."""
    name = _known(word, VERDICTS, where).replace(" ", "-")
    return f'<span class="x-badge x-{name}"><span aria-hidden="true">{VERDICTS[word]}</span> {escape(word)}</span>'


def _link(text: str, href: str) -> str:
    """Return words that lead to a section of this page or to another page of the report; plain words without one."""
    if not href:
        return escape(text)
    if not _ADDRESS.fullmatch(href):
        raise ParameterError(f"a card links to '{href}', which is no page or section of the report.")
    return f'<a href="{href}">{escape(text)}</a>'


def _evidence(links: Sequence[tuple[str, str]]) -> str:
    said = " · ".join(_link(text, href) for text, href in links)
    return f'<p class="x-evidence">Evidence: {said}</p>' if said else ""


def _code(line: str) -> str:
    """Escape a line and show what stands between backquotes, names of tables, as code."""
    parts = escape(line).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _known(word: str, words: Mapping[str, object], where: str) -> str:
    if word not in words:
        raise ParameterError(f"{where}: '{word}' is not one of {', '.join(words)}.{did_you_mean(word, words)}")
    return word


def _dots(level: str) -> str:
    filled = LEVELS[_known(level, LEVELS, "certainty")]
    return "●" * filled + "○" * (3 - filled)
