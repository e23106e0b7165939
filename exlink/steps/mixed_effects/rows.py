"""The answers that go into a model: every one, with EX split and circumstances as columns the engine makes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import narwhals.stable.v2 as nw
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import DRAWS, answered_rows, aspect_columns, column_label
from exlink.stats.within_between import split
from exlink.steps.mixed_effects.controls import Control, read_controls
from exlink.steps.mixed_effects.independent import independent_columns, independent_of
from exlink.steps.mixed_effects.labels import in_labels, labels_of

CUSTOMER, TEAM = "customer_id", "team_id"
SCRIPT, COMPLEXITY = "script_adherence", "complexity"
MIN_RETURNING = 30  # customers with two answers or more; fewer cannot tell what customers differ in from chance
SAMPLE = 60_000  # answers at most in a sample: plain least squares, and the check by another program
IN_MEMORY = 1_000_000  # answers that are fetched once for all models, in some 400 bytes each; of more the engine sums

# What EX itself moves during a contact: holding it fixed would take away a part of what EX does.
MEDIATORS = {
    "handle_seconds": "handle time", "transfers": "transfers", "resolved_first_contact": "first-contact resolution",
    "reopened": "reopened contacts", "escalated": "escalations", "script_adherence": "script adherence",
    "wait_seconds": "waiting time",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Design:
    """What the models of single answers are fitted on.

    rows : LazyFrame          one row per answer: interaction_id, draw, the unit, its team at the time, customer_id,
                              wave, the outcomes, script adherence and complexity where known, and the terms below; it
                              stays in the engine
    frame : DataFrame or None the same in memory, in order of the id, ids and waves as categories; read when first asked
                              for, and None beyond ``IN_MEMORY`` answers
    cells : DataFrame         unit, wave and the terms of EX: what does not vary within a wave of a unit
    unit : str                column of the units
    within, between : list    terms of the EX aspects: ``ex_<aspect>_within``, ``ex_<aspect>_between``
    circumstances : list      dummies and numbers of waves and controls
    left_out : list of str    lines on what could not be used, and why
    answers, units, customers : int    what is in ``rows``
    share : float             share of the linked answers that was drawn
    alone : str               why customers have no effect of their own; empty when they have
    weights : str or None     column that says how many customers a row is the average of
    labels : dict             words for the columns that a fit may name
    """

    rows: nw.LazyFrame
    cells: pd.DataFrame
    unit: str
    within: list[str]
    between: list[str]
    circumstances: list[str]
    left_out: list[str]
    answers: int
    units: int
    customers: int
    share: float
    alone: str
    weights: str | None
    labels: dict[str, str]

    @property
    def terms(self) -> list[str]:
        """Return all terms of the fixed part."""
        return [*self.within, *self.between, *self.circumstances]

    @property
    def random(self) -> dict[str, str]:
        """Return the random part: the unit first, because errors are clustered by it, and the customer."""
        return {self.unit: "1"} if self.alone else {self.unit: "1", CUSTOMER: "1"}

    def worded(self, text: object) -> str:
        """Return what a fit says in the words of the page."""
        return in_labels(str(text), self.labels)

    def answered(self, outcome: str) -> nw.LazyFrame:
        """Return the rows in which ``outcome`` was answered."""
        return self.rows.filter(~nw.col(outcome).is_null())

    @cached_property
    def frame(self) -> pd.DataFrame | None:
        """Return the rows in memory, for all models that are fitted on them; see above."""
        if self.answers > IN_MEMORY:
            return None
        found = self.rows.sort("interaction_id").drop("interaction_id").collect().to_pandas()
        return found.astype(dict.fromkeys(self._keys, "category"))

    def fetched(self, outcome: str, most: int = SAMPLE) -> pd.DataFrame:
        """Return a fixed sample of at most about ``most`` answers to ``outcome`` as a frame, in order of the id."""
        bound = DRAWS if self.answers <= most else int(most / self.answers * DRAWS)
        if self.frame is None:
            drawn = self.answered(outcome).filter(nw.col("draw") < bound).sort("interaction_id")
            return drawn.drop("interaction_id", "draw").collect().to_pandas()
        drawn = self.frame[(self.frame["draw"] < bound) & self.frame[outcome].notna()].reset_index(drop=True)
        return drawn.drop(columns="draw").astype({k: self.frame[k].cat.categories.dtype for k in self._keys})

    @property
    def source(self) -> nw.LazyFrame | pd.DataFrame:
        """Return what a model is fitted on: the rows in memory, or in the engine where they are many."""
        return self.rows if self.frame is None else self.frame

    @property
    def _keys(self) -> list[str]:
        return list(dict.fromkeys([self.unit, TEAM, CUSTOMER, "wave"]))

    @property
    def waves(self) -> list[str]:
        """Return those of the circumstances that are waves."""
        return [t for t in self.circumstances if re.fullmatch(r"c_wave(_\d+|_unknown)?", t)]

    def usable(self, outcome: str) -> list[str]:
        """Return the terms that vary and repeat no others among the answers to ``outcome``."""
        if self.frame is not None:
            given = self.frame[outcome].notna()
            return self.terms if given.all() else independent_of(self.frame[given], self.terms)
        rows = self.answered(outcome)
        if rows.select(nw.len()).collect().item() == self.answers:
            return self.terms
        return independent_columns(rows, self.cells, [self.unit, "wave"], self.terms)


def design(data: StudyData, controls: Sequence[str], *, max_rows: int) -> Design:
    """Return the answers of the models: every aspect split into its unit's mean and the deviation from it.

    Parameters
    ----------
    controls : sequence of str
        Columns of interactions that say under which circumstances a contact took place.
    max_rows : int
        Answers at most; beyond it a fixed sample of customers with all of their answers.
    """
    xs, key = aspect_columns(data), [data.unit, "wave"]
    asked = [c for c in (SCRIPT, COMPLEXITY) if data.has("interactions", c)]
    weights = ["weight"] if data.has("interactions", "weight") else []
    needed = ["interaction_id", CUSTOMER, *key, TEAM, *data.cx_kpis, *weights, *asked, *controls]
    answers, share = answered_rows(data, max_rows, needed)
    cells, left_out = _cells(data, answers, xs)
    terms = {kind: [f"{x}_{kind}" for x in xs] for kind in ("within", "between")}
    ex = [*terms["within"], *terms["between"]]
    joined = answers.join(data.lazily(cells[[*key, *ex]]), on=key, how="inner")
    found, missing = read_controls(joined, list(dict.fromkeys(["wave", *controls])))
    rows = joined.select(
        "interaction_id", "draw", CUSTOMER, *dict.fromkeys([*key, TEAM]), *data.cx_kpis, *ex, *weights, *asked,
        *(column for control in found for column in control.columns),
    )  # fmt: skip
    names = [name for control in found for name in control.names]
    kept = independent_columns(rows, cells, key, [*ex, *names])
    left_out += [f"not assessed: needs `interactions.{name}`" for name in missing]
    left_out += _repeated(data, terms, found, kept)
    customers, alone = _customers(data, rows)
    return Design(
        rows, cells[[*key, *ex]], data.unit, [t for t in terms["within"] if t in kept],
        [t for t in terms["between"] if t in kept], [t for t in names if t in kept], left_out,
        answers=int(cells["n"].sum()), units=int(cells[data.unit].nunique()), customers=customers, share=share,
        alone=alone, weights=weights[0] if weights else None, labels=labels_of(data, terms, found, CUSTOMER),
    )  # fmt: skip


def mediator_lines(controls: Sequence[str]) -> list[str]:
    """Return one line per control that EX itself moves; empty when there is none."""
    return [
        f"{MEDIATORS[c]} (`{c}`) is moved by EX: with it held fixed, the effects below leave out what works through "
        "it; how much that is, see *How much runs through what happens in the contact?*"
        for c in controls
        if c in MEDIATORS
    ]


def _cells(data: StudyData, answers: nw.LazyFrame, xs: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return units × waves with all aspects known, their answers (n) and the split aspects; lines on what is not."""
    key = [data.unit, "wave"]
    counts = answers.group_by(*key).agg(nw.len().alias("n")).sort(*key).collect().to_pandas()
    cells = counts.merge(data.exposures()[[*key, *xs]], on=key, how="inner", validate="one_to_one")
    known = cells[xs].notna().all(axis=1)
    lines = []
    if data.has("interactions", "weight"):
        lines.append(
            "A row of `interactions` is the average of several customers and counts by their number (`weight`); in the "
            "naive model it counts once"
        )
    if not known.all():
        gone, total = int(cells.loc[~known, "n"].sum()), int(cells["n"].sum())
        lines.append(f"{gone:,} of {total:,} answers lack an aspect and are not in the models")
    return split(cells[known].reset_index(drop=True), xs, data.unit, weights="n"), lines


