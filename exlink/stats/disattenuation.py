"""Correlations corrected for unreliable measures, within and between units, beside the raw ones.

``r / sqrt(rel_x · rel_y)`` (Spearman 1904), each side with the reliability that belongs to its kind of difference:

- within, x: alpha of the items' deviations from the unit's and the period's mean (Geldhof, Preacher & Zyphur 2014);
- within, y: of a cell's mean, the part of its deviations that is not the noise of the rows behind it;
- between, x and y: of a unit's mean over periods, ICC(2) with periods as replicates and time effects taken out.

Deviations of periods that move together on both sides are part of the correlation of units' means; with few periods
the corrected one between units holds some of what happens within them.

Every draw of the bootstrap estimates correlation and reliabilities anew, so that intervals carry both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import absorb, encode, group_sums
from exlink.stats.bootstrap import bootstrap
from exlink.stats.cells import same_cells
from exlink.stats.correlation import collapse
from exlink.stats.moments import between_moments, within_moments
from exlink.stats.tidy import check_level, need_columns

LEAST = 0.2  # reliability below which a correction multiplies noise by more than two and is not made
COLUMNS = ["kind", "outcome", "term", "estimate", "conf_low", "conf_high", "corrected", "corrected_low",
           "corrected_high", "reliability_x", "reliability_y", "n", "n_units", "note"]  # fmt: skip

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class _Pair:
    """What one pair needs: weights of units (B, units) → (B,) each; ``None`` where a side cannot be judged."""

    correlation: Statistic
    x: Statistic | None
    y: Statistic | None
    n: int
    n_units: int
    lacking: str


def disattenuated(
    cells: pd.DataFrame,
    ys: Sequence[str],
    xs: Sequence[str],
    unit: str,
    time: str,
    *,
    items: Mapping[str, pd.DataFrame] | None = None,
    reps: int = 1000,
    seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return raw and corrected correlations of every outcome with every covariate, within and between units.

    Parameters
    ----------
    cells : DataFrame
        As in `correlation_matrix`, with ``sumsq_<y>``.
    items : mapping, optional
        Covariate → DataFrame with ``unit``, ``time`` and a column per item. Without two items the within reliability
        of a covariate is unknown, and only the outcome's side is corrected within units.

    Returns
    -------
    DataFrame: kind ('within', 'between'), outcome, term, estimate with conf_low, conf_high (raw), corrected with
    corrected_low, corrected_high, reliability_x, reliability_y, n, n_units, note. A corrected value beyond ±1 is set to
    ±1 and the note says so; where a reliability is below 0.2 nothing is corrected.
    """
    check_level(level)
    need_columns(cells, [unit, time], "reliability")
    codes = {c: encode(cells[c]) for c in (unit, time)}
    coded = cells.assign(**{c: code for c, (code, _) in codes.items()})
    asked = {x: _coded(frame, codes) for x, frame in (items or {}).items() if x in xs}
    rows = []
    for y in ys:
        for names in same_cells(cells, xs):
            sums = _added_up(coded, y, names, unit, time)
            for x in names:
                makers = {"within": partial(_within, sums, y, x, unit, time, asked.get(x)),
                          "between": partial(_between, sums, y, x, unit, time)}  # fmt: skip
                for kind, make in makers.items():
                    rows.append({"kind": kind, "outcome": y, "term": x, **_row(make, reps, seed, level)})
    order = {(kind, y, x): k for k, (kind, y, x) in enumerate(product(("within", "between"), ys, xs))}
    out = pd.DataFrame(rows, columns=COLUMNS)
    place = [order[row] for row in out[["kind", "outcome", "term"]].itertuples(index=False, name=None)]
    return out.iloc[np.argsort(place)].reset_index(drop=True)


def _row(make: Callable[[], _Pair], reps: int, seed: int, level: float) -> dict:
    try:
        pair = make()
    except EstimationError as error:
        # the reason takes the place of the number, and the other pairs go on
        return {"n": 0, "n_units": 0, "note": str(error)}
    return _corrected(pair, reps, seed, level)


