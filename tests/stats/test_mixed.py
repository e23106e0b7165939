"""statsmodels' mixed model against lme4, and its singular fits in lme4's words."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exlink.errors import EstimationError
from exlink.stats.mixed import SINGULAR, is_singular, mixed_model
from tests.stats.reference import OPTIMISER, r_numbers, real


def test_sleepstudy():
    fit = mixed_model(real("mixed_models/sleepstudy.csv"), "Reaction ~ Days", "Subject", slopes="Days")
    r = r_numbers("sleepstudy")
    assert fit.fixef["(Intercept)"] == pytest.approx(r.loc["fixef:(Intercept)", "estimate"], rel=1e-8)
    assert fit.fixef["Days"] == pytest.approx(r.loc["fixef:Days", "estimate"], rel=1e-8)
    assert list(fit.table["std_error"]) == pytest.approx(
        list(r.loc[["fixef:(Intercept)", "fixef:Days"], "se"]), rel=OPTIMISER
    )
    wanted = r.loc[
        ["vc:Subject:(Intercept):var", "vc:Subject:(Intercept):Days", "vc:Subject:Days:var", "vc:Residual:NA:var"]
    ]
    assert list(fit.varcorr["value"]) == pytest.approx(list(wanted["estimate"]), rel=OPTIMISER)
    assert fit.loglik == pytest.approx(r.loc["logLik", "estimate"], abs=1e-5)
    assert fit.objective == pytest.approx(r.loc["REMLcrit", "estimate"], abs=1e-5)
    assert (fit.n_rows, fit.n_groups, fit.is_singular, fit.message) == (180, 18, False, "")
    assert fit.converged
    # lme4's first conditional modes, ranef(fm1)$Subject["308", ]
    assert fit.ranef.loc[308].to_numpy() == pytest.approx([2.2585, 9.1990], abs=2e-3)


def test_soldiers_in_companies():
    fit = mixed_model(real("army_lq2002/lq2002.csv"), "HOSTILE ~ LEAD + TSIG + GLEAD", "COMPID")
    r = r_numbers("lq2002", "lmer REML HOSTILE")
    for term in fit.fixef.index:
        assert fit.fixef[term] == pytest.approx(r.loc[f"fixef:{term}", "estimate"], rel=OPTIMISER)
        se = fit.table.set_index("term").loc[term, "std_error"]
        assert se == pytest.approx(r.loc[f"fixef:{term}", "se"], rel=OPTIMISER)
    assert list(fit.varcorr["value"]) == pytest.approx(
        list(r.loc[["vc:COMPID:(Intercept):var", "vc:Residual:NA:var"], "estimate"]), rel=OPTIMISER
    )
    assert fit.icc == pytest.approx(0.0184697 / (0.0184697 + 0.8666029), rel=OPTIMISER)


def test_hospital_trusts():
    """Engagement and mortality by trust and year: −.333 pooled, −.041 once trusts and years are in."""
    trusts = real("nhs_ebmgt_2012_2019/data.NHS.2012_2019.csv")
    trusts = trusts.rename(columns=lambda c: c.replace(".", "_"))
    fit = mixed_model(trusts, "SHMI_Index ~ Engagement_Index + C(Year_Index)", "Code")
    r = r_numbers("nhs_ebmgt", "lmer REML SHMI")
    row = fit.table.set_index("term").loc["Engagement_Index"]
    assert row["estimate"] == pytest.approx(r.loc["fixef:Engagement.Index", "estimate"], rel=OPTIMISER)
    assert row["std_error"] == pytest.approx(r.loc["fixef:Engagement.Index", "se"], rel=OPTIMISER)
    assert fit.loglik == pytest.approx(r.loc["logLik", "estimate"], abs=1e-3)
    assert fit.n_rows == r.loc["nobs", "estimate"]


def test_no_variance_between_groups_is_singular():
    """Groups whose means are equal on purpose: the between variance is estimated at its boundary."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"g": np.repeat(np.arange(20), 10), "x": rng.normal(size=200)})
    noise = rng.normal(size=200)
    frame["y"] = frame["x"] + noise - pd.Series(noise).groupby(frame["g"]).transform("mean")
    fit = mixed_model(frame, "y ~ x", "g")
    assert fit.is_singular
    assert SINGULAR in fit.message
    assert fit.varcorr["value"][0] == pytest.approx(0, abs=1e-6)
    # with no variance between groups the model is least squares, errors and all
    ols = smf.ols("y ~ x", frame).fit()
    assert list(fit.table["estimate"]) == pytest.approx(list(ols.params), rel=1e-5)
    assert list(fit.table["std_error"]) == pytest.approx(list(ols.bse), rel=1e-4)
    assert np.abs(fit.ranef).to_numpy().max() < 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_a_small_variance_is_not_taken_for_none(seed):
    """Group variance 4 % of the residual's, which L-BFGS from statsmodels' own start calls zero with likelihood ∞."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"g": np.repeat(np.arange(100), 60)})
    xs = [f"x{k}" for k in range(12)]
    frame[xs] = rng.normal(size=(len(frame), 12))
    frame["y"] = 0.2 * rng.normal(size=100)[frame["g"]] + rng.normal(size=len(frame))
    fit = mixed_model(frame, "y ~ " + " + ".join(xs), "g")
    assert not fit.is_singular
    assert np.isfinite(fit.loglik)
    assert fit.icc == pytest.approx(0.04 / 1.04, abs=0.02)


def test_clustered_errors_hold_where_slopes_differ_by_group():
    """Slopes vary between groups and the model says they do not: its own errors are too small, the clustered not."""
    errors = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        g = np.repeat(np.arange(40), 30)
        x = rng.normal(size=len(g))
        y = 0.5 * rng.normal(size=40)[g] * x + rng.normal(size=40)[g] + rng.normal(size=len(g))
        fit = mixed_model(pd.DataFrame({"g": g, "x": x, "y": y}), "y ~ x", "g")
        errors.append((fit.table["std_error"][1], fit.robust_table["std_error"][1]))
    model, robust = np.mean(errors, axis=0)
    true = np.sqrt(0.5**2 / 40 + 1 / len(g))
    assert model < 0.5 * true
    assert robust == pytest.approx(true, rel=0.15)


@pytest.mark.parametrize(("slopes", "spread"), [(None, 0.7), ("x", 0.7), (None, 0.0)])
def test_errors_and_modes_are_the_formulas_in_rows(slopes, spread):
    """Groups of one row and of many, in any order of the rows; also where their variance is zero."""
    rng = np.random.default_rng(3)
    g = rng.permutation(np.repeat(np.arange(12), [1, 1, 2, 3, 5, 8, 13, 21, 4, 6, 9, 7]))
    frame = pd.DataFrame({"g": g, "x": rng.normal(size=len(g))})
    frame["y"] = 2 + frame["x"] * (1 + 0.5 * rng.normal(size=12)[g]) + spread * rng.normal(size=12)[g]
    frame["y"] += rng.normal(size=len(g)) - (0 if spread else pd.Series(frame["y"]).groupby(g).transform("mean"))
    fit = mixed_model(frame, "y ~ x", "g", slopes=slopes)
    x = np.column_stack([np.ones(len(g)), frame["x"]])
    effects = x if slopes else x[:, :1]
    values = fit.varcorr["value"].to_numpy()[:-1]
    cov = values[[0, 1, 1, 2]].reshape(2, 2) if slopes else values[:, None]
    z = np.hstack([effects * (g == k)[:, None] for k in range(12)])
    reach = np.kron(np.eye(12), cov) @ z.T
    weighted = np.linalg.solve(z @ reach + fit.sigma**2 * np.eye(len(g)), x)
    bread = np.linalg.inv(x.T @ weighted)
    residuals = frame["y"].to_numpy() - x @ fit.fixef.to_numpy()
    scores = np.array([(weighted * residuals[:, None])[g == k].sum(axis=0) for k in range(12)])
    assert fit.vcov.to_numpy() == pytest.approx(bread, rel=1e-9)
    clustered = np.sqrt(12 / 11 * np.diag(bread @ scores.T @ scores @ bread))
    assert fit.robust_table["std_error"].to_numpy() == pytest.approx(clustered, rel=1e-9)
    modes = reach @ np.linalg.solve(z @ reach + fit.sigma**2 * np.eye(len(g)), residuals)
    assert fit.ranef.to_numpy().ravel() == pytest.approx(modes, abs=1e-9)


def test_few_groups_get_lme4s_warning():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"g": np.repeat(np.arange(4), 50)})
    frame["y"] = np.array([-3.0, -1, 1, 3])[frame["g"]] + rng.normal(size=200)
    fit = mixed_model(frame, "y ~ 1", "g")
    assert "< 5 sampled levels" in fit.message
    assert not fit.is_singular


@pytest.mark.parametrize(
    ("cov", "singular"),
    [([[1.0]], False), ([[0.0]], True), ([[1.0, 0.5], [0.5, 1.0]], False), ([[1.0, 2.0], [2.0, 4.0]], True)],
)
def test_boundary(cov, singular):
    assert is_singular(np.array(cov), 1.0) is singular


def test_bad_input_is_one_sentence():
    frame = pd.DataFrame({"g": [1, 1, 1], "y": [1.0, 2, 3]})
    with pytest.raises(EstimationError, match="g has 1 level"):
        mixed_model(frame, "y ~ 1", "g")
    with pytest.raises(EstimationError, match="y ~ tools: the formula does not fit the data"):
        mixed_model(frame.assign(g=[1, 2, 2]), "y ~ tools", "g")