def _repeated(data: StudyData, terms: dict[str, list[str]], found: Sequence[Control], kept: Sequence[str]) -> list[str]:
    """Return lines on what the other terms leave nothing of; a kind that is gone as a whole is told elsewhere."""
    lines = []
    for kind, names in terms.items():
        gone = [t for t in names if t not in kept]
        if gone and len(gone) < len(names):
            labels = [column_label(data, t.removesuffix(f"_{kind}")) for t in gone]
            lines.append(f"{', '.join(labels)} ({kind}) does not vary or repeats other terms, and is left out")
    for control in found:
        if not control.names and control.name != "wave":
            lines.append(f"`{control.name}` has one value only and is left out")
        elif control.names and not set(control.names) & set(kept):
            lines.append(f"`{control.name}` repeats other terms and is left out")
    return lines


def _customers(data: StudyData, rows: nw.LazyFrame) -> tuple[int, str]:
    """Return how many customers there are, and why they have no effect of their own, or ``""``."""
    by = rows.group_by(CUSTOMER).agg(nw.len().alias("n"))
    often = (nw.col("n") > 1).cast(nw.Int64)
    counts = by.select(nw.len().alias("all"), often.sum().alias("returning")).collect().to_pandas().fillna(0).iloc[0]
    total, returning = int(counts["all"]), int(counts["returning"])
    if data.unit != "employee_id":
        return total, "customers have no effect of their own: single contacts are known by team only"
    if returning < MIN_RETURNING:
        return total, (
            f"customers have no effect of their own: {returning:,} of {total:,} answered more than once, "
            f"at least {MIN_RETURNING} are needed"
        )
    return total, ""
