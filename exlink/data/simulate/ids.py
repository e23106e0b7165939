"""Opaque ids that nobody could take for a name or a telephone number."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

LETTERS = np.frombuffer(b"BCDFGHJKLMNPQRSTVWXZ", dtype=np.uint8)  # consonants: no words, and no digits to dial


def numbered(prefix: str, n: int, width: int) -> pa.Array:
    """Return ``E-00001`` … for small tables."""
    return pa.array([f"{prefix}-{k:0{width}d}" for k in range(1, n + 1)], pa.string())


def lettered(prefix: str, numbers: np.ndarray, largest: int) -> pa.Array:
    """Return ``I-BBCDF`` …: counters written in consonants, all of the width that `largest` needs."""
    base, width = len(LETTERS), 1
    while base**width <= largest:
        width += 1
    head = np.frombuffer(f"{prefix}-".encode(), dtype=np.uint8)
    text = np.empty((len(numbers), len(head) + width), dtype=np.uint8)
    text[:, : len(head)] = head
    rest = np.asarray(numbers, dtype=np.int64)
    for place in range(text.shape[1] - 1, len(head) - 1, -1):
        text[:, place] = LETTERS[rest % base]
        rest = rest // base
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * text.shape[1]
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))
