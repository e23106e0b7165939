"""Design rows that pair two small tables: what every regression on crossed cells needs of them, cell by cell.

A cell is a pair of a row of the *left* table (a unit in a period, with the covariates constant there) and a row of
the *right* table (one combination of circumstances). Its design row is the two rows side by side, which is never
written down: sums over millions of cells cost what counting them costs, whatever the number of covariates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import encode, group_sums
from exlink.stats.repeated import repeated_columns
from exlink.stats.tidy import need_columns

OWN = 1e-9  # share of a column's sum of squares that must be its own, or it is left out
MIN_UNITS = 10  # clusters below which errors clustered by them say nothing


@dataclass(frozen=True, slots=True, eq=False)
class Crossed:
    """A design of cells.

    names : list of str, (k,)             columns: those of ``left``, then those of ``right``
    left, right : ndarray, (n_left, p), (n_right, q)    p + q = k; the intercept, where there is one, is in ``left``
    start : int32 ndarray, (n_left + 1,)  cells of left row i are start[i] … start[i + 1]
    at_right : int32 ndarray, (cells,)    right row of each cell
    unit : int ndarray, (n_left,)         cluster of each left row
    units : ndarray                       labels of the clusters
    """

    names: list[str]
    left: np.ndarray
    right: np.ndarray
    start: np.ndarray
    at_right: np.ndarray
    unit: np.ndarray
    units: np.ndarray

    @property
    def at_left(self) -> np.ndarray:
        """Return the left row of each cell, (cells,)."""
        return np.repeat(np.arange(len(self.left)), np.diff(self.start))

    def column(self, at: int) -> np.ndarray:
        """Return a column as it stands in its own table."""
        p = self.left.shape[1]
        return self.left[:, at] if at < p else self.right[:, at - p]

    def linear(self, coef: np.ndarray) -> np.ndarray:
        """Return the linear predictor of each cell, (cells,)."""
        p = self.left.shape[1]
        return np.repeat(self.left @ coef[:p], np.diff(self.start)) + (self.right @ coef[p:])[self.at_right]

    def gram(self, weights: np.ndarray) -> np.ndarray:
        """Return the weighted cross-products of the design, (k, k)."""
        of_left, of_right, joint = self._sums(weights)
        across = self.left.T @ (joint @ self.right)
        return np.block(
            [
                [self.left.T @ (self.left * of_left[:, None]), across],
                [across.T, self.right.T @ (self.right * of_right[:, None])],
            ]
        )

    def cross(self, values: np.ndarray) -> np.ndarray:
        """Return the products of the design with a value per cell, (k,)."""
        of_left, of_right, _ = self._sums(values)
        return np.concatenate([self.left.T @ of_left, self.right.T @ of_right])

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Return the same per cluster, (units, k)."""
        of_left, _, joint = self._sums(values)
        rows = np.column_stack([self.left * of_left[:, None], joint @ self.right])
        return group_sums(rows, self.unit, len(self.units))

    def kept(self, weights: np.ndarray) -> Crossed:
        """Return the design without columns that do not vary or repeat those before them."""
        if not weights.any():
            raise EstimationError("no cell holds an observation.")
        gram = self.gram(weights)
        filled = np.flatnonzero(np.diag(gram) > 0)
        gone = {int(filled[j]) for j, _ in repeated_columns(gram[np.ix_(filled, filled)], OWN)}
        keep = np.isin(np.arange(len(self.names)), [j for j in filled if j not in gone])
        p = self.left.shape[1]
        names = [name for name, there in zip(self.names, keep, strict=True) if there]
        return Crossed(
            names,
            self.left[:, keep[:p]],
            np.ascontiguousarray(self.right[:, keep[p:]]),
            self.start,
            self.at_right,
            self.unit,
            self.units,
        )

    def _sums(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, sparse.csr_array]:
        joint = sparse.csr_array((values, self.at_right, self.start), shape=(len(self.left), len(self.right)))
        return joint @ np.ones(len(self.right)), np.ones(len(self.left)) @ joint, joint


