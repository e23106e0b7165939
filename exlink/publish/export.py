"""From an executed notebook to one self-contained HTML page.

Only what the notebook shows leaves it: text, released tables and figures. Code, parameters, paths,
clock times and everything printed stay behind, because the page is built from a cleaned copy that
never held them. The same notebook gives the same bytes.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exlink.errors import DisclosureError, OutputError, StepError
from exlink.publish import outline

if TYPE_CHECKING:
    from nbformat import NotebookNode

TEMPLATES = Path(__file__).parent / "templates"
TEMPLATE = "exlink"
REMOVED = frozenset({"parameters", "injected-parameters", "remove-cell"})
FOLD = "fold"  # a section that begins with this cell is opened by who wants the detail, and open on paper
READING = re.compile(r"\s*\*\*Reading this (figure|table)")
SHOWN = ("text/html", "text/markdown", "image/png")  # the first that an output has is shown
NARROW = "application/vnd.exlink.narrow+png"  # session.py writes it beside a figure, which stays the wide one
CSS_PIXELS = 700  # width of a figure whose cell does not say one


def export_html(notebook: Path, target: Path, *, title: str, nav: Sequence[tuple[str, str]] = ()) -> None:
    """Write the executed ``notebook`` as one HTML page that needs nothing but itself.

    Parameters
    ----------
    notebook : Path
        An executed notebook without a failed cell.
    target : Path
        Where the page goes; its folder is made.
    title : str
        Title of the browser's tab and the line above the page.
    nav : sequence of (str, str)
        Text and relative address of the report's other pages.
    """
    import nbformat

    for text, href in nav:
        if ":" in href or href.startswith(("/", "\\")):
            raise OutputError(f"nav: the address of '{text}' must be relative, not '{href}'.")
    source = nbformat.read(notebook, as_version=4)
    page = {"title": title, "nav": list(nav), "self": target.name, "css": _css()}
    body, _ = _exporter().from_notebook_node(cleaned(source, notebook.name), resources={"page": page})
    html = outline.finished(body, title=title, where=notebook.name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        part.write_text(html, encoding="utf-8", newline="\n")
        part.replace(target)  # a killed run never leaves half a page
    except OSError as error:
        raise OutputError(f"{target.name} cannot be written to {target.parent}: {error.strerror}.") from error


def cleaned(source: NotebookNode, where: str) -> NotebookNode:
    """Return a notebook that holds the text and the shown outputs of ``source`` and nothing else.

    How to read a figure or table is left out where there is none to read.
    """
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells, missing = [], False
    for i, cell in enumerate(source.cells):
        if REMOVED & set(cell.metadata.get("tags", ())):
            continue
        if cell.cell_type == "markdown":
            unread = missing and READING.match(cell.source)
            missing = False
            if unread:
                continue
            kept = [tag for tag in cell.metadata.get("tags", ()) if tag == FOLD]
            cells.append(new_markdown_cell(cell.source, id=f"c{i}", metadata={"tags": kept}))
        elif cell.cell_type == "code":
            outputs = list(_shown(cell, where))
            drawn = [output for output in outputs if "text/markdown" not in output.data]
            if drawn:  # a sentence between figure and reading leaves it open which of them is read: the figure
                missing = all(_says_missing(output) for output in drawn)
            if outputs:
                cells.append(new_code_cell(outputs=outputs, id=f"c{i}"))
    return new_notebook(cells=cells)


def _says_missing(output: NotebookNode) -> bool:
    """Return whether an output is a card that only says what could not be assessed, or an empty one."""
    markup = output.data.get("text/html")
    return markup is not None and (not markup.strip() or 'class="x-card x-missing"' in markup)


def _shown(cell: NotebookNode, where: str) -> Iterator[NotebookNode]:
    """Yield what a cell shows, each output in one form and with the metadata that the page needs."""
    from nbformat.v4 import new_output

    for output in cell.get("outputs", ()):
        if output.output_type == "error":
            raise StepError(
                f"{where}: cell '{cell.get('id', '?')}' ended in {output.ename}; no page is written from a "
                "failed notebook. Fix the cell and run it again."
            )
        if output.output_type not in {"display_data", "execute_result"}:
            continue  # what was printed is for the analyst
        kind = next((k for k in SHOWN if k in output.data), None)
        if kind is None:
            continue
        metadata = output.metadata.get(kind, {})
        if kind == "text/html" and "dataframe" in output.data[kind][:400]:
            raise DisclosureError(
                f"{where}: cell '{cell.get('id', '?')}' shows a DataFrame that did not pass the disclosure gate. "
                "Show s.show(table(s.release(frame, …)))."
            )
        kept = {"caption": str(metadata.get("caption") or "")}
        if kind == "image/png":
            kept |= _picture(output.data[kind], metadata, f"{where}: cell '{cell.get('id', '?')}'")
            if NARROW in output.data:
                size = _size(output.data[NARROW], output.metadata.get(NARROW, {}))
                kept["narrow"] = {"png": output.data[NARROW]} | size
        yield new_output("display_data", data={kind: output.data[kind]}, metadata={kind: kept})


def _picture(encoded: str, metadata: dict[str, Any], where: str) -> dict[str, Any]:
    """Return alt text and size of a figure; a figure without alt text is refused."""
    alt = str(metadata.get("alt") or "").strip()
    if not alt:
        raise OutputError(f"{where} shows a figure without alt text. Use s.show(figure, alt='…').")
    return {"alt": alt} | _size(encoded, metadata)


def _size(encoded: str, metadata: dict[str, Any]) -> dict[str, int]:
    """Return the size in CSS pixels at which a figure is shown."""
    width, height = struct.unpack(">II", base64.b64decode(encoded[:64])[16:24])  # PNG header
    css = int(metadata.get("width") or CSS_PIXELS)
    return {"width": css, "height": round(css * height / width)}


def _css() -> str:
    """Return the stylesheet without comments."""
    lines = (TEMPLATES / TEMPLATE / "page.css").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if line.strip() and not line.startswith("/*"))


def _exporter() -> Any:
    """Return nbconvert's exporter with exlink's template and its two ways of reading Markdown."""
    import mistune
    from nbconvert.exporters import HTMLExporter

    plugins = ["table", "strikethrough"]
    authored = mistune.create_markdown(escape=False, plugins=plugins)
    said = mistune.create_markdown(escape=True, plugins=plugins)  # holds labels from data: their HTML is text
    exporter = HTMLExporter(template_name=TEMPLATE, extra_template_basedirs=[str(TEMPLATES)])
    exporter.register_filter("authored_markdown", authored)
    exporter.register_filter("said_markdown", said)
    return exporter
