"""Labels of levels: the key itself, or several keys as ``batch:cask``, the same in memory and in an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

JOINT = ":"
QUOTE = '"'
WHOLE = 2.0**53  # below which a double holds every whole number


def are_whole(lowest: float, highest: float, parts: bool) -> bool:
    """Return whether keys of doubles are whole numbers in truth: pandas turns a column of these with a gap to doubles.

    parts : whether any of them has a fraction
    """
    return not parts and lowest > -WHOLE and highest < WHOLE


def whole_keys(keys: pd.Series) -> pd.Series:
    """Return keys, whole numbers that came as doubles as integers."""
    if not pd.api.types.is_float_dtype(keys.dtype) or not len(keys):
        return keys
    values = keys.to_numpy(dtype=float)
    return keys.astype("int64") if are_whole(values.min(), values.max(), bool((values % 1).any())) else keys


def joined(keys: Sequence[tuple[np.ndarray, Any]]) -> pd.Series:
    """Return the labels of combinations; different combinations have different labels.

    A key that holds a colon, or begins with a quotation mark, is quoted: ``"x:y":z`` is not ``x:"y:z"``.

    Parameters
    ----------
    keys : sequence of (codes (n,), values (levels,))
        Of each column.
    """
    texts = [pd.Series([_quoted(t) for t in pd.Series(values).astype(str)], dtype="str") for _, values in keys]
    columns = [text.take(code).reset_index(drop=True) for text, (code, _) in zip(texts, keys, strict=True)]
    return columns[0].str.cat(columns[1:], sep=JOINT)


def _quoted(text: str) -> str:
    if JOINT not in text and not text.startswith(QUOTE):
        return text
    return QUOTE + text.replace(QUOTE, 2 * QUOTE) + QUOTE
