"""Where things are: the notebooks, the study a path means, the folder a run writes to."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import exlink
from exlink.errors import StudyError
from exlink.publish.steps_table import STEPS

STEMS = tuple(step.stem for step in STEPS)


def package_folder() -> Path:
    """Return the folder of the exlink package."""
    return Path(exlink.__file__).resolve().parent


def notebooks_folder(start: Path | None = None, stems: Collection[str] = STEMS) -> Path | None:
    """Return the nearest ``notebooks/`` at or above ``start`` (the working folder), else the checkout's own.

    A folder counts when it holds one of the notebooks meant; other people's notebooks are not exlink's.
    """
    found = _nearest((start or Path.cwd()).resolve(), stems)
    own = package_folder().parent / "notebooks"
    return found or (own if own.is_dir() else None)


def reports_folder(start: Path | None = None, stems: Collection[str] = STEMS) -> Path:
    """Return ``reports/`` beside the nearest ``notebooks/``, or under the working folder when there is none."""
    here = (start or Path.cwd()).resolve()
    found = _nearest(here, stems)
    return (found.parent if found else here) / "reports"


def resolve_study(study: str | Path, start: Path | None = None, stems: Collection[str] = STEMS) -> Path:
    """Return the study meant by a path in a notebook, whatever folder its kernel was started in.

    A relative path is tried against the working folder, then the notebooks folder, then the folder that
    holds it: ``../data/sample`` and ``data/sample`` both work from JupyterLab and from the repository root.
    """
    given = Path(study).expanduser()
    here = (start or Path.cwd()).resolve()
    notebooks = notebooks_folder(here, stems)
    bases = [here] if notebooks is None else [here, notebooks, notebooks.parent]
    candidates = [given] if given.is_absolute() else [base / given for base in bases]
    for candidate in candidates:
        if candidate.exists():
            return Path(os.path.normpath(candidate))
    raise StudyError(f"There is no study at {study}. Name a folder that holds a study.yaml in the parameters cell.")


def as_typed(study: Path, start: Path | None = None, stems: Collection[str] = STEMS) -> str:
    """Return how one names a study on the command line in the checkout: relative when it lies in there."""
    notebooks = notebooks_folder(start, stems)
    inside = notebooks is not None and study.is_relative_to(notebooks.parent)
    return str(study.relative_to(notebooks.parent) if inside else study)


def _nearest(here: Path, stems: Collection[str]) -> Path | None:
    for folder in (here, *here.parents):
        for candidate in (folder, folder / "notebooks"):
            if candidate.name == "notebooks" and any((candidate / f"{stem}.ipynb").is_file() for stem in stems):
                return candidate
    return None


def shown(path: Path) -> str:
    """Return a path as a person reads it: relative when it is below the working folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
