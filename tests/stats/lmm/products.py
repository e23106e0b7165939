"""Cross-products of two paths on one footing: in the units of the data, whatever was shifted and scaled."""

import numpy as np
import pandas as pd

from exlink.stats.lmm.formula import INTERCEPT

TOLERANCE = 1e-10  # of the columns' lengths in the largest group: sums in another order, shifts taken out again


def raw(products):
    """Return ``first`` and ``pairs`` of raw columns."""
    k = len(products.names)
    back = _undo(products, np.arange(k))
    first = np.einsum("ik,jkl,ml->jim", back, products.first, back)
    pairs = {}
    for (a, b), pair in products.pairs.items():
        left = back if a == 0 else _undo(products, products.groupings[a].columns)
        right = _undo(products, products.groupings[b].columns)
        pairs[a, b] = np.einsum("ik,pkl,ml->pim", left, pair.products, right)
    return first, pairs


def _undo(products, columns):
    """Return the matrix that turns standardised columns into raw ones; a shift needs the constant beside it."""
    names = [products.names[c] for c in columns]
    back = np.diag(products.scale[columns])
    if np.any(products.shift[columns]):
        back[:, names.index(INTERCEPT)] += products.shift[columns]
    return back


def assert_same(one, other, tolerance=TOLERANCE):
    """Check that two compressions say the same of the same rows."""
    assert one.names == other.names and one.fixed == other.fixed
    assert (one.n_seen, one.n_incomplete) == (other.n_seen, other.n_incomplete)
    assert one.n_rows == other.n_rows
    np.testing.assert_allclose(one.log_weights, other.log_weights, rtol=1e-12, atol=1e-12)
    for a, b in zip(one.groupings, other.groupings, strict=True):
        assert (a.name, a.parts) == (b.name, b.parts)
        pd.testing.assert_index_equal(a.levels, b.levels)
        assert np.array_equal(a.columns, b.columns) and np.array_equal(a.free, b.free)
    first, pairs = raw(one)
    other_first, other_pairs = raw(other)
    # two indicators never meet: their products are 0, or what rounding leaves of 0 beside the columns themselves
    length = np.sqrt(np.einsum("jkk->jk", first).max(axis=0))
    assert_close(first, other_first, np.outer(length, length) * tolerance)
    assert one.pairs.keys() == other.pairs.keys()
    for (a, b), pair in one.pairs.items():
        theirs = other.pairs[a, b]
        assert np.array_equal(pair.left, theirs.left) and np.array_equal(pair.right, theirs.right)
        left = length if a == 0 else length[one.groupings[a].columns]
        size = np.outer(left, length[one.groupings[b].columns])
        assert_close(pairs[a, b], other_pairs[a, b], size * tolerance)


def assert_close(blocks, other, allowed):
    """Check stacks of matrices entry by entry."""
    assert blocks.shape == other.shape
    assert (np.abs(blocks - other) <= allowed).all(), (np.abs(blocks - other) / allowed).max()
