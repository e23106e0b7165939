"""Cluster bootstrap: draws of units as weights, shared by every link of a chain."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exlink.errors import EstimationError, did_you_mean
from exlink.stats.moments import UnitMoments
from exlink.stats.tidy import draws_frame

BATCH_NUMBERS = 4_000_000  # weights held at a time: 32 MB, whatever the number of units
MIN_CLUSTERS = 3
MOST_UNITS = 5_000  # more units of a kind are drawn in blocks: the error of an error is 1 % here already


def _generator(seed: int, name: str = "") -> np.random.Generator:
    """Return the generator of one kind of cluster; crc32 keeps it the same on every machine."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _draw(rng: np.random.Generator, n_clusters: int, reps: int) -> np.ndarray:
    # pairs cluster bootstrap (Cameron, Gelbach & Miller 2008): every row is a multinomial draw with equal chances;
    # drawing labels and counting them is faster than numpy's multinomial, and the same distribution
    picked = rng.integers(0, n_clusters, size=(reps, n_clusters))
    picked += np.arange(reps)[:, None] * n_clusters
    return np.bincount(picked.ravel(), minlength=reps * n_clusters).reshape(reps, n_clusters).astype(float)


def _hashed(labels: pd.Index, blocks: int) -> np.ndarray:
    """Return a block for each label that depends on the label alone."""
    return (pd.util.hash_array(labels.to_numpy(), categorize=False) % np.uint64(blocks)).astype(np.int64)


def batches(n_clusters: int, reps: int) -> list[int]:
    """Return the sizes of batches of replicates that keep the weights under `BATCH_NUMBERS`."""
    size = max(1, min(reps, BATCH_NUMBERS // max(n_clusters, 1)))
    return [min(size, reps - start) for start in range(0, reps, size)]


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], n_clusters: int, *, reps: int = 1000, seed: int
) -> np.ndarray:
    """Return draws of a statistic of cluster weights, in batches: shape (reps, k).

    ``statistic`` takes weights of shape (B, n_clusters) and returns (B,) or (B, k).
    """
    if n_clusters < MIN_CLUSTERS:
        raise EstimationError(f"bootstrap: {n_clusters} clusters; at least {MIN_CLUSTERS} are needed.")
    rng = _generator(seed)
    parts = [statistic(_draw(rng, n_clusters, b)) for b in batches(n_clusters, reps)]
    draws = np.concatenate([np.asarray(p, dtype=float) for p in parts])
    return draws[:, None] if draws.ndim == 1 else draws


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """One link of a chain.

    name : str
    cluster : str                kind of unit that is resampled ('employee', 'customer', …)
    statistic : callable         weights (B, units) → estimates (B,); ones give the point estimate
    units : ndarray, (units,)    labels, in the order of the weights
    n : int                      rows behind the link
    merged : callable, optional  (block of each unit, number of blocks) → statistic of weights of blocks
    """

    name: str
    cluster: str
    statistic: Callable[[np.ndarray], np.ndarray]
    units: np.ndarray
    n: int = 0
    merged: Callable[[np.ndarray, int], Callable[[np.ndarray], np.ndarray]] | None = None

    def scaled(self, factor: float, name: str) -> Link:
        """Return the link times a known number, under another name."""
        return replace(
            self, name=name, statistic=lambda w: factor * self.statistic(w),
            merged=lambda blocks, n_blocks: _times(factor, self.on_blocks(blocks, n_blocks)),
        )  # fmt: skip

    def widened(self, factor: float) -> Link:
        """Return the link with draws that lie ``factor`` times as far from its estimate.

        For what resampling its own units leaves out: a second kind of cluster that cuts across them.
        """
        point = float(self.statistic(np.ones((1, len(self.units))))[0])
        return replace(
            self, statistic=_spread(factor, point, self.statistic),
            merged=lambda blocks, n_blocks: _spread(factor, point, self.on_blocks(blocks, n_blocks)),
        )  # fmt: skip

    def on_blocks(self, blocks: np.ndarray, n_blocks: int) -> Callable[[np.ndarray], np.ndarray]:
        """Return the statistic as a function of weights of blocks of units."""
        if self.merged is not None:
            return self.merged(blocks, n_blocks)
        return lambda weights: self.statistic(weights[:, blocks])


