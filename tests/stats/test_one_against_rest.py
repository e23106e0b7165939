"""Groups against all others: against the two shares by themselves, and known truths with and without a difference."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.one_against_rest import one_against_rest
from exlink.stats.proportions import group_shares
from exlink.stats.share_gap import gap_p_value, share_gap

BOUNDS = ["estimate", "conf_low", "conf_high"]


def world(seed, levels, *, batches=10, size=15, alike=0.15):
    """Return pieces in batches of a group, alike within a batch (beta-binomial with this correlation)."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, level in levels.items():
        for b in range(batches):
            n = int(rng.poisson(size) + 1)
            scale = (1 - alike) / alike
            p = rng.beta(level * scale, (1 - level) * scale) if 0 < level < 1 else level
            rows.append((name, f"{name}{b}", n, rng.binomial(n, p)))
    return pd.DataFrame(rows, columns=["group", "batch", "n", "s"])


def test_is_the_difference_of_two_clustered_shares():
    cells = world(1, {"a": 0.3, "b": 0.5, "c": 0.4})
    cells.loc[::7, "batch"] = "shared"  # a cluster with rows on both sides
    found = one_against_rest(cells, "s", "n", "group", "batch").set_index("group")
    for name in "abc":
        own, rest = (
            group_shares(part, "s", "n", cluster="batch").iloc[0]
            for part in (cells[cells["group"] == name], cells[cells["group"] != name])
        )
        gap = share_gap(own, rest)
        np.testing.assert_allclose(found.loc[name, BOUNDS].astype(float), [gap[c] for c in BOUNDS], rtol=1e-9)
        assert found.loc[name, "n"] == own["n"] and found.loc[name, "n_clusters"] == own["n_clusters"]


def test_p_and_interval_agree_on_zero():
    for seed in range(20):
        found = one_against_rest(world(seed, {"a": 0.3, "b": 0.4, "c": 0.0}), "s", "n", "group", "batch")
        outside = (found["conf_low"] > 0) | (found["conf_high"] < 0)
        assert ((found["p_value"] < 0.05) == outside).all()
    assert gap_p_value({"estimate": 0.0, "conf_low": -0.1, "conf_high": 0.1}) == 1
    assert np.isnan(gap_p_value({"estimate": 0.1, "conf_low": np.nan, "conf_high": np.nan}))


def test_alarms_are_as_rare_as_they_should_be_and_a_group_of_none_is_found():
    """150 worlds of six groups: alike in all, or one of which nothing ever came through."""
    false, found = [], []
    for seed in range(150):
        same = one_against_rest(world(seed, dict.fromkeys("abcdef", 0.3)), "s", "n", "group", "batch")
        false.append((same["p_value"] < 0.05).mean())
        apart = one_against_rest(world(seed, {**dict.fromkeys("abcde", 0.35), "f": 0.0}), "s", "n", "group", "batch")
        found.append(apart.set_index("group").loc["f", "conf_high"] < 0)
    assert np.mean(false) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / (150 * 6))
    assert np.mean(found) > 0.9


def test_without_others_or_clusters():
    alone = one_against_rest(world(1, {"a": 0.3}), "s", "n", "group", "batch").iloc[0]
    assert np.isnan(alone["estimate"]) and np.isnan(alone["p_value"])
    one = world(2, {"a": 0.3, "b": 0.5}, batches=1)
    assert one_against_rest(one, "s", "n", "group", "batch")["conf_low"].isna().all()
    with pytest.raises(EstimationError, match="more of s"):
        one_against_rest(one.assign(s=99), "s", "n", "group", "batch")
