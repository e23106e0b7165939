"""Cross-products of two paths on one footing: in the units of the data, whatever was shifted and scaled."""

import numpy as np
import pandas as pd

TOLERANCE = 1e-10  # of the columns' lengths in the largest group: sums in another order, shifts taken out again


def raw(products):
    """Return ``first``, ``pairs`` and ``triples`` of raw columns."""
    k = len(products.names)
    # a slope may be shifted beside a random intercept where the fixed part has none
    places = [products.constant, *(g.columns[g.constant] for g in products.groupings)]
    back = _undo(products, np.arange(k), np.isin(np.arange(k), next((p for p in places if len(p)), [])))
    effects = [_undo(products, g.columns, g.constant) for g in products.groupings]
    first = np.einsum("ik,jkl,ml->jim", back, products.first, back)
    pairs = {}
    for (a, b), pair in products.pairs.items():
        pairs[a, b] = np.einsum("ik,pkl,ml->pim", back if a == 0 else effects[a], pair.products, effects[b])
    triples = {
        (a, b): np.einsum("ik,pkl,ml->pim", effects[a], triple.products, effects[b])
        for (a, b), triple in products.triples.items()
    }
    return first, pairs, triples


def _undo(products, columns, constant):
    """Return the matrix that turns standardised columns into raw ones; a shift needs the constant beside it."""
    scale = products.scale[columns]
    return np.diag(scale) + np.outer(products.shift[columns], constant * scale)


def assert_same(one, other, tolerance=TOLERANCE):
    """Check that two compressions say the same of the same rows."""
    assert one.names == other.names and one.fixed == other.fixed
    assert (one.n_seen, one.n_incomplete) == (other.n_seen, other.n_incomplete)
    assert np.array_equal(one.constant, other.constant)
    assert (one.n_rows, one.uneven) == (other.n_rows, other.uneven)
    np.testing.assert_allclose(one.weight, other.weight, rtol=1e-12)
    np.testing.assert_allclose(one.log_weights, other.log_weights, rtol=1e-12, atol=1e-12)
    for a, b in zip(one.groupings, other.groupings, strict=True):
        assert (a.name, a.parts) == (b.name, b.parts)
        pd.testing.assert_index_equal(a.levels, b.levels)
        assert np.array_equal(a.columns, b.columns) and np.array_equal(a.free, b.free)
        assert np.array_equal(a.constant, b.constant)
    first, pairs, triples = raw(one)
    other_first, other_pairs, other_triples = raw(other)
    means, other_means = (p.scale * p.sums / p.weight + p.shift for p in (one, other))
    size = np.sqrt(np.diagonal(other_first.sum(axis=0)) / other.weight)
    assert (np.abs(means - other_means) <= tolerance * size).all()
    # two indicators never meet: their products are 0, or what rounding leaves of 0 beside the columns themselves
    length = np.sqrt(np.einsum("jkk->jk", first).max(axis=0))
    assert_close(first, other_first, np.outer(length, length) * tolerance)
    assert one.pairs.keys() == other.pairs.keys()
    assert one.triples.keys() == other.triples.keys()
    for (a, b), pair in one.pairs.items():
        theirs = other.pairs[a, b]
        assert np.array_equal(pair.left, theirs.left) and np.array_equal(pair.right, theirs.right)
        left = length if a == 0 else length[one.groupings[a].columns]
        size = np.outer(left, length[one.groupings[b].columns])
        assert_close(pairs[a, b], other_pairs[a, b], size * tolerance)
    for (a, b), triple in one.triples.items():
        theirs = other.triples[a, b]
        assert np.array_equal(triple.cluster, theirs.cluster)
        assert np.array_equal(triple.left, theirs.left) and np.array_equal(triple.right, theirs.right)
        size = np.outer(length[one.groupings[a].columns], length[one.groupings[b].columns])
        assert_close(triples[a, b], other_triples[a, b], size * tolerance)


def assert_close(blocks, other, allowed):
    """Check stacks of matrices entry by entry."""
    assert blocks.shape == other.shape
    assert (np.abs(blocks - other) <= allowed).all(), (np.abs(blocks - other) / allowed).max()
