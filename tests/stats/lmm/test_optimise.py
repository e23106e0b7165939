"""The search for the least criterion: against other optimisers, from bad starts, and what one step learns."""

from dataclasses import replace
from itertools import pairwise

import duckdb
import numpy as np
import pytest
from scipy.optimize import minimize

from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.optimise import Optimum, _better, _corrected, _last, evaluate, free_of, optimise, start_like
from tests.stats.lmm.worlds import crossed, grouped

REACHED = 1e-6  # of the criterion: another optimiser stops where this much is left


def two_valleys():
    """Return a fit whose criterion has two minima: noise alone, seven variances and covariances to fit it with."""
    frame = crossed(5, rows=120, levels=(12, 7, 3))
    frame["y"] = np.random.default_rng(1005).normal(size=len(frame))
    return fit_lmm("y ~ x", frame, random={"a": "1 + x + z", "b": "1 + x"})


def test_a_second_start_finds_the_lower_of_two_minima():
    fit = two_valleys()
    diagonal = np.array([1, 0, 0, 1, 0, 1, 1, 0, 1])  # column by column
    least = min(
        minimize(fit.objective_at, size * diagonal, method="BFGS", options={"gtol": 1e-4}).fun for size in (1.0, 0.3)
    )
    assert fit.objective <= least + REACHED


def test_a_start_at_zero_is_left_where_zero_is_not_best():
    """By symmetry the slope at zero is zero. Groups differ by z alone, so with z their variance is zero; without, not.

    ``without`` starts at the optimum of the full model.
    """
    frame = grouped(5, [10] * 12)
    noise = np.random.default_rng(5).normal(size=len(frame))
    noise -= np.bincount(frame["g"], noise)[frame["g"]] / 10
    frame["z"] = np.arange(12.0)[frame["g"]]
    frame["y"] = frame["z"] + noise
    full = fit_lmm("y ~ z", frame, random={"g": "1"})
    assert full.theta == pytest.approx(0.0, abs=1e-5)
    w = full.without("z").workings
    assert w.best.converged
    held = optimise(w.system, w.entries, reml=True, start=np.zeros(1))
    # one-way analysis of variance of equal groups, in closed form (Searle, Casella & McCulloch 1992, 3.8)
    between = 10 * frame.groupby("g")["y"].mean().var(ddof=1)
    within = frame["y"].groupby(frame["g"]).var(ddof=1).mean()
    for best in (w.best, held):
        assert abs(best.values[0]) == pytest.approx(np.sqrt((between / within - 1) / 10), rel=1e-6)


def test_of_two_ends_the_lower_is_taken_and_of_equal_ones_the_converged():
    def at(criterion: float, *, converged: bool) -> Optimum:
        return replace(here, found=replace(here.found, criterion=here.found.criterion + criterion), converged=converged)

    here = two_valleys().workings.best
    low, high = at(0.0, converged=False), at(0.5, converged=False)
    assert _better(low, high) is low
    assert _better(high, low) is low
    assert _better(at(0.5, converged=True), low) is low
    arrived = at(1e-10, converged=True)
    assert _better(low, arrived) is arrived
    assert _better(arrived, low) is arrived


def test_the_correction_learns_a_quadratic_exactly():
    """Symmetric rank one: after as many independent steps as there are entries, the curvature is the true one."""
    draw = np.random.default_rng(3)
    root = draw.normal(size=(4, 4))
    true = root @ root.T + np.eye(4)
    w = two_valleys().workings

    def at(values: np.ndarray) -> Optimum:
        return replace(w.best, values=values, slope=true @ values, curvature=np.eye(4))

    points = [at(v) for v in draw.normal(size=(5, 4))]
    correction = np.zeros((4, 4))
    for here, there in pairwise(points):
        correction = _corrected(correction, here, there)
    assert np.eye(4) + correction == pytest.approx(true, rel=1e-8)


ALIKE = 1e-10  # what two orders of summing may leave between errors, relative, and effects, in errors
WAYS = {
    "one slope": ("y ~ x", grouped(3, [1, 2, 3, 40] * 5), {"g": "1 + x"}, {}),
    "maximum likelihood": ("y ~ x", grouped(0, [1, 2, 3, 40] * 5), {"g": "1 + x"}, {"reml": False}),
    "independent": ("y ~ x", grouped(1, [10] * 40), {"g": ["1", "0 + x"]}, {}),
    "crossed": ("y ~ x + z", crossed(0), {"a": "1 + x", "b": "1", "c": "1"}, {}),
    "two slopes": ("y ~ x + z", crossed(2, rows=900), {"a": "1 + x", "b": "1 + x"}, {}),
    "weights": ("y ~ x", crossed(1).assign(w=lambda f: 1 + f["c"]), {"a": "1 + x"}, {"weights": "w"}),
}


