"""The sample study end to end: a report a stranger can open, the same every time, and no person in it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, run

from exlink.publish.steps_table import STEPS
from tests.browser import check_page, chromium, needs_chromium

STEMS = [step.stem for step in STEPS]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_it_ends_well_and_says_where_the_report_is(sample):
    assert sample.code == 0, sample.said
    assert sample.said.strip().splitlines()[-1].endswith("index.html")
    assert {p.stem for p in sample.folder.glob("*.html")} == {*STEMS, "index"}
    assert (sample.folder / "index.html").read_bytes() == (sample.folder / "09_executive_summary.html").read_bytes()


def test_a_second_cold_run_is_the_same_to_the_byte_and_a_third_does_nothing(sample, tmp_path):
    again = run(ROOT / "data/sample", tmp_path, "sample", "2026Q3", "--jobs", "1")
    assert again.code == 0, again.said
    assert digests(again.folder) == digests(sample.folder)
    third = run(ROOT / "data/sample", tmp_path, "sample", "2026Q3")
    assert third.code == 0
    assert "Nothing changed" in third.said or "nothing changed" in third.said


def test_an_earlier_quarter_comes_from_the_same_study(tmp_path):
    earlier = run(
        ROOT / "data/sample", tmp_path, "sample", "2025Q4", "--set", "period=2025Q4", "--only", "00_readiness"
    )
    assert earlier.code == 0, earlier.said
    facts = json.loads((earlier.folder / "artifacts/00_readiness/manifest.json").read_text())
    assert facts["study"]["period"] == "2025Q4"
    assert facts["rows"]["interactions"]["later"] > 0


def test_no_id_path_or_clock_is_anywhere_in_the_report(sample):
    """Ids are searched as whole words in text, in attributes and inside every artefact."""
    ids = set(pd.read_csv(ROOT / "data/sample/employees.csv", dtype=str)["employee_id"])
    ids |= set(pd.read_csv(ROOT / "data/sample/employees.csv", dtype=str)["manager_id"].dropna())
    ids |= set(pd.read_parquet(ROOT / "data/sample/interactions")["customer_id"])
    assert len(ids) > 10_000
    for file in sorted(sample.folder.rglob("*")):
        if file.suffix in {".html", ".json"}:
            text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", file.read_text(encoding="utf-8"))
        elif file.suffix == ".parquet":
            text = pd.read_parquet(file).to_csv()
        else:
            continue
        assert not ids & set(re.findall(r"[\w-]+", text)), file.name
        assert str(ROOT) not in text, file.name
        assert not re.search(r"/(home|root|tmp|work)/", text), file.name
        assert not re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d", text), file.name


def test_pages_hold_no_code_and_fetch_nothing(sample):
    for page in sample.folder.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "open_session" not in text
        assert not re.search(r'(src|href)="https?:', text), page.name
        assert "papermill" not in text.lower()


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@needs_chromium
@pytest.mark.parametrize("stem", ["index", *STEMS[:-1]])
def test_every_page_in_a_browser(sample, browser, stem):
    check_page(browser, sample.folder / f"{stem}.html")
