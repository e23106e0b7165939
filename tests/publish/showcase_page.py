"""An executed notebook that shows every card, table and chart, made without a kernel."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

import showcase
from matplotlib.figure import Figure
from nbformat import NotebookNode, write
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from exlink.publish import cards, charts
from exlink.publish.session import NARROW

INTRO = """# Which part of the working day makes customers' life easier?

**Question** Which aspect moves ease within the same person?

**Needs** `ex_responses`, `interactions`, `cx_responses`

**Gives** slopes, intervals, a ranking of aspects

**Decides** what to change first"""
READING = "**Reading this figure.** A dot is an estimate, the line its interval. Look for lines that leave out zero."


def executive() -> list[tuple[str, cards.Html]]:
    """Return the cards of the executive page with their headings."""
    return [
        (
            "",
            cards.decision(
                "Repair the service desktop in the two claims teams first: it pays back within the year.",
                verdict="Act",
                because="Nine in ten simulated outcomes gain money; waiting a quarter costs about €95,000.",
            ),
        ),
        (
            "",
            cards.tiles(
                [
                    cards.Tile(
                        "Net benefit a year",
                        "€450,000",
                        "80 % interval: €120,000 to €910,000",
                        "What is left after the cost.",
                    ),
                    cards.Tile(
                        "Ease gained",
                        "+0.21",
                        "95 % interval: +0.11 to +0.31",
                        "On the 1–5 scale, when tools rise by a point.",
                    ),
                    cards.Tile(
                        "Customers kept",
                        "+1.4 %",
                        "95 % interval: +0.3 to +2.6 %",
                        "Of those who would have left in a year.",
                    ),
                    cards.Tile(
                        "Chance that it pays", "91 %", "of 2,000 bootstrap draws", "Through every link of the chain."
                    ),
                ]
            ),
        ),
        (
            "The chain",
            cards.chain(
                [
                    cards.Link("Employee experience", "+1 point", "tools, 1–5", "What a working desktop adds."),
                    cards.Link(
                        "Customer experience",
                        "+0.21 ease",
                        "+0.11 to +0.31",
                        "In the interactions those people handle.",
                    ),
                    cards.Link("Money", "€450,000", "€120,000 to €910,000", "Margin a year from customers kept."),
                ]
            ),
        ),
        (
            "What to change first",
            cards.changes(
                [
                    cards.Change(
                        "Repair the service desktop",
                        "€450,000",
                        "€120,000 to €910,000",
                        "Largest slope, touches most contacts.",
                        "€120,000",
                    ),
                    cards.Change(
                        "Put knowledge where the call is",
                        "€140,000",
                        "−€20,000 to €310,000",
                        "Second slope; the interval holds zero.",
                    ),
                ]
            ),
        ),
        (
            "Warning signs",
            cards.badges(
                [
                    cards.Badge(
                        "Frontline experience", "misaligned", "CSAT rises while engagement falls in 4 of 20 teams."
                    ),
                    cards.Badge("Data and feedback", "watch", "A third of the themes recur without action."),
                    cards.Badge("Performance management", "aligned", "No sign that top performers leave first."),
                    cards.Badge("Operational workflows", "not assessed", "Needs desktop activity."),
                ]
            ),
        ),
        (
            "How sure are we",
            cards.certainty(
                [
                    cards.Certainty(
                        "Better tools make customers' life easier",
                        "strong",
                        "Same person, before and after; planted truth inside the interval.",
                    ),
                    cards.Certainty("Ease turns into margin", "moderate", "Customer fixed effects, eight quarters."),
                    cards.Certainty("It holds in the field service", "weak", "22 technicians only."),
                ]
            ),
        ),
        (
            "What would change our mind",
            cards.mind_changers(["If ease had moved before the tools did.", "If leavers explained the gain."]),
        ),
        ("Not assessed", cards.not_assessed("not assessed: needs `desktop_activity`, `interactions.complexity`")),
        (
            "Glossary",
            cards.glossary({"EX": "Employee experience <as measured>", "CSAT": "Satisfaction of customers & users"}),
        ),
        (
            "Provenance",
            cards.provenance({"Study": "sample, 2026Q3", "Interactions": "60,214, of which 14,436 answered"}),
        ),
    ]


def notebook(folder: Path, name: str = "03_showcase", with_cards: bool = True) -> Path:
    """Write an executed notebook that shows everything, without starting a kernel."""
    found = [new_markdown_cell(INTRO), _parameters("parameters"), _parameters("injected-parameters")]
    if with_cards:
        for heading, card in executive():
            found += [new_markdown_cell(f"## {heading}")] if heading else []
            found.append(_cell({"text/html": card.text, "text/plain": "Html(…)"}))
    found.append(
        _cell(
            {"text/markdown": "## Tools come first: **+0.21** points of ease\n\nThe label <script>x</script> is text."}
        )
    )
    found.append(_cell({"text/html": showcase.wide_table().as_raw_html()}))
    found.append(
        _cell({"text/html": showcase.result_table().as_raw_html()}, {"text/html": {"caption": "Slopes per aspect."}})
    )
    found.append(
        new_markdown_cell("## Every figure\n\n| Sign | Meaning |\n|---|---:|\n| dot | estimate |\n| line | interval |")
    )
    for figure_name, (encoded, width, narrow, narrow_width) in _pictures().items():
        shown = {"alt": f"The {figure_name} of the showcase.", "caption": f"What {figure_name} says, in a sentence."}
        found.append(new_markdown_cell(f"### {figure_name.replace('_', ' ').capitalize()}"))
        data = {"image/png": encoded, NARROW: narrow, "text/plain": "<Figure>"}
        found.append(_cell(data, {"image/png": shown | {"width": width}, NARROW: {"width": narrow_width}}))
        found.append(new_markdown_cell(READING))
    found.append(
        new_code_cell(
            "print('x')", outputs=[new_output("stream", name="stderr", text="/Users/someone/secret.py: warning")]
        )
    )
    path = folder / f"{name}.ipynb"
    metadata = {"papermill": {"parameters": {"study": "/Users/someone/secret"}, "start_time": "2026-11-22T11:22:33"}}
    write(new_notebook(cells=found, metadata=metadata), path)
    return path


@cache
def _pictures() -> dict[str, tuple[str, int, str, int]]:
    """Return every figure as base64 PNG with its width, wide and narrow, drawn once for all tests."""
    figures = {name: draw() for name, draw in showcase.figures().items()}
    return {n: (*_picture(f), *_picture(charts.narrow(f))) for n, f in figures.items()}


def _picture(figure: Figure) -> tuple[str, int]:
    return base64.b64encode(charts.png(figure)).decode(), charts.css_width(figure)


def _parameters(tag: str) -> NotebookNode:
    outputs = [new_output("display_data", data={"text/markdown": "/Users/someone/secret"})]
    return new_code_cell('study = "/Users/someone/secret"', metadata={"tags": [tag]}, outputs=outputs)


def _cell(data: dict, metadata: dict | None = None) -> NotebookNode:
    return new_code_cell(
        "s.show(secret_code)", outputs=[new_output("display_data", data=data, metadata=metadata or {})]
    )
