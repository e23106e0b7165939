"""Tables for reports: a released table in, a great-tables table out, readable by ear as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from great_tables import GT
from pandas.api.types import is_bool_dtype, is_float_dtype, is_integer_dtype, is_numeric_dtype

from exlink.errors import DisclosureError, ParameterError, did_you_mean, listed
from exlink.publish import style
from exlink.publish.disclosure import Released

HIDDEN = "hidden"
MISSING = "–"
UNBROKEN = "\u00a0"
FONTS = ["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]


def table(
    released: Released,
    columns: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
    *,
    intervals: Mapping[str, tuple[str, str]] | None = None,
    group: str | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
    align: Mapping[str, str] | None = None,
) -> GT:
    """Return a table whose first column heads the rows and whose numbers are right-aligned.

    Parameters
    ----------
    released : Released
        What ``publish.disclosure.release`` let through.
    columns : mapping, optional
        Column to its heading, in the order of showing. All columns under their own names when left out.
    formats : mapping, optional
        Column to a format spec, such as ``",.0f"`` or ``"+.1%"``. Whole numbers get thousands
        separators and other numbers two decimals when left out. ``"p"`` writes p values: ``0.012``,
        and ``< 0.001`` below that.
    intervals : mapping, optional
        Column to the two columns that bound it; written into its cell as ``0.12 (0.05 to 0.19)``.
    group : str, optional
        Column whose values head groups of rows.
    title, notes : str, sequence of str
        A line above, lines below. The note of the disclosure gate is added when something is hidden.
    align : mapping, optional
        Column to ``"left"``, ``"right"`` or ``"center"``, where the rule does not serve.

    A hidden cell reads ``hidden``, an empty one ``–``.
    """
    if not isinstance(released, Released):
        raise DisclosureError(
            f"table takes a table released by publish.disclosure.release, not a {type(released).__name__}. "
            "Release it first: s.release(frame, people=…)."
        )
    frame, intervals, formats = released.frame, dict(intervals or {}), dict(formats or {})
    bounds = {name for pair in intervals.values() for name in pair}
    if columns is None:
        columns = {name: str(name).replace("_", " ") for name in frame.columns if name not in {group, *bounds}}
    _check(frame, [*columns, *intervals, *bounds, *formats, *(align or {}), *([group] if group else [])])
    words = pd.DataFrame({name: _words(released, name, formats.get(name), intervals.get(name)) for name in columns})
    if group:
        words["\0group"] = frame[group].astype(str).to_numpy()
    first = next(iter(columns))
    gt = GT(words, id=_id(words, title), rowname_col=first, groupname_col="\0group" if group else None)
    gt = gt.tab_stubhead(columns[first] or "Row")
    gt = gt.cols_label(**{name: columns[name] or name for name in columns if name != first})
    for name in list(columns)[1:]:
        side = (align or {}).get(name, "right" if _is_number(frame[name]) else "left")
        gt = gt.cols_align(side, columns=name)
    if title:
        gt = gt.tab_header(title)
    for line in [*notes, *([released.note] if released.hidden and released.note else [])]:
        gt = gt.tab_source_note(line)
    return gt.tab_options(
        table_font_names=FONTS,
        table_font_color=style.INK,
        table_font_size="15px",
        heading_align="left",
        column_labels_font_weight="600",
        table_border_top_style="none",
        heading_border_bottom_style="none",
        column_labels_border_top_style="none",
        column_labels_border_bottom_color=style.INK,
        column_labels_border_bottom_width="1px",
        table_body_hlines_color=style.RULE,
        table_body_border_bottom_color=style.RULE,
        stub_border_style="none",
        source_notes_font_size="14px",
    )


def _check(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse names of columns that the table does not have."""
    for name in names:
        if name not in frame.columns:
            raise ParameterError(
                f"table: there is no column '{name}'; the table has {listed(frame.columns, 12)}."
                f"{did_you_mean(name, map(str, frame.columns))}"
            )


def _is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def _words(released: Released, name: str, spec: str | None, bounds: tuple[str, str] | None) -> list[str]:
    """Return a column as it will be read."""
    frame = released.frame
    if spec is None:
        whole = is_integer_dtype(frame[name]) or _whole(frame[name])
        spec = ",.0f" if whole else ".2f"
    out = []
    for i, hidden in enumerate(released.is_hidden):
        value = frame[name].iloc[i]
        if pd.isna(value):
            out.append(HIDDEN if hidden else MISSING)
            continue
        text = _one(value, spec)
        if bounds and not pd.isna(frame[bounds[0]].iloc[i]):
            whole = style.interval(frame[bounds[0]].iloc[i], frame[bounds[1]].iloc[i], spec)
            text += f" ({whole.replace(' ', UNBROKEN)})"  # a narrow column breaks before it, never within
        out.append(text)
    return out


def _whole(column: pd.Series) -> bool:
    """Whether a float column holds counts: hiding a cell has turned whole numbers into floats."""
    return bool(is_float_dtype(column) and column.notna().any() and (column.dropna() % 1 == 0).all())


def _one(value: Any, spec: str) -> str:
    """Return one value as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if spec == "p":
        return f"<{UNBROKEN}0.001" if value < 0.001 else style.number(float(value), ".3f")
    if isinstance(value, date):  # a Timestamp is one
        return value.isoformat()[:10]
    return style.number(float(value), spec) if isinstance(value, int | float) or hasattr(value, "dtype") else str(value)


def _id(words: pd.DataFrame, title: str | None) -> str:
    """Return an id that depends on nothing but what the table says, so that reports repeat byte for byte."""
    said = "\n".join([title or "", words.to_csv(index=False)])
    return f"table-{crc32(said.encode()):08x}"