def _times(factor: float, statistic: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda w: factor * statistic(w)


def _spread(
    factor: float, point: float, statistic: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    return lambda w: point + factor * (statistic(w) - point)


class _SharedSlopes:
    """Slopes of one set of moments, solved once per draw for all links that read a column of them."""

    def __init__(self, moments: UnitMoments) -> None:
        self.moments = moments
        self._weights: np.ndarray | None = None
        self._slopes: np.ndarray | None = None
        self._blocks: np.ndarray | None = None
        self._merged: _SharedSlopes | None = None

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        if self._weights is not weights:
            self._weights, self._slopes = weights, self.moments.slopes(weights)
        return self._slopes

    def on_blocks(self, blocks: np.ndarray, n_blocks: int) -> _SharedSlopes:
        if self._blocks is not blocks:
            self._blocks, self._merged = blocks, _SharedSlopes(self.moments.merged(blocks, n_blocks))
        return self._merged


def links_from_moments(
    names: Sequence[str],
    cluster: str,
    moments: UnitMoments,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
) -> tuple[Link, ...]:
    """Return one link per slope of ``moments``, in their order; one solve per draw serves them all.

    ``transform`` is applied to every slope (e.g. ``np.expm1`` for a log outcome).
    """
    if len(names) != len(moments.names):
        raise EstimationError(f"links: {len(names)} names for {len(moments.names)} slopes.")
    shared = _SharedSlopes(moments)

    def column(source: _SharedSlopes, at: int) -> Callable[[np.ndarray], np.ndarray]:
        if transform is None:
            return lambda weights: source(weights)[:, at]
        return lambda weights: transform(source(weights)[:, at])

    return tuple(
        Link(
            name, cluster, column(shared, at), moments.units, moments.n_rows,
            merged=lambda blocks, n_blocks, at=at: column(shared.on_blocks(blocks, n_blocks), at),
        )
        for at, name in enumerate(names)
    )  # fmt: skip


def link_from_moments(
    name: str,
    cluster: str,
    moments: UnitMoments,
    term: int | str = 0,
    transform: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Link:
    """Return the link whose estimate is one slope of ``moments``, optionally transformed (e.g. ``np.expm1``)."""
    if isinstance(term, str):
        if term not in moments.names:
            raise EstimationError(f"link {name}: no slope of '{term}'.{did_you_mean(term, moments.names)}")
        term = moments.names.index(term)
    names = [name if i == term else f"{name}: {other}" for i, other in enumerate(moments.names)]
    return links_from_moments(names, cluster, moments, transform)[term]


@dataclass(frozen=True, slots=True, eq=False)
class ChainDraws:
    """Joint draws of the links of a chain.

    table : DataFrame             tidy, one row per link; percentile intervals
    draws : DataFrame, (reps, links)
    """

    table: pd.DataFrame
    draws: pd.DataFrame
    level: float

    def point(self, names: Sequence[str] | None = None) -> pd.Series:
        """Return the point estimates, by link name."""
        estimates = self.table.set_index("term")["estimate"]
        return estimates.loc[self._names(names)]

    def product_draws(self, names: Sequence[str] | None = None, scale: float = 1.0) -> np.ndarray:
        """Return draws of the product of links times ``scale``: shape (reps,)."""
        return scale * self.draws[self._names(names)].prod(axis=1, skipna=False).to_numpy()

    def product(self, names: Sequence[str] | None = None, scale: float = 1.0, term: str = "chain") -> pd.DataFrame:
        """Return the product of links times ``scale`` as a tidy row; ``n`` is the smallest link's."""
        estimate = scale * float(self.point(names).prod())
        chosen = self.table[self.table["term"].isin(self._names(names))]
        draws = self.product_draws(names, scale)
        return draws_frame(term, estimate, draws, int(chosen["n"].min()), level=self.level)

    def tornado(self, names: Sequence[str] | None = None, scale: float = 1.0) -> pd.DataFrame:
        """Return the chain when one link moves over its interval and the others stay at their estimates.

        Returns
        -------
        DataFrame: term, low, high, width, widest first.
        """
        names = self._names(names)
        points = self.point(names)
        bounds = self.table.set_index("term").loc[names, ["conf_low", "conf_high"]]
        rows = []
        for name in names:
            rest = scale * float(points.drop(name).prod())
            ends = sorted([rest * bounds.loc[name, "conf_low"], rest * bounds.loc[name, "conf_high"]])
            rows.append({"term": name, "low": ends[0], "high": ends[1], "width": ends[1] - ends[0]})
        return pd.DataFrame(rows).sort_values("width", ascending=False, kind="stable", ignore_index=True)

    def _names(self, names: Sequence[str] | None) -> list[str]:
        known = list(self.draws.columns)
        chosen = known if names is None else list(names)
        for name in chosen:
            if name not in known:
                raise EstimationError(f"chain: no link '{name}'.{did_you_mean(name, known)}")
        return chosen


def bootstrap_chain(
    links: Sequence[Link], *, reps: int = 1000, seed: int, most_units: int = MOST_UNITS, level: float = 0.95
) -> ChainDraws:
    """Return joint draws of all links; links of the same kind of unit share the draws of their units.

    The units of all links with the same ``cluster`` are put together, each replicate draws from them once,
    and every link sees the weights of its own units: what two links owe to the same people moves them
    together. Different kinds of units are drawn independently. More than ``most_units`` units of a kind are put
    into that many blocks by a hash of their label, and blocks are drawn: a unit stays whole, the same in all
    links, and two million customers cost no more than five thousand.

    Raises
    ------
    EstimationError
        Without links, with two links of one name, or with fewer than 3 units of a kind.
    """
    names = [link.name for link in links]
    if not links or len(set(names)) < len(names):
        raise EstimationError(f"chain: {len(names)} links need {max(len(names), 1)} different names.")
    point = {link.name: float(link.statistic(np.ones((1, len(link.units))))[0]) for link in links}
    draws = pd.DataFrame(np.nan, index=range(reps), columns=names)
    for cluster in sorted({link.cluster for link in links}):
        members = [link for link in links if link.cluster == cluster]
        everyone = pd.Index(np.unique(np.concatenate([np.asarray(m.units) for m in members])))
        if len(everyone) < MIN_CLUSTERS:
            raise EstimationError(f"chain: {len(everyone)} units of '{cluster}'; at least {MIN_CLUSTERS} are needed.")
        n_clusters = min(len(everyone), most_units)
        # with few units every unit is its own block
        block = _hashed(everyone, most_units) if len(everyone) > most_units else np.arange(len(everyone))
        # links that share their array of units share one array of blocks, and with it their solves
        own = {id(m.units): block[everyone.get_indexer(np.asarray(m.units))] for m in members}
        statistics = [m.on_blocks(own[id(m.units)], n_clusters) for m in members]
        rng = _generator(seed, cluster)
        start = 0
        for size in batches(n_clusters, reps):
            weights = _draw(rng, n_clusters, size)
            for member, statistic in zip(members, statistics, strict=True):
                draws.loc[start : start + size - 1, member.name] = statistic(weights)
            start += size
    n = [link.n for link in links]
    table = draws_frame(names, list(point.values()), draws.to_numpy(), n, level=level)
    return ChainDraws(table=table, draws=draws, level=level)