@dataclass(frozen=True, slots=True, eq=False)
class CellTable:
    """Cells with their design; the columns of ``values`` are counts and sums, one row per cell in design order."""

    design: Crossed
    values: pd.DataFrame

    def used(self, counts: np.ndarray) -> CellTable:
        """Return the table over cells with a positive count, without columns they leave nothing of.

        Raises
        ------
        EstimationError
            Where fewer than ten clusters have such a cell.
        """
        there = counts > 0
        old = self.design
        if there.all() and len(old.units) >= MIN_UNITS and (np.diff(old.start) > 0).all():
            return CellTable(old.kept(counts), self.values)
        cells = np.concatenate([[0], np.cumsum(there)])[old.start]
        n_units = len(np.unique(old.unit[np.diff(cells) > 0]))
        if n_units < MIN_UNITS:
            raise EstimationError(f"{n_units} clusters; at least {MIN_UNITS} are needed.")
        occupied = np.diff(cells) > 0
        codes, units = encode(pd.Series(old.units[old.unit[occupied]]))
        start = np.concatenate([[0], cells[1:][occupied]]).astype(np.int32)
        design = Crossed(old.names, old.left[occupied], old.right, start, old.at_right[there], codes, units)
        return CellTable(design.kept(counts[there]), self.values[there].reset_index(drop=True))


def crossed_cells(
    cells: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame, *, key: Sequence[str], unit: str,
    left_columns: Sequence[str], right_columns: Sequence[str], values: Sequence[str],
) -> CellTable:  # fmt: skip
    """Return cells with the design that pairs ``left`` and ``right``.

    Parameters
    ----------
    cells : DataFrame
        One row per cell: ``key`` (which names a row of ``left``), ``right`` (label of a row of ``right``), values.
        Cells whose key is not in ``left``, or whose label is not in ``right``, do not enter.
    left : DataFrame
        One row per ``key``, with ``unit`` (the cluster) and ``left_columns``; an intercept is put before them.
    right : DataFrame
        One row per combination of circumstances, each with its label as index: ``right_columns``.
    """
    keys, names = list(key), ["(Intercept)", *left_columns, *right_columns]
    need_columns(cells, [*keys, "right", *values], "crossed cells")
    if left.duplicated(keys).any():
        raise EstimationError(f"crossed cells: {listed(keys)} repeats in the left table.")
    places = left[keys].assign(_left=np.arange(len(left)))
    at_left = cells[keys].merge(places, on=keys, how="left")["_left"].fillna(-1).to_numpy(dtype=np.int32)
    at_right = right.index.get_indexer(cells["right"]).astype(np.int32)
    at_left[at_right < 0] = -1
    order = np.lexsort((at_right, at_left))
    order = order[np.searchsorted(at_left[order], 0) :]  # cells without a row in both tables come first
    start = np.searchsorted(at_left[order], np.arange(len(left) + 1)).astype(np.int32)
    codes, units = encode(left[unit])
    matrix = np.column_stack([np.ones(len(left)), left[list(left_columns)].to_numpy(dtype=float)])
    design = Crossed(
        names, matrix, right[list(right_columns)].to_numpy(dtype=float).reshape(len(right), -1), start,
        at_right[order], codes, units,
    )  # fmt: skip
    moved = slice(None) if np.array_equal(order, np.arange(len(cells))) else order  # cells in order are not copied
    return CellTable(design, pd.DataFrame({name: cells[name].to_numpy()[moved] for name in values}, copy=False))


def divided(table: CellTable, by: str, off: Mapping[str, pd.Series], on: Mapping[str, pd.Series]) -> CellTable:
    """Return the table with every cell in two, by one more circumstance that is 0 or 1.

    Parameters
    ----------
    by : str
        Name of the circumstance.
    off, on : mapping
        The values of the cells where it is 0, and where it is 1, in the order of the cells.
    """
    old = table.design
    right = np.column_stack([np.repeat(old.right, 2, axis=0), np.tile([0.0, 1.0], len(old.right))])
    at_right = (2 * old.at_right[:, None] + np.arange(2, dtype=np.int32)).ravel()
    design = Crossed([*old.names, by], old.left, right, 2 * old.start, at_right, old.unit, old.units)
    return CellTable(design, pd.DataFrame({name: np.column_stack([off[name], on[name]]).ravel() for name in off}))
