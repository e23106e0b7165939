"""SDs and correlations: intervals against the curvature of the dense likelihood, where there are none, and names."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.inference import ParameterErrors
from exlink.stats.lmm.varcorr import term_names, untold
from tests.stats.lmm.worlds import crossed, grouped, indicator

DIFFERENCES = 1e-3  # second differences of a likelihood of some hundreds, relative to a half-width


def dense_deviance(frame: pd.DataFrame, parameters: np.ndarray) -> float:
    """Return the REML criterion of ``y ~ x + (1 + x | g)`` at log SD, Fisher's z, log SD and log residual SD."""
    one, z, two, residual = parameters
    a, b, r, s = np.exp(one), np.exp(two), np.tanh(z), np.exp(residual)
    design = np.column_stack([np.ones(len(frame)), frame["x"]])
    effects = indicator(frame["g"], design[:, 0], design[:, 1])
    psi = np.array([[a * a, r * a * b], [r * a * b, b * b]])
    v = s * s * np.eye(len(frame)) + effects @ np.kron(np.eye(effects.shape[1] // 2), psi) @ effects.T
    weighted = np.linalg.solve(v, design)
    gram = design.T @ weighted
    left = frame["y"] - design @ np.linalg.solve(gram, weighted.T @ frame["y"])
    return float(np.linalg.slogdet(v)[1] + np.linalg.slogdet(gram)[1] + left @ np.linalg.solve(v, left))


def curvature(function, at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Return the Hessian by central differences."""
    moves = step * np.eye(len(at))
    return np.array([
        [
            (function(at + i + j) - function(at + i - j) - function(at - i + j) + function(at - i - j)) / (4 * step**2)
            for j in moves
        ]
        for i in moves
    ])  # fmt: skip


def test_intervals_follow_from_the_curvature_of_the_dense_likelihood():
    """In log SDs and Fisher's z the criterion's own curvature gives the errors, without any delta method."""
    frame = grouped(2, [9] * 30, slope_sd=0.6)
    frame["x"] = 3 * frame["x"] + 1  # raw and standardised columns are not the same
    table = fit_lmm("y ~ x", frame, random={"g": "1 + x"}).intervals(0.9)
    is_sd = (table["kind"] == "sd").to_numpy()
    assert is_sd.tolist() == [True, False, True, True]

    def bent(values: pd.Series) -> np.ndarray:
        return np.where(is_sd, np.log(np.where(is_sd, values, 1.0)), np.arctanh(np.where(is_sd, 0.0, values)))

    at = bent(table["estimate"])
    errors = np.sqrt(2 * np.diag(np.linalg.inv(curvature(lambda p: dense_deviance(frame, p), at))))
    half = norm.ppf(0.95) * errors
    assert at - bent(table["conf_low"]) == pytest.approx(half, rel=DIFFERENCES)
    assert bent(table["conf_high"]) - at == pytest.approx(half, rel=DIFFERENCES)
    slope = np.where(is_sd, table["estimate"], 1 - table["estimate"] ** 2)  # d estimate / d bent
    assert table["std_error"].to_numpy() == pytest.approx(errors * slope, rel=DIFFERENCES)


def without_slopes_of_x() -> pd.DataFrame:
    """Return groups whose level and slope of w differ, and whose slopes of x are exactly zero."""
    frame, draw = grouped(0, [12] * 30, slope_sd=0.0), np.random.default_rng(9)
    frame["w"] = draw.normal(size=len(frame))
    design = np.column_stack([np.ones(len(frame)), frame["x"], frame["w"]])
    frame["y"] = draw.normal(size=30)[frame["g"]] + 0.5 * draw.normal(size=30)[frame["g"]] * frame["w"]
    for rows in frame.groupby("g").indices.values():
        noise, own = draw.normal(size=len(rows)), design[rows]
        frame.loc[rows, "y"] += noise - own @ np.linalg.lstsq(own, noise)[0]
    return frame


def test_a_part_on_the_edge_leaves_intervals_of_other_parts():
    frame = without_slopes_of_x()
    fit = fit_lmm("y ~ 1", frame, random={"g": ["1 + w", "0 + x"]})
    table = fit.intervals()
    of = {(row.term1, row.kind): row for row in table.itertuples()}
    assert fit.is_singular
    assert of["x", "sd"].estimate == pytest.approx(0.0, abs=1e-4)
    assert np.isnan([of["x", "sd"].std_error, of["x", "sd"].conf_low, of["x", "sd"].conf_high]).all()
    without = fit_lmm("y ~ 1", frame, random={"g": "1 + w"}).intervals()
    others = table[table["term1"] != "x"].reset_index(drop=True)
    assert without["conf_low"].notna().any()
    pd.testing.assert_frame_equal(others, without, rtol=1e-4, atol=1e-6)


def varying_by_type(seed: int) -> pd.DataFrame:
    """Return forty groups of two types: a group is of one type, so how its two effects go together is never seen."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"g": np.repeat(np.arange(40), 8), "late": np.tile(np.repeat([0.0, 1.0], 8), 20)})
    frame["y"] = draw.normal(size=40)[frame["g"]] * (1 + frame["late"]) + draw.normal(size=320)
    return frame


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_what_the_data_do_not_tell_is_named_and_has_no_interval(seed, reml):
    frame = varying_by_type(seed)
    fit = fit_lmm("y ~ late", frame, random={"g": "1 + late"}, reml=reml)
    assert fit.message == (
        "the data do not tell the correlation of (Intercept) and late in g, the SD of late in g: other values fit as "
        "well, so none has an interval"
    )
    table = fit.intervals().set_index(["term1", "term2"])
    assert (
        table.loc[[("(Intercept)", "late"), ("late", "late")], ["std_error", "conf_low", "conf_high"]]
        .isna()
        .all(axis=None)
    )
    # groups of either type are known by themselves: two variances, told apart by dummies that never meet
    frame["early"] = 1 - frame["late"]
    apart = fit_lmm("y ~ late", frame, random={"g": ["0 + early", "0 + late"]}, reml=reml)
    assert apart.objective == pytest.approx(fit.objective, abs=1e-6)
    assert "do not tell" not in apart.message
    columns = ["estimate", "conf_low", "conf_high"]
    known = apart.intervals().set_index("term1").loc["early", columns].astype(float)
    assert table.loc[("(Intercept)", "(Intercept)"), columns].astype(float).to_numpy() == pytest.approx(
        known.to_numpy(), rel=1e-3
    )
    assert fit.table["df"].to_numpy() == pytest.approx(apart.table["df"].to_numpy(), rel=1e-3)


def test_what_is_on_the_edge_is_not_called_untold():
    """With variances of exactly zero a correlation is no number, whatever the data tell."""
    w = fit_lmm("y ~ x", crossed(7), random={"a": "1 + x"}).workings
    flat = replace(w.covariance, flat=np.eye(4)[:, :1])
    both = ["the SD of (Intercept) in a", "the correlation of (Intercept) and x in a"]
    assert untold(w.products, w.units, w.entries, w.best.values, flat) == both
    assert untold(w.products, w.units, w.entries, np.zeros(3), flat) == []


def test_names_of_repeated_effects_clash_with_no_other_name():
    frame = crossed(1).rename(columns={"z": "x.1"})
    products = fit_lmm("y ~ x", frame, random={"b": ["1", "0 + x", "0 + `x.1`"]}).workings.products
    g = products.groupings[0]
    assert term_names(products, 0) == ["(Intercept)", "x", products.names[g.columns[2]]]
    names = (*products.names, "x", "x.1")
    for columns, wanted in [((0, 0), ["x", "x.1"]), ((0, 1, 0), ["x", "x.1", "x.2"]), ((0, 0, 1), ["x", "x.2", "x.1"])]:
        twice = replace(g, columns=np.array([len(products.names) + c for c in columns]))
        assert term_names(replace(products, names=names, groupings=(twice,)), 0) == wanted


def test_a_residual_that_the_data_do_not_tell_is_called_so():
    w = fit_lmm("y ~ x", crossed(7), random={"a": "1"}).workings
    flat = ParameterErrors(np.zeros((2, 2)), np.array([[0.0], [1.0]]), np.ones(2))
    assert untold(w.products, w.units, w.entries, w.best.values, flat) == [
        "the SD of (Intercept) in a",
        "the residual SD",
    ]
