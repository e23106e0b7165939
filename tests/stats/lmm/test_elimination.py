"""Both ways of eliminating the largest factor: sums over pairs that meet, and sparse products."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.optimise import evaluate, free_of
from exlink.stats.lmm.pairs import meetings
from exlink.stats.lmm.system import arrange
from tests.stats.lmm.worlds import crossed, dense_criterion, indicator

SAME = 1e-10  # the same sums in another order


@pytest.fixture(scope="module")
def sparse_world():
    """Return 500 rows of 300 levels that each meet few of 120 + 5 others."""
    return crossed(7, rows=500, levels=(300, 120, 5))


@pytest.mark.parametrize("random", [{"a": "1", "b": "1"}, {"c": "1", "a": "1", "b": "1"}, {"c/b": "1", "a": "1"}])
def test_pairs_give_what_sparse_products_give(sparse_world, random):
    products = fit_lmm("y ~ x", sparse_world, random=random).workings.products
    system, entries = arrange(products), free_of(products)
    assert system.rest.pairs is not None
    without = replace(system, rest=replace(system.rest, pairs=None))
    values = 0.4 + 0.3 * np.arange(len(entries))
    fast, plain = (evaluate(s, entries, values, reml=True) for s in (system, without))
    assert fast.found.criterion == pytest.approx(plain.found.criterion, rel=SAME)
    np.testing.assert_allclose(fast.slope, plain.slope, rtol=SAME)
    np.testing.assert_allclose(fast.curvature, plain.curvature, rtol=1e-8)


def test_pairs_give_the_dense_formula(sparse_world):
    ones = np.ones(len(sparse_world))
    fit = fit_lmm("y ~ x", sparse_world, random={"a": "1", "b": "1", "c": "1"})
    zs = [indicator(sparse_world[name], ones) for name in "abc"]
    thetas = [np.array([[t]]) for t in (0.5, 0.9, 0.2)]
    design = np.column_stack([ones, sparse_world["x"]])
    wanted = dense_criterion(sparse_world["y"].to_numpy(), design, zs, thetas, reml=True)
    assert fit.objective_at([0.5, 0.9, 0.2]) == pytest.approx(wanted, rel=1e-9)


def test_pairs_are_those_of_the_cross_product():
    draw = np.random.default_rng(3)
    cross = sparse.random_array((60, 30), density=0.05, rng=draw, format="csr")
    weights, other = draw.uniform(size=60), draw.normal(size=(30, 30))
    pairs, dense = meetings(cross), cross.toarray()
    wanted = dense.T @ np.diag(weights) @ dense
    np.testing.assert_allclose(pairs.weighted(weights), np.tril(wanted), atol=1e-12)
    symmetric = other + other.T
    found = pairs.beside(np.asfortranarray(np.tril(symmetric))) @ weights[pairs.level]
    assert found == pytest.approx(np.trace(wanted @ symmetric))


def test_where_everybody_meets_everybody_pairs_would_be_more_than_the_matrix():
    assert meetings(sparse.csr_matrix(np.ones((50, 10)))) is None


def test_pairs_are_taken_up_to_half_of_the_matrix():
    """A level that meets k others has k (k + 1) / 2 pairs: 10 of them are more than half of 4², 7 are not."""
    met = np.zeros((4, 4))
    met[0], met[1, :2], met[2, 0] = 0.0, 1.0, 1.0  # 3 + 1 pairs
    assert meetings(sparse.csr_matrix(met)) is not None
    met[0, :3] = 1.0  # 6 more
    assert meetings(sparse.csr_matrix(met)) is None
    met[0, :3] = [1.0, 1.0, 0.0]  # 3 more
    assert meetings(sparse.csr_matrix(met)) is not None
