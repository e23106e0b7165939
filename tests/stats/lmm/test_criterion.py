"""The criterion against the n × n formula at fixed theta, and its derivatives against differences."""

import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.criterion import _rooted
from exlink.stats.lmm.optimise import evaluate, free_of
from exlink.stats.lmm.system import arrange
from tests.stats.lmm.worlds import crossed, dense_criterion, grouped, indicator

ALGEBRA = 1e-9  # two ways to the same number, one through matrices of 600 rows
DIFFERENCES = 1e-5  # central differences of a criterion of some thousands


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b")])
def test_three_crossed_factors_equal_the_dense_formula_at_a_fixed_theta(reml, order):
    frame = crossed(1)
    ones, x = np.ones(len(frame)), frame["x"].to_numpy()
    random = {"a": "1 + x", "b": "1", "c": "1"}
    thetas = {"a": np.array([[0.8, 0.0], [-0.2, 0.4]]), "b": np.array([[1.1]]), "c": np.array([[0.3]])}
    zs = {"a": indicator(frame["a"], ones, x), "b": indicator(frame["b"], ones), "c": indicator(frame["c"], ones)}
    fit = fit_lmm("y ~ x + z", frame, random={g: random[g] for g in order}, reml=reml)
    design = np.column_stack([ones, x, frame["z"]])
    wanted = dense_criterion(frame["y"].to_numpy(), design, list(zs.values()), list(thetas.values()), reml=reml)
    theta = np.concatenate([thetas[g].T[np.triu_indices(len(thetas[g]))] for g in order])
    assert fit.objective_at(theta) == pytest.approx(wanted, rel=ALGEBRA)
    assert fit.objective <= wanted
    assert fit.objective_at(fit.theta) == pytest.approx(fit.objective, abs=1e-8)


def test_nested_keys_and_independent_parts_equal_the_dense_formula():
    frame = crossed(2)
    ones, x = np.ones(len(frame)), frame["x"].to_numpy()
    fit = fit_lmm("y ~ 1", frame, random={"c/b": "1", "a": ["1", "0 + x"]})
    both = frame["c"].astype(str) + ":" + frame["b"].astype(str)
    zs = [indicator(frame["c"], ones), indicator(both, ones), indicator(frame["a"], ones, x)]
    thetas = [np.array([[0.5]]), np.array([[0.7]]), np.diag([0.9, 0.2])]
    wanted = dense_criterion(frame["y"].to_numpy(), ones[:, None], zs, thetas, reml=True)
    assert list(fit.ngroups.index) == ["c", "c:b", "a"]
    assert fit.objective_at([0.5, 0.7, 0.9, 0.2]) == pytest.approx(wanted, rel=ALGEBRA)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(
    "random", [{"a": "1 + x"}, {"a": "1 + x", "b": "1", "c": "1"}, {"b": "1", "a": ["1", "0 + x"]}]
)
def test_gradient_is_the_slope_of_the_criterion_and_information_close_to_its_curvature(random, reml):
    fit = fit_lmm("y ~ x", crossed(3, rows=2000), random=random, reml=reml)
    system, entries = arrange(fit.workings.products), free_of(fit.workings.products)
    best = fit.workings.best.values

    def shifted(at, i, step):
        return evaluate(system, entries, at + step * np.eye(len(at))[i], reml=reml)

    away = best + 0.15
    here = evaluate(system, entries, away, reml=reml)
    for i in range(len(best)):
        slope = (shifted(away, i, 1e-5).found.criterion - shifted(away, i, -1e-5).found.criterion) / 2e-5
        assert here.slope[i] == pytest.approx(slope, rel=DIFFERENCES, abs=1e-3)
    hessian = np.array(
        [(shifted(best, i, 1e-5).slope - shifted(best, i, -1e-5).slope) / 2e-5 for i in range(len(best))]
    )
    found = evaluate(system, entries, best, reml=reml).curvature
    # the average of observed and expected information: equal on average, not row by row
    assert np.diag(found) == pytest.approx(np.diag(hessian), rel=0.25)
    assert np.linalg.eigvalsh(found).min() > 0


@pytest.mark.parametrize("seed", range(6))
def test_optimum_is_where_the_gradient_vanishes_and_few_evaluations_find_it(seed):
    frame = grouped(seed, [1, 2, 3, 40] * 10)
    fit = fit_lmm("y ~ x", frame, random={"g": "1 + x"})
    assert fit.converged
    assert np.abs(fit.workings.best.slope).max() < 1e-3
    assert fit.evaluations <= 30


def test_no_variance_is_found_at_zero_and_said_in_lme4_s_words():
    draw = np.random.default_rng(5)
    frame = grouped(5, [10] * 12)
    frame["y"] = 3 + draw.normal(size=len(frame))
    frame["y"] -= frame.groupby("g")["y"].transform("mean")  # groups are exactly alike
    fit = fit_lmm("y ~ 1", frame, random={"g": "1"})
    assert fit.is_singular
    assert fit.converged
    assert fit.message == "boundary (singular) fit: see help('isSingular')"
    assert fit.varcorr["value"].iloc[0] == pytest.approx(0.0, abs=1e-12)
    # least squares is all that is left
    assert fit.sigma == pytest.approx(frame["y"].std(ddof=1), rel=1e-9)
    assert fit.std_error.iloc[0] == pytest.approx(frame["y"].std(ddof=1) / np.sqrt(len(frame)), rel=1e-9)
    assert fit.ranef("g").to_numpy() == pytest.approx(0.0, abs=1e-9)


def test_correlation_of_one_is_singular_and_its_intervals_are_missing():
    draw = np.random.default_rng(8)
    frame = grouped(8, [12] * 60, slope_sd=0.0)
    shift = draw.normal(size=60)[frame["g"]]
    frame["y"] = 1 + shift + 0.5 * shift * frame["x"] + 0.3 * draw.normal(size=len(frame))
    fit = fit_lmm("y ~ x", frame, random={"g": "1 + x"})
    table = fit.intervals().set_index(["group", "kind", "term1"])
    correlation = table.loc[("g", "correlation", "(Intercept)")]
    assert correlation["estimate"] > 0.95
    assert fit.is_singular
    assert np.isnan(correlation["conf_low"])
    assert "singular" in fit.message


@pytest.mark.parametrize(("beta", "said"), [(1.0, "fitted exactly"), (0.0, "cannot be told apart")])
def test_what_is_fitted_exactly_is_not_called_collinear(beta, said):
    """A response without a rest leaves a matrix that does not factor, however sound the block of fixed effects is.

    That block has columns as related as squares allow: 2⁻⁵⁰ is their own share, which eigenvalues round below zero.
    """
    left = np.zeros((4, 4))
    left[:3, :3] = 1.0 + np.diag([0.0, beta * 2.0**-50, beta * 2.0**-50])
    with pytest.raises(EstimationError, match=said):
        _rooted(left, 1.0)
