"""One replication of a world, and many of them on several processes."""

from __future__ import annotations

import multiprocessing
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.calibration import right, wrong
from benchmarks.calibration.world import World
from exlink.stats.lmm import LmmFit, fit_lmm

SEED = 20_240_911
WORLDS = {
    world.name: world
    for world in (
        right.nested(), right.crossed(), right.few(), right.few_crossed(), right.large(), right.dense(),
        right.unbalanced(), right.three(), right.scores(), wrong.slopes(), wrong.few_slopes(), wrong.autocorrelated(),
        wrong.crossed_slopes(), wrong.few_crossed_slopes(), wrong.dense_slopes(), wrong.customer_first(),
        wrong.customer_slopes(), wrong.queue_left_out(),
    )
}  # fmt: skip
COLUMNS = ("estimate", "std_error", "conf_low", "conf_high", "p_value", "df")


@dataclass(frozen=True, slots=True, eq=False)
class Replications:
    """All replications of a world.

    world : World
    model, robust : ndarray, (R, k, 6)   COLUMNS of each judged fixed effect, by either kind of error
    spreads : ndarray, (R, s, 3)         estimate and interval of each SD and correlation with a known truth
    singular, converged : ndarray of bool, (R,)
    evaluations : ndarray of int, (R,)   of the criterion
    robust_kind : str                    'CR2' or 'CR2, crossed'
    seconds : float                      mean time of a fit
    """

    world: World
    model: np.ndarray
    robust: np.ndarray
    spreads: np.ndarray
    singular: np.ndarray
    converged: np.ndarray
    evaluations: np.ndarray
    robust_kind: str
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class One:
    """One replication: rows of the arrays of ``Replications``."""

    model: np.ndarray
    robust: np.ndarray
    spreads: np.ndarray
    singular: bool
    converged: bool
    evaluations: int
    robust_kind: str
    seconds: float


def seeds(world: World, replications: int, seed: int = SEED) -> list[np.random.SeedSequence]:
    """Return one seed per replication; they depend on the world's name, not on what else is run."""
    return np.random.SeedSequence([seed, zlib.crc32(world.name.encode())]).spawn(replications)


def one(world: World, seed: np.random.SeedSequence) -> One:
    """Return what one draw of a world gives."""
    frame = world.draw(np.random.default_rng(seed))
    started = time.perf_counter()
    fit = fit_lmm(world.formula, frame, world.random)
    seconds = time.perf_counter() - started
    terms = list(world.judged)
    model, robust = (t.set_index("term").loc[terms, list(COLUMNS)].to_numpy() for t in (fit.table, fit.robust_table))
    return One(
        model, robust, _spreads(world, fit), fit.is_singular, fit.converged, fit.evaluations, fit.robust_kind, seconds
    )


def run(world: World, replications: int, processes: int = 1, *, seed: int = SEED, loud: bool = False) -> Replications:
    """Return ``replications`` draws of a world; the number of processes changes nothing in them."""
    jobs = [(world, s) for s in seeds(world, replications, seed)]
    if processes == 1:
        return gather(world, list(_counted(world, (one(*job) for job in jobs), replications, loud=loud)))
    # forked, so that a world need not be picklable: it is looked up by its name
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        answers = pool.imap(_one_named, [(world.name, s) for _, s in jobs], chunksize=5)
        return gather(world, list(_counted(world, answers, replications, loud=loud)))


def gather(world: World, ones: list[One]) -> Replications:
    """Return replications side by side."""

    def all_of(name: str) -> np.ndarray:
        return np.array([getattr(o, name) for o in ones])

    return Replications(
        world, all_of("model"), all_of("robust"), all_of("spreads"), all_of("singular"), all_of("converged"),
        all_of("evaluations"), ones[0].robust_kind, float(all_of("seconds").mean()),
    )  # fmt: skip


def _one_named(job: tuple[str, np.random.SeedSequence]) -> One:
    name, seed = job
    return one(WORLDS[name], seed)


def _counted(world: World, answers: Iterator[One], replications: int, *, loud: bool) -> Iterator[One]:
    for done, answer in enumerate(answers, start=1):
        if loud and (done % 50 == 0 or done == replications):
            print(f"\r{world.name:16} {done:5,} of {replications:,}", end="", file=sys.stderr, flush=True)
        yield answer
    if loud:
        print(file=sys.stderr)


def _spreads(world: World, fit: LmmFit) -> np.ndarray:
    if not world.spreads:
        return np.zeros((0, 3))
    rows = fit.intervals().set_index(["group", "term1", "term2"])
    return rows.loc[list(world.spreads), ["estimate", "conf_low", "conf_high"]].to_numpy()
