"""The only gate between data and report: what passes ``release`` may be published, nothing else may.

What the gate does, in this order: refuses identifiers of persons; refuses tables with one row per
person; hides every row with fewer people than the study's minimum group; hides further rows so that
totals cannot give those back (``suppression.py`` says how). Charts and tables take only a ``Released``.

What it does where the caller says so:

* ``hide`` names rows that another table of the same people hides, so that two tables cannot be
  subtracted from each other; ``publish/touchpoints.py`` takes this decision for everything that is
  shown by touchpoint. ``Released.part`` shows rows of a table again, elsewhere, without deciding twice.
* ``together`` hides rows that agree in some labels as one: an answer hidden under one KPI is not to be
  had under another that the same people were asked.
* ``sides`` counts the people on either side of a share. 25 of 26 speaks of one person, so the count and
  its complement are each protected like a table of their own: a row with fewer than ``min_group`` people
  on one side is hidden, and what would give it back. Nobody on one side is the smallest such group: 0 % and
  100 % say of each member what they did (homogeneity; l-diversity asks for more than one value in a group), and
  beside shown zeros a hidden row would say that somebody there did it. Two exceptions: what holds for everybody
  in the total of a table is shown, in its parts too; and ``may_be_empty`` names sides that colleagues know of
  anyway (who left, who serves customers). Measures without two sides count all their people on both.

What has to be done to a table before it comes here, because this module sees rows and not what they mean: a mean and
its interval give the sum and the sum of squares of the answers, a net score and its interval the numbers of promoters
and detractors; with a share of the same people one set of answers can be left that fits. ``data/coarse.py`` therefore
tells employees' means in steps, and their net scores with the widest interval, wherever fewer than ``min_group``
people gave some answer of the scale. Together with ``sides`` (for a share: on either side; for a mean: how far
answers lie from either end; for a net score: passives once and promoters, or detractors, twice; the last two follow
from the score alone) that leaves at least three numbers that each of these few could be, of a net score always
(minimum group of 4 or more), of a share and a mean of one row put together in all but one of two hundred sets of
answers, and two then: ``tests/data/test_coarse.py`` counts all sets of answers of up to 30 people. It does not cover
customers' answers, scores that are averages, a mean of 0–10 laid beside its net score, differences between two sides
(the perception gap), what a total leaves for its parts where people answer several times, and quarters laid beside
the row that adds them up.

What it does not do, so that nobody relies on it:

* Tables released separately without ``hide`` can be subtracted from each other: the same question with
  and without one group, or this quarter's report and the last one's. Within a table totals are
  protected; across tables they are so only as far as each line's total was assumed known. Counts are
  not rounded and no noise is added.
* A share released without ``sides`` can speak of the few on its other side; sentences use
  ``data/wording.share_in_words``, which gives a bound instead.
* Where a line of a table has one cell only, and that cell is needed to protect another one, a total
  published elsewhere would give both back; put totals into the same table as rows labelled ``all``.
* Facts (``release_facts``) are single numbers: none is hidden to protect another.
* A share of exactly 0 % or 100 % released without ``sides`` says something about each member of its group.
* An average can be dominated by one member of a group. Money per group is the usual case.
* A label is taken to be what it says: a site with one team is a team under another name.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import DisclosureError, did_you_mean
from exlink.publish.identifiers import points_at_person, refuse_cells, refuse_columns
from exlink.publish.suppression import hidden_cells

_GATE = object()  # only this module can show it, so only this module builds Released and Facts
_PEOPLE_KEYS = ("people", "n_people", "n_employees", "n_customers", "n_persons", "n_units")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a study allows to be shown.

    min_group : int            the smallest number of people a shown cell may have behind it
    known_ids : Container      ids of the study's people, refused wherever they appear in text
    """

    min_group: int
    known_ids: Container[str] = field(default=frozenset(), repr=False)

    def __post_init__(self) -> None:
        """Refuse a minimum that protects nobody by accident."""
        if isinstance(self.min_group, bool) or not isinstance(self.min_group, int) or self.min_group < 1:
            raise DisclosureError(f"privacy.min_group must be a whole number from 1 up, not {self.min_group!r}.")


