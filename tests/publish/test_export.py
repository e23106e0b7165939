"""A page holds what the notebook shows and nothing of how it was made."""

from __future__ import annotations

import base64

import nbformat
import pytest
import showcase
import showcase_page
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from exlink.errors import DisclosureError, OutputError, StepError
from exlink.publish import charts
from exlink.publish.export import export_html

NAV = [("Summary", "index.html"), ("Linkage", "03_showcase.html")]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> BeautifulSoup:
    folder = tmp_path_factory.mktemp("page")
    target = folder / "reports" / "03_showcase.html"
    export_html(showcase_page.notebook(folder), target, title="Linkage <sample>", nav=NAV)
    return BeautifulSoup(target.read_text(encoding="utf-8"), "html.parser")


def exported(tmp_path, *cells, title="T", nav=()) -> BeautifulSoup:
    path = tmp_path / "00_x.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    export_html(path, tmp_path / "00_x.html", title=title, nav=nav)
    return BeautifulSoup((tmp_path / "00_x.html").read_text(encoding="utf-8"), "html.parser")


def shown(kind: str, content: str, **metadata) -> nbformat.NotebookNode:
    return new_code_cell("x", outputs=[new_output("display_data", data={kind: content}, metadata={kind: metadata})])


# what must not leave


@pytest.mark.parametrize(
    "secret",
    [
        "/Users/someone",
        "secret_code",
        "study =",
        "papermill",
        "2026-11-22",
        "print(",
        "In [",
        "Out[",
        "Html(…)",
        "&lt;Figure",
    ],
)
def test_no_code_path_parameter_or_clock_is_in_the_page(page, secret):
    assert secret not in str(page)


def test_the_page_fetches_and_runs_nothing(page):
    assert not page.find_all(["script", "iframe", "object", "form"])
    assert [link["href"] for link in page.find_all("link")] == ["data:,"]
    assert all(tag["src"].startswith("data:") for tag in page.find_all(src=True))
    assert "http" not in str(page.style)
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert "default-src 'none'" in policy


def test_markup_in_computed_sentences_and_in_the_title_is_text(page):
    assert "The label <script>x</script> is text." in page.main.get_text()
    assert page.title.get_text() == "Linkage <sample>"


def test_a_dataframe_that_passed_no_gate_is_refused(tmp_path):
    with pytest.raises(DisclosureError, match=r"cell .* shows a DataFrame that did not pass the disclosure gate"):
        exported(
            tmp_path, shown("text/html", '<div><table border="1" class="dataframe"><tr><td>1</td></tr></table></div>')
        )


@pytest.mark.parametrize(
    "markup",
    [
        '<picture><source srcset="https://example.org/x.png"></picture>',
        "<script>1</script>",
        '<iframe src="x"></iframe>',
        '<img alt="x" src="https://example.org/x.png">',
    ],
)
def test_what_would_run_or_fetch_is_refused(tmp_path, markup):
    with pytest.raises(OutputError, match=r"00_x\.ipynb"):
        exported(tmp_path, shown("text/html", f"<div>{markup}</div>"))


def test_a_failed_notebook_makes_no_page(tmp_path):
    failed = new_code_cell(
        "x", id="slopes", outputs=[new_output("error", ename="KeyError", evalue="/Users/me", traceback=["t"])]
    )
    with pytest.raises(StepError, match=r"00_x\.ipynb: cell 'slopes' ended in KeyError"):
        exported(tmp_path, failed)
    assert not (tmp_path / "00_x.html").exists()


# what a reader gets


def test_contents_link_to_every_section_and_ids_are_unique(page):
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    links = [a["href"] for a in page.select("#toc a")]
    assert [f"#{h['id']}" for h in page.main.find_all(["h2", "h3"])] == links
    assert {a["href"][1:] for a in page.select('a[href^="#"]')} <= set(ids)


