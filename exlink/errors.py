"""Every error a person reads: what · where · how many · how to fix.

A message is one sentence or two, names the valid word nearest to a misspelt one, and never needs
a traceback to be understood. ``exit_code`` is what the command line returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ExlinkError(Exception):
    """Base of all errors that are told to the user in words."""

    exit_code = 2


class StudyError(ExlinkError):
    """The study file cannot be read, or says something exlink does not know."""


class SourceError(ExlinkError):
    """A source named in the study cannot be read."""


class ContractError(ExlinkError):
    """A table does not fulfil the data contract in a way that no row can survive."""


class LinkageError(ExlinkError):
    """EX and interactions cannot be linked."""


class ParameterError(ExlinkError):
    """A notebook or command got a parameter that does not exist or has the wrong type."""


class DisclosureError(ExlinkError):
    """Something was about to be published that could identify a person."""


class ArtifactError(ExlinkError):
    """An artefact is missing or was not written by this version."""


class OutputError(ExlinkError):
    """The output folder cannot be written."""


class EstimationError(ExlinkError):
    """The data cannot carry the estimate that was asked for."""


class StepError(ExlinkError):
    """A step of the run failed."""

    exit_code = 1


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Return the valid name nearest to ``name``, or None when nothing is near."""
    by_folded = {v.casefold(): v for v in valid}
    matches = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[matches[0]] if matches else None


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"``, or an empty string when nothing is near."""
    match = nearest(name, valid)
    return f" Did you mean '{match}'?" if match else ""


def listed(names: Iterable[object], limit: int = 6) -> str:
    """Return ``"a, b, c and 4 more"``: the first ``limit`` names and how many follow."""
    items = [str(n) for n in names]
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
