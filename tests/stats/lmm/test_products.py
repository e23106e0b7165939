"""Compressed rows against plain numpy: every block is a sum over the rows it says it is."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from exlink.stats.lmm.engine import from_engine
from exlink.stats.lmm.formula import read_model
from exlink.stats.lmm.frame import from_frame
from tests.stats.lmm.products import TOLERANCE, assert_close, assert_same, raw
from tests.stats.lmm.worlds import crossed

RANDOM = {"a": "1 + x", "b": "1 + z", "c": "1 + x", "d": "1"}
# design columns in their order, and which of them each factor's effects multiply: see RANDOM
COLUMNS = ("one", "x", "z", "y")
EFFECTS = {"a": ("one", "x"), "b": ("one", "z"), "c": ("one", "x"), "d": ("one",)}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Return four factors; d is met within a only in part, so that few levels meet within a cluster."""
    frame = crossed(11, rows=900, levels=(20, 7, 4))
    draw = np.random.default_rng(12)
    frame["d"] = (frame["a"] + draw.integers(0, 3, len(frame))) % 6
    return frame.assign(w=draw.uniform(0.5, 2, len(frame)), f=draw.integers(1, 4, len(frame)), one=1.0)


def compressed(path, rows, **more):
    model = read_model("y ~ x + z", RANDOM, **more)
    return from_frame(model, rows) if path == "memory" else from_engine(model, duckdb.from_df(rows))


def summed(rows, keys, left, right, weight):
    """Return the levels that meet, each once and sorted, and their sums of w · left · right'."""
    values = [rows[list(columns)].to_numpy() for columns in (left, right)]
    products = np.einsum("n,ni,nj->nij", weight, *values).reshape(len(rows), -1)
    made = pd.DataFrame(products).groupby([rows[k].to_numpy() for k in keys]).sum()
    met = made.index.to_frame().to_numpy() if len(keys) > 1 else made.index.to_numpy()[:, None]
    return met, made.to_numpy().reshape(len(made), len(left), len(right))


@pytest.mark.parametrize("path", ["memory", "engine"])
@pytest.mark.parametrize("more", [{}, {"weights": "w"}, {"frequencies": "f"}])
def test_every_block_is_the_sum_over_its_rows(rows, path, more):
    products = compressed(path, rows, **more)
    weight = rows[next(iter(more.values()))].to_numpy(dtype=float) if more else np.ones(len(rows))
    first, pairs, triples = raw(products)
    names = list(RANDOM)
    levels = [g.levels.to_numpy() for g in products.groupings]

    _, wanted = summed(rows, ["a"], COLUMNS, COLUMNS, weight)
    allowed = TOLERANCE * np.abs(wanted).max()
    assert_close(first, wanted, allowed)
    assert products.weight == pytest.approx(weight.sum(), rel=1e-12)
    means = products.scale * products.sums / products.weight + products.shift
    np.testing.assert_allclose(means, weight @ rows[list(COLUMNS)] / weight.sum(), rtol=0, atol=1e-12)

    assert set(pairs) == {(a, b) for b in range(4) for a in range(b)}
    for (a, b), pair in products.pairs.items():
        met, wanted = summed(
            rows, [names[a], names[b]], COLUMNS if a == 0 else EFFECTS[names[a]], EFFECTS[names[b]], weight
        )
        assert np.array_equal(np.column_stack([levels[a][pair.left], levels[b][pair.right]]), met)
        assert_close(pairs[a, b], wanted, allowed)

    assert set(triples) == {(1, 2), (1, 3), (2, 3)}
    for (a, b), triple in products.triples.items():
        met, wanted = summed(rows, ["a", names[a], names[b]], EFFECTS[names[a]], EFFECTS[names[b]], weight)
        codes = [levels[0][triple.cluster], levels[a][triple.left], levels[b][triple.right]]
        assert np.array_equal(np.column_stack(codes), met)
        assert len(met) < np.prod([len(levels[k]) for k in (0, a, b)])  # not all levels meet
        assert_close(triples[a, b], wanted, allowed)


def test_both_zeros_are_one_key(rows):
    frame = rows.assign(b=np.where(rows.index % 2, 1.0, -1.0) * rows["b"].where(rows["b"] == 0, 0.0) + rows["b"])
    model = read_model("y ~ x + z", RANDOM)
    one, other = from_frame(model, frame), from_engine(model, duckdb.from_df(frame))
    assert_same(one, other)
    assert one.groupings[1].size == rows["b"].nunique()


@pytest.mark.parametrize("more", [{}, {"weights": "w"}])
def test_plain_columns_are_what_formulaic_makes_of_them(rows, more):
    """Columns of numbers go by formulaic, which would copy each of them thrice; I() sends them through it."""
    one, other = (
        from_frame(read_model(formula, {"a": effects, "b": "1"}, **more), rows)
        for formula, effects in (("y ~ x + z + f", "1 + x"), ("I(y) ~ I(x) + {z} + I(f)", "1 + I(x)"))
    )
    assert one.names == ("(Intercept)", "x", "z", "f", "y")
    assert other.names == ("(Intercept)", "I(x)", "z", "I(f)", "I(y)")
    for part in ("first", "sums", "shift", "scale", "constant"):
        assert np.array_equal(getattr(one, part), getattr(other, part)), part
    assert np.array_equal(one.pairs[0, 1].products, other.pairs[0, 1].products)
    assert np.array_equal(one.first, one.first.transpose(0, 2, 1)), "not symmetric to the last digit"


def test_a_constant_leaves_nothing_once_it_is_shifted(rows):
    frame = rows.assign(always=0.3)
    assert np.mean(frame["always"].to_numpy()) != 0.3, "no rounding error to be felt"
    found = from_frame(read_model("y ~ x + always", RANDOM), frame)
    assert found.shift[2] == 0.3 and found.total[2, 2] == 0.0
