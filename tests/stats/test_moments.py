"""Cross-products per unit: a draw must give what a fit on the drawn units gives."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats import moments as moments_module
from exlink.stats.moments import between_moments, within_moments
from exlink.stats.within_between import between_slope, within_slope
from tests.stats.panels import cluster_weights, compress, panel_rows

RIDGE = 1e-7  # the relative ridge of 1e-10 for periods that a draw leaves empty


def drawn(cells: pd.DataFrame, units: np.ndarray, weights: np.ndarray) -> pd.DataFrame:
    """Return the cells of a draw, each copy of a unit as a unit of its own."""
    copies = [
        cells[cells["u"] == unit].assign(u=f"{unit}.{copy}")
        for unit, times in zip(units, weights.astype(int), strict=True)
        for copy in range(times)
    ]
    return pd.concat(copies)


def test_ones_give_the_estimate():
    cells = compress(panel_rows(1, within=0.5, between=1.0))
    within = within_moments(cells, "y", ["x", "z"], "u", "t").slopes()[0]
    np.testing.assert_allclose(within, within_slope(cells, "y", ["x", "z"], "u", "t").table["estimate"], rtol=RIDGE)
    between = between_moments(cells, "y", "x", "u").slopes()[0]
    np.testing.assert_allclose(between, between_slope(cells, "y", "x", "u").estimate(), rtol=RIDGE)


def test_a_draw_is_a_fit_on_the_drawn_units():
    cells = compress(panel_rows(2, units=25, within=0.5))
    moments = within_moments(cells, "y", ["x", "z"], "u", "t")
    weights = cluster_weights(len(moments.units), 3, seed=1)
    for weight, slopes in zip(weights, moments.slopes(weights), strict=True):
        again = within_slope(drawn(cells, moments.units, weight), "y", ["x", "z"], "u", "t")
        np.testing.assert_allclose(slopes, again.table["estimate"], rtol=1e-6)


def test_spread_of_draws_is_the_clustered_error():
    cells = compress(panel_rows(3, units=120, within=0.3))
    fit = within_slope(cells, "y", "x", "u", "t")
    moments = within_moments(cells, "y", "x", "u", "t")
    draws = moments.slopes(cluster_weights(len(moments.units), 2000, seed=2))
    assert draws.std() == pytest.approx(fit.table["std_error"][0], rel=0.08)


def test_merged_units_move_together():
    moments = within_moments(compress(panel_rows(4)), "y", "x", "u", "t")
    blocks = np.arange(len(moments.units)) % 7
    merged = moments.merged(blocks, 7)
    weights = cluster_weights(7, 5, seed=3)
    np.testing.assert_allclose(merged.slopes(weights), moments.slopes(weights[:, blocks]), rtol=1e-9)


def test_many_periods_hold_time_effects_fixed(monkeypatch):
    cells = compress(panel_rows(5, within=0.5))
    full = within_moments(cells, "y", "x", "u", "t")
    monkeypatch.setattr(moments_module, "MOST_NUMBERS", 10)
    fixed = within_moments(cells, "y", "x", "u", "t")
    assert fixed.dd.shape[1] == 0
    np.testing.assert_allclose(fixed.slopes(), full.slopes(), rtol=RIDGE)
    weights = cluster_weights(len(full.units), 500, seed=4)
    assert fixed.slopes(weights).std() == pytest.approx(full.slopes(weights).std(), rel=0.1)


def test_wrong_number_of_weights_is_said():
    moments = within_moments(compress(panel_rows(7)), "y", "x", "u", "t")
    with pytest.raises(EstimationError, match="5 weights for 60 units"):
        moments.slopes(np.ones((2, 5)))
