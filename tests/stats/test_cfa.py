"""Confirmatory factors: lavaan's numbers, statsmodels', and known truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.cfa import compare, configural, fit_cfa
from tests.stats.reference import real

REFERENCE = Path(__file__).parents[1] / "reference"
LAVAAN = 1e-5  # lavaan stops at a relative change of 1e-10 of the criterion; its parameters are good to six digits
NAMES = {"pvalue": "p_value", "rmsea.ci.lower": "rmsea_low", "rmsea.ci.upper": "rmsea_high"}
SPEED = {"visual": ["x1", "x2", "x3"], "textual": ["x4", "x5", "x6"], "speed": ["x7", "x8", "x9"]}
ARMY = {
    "LEAD": [f"LEAD{i:02d}" for i in range(1, 12)],
    "TSIG": [f"TSIG{i:02d}" for i in range(1, 4)],
    "HOSTILE": [f"HOSTIL{i:02d}" for i in range(1, 6)],
}


def r_cfa(case: str) -> pd.DataFrame:
    table = pd.read_csv(REFERENCE / "cfa_r.csv", dtype={"name": str})
    chosen = table[table["case"] == case]
    assert len(chosen), case
    return chosen.set_index(["quantity", "name"])


@pytest.fixture(scope="module")
def pupils():
    """Holzinger & Swineford (1939): nine tests, 301 pupils of two schools."""
    return pd.read_csv(REFERENCE / "holzinger_swineford.csv")


def agrees(fit, case, measures=("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper")):
    r = r_cfa(case)
    for name in measures:
        assert fit.measures[NAMES.get(name, name)] == pytest.approx(r.loc[("measure", name), "value"], rel=LAVAAN), name
    loadings = r.loc["loading"]
    assert fit.loadings["estimate"].to_numpy() == pytest.approx(loadings["value"].to_numpy(), abs=LAVAAN)
    assert fit.loadings["std_error"].to_numpy() == pytest.approx(loadings["se"].to_numpy(), abs=LAVAAN)
    assert fit.converged
    assert fit.improper == []


def test_three_factors_and_one_are_lavaans(pupils):
    fit = fit_cfa(pupils, SPEED)
    agrees(fit, "hs three factors")
    r = r_cfa("hs three factors")
    assert fit.measures["srmr"] == pytest.approx(r.loc[("measure", "srmr"), "value"], rel=LAVAAN)
    for row in fit.correlations.itertuples():
        want = r.loc[("correlation", f"{row.factor} {row.other}")]
        assert (row.estimate, row.std_error) == pytest.approx((want["value"], want["se"]), abs=LAVAAN)
    one = fit_cfa(pupils, {"g": [item for own in SPEED.values() for item in own]})
    agrees(one, "hs one factor")
    difference = compare(one, fit)
    assert difference["chisq"] == pytest.approx(one.measures["chisq"] - fit.measures["chisq"])
    assert difference["df"] == 3
    with pytest.raises(EstimationError, match="wider model"):
        compare(fit, one)


def test_groups_are_lavaans(pupils):
    free, equal = configural(pupils, SPEED, "school"), fit_cfa(pupils, SPEED, group="school")
    agrees(free, "hs configural")
    agrees(equal, "hs metric")
    assert compare(equal, free)["df"] == 6
    assert equal.loadings["group"].unique().tolist() == ["Grant-White", "Pasteur"]


def test_army_survey():
    agrees(fit_cfa(real("army_lq2002/lq2002.csv"), ARMY), "lq three factors")


def test_one_factor_is_statsmodels():
    from statsmodels.multivariate.factor import Factor

    rng = np.random.default_rng(3)
    true = np.array([0.8, 0.7, 0.6, 0.5])
    x = rng.normal(size=(400, 1)) * true + rng.normal(size=(400, 4)) * np.sqrt(1 - true**2)
    theirs = Factor(x, 1, method="ml").fit().loadings[:, 0]
    ours = fit_cfa(pd.DataFrame(x), {"f": [0, 1, 2, 3]}).loadings["estimate"].to_numpy()
    assert ours == pytest.approx(theirs * np.sign(theirs.sum()), abs=1e-4)  # its optimiser stops early


def test_known_truth_and_coverage():
    """Truth: two factors correlated .3, loadings .8 .7 .6 and .7 .6 .5; 300 persons, 120 samples."""
    rng, true = np.random.default_rng(5), np.array([0.8, 0.7, 0.6, 0.7, 0.6, 0.5])
    factors, hits, rejected = {"a": [0, 1, 2], "b": [3, 4, 5]}, [], []
    for _ in range(120):
        f = rng.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], size=300)
        x = f[:, [0, 0, 0, 1, 1, 1]] * true + rng.normal(size=(300, 6)) * np.sqrt(1 - true**2)
        fit = fit_cfa(pd.DataFrame(x), factors)
        table = pd.concat([fit.loadings, fit.correlations])
        hits.append((table["conf_low"].to_numpy() <= [*true, 0.3]) & ([*true, 0.3] <= table["conf_high"].to_numpy()))
        rejected.append(fit.measures["p_value"] < 0.05)
    assert (np.mean(hits, axis=0) > 0.90).all()
    assert 0.01 <= np.mean(rejected) <= 0.10  # the model is true, so chi² rejects it in about 5 %


def test_no_effect_gives_no_factor():
    """Truth: items have nothing in common, so chi² of the model without covariances is its df on average."""
    rng = np.random.default_rng(8)
    fits = [fit_cfa(pd.DataFrame(rng.normal(size=(200, 4))), {"f": [0, 1, 2, 3]}).measures for _ in range(60)]
    assert np.mean([m["chisq_null"] for m in fits]) == pytest.approx(6, abs=1.5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 50), st.floats(-100, 100))
def test_order_labels_units_and_constants_change_nothing(seed, factor, shift):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(120, 1)) + rng.normal(size=(120, 4)), columns=list("abcd"))
    base = fit_cfa(x, {"f": list("abcd")})
    other = (x * [1, factor, 1, 1] + shift).sample(frac=1, random_state=seed).rename(columns={"a": "z"})
    again = fit_cfa(other, {"g": ["z", "b", "c", "d"]})
    assert again.loadings["estimate"].to_numpy() == pytest.approx(base.loadings["estimate"].to_numpy(), abs=1e-6)
    assert again.measures["chisq"] == pytest.approx(base.measures["chisq"], abs=1e-6)


def test_what_cannot_be_fitted_is_said(pupils):
    with pytest.raises(EstimationError, match="fewer than 3 items"):
        fit_cfa(pupils, {"a": ["x1", "x2"], "b": ["x3", "x4", "x5"]})
    with pytest.raises(EstimationError, match="more people than items"):
        fit_cfa(pupils.head(5), SPEED)
    with pytest.raises(EstimationError, match="does not vary"):
        fit_cfa(pupils.assign(x1=1.0), SPEED)
    with pytest.raises(EstimationError, match="sum of others"):
        fit_cfa(pupils.assign(x3=pupils["x1"] + pupils["x2"]), SPEED)


def test_an_improper_solution_is_named():
    """Truth: a and b share far more than c shares with either, so a factor of the three has no solution inside."""
    cov = np.array([[1, 0.5, 0.6], [0.5, 1, 0.1], [0.6, 0.1, 1]])
    x = np.random.default_rng(1).normal(size=(300, 3))
    x = (x - x.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T @ np.linalg.cholesky(cov).T
    frame = pd.DataFrame(x, columns=list("abc"))
    assert fit_cfa(frame, {"f": list("abc")}).improper == ["a"]
