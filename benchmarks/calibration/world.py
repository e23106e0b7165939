"""What a simulated world is, and the few draws that all of them are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

INTERCEPT = "(Intercept)"
EFFECT = 0.2  # of every covariate called *_x; those called *_null have none
LEVEL = 3.0
RIGHT = "The model is right"
WITHIN = "The model is wrong within clusters"
ACROSS = "The model is wrong across clusters, or robust errors lean on few levels"


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A world and the model that is fitted in it.

    name : str
    title : str                 what it is, in words
    section : str               RIGHT, WITHIN (what is wrong stays within levels of the first factor) or ACROSS
    draw : callable             Generator → DataFrame, one row per answer, response in column ``y``
    random : mapping            as ``fit_lmm`` takes it; robust errors are clustered by the first factor
    terms : tuple of str        covariates in the model
    judged : tuple of str       fixed effects whose truth is known
    spreads : mapping           (group, term1, term2) → true SD or correlation; empty where the model has no truth
    """

    name: str
    title: str
    section: str
    draw: Callable[[np.random.Generator], pd.DataFrame]
    random: Mapping[str, str]
    terms: tuple[str, ...]
    judged: tuple[str, ...]
    spreads: Mapping[tuple[str, str, str], float] = field(default_factory=dict)

    @property
    def formula(self) -> str:
        """The fixed part."""
        return f"y ~ {' + '.join(self.terms)}"

    def truth(self, term: str) -> float:
        """Return the true fixed effect of a term."""
        return LEVEL if term == INTERCEPT else effect(term)


def effect(term: str) -> float:
    """Return the true effect of a covariate, which its name tells."""
    return 0.0 if term.endswith("_null") else EFFECT


def twins(*levels: str) -> tuple[str, ...]:
    """Return the covariates of each level: one with an effect, one without."""
    return tuple(f"{level}_{kind}" for level in levels for kind in ("x", "null"))


def each(rng: np.random.Generator, code: np.ndarray, sd: float = 1.0) -> np.ndarray:
    """Return one normal draw per level of ``code`` (n,), at every row of the level (n,)."""
    return rng.normal(0.0, sd, code.max() + 1)[code]


def covariates(rng: np.random.Generator, codes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return both twins for each level name → code (n,): standard normal, constant within the level."""
    return {term: each(rng, code) for level, code in codes.items() for term in twins(level)}


def table(columns: Mapping[str, np.ndarray], groups: Mapping[str, np.ndarray], *parts: np.ndarray) -> pd.DataFrame:
    """Return the frame of a world: ``y = LEVEL + sum of effect(term) · column + parts``."""
    fixed = [effect(term) * column for term, column in columns.items()]
    return pd.DataFrame({"y": LEVEL + np.sum([*fixed, *parts], axis=0), **columns, **groups})


def spread(group: str, sd: float, term: str = INTERCEPT) -> dict[tuple[str, str, str], float]:
    """Return the entry of ``World.spreads`` for a standard deviation."""
    return {(group, term, term): sd}