@dataclass(frozen=True)
class Released:
    """A table that may be published. Only ``release`` makes one.

    frame : DataFrame    a copy of what was given, rows in the same order, hidden cells empty
    hidden : int         number of hidden rows
    note : str           one sentence for the reader: how many are hidden and why
    people : str | None  the column with the number of people behind a row
    """

    frame: pd.DataFrame
    hidden: int
    note: str
    people: str | None
    gate: InitVar[object] = None

    def __post_init__(self, gate: object) -> None:
        """Refuse to be built anywhere but in this module."""
        _only_here(gate, "Released", "release(frame, …)")

    @property
    def is_hidden(self) -> pd.Series:
        """Whether each row is hidden: boolean Series on the index of ``frame``."""
        if self.people is None:
            return pd.Series(False, index=self.frame.index)
        return self.frame[self.people].isna()

    def part(self, rows: Sequence[int]) -> Released:
        """Return some rows, in the order given by their index: what may be shown once may be shown again."""
        frame = self.frame.loc[list(rows)].reset_index(drop=True)
        hidden = np.zeros(len(frame), dtype=bool) if self.people is None else frame[self.people].isna().to_numpy()
        note = (
            f"{int(hidden.sum())} of {len(hidden)} cells hidden: too few people behind them or on one side of a share, "
            "or they would give a hidden cell away."
        )
        return Released(frame, int(hidden.sum()), note if hidden.any() else self.note, self.people, gate=_GATE)


@dataclass(frozen=True)
class Facts:
    """Single numbers and words that may be published, ready for JSON. Only ``release_facts`` makes one."""

    values: dict[str, Any]
    gate: InitVar[object] = None

    def __post_init__(self, gate: object) -> None:
        """Refuse to be built anywhere but in this module."""
        _only_here(gate, "Facts", "release_facts(facts, …)")


def _only_here(gate: object, what: str, instead: str) -> None:
    if gate is not _GATE:
        raise DisclosureError(f"{what} cannot be built by hand: nothing would have been checked. Use {instead}.")


def release(
    frame: pd.DataFrame,
    *,
    policy: Policy,
    people: str | None,
    by: Sequence[str] = (),
    values: Sequence[str] | None = None,
    additive: Sequence[str] = (),
    margin: str = "all",
    over: Sequence[str] | None = None,
    complement: bool = True,
    hide: Sequence[bool] | None = None,
    together: Sequence[str] = (),
    sides: Sequence[str] = (),
    may_be_empty: Sequence[str] = (),
    reason: str = "",
) -> Released:
    """Return the table with everything hidden that must not be read, or refuse it.

    Parameters
    ----------
    frame : DataFrame
        One row per group of people, with a plain RangeIndex.
    policy : Policy
        The study's minimum group and the ids that must not appear.
    people : str or None
        Column with the number of distinct people behind each row. None only for a table that holds
        no data about people; ``reason`` must then say so.
    by : sequence of str
        The columns that label a row. They stay readable when the row is hidden.
    values : sequence of str, optional
        The other columns to publish; all of them when left out.
    additive : sequence of str
        Columns that add up besides the people column. A hidden row hides them all, so naming them
        changes nothing but the check that they exist; they forbid ``complement=False``.
    margin : str
        The label of rows that are totals.
    over : sequence of str, optional
        Those of ``by`` along which rows add up, all when left out. Narrowing needs a ``reason``.
    complement : bool
        False publishes without complementary suppression. Needs a ``reason``.
    hide : sequence of bool, optional
        Rows that are hidden whatever their count, because another table of the same people hides them.
    together : sequence of str
        Those of ``by`` in which rows agree that are hidden as one: too few under one label, hidden under all.
    sides : sequence of str
        Columns that count the people on either side of a share. They are looked at, never published.
    may_be_empty : sequence of str
        Those of ``sides`` of which it is no secret that nobody is on them. Needs a ``reason``.
    reason : str
        Why one of the protections does not apply.
    """
    columns = _columns(frame, people, by, values, additive, over)
    apart = _sides(frame, people, sides, may_be_empty)
    if unknown := [name for name in together if name not in by]:
        raise DisclosureError(f"together names '{unknown[0]}', which is not one of by.{did_you_mean(unknown[0], by)}")
    if hide is not None and len(hide) != len(frame):
        raise DisclosureError(f"hide speaks of {len(hide)} rows, and the table to be released has {len(frame)}.")
    columns = [c for c in columns if c not in sides]
    _check_waivers(people, by, additive, over, complement, reason, may_be_empty)
    if not isinstance(frame.index, pd.RangeIndex):
        raise DisclosureError(
            "a table to be released has an index of its own, which is not checked. Call reset_index() "
            "to keep it as a column, or reset_index(drop=True)."
        )
    frame = frame.loc[:, columns].reset_index(drop=True)
    frame.attrs = {}
    frame.columns.name = frame.index.name = None
    refuse_columns(frame.columns, policy.known_ids)
    refuse_cells(frame, policy.known_ids)
    if people is None:
        return Released(frame.copy(), 0, f"No minimum group applies: {reason.strip()}", None, gate=_GATE)
    counts = _counts(frame[people], people)
    labels = list(zip(*(frame[b].astype(str) for b in by), strict=True)) if by else [()] * len(frame)
    _check_labels(labels, by)
    rows = counts[[margin not in label for label in labels]]
    # Two such rows alone say nothing: in a tiny study two teams may have had one answer each.
    if (rows == 1).sum() > 2 and rows.max() == 1:
        raise DisclosureError(
            f"every row of the table has one person behind it (column '{people}'): a table or ranking of "
            "persons cannot be released. Aggregate to groups, or publish the distribution."
        )
    along = None if over is None else [list(by).index(o) for o in over]
    rules = {"min_group": policy.min_group, "margin": margin, "over": along, "complement": complement}
    hidden = hidden_cells(counts.tolist(), labels, already=None if hide is None else list(hide), **rules)
    if together and hidden.any():
        # Hiding more only leaves fewer sums to a reader, so the rows need no second search.
        as_one = list(zip(*(frame[name].astype(str) for name in together), strict=True))
        concealed = {label for label, is_hidden in zip(as_one, hidden, strict=True) if is_hidden}
        hidden = np.array([label in concealed for label in as_one], dtype=bool)
    by_people = int(hidden.sum())
    for name, side in apart.items():
        members = None if name in may_be_empty else counts.tolist()
        hidden = hidden | hidden_cells(side.tolist(), labels, already=hidden.tolist(), members=members, **rules)
    for name in frame.columns.difference(list(by), sort=False):
        frame[name] = _blank(frame[name], hidden)
    note = _note(hidden, policy.min_group, one_side=int(hidden.sum()) > by_people)
    return Released(frame, int(hidden.sum()), note, people, gate=_GATE)


