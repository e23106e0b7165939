"""Checks of a page in a real browser: it fetches nothing, says nothing on the console, and everyone can read it.

Every check is a function of a visit, so that showcase pages and pages of finished reports pass the same ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on this machine"
)


@dataclass
class Visit:
    """A page in the browser with what it asked for and said."""

    page: object
    path: Path
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[object]:
    """Run the machine's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


def open_page(browser, path: Path, viewport: dict[str, int], scheme: str = "light") -> Visit:
    page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()
    visit = Visit(page, path)
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("console", lambda message: visit.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: visit.said.append(f"error: {error}"))
    page.goto(path.as_uri())
    return visit


def check_no_request_leaves(visit: Visit) -> None:
    assert [url for url in visit.requests if url != visit.path.as_uri() and not url.startswith("data:")] == []


def check_console_is_silent(visit: Visit) -> None:
    assert visit.said == []


def check_images_have_alt_text(visit: Visit) -> None:
    images = visit.page.eval_on_selector_all("img", "all => all.map(i => [i.alt, i.complete && i.naturalWidth > 0])")
    assert all(alt.strip() and "No description" not in alt and loaded for alt, loaded in images)


def check_headings_nest(visit: Visit) -> None:
    levels = visit.page.eval_on_selector_all("h1, h2, h3, h4, h5, h6", "all => all.map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def check_contents_links_work(visit: Visit) -> None:
    links = visit.page.locator("#toc a")
    for i in range(links.count()):
        href = links.nth(i).get_attribute("href")
        links.nth(i).click()
        top = visit.page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", href[1:])
        at_end = visit.page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2")
        assert visit.page.evaluate("location.hash") == href
        assert 0 <= top < 80 or (at_end and top < visit.page.viewport_size["height"])


def check_accessible(visit: Visit) -> None:
    from axe_playwright_python.sync_playwright import Axe

    results = Axe().run(visit.page).response
    grave = [v for v in results["violations"] if v["impact"] in {"serious", "critical"}]
    told = [f"{v['id']}: {v['help']} ({n['html'][:120]})" for v in grave for n in v["nodes"][:3]]
    assert told == []


def check_fits_the_width(visit: Visit) -> None:
    width = visit.page.viewport_size["width"]
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def check_page(browser: object, path: Path) -> None:
    """Put one page through every check, on a desktop and on a phone."""
    visit = open_page(browser, path, DESKTOP)
    check_no_request_leaves(visit)
    check_images_have_alt_text(visit)
    check_headings_nest(visit)
    check_contents_links_work(visit)
    check_fits_the_width(visit)
    check_accessible(visit)
    check_console_is_silent(visit)
    visit.page.context.close()
    phone = open_page(browser, path, PHONE)
    check_fits_the_width(phone)
    check_no_request_leaves(phone)
    check_console_is_silent(phone)
    phone.page.context.close()
