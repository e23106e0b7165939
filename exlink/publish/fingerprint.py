"""What a step's result depends on, as hashes: when none of them changed, the step is not run again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from exlink.data.study import Study, expand_env
from exlink.publish.parameters import read_notebook, source_of, tags_of
from exlink.publish.places import package_folder

_LIBRARIES = (
    "pandas", "numpy", "scipy", "statsmodels", "linearmodels", "pyfixest", "duckdb", "narwhals",
    "matplotlib", "seaborn", "great-tables", "nbconvert",
)  # fmt: skip
_TEXT = re.compile(r"'([^'\n]*\.\w+)'")  # a quoted SQL text that ends like a file name
_CODE = {".py", ".j2", ".html", ".css", ".json", ".tpl", ".svg"}


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def code_hash(folder: Path | None = None) -> str:
    """Return one hash over the package's code and templates and the versions of the libraries it computes with."""
    root = folder or package_folder()
    files = sorted(p for p in root.rglob("*") if p.suffix in _CODE and "__pycache__" not in p.parts and p.is_file())
    content = {p.relative_to(root).as_posix(): sha256_of_file(p) for p in files}
    return sha256_of({"files": content, "libraries": {name: _installed(name) for name in _LIBRARIES}})


def notebook_hash(path: Path) -> str:
    """Return the hash of what a notebook does and says; saving it with outputs, or folding a cell, moves nothing."""
    cells = read_notebook(path)["cells"]
    return sha256_of([[cell["cell_type"], cell.get("id"), tags_of(cell), source_of(cell)] for cell in cells])


def input_hashes(study: Study) -> dict[str, str]:
    """Return the SHA-256 of every file the study reads, by a label without absolute paths.

    A file below the study's folder is labelled by its relative path, another one by its source and file
    name; a truth.json beside the study counts as read.
    """
    from exlink.data.warehouse import input_files  # imports the engine: not for `exlink --help`

    labels: dict[str, Path] = {}
    for source, files in [*input_files(study).items(), *_files_in_queries(study)]:
        for file in files:
            labels[_label(file, study.folder, source, labels)] = file
    truth = study.folder / "truth.json"
    if truth.is_file():
        labels["truth.json"] = truth
    with ThreadPoolExecutor(2) as pool:  # hashing leaves the interpreter free
        return dict(sorted(zip(labels, pool.map(sha256_of_file, labels.values()), strict=True)))


def effective_study(study: Study) -> dict[str, Any]:
    """Return what of the study every step depends on: all but the parameters of single notebooks."""
    return {key: value for key, value in json.loads(study.to_json()).items() if key != "steps"}


def step_fingerprint(
    *,
    notebook: Path,
    code: str,
    parameters: Mapping[str, Any],
    study: Mapping[str, Any],
    inputs: Mapping[str, str],
    needs: Mapping[str, Mapping[str, str]],
) -> str:
    """Return the hash of everything a step's result depends on; ``needs`` are the artefacts it may load."""
    return sha256_of(
        {
            "notebook": notebook_hash(notebook),
            "code": code,
            "parameters": parameters,
            "study": study,
            "inputs": inputs,
            "needs": needs,
        }
    )


def _files_in_queries(study: Study) -> list[tuple[str, list[Path]]]:
    """Return, per source with a query, the files its text names (``read_csv('…')``)."""
    queries = {name: expand_env(source.sql, f"sources.{name}") for name, source in study.sources.items() if source.sql}
    named = {name: [p for text in _TEXT.findall(sql) for p in glob(text)] for name, sql in queries.items()}  # noqa: PTH207
    return [(name, sorted(map(Path, files))) for name, files in named.items()]


def _label(file: Path, folder: Path, source: str, taken: Mapping[str, Path]) -> str:
    if file.is_relative_to(folder):
        return file.relative_to(folder).as_posix()
    label, nth = f"{source}/{file.name}", 2
    while taken.get(label, file) != file:
        label, nth = f"{source}/{nth}/{file.name}", nth + 1
    return label


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
