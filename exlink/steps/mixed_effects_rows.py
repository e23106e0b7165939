"""Step 04: the rows and columns that go into a model, and what must stay out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import aspect_columns
from exlink.stats.within_between import split

# What EX itself moves during a contact: holding it fixed would take away a part of what EX does.
MEDIATORS = {
    "handle_seconds": "handle time", "transfers": "transfers", "resolved_first_contact": "first-contact resolution",
    "reopened": "reopened contacts", "escalated": "escalations", "script_adherence": "script adherence",
    "wait_seconds": "waiting time",
}  # fmt: skip
FEW = 30  # a control with at most this many values is taken as categories
SINGULAR = 1e-7  # share of a column's length that must be its own, or it is left out


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """What a model of single interactions is fitted on.

    rows : DataFrame          one row per answered interaction; the terms below and the outcomes
    within, between : list    terms of the EX aspects: ``ex_<aspect>_within``, ``ex_<aspect>_between``
    circumstances : list      dummies and numbers of waves and controls
    left_out : list of str    lines on what could not be used, and why
    share : float             share of the linked answers that is in ``rows``
    """

    rows: pd.DataFrame
    within: list[str]
    between: list[str]
    circumstances: list[str]
    left_out: list[str]
    share: float

    @property
    def terms(self) -> list[str]:
        """Return all terms of the fixed part."""
        return [*self.within, *self.between, *self.circumstances]


def design(data: StudyData, controls: Sequence[str], *, max_rows: int) -> Design:
    """Return the rows of the models: every aspect split into its unit mean and the deviation from it.

    Parameters
    ----------
    controls : sequence of str
        Columns of interactions that say under which circumstances a contact took place.
    """
    xs = aspect_columns(data)
    key = [data.unit, "wave"]
    sample = data.sample_linked(max_rows)
    share = sample.attrs["share"]
    rows = sample.merge(data.exposures()[[*key, *xs]], on=key, how="inner", validate="many_to_one")
    known = rows[xs].notna().all(axis=1)
    left_out = []
    if data.has("interactions", "weight"):
        left_out.append("A row of `interactions` is the average of several customers (`weight`) and counts once")
    if not known.all():
        left_out.append(f"{int((~known).sum()):,} of {len(rows):,} answers lack an aspect and are not in the models")
    rows = split(rows[known].reset_index(drop=True), xs, data.unit)
    parts = {"within": [f"{x}_within" for x in xs], "between": [f"{x}_between" for x in xs]}
    columns, names = [rows[t] for t in [*parts["within"], *parts["between"]]], []
    for control in dict.fromkeys(["wave", *controls]):
        if control not in rows or rows[control].isna().all():
            left_out.append(f"not assessed: needs `interactions.{control}`")
            continue
        made = _columns(rows[control], control)
        columns += made
        names += [c.name for c in made]
    wide = pd.concat([*columns, rows[[data.unit, *data.cx_kpis]]], axis=1)
    kept = _independent(wide, [c.name for c in columns])
    return Design(
        wide,
        [t for t in parts["within"] if t in kept],
        [t for t in parts["between"] if t in kept],
        [t for t in names if t in kept],
        left_out,
        share,
    )


def mediator_lines(controls: Sequence[str]) -> list[str]:
    """Return one line per control that EX itself moves; empty when there is none."""
    return [
        f"{MEDIATORS[c]} (`{c}`) is moved by EX: with it held fixed, the effects below leave out what works through it"
        for c in controls
        if c in MEDIATORS
    ]


def _columns(values: pd.Series, name: str) -> list[pd.Series]:
    """Return a control as columns: numbers centred (missing ones told by a column), categories as dummies."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 2:
        number = values.astype(float)
        parts = [(number - number.mean()).fillna(0.0).rename(f"c_{name}")]
        return [*parts, values.isna().astype(float).rename(f"c_{name}_unknown")] if values.isna().any() else parts
    text = values.astype(object).where(values.notna(), "unknown").astype(str)
    levels = sorted(text.unique())
    if len(levels) > FEW:
        common = text.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[: FEW - 1]
        text = text.where(text.isin(common), "other")
        levels = sorted(text.unique())
    return [(text == level).astype(float).rename(f"c_{name}_{k}") for k, level in enumerate(levels) if k > 0]


def _independent(wide: pd.DataFrame, names: list[str]) -> set[str]:
    """Return the columns that vary and are no sum of the ones before them."""
    values = np.column_stack([np.ones(len(wide)), wide[names].to_numpy(dtype=float)])
    lengths = np.linalg.norm(values - values.mean(axis=0) * (np.arange(values.shape[1]) > 0), axis=0)
    scaled = values / np.maximum(np.linalg.norm(values, axis=0), 1e-300)
    own = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    varies = lengths > 1e-9 * np.sqrt(len(wide))
    return {n for n, o, v in zip(names, own[1:], varies[1:], strict=True) if o > SINGULAR and v}
