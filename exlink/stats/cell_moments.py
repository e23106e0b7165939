"""Cross-products within units, from crossed cells: what a bootstrap over units needs of millions of rows.

Rows of a cell share what the left and the right table say; what varies from row to row inside it (outcomes, and what
lies between covariates and outcome) is known by its sums and products per cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse

from exlink.errors import EstimationError, did_you_mean
from exlink.stats.absorb import group_sums
from exlink.stats.crossed import CellTable, Crossed
from exlink.stats.moments import UnitMoments


def moments_of_cells(
    table: CellTable, x: Sequence[str], free: Sequence[str], *, counts: str, sums: Mapping[str, str],
    products: Mapping[tuple[str, str], str],
) -> UnitMoments:  # fmt: skip
    """Return cross-products within units of ``x`` and of what varies inside cells; all else of the design is nuisance.

    Parameters
    ----------
    table : CellTable
        Its design holds ``x`` and, beside the intercept, the nuisance columns (periods, circumstances).
    free : sequence of str
        What varies inside cells; the last of them is the outcome.
    counts : str
        Column of rows per cell, all of them with every one of ``free`` known.
    sums, products : mapping
        Name, or pair of names in the order of ``free``, to the column that holds its sum over the rows of the cell.

    Returns
    -------
    UnitMoments with names ``x`` and ``free`` but the last, which is the outcome; units with one row add nothing.

    Raises
    ------
    EstimationError
        Where a column of ``x`` is not in the design: it does not vary, or repeats others.
    """
    used = table.used(table.values[counts].to_numpy(dtype=float))
    design, values = used.design, used.values
    for name in x:
        if name not in design.names:
            raise EstimationError(f"{name}: does not vary, or repeats other columns.{did_you_mean(name, design.names)}")
    inside = np.column_stack([values[sums[name]].to_numpy(dtype=float) for name in free])
    fixed, crossed = _of_design(design, values[counts].to_numpy(dtype=float)), _with_free(design, inside)
    units, m = len(design.units), len(free)
    loose = np.empty((units, m, m))
    codes = design.unit[design.at_left]
    for i in range(m):
        for j in range(i, m):
            column = values[products[free[i], free[j]]].to_numpy(dtype=float)
            loose[:, i, j] = loose[:, j, i] = np.bincount(codes, weights=column, minlength=units)
    raw = np.concatenate(
        [
            np.concatenate([fixed, crossed], axis=2),
            np.concatenate([crossed.transpose(0, 2, 1), loose], axis=2),
        ],
        axis=1,
    )
    within = raw - raw[:, :, :1] * raw[:, :1, :] / raw[:, :1, :1]  # the first column is the intercept
    names = [*design.names, *free]
    shown = [*(names.index(name) for name in x), *range(len(design.names), len(names))]
    rest = [at for at in range(1, len(design.names)) if at not in shown]

    def flat(rows: list[int], columns: list[int]) -> np.ndarray:
        return within[:, rows][:, :, columns].reshape(units, len(rows) * len(columns))

    rows = int(values[counts].sum())
    return UnitMoments(design.units, [*x, *free[:-1]], flat(shown, shown), flat(shown, rest), flat(rest, rest), rows)


def _of_design(design: Crossed, n: np.ndarray) -> np.ndarray:
    """Return the cross-products of the design per unit, (units, k, k)."""
    joint = sparse.csr_array((n, design.at_right, design.start), shape=(len(design.left), len(design.right)))
    units, p, q = len(design.units), design.left.shape[1], design.right.shape[1]
    weight = joint @ np.ones(len(design.right))
    of_left = _grouped(design.left * weight[:, None], design.left, design)
    across = _grouped(design.left, joint @ design.right, design)
    pairs = (design.right[:, :, None] * design.right[:, None, :]).reshape(len(design.right), q * q)
    of_right = (_by_unit(design) @ joint @ pairs).reshape(units, q, q)
    out = np.empty((units, p + q, p + q))
    out[:, :p, :p], out[:, :p, p:], out[:, p:, :p] = of_left, across, across.transpose(0, 2, 1)
    out[:, p:, p:] = of_right
    return out


def _with_free(design: Crossed, inside: np.ndarray) -> np.ndarray:
    """Return the products of the design with what varies inside cells, per unit: (units, k, m)."""
    by_unit, parts = _by_unit(design), []
    for column in inside.T:
        joint = sparse.csr_array((column, design.at_right, design.start), shape=(len(design.left), len(design.right)))
        of_left = group_sums(
            design.left * (joint @ np.ones(len(design.right)))[:, None], design.unit, len(design.units)
        )
        parts.append(np.hstack([of_left, by_unit @ (joint @ design.right)]))
    return np.stack(parts, axis=2)


def _grouped(a: np.ndarray, b: np.ndarray, design: Crossed) -> np.ndarray:
    units, p, q = len(design.units), a.shape[1], b.shape[1]
    return group_sums((a[:, :, None] * b[:, None, :]).reshape(len(a), p * q), design.unit, units).reshape(units, p, q)


def _by_unit(design: Crossed) -> sparse.csr_array:
    n = len(design.left)
    return sparse.csr_array((np.ones(n), (design.unit, np.arange(n))), shape=(len(design.units), n))
