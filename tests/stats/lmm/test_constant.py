"""A constant that is no column of its own: far from zero it costs no digits, and shares do not depend on the coding."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from tests.stats.lmm.worlds import crossed, dense_criterion, indicator

FAR = 1e6  # of columns with SD 1: squares of them leave four digits of a variance
SAME = 1e-8  # sums in another order, a criterion of about 2,000
CODED = 1e-9  # the same model in another parametrisation


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    frame = crossed(5)
    draw = np.random.default_rng(6)
    return frame.assign(
        kind=np.array(["p", "q", "r"])[draw.integers(0, 3, len(frame))],
        side=np.array(["left", "right"])[draw.integers(0, 2, len(frame))],
        w=draw.uniform(0.5, 2.0, len(frame)),
    )


def given(path: str, frame: pd.DataFrame):
    return frame if path == "memory" else duckdb.from_df(frame)


FULL = ["0 + C(kind)", "0 + C(kind) + z", "0 + z + kind + side", "0 + kind:side + x", "0 + C(kind, contr.sum) + z"]


@pytest.mark.parametrize("path", ["memory", "engine"])
@pytest.mark.parametrize("right", FULL)
@pytest.mark.parametrize("more", [{}, {"weights": "w"}])
def test_a_constant_in_the_span_costs_no_digits(rows, path, right, more):
    random = {"a": "1 + x", "b": "1"}
    far = rows.assign(y=rows["y"] + FAR, z=rows["z"] + FAR)
    near, found = (fit_lmm(f"y ~ {right}", given(path, frame), random, **more) for frame in (rows, far))
    assert found.objective == pytest.approx(near.objective, abs=SAME)
    assert found.sigma == pytest.approx(near.sigma, rel=1e-6)
    moved = near.fixef + np.where(
        near.fixef.index.str.contains("kind"), FAR * (1 - near.fixef.get("z", 0.0)), 0.0
    )  # what y and z were moved by lands on the indicators that make up the constant
    assert found.fixef.to_numpy() == pytest.approx(moved.to_numpy(), rel=1e-9, abs=1e-6)
    if "z" not in near.fixef:  # an effect of a category at z = 0 is another one where z lies elsewhere
        assert found.table["df"].to_numpy() == pytest.approx(near.table["df"].to_numpy(), rel=1e-5)


@pytest.mark.parametrize("path", ["memory", "engine"])
def test_random_slopes_beside_one_effect_per_category_cost_no_digits(rows, path):
    random = {"a": "0 + side + x"}
    near, found = (fit_lmm("y ~ x", given(path, frame), random) for frame in (rows, rows.assign(x=rows["x"] + FAR)))
    assert found.objective == pytest.approx(near.objective, abs=1e-6)
    slope = [f.varcorr.set_index(["term1", "term2"])["value"]["x", "x"] for f in (near, found)]
    assert slope[1] == pytest.approx(slope[0], rel=1e-4)


def test_random_slopes_beside_one_effect_per_category_are_those_of_the_formula_in_rows(rows):
    """Shifts and scales of the slope's column and of the categories' are undone: theta is that of raw columns."""
    frame = rows.assign(x=rows["x"] + 3)
    fit = fit_lmm("y ~ x", frame, {"a": "0 + side + x"})
    sides = [(frame["side"] == side).to_numpy(dtype=float) for side in ("left", "right")]
    x = frame["x"].to_numpy()
    factor = np.zeros((3, 3))
    factor.T[np.triu_indices(3)] = fit.theta  # column by column
    wanted = dense_criterion(
        frame["y"].to_numpy(), np.column_stack([np.ones(len(x)), x]), [indicator(frame["a"], *sides, x)], [factor],
        reml=True,
    )  # fmt: skip
    assert fit.objective == pytest.approx(wanted, rel=1e-10)


def test_without_a_constant_nothing_is_shifted(rows):
    """Another zero is another model: the numbers must not be those of the model with a constant."""
    fit = fit_lmm("y ~ 0 + x", rows, {"a": "1"})
    assert not fit.workings.products.shift.any()
    moved = fit_lmm("y ~ 0 + x", rows.assign(x=rows["x"] + 1), {"a": "1"})
    assert abs(moved.objective - fit.objective) > 1


@pytest.mark.parametrize("path", ["memory", "engine"])
@pytest.mark.parametrize("random", [{"a": "1 + x", "b": "1"}, {"a": "0 + x"}, {"a": "0 + side"}])
@pytest.mark.parametrize("more", [{}, {"weights": "w"}])
def test_shares_do_not_depend_on_the_coding(rows, path, random, more):
    frame = rows.assign(y=rows["y"] + 3 * (rows["kind"] == "q") + 50)
    one, other = (fit_lmm(f"y ~ {c} + C(kind) + x", given(path, frame), random, **more) for c in "01")
    assert one.objective == pytest.approx(other.objective, abs=SAME)
    assert one.r2_marginal == pytest.approx(other.r2_marginal, rel=1e-6)
    assert one.r2_conditional == pytest.approx(other.r2_conditional, rel=1e-6)
    assert one.icc.to_numpy() == pytest.approx(other.icc.to_numpy(), rel=1e-5)


@pytest.mark.parametrize("path", ["memory", "engine"])
def test_r_squared_without_a_constant_is_of_fitted_values_around_their_mean(rows, path):
    """Nakagawa & Schielzeth (2013): the variance of the fixed part over the rows, by numpy."""
    frame = rows.assign(x=rows["x"] + 2)
    fit = fit_lmm("y ~ 0 + x", given(path, frame), {"a": "0 + x"})
    fixed = np.var(frame["x"] * fit.fixef["x"], ddof=1)
    variances = fit.varcorr.set_index("group")["value"]
    random = variances["a"] * np.mean(frame["x"] ** 2)
    total = fixed + random + variances["Residual"]
    assert fit.r2_marginal == pytest.approx(fixed / total, rel=CODED)
    assert fit.r2_conditional == pytest.approx((fixed + random) / total, rel=CODED)


def test_what_makes_up_the_constant_stays(rows):
    fit = fit_lmm("y ~ 0 + z + C(kind)", rows, {"a": "1"})
    with pytest.raises(EstimationError, match=r"C\(kind\)\[p\] cannot be taken out afterwards"):
        fit.without("C(kind)[p]")
    again = fit_lmm("y ~ 0 + C(kind)", rows, {"a": "1"})
    assert fit.without("z").objective == pytest.approx(again.objective, abs=SAME)
    assert fit.without("z").fixef.to_numpy() == pytest.approx(again.fixef.to_numpy(), rel=1e-6)


def test_numbers_that_only_look_constant_are_none(rows):
    """|x| / x is 1 wherever x is positive; what an engine is asked on a few made-up rows must not hide the others."""
    frame = rows.assign(x=rows["x"] + 1)
    one, other = (fit_lmm("y ~ 0 + {abs(x) / x}", given(path, frame), {"a": "1"}) for path in ("memory", "engine"))
    assert not len(other.workings.products.constant)
    assert one.objective == pytest.approx(other.objective, abs=SAME)
