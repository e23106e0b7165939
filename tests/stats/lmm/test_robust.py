"""Cluster-robust errors against the formulas in rows: same numbers from p × p matrices."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

from exlink.stats.lmm import fit_lmm
from tests.stats.lmm.worlds import crossed, grouped, indicator
from tests.stats.reference import r_numbers, real

ALGEBRA = 1e-8


def covariance(fit, zs: dict[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """Return each factor's share of the rows' covariance, and the residual's, from the fitted variances."""
    parts = {"Residual": fit.sigma**2 * np.eye(rows)}
    for group, z in zs.items():
        own = fit.varcorr[fit.varcorr["group"] == group]
        terms = list(dict.fromkeys(own["term1"]))
        psi = np.zeros((len(terms), len(terms)))
        for row in own.itertuples():
            i, j = terms.index(row.term1), terms.index(row.term2)
            psi[i, j] = psi[j, i] = row.value
        parts[group] = z @ np.kron(np.eye(z.shape[1] // len(terms)), psi) @ z.T
    return parts


def test_cr2_equals_bell_and_mccaffrey_in_whitened_rows():
    frame = grouped(1, [1, 2, 5, 30, 12, 9, 17, 3, 8, 21])
    frame["late"] = (frame["g"] > 4).astype(float)
    fit = fit_lmm("y ~ x + late", frame, random={"g": "1 + x"})
    n = len(frame)
    x = np.column_stack([np.ones(n), frame["x"], frame["late"]])
    v = sum(covariance(fit, {"g": indicator(frame["g"], np.ones(n), frame["x"])}, n).values())
    inverse = np.linalg.inv(v)
    m = np.linalg.inv(x.T @ inverse @ x)
    residual = frame["y"].to_numpy() - x @ fit.fixef.to_numpy()
    wanted, weights = np.zeros((3, 3)), []
    white = np.zeros((n, n))
    for g in frame["g"].unique():
        rows = np.flatnonzero(frame["g"] == g)
        white[np.ix_(rows, rows)] = np.real(linalg.inv(linalg.sqrtm(v[np.ix_(rows, rows)])))
    hat = white @ x @ m @ (white @ x).T
    for g in frame["g"].unique():
        rows = np.flatnonzero(frame["g"] == g)
        sizes, axes = np.linalg.eigh(np.eye(len(rows)) - hat[np.ix_(rows, rows)])
        root = axes @ np.diag(np.where(sizes > 1e-9, np.maximum(sizes, 1e-9) ** -0.5, 0)) @ axes.T
        weight = np.zeros((3, n))
        weight[:, rows] = m @ x[rows].T @ white[np.ix_(rows, rows)] @ root
        weights.append(weight)
        influence = weight @ white @ residual
        wanted += np.outer(influence, influence)
    assert fit.robust_kind == "CR2"
    assert fit.robust_vcov.to_numpy() == pytest.approx(wanted, rel=ALGEBRA)
    for k, df in enumerate(fit.robust_table["df"]):
        # Satterthwaite: a sum of squares q'q with q = W (I - H) e, e standard normal
        rows = np.array([w[k] for w in weights]) @ (np.eye(n) - hat)
        inner = rows @ rows.T
        assert df == pytest.approx(np.trace(inner) ** 2 / np.trace(inner @ inner), rel=ALGEBRA)


def test_cr2_is_unbiased_when_the_model_is_right():
    """Expected squared influences under V give back the model's covariance: the very aim of the correction."""
    frame = grouped(4, [4, 9, 2, 15, 7, 30])
    fit = fit_lmm("y ~ x", frame, random={"g": "1"})
    n = len(frame)
    x = np.column_stack([np.ones(n), frame["x"]])
    v = sum(covariance(fit, {"g": indicator(frame["g"], np.ones(n))}, n).values())
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(n), v, size=150)
    found = []
    for draw in draws:
        # theta held where it was: the same weights for every draw
        again = fit_at(frame.assign(y=draw), fit)
        found.append(again)
    ratio = np.mean(found, axis=0) / np.diag(np.linalg.inv(x.T @ np.linalg.inv(v) @ x))
    assert ratio == pytest.approx(
        1.0, abs=4 * np.std(found, axis=0).max() / np.sqrt(150) / np.mean(found, axis=0).min()
    )


def fit_at(frame: pd.DataFrame, other) -> np.ndarray:
    """Return the robust variances with the variance parameters of another fit."""
    from exlink.stats.lmm.criterion import factor, solve
    from exlink.stats.lmm.formula import read_model
    from exlink.stats.lmm.frame import from_frame
    from exlink.stats.lmm.robust import robust
    from exlink.stats.lmm.system import arrange
    from exlink.stats.lmm.units import factors_of, units_of

    products = from_frame(read_model("y ~ x", {"g": "1"}), frame)
    system, units = arrange(products), units_of(products)
    at = factor(system, [units.standardised(0, factors_of(other.theta, products.groupings, "")[0])])
    return np.diag(units.vcov(robust(products, at, solve(system, at, reml=True)).vcov))


def test_crossed_factors_take_clusters_from_the_data_and_the_rest_from_the_model():
    frame = crossed(3)
    fit = fit_lmm("y ~ x + z", frame, random={"a": "1 + x", "b": "1"})
    n = len(frame)
    x = np.column_stack([np.ones(n), frame["x"], frame["z"]])
    zs = {"a": indicator(frame["a"], np.ones(n), frame["x"]), "b": indicator(frame["b"], np.ones(n))}
    parts = covariance(fit, zs, n)
    weighted = np.linalg.solve(sum(parts.values()), x)
    m = np.linalg.inv(x.T @ weighted)
    residual = frame["y"].to_numpy() - x @ fit.fixef.to_numpy()
    a = frame["a"].to_numpy()
    scores = np.array([weighted[a == g].T @ residual[a == g] for g in np.unique(a)])
    apart = a[:, None] != a[None, :]
    meat = scores.T @ scores * len(scores) / (len(scores) - 1) + weighted.T @ (apart * parts["b"]) @ weighted
    assert fit.robust_kind == "CR1"
    assert fit.robust_vcov.to_numpy() == pytest.approx(m @ meat @ m, rel=ALGEBRA)
    assert (fit.robust_table["df"] == fit.ngroups["a"] - 1).all()


def test_factors_nested_in_the_first_keep_clusters_independent():
    frame = grouped(6, [6] * 40).rename(columns={"g": "person"})
    frame["team"] = frame["person"] // 5
    assert fit_lmm("y ~ x", frame, random={"team": "1", "person": "1"}).robust_kind == "CR2"
    assert fit_lmm("y ~ x", frame, random={"person": "1", "team": "1"}).robust_kind == "CR1"


def test_call_centre_trial_model_error_is_far_from_the_clustered_one():
    """Bloom et al. (2015), Table II: errors are correlated over weeks, so 17,806 rows say less than they seem to."""
    trial = real("ctrip_wfh/experimental_data.csv")
    trial = trial[trial["expgroup"].isin([0, 1]) & (trial["year_week"] != 201049)]
    trial = trial.assign(
        T=((trial["expgroup"] == 1) & (trial["year_week"] > 201049)).astype(float), week=trial["year_week"].astype(str)
    )
    fit = fit_lmm("perform1 ~ T + expgroup + C(week)", trial, random={"personid": "1"})
    lmer = r_numbers("ctrip_wfh", "lmer REML").loc["fixef:T"]
    # stats_r.csv holds lme4's own optimum, good to four digits of an error
    assert fit.fixef["T"] == pytest.approx(lmer["estimate"], rel=1e-5)
    assert fit.std_error["T"] == pytest.approx(lmer["se"], rel=1e-5)
    # fixed effects instead of random ones, and CR1: another estimator of the same thing
    clustered = r_numbers("ctrip_wfh", "two-way FE, person-clustered").loc["T", "se"]
    assert fit.robust_std_error["T"] == pytest.approx(clustered, rel=0.02)
    assert fit.nobs == 17806
    assert fit.n_incomplete == 705
