"""Partial pooling: the numbers of R, what a covariance changes, and intervals that hold the truth with few groups."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from exlink.errors import EstimationError
from exlink.stats.pooling import partial_pool
from tests.stats.reference import EXACT

FILE = Path(__file__).parents[1] / "reference" / "pooling_r.csv"
# two searches for a root, each to about ten digits
ROOT = 1e-8
# 200 midpoints against adaptive quadrature: the rule's error is of the order of 1 / 200²
QUADRATURE = 1e-4
STUDIES = 300


def r_numbers(dataset):
    table = pd.read_csv(FILE, keep_default_na=False)
    table = table[table["dataset"] == dataset].astype({"value": float})
    return {q: part.set_index("term")["value"] for q, part in table.groupby("quantity")}


@pytest.mark.parametrize("dataset", ["bcg", "schools", "few"])
def test_numbers_are_those_of_metafor(dataset):
    r = r_numbers(dataset)
    found = partial_pool(r["yi"], r["vi"], list(r["yi"].index))
    average = found.average[["estimate", "std_error", "conf_low", "conf_high"]].iloc[0].tolist()
    assert average == pytest.approx([r[q].iloc[0] for q in ("mu", "se", "mu_low", "mu_high")], rel=EXACT)
    assert [found.tau**2, found.q, found.p_value, found.i2] == pytest.approx(
        [r[q].iloc[0] for q in ("tau2", "q", "p", "i2")], rel=EXACT, abs=1e-12
    )
    assert [found.tau_low**2, found.tau_high**2] == pytest.approx(
        [r["tau2_low"].iloc[0], r["tau2_high"].iloc[0]], rel=ROOT, abs=ROOT
    )


@pytest.mark.parametrize("dataset", ["bcg", "schools", "few"])
def test_shrunken_values_are_those_of_adaptive_quadrature_in_r(dataset):
    r = r_numbers(dataset)
    found = partial_pool(r["yi"], r["vi"], list(r["yi"].index)).table
    half = (found["shrunken_high"] - found["shrunken"]) / 1.959963984540054
    for mine, theirs in ((found["shrunken"], "shrunken"), (half, "shrunken_sd"), (found["pull"], "pull")):
        assert mine.to_numpy() == pytest.approx(r[theirs].to_numpy(), rel=QUADRATURE)


def test_where_chance_explains_it_all_groups_come_close_but_are_not_made_alike():
    """tau is estimated at zero, and could be 10 all the same: no more than a third of the differences is left."""
    r = r_numbers("schools")
    found = partial_pool(r["yi"], r["vi"], list(r["yi"].index))
    assert found.tau == 0
    assert found.table["pull"].between(0.5, 1, inclusive="neither").all()
    assert 0.05 < np.ptp(found.table["shrunken"]) / np.ptp(found.table["estimate"]) < 0.34


@pytest.mark.parametrize("k", [3, 4, 8])
@pytest.mark.parametrize("tau", [0.0, 0.05, 0.07])
def test_intervals_hold_the_truth_with_few_groups_too(k, tau):
    """y = 0.15 + tau·u + e, errors of 0.018 to 0.048; with tau taken as known these held it in 84 to 91 % (k = 4)."""
    rng = np.random.default_rng([k, int(100 * tau)])
    average, shrunken = [], []
    for _ in range(STUDIES):
        true, se = 0.15 + tau * rng.standard_normal(k), 0.03 * rng.uniform(0.6, 1.6, k)
        found = partial_pool(true + se * rng.standard_normal(k), se**2, [f"g{j}" for j in range(k)])
        average.append(found.average["conf_low"].iloc[0] <= 0.15 <= found.average["conf_high"].iloc[0])
        shrunken.append(((found.table["shrunken_low"] <= true) & (true <= found.table["shrunken_high"])).mean())
    # 300 studies: three standard errors of 95 % are 3.8 points for the average, 2.2 at most for groups of three
    assert np.mean(average) >= 0.912
    assert np.mean(shrunken) >= 0.928


def test_a_covariance_that_was_estimated_makes_intervals_longer():
    r = r_numbers("few")
    known, estimated = (partial_pool(r["yi"], r["vi"], list("abc"), df=df).table for df in (np.inf, 8))
    width = [(t["shrunken_high"] - t["shrunken_low"]).to_numpy() for t in (known, estimated)]
    assert (width[1] > 1.1 * width[0]).all()
    # two groups and one degree of freedom: a covariance known on fewer would still be the weaker side
    assert partial_pool([0.0, 1.0], [1.0, 1.0], ["a", "b"], df=0.5).average["conf_high"].iloc[0] > partial_pool(
        [0.0, 1.0], [1.0, 1.0], ["a", "b"]).average["conf_high"].iloc[0]  # fmt: skip


def test_estimates_that_share_people_are_compared_by_the_variance_of_their_difference():
    """Two groups: Q is the squared difference over its variance, whatever they have in common."""
    v = np.array([[1.0, 0.8], [0.8, 1.0]])
    found = partial_pool([0.0, 2.0], v, ["a", "b"])
    assert found.q == pytest.approx(4 / 0.4)
    assert found.q > partial_pool([0.0, 2.0], np.diag(v), ["a", "b"]).q
    # moments: E[Q] = 1 + tau²·tr(P), and tr(P) of two is 2 over the variance of the difference
    assert found.tau**2 == pytest.approx((10 - 1) / (2 / 0.4))


def test_prediction_from_a_covariance_is_the_conditional_mean():
    """Against the textbook: condition (u, y) on y for every tau, by inverses, and integrate by adaptive quadrature."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    v, y = root @ root.T / 8 + 0.1 * np.eye(4), rng.normal(scale=2.0, size=4)
    inverse = np.linalg.inv(v)
    scale = 5 * np.sqrt(3 / (np.trace(inverse) - (inverse.sum(axis=0) ** 2).sum() / inverse.sum()))

    def at(u):
        tau = scale * np.tan(np.pi / 2 * u)
        m = np.linalg.inv(v + tau**2 * np.eye(4))
        mu = np.ones(4) @ m @ y / m.sum()
        chance = np.sqrt(np.linalg.det(m) / m.sum()) * np.exp(-0.5 * (y - mu) @ m @ (y - mu))
        return chance * np.append(mu + tau**2 * m @ (y - mu), 1.0)

    *means, mass = (integrate.quad(lambda u, j=j: at(u)[j], 0, 1, epsabs=1e-12)[0] for j in range(5))
    found = partial_pool(y, v, list("abcd"))
    assert found.table["shrunken"].to_numpy() == pytest.approx(np.array(means) / mass, rel=QUADRATURE)