def test_headings_from_cells_sentences_and_cards_are_in_the_contents(tmp_path):
    html = exported(
        tmp_path,
        new_markdown_cell("# Title\n\n## From a cell"),
        shown("text/markdown", "## From data: **12**"),
        shown("text/html", '<div class="x-card"><h2>From a card</h2></div>'),
        shown("text/markdown", "## From a cell"),
    )
    assert [a.get_text() for a in html.select("#toc a")] == [
        "From a cell",
        "From data: 12",
        "From a card",
        "From a cell",
    ]
    assert [h["id"] for h in html.find_all("h2")] == ["from-a-cell", "from-data-12", "from-a-card", "from-a-cell-2"]


def test_there_is_one_title(tmp_path, page):
    assert [h.get_text() for h in page.find_all("h1")] == [
        "Which part of the working day makes customers' life easier?"
    ]
    assert exported(tmp_path, new_markdown_cell("text")).h1.get_text() == "T"
    with pytest.raises(OutputError, match=r"2 first-level headings"):
        exported(tmp_path, new_markdown_cell("# A"), new_markdown_cell("# B"))


def test_figures_carry_alt_text_caption_and_size(page):
    figure = page.select("figure.x-figure")[0]
    assert figure.img["alt"] == "The forest of the showcase."
    assert figure.figcaption.get_text() == "What forest says, in a sentence."
    assert int(figure.img["width"]) == 682
    assert int(figure.img["height"]) > 300


def test_a_phone_gets_the_narrow_drawing_and_a_listener_one_text(page):
    for figure in page.select("figure.x-figure"):
        (source,) = figure.picture.find_all("source")
        assert source["media"] == "screen and (max-width: 40rem)"
        assert source["srcset"].startswith("data:image/png;base64,")
        assert source["srcset"] != figure.img["src"]
        assert (int(source["width"]), int(figure.img["width"])) == (483, 682)
        assert int(source["height"]) > 200
        assert str(figure).count('alt="') == 1


def test_a_figure_that_has_only_one_drawing_is_shown_on_every_screen(tmp_path):
    encoded = base64.b64encode(charts.png(showcase.figures()["bars"]())).decode()
    picture = exported(tmp_path, shown("image/png", encoded, alt="a", width=682)).picture
    assert picture.source is None
    assert picture.img["alt"] == "a"


def test_a_figure_without_alt_text_is_refused(tmp_path):
    with pytest.raises(OutputError, match="a figure without alt text"):
        exported(tmp_path, shown("image/png", "iVBORw0KGgo=", caption="c"))


def test_tables_scroll_in_a_named_focusable_region_without_private_styles(page):
    regions = page.select('main [role="region"]')
    assert [r["aria-label"] for r in regions][1:] == [
        "Table 2: Aspect, Slope (95 % interval), Employees",
        "Table 3: Sign, Meaning",
    ]
    assert all(r["tabindex"] == "0" and r.table for r in regions)
    assert len(page.find_all("style")) == 1
    assert page.select_one("figure figcaption").get_text() == "Slopes per aspect."
    assert len(page.select("td.x-quiet")) == 4


def test_notes_of_a_table_stand_below_what_scrolls(page):
    noted = page.select(".x-scroll + .x-notes p")
    assert noted, "the showcase hides cells and says so"
    assert "cells hidden" in noted[0].get_text()
    assert not page.select("tfoot, .x-scroll .gt_sourcenote")


def test_the_page_knows_its_siblings_and_itself(page):
    links = page.select(".x-nav a")
    assert [(a.get_text(), a["href"]) for a in links] == NAV
    assert [a.get("aria-current") for a in links] == [None, "page"]


@pytest.mark.parametrize("href", ["/etc/x.html", "https://example.org", "C:\\x", "file:x"])
def test_nav_is_relative(tmp_path, href):
    with pytest.raises(OutputError, match="must be relative"):
        exported(tmp_path, new_markdown_cell("x"), nav=[("x", href)])


