"""What a parameter of a notebook may be: a value outside its choices is refused, never replaced in silence."""

from __future__ import annotations

from collections.abc import Collection

from exlink.data.answers import headline_kpi
from exlink.errors import ParameterError, did_you_mean, listed


def choice(name: str, value: str, allowed: Collection[str]) -> str:
    """Return ``value``, which is one of ``allowed``.

    Raises
    ------
    ParameterError
        It is none of them; the message names the parameter, the nearest one and all.
    """
    if value in allowed:
        return value
    raise ParameterError(f"{name} is '{value}'; it must be one of {listed(allowed, 20)}.{did_you_mean(value, allowed)}")


def chosen_kpi(name: str, wanted: str, asked: Collection[str]) -> str:
    """Return the KPI of ``asked`` that the parameter ``name`` names; empty: the one that stands for its side."""
    return choice(name, wanted, asked) if wanted else headline_kpi(asked)