def test_chance_alone_is_rarely_called_a_difference_and_a_planted_one_is_found():
    """2,000 draws of six groups: y = 0.3 + tau·u + e, e of SD 0.1; the test is exact without tau."""
    rng = np.random.default_rng(1)

    def drawn(tau):
        y = 0.3 + tau * rng.standard_normal((2000, 6)) + 0.1 * rng.standard_normal((2000, 6))
        return [partial_pool(row, np.full(6, 0.01), list("abcdef")) for row in y]

    none, planted = drawn(0.0), drawn(0.15)
    # 2,000 draws: three standard errors of 5 % are 1.5 points
    assert np.mean([f.p_value < 0.05 for f in none]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([f.tau_low <= 0.15 <= f.tau_high for f in planted]) == pytest.approx(0.95, abs=0.015)
    assert np.mean([f.p_value < 0.05 for f in planted]) > 0.6


def test_a_covariance_that_was_estimated_is_not_taken_as_known():
    """Six means of ten draws each, variances from the draws: chi-square would call chance a difference too often."""
    rng = np.random.default_rng(3)
    draws = rng.standard_normal((2000, 6, 10))
    mean, pooled_variance = draws.mean(axis=2), draws.var(axis=2, ddof=1).mean(axis=1) / 10
    found = [partial_pool(m, np.full(6, v), list("abcdef"), df=54) for m, v in zip(mean, pooled_variance, strict=True)]
    # equal variances: Q / 5 is exactly F(5, 54)
    assert np.mean([f.p_value < 0.05 for f in found]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([f.tau_low == 0 for f in found]) == pytest.approx(0.975, abs=0.0105)


def test_shrunken_estimates_miss_less_than_raw_ones():
    rng = np.random.default_rng(2)
    raw, pooled = [], []
    for _ in range(500):
        true = 0.3 + 0.1 * rng.standard_normal(5)
        se = np.array([0.05, 0.1, 0.1, 0.2, 0.4])
        y = true + se * rng.standard_normal(5)
        raw.append((y - true) ** 2)
        pooled.append((partial_pool(y, se**2, list("abcde")).table["shrunken"] - true) ** 2)
    assert np.mean(pooled) < 0.5 * np.mean(raw)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(2, 8), scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_order_scale_and_a_constant_do_not_matter(seed, k, scale, shift):
    rng = np.random.default_rng(seed)
    y, v = rng.normal(size=k), rng.uniform(0.05, 1, size=k)
    order = rng.permutation(k)
    names = np.array([f"g{j}" for j in range(k)])
    first = partial_pool(y, v, names)
    again = partial_pool((scale * y + shift)[order], (scale**2 * v)[order], names[order])
    assert again.p_value == pytest.approx(first.p_value)
    assert again.tau == pytest.approx(scale * first.tau, rel=1e-6, abs=1e-6 * scale)
    expected = scale * first.table["shrunken"].to_numpy()[order] + shift
    assert again.table["shrunken"].to_numpy() == pytest.approx(expected, rel=1e-6, abs=1e-6 * scale)


def test_what_cannot_be_pooled_is_refused():
    with pytest.raises(EstimationError, match="1 group; at least 2"):
        partial_pool([1.0], [1.0], ["a"])
    with pytest.raises(EstimationError, match="covariance of 2 estimates is not positive definite"):
        partial_pool([1.0, 2.0], [[1.0, 1.0], [1.0, 1.0]], ["a", "b"])