@pytest.mark.parametrize("way", WAYS)
def test_rows_in_memory_and_in_an_engine_say_the_same(way):
    formula, frame, random, options = WAYS[way]
    one = fit_lmm(formula, frame, random=random, **options)
    other = fit_lmm(formula, duckdb.from_df(frame.sample(frac=1, random_state=3)), random=random, **options)
    assert ((one.fixef - other.fixef).abs() <= ALIKE * one.std_error).all()
    assert other.std_error.to_numpy() == pytest.approx(one.std_error.to_numpy(), rel=ALIKE)
    assert other.robust_std_error.to_numpy() == pytest.approx(one.robust_std_error.to_numpy(), rel=ALIKE)
    assert other.sigma == pytest.approx(one.sigma, rel=ALIKE)


def test_a_step_that_taught_nothing_changes_no_correction():
    here = two_valleys().workings.best
    there = replace(here, values=here.values + 1.0, slope=here.slope + here.curvature.sum(axis=1))
    learnt = np.full_like(here.curvature, 2.0)
    assert _corrected(np.zeros_like(learnt), here, there) == pytest.approx(0.0, abs=1e-12)


def test_learnt_curvature_saves_evaluations_of_small_problems():
    """Twelve groups of forty samples: 8.3 on average; 10.9 where the average information alone leads."""
    spent = [
        fit_lmm("y ~ x", grouped(seed, [1, 2, 3, 40] * 5), random={"g": "1 + x"}, reml=reml)
        for seed in range(20)
        for reml in (True, False)
    ]
    inside = [fit.evaluations for fit in spent if not fit.is_singular]
    assert len(inside) >= 10
    assert np.mean(inside) < 9.5


def test_a_model_with_fewer_effects_starts_where_its_residuals_point():
    """z is constant within a: without it levels of a differ more, by about as much as least squares say."""
    rows = crossed(7, rows=6_000, levels=(200, 90, 4))
    rows["y"] += rows["z"]
    full = fit_lmm("y ~ x + z", rows, random={"a": "1", "b": "1"})
    w, kept = full.workings, full.without("z").workings
    start = start_like(kept.system, kept.entries, w.best.values, w.system)
    here, before = (np.abs(values / kept.best.values - 1).max() for values in (start, w.best.values))
    assert here < before / 5
    same = start_like(w.system, w.entries, w.best.values, w.system)
    np.testing.assert_array_equal(same, w.best.values)


def test_where_derivatives_are_dear_the_last_step_is_foretold():
    """1,200 effects in the dense remainder: no step is taken to learn that the one before was the last."""
    rows = crossed(3, rows=12_000, levels=(3_000, 1_200, 4)).drop(columns="z")
    fit = fit_lmm("y ~ x", rows, random={"a": "1", "b": "1"})
    w = fit.workings
    there = evaluate(w.system, w.entries, w.best.values, reml=True)
    assert fit.converged and fit.evaluations <= 5
    step = np.linalg.solve(there.curvature, there.slope)
    assert np.abs(step).max() < 1e-6 * np.abs(w.best.values).max()


def test_the_first_step_is_never_the_last_of_large_problems():
    rows = crossed(3, rows=12_000, levels=(3_000, 1_200, 4))
    system = fit_lmm("y ~ x", rows, random={"a": "1", "b": "1"}).workings.system
    values = np.array([0.5, 0.9])
    assert not _last(system, 0.1, np.inf, 0.01, np.inf, values)
    assert _last(system, 1e-6, 0.1, 1e-5, 0.01, values)
    assert not _last(system, 1e-6, 0.1, 1e-3, 0.002, values)


def test_the_optimum_is_the_one_that_another_optimiser_finds():
    fit = fit_lmm("y ~ x", grouped(4, [12] * 25), random={"g": "1 + x"})
    other = minimize(fit.objective_at, [0.7, 0.1, 0.3], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-9})
    assert fit.objective == pytest.approx(other.fun, abs=REACHED)
    assert np.abs(fit.theta) == pytest.approx(np.abs(other.x), abs=1e-3)
    w = fit.workings
    again = evaluate(w.system, free_of(w.products), w.best.values, reml=True)
    assert again.found.criterion == pytest.approx(w.best.found.criterion, abs=1e-9)
