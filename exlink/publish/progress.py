"""How a run tells what it is doing: a bar on a terminal, plain lines elsewhere, nothing in Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

WORDS = {
    "run": "running",
    "done": "done",
    "unchanged": "unchanged",
    "failed": "FAILED",
    "skipped": "left out",
}


class Progress(Protocol):
    """What a run reports to. All methods are called from the run's own thread but ``cell``."""

    def total(self, steps: int) -> None:
        """Say how many steps there are."""

    def step(self, stem: str, state: str, detail: str = "") -> None:
        """Say that a step is now in a state of ``WORDS``."""

    def cell(self, stem: str, done: int, of: int) -> None:
        """Say how many code cells of a running step are done."""

    def count(self, done: int, of: int) -> None:
        """Say how much of one long piece of work is done."""

    def note(self, text: str) -> None:
        """Say something that belongs to no single step."""


class Silent:
    """Says nothing."""

    def total(self, steps: int) -> None:
        """Say nothing."""

    def step(self, stem: str, state: str, detail: str = "") -> None:
        """Say nothing."""

    def cell(self, stem: str, done: int, of: int) -> None:
        """Say nothing."""

    def count(self, done: int, of: int) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""


class Lines(Silent):
    """One plain line per event, for logs and pipelines."""

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file or sys.stdout
        self.tenths = 0

    def step(self, stem: str, state: str, detail: str = "") -> None:
        """Print the step's new state."""
        self.note(f"{stem}: {WORDS[state]}" + (f" ({detail})" if detail else ""))

    def count(self, done: int, of: int) -> None:
        """Print a line for every tenth."""
        if done * 10 // max(of, 1) > self.tenths:
            self.tenths = done * 10 // max(of, 1)
            self.note(f"{done:,} of {of:,}")

    def note(self, text: str) -> None:
        """Print a line."""
        print(text, file=self.file, flush=True)


class Bars(Silent):
    """Bars of rich on a terminal: one for the run, one for each running step."""

    def __init__(self, bars: object, what: str) -> None:
        self.bars = bars
        self.whole = bars.add_task(what, total=None)
        self.tasks: dict[str, int] = {}

    def total(self, steps: int) -> None:
        """Set the length of the whole bar."""
        self.bars.update(self.whole, total=steps)

    def step(self, stem: str, state: str, detail: str = "") -> None:
        """Show a running step's bar, or print how it ended."""
        if state == "run":
            self.tasks[stem] = self.bars.add_task(stem, total=None)
            return
        if stem in self.tasks:
            self.bars.remove_task(self.tasks.pop(stem))
        self.bars.advance(self.whole)
        if state != "unchanged":
            self.note(f"{stem}: {WORDS[state]}" + (f" ({detail})" if detail else ""))

    def cell(self, stem: str, done: int, of: int) -> None:
        """Move the step's bar."""
        if stem in self.tasks:
            self.bars.update(self.tasks[stem], completed=done, total=of)

    def count(self, done: int, of: int) -> None:
        """Move the whole bar."""
        self.bars.update(self.whole, completed=done, total=of)

    def note(self, text: str) -> None:
        """Print a line above the bars."""
        self.bars.console.print(text, markup=False, highlight=False)


@contextmanager
def reporting(what: str) -> Iterator[Progress]:
    """Give what fits where the output goes: bars on a terminal, plain lines elsewhere; ``what`` is counted."""
    out = sys.stdout
    if not out.isatty():
        yield Lines(out)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with RichProgress(*columns, console=Console(file=out), transient=True) as bars:
        yield Bars(bars, what)
