"""A study of a dozen people, a suite of three short notebooks and a stand-in for kernels, for tests of the runner."""

import csv
import json
import shutil
from datetime import date, timedelta
from pathlib import Path

from exlink.publish.artifacts import Artifacts, to_json, write_atomically
from exlink.publish.pipeline import run_study
from exlink.publish.steps_table import Step

STEPS = (
    Step("00_first", "First"),
    Step("01_other", "Other"),
    Step("09_last", "Last", ("00_first", "01_other"), index=True),
)
OPEN = """from exlink.publish.session import open_session
s = open_session("{stem}", study, run_dir)"""


def write_table(path: Path, header: str, rows: list[tuple]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split())
        writer.writerows(rows)


def tiny_study(folder: Path) -> Path:
    """Write a valid study: 12 employees in 2 teams, 2 quarterly waves, 240 interactions."""
    folder.mkdir(parents=True)
    people = [(f"emp-{i:03d}", "agent", f"T{i % 2}") for i in range(12)]
    write_table(folder / "employees.csv", "employee_id role team_id", people)
    waves = [date(2026, 4, 10), date(2026, 7, 10)]
    answers = [
        (person, day, "tools_work", "calls", "tools", "driver", 1 + (i + nth) % 5, 1, 5)
        for i, (person, _, _) in enumerate(people)
        for nth, day in enumerate(waves)
    ]
    write_table(
        folder / "ex_responses.csv",
        "employee_id responded_on item touchpoint aspect kpi score scale_min scale_max",
        answers,
    )
    contacts, replies = [], []
    for n in range(240):
        day = date(2026, 4, 12) + timedelta(days=n // 2)
        contacts.append((f"int-{n:05d}", people[n % 12][0], f"cus-{n % 60:04d}", f"{day} 10:00:00", "calls"))
        replies.append((f"int-{n:05d}", f"{day} 12:00:00", 1 + n % 5, n % 11, 1 + (n // 12) % 5))
    write_table(folder / "interactions.csv", "interaction_id employee_id customer_id started_at touchpoint", contacts)
    write_table(folder / "cx_responses.csv", "interaction_id responded_at ease recommend satisfaction", replies)
    names = ("employees", "ex_responses", "interactions", "cx_responses")
    sources = "".join(f"  {name}: {name}.csv\n" for name in names)
    (folder / "study.yaml").write_text(f"name: tiny\nperiod: 2026Q3\nsources:\n{sources}privacy: {{min_group: 3}}\n")
    return folder


def cell(name: str, source: str, *tags: str, kind: str = "code") -> dict:
    made = {"cell_type": kind, "id": name, "metadata": {"tags": list(tags)}, "source": source}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def write_notebook(folder: Path, stem: str, *cells: tuple[str, str], parameters: str = "") -> Path:
    """Write a notebook that opens a session, runs ``cells`` (id, source) and finishes."""
    literals = f'study = "../study"\nrun_dir = ""\n{parameters}'
    made = [
        cell("question", f"# What does {stem} ask?", kind="markdown"),
        cell("parameters", literals, "parameters"),
        cell("open", OPEN.format(stem=stem)),
        *(cell(name, source) for name, source in cells),
        cell("finish", "s.finish()"),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{stem}.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


TEAMS = (
    "teams",
    """frame = s.data.query("SELECT team_id, COUNT(*) AS n_employees FROM employees GROUP BY 1 ORDER BY 1")
frame["double"] = frame["n_employees"] * factor
s.save("teams", s.release(frame, people="n_employees", by=["team_id"]))""",
)


def tiny_suite(folder: Path) -> Path:
    """Write the three notebooks of ``STEPS``; the last one loads from the other two."""
    write_notebook(folder, "00_first", TEAMS, parameters="factor = 2.0  # multiplies")
    write_notebook(folder, "01_other", ("facts", 's.save_facts("headline", {"answers": 24, "label": label})'),
                   parameters='label = "calls"')  # fmt: skip
    load = """teams = s.load("00_first", "teams")
facts = s.load_facts("01_other", "headline")
s.say(f"**{teams['double'].sum():.1f}** doubled, from {facts['label']}.")"""
    write_notebook(folder, "09_last", ("load", load))
    return folder


def run(place, **options):
    """Run the suite in a place with a study and notebooks, to ``out`` beside them."""
    options = {"out": place / "out", "notebooks": place / "notebooks", "steps": STEPS} | options
    return run_study(place / "study", **options)


def run_dir(place, out="out"):
    return place / out / "tiny" / "2026Q3"


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def sealed(place, stem):
    """Return whether a run called the step's result complete."""
    return "fingerprint" in (Artifacts(run_dir(place)).read_manifest(stem) or {})


class StandIn:
    """Takes the place of kernels: each step writes one artefact that depends on its parameters."""

    def __init__(self):
        self.order, self.breaks, self.before, self.users = [], {}, {}, set()

    def __call__(self, notebook, target, parameters, kernels, on_cell):
        from exlink.publish.kernel import CellFailure

        stem = notebook.stem
        self.order.append(stem)
        self.before.get(stem, lambda: None)()
        shutil.copy(notebook, target)
        artifacts = Artifacts(Path(parameters["run_dir"]))
        if stem in self.breaks:
            raise CellFailure("cell `x` (1 of 1)", self.breaks[stem], users=stem in self.users)
        own = {k: v for k, v in parameters.items() if k not in ("study", "run_dir", "unused")}
        sha = write_atomically(artifacts.folder(stem) / "headline.json", to_json(own))
        artifacts.write_manifest(stem, {"step": stem, "outputs": {"headline.json": {"sha256": sha}}})
