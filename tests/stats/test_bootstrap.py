"""Draws of clusters: their distribution, their seeds, and what a chain of links does with them."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.bootstrap import (
    Link,
    bootstrap,
    bootstrap_chain,
    link_from_moments,
    links_from_moments,
)
from exlink.stats.moments import between_moments, within_moments
from exlink.stats.within_between import within_slope
from tests.stats.panels import cluster_weights, compress, panel_rows


def mean_link(name: str, cluster: str, values: np.ndarray, units: np.ndarray) -> Link:
    """A link that is the mean of one value per unit."""
    return Link(name, cluster, lambda w: w @ values / w.sum(axis=1), units, len(values))


def test_weights_are_multinomial():
    weights = cluster_weights(50, 4000, seed=1)
    assert (weights.sum(axis=1) == 50).all()
    assert weights.var() == pytest.approx(1 - 1 / 50, rel=0.02)
    assert np.cov(weights[:, 0], weights[:, 1])[0, 1] == pytest.approx(-1 / 50, abs=0.05)
    np.testing.assert_array_equal(weights, cluster_weights(50, 4000, seed=1))
    assert not np.array_equal(weights, cluster_weights(50, 4000, seed=2))


def test_batches_do_not_depend_on_memory(monkeypatch):
    import exlink.stats.bootstrap as module

    values = np.random.default_rng(1).normal(size=30)
    whole = bootstrap(lambda w: w @ values, 30, reps=100, seed=3)
    monkeypatch.setattr(module, "BATCH_NUMBERS", 30 * 7)
    np.testing.assert_allclose(bootstrap(lambda w: w @ values, 30, reps=100, seed=3), whole)


def test_links_of_the_same_people_move_together_and_others_do_not():
    values, units = np.random.default_rng(2).normal(5, 1, 80), np.array([f"p{i}" for i in range(80)])
    order = np.random.default_rng(3).permutation(80)
    links = [
        mean_link("a", "employee", values, units),
        mean_link("same, other order", "employee", values[order], units[order]),
        mean_link("other kind", "customer", values, units),
    ]
    draws = bootstrap_chain(links, reps=800, seed=1).draws
    np.testing.assert_allclose(draws["a"], draws["same, other order"])
    assert abs(draws["a"].corr(draws["other kind"])) < 0.12


def test_a_link_sees_only_its_own_units():
    units = np.array([f"p{i}" for i in range(60)])
    part = mean_link("part", "employee", np.ones(40), units[:40])
    whole = mean_link("whole", "employee", np.arange(60.0), units)
    chain = bootstrap_chain([part, whole], reps=50, seed=1)
    np.testing.assert_allclose(chain.draws["part"], 1.0)


def test_product_interval_covers_and_is_not_a_product_of_bounds():
    """Truth: links .5 and 2, product 1, from independent samples of 60 and 80 units each; 150 samples."""
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(150):
        first = mean_link("first", "employee", rng.normal(0.5, 1, 60), np.arange(60))
        second = mean_link("second", "customer", rng.normal(2, 1, 80), np.arange(80))
        row = bootstrap_chain([first, second], reps=300, seed=5).product().iloc[0]
        covered.append(row["conf_low"] <= 1 <= row["conf_high"])
    assert np.mean(covered) >= 0.9


def test_tornado_orders_links_by_what_they_leave_open():
    rng = np.random.default_rng(5)
    vague = mean_link("vague", "a", rng.normal(1, 5, 50), np.arange(50))
    sharp = mean_link("sharp", "b", rng.normal(3, 0.1, 50), np.arange(50))
    chain = bootstrap_chain([sharp, vague], reps=300, seed=1)
    tornado = chain.tornado(scale=10)
    assert list(tornado["term"]) == ["vague", "sharp"]
    point = 10 * chain.point().prod()
    assert ((tornado["low"] <= point) & (point <= tornado["high"])).all()
    one = chain.table.set_index("term").loc["vague"]
    expected = 10 * chain.point()["sharp"] * (one["conf_high"] - one["conf_low"])
    assert tornado["width"][0] == pytest.approx(expected)


def test_many_units_are_drawn_in_blocks_that_links_share():
    rows = panel_rows(6, units=300, within=0.5, rows=(1, 4))
    moments = within_moments(compress(rows), "y", ["x", "z"], "u", "t")
    between = between_moments(compress(rows), "y", "x", "u")
    links = [*links_from_moments(["x", "z"], "customer", moments), link_from_moments("between", "customer", between)]
    whole = bootstrap_chain(links, reps=600, seed=1).table.set_index("term")
    blocks = bootstrap_chain(links, reps=600, seed=1, most_units=150).table.set_index("term")
    np.testing.assert_allclose(blocks["estimate"], whole["estimate"])
    np.testing.assert_allclose(blocks["std_error"], whole["std_error"], rtol=0.2)
    # a link without a way to merge its sums sees the weights of its units spread out
    plain = Link("plain", "customer", lambda w: moments.slopes(w)[:, 0], moments.units)
    chain = bootstrap_chain([links[0], plain], reps=20, seed=1, most_units=150)
    np.testing.assert_allclose(chain.draws["x"], chain.draws["plain"])


def test_link_by_name_and_transform():
    cells = compress(panel_rows(7, within=0.5))
    moments = within_moments(cells, "y", ["x", "z"], "u", "t")
    link = link_from_moments("percent", "employee", moments, term="z", transform=np.expm1)
    slope = within_slope(cells, "y", ["x", "z"], "u", "t").estimate("z")
    assert bootstrap_chain([link], reps=20, seed=1).point()["percent"] == pytest.approx(np.expm1(slope), rel=1e-6)
    with pytest.raises(EstimationError, match="no slope of 'tools'"):
        link_from_moments("a", "employee", moments, term="tools")


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(EstimationError, match="2 clusters"):
        bootstrap(lambda w: w, 2, reps=100, seed=1)
    two = [mean_link("same", "a", np.ones(5), np.arange(5))] * 2
    with pytest.raises(EstimationError, match="different names"):
        bootstrap_chain(two, reps=10, seed=1)
    chain = bootstrap_chain(two[:1], reps=10, seed=1)
    with pytest.raises(EstimationError, match=r"no link 'sme'\. Did you mean 'same'"):
        chain.product(["sme"])


@pytest.mark.parametrize("most_units", [5_000, 20])
def test_a_scaled_link_is_the_link_times_a_number_whole_and_in_blocks(most_units):
    moments = within_moments(compress(panel_rows(8, units=60, within=0.5)), "y", ["x", "z"], "u", "t")
    link = link_from_moments("slope", "employee", moments, term="x")
    chain = bootstrap_chain([link, link.scaled(-250.0, "money")], reps=50, seed=1, most_units=most_units)
    np.testing.assert_allclose(chain.draws["money"], -250 * chain.draws["slope"])
    assert chain.point()["money"] == pytest.approx(-250 * chain.point()["slope"])


@pytest.mark.parametrize("most_units", [5_000, 20])
def test_a_widened_link_keeps_its_estimate_and_stretches_its_draws(most_units):
    moments = within_moments(compress(panel_rows(8, units=60, within=0.5)), "y", ["x", "z"], "u", "t")
    link = link_from_moments("slope", "employee", moments, term="x")
    wide = link.widened(1.5).scaled(1.0, "wide")
    chain = bootstrap_chain([link, wide], reps=50, seed=1, most_units=most_units)
    point = chain.point()["slope"]
    assert chain.point()["wide"] == pytest.approx(point)
    np.testing.assert_allclose(chain.draws["wide"] - point, 1.5 * (chain.draws["slope"] - point))
