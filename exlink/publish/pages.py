"""The pages of a run: exported from executed notebooks, linked to each other, never stale.

A page links to every step of the suite. A link whose page is not there (the step failed, or was not chosen)
becomes a placeholder, and a link again once the page exists.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from exlink.publish.artifacts import touching, write_atomically
from exlink.publish.parameters import read_notebook
from exlink.publish.steps_table import Step

INDEX = "index.html"
FAILED = "failed"


def page_files(step: Step) -> tuple[str, ...]:
    """Return the names of the pages a step has."""
    return (f"{step.stem}.html", INDEX) if step.index else (f"{step.stem}.html",)


def publish_page(executed: Path, run_dir: Path, step: Step, steps: Sequence[Step], heading: str) -> dict[str, str]:
    """Export an executed notebook to the step's page or pages; return file name to hash."""
    from exlink.publish.export import export_html

    names = page_files(step)
    made = executed.with_name(names[-1])  # the summary calls itself index.html under both its names
    nav = [(other.title, page_files(other)[-1]) for other in steps]
    export_html(executed, made, title=f"{step.title} · {heading}", nav=nav)
    content = made.read_bytes()
    for name in names:
        write_atomically(run_dir / name, content)
    return {name: page_hash(run_dir / name) for name in names}


def warnings_in(executed: Path) -> list[str]:
    """Return what an executed notebook warned of; its page does not show it, so the run tells it."""
    cells = [c for c in read_notebook(executed)["cells"] if c["cell_type"] == "code"]
    texts = [o["text"] for c in cells for o in c["outputs"] if o["output_type"] == "stream" and o["name"] == "stderr"]
    return list(dict.fromkeys(line for text in texts for line in _warnings("".join(text))))


def page_hash(path: Path) -> str:
    """Return the hash of a page as it was exported, whichever of its links are placeholders now."""
    if not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes().replace(b'data-page="', b'href="')).hexdigest()


def settle_links(run_dir: Path, steps: Sequence[Step]) -> None:
    """Make every link between pages point to a page that is there, or to nothing."""
    names = {name for step in steps for name in page_files(step)}
    there = {name for name in names if (run_dir / name).is_file()}
    link = re.compile(rb'\b(?:href|data-page)="([\w.-]+\.html)((?:#[^"]*)?)"')

    def settled(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        if name not in names:
            return match[0]
        return (b'href="' if name in there else b'data-page="') + match[1] + match[2] + b'"'

    for name in sorted(there):
        before = (run_dir / name).read_bytes()
        after = link.sub(settled, before)
        if after != before:
            write_atomically(run_dir / name, after)


def remove_pages(run_dir: Path, step: Step) -> None:
    """Remove a step's pages, so that nobody reads old numbers as new."""
    for name in page_files(step):
        with touching(run_dir / name):
            (run_dir / name).unlink(missing_ok=True)


def keep_failed(executed: Path, run_dir: Path, step: Step) -> Path:
    """Keep the notebook of a failed step where its user finds it; return where."""
    target = run_dir / FAILED / f"{step.stem}.ipynb"
    write_atomically(target, executed.read_bytes())
    return target


def forget_failed(run_dir: Path, step: Step) -> None:
    """Remove the kept notebook of an earlier failure of this step."""
    folder = run_dir / FAILED
    with touching(folder):
        (folder / f"{step.stem}.ipynb").unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder)


def _warnings(text: str) -> list[str]:
    """Return the warnings in what a cell wrote to stderr: their words, without file names and source lines."""
    found = [line.split("Warning: ", 1)[1].strip() for line in text.splitlines() if "Warning: " in line]
    return found or [line.strip() for line in text.splitlines() if line.strip()][-1:]
