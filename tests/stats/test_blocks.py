"""Mean correlations inside and across blocks: numpy's correlations, known truth, and no effect."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.blocks import ACROSS, block_correlations
from tests.stats.reference import EXACT

BLOCKS = {"first": ["a", "b", "c"], "second": ["d", "e"]}


def drawn(rng, n, inside, across=0.0):
    """Return five measures whose true correlations are ``inside`` the blocks and ``across`` them."""
    block = np.array([0, 0, 0, 1, 1])
    cov = np.where(block[:, None] == block, inside, across)
    np.fill_diagonal(cov, 1.0)
    return pd.DataFrame(rng.multivariate_normal(np.zeros(5), cov, size=n), columns=list("abcde"))


def test_means_of_correlations_are_numpys():
    data = drawn(np.random.default_rng(1), 80, 0.5)
    data.loc[0, "a"] = np.nan
    found = block_correlations(data, BLOCKS, reps=20, seed=1).set_index("term")
    r = np.corrcoef(data.dropna().to_numpy(), rowvar=False)
    want = {"first": (r[0, 1] + r[0, 2] + r[1, 2]) / 3, "second": r[3, 4], ACROSS: r[:3, 3:].mean()}
    assert found["estimate"].to_dict() == pytest.approx(want, rel=EXACT)
    assert found["n_pairs"].to_dict() == {"first": 3, "second": 1, ACROSS: 6}
    assert (found["n"] == 79).all()


def test_known_truth_and_no_effect_are_covered():
    """Truth: .4 inside the blocks and 0 across them; 150 persons, 100 samples."""
    rng, hits = np.random.default_rng(2), []
    for seed in range(100):
        found = block_correlations(drawn(rng, 150, 0.4), BLOCKS, reps=300, seed=seed)
        hits.append((found["conf_low"] <= [0.4, 0.4, 0]) & (found["conf_high"] >= [0.4, 0.4, 0]))
    assert (np.mean(hits, axis=0) >= 0.88).all()  # 0.95 less three errors of a share of 100 samples
    assert (np.mean(hits, axis=0) <= 1.0).all()


def test_a_block_of_one_has_no_pair_of_its_own():
    data = drawn(np.random.default_rng(3), 60, 0.4)
    found = block_correlations(data, {"one": ["a"], "two": ["d", "e"]}, reps=20, seed=1)
    assert found["term"].tolist() == ["two", ACROSS]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 20), st.floats(-100, 100))
def test_order_labels_units_and_constants_change_nothing(seed, factor, shift):
    data = drawn(np.random.default_rng(seed), 60, 0.3, 0.1)
    base = block_correlations(data, BLOCKS, reps=20, seed=1)
    other = data.sample(frac=1, random_state=seed) * [factor, 1, 1, 1, 1] + shift
    again = block_correlations(
        other.rename(columns={"a": "z"}), {"x": ["c", "z", "b"], "y": ["e", "d"]}, reps=20, seed=1
    )
    assert again["estimate"].to_numpy() == pytest.approx(base["estimate"].to_numpy(), abs=1e-9)


def test_what_cannot_be_correlated_is_said():
    data = drawn(np.random.default_rng(3), 60, 0.4)
    with pytest.raises(EstimationError, match="does not vary"):
        block_correlations(data.assign(a=1.0), BLOCKS, reps=20, seed=1)
    with pytest.raises(EstimationError, match="2 complete rows"):
        block_correlations(data.head(2), BLOCKS, reps=20, seed=1)
    with pytest.raises(EstimationError, match="column f"):
        block_correlations(data, {"x": ["a", "f"]}, reps=20, seed=1)
