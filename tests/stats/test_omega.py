"""McDonald's omega: R's numbers of the army survey, parallel items, coverage, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.omega import mcdonald_omega
from exlink.stats.reliability import cronbach_alpha
from tests.stats.reference import real
from tests.stats.test_cfa import ARMY, LAVAAN, r_cfa


@pytest.mark.parametrize("scale", ARMY)
def test_omega_of_the_army_survey(scale):
    row = mcdonald_omega(real("army_lq2002/lq2002.csv")[ARMY[scale]]).iloc[0]
    want = r_cfa("lq omega").loc[("omega", scale)]
    assert (row["estimate"], row["std_error"]) == pytest.approx((want["value"], want["se"]), abs=LAVAAN)
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_parallel_items_have_the_same_omega_and_alpha():
    rng = np.random.default_rng(4)
    x = np.sqrt(0.5) * rng.normal(size=(5000, 1)) + np.sqrt(0.5) * rng.normal(size=(5000, 4))
    omega, alpha = mcdonald_omega(x).loc[0], cronbach_alpha(x).loc[0]
    assert omega["estimate"] == pytest.approx(0.8, abs=0.02)
    assert omega["estimate"] == pytest.approx(alpha["estimate"], abs=0.003)
    assert omega["conf_low"] == pytest.approx(alpha["conf_low"], abs=0.01)


def test_interval_covers_omega_of_unequal_items():
    """Truth: loadings .8 .7 .5 .3, so omega is 2.3² / (2.3² + 2.53); 400 persons, 150 samples. Alpha lies below it."""
    rng, true = np.random.default_rng(12), np.array([0.8, 0.7, 0.5, 0.3])
    omega = true.sum() ** 2 / (true.sum() ** 2 + (1 - true**2).sum())
    covered, above = [], []
    for _ in range(150):
        x = rng.normal(size=(400, 1)) * true + rng.normal(size=(400, 4)) * np.sqrt(1 - true**2)
        row = mcdonald_omega(x).iloc[0]
        covered.append(row["conf_low"] <= omega <= row["conf_high"])
        above.append(row["estimate"] > cronbach_alpha(x)["estimate"].iloc[0])
    assert 0.90 <= np.mean(covered) <= 0.99
    assert np.mean(above) > 0.95


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(-100, 100))
def test_order_and_constants_change_nothing(seed, shift):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(150, 1)) + rng.normal(size=(150, 4))
    base, other = mcdonald_omega(x).iloc[0], mcdonald_omega(rng.permutation(x)[:, ::-1] + shift).iloc[0]
    assert other["estimate"] == pytest.approx(base["estimate"], abs=1e-6)
    assert other["std_error"] == pytest.approx(base["std_error"], abs=1e-6)


def test_missing_items_are_dropped_and_counted():
    x = np.random.default_rng(3).normal(size=(80, 1)) + np.random.default_rng(4).normal(size=(80, 3))
    x[:5, 0] = np.nan
    row = mcdonald_omega(x).iloc[0]
    assert (row["n"], row["n_items"], row["n_dropped"]) == (75, 3, 5)
    assert row["estimate"] == pytest.approx(mcdonald_omega(x[5:])["estimate"].iloc[0])


def test_what_has_no_omega_is_said():
    """Truth of the last: a and b share far more than c shares with either, so no single factor stands behind them."""
    x = np.random.default_rng(1).normal(size=(300, 3))
    with pytest.raises(EstimationError, match="With two, alpha"):
        mcdonald_omega(x[:, :2])
    with pytest.raises(EstimationError, match="level"):
        mcdonald_omega(x, level=1.5)
    cov = np.array([[1, 0.5, 0.6], [0.5, 1, 0.1], [0.6, 0.1, 1]])
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T @ np.linalg.cholesky(cov).T
    with pytest.raises(EstimationError, match="no single factor"):
        mcdonald_omega(pd.DataFrame(x))