def test_language_landmarks_and_skip_link_are_there(page):
    assert page.html["lang"] == "en"
    assert page.main and page.header and len(page.find_all("nav")) == 2
    assert page.body.a["href"] == "#main"


def test_the_same_notebook_gives_the_same_bytes(tmp_path):
    outputs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        export_html(showcase_page.notebook(tmp_path / name), tmp_path / name / "x.html", title="T", nav=NAV)
        outputs.append((tmp_path / name / "x.html").read_bytes())
        assert [p.name for p in (tmp_path / name).iterdir() if p.suffix == ".part"] == []
    assert outputs[0] == outputs[1]


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        export_html(showcase_page.notebook(tmp_path), tmp_path / "file" / "x.html", title="T")


def test_the_executive_page_opens_with_its_decision(tmp_path, page):
    assert page.main.find_all(recursive=False)[-1]["class"] == ["x-brief"]
    intro, sign = new_markdown_cell("# T\n\n**Question** Q"), '<div class="x-card x-decision">d</div>'
    later = exported(tmp_path, intro, new_markdown_cell("## A"), shown("text/html", sign))
    assert later.select_one("h1 + .x-brief").get_text() == "Question Q"


def test_how_to_read_is_left_out_where_there_is_nothing_to_read(tmp_path):
    missing = '<div class="x-card x-missing"><ul><li>not assessed: needs x</li></ul></div>'
    aid = new_markdown_cell("**Reading this figure.** A dot is a dot.")
    for markup, kept in ((missing, False), ("", False), ("<table><tr><td>1</td></tr></table>", True)):
        page = exported(tmp_path, new_markdown_cell("# T"), shown("text/html", markup), aid)
        assert ("A dot is a dot" in page.get_text()) is kept
    page = exported(tmp_path, new_markdown_cell("# T"), shown("text/html", missing), new_markdown_cell("Other text."))
    assert "Other text." in page.get_text()


def test_a_sentence_between_figure_and_reading_does_not_make_it_readable(tmp_path):
    """What is read is the figure, not the sentence after it; an empty cell between them says nothing either way."""
    missing = shown("text/html", '<div class="x-card x-missing"><ul><li>not assessed: needs x</li></ul></div>')
    aid = new_markdown_cell("**Reading this table.** A row is a row.")
    said, silent = shown("text/markdown", "A sentence."), new_code_cell()
    for between in (said, silent):
        assert "A row is a row" not in exported(tmp_path, new_markdown_cell("# T"), missing, between, aid).get_text()
        there = shown("text/html", "<table><tr><td>1</td></tr></table>")
        assert "A row is a row" in exported(tmp_path, new_markdown_cell("# T"), there, between, aid).get_text()
    assert "A row is a row" in exported(tmp_path, new_markdown_cell("# T"), said, aid).get_text()


def test_a_folded_section_stands_behind_its_heading_and_ends_with_the_next(tmp_path):
    fold = new_markdown_cell("### Detail\n\nWhy.", metadata={"tags": ["fold"]})
    page = exported(
        tmp_path, new_markdown_cell("# T"), new_markdown_cell("## A"), fold, shown("text/html", "<p>inner</p>"),
        new_markdown_cell("#### Deeper"), new_markdown_cell("### Next"), new_markdown_cell("## B\n\nOutside."),
    )  # fmt: skip
    more = page.select_one("main > details.x-more")
    assert more.summary.h3["id"] == "detail"
    assert "open" not in more.attrs
    assert all(word in more.get_text() for word in ("Why.", "inner", "Deeper"))
    assert not any(word in more.get_text() for word in ("Next", "Outside"))
    assert page.select_one('#toc a[href="#detail"]') is not None
    assert not page.select("details details")
    with pytest.raises(OutputError, match="no heading says what it is"):
        exported(tmp_path, new_markdown_cell("# T"), new_markdown_cell("text", metadata={"tags": ["fold"]}))