def _sides(
    frame: pd.DataFrame, people: str | None, sides: Sequence[str], may_be_empty: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return the counts of people on either side of a share, after checking that they are counts."""
    if sides and people is None:
        raise DisclosureError("sides count people, so the table has a people column: name it in people='…'.")
    for name in sides:
        if name not in frame.columns:
            known = [c for c in frame.columns if isinstance(c, str)]
            raise DisclosureError(f"the table to be released has no column '{name}'.{did_you_mean(name, known)}")
    for name in may_be_empty:
        if name not in sides:
            raise DisclosureError(f"may_be_empty names '{name}', which is not one of sides.{did_you_mean(name, sides)}")
    return {name: _counts(frame[name], name) for name in sides}


def _columns(
    frame: pd.DataFrame,
    people: str | None,
    by: Sequence[str],
    values: Sequence[str] | None,
    additive: Sequence[str],
    over: Sequence[str] | None,
) -> list[str]:
    """Return the columns to publish, in the order of the frame, after checking that all exist."""
    if frame.columns.has_duplicates:
        raise DisclosureError("a table to be released has two columns of the same name. Rename one.")
    counted = [] if people is None else [people]
    for name in [*counted, *by, *(values or ()), *additive]:
        if name not in frame.columns:
            known = [c for c in frame.columns if isinstance(c, str)]
            raise DisclosureError(f"the table to be released has no column '{name}'.{did_you_mean(name, known)}")
    if people is not None and people in by:
        raise DisclosureError(f"column '{people}' cannot both label a row and count its people.")
    for name in over or ():
        if name not in by:
            raise DisclosureError(f"over names '{name}', which is not one of by.{did_you_mean(name, by)}")
    if values is None:
        return list(frame.columns)
    wanted = {*counted, *by, *values, *additive}
    return [c for c in frame.columns if c in wanted]


def _check_waivers(
    people: str | None,
    by: Sequence[str],
    additive: Sequence[str],
    over: Sequence[str] | None,
    complement: bool,
    reason: str,
    may_be_empty: Sequence[str],
) -> None:
    """Refuse to waive a protection without a written reason."""
    waived = []
    if people is None:
        waived.append("people=None")
    if not complement:
        waived.append("complement=False")
    if over is not None and set(over) != set(by):
        waived.append(f"over={list(over)}")
    if may_be_empty:
        waived.append(f"may_be_empty={list(may_be_empty)}")
    if waived and not reason.strip():
        raise DisclosureError(f"{' and '.join(waived)} waives a protection of persons. Say why in reason='…'.")
    if not complement and additive:
        raise DisclosureError(
            f"complement=False is refused for columns that add up ({', '.join(additive)}): "
            "subtracting from the total would give hidden rows back."
        )


def _check_labels(labels: Sequence[tuple[str, ...]], by: Sequence[str]) -> None:
    """Refuse rows that ``by`` does not tell apart: what adds up to what would be guessed, and guessed wrong."""
    alike = len(labels) - len(set(labels))
    if alike and by:
        raise DisclosureError(
            f"by={list(by)} does not tell rows apart: {alike} of {len(labels)} rows repeat the labels of another. "
            "Name every column that labels a row."
        )
    if alike:
        raise DisclosureError(
            f"a table of {len(labels)} rows needs by=[…]: the columns that label a row and stay readable."
        )


def _counts(column: pd.Series, name: str) -> np.ndarray:
    """Return the people column as whole numbers, or refuse it."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = ~np.isfinite(numbers) | (numbers < 0) | (numbers != np.floor(numbers))
    if bad.any():
        raise DisclosureError(
            f"column '{name}' must count people: {int(bad.sum())} of {len(numbers)} rows are not whole "
            "numbers from 0 up. Fill empty groups with 0, or drop them."
        )
    return numbers.astype(np.int64)


def _blank(column: pd.Series, hidden: np.ndarray) -> pd.Series:
    """Return the column with hidden cells empty: NaN for numbers, None or NaT for the rest."""
    if not hidden.any():
        return column.copy()
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_object_dtype(column):
        return column.astype(object).mask(hidden, None)
    if pd.api.types.is_integer_dtype(column):
        column = column.astype("float64")
    return column.mask(hidden)


def _note(hidden: np.ndarray, min_group: int, *, one_side: bool = False) -> str:
    """Return the sentence that goes under a table or figure."""
    if not hidden.any():
        return f"No cell is hidden: at least {min_group} people are behind each."
    return (
        f"{int(hidden.sum())} of {len(hidden)} cells hidden: fewer than {min_group} people behind them"
        f"{' or on one side of a share' if one_side else ''}, or they would give a hidden cell away."
    )


def release_facts(facts: Mapping[str, Any], *, policy: Policy) -> Facts:
    """Return facts as plain JSON values, or refuse them.

    A group of facts that counts its people (``n_employees`` and the like) below the minimum group
    keeps its words and loses its numbers. NaN and infinity become None, which JSON can hold.
    """
    if not isinstance(facts, Mapping):
        raise DisclosureError(f"facts to be released must be a dict, not {type(facts).__name__}.")
    return Facts(_fact(facts, policy, "facts", hide=False), gate=_GATE)


def _fact(value: Any, policy: Policy, where: str, *, hide: bool) -> Any:
    """Return one value for JSON; ``where`` is its path, for messages."""
    if isinstance(value, Mapping):
        refuse_columns(value, policy.known_ids)
        counts = [value[k] for k in _PEOPLE_KEYS if isinstance(value.get(k), int | float | np.number)]
        hide = hide or any(0 < n < policy.min_group for n in counts)
        return {k: _fact(v, policy, f"{where}.{k}", hide=hide) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_fact(v, policy, f"{where}[{i}]", hide=hide) for i, v in enumerate(value)]
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        if found := points_at_person(value, policy.known_ids):
            raise DisclosureError(f"{where} holds {found} and cannot be released.")
        return str(value)
    if isinstance(value, bool | np.bool_):
        return None if hide else bool(value)
    if isinstance(value, int | np.integer):
        return None if hide else int(value)
    if isinstance(value, float | np.floating):
        return None if hide or not math.isfinite(value) else float(value)
    if isinstance(value, date):
        return value.isoformat()
    raise DisclosureError(
        f"{where} is of type {type(value).__name__}; facts hold numbers, words, dates, lists and dicts. "
        "Release a table with release(…)."
    )


def safe_csv(released: Released) -> str:
    """Return a released table as CSV that a spreadsheet shows as text, never runs as a formula."""
    if not isinstance(released, Released):
        raise DisclosureError("only a released table can be exported. Use release(frame, …) first.")
    frame = released.frame.rename(columns=_safe_text)
    for name in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            frame[name] = frame[name].astype(object).map(_safe_text)
    return frame.to_csv(index=False, lineterminator="\n")


def _safe_text(value: Any) -> Any:
    """Return text that starts like a formula with an apostrophe before it; anything else unchanged."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
