"""ICCs of several groups: the error is that of repeated studies, pooling pulls the uncertain ones."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.pooled_icc import icc_error, pooled_icc
from exlink.stats.pooling import partial_pool
from exlink.stats.reliability import icc_from_sums


def cells(seed, shares, units, size=20):
    """Return sums of answers with variance 1, of which the share ``shares[k]`` lies between units of group k."""
    rng = np.random.default_rng(seed)
    parts = []
    for name, share, count in zip("abcdefgh", shares, units, strict=False):
        y = np.sqrt(share) * rng.normal(size=(count, 1)) + np.sqrt(1 - share) * rng.normal(size=(count, size))
        parts.append(
            pd.DataFrame({"g": name, "u": [f"{name}{i}" for i in range(count)], "n_y": size, "sum_y": y.sum(axis=1),
                          "sumsq_y": (y**2).sum(axis=1)})
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_error_is_the_spread_of_repeated_studies(share):
    """400 studies of 60 units × 20 answers; a standard deviation of 400 draws is known to 3.5 %, so 12 % is 3 SE."""
    found = [icc_from_sums(*cells(s, [share], [60])[["n_y", "sum_y", "sumsq_y"]].to_numpy().T) for s in range(400)]
    assert icc_error(share, 60, 1200) == pytest.approx(np.std([f["estimate"].iloc[0] for f in found]), rel=0.12)


def test_error_is_donners_when_balanced():
    """Donner (1986): var = 2 (1 − ρ)² (1 + (k − 1)ρ)² / (k (k − 1) (g − 1)), up to g against g − 1."""
    rho, k, g = 0.1, 15, 400
    donner = np.sqrt(2 * (1 - rho) ** 2 * (1 + (k - 1) * rho) ** 2 / (k * (k - 1) * (g - 1)))
    assert icc_error(rho, g, g * k) == pytest.approx(donner, rel=2e-4)


def test_pools_what_each_group_says():
    data = cells(3, [0.02, 0.10, 0.25, 0.10], [80, 60, 70, 6])
    pooled = pooled_icc(data, "y", "g", "u")
    for name, part in data.groupby("g"):
        alone = icc_from_sums(part["n_y"], part["sum_y"], part["sumsq_y"]).iloc[0]
        row = pooled.table.set_index("term").loc[name]
        assert row["estimate"] == pytest.approx(alone.estimate)
        assert (row["conf_low"], row["conf_high"]) == pytest.approx((alone.conf_low, alone.conf_high))
        middle = sorted([row["estimate"], row["shrunken"], pooled.average["estimate"].iloc[0]])[1]
        assert middle == row["shrunken"], "pooled lies between the group alone and the average"
    assert pooled.tau > 0.03
    assert pooled.table.set_index("term")["pull"].idxmax() == "d", "the smallest group is pulled most"
    variances = [icc_error(pooled.average["estimate"].iloc[0], u, 20 * u) ** 2 for u in [80, 60, 70, 6]]
    by_hand = partial_pool(pooled.table["estimate"], variances, list("abcd"))
    assert list(by_hand.table["shrunken"]) == pytest.approx(list(pooled.table["shrunken"]), rel=1e-3)
    assert (pooled.tau, pooled.tau_low, pooled.tau_high, pooled.p_value) == pytest.approx(
        (by_hand.tau, by_hand.tau_low, by_hand.tau_high, by_hand.p_value), rel=1e-2
    ), "errors are those at the average, up to the last round"


def test_equal_groups_are_mostly_found_equal():
    """40 studies of 4 equal groups: tau is zero in most of them, and the average is near the truth."""
    fits = [pooled_icc(cells(s, [0.1] * 4, [50] * 4), "y", "g", "u") for s in range(40)]
    assert np.mean([f.tau == 0 for f in fits]) > 0.35
    assert np.mean([f.average["estimate"].iloc[0] for f in fits]) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(("units", "size"), [([12] * 4, 10), ([102, 36, 35, 40], 60), ([30, 8, 8, 8], 20)])
def test_low_estimates_do_not_weigh_more(units, size):
    """200 studies of equal groups, ICC 0.06, small ones too: no bias, and intervals that hold what they say.

    Errors taken at each group's own estimate make 0.041 of it with 12 units × 10 answers. 95 % nominal: 180 of 200 is
    the 0.1 % point of a binomial.
    """
    fits = [pooled_icc(cells(s, [0.06] * 4, units, size), "y", "g", "u") for s in range(200)]
    average = pd.concat([f.average for f in fits])
    assert average["estimate"].mean() == pytest.approx(0.06, abs=0.007)
    assert ((average["conf_low"] <= 0.06) & (average["conf_high"] >= 0.06)).sum() >= 180
    tables = pd.concat([f.table for f in fits])
    assert ((tables["shrunken_low"] <= 0.06) & (tables["shrunken_high"] >= 0.06)).mean() >= 0.9
    assert sum(f.tau_low <= 0 for f in fits) >= 180
    assert sum(f.p_value < 0.05 for f in fits) <= 21, "the 99.9 % point"


def test_groups_that_differ_are_covered_too():
    """ICCs .02, .05, .08, .11 in groups as large as in the sample, 100 studies: 95 % nominal."""
    true = np.array([0.02, 0.05, 0.08, 0.11])
    fits = [pooled_icc(cells(s, true, [102, 36, 35, 40], 60), "y", "g", "u") for s in range(100)]
    held = [((f.table["shrunken_low"] <= true) & (true <= f.table["shrunken_high"])).mean() for f in fits]
    assert np.mean(held) >= 0.9
    assert sum(f.tau_low <= true.std(ddof=1) <= f.tau_high for f in fits) >= 88


def test_groups_that_cannot_be_measured_are_left_out():
    data = cells(1, [0.1, 0.1, 0.1], [30, 30, 1])
    assert list(pooled_icc(data, "y", "g", "u").table["term"]) == ["a", "b"]
    with pytest.raises(EstimationError, match="1 of 2 groups can be measured"):
        pooled_icc(data[data["g"] != "b"], "y", "g", "u")
