"""The outline of a page: headings with addresses, the contents, tables one can scroll by keyboard.

Works on finished HTML, so that headings count wherever they come from: a markdown cell, a sentence
computed from data or a card.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from exlink.errors import OutputError

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
FORBIDDEN = ("script", "iframe", "object", "embed", "form", "video", "audio", "base")


def finished(html: str, *, title: str, where: str) -> str:
    """Return the page with one H1, addresses, contents and scrollable tables; refuse what would phone out."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    _refuse_requests(soup, where)
    _one_title(soup, title, where)
    _addresses(soup)
    _contents(soup)
    _folded(soup, where)
    for number, table in enumerate(soup.select("main table"), start=1):
        _table(soup, table, number)
    _reading_aids(soup)
    return f"{soup}\n" if not str(soup).endswith("\n") else str(soup)


def _refuse_requests(soup: BeautifulSoup, where: str) -> None:
    """Refuse elements that run or fetch something."""
    for tag in soup.main.find_all(FORBIDDEN):
        raise OutputError(f"{where}: a <{tag.name}> would be in the page; reports hold text, tables and figures only.")
    for name in ("src", "srcset"):
        for tag in soup.main.find_all(attrs={name: True}):
            if not tag[name].startswith("data:"):
                raise OutputError(f"{where}: an image is fetched from '{tag[name][:60]}'. Show it as a figure instead.")


def _one_title(soup: BeautifulSoup, title: str, where: str) -> None:
    """Make sure that the page has one H1."""
    found = soup.main.find_all("h1")
    if len(found) > 1:
        raise OutputError(f"{where}: {len(found)} first-level headings ('{found[1].get_text()}'). A page has one.")
    if not found:
        heading = soup.new_tag("h1")
        heading.string = title
        soup.main.insert(0, heading)


def _addresses(soup: BeautifulSoup) -> None:
    """Give every heading an address made of its words."""
    taken = {tag["id"] for tag in soup.find_all(id=True)}
    for heading in soup.main.find_all(HEADINGS):
        if heading.get("id"):
            continue
        words = unicodedata.normalize("NFKD", heading.get_text()).encode("ascii", "ignore").decode().lower()
        stem = "-".join(re.findall(r"[a-z0-9]+", words)[:8]) or "section"
        name, n = stem, 1
        while name in taken:
            n += 1
            name = f"{stem}-{n}"
        taken.add(name)
        heading["id"] = name


def _contents(soup: BeautifulSoup) -> None:
    """Fill the contents with the second- and third-level headings; a page with one section needs none."""
    nav = soup.find(id="toc")
    headings = soup.main.find_all(["h2", "h3"])
    if sum(h.name == "h2" for h in headings) < 2:
        nav.decompose()
        return
    label = soup.new_tag("p", attrs={"class": "x-nav-title", "id": "toc-title"})
    label.string = "On this page"
    top = soup.new_tag("ul")
    nav.extend([label, top])
    last: Tag | None = None
    for heading in headings:
        item = soup.new_tag("li")
        link = soup.new_tag("a", href=f"#{heading['id']}")
        link.string = heading.get_text()
        item.append(link)
        if heading.name == "h2" or last is None:
            top.append(item)
            last = item
        else:
            inner = last.find("ul") or last.append(soup.new_tag("ul")) or last.find("ul")
            inner.append(item)


def _folded(soup: BeautifulSoup, where: str) -> None:
    """Fold sections that are marked so behind their headings, up to the next heading of the same level or above."""
    for text in soup.select("main > .x-fold"):
        heading = text.find(HEADINGS)
        if heading is None:
            raise OutputError(f"{where}: a section is to be folded, and no heading says what it is. Give it one.")
        inside = []
        for node in text.find_next_siblings():
            first = node if node.name in HEADINGS else node.find(HEADINGS)
            if first is not None and first.name <= heading.name:
                break
            inside.append(node)
        more = soup.new_tag("details", attrs={"class": "x-more"})
        text.insert_before(more)
        summary = soup.new_tag("summary")
        summary.append(heading.extract())
        text["class"] = "x-text"
        more.extend([summary, text, *inside])


def _table(soup: BeautifulSoup, table: Tag, number: int) -> None:
    """Let a wide table scroll in its own focusable, named region, its notes below; drop private styles, empty heads."""
    wrapper = table.parent
    if wrapper.name == "div" and wrapper.find("style", recursive=False):  # great-tables brings its own
        wrapper.find("style", recursive=False).decompose()
        wrapper.attrs.pop("style", None)
    else:
        wrapper = table.wrap(soup.new_tag("div"))
    for head in table.find_all("th"):
        if not head.get_text(strip=True):
            head.name = "td"
            head.attrs.pop("scope", None)
        elif head.find_parent("thead") and not head.get("scope"):
            head["scope"] = "col"
    for cell in table.find_all("td"):
        if cell.get_text(strip=True) == "hidden":
            cell["class"] = [*cell.get("class", []), "x-quiet"]
        elif cell.get("style", "").startswith("text-align:right"):  # a markdown table's right column
            cell["class"] = [*cell.get("class", []), "gt_right"]
    _notes_below(soup, table, wrapper)
    title = table.select_one(".gt_title")
    heads = [h.get_text(" ", strip=True) for h in table.select("thead th")]
    name = title.get_text(strip=True) if title else ", ".join(heads[:3])
    wrapper.attrs |= {"class": "x-scroll", "tabindex": "0", "role": "region", "aria-label": f"Table {number}: {name}"}


def _notes_below(soup: BeautifulSoup, table: Tag, wrapper: Tag) -> None:
    """Move a table's notes out of what scrolls: on a phone they would be as wide as the table, and cut."""
    notes = table.select("tfoot .gt_sourcenote")
    if not notes:
        return
    below = soup.new_tag("div", attrs={"class": "x-notes"})
    for note in notes:
        note.name, note.attrs = "p", {}
        below.append(note.extract())
    table.tfoot.decompose()
    wrapper.insert_after(below)


def _reading_aids(soup: BeautifulSoup) -> None:
    """Mark the block of question and needs under the title, and the paragraphs that explain a figure."""
    for paragraph in soup.select(".x-text p"):
        first = paragraph.find("strong")
        if first and first.get_text().lower().startswith("reading this"):
            paragraph["class"] = "x-reading"
    heading = soup.select_one(".x-text > h1:first-child")
    if heading is None:
        return
    rest = [node for node in heading.find_next_siblings() if node.name in {"p", "ul", "table", "dl", "div"}]
    if rest:
        brief = soup.new_tag("div", attrs={"class": "x-brief"})
        rest[0].insert_before(brief)
        brief.extend(rest)
        card = soup.select_one("main .x-card")
        if card is not None and "x-decision" in card["class"] and card.find_previous("h2") is None:
            soup.main.append(brief)  # the executive page opens with its decision