def _coded(frame: pd.DataFrame, codes: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """Return items with units and periods as codes; what the cells do not know is -1 and meets nothing."""
    return frame.assign(**{c: pd.Index(labels).get_indexer(frame[c]) for c, (_, labels) in codes.items()})


def _corrected(pair: _Pair, reps: int, seed: int, level: float) -> dict:
    def statistic(weights: np.ndarray) -> np.ndarray:
        one = np.ones(len(weights))
        return np.column_stack([pair.correlation(weights), *(s(weights) if s else one for s in (pair.x, pair.y))])

    r, rel_x, rel_y = statistic(np.ones((1, pair.n_units)))[0]
    draws = bootstrap(statistic, pair.n_units, reps=reps, seed=seed)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.nanquantile(draws[:, 0], tails)
    out = {"estimate": r, "conf_low": low, "conf_high": high, "n": pair.n, "n_units": pair.n_units,
           "reliability_x": rel_x if pair.x else np.nan, "reliability_y": rel_y if pair.y else np.nan,
           "note": pair.lacking}  # fmt: skip
    if not (pair.x or pair.y):
        return out
    least = min(rel_x, rel_y)
    if not least >= LEAST:
        why = f"not corrected: a reliability of {max(least, 0.0):.2f} is too low"
        return {**out, "note": "; ".join(filter(None, [why, pair.lacking]))}
    value = r / np.sqrt(rel_x * rel_y)
    # a draw without reliable differences says that the corrected correlation could be anything in r's direction
    product = draws[:, 1] * draws[:, 2]
    usable = (draws[:, 1] > 0) & (draws[:, 2] > 0)
    drawn = np.where(usable, draws[:, 0] / np.sqrt(np.where(usable, product, 1.0)), np.sign(draws[:, 0]))
    corrected_low, corrected_high = np.nanquantile(np.clip(drawn, -1, 1), tails)
    beyond = "beyond ±1 before it was cut: the reliabilities are too low" if abs(value) > 1 else ""
    return {**out, "corrected": float(np.clip(value, -1, 1)), "corrected_low": corrected_low,
            "corrected_high": corrected_high, "note": "; ".join(filter(None, [beyond, pair.lacking]))}  # fmt: skip


def _within(sums: pd.DataFrame, y: str, x: str, unit: str, time: str, items: pd.DataFrame | None) -> _Pair:
    moments = within_moments(sums, y, x, unit, time)
    used = sums[sums[unit].isin(moments.units)]
    codes = pd.Index(moments.units).get_indexer(used[unit])
    levels, n = len(moments.units), used[f"n_{y}"].to_numpy(dtype=float)
    inside = used[f"sumsq_{y}"].to_numpy(dtype=float) - used[f"sum_{y}"].to_numpy(dtype=float) ** 2 / n
    squares = np.bincount(codes, weights=np.maximum(inside, 0.0), minlength=levels)
    free = np.bincount(codes, weights=n - 1, minlength=levels)
    occasions = np.bincount(codes, minlength=levels) - 1.0
    lost = used[time].nunique() - 1

    def of_y(weights: np.ndarray) -> np.ndarray:
        # what rows' noise alone adds to the weighted squares of cell means, one sigma² per degree of freedom
        total = moments.reduced(weights)[:, -1, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return 1 - (weights @ squares) / (weights @ free) * (weights @ occasions - lost) / total

    of_x = _alpha(items, used[[unit, time]], unit, time, moments.units)
    lacking = [] if of_x else ["x has one item: only the outcome's side is corrected"]
    known_y = bool(free.sum() > 0)
    lacking += [] if known_y else ["one row per cell: the outcome's side is not corrected"]
    return _Pair(
        lambda w: moments.correlations(w)[:, 0], of_x, of_y if known_y else None, moments.n_rows, levels,
        "; ".join(lacking),
    )  # fmt: skip


def _between(used: pd.DataFrame, y: str, x: str, unit: str, time: str) -> _Pair:
    moments = between_moments(used, y, x, unit)
    n = used[f"n_{y}"].to_numpy(dtype=float)
    values = np.column_stack([used[x], used[f"sum_{y}"] / n])
    left, _ = absorb(values, used[time].to_numpy(), None, n)  # what a period does to everybody is no noise
    codes, levels = pd.Index(moments.units).get_indexer(used[unit]), len(moments.units)
    periods = np.bincount(codes, minlength=levels).astype(float)
    known = bool((periods > 1).sum() >= 2)
    lacking = "" if known else "one period per unit: how far its mean would come back is unknown"
    sides = [_icc2(left[:, k], n, codes, periods) if known else None for k in (0, 1)]
    return _Pair(lambda w: moments.correlations(w)[:, 0], *sides, moments.n_rows, levels, lacking)


def _added_up(cells: pd.DataFrame, y: str, xs: Sequence[str], unit: str, time: str) -> pd.DataFrame:
    """Return unit × time cells: sums and sums of squares of the outcome added up, covariates averaged by rows."""
    squares = f"sumsq_{y}"
    need_columns(cells, [squares], f"reliability of {y}")
    known = cells[(cells[f"n_{y}"] > 0) & cells[list(xs)].notna().all(axis=1)]
    added = known.groupby([unit, time], observed=True)[squares].sum().reset_index()
    return collapse(cells, y, xs, [unit, time]).merge(added, on=[unit, time], validate="one_to_one")


def _alpha(items: pd.DataFrame | None, used: pd.DataFrame, unit: str, time: str, units: np.ndarray) -> Statistic | None:
    """Return alpha of the items' deviations within units and periods, None where there are not two items."""
    if items is None or items.shape[1] - 2 < 2:
        return None
    rows = used.merge(items, on=[unit, time], how="inner").dropna()
    names = [c for c in items.columns if c not in (unit, time)]
    frame = rows.assign(n_whole=1, sum_whole=rows[names[-1]])
    try:
        inner = within_moments(frame, "whole", names[:-1], unit, time)
    except EstimationError:
        return None  # items that do not move, or repeat each other: nothing to judge them by
    place = pd.Index(units).get_indexer(inner.units)

    def statistic(weights: np.ndarray) -> np.ndarray:
        s = inner.reduced(weights[:, place])
        k = s.shape[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return k / (k - 1) * (1 - np.trace(s, axis1=1, axis2=2) / s.sum(axis=(1, 2)))

    return statistic


def _icc2(values: np.ndarray, n: np.ndarray, codes: np.ndarray, periods: np.ndarray) -> Statistic:
    """Return ICC(2), ``1 - MSW / MSB``, of units' means over periods, cells weighted by their rows."""
    levels = len(periods)
    sums = group_sums(np.column_stack([n, n * values, n * values**2]), codes, levels)
    rows, total = sums[:, 0], sums[:, 1]
    inside, between = sums[:, 2] - total**2 / rows, total**2 / rows

    def statistic(weights: np.ndarray) -> np.ndarray:
        count = weights.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            within = (weights @ inside) / (weights @ periods - count)
            apart = (weights @ between - (weights @ total) ** 2 / (weights @ rows)) / (count - 1)
            return 1 - within / apart

    return statistic
