"""One more member of a group: closed forms at the edges, and how often the interval holds the next true value."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.one_more import one_more
from exlink.stats.pooling import partial_pool


def held(sizes, tau, share, seed, studies=40):
    """Return the share of next members inside their interval, and inside the interval of what a single one did."""
    rng, at = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    names = [f"g{i}" for i in at]
    ahead, behind = [], []
    for _ in range(studies):
        v = rng.uniform(0.5, 1.5) * (0.1 + 0.9 * np.eye(len(at)))
        group = rng.normal(0, tau * np.sqrt(share), len(sizes))
        inside = tau * np.sqrt(1 - share)
        y = rng.multivariate_normal(group[at] + rng.normal(0, inside, len(at)), v)
        truth = group + rng.normal(0, inside, len(sizes))
        table = one_more(y, v, names)
        ahead.append((table["pred_low"] < truth) & (truth < table["pred_high"]))
        if len(at) == len(sizes):
            own = partial_pool(y, v, names).table
            behind.append((own["shrunken_low"] < truth) & (truth < own["shrunken_high"]))
    return np.mean(ahead), np.mean(behind) if behind else np.nan


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_holds_the_next_one_whatever_the_groups_share(share):
    ahead, behind = held([1] * 6, 3.0, share, seed=3)
    assert ahead > 0.89
    if share < 1:
        assert behind < 0.7  # what a group did is no forecast of its next member


def test_holds_the_next_one_where_members_do_not_differ_and_with_several_in_a_group():
    assert held([1] * 6, 0.0, 0.0, seed=4)[0] > 0.94
    assert held([4, 3, 3], 1.0, 0.5, seed=5)[0] > 0.89


def test_groups_that_clearly_share_their_value_are_told_narrowly_and_others_are_not():
    """Four exact members in each of five groups: the next lies with its group, or anywhere among all."""
    names = np.repeat(list("abcde"), 4)
    jitter = np.tile([-0.1, 0.1, -0.05, 0.05], 5)
    alike = one_more(np.repeat([-4.0, -2, 0, 2, 4], 4) + jitter, 0.01 * np.eye(20), names)
    np.testing.assert_allclose(alike["estimate"], [-4, -2, 0, 2, 4], atol=0.2)
    mixed = one_more(np.tile([-4.0, 4, -2, 2], 5) + jitter, 0.01 * np.eye(20), names)
    np.testing.assert_allclose(mixed["estimate"], 0, atol=0.1)
    width = alike["pred_high"] - alike["pred_low"], mixed["pred_high"] - mixed["pred_low"]
    assert (width[1] > 2 * width[0]).all() and (mixed["pred_high"] > 4).all()


def test_two_groups_are_symmetric_and_few_degrees_of_freedom_widen():
    table = one_more([1.0, -1.0], np.eye(2), ["b", "a"])
    assert table["group"].tolist() == ["a", "b"]
    assert table.loc[0, "estimate"] == pytest.approx(-table.loc[1, "estimate"]) and table.loc[1, "estimate"] > 0
    assert table.loc[0, "pred_low"] == pytest.approx(-table.loc[1, "pred_high"])
    rough = one_more([1.0, -1.0], np.eye(2), ["b", "a"], df=3)
    assert (rough["pred_high"] - rough["pred_low"] > table["pred_high"] - table["pred_low"]).all()


def test_what_cannot_be_told_is_refused():
    with pytest.raises(EstimationError, match="1 estimate; at least 2"):
        one_more([1.0], np.eye(1), ["a"])
    with pytest.raises(EstimationError, match="not positive definite"):
        one_more([1.0, 2.0], np.ones((2, 2)), ["a", "b"])
