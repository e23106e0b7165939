"""Labels of the data inside sentences are shown as they were typed, whatever Markdown would make of them."""

import re
from html import unescape

import mistune
import pytest
import tiny

from exlink.publish.export import _exporter
from exlink.publish.prose import escaped, escaping, words_of
from exlink.publish.session import open_session

HOSTILE = [
    "*tools* [x](javascript:alert(1))", "__init__", "`code`", "~~gone~~", "a | b", "<b>bold</b>", "![p](http://x.y/p)",
    "# head", "1. first", "12) twelfth", "- dash", "+ plus", "&lt;", "back\\slash", "_lead", "[ref][1]", "$x$ and $y$",
]  # fmt: skip
ORDINARY = ["follow-up", "psychological safety", "cx_responses", "e.g. this", "Q&A".replace("&", "+"), "15 min. wait"]


def rendered(markdown):
    said = mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])
    html = said(markdown)
    assert html.startswith("<p>") and html.count("<p>") == 1
    return re.sub(r"</?p>", "", html).strip()


@pytest.mark.parametrize("label", [*HOSTILE, *ORDINARY])
def test_label_is_shown_as_typed_wherever_it_stands(label):
    as_typed = escaping([label, "other"])
    for sentence, wanted in (
        (f"{label} leads.", f"{label} leads."),
        (f"It is **{label}**, here.", f"It is {label}, here."),
    ):
        html = rendered(as_typed(sentence))
        assert "<a" not in html and "<em" not in html and "<code" not in html and "<del" not in html
        assert ("<strong>" in html) == ("**" in sentence)
        assert unescape(re.sub(r"</?strong>", "", html)) == wanted


def test_only_labels_are_escaped_and_ordinary_ones_stay():
    as_typed = escaping(["*tools*", "*tools* and more", "**"])
    assert as_typed("**Up**: *tools* and more, `*`, *Tools*.") == r"**Up**: \*tools\* and more, `*`, \*Tools\*."
    assert [escaped(text) for text in ORDINARY] == ORDINARY
    assert escaping(ORDINARY)("**follow-up** of `cx_responses`") == "**follow-up** of `cx_responses`"


def test_session_knows_the_labels_of_its_data(tmp_path, monkeypatch):
    folder = tiny.tiny_study(tmp_path / "study")
    aspect, touchpoint = "*tools* [x](javascript:alert(1))", "`calls`_now_"
    for name, old, new in (("ex_responses", ",tools,", f",{aspect},"), ("interactions", ",calls", f",{touchpoint}")):
        file = folder / f"{name}.csv"
        file.write_text(file.read_text().replace(old, new))
    s = open_session("04_mixed_effects", str(folder), str(tmp_path / "run"))
    assert {aspect, touchpoint, "`calls` now "} <= words_of(s.data)
    said = []
    monkeypatch.setattr("IPython.display.display", lambda markdown: said.append(markdown.data))
    s.say(f"**{s.data.label(s.data.aspects[0])}** moves {touchpoint} by 3.")
    exporter = _exporter()
    html = exporter.environment.filters["said_markdown"](said[0])
    assert html == f"<p><strong>{aspect}</strong> moves {touchpoint} by 3.</p>\n"
