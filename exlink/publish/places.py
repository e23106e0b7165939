"""Where things are: the notebooks, the study a path means, the folder a run writes to."""

from __future__ import annotations

import os
from pathlib import Path

import exlink
from exlink.errors import StudyError


def package_folder() -> Path:
    """Return the folder of the exlink package."""
    return Path(exlink.__file__).resolve().parent


def notebooks_folder(start: Path | None = None) -> Path | None:
    """Return the nearest ``notebooks/`` at or above ``start`` (the working folder), else the checkout's own."""
    here = (start or Path.cwd()).resolve()
    own = package_folder().parent / "notebooks"
    for folder in (here, *here.parents):
        for candidate in (folder, folder / "notebooks"):
            if candidate.name == "notebooks" and any(candidate.glob("[0-9][0-9]_*.ipynb")):
                return candidate
    return own if own.is_dir() else None


def reports_folder(start: Path | None = None) -> Path:
    """Return ``reports/`` beside the nearest ``notebooks/``, or under the working folder when there is none."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if folder.name == "notebooks" and any(folder.glob("[0-9][0-9]_*.ipynb")):
            return folder.parent / "reports"
        if any((folder / "notebooks").glob("[0-9][0-9]_*.ipynb")):
            return folder / "reports"
    return here / "reports"


def resolve_study(study: str | Path, start: Path | None = None) -> Path:
    """Return the study meant by a path in a notebook, whatever folder its kernel was started in.

    A relative path is tried against the working folder, then the notebooks folder, then the folder that
    holds it: ``../data/sample`` and ``data/sample`` both work from JupyterLab and from the repository root.
    """
    given = Path(study).expanduser()
    here = (start or Path.cwd()).resolve()
    notebooks = notebooks_folder(here)
    bases = [here] if notebooks is None else [here, notebooks, notebooks.parent]
    candidates = [given] if given.is_absolute() else [base / given for base in bases]
    for candidate in candidates:
        if candidate.exists():
            return Path(os.path.normpath(candidate))
    raise StudyError(f"There is no study at {study}. Name a folder that holds a study.yaml in the parameters cell.")


def shown(path: Path) -> str:
    """Return a path as a person reads it: relative when it is below the working folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
