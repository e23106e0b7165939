"""Pages in a real browser: the showcase of everything a page can hold, and pages broken on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import showcase_page

from exlink.publish import style
from exlink.publish.export import export_html
from tests.browser import (
    DESKTOP,
    PHONE,
    check_accessible,
    check_console_is_silent,
    check_contents_links_work,
    check_fits_the_width,
    check_headings_nest,
    check_images_have_alt_text,
    check_no_request_leaves,
    check_page,
    chromium,
    needs_chromium,
    open_page,
)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Return the pages to look at by name."""
    folder = tmp_path_factory.mktemp("pages")
    nav = [("Showcase", "showcase.html"), ("Plain", "plain.html")]
    found = {}
    for name, with_cards in (("showcase", True), ("plain", False)):
        found[name] = folder / f"{name}.html"
        source = showcase_page.notebook(folder, name, with_cards=with_cards)
        export_html(source, found[name], title=f"{name.capitalize()} · sample 2026Q3", nav=nav)
    return found


NAMES = ("showcase", "plain")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_passes_every_check(browser, pages, name):
    check_page(browser, pages[name])


@pytest.mark.parametrize("width", [320, 768, 1000, 1366, 2560])
def test_a_page_fits_every_width_although_a_table_does_not(browser, pages, width):
    check_fits_the_width(open_page(browser, pages["showcase"], {"width": width, "height": 800}))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everyone_can_read_it(browser, pages, viewport, scheme):
    check_accessible(open_page(browser, pages["showcase"], viewport, scheme))


def test_on_a_phone_the_contents_follow_the_page_and_a_link_leads_there(browser, pages):
    page = open_page(browser, pages["showcase"], PHONE).page
    page.get_by_role("link", name="Contents", exact=True).click()
    assert 0 <= page.locator("#contents").bounding_box()["y"] < PHONE["height"]


def test_the_skip_link_is_the_first_stop_of_the_keyboard(browser, pages):
    page = open_page(browser, pages["showcase"], DESKTOP).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_table_can_be_scrolled_by_keyboard_on_a_phone(browser, pages):
    page = open_page(browser, pages["showcase"], {"width": 320, "height": 700}).page
    regions = page.locator(".x-scroll")
    wide = [k for k in range(regions.count()) if regions.nth(k).evaluate("r => r.scrollWidth > r.clientWidth")]
    region = regions.nth(wide[0])
    region.focus()
    page.keyboard.press("ArrowRight")
    for _ in range(100):  # wait_for_function needs eval, which the page's policy forbids
        if region.evaluate("r => r.scrollLeft") > 0:
            break
        page.wait_for_timeout(20)
    assert region.evaluate("r => r.scrollLeft") > 0
    edge = region.evaluate("r => r.querySelector('tbody th[scope=row]').getBoundingClientRect().left - r.offsetLeft")
    assert abs(edge) < 1  # the heads of the rows stay where they are


def test_type_in_figures_can_be_read_on_a_phone(browser, pages):
    page = open_page(browser, pages["showcase"], PHONE).page
    shown = page.evaluate("[...document.querySelectorAll('.x-sheet img')].map(i => [i.currentSrc, i.width])")
    sources = page.evaluate("[...document.querySelectorAll('.x-sheet source')].map(s => s.srcset)")
    assert [source for source, _ in shown] == sources
    assert min(width for _, width in shown) / style.NARROW_WIDTH * style.SMALL_PT / 72 >= 10.5  # CSS pixels


@pytest.mark.parametrize(("width", "media"), [(700, "screen"), (1280, "screen"), (700, "print")])
def test_a_wide_screen_and_paper_show_the_wide_drawing(browser, pages, width, media):
    page = open_page(browser, pages["showcase"], {"width": width, "height": 900}).page
    page.emulate_media(media=media)
    images = page.locator(".x-sheet img")
    assert images.evaluate_all("found => found.every(i => i.currentSrc === i.src)")
    least = images.evaluate_all("found => Math.min(...found.map(i => i.width))")
    assert least / style.WIDTH * style.SMALL_PT / 72 >= 10.5 or media == "print"


def test_paper_has_no_navigation(browser, pages):
    page = open_page(browser, pages["showcase"], DESKTOP, "dark").page
    page.emulate_media(media="print")
    assert not page.locator("#contents").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


# Each check must be able to fail.

BROKEN = """<!DOCTYPE html><html><head><title>x</title></head><body><main><h1>T</h1><h3 id="a">A</h3><img src="data:,">
<img src="missing.png" alt="x"><p style="width:3000px;color:#ccc;background:#fff">pale</p></main>
<nav id="toc"><a href="#a">A</a></nav></body></html>"""


@pytest.mark.parametrize(
    "check",
    [
        check_no_request_leaves,
        check_console_is_silent,
        check_images_have_alt_text,
        check_headings_nest,
        check_accessible,
        check_fits_the_width,
    ],
)
def test_a_broken_page_is_caught(browser, tmp_path, check):
    path = tmp_path / "broken.html"
    path.write_text(BROKEN, encoding="utf-8")
    visit = open_page(browser, path, PHONE)
    with pytest.raises(AssertionError):
        check(visit)


def test_a_contents_link_that_leads_nowhere_is_caught(browser, tmp_path):
    from playwright.sync_api import Error

    path = tmp_path / "broken.html"
    path.write_text(BROKEN.replace('id="a"', 'id="b"'), encoding="utf-8")
    with pytest.raises((AssertionError, Error)):
        check_contents_links_work(open_page(browser, path, DESKTOP))
