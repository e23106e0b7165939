"""Factors nested in each other: small matrices per level instead of one dense matrix of all."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.elimination import inverse_of_rest
from exlink.stats.lmm.modes import _blocks
from exlink.stats.lmm.optimise import evaluate, free_of
from exlink.stats.lmm.system import arrange
from tests.stats.lmm.worlds import dense_criterion, indicator

SAME = 1e-10  # the same sums in another order
MODELS = [
    {"unit": "1", "unit:wave": "1"},
    {"unit:wave": "1", "unit": "1"},
    {"unit": "1 + x", "unit:wave": "1"},
    {"unit": ["1", "0 + x"], "unit:wave": "1 + x"},
]


@pytest.fixture(scope="module")
def waves() -> pd.DataFrame:
    """Return 900 rows of 30 units with up to five waves each, not all of them seen."""
    draw = np.random.default_rng(5)
    frame = pd.DataFrame({"unit": draw.integers(0, 30, 900), "wave": draw.integers(0, 5, 900)})
    frame = frame[(frame["unit"] + frame["wave"]) % 7 > 0].reset_index(drop=True)
    frame["x"] = draw.normal(size=len(frame))
    both = frame["unit"] * 5 + frame["wave"]
    frame["y"] = (1 + 0.5 * frame["x"] + 0.6 * draw.normal(size=30)[frame["unit"]]
                  + 0.3 * draw.normal(size=30)[frame["unit"]] * frame["x"]
                  + 0.4 * draw.normal(size=150)[both] + draw.normal(size=len(frame)))  # fmt: skip
    return frame


@pytest.mark.parametrize("random", MODELS)
def test_levels_inside_levels_give_what_one_dense_matrix_gives(waves, random):
    products = fit_lmm("y ~ x", waves, random=random).workings.products
    system, entries = arrange(products), free_of(products)
    assert system.rest.nested is not None
    dense = replace(system, rest=replace(system.rest, nested=None))
    values = 0.3 + 0.2 * np.arange(len(entries))
    ours, plain = (evaluate(s, entries, values, reml=True) for s in (system, dense))
    assert ours.found.criterion == pytest.approx(plain.found.criterion, rel=SAME)
    np.testing.assert_allclose(ours.found.beta, plain.found.beta, rtol=SAME)
    np.testing.assert_allclose(ours.slope, plain.slope, rtol=1e-8)
    np.testing.assert_allclose(ours.curvature, plain.curvature, rtol=1e-8)
    assert ours.at.lower.ndim == 3
    assert inverse_of_rest(ours.at).shape == ours.at.lower.shape
    for f in range(2):
        small = _blocks(system, ours.at, f, inverse_of_rest(ours.at))
        np.testing.assert_allclose(small, _blocks(dense, plain.at, f, inverse_of_rest(plain.at)), rtol=1e-8)


def test_levels_inside_levels_give_the_dense_formula(waves):
    ones = np.ones(len(waves))
    fit = fit_lmm("y ~ x", waves, random={"unit": "1 + x", "unit:wave": "1"})
    assert fit.workings.system.rest.nested is not None
    zs = [indicator(waves["unit"], ones, waves["x"].to_numpy()), indicator(waves["unit"] * 5 + waves["wave"], ones)]
    thetas = [np.array([[0.7, 0.0], [0.1, 0.4]]), np.array([[0.5]])]
    wanted = dense_criterion(waves["y"].to_numpy(), np.column_stack([ones, waves["x"]]), zs, thetas, reml=True)
    assert fit.objective_at([0.7, 0.1, 0.4, 0.5]) == pytest.approx(wanted, rel=1e-9)


def test_a_level_that_meets_two_others_is_not_nested(waves):
    moved = waves.assign(team=waves["unit"] // 3)
    assert fit_lmm("y ~ x", moved, random={"unit": "1", "team": "1"}).workings.system.rest.nested is not None
    moved.loc[0, "team"] = 9 - moved.loc[0, "team"]
    assert fit_lmm("y ~ x", moved, random={"unit": "1", "team": "1"}).workings.system.rest.nested is None
    three = {"unit": "1", "unit:wave": "1", "team": "1"}
    assert fit_lmm("y ~ x", moved, random=three).workings.system.rest.nested is None
