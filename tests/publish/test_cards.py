"""Cards say what they are given, escape it, and refuse what an executive page must not hold."""

from __future__ import annotations

import dataclasses

import pytest
import showcase_page
from bs4 import BeautifulSoup

from exlink.errors import ParameterError
from exlink.publish import cards

NASTY = '<script>alert("x")</script> & <b>bold</b>'
BUILDERS = {
    "decision": lambda t: cards.decision(t, because=t, verdict=t, heading=t),
    "tiles": lambda t: cards.tiles([cards.Tile(t, t, t, t)]),
    "chain": lambda t: cards.chain([cards.Link(t, t, t, t)]),
    "changes": lambda t: cards.changes([cards.Change(t, t, t, t, t)]),
    "areas": lambda t: cards.areas([cards.Area(t, "watch", "area-1", [(t, t)], [(t, "#here")])]),
    "badges": lambda t: cards.badges([cards.Badge(t, "watch", t)]),
    "certainty": lambda t: cards.certainty([cards.Certainty(t, "weak", t)]),
    "mind_changers": lambda t: cards.mind_changers([t]),
    "glossary": lambda t: cards.glossary({t: t}),
    "provenance": lambda t: cards.provenance({t: t}),
    "not_assessed": lambda t: cards.not_assessed(t),
    "note": lambda t: cards.note(t),
}


def soup(card: cards.Html) -> BeautifulSoup:
    return BeautifulSoup(card.text, "html.parser")


@pytest.mark.parametrize("name", BUILDERS)
def test_every_text_is_escaped_and_none_is_lost(name):
    page = soup(BUILDERS[name](NASTY))
    assert not page.find(["script", "b"])
    assert NASTY in page.get_text()


def test_every_builder_is_covered_above():
    made = {n for n, f in vars(cards).items() if callable(f) and getattr(f, "__module__", "") == cards.__name__}
    builders = {n for n in made if not n.startswith("_") and not dataclasses.is_dataclass(getattr(cards, n))}
    assert builders - {"stack"} == set(BUILDERS)


def test_html_is_shown_by_jupyter_and_cannot_be_changed():
    card = cards.note("x")
    assert card._repr_html_() == card.text
    with pytest.raises(dataclasses.FrozenInstanceError):
        card.text = "y"


def test_five_tiles_are_refused():
    tile = cards.Tile("a", "1", "0 to 2", "means")
    assert len(soup(cards.tiles([tile] * 4)).find_all("li")) == 4
    with pytest.raises(ParameterError, match="5 tiles given, at most 4"):
        cards.tiles([tile] * 5)


@pytest.mark.parametrize("verdict", cards.VERDICTS)
def test_a_verdict_is_said_in_a_word_and_not_by_colour_alone(verdict):
    page = soup(cards.badges([cards.Badge("Area", verdict, "meaning")]))
    sign = page.select_one("[aria-hidden=true]").extract()
    assert sign.get_text() == cards.VERDICTS[verdict]
    assert page.select_one(".x-badge").get_text(strip=True) == verdict


@pytest.mark.parametrize(
    ("level", "dots"), [("strong", "●●●"), ("moderate", "●●○"), ("weak", "●○○"), ("not assessed", "○○○")]
)
def test_certainty_is_a_word_and_dots_are_decoration(level, dots):
    page = soup(cards.certainty([cards.Certainty("s", level, "why")]))
    assert page.select_one("[aria-hidden=true]").extract().get_text() == dots
    assert page.select_one(".x-level").get_text() == level


def test_an_unknown_verdict_names_the_nearest_one():
    with pytest.raises(ParameterError, match=r"'misalinged' is not one of .*Did you mean 'misaligned'"):
        cards.badges([cards.Badge("a", "misalinged", "b")])
    with pytest.raises(ParameterError, match="'certain' is not one of"):
        cards.certainty([cards.Certainty("a", "certain", "b")])


def test_changes_keep_their_rank():
    page = soup(dict(showcase_page.executive())["What to change first"])
    assert page.ol
    assert [p.get_text() for p in page.select(".x-action")] == [
        "Repair the service desktop",
        "Put knowledge where the call is",
    ]


def test_nothing_missing_says_nothing():
    assert cards.not_assessed("").text == cards.not_assessed(["", ""]).text == ""
    assert [c.get_text() for c in soup(cards.not_assessed("needs `a`, `b.c`")).find_all("code")] == ["a", "b.c"]


def test_stack_joins_cards_and_a_heading_is_a_second_level_one():
    both = cards.stack(cards.note("x", heading="First"), cards.note("y"))
    assert [h.get_text() for h in soup(both).find_all("h2")] == ["First"]
    assert len(soup(both).select(".x-card")) == 2
