"""How closely measures go together inside blocks of them and across blocks: mean correlations with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap
from exlink.stats.tidy import draws_frame, need_columns

ACROSS = "across"


def block_correlations(
    data: pd.DataFrame, blocks: Mapping[str, Sequence[str]], *, reps: int = 1000, seed: int, level: float = 0.95
) -> pd.DataFrame:
    """Return the mean correlation of the pairs inside each block, and of the pairs from different blocks.

    Parameters
    ----------
    data : one row per person; rows with a missing measure are left out.
    blocks : block → its columns; a block of one column has no pair of its own.

    Returns
    -------
    DataFrame, a row per block and one ``across``: tidy columns, with percentile intervals over persons, and n_pairs.

    Raises
    ------
    EstimationError
        Fewer than 3 complete persons, or a column that does not vary.
    """
    names = [name for own in blocks.values() for name in own]
    need_columns(data, names, "correlations of blocks")
    values = data[names].dropna().to_numpy(dtype=float)
    if len(values) < 3 or (np.ptp(values, axis=0) == 0).any():
        raise EstimationError(f"correlations of blocks: {len(values)} complete rows, or a column that does not vary.")
    block = np.repeat(np.arange(len(blocks)), [len(own) for own in blocks.values()])
    first, second = np.triu_indices(len(names), 1)
    same = block[first] == block[second]
    kinds = [(label, same & (block[first] == k)) for k, label in enumerate(blocks)] + [(ACROSS, ~same)]
    kinds = [(label, pairs) for label, pairs in kinds if pairs.any()]
    centred = values - values.mean(axis=0)
    products = (centred[:, first] * centred[:, second], centred, centred**2)

    def statistic(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1, keepdims=True)
        cross, mean, square = (weights @ part / total for part in products)
        spread = np.sqrt(square - mean**2)
        r = (cross - mean[:, first] * mean[:, second]) / (spread[:, first] * spread[:, second])
        return np.column_stack([r[:, pairs].mean(axis=1) for _, pairs in kinds])

    point = statistic(np.ones((1, len(values))))[0]
    draws = bootstrap(statistic, len(values), reps=reps, seed=seed)
    frame = draws_frame([label for label, _ in kinds], point, draws, len(values), level=level)
    return frame.assign(n_pairs=[int(pairs.sum()) for _, pairs in kinds])
